//! `outcrop config schema`: what an editor says about a file is what `config check` says.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::outcrop::Outcrop;

#[test]
fn every_key_of_both_files_is_described() {
    let schema = Outcrop::new(&["config", "schema"]).run().json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let outcrop = schema["$defs"]["OutcropYaml"]["properties"].as_object().unwrap();
    for key in [
        "aliases",
        "residency",
        "regions",
        "failover",
        "keys",
        "listen",
        "upstream",
        "catalog",
        "on_disconnect",
        "lane",
    ] {
        assert!(outcrop[key]["description"].is_string(), "{key}");
    }
    let bedrock = schema["$defs"]["Bedrock"]["properties"].as_object().unwrap();
    for key in
        ["models", "inferenceProfiles", "availableRegions", "guardrailConfig", "streamRate", "titleModel"]
    {
        assert!(bedrock.contains_key(key), "{key}");
    }
}

/// Every JSON document is a YAML document, so one sample serves both judges.
fn samples() -> Vec<Value> {
    let bedrock = |bedrock: Value| json!({ "version": "1.3", "cache": true, "endpoints": { "bedrock": bedrock, "openAI": 3 } });
    vec![
        json!({}),
        json!({ "aliases": { "fast": "amazon.nova-lite-v1:0" }, "listen": "127.0.0.1:4141", "lane": "converse" }),
        json!({ "keys": [{ "name": "ana", "key": "secret" }], "upstream": { "runtime": "https://example.com" } }),
        json!({ "residency": { "allow_geographies": ["eu"] }, "regions": ["eu-west-1"] }),
        json!({ "on_disconnect": "drain" }),
        json!({ "parameters": "refuse" }),
        json!({ "fetch_remote_images": true }),
        json!({ "prompt_cache": "auto-1h" }),
        json!({ "fetch_remote_images": { "hosts": ["*.example.com"], "networks": ["10.0.0.0/8"], "max_bytes": 9 } }),
        json!({ "aliases": 3 }),
        json!({ "aliases": { "fast": 3 } }),
        json!({ "aliases": ["fast"] }),
        json!({ "alias": {} }),
        json!({ "lane": "fast" }),
        json!({ "keys": [{ "name": "ana" }] }),
        json!({ "keys": [{ "name": "ana", "key": "secret", "note": "x" }] }),
        json!({ "upstream": { "runtimes": "https://example.com" } }),
        json!({ "residency": { "allow_region": ["eu-west-1"] } }),
        json!({ "on_disconnect": "hide" }),
        json!({ "parameters": "drop" }),
        json!({ "fetch_remote_images": "yes" }),
        json!({ "prompt_cache": "always" }),
        json!({ "fetch_remote_images": { "host": ["x"] } }),
        json!(["a"]),
        bedrock(json!({})),
        bedrock(
            json!({ "models": ["a.b"], "inferenceProfiles": { "a.b": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x" } }),
        ),
        bedrock(
            json!({ "guardrailConfig": { "guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "enabled_full" } }),
        ),
        bedrock(
            json!({ "streamRate": 25, "titleConvo": true, "titleMethod": "completion", "availableRegions": ["us-east-1"] }),
        ),
        bedrock(json!({ "models": "a.b" })),
        bedrock(json!({ "models": [1] })),
        bedrock(json!({ "promptCache": true })),
        bedrock(json!({ "inferenceProfiles": ["a"] })),
        bedrock(json!({ "guardrailConfig": { "guardrailIdentifier": "abc" } })),
        bedrock(json!({ "guardrailConfig": { "guardrailIdentifier": "abc", "guardrailVersion": 1 } })),
        bedrock(
            json!({ "guardrailConfig": { "guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "loud" } }),
        ),
        bedrock(json!({ "streamRate": -1 })),
        bedrock(json!({ "titleModel": 3 })),
        bedrock(json!(3)),
        bedrock(Value::Null),
    ]
}

const JUDGE: &str = "
import json, sys
from jsonschema import Draft202012Validator
schema, samples = json.load(sys.stdin)
Draft202012Validator.check_schema(schema)
print(json.dumps([Draft202012Validator(schema).is_valid(sample) for sample in samples]))
";

#[test]
fn a_validator_says_what_config_check_says() {
    let available = Command::new("python3").args(["-c", "import jsonschema"]).stderr(Stdio::null()).status();
    if !available.is_ok_and(|status| status.success()) {
        println!("skipped: python3 with jsonschema is not here");
        return;
    }
    let schema = Outcrop::new(&["config", "schema"]).run().json();
    let samples = samples();
    let mut judge = Command::new("python3")
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = json!([schema, samples]).to_string();
    judge.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    let valid: Vec<bool> = serde_json::from_slice(&output.stdout).unwrap();
    let (mut good, mut bad) = (0, 0);
    for (sample, valid) in samples.iter().zip(valid) {
        let run = Outcrop::new(&["config", "check", "--config", "file.yaml"])
            .file("file.yaml", &sample.to_string())
            .run();
        assert_eq!(valid, run.code == 0, "{sample}: {}", run.stderr);
        *(if valid { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 5 && bad > 10, "{good} good and {bad} bad samples");
}
