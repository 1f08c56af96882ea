//! `outcrop doctor`: each broken set-up is told by its own cause.

use serde_json::Value;

use crate::outcrop::Outcrop;
use crate::profiles::Aws;

const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// `outcrop doctor ARGS… --json` with the emulated account's variables.
fn doctor(aws: &Aws, args: &[&str]) -> Outcrop {
    let prepared = Outcrop::new(&[&["doctor", "--json"], args].concat()).env("AWS_REGION", "us-east-1");
    aws.variables().into_iter().fold(prepared, |it, (name, value)| it.env(name, value))
}

fn findings(text: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(text).unwrap().as_array().unwrap().clone()
}

#[test]
fn a_sound_account_has_nothing_broken_and_one_call_is_made() {
    let aws = Aws::start();
    let run = doctor(&aws, &[SONNET]).env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &aws.url).run();
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let found = findings(&run.stdout);
    assert!(found.iter().all(|it| it["status"] != "error"), "{}", run.stdout);
    assert!(found.iter().any(|it| it["check"] == "invocation" && it["status"] == "ok"), "{}", run.stdout);
    for it in &found {
        let keys: Vec<_> = it.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["check", "detail", "fix", "status"]);
        assert_eq!(it["status"] == "ok", it["fix"].is_null(), "{it}");
    }
}

#[test]
fn local_needs_no_account_and_keeps_what_is_made() {
    let run = Outcrop::new(&["doctor", "--local", "--json", "local-claude"]).run();
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let data = tempfile::TempDir::new().unwrap();
    let local = |args: &[&str]| {
        let args = [args, &["--local", "--json"]].concat();
        Outcrop::new(&args).env("OUTCROP_DATA_DIR", data.path().to_str().unwrap()).run().json()
    };
    let made = local(&["profiles", "create", "mine", "--from", "us.amazon.nova-2-lite-v1:0"]);
    let listed = local(&["profiles", "list", "--type", "application"]);
    assert!(listed.as_array().unwrap().iter().any(|it| it["arn"] == made["arn"]), "{listed}");
    assert_eq!(Outcrop::new(&["chat", "--local", "hello"]).run().code, 2);
}
