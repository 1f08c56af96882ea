//! Recorded requests against the emulator's own rules (not the replay): what the service answered is answered, what it
//! refused is refused in the same words, and every deviation is one that somebody looked at.

use std::collections::BTreeMap;
use std::path::Path;

use http::Method;
use serde_json::Value;

use crate::client::{Access, Running, start};

/// Why an answer may differ from the recorded one. Each was looked at; a new one fails the test.
fn reviewed(record: &Value, message: &str) -> Option<&'static str> {
    let recorded = record["response"]["body_json"]["message"].as_str().unwrap_or_default();
    if recorded.starts_with("The security token") || recorded.starts_with("Signature expired") {
        return Some("the credentials of the recording were wrong, ours are not");
    }
    if recorded.starts_with("You don't have access to the model") {
        return Some("the account of the recording had no access to the model");
    }
    if recorded.contains("Input Tokens Exceeded") {
        return Some("the recorder cut the long text out of the request");
    }
    if message.contains("cannot both be specified for this model") {
        return Some("the model of today takes one of temperature and top_p, the recorded one took both");
    }
    if message.starts_with("The guardrail identifier or version") {
        return Some("the guardrail is another account's");
    }
    if is_about_the_identifier(message) {
        return Some("the model is retired or served otherwise today, and its body has no successor");
    }
    None
}

/// The model is not served as it was when the request was recorded, or the profile is another account's.
fn is_about_the_identifier(message: &str) -> bool {
    message.starts_with("This model version has reached the end of its life.")
        || message.contains("with on-demand throughput isn’t supported")
        || message == "The provided model identifier is invalid."
}

/// A model of today that takes the same body.
fn successor(record: &Value) -> Option<&'static str> {
    let body = &record["request"]["body"];
    Some(match record["family"].as_str()? {
        "anthropic.claude" => "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.nova" => "us.amazon.nova-2-lite-v1:0",
        "meta" => "us.meta.llama3-3-70b-instruct-v1:0",
        "mistral" => "mistral.mistral-7b-instruct-v0:2",
        "application-inference-profile" if body.get("inputText").is_some() => "amazon.titan-embed-text-v2:0",
        // Converse is the same for every model; the bodies of retired families are nobody's.
        _ if record["operation"].as_str()?.starts_with("Converse") => "us.amazon.nova-2-lite-v1:0",
        _ => return None,
    })
}

#[tokio::test]
async fn every_recorded_request_is_answered_or_refused_as_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/recorded");
    if !folder.exists() {
        println!("skipped: the recordings are not beside this checkout");
        return;
    }
    let emulator = start().await;
    let (mut as_recorded, mut successors) = (0, 0);
    let mut deviations: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in FILES {
        let lines = std::fs::read_to_string(folder.join(file)).unwrap();
        for record in lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            let Some(path) = record["request"]["path"].as_str() else { continue };
            let Some(mut answer) = replayed(&emulator, &record, path).await else { continue };
            let is_same_model = !is_about_the_identifier(&answer.1) || record["response"]["status"] != 200;
            if let (false, Some(successor)) = (is_same_model, successor(&record)) {
                let operation = path.rsplit('/').next().unwrap();
                let path = format!("/model/{successor}/{operation}");
                answer = replayed(&emulator, &record, &path).await.unwrap();
                successors += 1;
            }
            let (status, message) = answer;
            let recorded = &record["response"];
            let same_words = recorded["body_json"]["message"].as_str().unwrap_or_default() == message;
            if recorded["status"] == status && (status == 200 || same_words) {
                as_recorded += 1;
            } else if let Some(reason) = reviewed(&record, &message) {
                *deviations.entry(reason).or_default() += 1;
            } else {
                wrong.push(format!(
                    "{file} {}: {} {} became {status} {message}",
                    record["id"].as_str().unwrap_or_default(),
                    recorded["status"],
                    recorded["body_json"]["message"]
                ));
            }
        }
    }
    println!("{as_recorded} as recorded ({successors} of them by a model of today); {deviations:#?}");
    assert!(wrong.is_empty(), "{} of the answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(as_recorded > 300, "only {as_recorded} recorded requests were sent");
}

const FILES: [&str; 7] = [
    "bedrock-converse.jsonl",
    "bedrock-converse-stream.jsonl",
    "bedrock-invoke.jsonl",
    "bedrock-invoke-stream.jsonl",
    "bedrock-other.jsonl",
    "bedrock-mantle.jsonl",
    "bedrock-errors.jsonl",
];

/// Sends a recorded request in its Region; `None` when the request was not recorded.
async fn replayed(emulator: &Running, record: &Value, path: &str) -> Option<(u16, String)> {
    let body = record["request"].get("body").filter(|body| !body.is_null())?;
    if record["wire"] != "http" || path.starts_with("/guardrail/") {
        return None;
    }
    let is_same_model = record["request"]["path"] == path;
    let region = record["region"].as_str().filter(|_| is_same_model).unwrap_or("us-east-1");
    let region: &'static str = region.to_owned().leak();
    let access = Access::signed_in(region);
    let answer = emulator.call(Method::POST, path, body.to_string().as_bytes(), &[], &access).await;
    let message = serde_json::from_slice::<Value>(&answer.body)
        .ok()
        .and_then(|body| Some(body["message"].as_str().or(body["error"]["message"].as_str())?.to_owned()))
        .unwrap_or_default();
    Some((answer.status.as_u16(), message))
}
