//! Anthropic's `count_tokens`, counted by Bedrock.

use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Plan, Rig};

const PATHS: [&str; 2] = ["/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens"];

fn question(model: &str, text: &str) -> Value {
    json!({"model": model, "system": "Be brief.", "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn a_profile_is_counted_by_its_model() {
    let rig = Rig::start(Plan::default()).await;
    let mut body = question(&rig.profiles[0], "one two three");
    for path in PATHS {
        let short = rig.post(path, body.to_string()).await;
        assert_eq!(short.status, StatusCode::OK, "{}", short.text());
        assert_eq!(short.lane(), "relay");
        let count = short.json()["input_tokens"].as_u64().unwrap();
        body["thinking"] = json!({"type": "enabled", "budget_tokens": 30_000});
        body["messages"][0]["content"] = "one two three four five six seven eight nine ten".into();
        let long = rig.post(path, body.to_string()).await;
        assert!(long.json()["input_tokens"].as_u64().unwrap() > count, "{}", long.text());
        body = question(&rig.profiles[0], "one two three");
    }
}

#[tokio::test]
async fn other_models_count_a_converse_request() {
    let rig = Rig::start(Plan::default()).await;
    let answer = rig.post(PATHS[0], question(&rig.profiles[1], "one two three").to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.lane(), "translate");
    assert!(answer.json()["input_tokens"].as_u64().unwrap() > 3);
}

#[tokio::test]
async fn counting_agrees_with_what_is_billed() {
    let rig = Rig::start(Plan::default()).await;
    let mut body = question(&rig.profiles[0], "repeat after me: hello");
    let counted = rig.post(PATHS[0], body.to_string()).await.json();
    body["max_tokens"] = 50.into();
    let billed = rig.post("/v1/messages", body.to_string()).await.json();
    assert_eq!(counted["input_tokens"], billed["usage"]["input_tokens"], "{billed}");
}

#[tokio::test]
async fn failures_are_in_anthropics_shape() {
    let rig = Rig::start(Plan::default()).await;
    for (body, status) in [
        (json!({"messages": []}).to_string(), StatusCode::BAD_REQUEST),
        (question("no such model", "x").to_string(), StatusCode::NOT_FOUND),
        ("{".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let answer = rig.post(PATHS[0], body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["type"], "error");
    }
}
