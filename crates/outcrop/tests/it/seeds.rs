//! The configuration blocks that people have written down in public, fed verbatim (`tests/fixtures/seeds`; see NOTICE).

use serde_json::Value;

use crate::outcrop::{Outcrop, fixture};

fn seed(name: &str) -> String {
    fixture("seeds").join(name).display().to_string()
}

fn explained(identifier: &str, flags: &[&str]) -> Value {
    let args = [&["explain", identifier, "--json", "--offline"], flags].concat();
    Outcrop::new(&args).run().json()
}

/// The reasons given for a step.
fn why(explained: &Value, step: &str) -> Vec<String> {
    let steps = explained["why"].as_array().unwrap().iter();
    steps.filter(|why| why["step"] == step).map(|why| why["source"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn mappings_give_an_arn_its_model() {
    for (file, arn, model) in [
        (
            "000-mappings.env",
            "arn:aws:bedrock:us-west-2:007376685526:application-inference-profile/if7f34w3k1mv",
            "anthropic.claude-3-sonnet-20240229-v1:0",
        ),
        (
            "000-example.env",
            "arn:aws:bedrock:us-east-1:123456789123:application-inference-profile/abc123def456",
            "anthropic.claude-3-7-sonnet-20250219-v1:0",
        ),
        (
            "001-mappings.env",
            "arn:aws:bedrock:us-east-1:123456789123:application-inference-profile/rf3zeruqfake",
            "anthropic.claude-3-7-sonnet-20250219-v1:0",
        ),
        (
            "001-example.env",
            "arn:aws:bedrock:us-east-1:123456789123:application-inference-profile/rf3zeruqfake",
            "anthropic.claude-3-7-sonnet-20250219-v1:0",
        ),
    ] {
        let answer = explained(arn, &["--env-file", &seed(file)]);
        assert_eq!((answer["target"].as_str(), answer["model"].as_str()), (Some(arn), Some(model)), "{file}");
        assert_eq!(answer["sourceRegion"].as_str(), arn.split(':').nth(3), "{file}");
        let sources = [why(&answer, "profile"), why(&answer, "model")].concat();
        assert!(
            sources.iter().any(|source| source.contains("BEDROCK_INFERENCE_PROFILE_MAPPINGS")),
            "{answer}"
        );
    }
}

#[test]
fn a_mapped_profile_has_its_models_limits_and_capabilities() {
    let arn = "arn:aws:bedrock:us-west-2:007376685526:application-inference-profile/if7f34w3k1mv";
    let answer = explained(arn, &["--env-file", &seed("000-mappings.env")]);
    assert_eq!(answer["limits"]["contextTokens"], 200_000);
    assert_eq!(answer["limits"]["maxOutputTokens"], 4096);
    assert_eq!(answer["capabilities"]["reasoning"]["mode"], "none");
    let arn = "arn:aws:bedrock:us-east-1:123456789123:application-inference-profile/rf3zeruqfake";
    let answer = explained(arn, &["--env-file", &seed("001-example.env")]);
    assert_eq!(answer["limits"]["contextTokens"], 200_000);
    assert_eq!(answer["capabilities"]["reasoning"]["mode"], "budget");
    assert_eq!(answer["parameters"]["topK"]["allowed"], true);
}

#[test]
fn a_mapping_to_a_model_that_never_was_is_usable_and_noticed() {
    let arn = "arn:aws:bedrock:us-west-2:123456789123:application-inference-profile/abc123def";
    let answer = explained(arn, &["--env-file", &seed("001-mappings.env")]);
    assert_eq!(answer["target"], arn);
    let notices = answer["notices"].to_string();
    assert!(notices.contains("anthropic.claude-3-5-sonnet-20241022-v1:0"), "{notices}");
}

#[test]
fn an_unmapped_arn_is_printed_with_nulls() {
    let arn = "arn:aws:bedrock:us-east-1:123456789123:application-inference-profile/rf3zeruqfake";
    for file in ["000-models.env", "001-models.env"] {
        let answer = explained(arn, &["--env-file", &seed(file)]);
        assert_eq!(
            (answer["target"].as_str(), &answer["model"], &answer["price"]["input"]),
            (Some(arn), &Value::Null, &Value::Null)
        );
    }
}

#[test]
fn lists_of_models_are_read() {
    for (file, count) in [("000-models.env", 2), ("001-models.env", 2), ("000-example.env", 1)] {
        let shown = Outcrop::new(&["config", "show", "--json", "--env-file", &seed(file)]).run().json();
        let layers = shown["layers"].as_array().unwrap();
        let models = layers.iter().find(|layer| layer["source"] == "BEDROCK_AWS_MODELS").unwrap();
        assert_eq!(models["models"].as_array().unwrap().len(), count, "{file}");
    }
}

#[test]
fn librechats_inference_profiles_send_a_model_to_its_arn() {
    const ACCOUNT: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile";
    let sonnet_37 = "us.anthropic.claude-3-7-sonnet-20250219-v1:0";
    let sonnet_45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let opus_45 = "global.anthropic.claude-opus-4-5-20251101-v1:0";
    let blocks = [
        ("002-configuring", [(sonnet_37, "abc123"), (sonnet_45, "abc123"), (opus_45, "def456")]),
        ("002-complete", [(sonnet_37, "abc123"), (sonnet_45, "def456"), (opus_45, "ghi789")]),
    ];
    for (block, profiles) in blocks {
        let (yaml, env) = (seed(&format!("{block}.librechat.yaml")), seed(&format!("{block}.env")));
        for (identifier, id) in profiles {
            let answer = explained(identifier, &["--config", &yaml, "--env-file", &env]);
            assert_eq!(answer["target"], format!("{ACCOUNT}/{id}"), "{block}");
            let model = identifier.split_once('.').unwrap().1;
            assert_eq!(answer["model"], model, "{block}");
            let sources = why(&answer, "target").concat() + &why(&answer, "profile").concat();
            assert!(sources.contains("librechat.yaml"), "{answer}");
        }
    }
}

#[test]
fn the_other_direction_of_librechats_map_gives_the_arn_its_model() {
    let flags = ["--config", &seed("002-complete.librechat.yaml"), "--env-file", &seed("002-complete.env")];
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";
    let answer = explained(arn, &flags);
    assert_eq!(answer["model"], "anthropic.claude-3-7-sonnet-20250219-v1:0", "{answer}");
    assert_eq!(answer["limits"]["contextTokens"], 200_000);
}

#[test]
fn one_arn_behind_two_models_is_reported() {
    let args = [
        "config",
        "check",
        "--config",
        &seed("002-configuring.librechat.yaml"),
        "--env-file",
        &seed("002-configuring.env"),
    ];
    let run = Outcrop::new(&args).run();
    assert_eq!(run.code, 0);
    assert!(
        run.stderr.contains("application-inference-profile/abc123 stands behind two models"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_variable_that_is_missing_is_named_with_its_key() {
    let run = Outcrop::new(&[
        "explain",
        "us.amazon.nova-pro-v1:0",
        "--config",
        &seed("002-complete.librechat.yaml"),
    ])
    .run();
    let stderr = run.failed();
    for variable in ["BEDROCK_CLAUDE_37_PROFILE", "BEDROCK_SONNET_45_PROFILE", "BEDROCK_OPUS_45_PROFILE"] {
        assert!(stderr.contains(&format!("needs the variable {variable}")), "{stderr}");
    }
}

#[test]
fn better_chatbots_environment_is_understood() {
    for (file, credentials) in [
        ("003-quick-start.env", "temporary access keys from AWS_ACCESS_KEY_ID"),
        ("003-permanent.env", "access keys from AWS_ACCESS_KEY_ID"),
        ("003-temporary.env", "temporary access keys from AWS_ACCESS_KEY_ID"),
        ("003-testing.env", "temporary access keys from AWS_ACCESS_KEY_ID"),
    ] {
        let shown = Outcrop::new(&["config", "show", "--json", "--env-file", &seed(file)]).run().json();
        assert_eq!(shown["credentials"], credentials, "{file}");
        assert_eq!(shown["region"]["source"], "AWS_REGION", "{file}");
    }
}
