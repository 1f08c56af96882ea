//! `Converse` and its stream.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{Access, start};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";

fn ask(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] })
}

fn converse(model: &str) -> String {
    format!("/model/{model}/converse")
}

#[tokio::test]
async fn converse_repeats_what_it_is_told() {
    let emulator = start().await;
    let answer = emulator.post(&converse(CLAUDE), &ask("Repeat after me: one two three")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["output"]["message"]["content"], json!([{ "text": "one two three" }]));
    assert_eq!(answer.json()["stopReason"], "end_turn");
    assert!(answer.headers.contains_key("x-amzn-requestid"));
}

#[tokio::test]
async fn application_profiles_are_invoked_by_arn_in_every_spelling() {
    let emulator = start().await;
    for profile in &emulator.profiles {
        let raw = profile.arn.clone();
        let encoded = raw.replace(':', "%3A").replace('/', "%2F");
        let half = raw.replace('/', "%2F");
        for spelling in [raw, encoded, half] {
            for access in [Access::signed(), Access::Bearer("local")] {
                let body = ask("Repeat after me: hello").to_string();
                let path = converse(&spelling);
                let answer = emulator.call(http::Method::POST, &path, body.as_bytes(), &[], &access).await;
                assert_eq!(answer.status, StatusCode::OK, "{spelling}: {:?}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_has_the_events_of_the_answer_in_order() {
    let emulator = start().await;
    let answer =
        emulator.post(&format!("/model/{CLAUDE}/converse-stream"), &ask("Repeat after me: a b c")).await;
    assert_eq!(answer.headers["content-type"], "application/vnd.amazon.eventstream");
    let events = answer.events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    assert_eq!(names, expected);
    let text: String = events.iter().filter_map(|(_, event)| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, "a b c");
    assert!(events.iter().all(|(_, event)| event["p"].as_str().is_some_and(|p| p.starts_with("ab"))));
}
