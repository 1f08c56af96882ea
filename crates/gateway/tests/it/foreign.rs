//! Models that live on one of AWS's OpenAI- or Anthropic-style endpoints only, asked in every dialect that they do not
//! speak there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

/// Served by mantle only, with Chat Completions alone.
const QWEN: &str = "qwen.qwen3-32b";
/// Served by mantle only, with Chat Completions and Responses; reasons.
const GPT_OSS: &str = "openai.gpt-oss-120b";
/// Served by mantle only, with Messages.
const CLAUDE: &str = "anthropic.claude-haiku-4-5";
const PHRASE: &str = "hello from afar";
const CHAT: &str =
    "translate; surface=mantle; reason=\"the model is served there only and speaks Chat Completions\"";
const MESSAGES: &str =
    "translate; surface=mantle; reason=\"the model is served there only and speaks Messages\"";

/// A dialect's way to ask and to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Chat,
    Responses,
    Messages,
    Converse,
}

/// Who speaks what to whom, and how it travels.
const WAYS: [(Client, &str, &str); 7] = [
    (Client::Messages, GPT_OSS, CHAT),
    (Client::Converse, GPT_OSS, CHAT),
    (Client::Responses, QWEN, CHAT),
    (Client::Messages, QWEN, CHAT),
    (Client::Chat, CLAUDE, MESSAGES),
    (Client::Responses, CLAUDE, MESSAGES),
    (Client::Converse, CLAUDE, MESSAGES),
];

/// What was heard of an answer, in no dialect.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    text: String,
    reasoning: String,
    calls: Vec<(String, Value)>,
    stop: String,
    tokens: (u64, u64),
}

impl Client {
    fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Messages => "/v1/messages".to_owned(),
            Self::Converse if stream => format!("/model/{model}/converse-stream"),
            Self::Converse => format!("/model/{model}/converse"),
        }
    }

    /// A question, with a system prompt and room for an answer.
    fn ask(self, model: &str, question: &str) -> Value {
        match self {
            Self::Chat => json!({"model": model, "max_tokens": 900,
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]}),
            Self::Responses => json!({"model": model, "max_output_tokens": 900, "store": false,
                "instructions": "Be brief.", "input": question}),
            Self::Messages => json!({"model": model, "max_tokens": 900, "system": "Be brief.",
                "messages": [{"role": "user", "content": question}]}),
            Self::Converse => {
                json!({"system": [{"text": "Be brief."}], "inferenceConfig": {"maxTokens": 900},
                "messages": [{"role": "user", "content": [{"text": question}]}]})
            }
        }
    }

    /// The same with a tool that looks up a city's weather.
    fn with_tool(self, mut body: Value) -> Value {
        let (name, schema) = (
            "weather",
            json!({"type": "object", "required": ["city"],
            "properties": {"city": {"type": "string", "enum": ["Paris"]}}}),
        );
        match self {
            Self::Chat => {
                body["tools"] =
                    json!([{"type": "function", "function": {"name": name, "parameters": schema}}]);
            }
            Self::Responses => {
                body["tools"] = json!([{"type": "function", "name": name, "parameters": schema}]);
            }
            Self::Messages => body["tools"] = json!([{"name": name, "input_schema": schema}]),
            Self::Converse => {
                body["toolConfig"] =
                    json!({"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": schema}}}]});
            }
        }
        body
    }

    /// The conversation goes on with what the tool answered.
    fn with_result(self, mut body: Value, answer: &Value) -> Value {
        const RESULT: &str = "18 degrees";
        match self {
            Self::Chat => {
                let message = answer["choices"][0]["message"].clone();
                let id = message["tool_calls"][0]["id"].clone();
                let turns = body["messages"].as_array_mut().unwrap();
                turns.extend([message, json!({"role": "tool", "tool_call_id": id, "content": RESULT})]);
            }
            Self::Responses => {
                let mut items = vec![json!({"role": "user", "content": body["input"]})];
                let output = answer["output"].as_array().unwrap();
                let call = output.iter().find(|item| item["type"] == "function_call").unwrap();
                items.extend(output.iter().cloned());
                items.push(
                    json!({"type": "function_call_output", "call_id": call["call_id"], "output": RESULT}),
                );
                body["input"] = items.into();
            }
            Self::Messages => {
                let content = answer["content"].as_array().unwrap();
                let call = content.iter().find(|block| block["type"] == "tool_use").unwrap();
                let result = json!({"type": "tool_result", "tool_use_id": call["id"], "content": RESULT});
                let turns = body["messages"].as_array_mut().unwrap();
                turns.push(json!({"role": "assistant", "content": content}));
                turns.push(json!({"role": "user", "content": [result]}));
            }
            Self::Converse => {
                let message = answer["output"]["message"].clone();
                let blocks = message["content"].as_array().unwrap();
                let call = blocks.iter().find_map(|block| block.get("toolUse")).unwrap();
                let result =
                    json!({"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": RESULT}]}});
                let turns = body["messages"].as_array_mut().unwrap();
                turns.extend([message.clone(), json!({"role": "user", "content": [result]})]);
            }
        }
        body
    }

    /// The same with reasoning turned on.
    fn with_reasoning(self, mut body: Value, model: &str) -> Value {
        match self {
            Self::Chat => body["reasoning_effort"] = "low".into(),
            Self::Responses => body["reasoning"] = json!({"effort": "low"}),
            Self::Messages => {
                body["max_tokens"] = 4000.into();
                body["thinking"] = json!({"type": "enabled", "budget_tokens": 2048});
            }
            Self::Converse if model == CLAUDE => {
                body["inferenceConfig"]["maxTokens"] = 4000.into();
                let thinking = json!({"type": "enabled", "budget_tokens": 2048});
                body["additionalModelRequestFields"] = json!({"thinking": thinking});
            }
            Self::Converse => body["additionalModelRequestFields"] = json!({"reasoning_effort": "low"}),
        }
        body
    }

    async fn send(self, rig: &Rig, model: &str, body: &Value, stream: bool) -> Answer {
        let mut body = body.clone();
        if stream && self != Self::Converse {
            body["stream"] = true.into();
        }
        if stream && self == Self::Chat {
            body["stream_options"] = json!({"include_usage": true});
        }
        rig.post(&self.path(model, stream), body.to_string()).await
    }

    fn heard(self, answer: &Answer, stream: bool) -> Heard {
        assert_eq!(answer.status, StatusCode::OK, "{self:?} {}", answer.text());
        match (self, stream) {
            (Self::Chat, false) => heard_of_chat(&answer.json()),
            (Self::Chat, true) => heard_of_chunks(&answer.events()),
            (Self::Responses, false) => heard_of_response(&answer.json()),
            (Self::Responses, true) => heard_of_response(&answer.events().last().unwrap()["response"]),
            (Self::Messages, false) => heard_of_message(&answer.json()),
            (Self::Messages, true) => heard_of_message_events(&answer.events()),
            (Self::Converse, false) => heard_of_converse(&answer.json()),
            (Self::Converse, true) => heard_of_frames(&frames(answer)),
        }
    }
}

fn tokens(usage: &Value, input: &str, output: &str) -> (u64, u64) {
    (usage[input].as_u64().unwrap_or_default(), usage[output].as_u64().unwrap_or_default())
}

fn heard_of_chat(answer: &Value) -> Heard {
    let choice = &answer["choices"][0];
    let text = |member: &str| choice["message"][member].as_str().unwrap_or_default().to_owned();
    let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten();
    let arguments =
        |call: &Value| serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    Heard {
        text: text("content"),
        reasoning: text("reasoning_content"),
        calls: calls.map(|it| (it["function"]["name"].as_str().unwrap().to_owned(), arguments(it))).collect(),
        stop: choice["finish_reason"].as_str().unwrap().to_owned(),
        tokens: tokens(&answer["usage"], "prompt_tokens", "completion_tokens"),
    }
}

fn heard_of_chunks(events: &[Value]) -> Heard {
    assert_eq!(events.last(), Some(&json!("[DONE]")));
    let mut heard = Heard::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    for event in events {
        let choice = &event["choices"][0];
        let delta = &choice["delta"];
        heard.text.push_str(delta["content"].as_str().unwrap_or_default());
        heard.reasoning.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            if let Some(name) = call["function"]["name"].as_str() {
                calls.push((name.to_owned(), String::new()));
            }
            let at = call["index"].as_u64().unwrap() as usize;
            calls[at].1.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        if let Some(stop) = choice["finish_reason"].as_str() {
            heard.stop = stop.to_owned();
        }
        if event["usage"].is_object() {
            heard.tokens = tokens(&event["usage"], "prompt_tokens", "completion_tokens");
        }
    }
    heard.calls =
        calls.into_iter().map(|(name, text)| (name, serde_json::from_str(&text).unwrap())).collect();
    heard
}

fn heard_of_response(response: &Value) -> Heard {
    let mut heard = Heard {
        stop: response["status"].as_str().unwrap_or_else(|| panic!("{response}")).to_owned(),
        tokens: tokens(&response["usage"], "input_tokens", "output_tokens"),
        ..Heard::default()
    };
    for item in response["output"].as_array().unwrap() {
        let texts = |member: &str| -> String {
            let pieces = item[member].as_array().into_iter().flatten();
            pieces.filter_map(|piece| piece["text"].as_str()).collect()
        };
        match item["type"].as_str().unwrap() {
            "message" => heard.text.push_str(&texts("content")),
            "reasoning" => heard.reasoning.push_str(&(texts("summary") + &texts("content"))),
            _ => {
                let arguments = serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap();
                heard.calls.push((item["name"].as_str().unwrap().to_owned(), arguments));
            }
        }
    }
    heard
}

fn heard_of_message(message: &Value) -> Heard {
    let mut heard = Heard {
        stop: message["stop_reason"].as_str().unwrap().to_owned(),
        tokens: tokens(&message["usage"], "input_tokens", "output_tokens"),
        ..Heard::default()
    };
    for block in message["content"].as_array().unwrap() {
        match block["type"].as_str().unwrap() {
            "text" => heard.text.push_str(block["text"].as_str().unwrap()),
            "thinking" => heard.reasoning.push_str(block["thinking"].as_str().unwrap()),
            _ => heard.calls.push((block["name"].as_str().unwrap().to_owned(), block["input"].clone())),
        }
    }
    heard
}

/// The events, put together as Anthropic's SDKs do.
fn heard_of_message_events(events: &[Value]) -> Heard {
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    let mut blocks: Vec<(Value, String)> = Vec::new();
    let mut message = json!({"content": []});
    for event in events {
        let at = event["index"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!(at, blocks.len(), "blocks come in their order");
                blocks.push((event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                for member in ["text", "thinking", "partial_json"] {
                    blocks[at].1.push_str(event["delta"][member].as_str().unwrap_or_default());
                }
            }
            "message_delta" => {
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"] = event["usage"].clone();
            }
            _ => {}
        }
    }
    for (mut block, said) in blocks {
        match block["type"].as_str().unwrap() {
            "tool_use" => block["input"] = serde_json::from_str(&said).unwrap_or_else(|_| json!({})),
            kind => {
                let kind = kind.to_owned();
                block[kind.as_str()] = said.into();
            }
        }
        message["content"].as_array_mut().unwrap().push(block);
    }
    heard_of_message(&message)
}

fn heard_of_converse(answer: &Value) -> Heard {
    assert!(answer["metrics"]["latencyMs"].is_u64(), "{answer}");
    assert_eq!(answer["output"]["message"]["role"], "assistant");
    let mut heard = Heard {
        stop: answer["stopReason"].as_str().unwrap().to_owned(),
        tokens: tokens(&answer["usage"], "inputTokens", "outputTokens"),
        ..Heard::default()
    };
    for block in answer["output"]["message"]["content"].as_array().unwrap() {
        heard.text.push_str(block["text"].as_str().unwrap_or_default());
        let reasoning = &block["reasoningContent"]["reasoningText"]["text"];
        heard.reasoning.push_str(reasoning.as_str().unwrap_or_default());
        if let Some(call) = block.get("toolUse") {
            heard.calls.push((call["name"].as_str().unwrap().to_owned(), call["input"].clone()));
        }
    }
    heard
}

/// The frames of an event stream: an event's type and payload; an exception's type has a `!` before it.
fn frames(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.header("content-type"), "application/vnd.amazon.eventstream");
    let mut decoder = Decoder::default();
    decoder.push(&answer.body);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame().unwrap() {
        let (kind, payload) = match frame.message() {
            Message::Event { event_type, payload } => (event_type.to_owned(), payload),
            Message::Exception { exception_type, payload } => (format!("!{exception_type}"), payload),
            Message::Error { code, .. } => panic!("{code}"),
        };
        frames.push((kind, serde_json::from_slice(payload).unwrap()));
    }
    assert!(!decoder.has_partial_frame());
    frames
}

fn heard_of_frames(frames: &[(String, Value)]) -> Heard {
    let kinds: Vec<&str> = frames.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!((kinds[0], &kinds[kinds.len() - 2..]), ("messageStart", &["messageStop", "metadata"][..]));
    let mut heard = Heard::default();
    let mut arguments = String::new();
    for (kind, payload) in frames {
        match kind.as_str() {
            "contentBlockStart" => {
                let name = payload["start"]["toolUse"]["name"].as_str().unwrap();
                heard.calls.push((name.to_owned(), Value::Null));
                arguments.clear();
            }
            "contentBlockDelta" => {
                let delta = &payload["delta"];
                heard.text.push_str(delta["text"].as_str().unwrap_or_default());
                let reasoning = &delta["reasoningContent"]["text"];
                heard.reasoning.push_str(reasoning.as_str().unwrap_or_default());
                arguments.push_str(delta["toolUse"]["input"].as_str().unwrap_or_default());
            }
            "contentBlockStop" => {
                if let Some((_, input)) = heard.calls.last_mut().filter(|(_, input)| input.is_null()) {
                    *input = serde_json::from_str(&arguments).unwrap();
                }
            }
            "messageStop" => heard.stop = payload["stopReason"].as_str().unwrap().to_owned(),
            "metadata" => {
                assert!(payload["metrics"]["latencyMs"].is_u64(), "{payload}");
                heard.tokens = tokens(&payload["usage"], "inputTokens", "outputTokens");
            }
            _ => {}
        }
    }
    heard
}

#[tokio::test]
async fn every_dialect_reaches_every_model_and_the_ledger_has_the_bill_s_tokens() {
    let rig = Rig::start(Plan::default()).await;
    for (client, model, lane) in WAYS {
        let body = client.ask(model, &format!("repeat after me: {PHRASE}"));
        let whole = client.send(&rig, model, &body, false).await;
        let heard = client.heard(&whole, false);
        assert_eq!(heard.text, PHRASE, "{client:?} {model}");
        assert!(["stop", "completed", "end_turn"].contains(&heard.stop.as_str()), "{heard:?}");
        assert_eq!(whole.header("outcrop-lane"), lane, "{client:?} {model}");
        assert_eq!(whole.header("outcrop-model"), model);
        assert!(!whole.header("x-amzn-requestid").is_empty());
        let streamed = client.send(&rig, model, &body, true).await;
        assert_eq!(client.heard(&streamed, true), heard, "{client:?} {model}");
        assert_eq!(streamed.header("outcrop-lane"), lane);
    }
    let books = rig.books().await;
    assert_eq!((books.rows.len(), books.bill.len()), (14, 14));
    for (row, billed) in books.rows.iter().zip(&books.bill) {
        assert_eq!((row.usage.as_str(), row.status), ("exact", 200), "{row:?}");
        let tokens = (billed["inputTokens"].as_i64(), billed["outputTokens"].as_i64());
        assert_eq!((Some(row.input), Some(row.output)), tokens, "{row:?} {billed}");
    }
}

#[tokio::test]
async fn tools_are_called_and_answered_in_every_dialect() {
    let rig = Rig::start(Plan::default()).await;
    for (client, model, _) in WAYS {
        let body = client.with_tool(client.ask(model, "Use the weather tool for Paris."));
        let whole = client.send(&rig, model, &body, false).await;
        let heard = client.heard(&whole, false);
        let called = vec![("weather".to_owned(), json!({"city": "Paris"}))];
        assert_eq!(heard.calls, called, "{client:?} {model} {}", whole.text());
        assert!(["tool_calls", "completed", "tool_use"].contains(&heard.stop.as_str()), "{heard:?}");
        let streamed = client.send(&rig, model, &body, true).await;
        assert_eq!(client.heard(&streamed, true), heard, "{client:?} {model}");
        let next = client.with_result(body, &whole.json());
        let last = client.send(&rig, model, &next, false).await;
        assert!(client.heard(&last, false).text.contains("18 degrees"), "{client:?} {model} {}", last.text());
    }
}

#[tokio::test]
async fn what_the_model_thought_is_shown_and_comes_back() {
    let rig = Rig::start(Plan::default()).await;
    for (client, model, _) in WAYS.into_iter().filter(|(_, model, _)| *model != QWEN) {
        let body = client.ask(model, "Use the weather tool for Paris.");
        let body = client.with_reasoning(client.with_tool(body), model);
        let whole = client.send(&rig, model, &body, false).await;
        let heard = client.heard(&whole, false);
        assert!(!heard.reasoning.is_empty(), "{client:?} {model} {}", whole.text());
        let streamed = client.send(&rig, model, &body, true).await;
        assert_eq!(client.heard(&streamed, true), heard, "{client:?} {model}");
        // Claude refuses a tool's answer whose call has lost its signed reasoning.
        let next = client.with_result(body, &whole.json());
        let last = client.send(&rig, model, &next, false).await;
        assert!(client.heard(&last, false).text.contains("18 degrees"), "{client:?} {model} {}", last.text());
        let notices = last.headers.get_all("outcrop-notice").iter().map(|it| it.to_str().unwrap());
        let lost: Vec<&str> =
            notices.filter(|it| it.starts_with("dropped") && it.contains("easoning")).collect();
        assert!(lost.is_empty(), "{client:?} {model} {lost:?}");
    }
}

#[tokio::test]
async fn what_goes_wrong_there_is_told_in_the_client_s_words() {
    let rig = Rig::start(Plan::default()).await;
    for (client, model, lane) in WAYS {
        let body = client.ask(model, &format!("repeat after me: {PHRASE}"));
        let send = async |fault: &str, stream: bool| {
            let mut body = body.clone();
            if stream && client != Client::Converse {
                body["stream"] = true.into();
            }
            let path = client.path(model, stream);
            rig.send(Method::POST, &path, &[("x-outcrop-fault", fault)], body.to_string()).await
        };
        let wrong = send("ValidationException", false).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{client:?} {}", wrong.text());
        assert_eq!(wrong.header("outcrop-lane"), lane);
        match client {
            Client::Converse => {
                assert!(wrong.json()["message"].is_string(), "{}", wrong.text());
                assert!(wrong.json().get("error").is_none(), "{}", wrong.text());
                assert!(wrong.header("x-amzn-errortype").starts_with("ValidationException"));
            }
            _ => assert!(wrong.json()["error"]["message"].is_string(), "{}", wrong.text()),
        }
        let first = send("ThrottlingException;at=first", true).await;
        assert_eq!(first.status, StatusCode::TOO_MANY_REQUESTS, "{client:?} {}", first.text());
        for fault in ["ModelStreamErrorException;at=mid", "cut"] {
            let broken = send(fault, true).await;
            assert_eq!(broken.status, StatusCode::OK, "{client:?} {fault}");
            assert!(tells_of_failure(client, &broken), "{client:?} {fault} {}", broken.text());
        }
        let again = send("ThrottlingException;count=1", false).await;
        assert_eq!(again.status, StatusCode::OK, "one refusal is tried again: {client:?} {}", again.text());
    }
}

/// Whether the last thing said is an error, and the stream does not look whole.
fn tells_of_failure(client: Client, answer: &Answer) -> bool {
    if client == Client::Converse {
        return frames(answer).last().unwrap().0.starts_with('!');
    }
    let events = answer.events();
    let last = events.last().unwrap();
    last["error"].is_object() || last["type"] == "error" || last["type"] == "response.failed"
}

/// What cannot be carried is said; what would make another question of it is refused.
#[tokio::test]
async fn what_the_endpoint_has_no_word_for_is_said_or_refused() {
    let rig = Rig::start(Plan::default()).await;
    let mut body = Client::Converse.ask(QWEN, "hi");
    body["system"] = json!([{"text": "Be brief."}, {"cachePoint": {"type": "default"}}]);
    body["performanceConfig"] = json!({"latency": "optimized"});
    body["requestMetadata"] = json!({"team": "a", "user": "u"});
    body["inferenceConfig"]["topK"] = 3.into();
    body["tomorrow"] = true.into();
    let answer = rig.post(&Client::Converse.path(QWEN, false), body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let notices: Vec<&str> =
        answer.headers.get_all("outcrop-notice").iter().map(|it| it.to_str().unwrap()).collect();
    for named in
        ["cachePoint", "performanceConfig", "requestMetadata.team", "inferenceConfig.topK", "tomorrow"]
    {
        assert!(notices.iter().any(|notice| notice.contains(named)), "{named}: {notices:?}");
    }
    let video = json!({"video": {"format": "mp4", "source": {"bytes": "AAAA"}}});
    let place = json!({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}});
    for block in [video, place] {
        let mut body = Client::Converse.ask(QWEN, "hi");
        body["messages"][0]["content"].as_array_mut().unwrap().push(block);
        let answer = rig.post(&Client::Converse.path(QWEN, false), body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert!(answer.text().contains("hint: "), "{}", answer.text());
    }
    let mut body = Client::Converse.ask(CLAUDE, "hi");
    body["guardrailConfig"] = json!({"guardrailIdentifier": "abc", "guardrailVersion": "1"});
    let answer = rig.post(&Client::Converse.path(CLAUDE, false), body.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "a guardrail is never left out: {}", answer.text());
    let counted = rig.post("/v1/messages/count_tokens", Client::Messages.ask(QWEN, "hi").to_string()).await;
    assert_eq!(counted.status, StatusCode::BAD_REQUEST);
    assert!(counted.text().contains("nobody counts the tokens"), "{}", counted.text());
    assert_eq!(rig.bill().await.len(), 1);
}

/// InvokeModel takes the model's own body, which is what its endpoint speaks.
#[tokio::test]
async fn invoke_model_hands_the_model_s_own_body_on() {
    let rig = Rig::start(Plan::default()).await;
    let turn = json!([{"role": "user", "content": format!("repeat after me: {PHRASE}")}]);
    let chat = json!({"max_completion_tokens": 99, "messages": turn});
    let claude = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": turn,
        "anthropic_beta": ["token-efficient-tools-2025-02-19"]});
    for (model, body, pointer, piece) in [
        (QWEN, &chat, "/choices/0/message/content", "/choices/0/delta/content"),
        (CLAUDE, &claude, "/content/0/text", "/delta/text"),
    ] {
        let whole = rig.post(&format!("/model/{model}/invoke"), body.to_string()).await;
        assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
        assert_eq!(whole.json().pointer(pointer), Some(&json!(PHRASE)), "{}", whole.text());
        let lane =
            "relay; surface=mantle; reason=\"the model is served there only and takes its own body there\"";
        assert_eq!(whole.header("outcrop-lane"), lane);
        let path = format!("/model/{model}/invoke-with-response-stream");
        let streamed = rig.post(&path, body.to_string()).await;
        let chunks = frames(&streamed);
        assert!(chunks.iter().all(|(kind, _)| kind == "chunk"), "{chunks:?}");
        let said: String = chunks
            .iter()
            .map(|(_, payload)| unpacked(payload))
            .filter_map(|event| Some(event.pointer(piece)?.as_str()?.to_owned()))
            .collect();
        assert_eq!(said, PHRASE);
        for fault in ["cut", "ModelStreamErrorException;at=mid"] {
            let broken = rig.send(Method::POST, &path, &[("x-outcrop-fault", fault)], body.to_string()).await;
            assert!(frames(&broken).last().unwrap().0.starts_with('!'), "{fault}");
        }
        let headers = [("x-outcrop-fault", "ValidationException")];
        let wrong = rig.send(Method::POST, &path, &headers, body.to_string()).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        assert!(wrong.json()["message"].is_string(), "in AWS's shape: {}", wrong.text());
    }
    for (model, body) in [(QWEN, &claude), (CLAUDE, &chat), (QWEN, &json!({"prompt": "hi"}))] {
        let refused = rig.post(&format!("/model/{model}/invoke"), body.to_string()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.text().contains("not this model's own") && refused.text().contains("hint: "),
            "{}",
            refused.text()
        );
    }
    let books = rig.books().await;
    for row in books.rows.iter().filter(|row| row.error.is_none()) {
        assert_eq!((row.usage.as_str(), row.output > 0), ("exact", true), "{row:?}");
    }
}

/// The event in a chunk.
fn unpacked(payload: &Value) -> Value {
    let bytes = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
