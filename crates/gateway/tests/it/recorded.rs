//! Real exchanges with Bedrock, replayed through the gateway.
//!
//! On the native surface the client must receive the recorded bytes unchanged; through Chat Completions and Messages the
//! text, the reasoning, the tool calls, the stop reason and the usage must all arrive.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine;
use http::Method;
use outcrop_catalog::Layer;
use outcrop_gateway::LanePolicy;
use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::{Answer, Plan, Rig};

/// One recorded exchange.
struct Exchange {
    id: String,
    operation: String,
    request: Value,
    response: Value,
}

const FILES: [&str; 5] = [
    "bedrock-converse",
    "bedrock-converse-stream",
    "bedrock-invoke",
    "bedrock-invoke-stream",
    "bedrock-errors",
];

/// The project's own few recordings, and the large collection where it is beside the checkout.
fn collections() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("tests/fixtures/recorded");
    let large = root.join("../../../shared/data/recorded");
    if large.is_dir() {
        return vec![own, large];
    }
    println!(
        "the large collection of recordings is not beside this checkout: only the project's own are replayed"
    );
    vec![own]
}

fn exchanges(collection: &Path, file: &str) -> Vec<Exchange> {
    let path = collection.join(format!("{file}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| Exchange {
        id: row["id"].as_str().unwrap().to_owned(),
        operation: row["operation"].as_str().unwrap().to_owned(),
        request: row["request"].clone(),
        response: row["response"].clone(),
    })
    .collect()
}

/// Tried and kept, by file and surface.
#[derive(Default)]
struct Table {
    rows: BTreeMap<(String, &'static str), (usize, usize)>,
    lost: String,
}

impl Table {
    fn count(&mut self, file: &str, surface: &'static str, id: &str, outcome: Result<(), String>) {
        let row = self.rows.entry((file.to_owned(), surface)).or_default();
        row.0 += 1;
        match outcome {
            Ok(()) => row.1 += 1,
            Err(why) => writeln!(self.lost, "{surface} {id}: {why}").unwrap(),
        }
    }

    /// Prints the table; fails when anything was lost, or when nothing was tried.
    fn settle(self) {
        println!("{:<28} {:<18} {:>6} {:>6}", "exchanges", "surface", "tried", "kept");
        for ((file, surface), (tried, kept)) in &self.rows {
            println!("{file:<28} {surface:<18} {tried:>6} {kept:>6}");
        }
        assert!(!self.rows.is_empty(), "nothing was tried");
        assert!(self.lost.is_empty(), "lost on the way:\n{}", self.lost);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_native_surface_hands_on_recorded_bytes() {
    for collection in collections() {
        native_surface(&collection).await;
    }
}

async fn native_surface(collection: &Path) {
    let replay = FILES.map(|file| collection.join(format!("{file}.jsonl"))).to_vec();
    let rig = Rig::start(Plan { replay, ..Plan::default() }).await;
    let mut table = Table::default();
    for file in FILES {
        let (whole, answers): (Vec<_>, Vec<_>) =
            exchanges(collection, file).into_iter().partition(|exchange| !exchange.request["body"].is_null());
        for exchange in whole {
            let path = exchange.request["path"].as_str().unwrap();
            let body = serde_json::to_vec(&exchange.request["body"]).unwrap();
            let answer = rig.send(Method::POST, path, &[], body).await;
            table.count(file, "native", &exchange.id, unchanged(&exchange, &answer));
        }
        answers_without_requests(file, answers, &mut table).await;
    }
    table.settle();
}

/// Some recorders kept the answer alone; it is served to any request. Events without their frames cannot be.
async fn answers_without_requests(file: &str, mut exchanges: Vec<Exchange>, table: &mut Table) {
    exchanges.retain(|exchange| {
        ["body_base64", "body_json", "body_text"].iter().any(|body| !exchange.response[body].is_null())
    });
    let folder = TempDir::new().unwrap();
    let rig = Rig::start(Plan { replay: vec![retarget(&exchanges, folder.path())], ..Plan::default() }).await;
    for (index, exchange) in exchanges.iter().enumerate() {
        let path = format!("/model/{}/{}", arn(index), segment(exchange));
        let answer = rig.send(Method::POST, &path, &[], r#"{"messages":[]}"#).await;
        table.count(file, "native", &exchange.id, unchanged(exchange, &answer));
    }
}

/// Some recorders hide header values.
const BLOTTED_OUT: &str = "**REDACTED**";

/// The recorded status, error type and bytes.
fn unchanged(exchange: &Exchange, answer: &Answer) -> Result<(), String> {
    let response = &exchange.response;
    if response["status"] != answer.status.as_u16() {
        return Err(format!("status {} became {}: {}", response["status"], answer.status, answer.text()));
    }
    for name in ["content-type", "x-amzn-errortype", "x-amzn-requestid", "x-amzn-bedrock-content-type"] {
        if let Some(recorded) = response["headers"][name].as_str()
            && recorded != BLOTTED_OUT
            && answer.header(name) != recorded
        {
            return Err(format!("{name} became {:?}", answer.header(name)));
        }
    }
    if let Some(recorded) = response["body_base64"].as_str() {
        let recorded = base64::engine::general_purpose::STANDARD.decode(recorded).unwrap();
        if answer.body == recorded {
            return Ok(());
        }
        let rest = answer.body.strip_prefix(&recorded[..]).ok_or("the bytes are others")?;
        return said_to_be_cut(&recorded, rest);
    }
    if let Some(recorded) = response["body_text"].as_str() {
        return if answer.text() == recorded { Ok(()) } else { Err("the text is another".to_owned()) };
    }
    if answer.json() == response["body_json"] {
        Ok(())
    } else {
        Err(format!("the body became {}", answer.text()))
    }
}

/// A recording that is itself cut arrives unchanged, and is followed by the exception that says so.
fn said_to_be_cut(recorded: &[u8], rest: &[u8]) -> Result<(), String> {
    let frames = decode(recorded);
    let ends_well = frames.iter().any(|(event, payload)| {
        event == "metadata"
            || (event == "chunk" && chunk(payload).get("amazon-bedrock-invocationMetrics").is_some())
    });
    let mut decoder = Decoder::default();
    decoder.push(rest);
    let said = decoder.next_frame().ok().flatten();
    let said = said.is_some_and(|frame| matches!(frame.message(), Message::Exception { .. }));
    if !ends_well && said { Ok(()) } else { Err("bytes were added to a complete stream".to_owned()) }
}

fn decode(bytes: &[u8]) -> Vec<(String, Value)> {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let mut events = Vec::new();
    while let Some(frame) = decoder.next_frame().unwrap() {
        if let Message::Event { event_type, payload } = frame.message() {
            events.push((event_type.to_owned(), serde_json::from_slice(payload).unwrap()));
        }
    }
    events
}

fn chunk(payload: &Value) -> Value {
    let bytes = base64::engine::general_purpose::STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

/// What must survive any translation.
#[derive(Debug, Default, PartialEq)]
struct Essence {
    text: String,
    reasoning: String,
    tools: Vec<(String, Value)>,
    stop: String,
    usage: (u64, u64, u64, u64),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dialects_keep_what_was_said() {
    for collection in collections() {
        dialects(&collection).await;
    }
}

async fn dialects(collection: &Path) {
    let mut table = Table::default();
    for (file, streamed) in [("bedrock-converse", false), ("bedrock-converse-stream", true)] {
        let exchanges: Vec<_> = exchanges(collection, file)
            .into_iter()
            .filter(|exchange| recorded_essence(exchange).is_some())
            .collect();
        let folder = TempDir::new().unwrap();
        let replay = vec![retarget(&exchanges, folder.path())];
        let rig = Rig::start(Plan { replay, lane: LanePolicy::Converse, ..Plan::default() }).await;
        for (index, exchange) in exchanges.iter().enumerate() {
            let recorded = recorded_essence(exchange).unwrap();
            let chat = json!({"model": arn(index), "stream": streamed, "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": "x"}]});
            let answer = rig.post("/v1/chat/completions", chat.to_string()).await;
            table.count(
                file,
                "chat completions",
                &exchange.id,
                compare(&recorded, chat_essence(&answer), chat_stop),
            );
            let responses = json!({"model": arn(index), "stream": streamed, "input": "x"});
            let answer = rig.post("/v1/responses", responses.to_string()).await;
            let outcome = compare(&recorded, responses_essence(&answer), str::to_owned);
            table.count(file, "responses", &exchange.id, outcome);
            let messages = json!({"model": arn(index), "stream": streamed, "max_tokens": 100,
                "messages": [{"role": "user", "content": "x"}]});
            let answer = rig.post("/v1/messages", messages.to_string()).await;
            table.count(
                file,
                "messages",
                &exchange.id,
                compare(&recorded, messages_essence(&answer), messages_stop),
            );
        }
    }
    table.settle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_relayed_to_claude_untouched() {
    for collection in collections() {
        relay(&collection).await;
    }
}

async fn relay(collection: &Path) {
    let mut table = Table::default();
    for file in ["bedrock-invoke", "bedrock-invoke-stream"] {
        let exchanges: Vec<_> = exchanges(collection, file)
            .into_iter()
            .filter(|exchange| claude_essence(exchange).is_some())
            .collect();
        let folder = TempDir::new().unwrap();
        let replay = vec![retarget(&exchanges, folder.path())];
        let rig = Rig::start(Plan { replay, layer: mapped(exchanges.len()), ..Plan::default() }).await;
        for (index, exchange) in exchanges.iter().enumerate() {
            let recorded = claude_essence(exchange).unwrap();
            let streamed = exchange.operation.ends_with("Stream");
            let messages = json!({"model": arn(index), "stream": streamed, "max_tokens": 100,
                "messages": [{"role": "user", "content": "x"}]});
            let answer = rig.post("/v1/messages", messages.to_string()).await;
            let outcome = if answer.lane() == "relay" {
                compare(&recorded, messages_essence(&answer), str::to_owned)
            } else {
                Err(format!("not relayed: {} {}", answer.status, answer.text()))
            };
            table.count(file, "messages", &exchange.id, outcome);
        }
    }
    table.settle();
}

/// A model of its own for every exchange, so that any request finds just that answer.
fn arn(index: usize) -> String {
    format!("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/rec{index:09}")
}

fn mapped(count: usize) -> Layer {
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let mappings = (0..count).map(|index| (arn(index), model.to_owned())).collect();
    Layer { mappings, ..Layer::default() }
}

fn segment(exchange: &Exchange) -> &'static str {
    match exchange.operation.as_str() {
        "Converse" => "converse",
        "ConverseStream" => "converse-stream",
        "CountTokens" => "count-tokens",
        "InvokeModel" => "invoke",
        _ => "invoke-with-response-stream",
    }
}

/// The exchanges under models of their own, answering any body.
fn retarget(exchanges: &[Exchange], folder: &Path) -> PathBuf {
    let lines = exchanges.iter().enumerate().map(|(index, exchange)| {
        let path = format!("/model/{}/{}", arn(index), segment(exchange));
        let request = json!({"method": "POST", "path": path, "headers": {}, "body": null});
        let row = json!({"id": exchange.id, "wire": "http", "operation": exchange.operation, "request": request,
            "response": exchange.response});
        row.to_string()
    });
    let file = folder.join("retargeted.jsonl");
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    file
}

fn compare(
    recorded: &Essence,
    arrived: Result<Essence, String>,
    stop: impl Fn(&str) -> String,
) -> Result<(), String> {
    let arrived = arrived?;
    let expected = Essence {
        text: recorded.text.clone(),
        reasoning: recorded.reasoning.clone(),
        tools: recorded.tools.clone(),
        stop: stop(&recorded.stop),
        usage: recorded.usage,
    };
    if arrived == expected {
        Ok(())
    } else {
        Err(format!("\n  expected {expected:?}\n  arrived  {arrived:?}"))
    }
}

/// Calls of tools that Bedrock runs itself: nothing a client has to do.
const SERVER_TOOL: &str = "server_tool_use";

/// Bedrock's stop reasons in OpenAI's words.
fn chat_stop(stop: &str) -> String {
    match stop {
        "end_turn" | "stop_sequence" => "stop",
        "tool_use" => "tool_calls",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "guardrail_intervened" | "content_filtered" => "content_filter",
        other => other,
    }
    .to_owned()
}

/// Bedrock's stop reasons in Anthropic's words.
fn messages_stop(stop: &str) -> String {
    match stop {
        "guardrail_intervened" | "content_filtered" => "refusal",
        other => other,
    }
    .to_owned()
}

fn usage(usage: &Value, [input, output, read, write]: [&str; 4]) -> (u64, u64, u64, u64) {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    (count(input), count(output), count(read), count(write))
}

const BEDROCK_USAGE: [&str; 4] =
    ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"];
const CLAUDE_USAGE: [&str; 4] =
    ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];

/// What a recorded Converse answer says, whole or streamed; `None` when it is none.
fn recorded_essence(exchange: &Exchange) -> Option<Essence> {
    let response = &exchange.response;
    if let Some(bytes) = response["body_base64"].as_str() {
        let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap();
        return Some(streamed_essence(&decode(&bytes)));
    }
    let body = response.get("body_json")?;
    let mut essence = Essence {
        stop: body["stopReason"].as_str()?.to_owned(),
        usage: usage(&body["usage"], BEDROCK_USAGE),
        ..Essence::default()
    };
    for block in body["output"]["message"]["content"].as_array()? {
        essence.add_block(block);
    }
    Some(essence)
}

impl Essence {
    fn add_block(&mut self, block: &Value) {
        if let Some(text) = block["text"].as_str() {
            self.text += text;
        }
        for cited in block["citationsContent"]["content"].as_array().into_iter().flatten() {
            self.text += cited["text"].as_str().unwrap_or_default();
        }
        self.reasoning += block["reasoningContent"]["reasoningText"]["text"].as_str().unwrap_or_default();
        if let Some(tool) = block.get("toolUse").filter(|tool| tool["type"] != SERVER_TOOL) {
            self.tools.push((tool["name"].as_str().unwrap().to_owned(), tool["input"].clone()));
        }
    }
}

fn streamed_essence(events: &[(String, Value)]) -> Essence {
    let mut essence = Essence::default();
    let mut open: BTreeMap<u64, (String, String)> = BTreeMap::new();
    for (event, payload) in events {
        let index = payload["contentBlockIndex"].as_u64().unwrap_or(0);
        match event.as_str() {
            "contentBlockStart" => {
                let tool = &payload["start"]["toolUse"];
                if let (Some(name), true) = (tool["name"].as_str(), tool["type"] != SERVER_TOOL) {
                    open.insert(index, (name.to_owned(), String::new()));
                }
            }
            "contentBlockDelta" => {
                let delta = &payload["delta"];
                essence.text += delta["text"].as_str().unwrap_or_default();
                essence.reasoning += delta["reasoningContent"]["text"].as_str().unwrap_or_default();
                if let (Some(tool), Some(input)) = (open.get_mut(&index), delta["toolUse"]["input"].as_str())
                {
                    tool.1 += input;
                }
            }
            "messageStop" => essence.stop = payload["stopReason"].as_str().unwrap().to_owned(),
            "metadata" => essence.usage = usage(&payload["usage"], BEDROCK_USAGE),
            _ => {}
        }
    }
    essence.tools = open.into_values().map(|(name, input)| (name, arguments(&input))).collect();
    essence
}

/// A tool without arguments may be streamed without any text.
fn arguments(text: &str) -> Value {
    if text.is_empty() { json!({}) } else { serde_json::from_str(text).unwrap() }
}

/// What Claude's own recorded answer says; `None` for other models, cut streams and old text completions.
fn claude_essence(exchange: &Exchange) -> Option<Essence> {
    let response = &exchange.response;
    if let Some(bytes) = response["body_base64"].as_str() {
        let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap();
        let events: Vec<_> = decode(&bytes).iter().map(|(_, payload)| chunk(payload)).collect();
        let is_claude =
            events.first()?["type"] == "message_start" && events.last()?["type"] == "message_stop";
        return is_claude.then(|| claude_events(&events));
    }
    let body = response.get("body_json")?;
    (body["type"] == "message").then(|| claude_message(body))
}

fn claude_message(body: &Value) -> Essence {
    let mut essence = Essence {
        stop: body["stop_reason"].as_str().unwrap_or_default().to_owned(),
        usage: usage(&body["usage"], CLAUDE_USAGE),
        ..Essence::default()
    };
    for block in body["content"].as_array().into_iter().flatten() {
        match block["type"].as_str().unwrap() {
            "text" => essence.text += block["text"].as_str().unwrap(),
            "thinking" => essence.reasoning += block["thinking"].as_str().unwrap(),
            "tool_use" => {
                essence.tools.push((block["name"].as_str().unwrap().to_owned(), block["input"].clone()));
            }
            _ => {}
        }
    }
    essence
}

fn claude_events(events: &[Value]) -> Essence {
    let mut essence = Essence::default();
    let mut stated = serde_json::Map::new();
    let mut open: BTreeMap<u64, (String, String)> = BTreeMap::new();
    for event in events {
        let index = event["index"].as_u64().unwrap_or(0);
        match event["type"].as_str().unwrap_or_default() {
            "content_block_start" if event["content_block"]["type"] == "tool_use" => {
                open.insert(
                    index,
                    (event["content_block"]["name"].as_str().unwrap().to_owned(), String::new()),
                );
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                essence.text += delta["text"].as_str().unwrap_or_default();
                essence.reasoning += delta["thinking"].as_str().unwrap_or_default();
                if let (Some(tool), Some(input)) = (open.get_mut(&index), delta["partial_json"].as_str()) {
                    tool.1 += input;
                }
            }
            "message_delta" => {
                essence.stop = event["delta"]["stop_reason"].as_str().unwrap_or_default().to_owned()
            }
            _ => {}
        }
        for usage in [&event["message"]["usage"], &event["usage"]] {
            stated.extend(usage.as_object().cloned().unwrap_or_default());
        }
    }
    essence.usage = usage(&Value::Object(stated), CLAUDE_USAGE);
    essence.tools = open.into_values().map(|(name, input)| (name, arguments(&input))).collect();
    essence
}

/// What arrived at a Messages client.
fn messages_essence(answer: &Answer) -> Result<Essence, String> {
    if !answer.status.is_success() {
        return Err(format!("{} {}", answer.status, answer.text()));
    }
    if !answer.header("content-type").starts_with("text/event-stream") {
        return Ok(claude_message(&answer.json()));
    }
    let events = answer.events();
    match events.last() {
        Some(last) if last["type"] == "message_stop" => Ok(claude_events(&events)),
        last => Err(format!("the stream ended with {last:?}")),
    }
}

/// What arrived at a Chat Completions client.
fn chat_essence(answer: &Answer) -> Result<Essence, String> {
    if !answer.status.is_success() {
        return Err(format!("{} {}", answer.status, answer.text()));
    }
    if answer.header("content-type").starts_with("text/event-stream") {
        return chat_events(&answer.events());
    }
    let body = answer.json();
    let message = &body["choices"][0]["message"];
    let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
    Ok(Essence {
        text: message["content"].as_str().unwrap_or_default().to_owned(),
        reasoning: message["reasoning_content"].as_str().unwrap_or_default().to_owned(),
        tools: calls.iter().map(|call| tool_call(&call["function"])).collect(),
        stop: body["choices"][0]["finish_reason"].as_str().unwrap_or_default().to_owned(),
        usage: chat_usage(&body["usage"]),
    })
}

fn tool_call(function: &Value) -> (String, Value) {
    (function["name"].as_str().unwrap().to_owned(), arguments(function["arguments"].as_str().unwrap()))
}

/// OpenAI counts cached tokens within the prompt; what was written to the cache cannot be told apart from the rest there.
fn chat_usage(usage: &Value) -> (u64, u64, u64, u64) {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let details = &usage["prompt_tokens_details"];
    let (read, write) = (count(&details["cached_tokens"]), count(&details["cache_write_tokens"]));
    (count(&usage["prompt_tokens"]) - read - write, count(&usage["completion_tokens"]), read, write)
}

fn chat_events(events: &[Value]) -> Result<Essence, String> {
    if events.last().and_then(Value::as_str) != Some("[DONE]") {
        return Err(format!("the stream ended with {:?}", events.last()));
    }
    let mut essence = Essence::default();
    let mut open: BTreeMap<u64, (String, String)> = BTreeMap::new();
    for event in events {
        let choice = &event["choices"][0];
        let delta = &choice["delta"];
        essence.text += delta["content"].as_str().unwrap_or_default();
        essence.reasoning += delta["reasoning_content"].as_str().unwrap_or_default();
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let tool = open.entry(call["index"].as_u64().unwrap()).or_default();
            tool.0 += call["function"]["name"].as_str().unwrap_or_default();
            tool.1 += call["function"]["arguments"].as_str().unwrap_or_default();
        }
        if let Some(stop) = choice["finish_reason"].as_str() {
            essence.stop = stop.to_owned();
        }
        if event["usage"].is_object() {
            essence.usage = chat_usage(&event["usage"]);
        }
    }
    essence.tools = open.into_values().map(|(name, input)| (name, arguments(&input))).collect();
    Ok(essence)
}

/// What arrived at a Responses client: the response itself, or the one that its stream ends with.
fn responses_essence(answer: &Answer) -> Result<Essence, String> {
    if !answer.status.is_success() {
        return Err(format!("{} {}", answer.status, answer.text()));
    }
    let response = if answer.header("content-type").starts_with("text/event-stream") {
        answer.events().last().map_or(Value::Null, |event| event["response"].clone())
    } else {
        answer.json()
    };
    let mut essence = Essence {
        stop: response["native_stop_reason"].as_str().unwrap_or_default().to_owned(),
        ..Essence::default()
    };
    for item in response["output"].as_array().ok_or_else(|| format!("no output: {}", answer.text()))? {
        let text = |parts: &Value| {
            let parts = parts.as_array().into_iter().flatten();
            parts.filter_map(|part| part["text"].as_str()).collect::<String>()
        };
        match item["type"].as_str().unwrap_or_default() {
            "message" => essence.text += &text(&item["content"]),
            "reasoning" => essence.reasoning += &text(&item["summary"]),
            "function_call" => essence.tools.push(tool_call(item)),
            _ => {}
        }
    }
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let usage = &response["usage"];
    let details = &usage["input_tokens_details"];
    let (read, write) = (count(&details["cached_tokens"]), count(&details["cache_write_tokens"]));
    essence.usage =
        (count(&usage["input_tokens"]) - read - write, count(&usage["output_tokens"]), read, write);
    Ok(essence)
}
