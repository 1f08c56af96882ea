//! `outcrop explain`: each kind of identifier, in both forms, and what is no identifier.

use insta::assert_snapshot;
use serde_json::Value;

use crate::outcrop::Outcrop;

const ARN: &str = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/06vsfs68yb4g";
const ALIASES: &str = "aliases:\n  fast: us.amazon.nova-lite-v1:0\n";

fn explain(identifier: &str, flags: &[&str]) -> Outcrop {
    Outcrop::new(&[&["explain", identifier, "--offline"], flags].concat())
        .file("outcrop.yaml", ALIASES)
        .env("BEDROCK_INFERENCE_PROFILE_MAPPINGS", &format!(r#"{{"{ARN}": "eu.amazon.nova-lite-v1:0"}}"#))
}

#[test]
fn five_kinds_have_a_kind_a_target_and_reasons() {
    for (identifier, kind, target, model) in [
        ("amazon.nova-lite-v1:0", "foundation-model", "amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        (
            "us.amazon.nova-lite-v1:0",
            "inference-profile",
            "us.amazon.nova-lite-v1:0",
            "amazon.nova-lite-v1:0",
        ),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
            "foundation-model",
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
            "amazon.nova-lite-v1:0",
        ),
        (ARN, "application-inference-profile", ARN, "amazon.nova-lite-v1:0"),
        ("fast", "alias", "us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
    ] {
        let answer: Value = explain(identifier, &["--json"]).run().json();
        assert_eq!(answer["kind"], kind);
        assert_eq!(answer["target"], target);
        assert_eq!(answer["model"], model);
        assert!(answer["why"].as_array().unwrap().len() >= 3, "{answer}");
    }
}

#[test]
fn the_page_for_a_person() {
    assert_snapshot!("application_profile", explain(ARN, &[]).run().succeeded());
    assert_snapshot!("alias", explain("fast", &[]).run().succeeded());
}

#[test]
fn colour_only_where_it_is_wanted() {
    assert!(!explain("fast", &[]).run().succeeded().contains('\u{1b}'));
    assert!(explain("fast", &["--color", "always"]).run().succeeded().contains('\u{1b}'));
}

#[test]
fn what_is_no_identifier_fails_with_a_suggestion() {
    let stderr = explain("us.amazon.nova-lite-v1:00:x y", &[]).run().failed();
    assert!(stderr.starts_with("error: "), "{stderr}");
    let stderr = explain("fasst", &["--json"]).run().failed();
    assert!(stderr.contains("hint: ") && stderr.contains("fast"), "{stderr}");
}

#[test]
fn a_lookup_that_fails_is_a_notice() {
    let arn = ARN.replace("06vsfs68yb4g", "unknown");
    let answer = Outcrop::new(&["explain", &arn, "--json"])
        .env("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .run()
        .json();
    assert_eq!(answer["model"], Value::Null);
    assert!(
        answer["notices"].to_string().contains("GetInferenceProfile could not be asked in eu-west-1"),
        "{answer}"
    );
}

#[test]
fn what_a_refusal_taught_is_a_step_with_its_source() {
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let profile = serde_json::json!({"profile": {"region": "us-east-1", "profile": format!("us.{model}")}});
    let lesson = serde_json::json!({ model: [{"lesson": profile, "at": at},
        {"lesson": {"refused": {"path": "anthropic_beta.some-feature-2026-01-01"}}, "at": at}]});
    let run = Outcrop::new(&["explain", model, "--region", "us-east-1", "--json"])
        .file("data/lessons.json", &lesson.to_string())
        .env("OUTCROP_DATA_DIR", "data");
    let found = run.run().json();
    let mut steps = found["why"].as_array().unwrap().iter().filter(|it| it["step"] == "lesson");
    let step = steps.next().unwrap();
    assert!(step["source"].as_str().unwrap().starts_with("a refusal by AWS of 20"), "{step}");
    assert!(step["detail"].as_str().unwrap().contains(&format!("us.{model} is invoked")), "{step}");
    let beta = steps.next().unwrap()["detail"].as_str().unwrap();
    assert!(beta.starts_with("the beta feature some-feature-2026-01-01 is left out"), "{beta}");
}
