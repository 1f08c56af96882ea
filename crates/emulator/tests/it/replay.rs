//! Recorded exchanges come back byte for byte.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use http::{Method, StatusCode};
use outcrop_emulator::Config;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::{Access, Running, start_with};

fn own_fixtures() -> Vec<PathBuf> {
    vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recorded.jsonl")]
}

/// The recordings beside the workspace, where they exist.
fn shared_recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/recorded");
    let names = ["converse", "converse-stream", "invoke", "invoke-stream", "errors", "other"];
    let files = names.iter().map(|name| folder.join(format!("bedrock-{name}.jsonl")));
    files.filter(|file| file.exists()).collect()
}

async fn replaying(files: Vec<PathBuf>) -> Running {
    start_with(Config { replay: files, seed_profiles: true, ..Config::default() }).await
}

/// One recording as the test sees it.
struct Recorded {
    id: String,
    method: Method,
    path: String,
    request: Vec<u8>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    fits: bool,
}

/// What can be asked for again, and how many lines cannot.
fn recordings(files: &[PathBuf]) -> (Vec<Recorded>, usize) {
    let (mut found, mut skipped) = (Vec::new(), 0);
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            match recording(line) {
                Some(recorded) => found.push(recorded),
                None => skipped += 1,
            }
        }
    }
    (found, skipped)
}

fn recording(line: &str) -> Option<Recorded> {
    #[derive(serde::Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        response: RawResponse<'a>,
    }
    #[derive(serde::Deserialize)]
    struct RawResponse<'a> {
        #[serde(borrow)]
        body_json: Option<&'a RawValue>,
    }
    let value: Value = serde_json::from_str(line).unwrap();
    let raw: Raw<'_> = serde_json::from_str(line).unwrap();
    let (request, response) = (&value["request"], &value["response"]);
    let body = match (raw.response.body_json, response["body_base64"].as_str()) {
        (Some(json), _) => json.get().as_bytes().to_vec(),
        (None, Some(base64)) => base64::engine::general_purpose::STANDARD.decode(base64).unwrap(),
        (None, None) => return None,
    };
    let request_body = match &request["body"] {
        Value::Null => request["body_text"].as_str().unwrap_or_default().to_owned(),
        body => body.to_string(),
    };
    let headers = response["headers"].as_object().into_iter().flatten();
    Some(Recorded {
        id: value["id"].as_str().unwrap().to_owned(),
        method: request["method"].as_str()?.parse().unwrap(),
        path: request["path"].as_str()?.to_owned(),
        request: request_body.into_bytes(),
        status: u16::try_from(response["status"].as_u64().unwrap_or(200)).unwrap(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        body,
        fits: value["length_fits"] == true,
    })
}

/// Asks for every recording in order, so that those of the same request come in order.
async fn every_exchange_comes_back(files: Vec<PathBuf>) -> usize {
    let (recordings, skipped) = recordings(&files);
    let emulator = replaying(files).await;
    let mut kept = 0;
    for recorded in &recordings {
        let path = recorded.path.as_str();
        let answer =
            emulator.call(recorded.method.clone(), path, &recorded.request, &[], &Access::signed()).await;
        assert_eq!(answer.status.as_u16(), recorded.status, "{}: {:?}", recorded.id, answer.body);
        assert!(answer.body == recorded.body, "{}: other bytes", recorded.id);
        for (name, value) in &recorded.headers {
            let is_ours =
                ["content-length", "transfer-encoding", "connection", "date"].contains(&name.as_str());
            if !is_ours && !value.contains("REDACTED") {
                assert_eq!(answer.headers[name.as_str()], value.as_str(), "{}: {name}", recorded.id);
            }
        }
        assert!(answer.headers["content-type"].to_str().unwrap().contains('/'), "{}", recorded.id);
        kept += 1;
    }
    let fitting = recordings.iter().filter(|recorded| recorded.fits).count();
    println!(
        "{kept} of {} recordings served byte for byte ({fitting} with a recorded length), {skipped} cannot be asked for",
        recordings.len()
    );
    kept
}

#[tokio::test]
async fn own_recordings_are_served_byte_for_byte() {
    assert_eq!(every_exchange_comes_back(own_fixtures()).await, 6);
}

#[tokio::test]
async fn shared_recordings_are_served_byte_for_byte() {
    let files = shared_recordings();
    if files.is_empty() {
        println!("../shared/data/recorded is not here: only the project's own recordings are served");
        return;
    }
    assert!(every_exchange_comes_back(files).await > 400);
}

#[tokio::test]
async fn the_order_of_members_and_the_spelling_of_the_path_do_not_count() {
    let (recordings, _) = recordings(&own_fixtures());
    let recorded = recordings.iter().find(|recorded| recorded.path.contains("%3A")).unwrap();
    let emulator = replaying(own_fixtures()).await;
    let path = recorded.path.replace("%3A", ":");
    let body: Value = serde_json::from_slice(&recorded.request).unwrap();
    let spaced = serde_json::to_string_pretty(&body).unwrap();
    let answer = emulator.call(Method::POST, &path, spaced.as_bytes(), &[], &Access::Bearer("local")).await;
    assert_eq!(answer.status.as_u16(), recorded.status);
    assert!(answer.body == recorded.body);
}

#[tokio::test]
async fn recordings_of_the_same_request_are_served_in_turn() {
    let line = |n: u32| {
        format!(
            r#"{{"id":"turn/{n}","wire":"http","request":{{"method":"POST","path":"/model/m/converse","body":{{"a":1}}}},"response":{{"status":200,"headers":{{}},"body_json":{{"n":{n}}}}}}}"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("turns.jsonl");
    std::fs::write(&file, format!("{}\n{}\n", line(1), line(2))).unwrap();
    let emulator = replaying(vec![file]).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = emulator.post("/model/m/converse", &serde_json::json!({"a": 1})).await;
        seen.push(String::from_utf8(answer.body.to_vec()).unwrap());
    }
    assert_eq!(seen, [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":1}"#]);
}

#[tokio::test]
async fn no_match_names_the_nearest_recording_and_the_member_that_differs() {
    let (recordings, _) = recordings(&own_fixtures());
    let recorded = recordings.iter().find(|recorded| recorded.path.ends_with("/converse")).unwrap();
    let emulator = replaying(own_fixtures()).await;
    let mut body: Value = serde_json::from_slice(&recorded.request).unwrap();
    body["messages"][0]["content"][0]["text"] = Value::from("something else");
    let answer = emulator.post(&recorded.path, &body).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.error_type(), "ResourceNotFoundException");
    assert!(answer.message().contains(&recorded.id), "{}", answer.message());
    assert!(answer.message().contains("/messages/0/content/0/text"), "{}", answer.message());
    let elsewhere = emulator.post("/model/another/converse", &body).await;
    assert!(elsewhere.message().contains("No recording has this path"), "{}", elsewhere.message());
}

#[tokio::test]
async fn the_control_plane_answers_beside_the_recordings() {
    let emulator = replaying(own_fixtures()).await;
    let profile = &emulator.profiles[0];
    let answer = emulator.get(&format!("/inference-profiles/{}", profile.arn)).await;
    assert_eq!(answer.json()["inferenceProfileName"], profile.name.as_str());
}

#[tokio::test]
async fn what_cannot_be_matched_is_counted_and_broken_lines_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mixed.jsonl");
    let lines = [
        r#"{"id":"a","wire":"decoded","request":{"method":"POST","path":"/p"},"response":{"status":200,"decoded_events":[]}}"#,
        r#"{"id":"b","wire":"http-response-only","request":{"method":"POST","path":null},"response":{"status":200,"body_json":{}}}"#,
        r#"{"id":"c","wire":"http","request":{"method":"POST","path":"/any"},"response":{"status":200,"headers":{},"body_text":"hello"}}"#,
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let config =
        Config { listen: "127.0.0.1:0".parse().unwrap(), replay: vec![file.clone()], ..Config::default() };
    let emulator = outcrop_emulator::Emulator::bind(config.clone()).await.unwrap();
    let report = emulator.replay().unwrap();
    assert_eq!(report.served, 1);
    assert_eq!(report.skipped.values().sum::<usize>(), 2);

    std::fs::write(&file, format!("{}\n{{\"id\": 5}}\n", lines[2])).unwrap();
    let error = outcrop_emulator::Emulator::bind(config).await.unwrap_err().to_string();
    assert!(error.contains("mixed.jsonl:2"), "{error}");
}

/// Whatever real clients sent and the real service took is taken here too, unless the model is gone, was never in this
/// Region, or has a native body that the emulator does not know.
#[tokio::test]
async fn recorded_requests_break_no_rule() {
    let (mut tried, mut elsewhere, mut refused) = (0, 0, Vec::new());
    let (recordings, _) = recordings(&[own_fixtures(), shared_recordings()].concat());
    let emulator = crate::client::start().await;
    let accepted = |recorded: &&Recorded| {
        // One request was cut by its recorder and is no JSON any more.
        let is_whole = serde_json::from_slice::<Value>(&recorded.request).is_ok();
        recorded.status == 200 && recorded.path.starts_with("/model/") && is_whole
    };
    for recorded in recordings.iter().filter(accepted) {
        let answer = emulator
            .call(Method::POST, &recorded.path, &recorded.request, &[], &Access::Bearer("local"))
            .await;
        tried += 1;
        if answer.status == StatusCode::OK {
            continue;
        }
        let words = answer.message();
        let is_elsewhere = [
            "identifier is invalid",
            "end of its life",
            "does not know the native body",
            "guardrail identifier",
        ];
        match is_elsewhere.iter().any(|known| words.contains(known)) {
            true => elsewhere += 1,
            false => refused.push(format!("{}: {words}", recorded.id)),
        }
    }
    println!(
        "{tried} recorded requests, {elsewhere} for models that are not here, {} refused",
        refused.len()
    );
    assert!(refused.is_empty(), "{refused:#?}");
}
