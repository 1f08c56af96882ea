//! `Converse`, `InvokeModel` and their streams, `CountTokens`: answers, order, limits.

use base64::Engine as _;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Access, Answer, Running, start};

pub const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";
pub const NOVA: &str = "us.amazon.nova-2-lite-v1:0";

/// A question with more members laid over it.
pub fn ask_with(text: &str, more: Value) -> Value {
    let mut body = json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub fn ask(text: &str) -> Value {
    ask_with(text, json!({}))
}

pub fn converse(model: &str) -> String {
    format!("/model/{model}/converse")
}

fn content(answer: &Answer) -> Value {
    answer.json()["output"]["message"]["content"].clone()
}

/// Puts the events of a Converse stream together again.
fn gathered(events: &[(String, Value)]) -> (Vec<Value>, Value, Value) {
    let mut blocks: Vec<Value> = Vec::new();
    let (mut stop, mut metadata) = (Value::Null, Value::Null);
    let mut input = String::new();
    for (name, event) in events {
        let index = event["contentBlockIndex"].as_u64().map(|n| usize::try_from(n).unwrap());
        match name.as_str() {
            "contentBlockStart" => {
                assert_eq!(index, Some(blocks.len()));
                blocks.push(event["start"].clone());
            }
            "contentBlockDelta" => {
                let delta = &event["delta"];
                if index == Some(blocks.len()) {
                    let is_text = delta["text"].is_string();
                    blocks.push(if is_text {
                        json!({"text": ""})
                    } else {
                        json!({"reasoningContent": {"reasoningText": {"signature": "", "text": ""}}})
                    });
                }
                let block = blocks.last_mut().unwrap();
                let mut add = |pointer: &str, piece: &Value| {
                    if let Some(piece) = piece.as_str() {
                        let slot = block.pointer_mut(pointer).unwrap();
                        *slot = Value::from(format!("{}{piece}", slot.as_str().unwrap()));
                    }
                };
                add("/text", &delta["text"]);
                add("/reasoningContent/reasoningText/text", &delta["reasoningContent"]["text"]);
                add("/reasoningContent/reasoningText/signature", &delta["reasoningContent"]["signature"]);
                input.push_str(delta["toolUse"]["input"].as_str().unwrap_or_default());
            }
            "contentBlockStop" => {
                if let Some(tool) = blocks.last_mut().unwrap().get_mut("toolUse") {
                    tool["input"] = serde_json::from_str(&input).unwrap();
                    input.clear();
                }
            }
            "messageStop" => stop = event["stopReason"].clone(),
            "metadata" => metadata = event.clone(),
            "messageStart" => assert_eq!(event["role"], "assistant"),
            other => panic!("{other}"),
        }
    }
    (blocks, stop, metadata)
}

#[tokio::test]
async fn converse_repeats_what_it_is_told() {
    let emulator = start().await;
    let answer = emulator.post(&converse(CLAUDE), &ask("Repeat after me: one two three")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(content(&answer), json!([{ "text": "one two three" }]));
    assert_eq!(answer.json()["stopReason"], "end_turn");
    assert!(answer.headers.contains_key("x-amzn-requestid"));
}

#[tokio::test]
async fn members_of_an_answer_are_sorted() {
    let emulator = start().await;
    let answer = emulator.post(&converse(CLAUDE), &ask("Repeat after me: x")).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let sorted = serde_json::to_string(
        &serde_json::from_str::<std::collections::BTreeMap<String, Value>>(&text).unwrap(),
    );
    assert_eq!(text, sorted.unwrap());
    assert!(text.starts_with(r#"{"metrics":{"latencyMs":"#), "{text}");
    assert!(text.contains(r#""usage":{"cacheReadInputTokenCount":0,"cacheReadInputTokens":0,"#), "{text}");
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
                let answer =
                    emulator.call(Method::POST, &converse(&spelling), body.as_bytes(), &[], &access).await;
                assert_eq!(answer.status, StatusCode::OK, "{spelling}: {:?}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_has_the_events_of_the_answer_in_order() {
    let emulator = start().await;
    let path = format!("/model/{CLAUDE}/converse-stream");
    let answer = emulator.post(&path, &ask("Repeat after me: a b c")).await;
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
    assert!(events.iter().all(|(_, event)| event["p"].as_str().is_some_and(|p| p.starts_with("ab"))));
}

/// Whole and streamed, the same question gets the same answer.
async fn same_whole_and_streamed(emulator: &Running, model: &str, body: &Value) -> Value {
    let whole = emulator.post(&converse(model), body).await;
    assert_eq!(whole.status, StatusCode::OK, "{:?}", whole.body);
    let streamed = emulator.post(&format!("/model/{model}/converse-stream"), body).await;
    let (mut blocks, stop, metadata) = gathered(&streamed.events());
    let mut expected = whole.json();
    for content in [&mut blocks, expected["output"]["message"]["content"].as_array_mut().unwrap()] {
        for tool in content.iter_mut().filter_map(|block| block.get_mut("toolUse")) {
            assert!(tool["toolUseId"].as_str().unwrap().starts_with("tooluse_"));
            tool["toolUseId"] = Value::Null;
        }
    }
    assert_eq!(Value::from(blocks), expected["output"]["message"]["content"]);
    assert_eq!(stop, expected["stopReason"]);
    assert_eq!(metadata["usage"], expected["usage"]);
    expected
}

fn weather_tool() -> Value {
    json!({ "toolSpec": { "name": "get_weather", "description": "Weather of a city", "inputSchema": { "json": {
        "type": "object",
        "properties": {
            "city": { "type": "string" },
            "unit": { "type": "string", "enum": ["celsius", "fahrenheit"] },
            "days": { "type": "integer", "minimum": 2, "maximum": 5 },
            "where": { "type": "object", "properties": { "country": { "type": "string" } }, "required": ["country"] },
            "tags": { "type": "array", "items": { "type": "boolean" }, "minItems": 2 },
        },
        "required": ["city", "unit", "days", "where", "tags"],
    } } } })
}

#[tokio::test]
async fn a_tool_asked_for_by_name_is_called_with_fitting_arguments() {
    let emulator = start().await;
    let tools = json!({ "toolConfig": { "tools": [weather_tool()] } });
    let body = ask_with("Use get_weather for the weather in New York, in fahrenheit.", tools);
    let answer = same_whole_and_streamed(&emulator, CLAUDE, &body).await;
    assert_eq!(answer["stopReason"], "tool_use");
    let input = &answer["output"]["message"]["content"][0]["toolUse"]["input"];
    assert_eq!(input["city"], "New York");
    assert_eq!(input["unit"], "fahrenheit");
    assert!((2..=5).contains(&input["days"].as_u64().unwrap()));
    assert!(input["where"]["country"].is_string());
    assert_eq!(input["tags"], json!([true, true]));
}

#[tokio::test]
async fn forced_tools_are_called_and_unnamed_ones_are_not() {
    let emulator = start().await;
    let other = json!({ "toolSpec": { "name": "other", "inputSchema": { "json": { "type": "object" } } } });
    for (choice, called) in [
        (json!({ "any": {} }), Some("get_weather")),
        (json!({ "tool": { "name": "other" } }), Some("other")),
        (json!({ "auto": {} }), None),
    ] {
        let config = json!({ "toolConfig": { "tools": [weather_tool(), other], "toolChoice": choice } });
        let answer = emulator.post(&converse(CLAUDE), &ask_with("Good morning", config)).await;
        assert_eq!(content(&answer)[0]["toolUse"]["name"].as_str(), called, "{:?}", answer.body);
    }
}

#[tokio::test]
async fn after_a_tool_result_the_answer_holds_it() {
    let emulator = start().await;
    let body = json!({
        "messages": [
            { "role": "user", "content": [{ "text": "Use get_weather in Paris" }] },
            { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "t1", "name": "get_weather", "input": {} } }] },
            { "role": "user", "content": [{ "toolResult": { "toolUseId": "t1", "content": [{ "json": { "degrees": 21 } }] } }] },
        ],
        "toolConfig": { "tools": [weather_tool()] },
    });
    let answer = same_whole_and_streamed(&emulator, CLAUDE, &body).await;
    assert_eq!(answer["stopReason"], "end_turn");
    let text = answer["output"]["message"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains(r#""degrees":21"#) || text.contains(r#""degrees": 21"#), "{text}");
}

#[tokio::test]
async fn thinking_comes_first_and_its_signature_is_checked_when_it_comes_back() {
    let emulator = start().await;
    let thinking = json!({ "inferenceConfig": { "maxTokens": 4000 },
        "additionalModelRequestFields": { "thinking": { "type": "enabled", "budget_tokens": 1024 } } });
    let answer =
        same_whole_and_streamed(&emulator, CLAUDE, &ask_with("Repeat after me: yes", thinking.clone())).await;
    let blocks = answer["output"]["message"]["content"].as_array().unwrap().clone();
    assert!(blocks[0]["reasoningContent"]["reasoningText"]["signature"].as_str().unwrap().len() > 20);
    assert_eq!(blocks[1], json!({ "text": "yes" }));

    let mut again = ask_with("Repeat after me: again", thinking);
    let question = again["messages"][0].clone();
    again["messages"] = json!([question, { "role": "assistant", "content": blocks }, question]);
    let answer = emulator.post(&converse(CLAUDE), &again).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    again["messages"][1]["content"][0]["reasoningContent"]["reasoningText"]["text"] =
        json!("I thought otherwise");
    let answer = emulator.post(&converse(CLAUDE), &again).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message().ends_with("messages.1.content.0: Invalid `signature` in `thinking` block"));
}

#[tokio::test]
async fn every_way_to_ask_for_reasoning_works() {
    let emulator = start().await;
    let adaptive = json!({ "additionalModelRequestFields": { "thinking": { "type": "adaptive" } } });
    let nova = json!({ "additionalModelRequestFields": { "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "low" } } });
    for (model, fields) in [(CLAUDE, adaptive), (NOVA, nova), ("us.deepseek.r1-v1:0", json!({}))] {
        let answer = emulator.post(&converse(model), &ask_with("Hello", fields)).await;
        assert!(content(&answer)[0]["reasoningContent"].is_object(), "{model}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn token_limit_and_stop_sequences_end_an_answer() {
    let emulator = start().await;
    let limit = json!({ "inferenceConfig": { "maxTokens": 5 } });
    let answer = same_whole_and_streamed(&emulator, NOVA, &ask_with("Count to 100", limit)).await;
    assert_eq!(answer["stopReason"], "max_tokens");
    assert_eq!(answer["usage"]["outputTokens"], 5);

    let stop = json!({ "inferenceConfig": { "stopSequences": ["7"] } });
    let answer = same_whole_and_streamed(&emulator, NOVA, &ask_with("Count to 10", stop)).await;
    assert_eq!(answer["stopReason"], "stop_sequence");
    assert_eq!(answer["output"]["message"]["content"][0]["text"], "1, 2, 3, 4, 5, 6, ");
}

#[tokio::test]
async fn pictures_and_documents_are_acknowledged() {
    let emulator = start().await;
    // The smallest PNG header: signature, IHDR, 2 × 3 pixels.
    let png = base64::engine::general_purpose::STANDARD
        .encode(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x03");
    let body = json!({ "messages": [{ "role": "user", "content": [
        { "image": { "format": "png", "source": { "bytes": png } } },
        { "document": { "format": "pdf", "name": "Report 1", "source": { "bytes": "AAAA" } } },
        { "text": "What is this?" },
    ] }] });
    let text =
        content(&emulator.post(&converse(CLAUDE), &body).await)[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("png image (24 bytes, 2×3 pixels)"), "{text}");
    assert!(text.contains("“Report 1” (pdf, 3 bytes)"), "{text}");
}

#[tokio::test]
async fn structured_output_fits_its_schema() {
    let emulator = start().await;
    let schema = json!({ "type": "object", "properties": { "answer": { "type": "integer" } }, "required": ["answer"] });
    let format = json!({ "outputConfig": { "textFormat": { "type": "json_schema",
        "structure": { "jsonSchema": { "name": "a", "schema": schema.to_string() } } } } });
    let answer = emulator.post(&converse(CLAUDE), &ask_with("What is 40 and 2?", format)).await;
    let text = content(&answer)[0]["text"].as_str().unwrap().to_owned();
    assert!(serde_json::from_str::<Value>(&text).unwrap()["answer"].is_i64(), "{text}");
}

fn messages(text: &str) -> Value {
    json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 2000, "messages": [{ "role": "user", "content": text }] })
}

/// The JSON inside the chunks of an InvokeModel stream.
pub fn chunks(answer: &Answer) -> Vec<Value> {
    let inside = |(name, event): (String, Value)| {
        assert_eq!(name, "chunk");
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(event["bytes"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    answer.events().into_iter().map(inside).collect()
}

#[tokio::test]
async fn claude_answers_its_own_body_whole_and_streamed() {
    let emulator = start().await;
    let mut body = messages("Repeat after me: moon");
    body["thinking"] = json!({ "type": "enabled", "budget_tokens": 1024 });
    let whole = emulator.post(&format!("/model/{CLAUDE}/invoke"), &body).await;
    let answer = whole.json();
    assert_eq!(answer["model"], "claude-sonnet-4-6");
    assert_eq!(answer["content"][0]["type"], "thinking");
    assert_eq!(answer["content"][1], json!({ "type": "text", "text": "moon" }));
    assert_eq!(answer["stop_reason"], "end_turn");
    let header = |name: &str| whole.headers[name].to_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(Some(header("x-amzn-bedrock-input-token-count")), answer["usage"]["input_tokens"].as_u64());
    assert_eq!(Some(header("x-amzn-bedrock-output-token-count")), answer["usage"]["output_tokens"].as_u64());
    assert!(header("x-amzn-bedrock-invocation-latency") > 0);

    let streamed = emulator.post(&format!("/model/{CLAUDE}/invoke-with-response-stream"), &body).await;
    assert_eq!(streamed.headers["x-amzn-bedrock-content-type"], "application/json");
    let chunks = chunks(&streamed);
    assert_eq!(chunks.first().unwrap()["type"], "message_start");
    let last = chunks.last().unwrap();
    assert_eq!(last["type"], "message_stop");
    assert_eq!(
        last["amazon-bedrock-invocationMetrics"]["outputTokenCount"],
        answer["usage"]["output_tokens"]
    );
    let joined = |pointer: &str| -> String {
        chunks.iter().filter_map(|chunk| chunk.pointer(pointer)?.as_str()).collect()
    };
    assert_eq!(joined("/delta/text"), "moon");
    assert_eq!(joined("/delta/thinking"), answer["content"][0]["thinking"].as_str().unwrap());
    assert_eq!(joined("/delta/signature"), answer["content"][0]["signature"].as_str().unwrap());
}

#[tokio::test]
async fn claude_calls_tools_in_its_own_body() {
    let emulator = start().await;
    let mut body = messages("Use lookup with key Mars");
    body["tools"] = json!([{ "name": "lookup", "input_schema": { "type": "object",
        "properties": { "key": { "type": "string" } }, "required": ["key"] } }]);
    let answer = emulator.post(&format!("/model/{CLAUDE}/invoke"), &body).await.json();
    assert_eq!(answer["stop_reason"], "tool_use");
    let call = answer["content"][0].clone();
    assert_eq!(call["type"], "tool_use");
    assert!(call["id"].as_str().unwrap().starts_with("toolu_bdrk_01"));
    body["messages"] = json!([
        { "role": "user", "content": "Use lookup with key Mars" },
        { "role": "assistant", "content": [call] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": call["id"], "content": "a red planet" }] },
    ]);
    let answer = emulator.post(&format!("/model/{CLAUDE}/invoke"), &body).await.json();
    assert!(answer["content"][0]["text"].as_str().unwrap().contains("a red planet"));
    body["tool_choice"] = json!({ "type": "none" });
    body["messages"] = json!([{ "role": "user", "content": "Use lookup with key Mars" }]);
    let answer = emulator.post(&format!("/model/{CLAUDE}/invoke"), &body).await.json();
    assert_eq!(answer["content"][0]["type"], "text");
}

#[tokio::test]
async fn nova_answers_its_own_body_whole_and_streamed() {
    let emulator = start().await;
    let body = ask_with(
        "Repeat after me: one two",
        json!({ "schemaVersion": "messages-v1", "inferenceConfig": { "maxTokens": 50, "topK": 20 } }),
    );
    let whole = emulator.post(&format!("/model/{NOVA}/invoke"), &body).await.json();
    assert_eq!(whole["output"]["message"]["content"], json!([{ "text": "one two" }]));
    let streamed = emulator.post(&format!("/model/{NOVA}/invoke-with-response-stream"), &body).await;
    let chunks = chunks(&streamed);
    let text: String =
        chunks.iter().filter_map(|chunk| chunk["contentBlockDelta"]["delta"]["text"].as_str()).collect();
    assert_eq!(text, "one two");
    assert_eq!(chunks.last().unwrap()["metadata"]["usage"], whole["usage"]);
}

#[tokio::test]
async fn embeddings_are_near_for_texts_that_share_words() {
    let emulator = start().await;
    let mut vectors: Vec<Vec<f64>> = Vec::new();
    for text in ["the cat sat on the mat", "a cat on a mat", "quarterly tax report"] {
        let body = json!({ "inputText": text, "dimensions": 256 });
        let answer = emulator.post("/model/amazon.titan-embed-text-v2:0/invoke", &body).await;
        let vector: Vec<f64> = serde_json::from_value(answer.json()["embedding"].clone()).unwrap();
        assert_eq!(vector.len(), 256);
        assert!((vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-6);
        vectors.push(vector);
    }
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    assert!(product(&vectors[0], &vectors[1]) > product(&vectors[0], &vectors[2]) + 0.1);
}

#[tokio::test]
async fn tokens_are_counted_as_they_are_charged() {
    let emulator = start().await;
    let body = ask("How many tokens are these words?");
    let answer = emulator.post(&converse(CLAUDE), &body).await;
    let counted = emulator
        .post("/model/anthropic.claude-sonnet-4-6/count-tokens", &json!({ "input": { "converse": body } }))
        .await;
    assert_eq!(counted.json()["inputTokens"], answer.json()["usage"]["inputTokens"]);
    let native = base64::engine::general_purpose::STANDARD
        .encode(messages("How many tokens are these words?").to_string());
    let body = json!({ "input": { "invokeModel": { "body": native } } });
    let native = emulator.post("/model/anthropic.claude-sonnet-4-6/count-tokens", &body).await;
    assert_eq!(native.json(), counted.json());
    let refused = emulator.post(&format!("/model/{CLAUDE}/count-tokens"), &body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.message(), "The provided model doesn't support counting tokens.");
}

#[tokio::test]
async fn every_stop_reason_can_be_asked_for_in_words() {
    let emulator = start().await;
    for reason in [
        "end_turn",
        "tool_use",
        "max_tokens",
        "stop_sequence",
        "guardrail_intervened",
        "content_filtered",
        "malformed_model_output",
        "malformed_tool_use",
        "model_context_window_exceeded",
    ] {
        let body = ask(&format!("Say something and end with stop reason: {reason}"));
        assert_eq!(emulator.post(&converse(CLAUDE), &body).await.json()["stopReason"], reason);
        let events = emulator.post(&format!("/model/{NOVA}/converse-stream"), &body).await.events();
        assert!(events.iter().any(|(name, event)| name == "messageStop" && event["stopReason"] == reason));
    }
    let unknown = emulator.post(&converse(CLAUDE), &ask("stop reason: tired")).await.json();
    assert_eq!(unknown["stopReason"], "end_turn");
}

#[tokio::test]
async fn what_was_asked_for_beside_the_answer_is_said_back() {
    let emulator = start().await;
    let body = ask_with(
        "one two",
        json!({
            "serviceTier": { "type": "flex" },
            "performanceConfig": { "latency": "optimized" },
            "requestMetadata": { "team": "a" },
            "inferenceConfig": { "stopSequences": ["two"] },
            "additionalModelResponseFieldPaths": ["/stop_sequence", "/usage/output_tokens", "/nothing"],
        }),
    );
    let answer = emulator.post(&converse(CLAUDE), &body).await.json();
    assert_eq!(answer["serviceTier"], json!({ "type": "flex" }));
    assert_eq!(answer["performanceConfig"], json!({ "latency": "optimized" }));
    let tokens = &answer["usage"]["outputTokens"];
    assert_eq!(
        answer["additionalModelResponseFields"],
        json!({ "stop_sequence": "two", "usage": { "output_tokens": tokens } })
    );
    let events = emulator.post(&format!("/model/{CLAUDE}/converse-stream"), &body).await.events();
    let (_, metadata) = events.last().unwrap();
    assert_eq!(
        (&metadata["serviceTier"]["type"], &metadata["performanceConfig"]["latency"]),
        (&json!("flex"), &json!("optimized"))
    );
    let plain = emulator.post(&converse(CLAUDE), &ask("hi")).await.json();
    assert!(plain.get("serviceTier").is_none() && plain.get("trace").is_none(), "{plain}");
    let native = json!({ "inputText": "x" }).to_string();
    let headers = [
        ("x-amzn-bedrock-service-tier", "priority"),
        ("x-amzn-bedrock-performanceconfig-latency", "standard"),
    ];
    let path = "/model/amazon.titan-embed-text-v2:0/invoke";
    let answer = emulator.call(Method::POST, path, native.as_bytes(), &headers, &Access::signed()).await;
    for (name, value) in headers {
        assert_eq!(answer.headers[name], value, "{:?}", answer.body);
    }
}

#[tokio::test]
async fn a_prompt_router_tells_what_it_chose() {
    let emulator = start().await;
    let routers = emulator.get("/prompt-routers").await.json();
    let router = &routers["promptRouterSummaries"][0];
    let arn = router["promptRouterArn"].as_str().unwrap().replace(':', "%3A").replace('/', "%2F");
    let answer = emulator.post(&converse(&arn), &ask("hi")).await;
    assert_eq!(
        answer.json()["trace"]["promptRouter"]["invokedModelId"],
        router["fallbackModel"]["modelArn"],
        "{:?}",
        answer.body
    );
    let events = emulator.post(&format!("/model/{arn}/converse-stream"), &ask("hi")).await.events();
    assert!(events.last().unwrap().1["trace"]["promptRouter"].is_object());
}

#[tokio::test]
async fn structured_answers_satisfy_their_schema() {
    let emulator = start().await;
    let schema = json!({
        "type": "object",
        "required": ["city", "people", "tags"],
        "properties": {
            "city": { "type": "string" },
            "people": { "type": "integer", "minimum": 1 },
            "tags": { "type": "array", "items": { "enum": ["old", "new"] } },
        },
    });
    let format = json!({ "type": "json_schema", "structure": { "jsonSchema": { "schema": schema.to_string(), "name": "city" } } });
    let body = ask_with("Paris has 2000000 people", json!({ "outputConfig": { "textFormat": format } }));
    let answer = emulator.post(&converse(CLAUDE), &body).await.json();
    let text = answer["output"]["message"]["content"][0]["text"].as_str().unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    assert!(value["city"].is_string() && value["people"] == 2_000_000, "{value}");
    assert!(["old", "new"].contains(&value["tags"][0].as_str().unwrap()), "{value}");
}
