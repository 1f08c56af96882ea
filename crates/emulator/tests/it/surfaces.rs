//! OpenAI's and Anthropic's APIs, as AWS offers them beside Bedrock's own operations.

use http::{Method, StatusCode};
use outcrop_wire::sse::Reader;
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, start};
use crate::runtime::{CLAUDE, NOVA};

const CHAT: &str = "/openai/v1/chat/completions";
const GPT_OSS: &str = "openai.gpt-oss-20b-1:0";

fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

async fn post(emulator: &Running, path: &str, body: &Value) -> Value {
    let answer = emulator.post(path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
    answer.json()
}

/// The events of a stream, without `[DONE]`.
async fn events(emulator: &Running, path: &str, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    body["stream"] = json!(true);
    let answer = emulator.post(path, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    parsed(&answer)
}

fn parsed(answer: &Answer) -> Vec<Value> {
    let mut reader = Reader::default();
    let events = reader.push(&answer.body);
    events
        .iter()
        .filter(|event| event.data != "[DONE]")
        .map(|event| {
            serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{error}: {}", event.data))
        })
        .collect()
}

fn joined(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}

#[tokio::test]
async fn chat_completions_answer_whole_and_streamed() {
    let emulator = start().await;
    let answer = post(&emulator, CHAT, &chat(GPT_OSS, "repeat after me: hello you")).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "hello you");
    assert_eq!(answer["model"], GPT_OSS);
    assert!(answer["usage"]["total_tokens"].as_u64() > Some(2));
    let pieces = events(&emulator, CHAT, &chat(GPT_OSS, "repeat after me: hello you")).await;
    assert_eq!(joined(&pieces, "/choices/0/delta/content"), "hello you");
    let mut with_usage = chat(GPT_OSS, "hi");
    with_usage["stream_options"] = json!({ "include_usage": true });
    let pieces = events(&emulator, CHAT, &with_usage).await;
    assert!(pieces.last().unwrap()["usage"]["total_tokens"].is_u64());

    let mut tools = chat("global.openai.gpt-6-sol", "Call one and two");
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } });
    tools["tools"] = json!([tool("one"), tool("two")]);
    let answer = post(&emulator, CHAT, &tools).await;
    let calls = &answer["choices"][0]["message"]["tool_calls"];
    // The runtime numbers them in each answer.
    assert_eq!((&calls[0]["id"], &calls[1]["id"]), (&json!("call_0"), &json!("call_1")));
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    tools["parallel_tool_calls"] = json!(false);
    let answer = post(&emulator, CHAT, &tools).await;
    assert_eq!(answer["choices"][0]["message"]["tool_calls"].as_array().unwrap().len(), 1);

    let mantle = post(
        &emulator,
        "/v1/chat/completions",
        &chat("mistral.mistral-large-3-675b-instruct", "repeat after me: oui"),
    )
    .await;
    assert_eq!(mantle["choices"][0]["message"]["content"], "oui");
}

#[tokio::test]
async fn responses_answer_whole_and_streamed() {
    let emulator = start().await;
    let ask = |model: &str| json!({ "model": model, "input": "repeat after me: hello you" });
    for (path, model) in [("/openai/v1/responses", "openai.gpt-5.5"), ("/v1/responses", "openai.gpt-oss-20b")]
    {
        let answer = post(&emulator, path, &ask(model)).await;
        assert_eq!((&answer["object"], &answer["status"]), (&json!("response"), &json!("completed")));
        let said =
            answer["output"].as_array().unwrap().iter().find(|item| item["type"] == "message").unwrap();
        assert_eq!(said["content"][0]["text"], "hello you");
        let pieces = events(&emulator, path, &ask(model)).await;
        assert_eq!(joined(&pieces, "/delta"), "hello you");
        assert_eq!(pieces[0]["type"], "response.created");
        assert_eq!(pieces.last().unwrap()["type"], "response.completed");
    }
}

#[tokio::test]
async fn messages_answer_whole_and_streamed_and_are_counted() {
    let emulator = start().await;
    let path = "/anthropic/v1/messages";
    let ask = |model: &str| json!({ "model": model, "max_tokens": 99, "messages": [{ "role": "user", "content": "repeat after me: hello you" }] });
    for model in [CLAUDE, "anthropic.claude-opus-5-5"] {
        let answer = post(&emulator, path, &ask(model)).await;
        let text = answer["content"].as_array().unwrap().last().unwrap();
        assert_eq!(text["text"], "hello you");
        assert_eq!(answer["stop_reason"], "end_turn");
        let pieces = events(&emulator, path, &ask(model)).await;
        assert_eq!(joined(&pieces, "/delta/text"), "hello you");
        assert_eq!(pieces[0]["type"], "message_start");
        assert_eq!(pieces.last().unwrap(), &json!({ "type": "message_stop" }));
    }
    let mut count = ask(CLAUDE);
    count.as_object_mut().unwrap().remove("max_tokens");
    let counted = post(&emulator, "/anthropic/v1/messages/count_tokens", &count).await;
    assert!(counted["input_tokens"].as_u64() > Some(3));
    // Anthropic's own header for the key.
    let keyed = emulator
        .call(
            Method::POST,
            path,
            ask(CLAUDE).to_string().as_bytes(),
            &[("x-api-key", "local")],
            &Access::Nothing,
        )
        .await;
    assert_eq!(keyed.status, StatusCode::OK, "{:?}", keyed.body);
}

#[tokio::test]
async fn routes_refuse_what_they_do_not_serve_in_their_own_shape() {
    let emulator = start().await;
    let arn = emulator.profiles[0].arn.clone();
    let openai = |text: &str| json!(text);
    let profiles = "Application inference profiles can't be used on this route. Use the ID of the model or of a system-defined inference profile, or call InvokeModel or Converse.";
    for (path, model, status, message) in [
        (CHAT, arn.as_str(), 400, profiles.to_owned()),
        ("/openai/v1/responses", arn.as_str(), 400, profiles.to_owned()),
        (CHAT, NOVA, 400, "model `amazon.nova-2-lite-v1:0` isn't supported on this route".to_owned()),
        (
            CHAT,
            "google.gemma-3-27b-it",
            400,
            "model `google.gemma-3-27b-it` isn't supported on this route".to_owned(),
        ),
        (
            "/v1/chat/completions",
            "google.gemma-4-31b",
            400,
            "model `google.gemma-4-31b` isn't supported on this route".to_owned(),
        ),
        ("/openai/v1/responses", GPT_OSS, 400, format!("model `{GPT_OSS}` isn't supported on this route")),
        (
            CHAT,
            "openai.gpt-99",
            404,
            "The model `openai.gpt-99` does not exist or you do not have access to it.".to_owned(),
        ),
        // Mantle has no profiles.
        (
            "/v1/chat/completions",
            "global.openai.gpt-6-sol",
            404,
            "The model `global.openai.gpt-6-sol` does not exist or you do not have access to it.".to_owned(),
        ),
    ] {
        let mut body = chat(model, "hi");
        body["input"] = json!("hi");
        let answer = emulator.post(path, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {model}: {:?}", answer.body);
        assert_eq!(answer.json()["error"]["message"], openai(&message), "{path} {model}");
    }
    let body = json!({ "model": arn, "max_tokens": 5, "messages": [{ "role": "user", "content": "hi" }] });
    let answer = emulator.post("/anthropic/v1/messages", &body).await;
    assert_eq!(answer.json()["type"], "error");
    assert_eq!(answer.json()["error"], json!({ "type": "invalid_request_error", "message": profiles }));
    let stop = json!({ "model": "global.openai.gpt-6-sol", "stop": "x", "messages": [{ "role": "user", "content": "hi" }] });
    let answer = emulator.post(CHAT, &stop).await;
    assert_eq!(
        answer.json()["error"]["message"],
        "This model doesn't support the stopSequences field. Remove stopSequences and try again."
    );
    let nobody = emulator.call(Method::POST, CHAT, b"{}", &[], &Access::Bearer("wrong")).await;
    assert_eq!(nobody.status, StatusCode::FORBIDDEN);
    assert!(nobody.json()["error"]["message"].is_string());
}

#[tokio::test]
async fn faults_keep_to_the_shape_of_the_route() {
    let emulator = start().await;
    let fault = |fault: &'static str, path: &'static str, body: Value| {
        let emulator = &emulator;
        async move {
            let headers = [("x-outcrop-fault", fault)];
            emulator.call(Method::POST, path, body.to_string().as_bytes(), &headers, &Access::signed()).await
        }
    };
    let throttled = fault("ThrottlingException", CHAT, chat(GPT_OSS, "hi")).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.json()["error"]["type"], "rate_limit_error");
    let mut streamed = chat(GPT_OSS, "count to 9");
    streamed["stream"] = json!(true);
    let broken = parsed(&fault("ModelStreamErrorException;at=mid", CHAT, streamed).await);
    assert!(broken[0]["choices"].is_array() && broken.last().unwrap()["error"].is_object(), "{broken:?}");
    let message = json!({ "model": CLAUDE, "max_tokens": 99, "stream": true, "messages": [{ "role": "user", "content": "count to 9" }] });
    let broken = parsed(&fault("InternalServerException;at=mid", "/anthropic/v1/messages", message).await);
    assert_eq!(broken.last().unwrap()["type"], "error");
}

#[tokio::test]
async fn models_are_listed_and_calls_are_billed() {
    let emulator = start().await;
    let list = emulator.get("/v1/models").await.json();
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"openai.gpt-oss-20b") && !ids.contains(&GPT_OSS), "{ids:?}");
    let list = emulator.get("/openai/v1/models").await.json();
    assert!(list["data"].as_array().unwrap().iter().any(|model| model["id"] == GPT_OSS));
    post(&emulator, CHAT, &chat(GPT_OSS, "hi")).await;
    let bill = emulator.get("/_emulator/bill").await.json();
    assert_eq!(bill["invocations"][0]["operation"], "ChatCompletions");
    assert_eq!(bill["invocations"][0]["model"], GPT_OSS);
}
