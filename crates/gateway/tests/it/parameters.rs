//! Parameters that a model does not take as they are: repaired and disclosed, or refused.

use http::StatusCode;
use outcrop_gateway::{ParameterPolicy, RequestPolicy};
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

fn notices(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("outcrop-notice").iter().map(|value| value.to_str().unwrap()).collect()
}

fn question(model: &str, more: Value) -> String {
    let mut body =
        json!({"model": model, "messages": [{"role": "user", "content": "repeat after me: hello"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

async fn refusing() -> Rig {
    let requests = RequestPolicy { parameters: ParameterPolicy::Refuse, ..RequestPolicy::default() };
    Rig::start(Plan { requests, ..Plan::default() }).await
}

#[tokio::test]
async fn by_default_a_parameter_is_repaired_and_that_is_said() {
    let rig = Rig::start(Plan::default()).await;
    let answer = rig
        .post(
            "/v1/chat/completions",
            question(&rig.profiles[1], json!({"temperature": 1.7, "max_tokens": 900_000})),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let notices = notices(&answer);
    assert!(notices.iter().any(|notice| notice.starts_with("clamped temperature: 1.7")), "{notices:?}");
    assert!(notices.iter().any(|notice| notice.starts_with("clamped max_tokens: 900000")), "{notices:?}");
    rig.stop().await;
}

/// The parameter, what the model takes, and the model, in each dialect's own shape; nothing reaches AWS.
#[tokio::test]
async fn a_gateway_that_refuses_names_parameter_values_and_model() {
    let rig = refusing().await;
    let nova = "amazon.nova-lite-v1:0";
    let opus = "us.anthropic.claude-opus-5-5";
    let chat = "/v1/chat/completions";
    let table = [
        (chat, nova, json!({"temperature": 1.7}), "temperature", "0 to 1"),
        (chat, nova, json!({"top_p": -1}), "top_p", "0 to 1"),
        (chat, nova, json!({"max_tokens": 900_000}), "max_tokens", "10000 at most"),
        (chat, opus, json!({"temperature": 0.5}), "temperature", "none"),
        (chat, opus, json!({"top_k": 3}), "top_k", "none"),
        (chat, opus, json!({"reasoning_effort": "none"}), "reasoning", "on"),
        (chat, "openai.gpt-6-sol", json!({"stop": ["x"]}), "stop", "none"),
        (
            chat,
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            json!({"temperature": 0.5, "top_p": 0.5}),
            "top_p",
            "one of the two",
        ),
        ("/v1/responses", nova, json!({"input": "x", "temperature": 2}), "temperature", "0 to 1"),
        ("/v1/messages", nova, json!({"max_tokens": 10, "temperature": 1.5}), "temperature", "0 to 1"),
    ];
    for (path, model, more, parameter, allowed) in table {
        let answer = rig.post(path, question(model, more)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {parameter}: {}", answer.text());
        let error = &answer.json()["error"];
        let message = error["message"].as_str().unwrap();
        let id = model.trim_start_matches("us.");
        for word in [&format!("`{parameter}` is "), id, allowed, "parameters: fix"] {
            assert!(message.contains(word), "{word}: {message}");
        }
        assert_eq!(error["type"], "invalid_request_error");
        if path != "/v1/messages" {
            assert_eq!(error["param"], parameter);
        }
    }
    assert!(rig.bill().await.is_empty());
    rig.stop().await;
}

/// What a model takes passes, and what has no counterpart is no matter of its values.
#[tokio::test]
async fn a_gateway_that_refuses_lets_the_rest_through() {
    let rig = refusing().await;
    let more = json!({"temperature": 0.2, "max_tokens": 100, "seed": 7, "user": "ana", "stop": ["END"]});
    let answer = rig.post("/v1/chat/completions", question(&rig.profiles[1], more)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(notices(&answer).iter().any(|notice| notice.starts_with("dropped seed")));
    let answer = rig.post("/v1/chat/completions", question(&rig.profiles[1], json!({}))).await;
    assert_eq!(answer.status, StatusCode::OK, "a limit that nobody set is not refused");
    rig.stop().await;
}

/// A relayed request, too: the body goes to InvokeModel as it came, but for the parameters that Claude refuses there.
#[tokio::test]
async fn a_relayed_request_is_repaired_as_well() {
    let rig = Rig::start(Plan::default()).await;
    let opus = "us.anthropic.claude-opus-5-5";
    let more = json!({"max_tokens": 9000, "temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 2048}});
    for stream in [false, true] {
        let mut body: Value = serde_json::from_str(&question(opus, more.clone())).unwrap();
        body["stream"] = stream.into();
        let headers = [("anthropic-beta", "files-api-2025-04-14")];
        let answer = rig.send(http::Method::POST, "/v1/messages", &headers, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.lane(), "relay");
        let notices = notices(&answer);
        let beginnings =
            ["dropped temperature", "rewritten thinking.budget_tokens", "dropped anthropic-beta: `files-api"];
        for beginning in beginnings {
            assert!(notices.iter().any(|notice| notice.starts_with(beginning)), "{beginning}: {notices:?}");
        }
    }
    rig.stop().await;
}

/// A client gives the beginning of an answer to a Claude that refuses that; streamed and counted, too.
#[tokio::test]
async fn a_prefilled_answer_reaches_a_claude_that_takes_none() {
    let rig = Rig::start(Plan::default()).await;
    let mut body = json!({"model": "us.anthropic.claude-opus-5-5", "max_tokens": 99, "messages": [
        {"role": "user", "content": "repeat after me: hello"}, {"role": "assistant", "content": "hel"}]});
    for stream in [false, true] {
        body["stream"] = stream.into();
        let answer = rig.post("/v1/messages", body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.lane(), "relay");
        let notices = notices(&answer);
        assert!(notices.iter().any(|notice| notice.contains("asked to go on")), "{notices:?}");
    }
    let counted = rig.post("/v1/messages/count_tokens", body.to_string()).await;
    assert_eq!(counted.status, StatusCode::OK, "{}", counted.text());
    rig.stop().await;
}
