//! One invocation through every dialect, on every kind of identifier, streamed and not.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use outcrop_catalog::Layer;
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

const PHRASE: &str = "the quick brown fox";

fn chat(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": format!("repeat after me: {PHRASE}")}]})
        .to_string()
}

fn messages(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "max_tokens": 50,
        "messages": [{"role": "user", "content": format!("repeat after me: {PHRASE}")}]})
    .to_string()
}

fn chat_text(answer: &Answer) -> String {
    if answer.header("content-type") == "text/event-stream" {
        let events = answer.events();
        assert_eq!(events.last().and_then(Value::as_str), Some("[DONE]"));
        return events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    }
    answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

fn messages_text(answer: &Answer) -> String {
    if answer.header("content-type") == "text/event-stream" {
        let events = answer.events();
        assert_eq!(events.last().unwrap()["type"], "message_stop");
        return events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    }
    answer.json()["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_identifier_kind_works_in_every_dialect() {
    let aliases = BTreeMap::from([("fast".to_owned(), "us.amazon.nova-2-lite-v1:0".to_owned())]);
    let rig = Rig::start(Plan { layer: Layer { aliases, ..Layer::default() }, ..Plan::default() }).await;
    let identifiers = [
        rig.profiles[0].clone(),
        rig.profiles[1].clone(),
        "us.anthropic.claude-sonnet-4-6".to_owned(),
        "anthropic.claude-sonnet-4-6".to_owned(),
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0".to_owned(),
        rig.profiles[0].replace(':', "%3A").replace('/', "%2F"),
        "fast".to_owned(),
    ];
    for identifier in identifiers {
        for stream in [false, true] {
            let answer = rig.post("/v1/chat/completions", chat(&identifier, stream)).await;
            assert_eq!(chat_text(&answer), PHRASE, "{identifier} {stream} {}", answer.text());
            let answer = rig.post("/v1/messages", messages(&identifier, stream)).await;
            assert_eq!(messages_text(&answer), PHRASE, "{identifier} {stream} {}", answer.text());
        }
        let converse = json!({"messages": [{"role": "user", "content": [{"text": format!("repeat after me: {PHRASE}")}]}]});
        let answer = rig.post(&format!("/model/{identifier}/converse"), converse.to_string()).await;
        assert_eq!(answer.json()["output"]["message"]["content"][0]["text"], PHRASE, "{identifier}");
    }
}

#[tokio::test]
async fn the_answer_discloses_what_was_done() {
    let rig = Rig::start(Plan::default()).await;
    let arn = &rig.profiles[0];
    let body =
        json!({"model": arn, "seed": 7, "messages": [{"role": "user", "content": "Hello"}]}).to_string();
    let answer = rig.post("/v1/chat/completions", body).await;
    assert_eq!(answer.header("outcrop-target"), arn);
    assert_eq!(answer.header("outcrop-model"), "anthropic.claude-sonnet-4-6");
    assert_eq!(answer.header("outcrop-region"), "us-east-1");
    assert_eq!(answer.lane(), "translate");
    assert!(!answer.header("outcrop-request-id").is_empty());
    assert!(!answer.header("x-amzn-requestid").is_empty());
    let notices: Vec<_> =
        answer.headers.get_all("outcrop-notice").iter().map(|notice| notice.to_str().unwrap()).collect();
    assert!(notices.iter().any(|notice| notice.contains("seed")), "{notices:?}");
}

#[tokio::test]
async fn claude_is_relayed_and_nova_translated() {
    let rig = Rig::start(Plan::default()).await;
    for (profile, lane) in rig.profiles.iter().zip(["relay", "translate"]) {
        let answer = rig.post("/v1/messages", messages(profile, false)).await;
        assert_eq!(answer.lane(), lane, "{profile}");
    }
}

#[tokio::test]
async fn an_sdk_calls_the_region_it_was_told() {
    let rig = Rig::start(Plan::default()).await;
    let signed = "AWS4-HMAC-SHA256 Credential=X/20260101/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=0";
    let body = json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}).to_string();
    let path = "/model/anthropic.claude-sonnet-4-6/converse";
    let answer = rig.send(Method::POST, path, &[("authorization", signed)], body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("outcrop-region"), "eu-west-1");
    assert_eq!(answer.header("outcrop-target"), "eu.anthropic.claude-sonnet-4-6");
}
