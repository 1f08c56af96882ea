//! The Messages bodies of Claude on `InvokeModel`, read and written, whole and streamed.

use bytes::Bytes;
use http::StatusCode;
use outcrop_wire::bedrock::{ConverseRequest, StopReason};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Chunks, InvocationMetrics, claude_shape, with_token_counts};
use crate::failure::Failure;
use crate::prompt::{Block, Citation, Prompt, Turn};
use crate::reply::Reply;
use crate::tokens;

pub(crate) use super::claude_shape::MEMBERS;

/// Reads a Messages body into the canonical form.
///
/// # Errors
/// 400 `ValidationException` in the model's words where they are known: `max_tokens: Field required`.
pub(crate) fn read(body: &[u8]) -> Result<Prompt, Failure> {
    let request_bytes = body.len();
    let body: Value = serde_json::from_slice(body).map_err(|_| super::malformed())?;
    claude_shape::check(&body)?;
    let request = canonical(&body).to_string();
    let request: ConverseRequest =
        serde_json::from_str(&request).map_err(|error| Failure::validation(format!("messages: {error}")))?;
    let several_calls = body.pointer("/tool_choice/disable_parallel_tool_use") != Some(&Value::Bool(true));
    let answer_schema = body
        .pointer("/output_config/format/schema")
        .or_else(|| body.pointer("/output_format/schema"))
        .cloned();
    let thinking = super::converse::thinking_of(&body);
    let prompt = Prompt { answer_schema, several_calls, request_bytes, ..Prompt::plain(request, thinking) };
    Ok(prompt.with_fields(body))
}

/// The same question as `Converse` puts it.
fn canonical(body: &Value) -> Value {
    let mut out = Map::new();
    out.insert("messages".to_owned(), map_array(body.get("messages"), message));
    out.insert(
        "system".to_owned(),
        with_points(Some(&blocks(body.get("system"))), |block| json!({"text": text(block, "text")})),
    );
    let mut inference = Map::new();
    for (theirs, ours) in [
        ("max_tokens", "maxTokens"),
        ("temperature", "temperature"),
        ("top_p", "topP"),
        ("stop_sequences", "stopSequences"),
    ] {
        if let Some(value) = body.get(theirs).filter(|value| !value.is_null()) {
            inference.insert(ours.to_owned(), value.clone());
        }
    }
    out.insert("inferenceConfig".to_owned(), Value::Object(inference));
    if body.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty()) {
        out.insert("toolConfig".to_owned(), tools(body));
    }
    Value::Object(out)
}

fn message(message: &Value) -> Value {
    json!({
        "role": text(message, "role"),
        "content": with_points(Some(&blocks(message.get("content"))), block),
    })
}

fn block(block: &Value) -> Value {
    let member = |name: &str| block.get(name).cloned().unwrap_or(Value::Null);
    match text(block, "type") {
        "text" => json!({ "text": text(block, "text") }),
        "image" => json!({ "image": {
            "format": text(&member("source"), "media_type").rsplit('/').next(),
            "source": { "bytes": text(&member("source"), "data") },
        } }),
        "document" => json!({ "document": {
            "format": text(&member("source"), "media_type").rsplit('/').next().filter(|kind| *kind != "plain"),
            "name": block.get("title").and_then(Value::as_str).unwrap_or("document"),
            "source": document_source(&member("source")),
            "citations": block.get("citations").filter(|config| config.is_object()),
            "context": block.get("context").and_then(Value::as_str),
        } }),
        "tool_use" => json!({ "toolUse": {
            "toolUseId": member("id"), "name": member("name"), "input": member("input"),
        } }),
        "tool_result" => json!({ "toolResult": {
            "toolUseId": member("tool_use_id"),
            "content": map_array(Some(&blocks(block.get("content"))), self::block),
            "status": if member("is_error") == true { "error" } else { "success" },
        } }),
        "thinking" => json!({ "reasoningContent": { "reasoningText": {
            "text": text(block, "thinking"), "signature": member("signature"),
        } } }),
        "redacted_thinking" => json!({ "reasoningContent": { "redactedContent": text(block, "data") } }),
        other => json!({ other: block }),
    }
}

/// Anthropic's four kinds of source as Bedrock's; a file or an address is nothing that Bedrock has.
fn document_source(source: &Value) -> Value {
    match text(source, "type") {
        "text" => json!({ "text": text(source, "data") }),
        "content" => json!({ "content": blocks(source.get("content")) }),
        _ => json!({ "bytes": text(source, "data") }),
    }
}

fn tools(body: &Value) -> Value {
    let tool = |tool: &Value| {
        json!({ "toolSpec": {
            "name": text(tool, "name"),
            "description": tool.get("description"),
            "inputSchema": { "json": tool.get("input_schema").cloned().unwrap_or_else(|| json!({})) },
            "strict": tool.get("strict"),
        } })
    };
    let mut config = Map::new();
    config.insert("tools".to_owned(), with_points(body.get("tools"), tool));
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    match text(choice, "type") {
        "any" => drop(config.insert("toolChoice".to_owned(), json!({ "any": {} }))),
        "tool" => {
            drop(config.insert("toolChoice".to_owned(), json!({ "tool": { "name": text(choice, "name") } })))
        }
        // "none" offers nothing: the tools are there for the history alone, and the actor must not see them by name.
        "none" => drop(config.insert("tools".to_owned(), json!([]))),
        _ => {}
    }
    Value::Object(config)
}

/// Content is a string or a list of blocks.
fn blocks(content: Option<&Value>) -> Value {
    match content {
        Some(Value::String(text)) => json!([{ "type": "text", "text": text }]),
        Some(Value::Array(blocks)) => Value::Array(blocks.clone()),
        _ => json!([]),
    }
}

fn map_array(array: Option<&Value>, each: impl FnMut(&Value) -> Value) -> Value {
    Value::Array(array.and_then(Value::as_array).into_iter().flatten().map(each).collect())
}

/// A block with `cache_control` becomes the block and a cache point behind it.
fn with_points(array: Option<&Value>, each: impl Fn(&Value) -> Value) -> Value {
    let mut out = Vec::new();
    for block in array.and_then(Value::as_array).into_iter().flatten() {
        out.push(each(block));
        if let Some(control) = block.get("cache_control").filter(|control| control.is_object()) {
            let mut point = json!({ "type": "default" });
            if let Some(ttl) = control.get("ttl").and_then(Value::as_str) {
                point["ttl"] = json!(ttl);
            }
            out.push(json!({ "cachePoint": point }));
        }
    }
    Value::Array(out)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The whole answer.
pub(crate) fn write(turn: &Turn, model: &str, id: &str) -> Reply {
    with_token_counts(Reply::json(StatusCode::OK, &answer(turn, model, id)), turn)
}

/// The body of the whole answer.
pub(crate) fn answer<'a>(turn: &'a Turn, model: &'a str, id: &'a str) -> impl Serialize + 'a {
    let content: Vec<Content<'_>> = turn.blocks.iter().map(Content::of).collect();
    Answer {
        model: name_inside(model),
        id,
        kind: "message",
        role: "assistant",
        content,
        stop_reason: Some(stop_reason(turn)),
        stop_sequence: turn.stop_sequence.as_deref(),
        usage: Usage::of(turn, turn.output_tokens),
    }
}

/// The answer as JSON pointers look at it (`additionalModelResponseFieldPaths`): the whole answer, and the last delta of a
/// streamed one.
pub(crate) fn view(turn: &Turn, model: &str) -> Value {
    let mut view = json!(answer(turn, model, ""));
    view["delta"] = json!({ "stop_reason": stop_reason(turn), "stop_sequence": turn.stop_sequence });
    view
}

/// The answer as chunks, from `message_start` to `message_stop` with its metrics.
pub(crate) fn stream(turn: &Turn, model: &str, id: &str) -> Vec<Bytes> {
    let mut events = events(turn, model, id);
    if let Some(last) = events.last_mut() {
        last["amazon-bedrock-invocationMetrics"] = json!(InvocationMetrics::of(turn));
    }
    let mut chunks = Chunks::default();
    events.iter().for_each(|event| chunks.chunk(event));
    chunks.into_vec()
}

/// The answer as Anthropic's events.
pub(crate) fn events(turn: &Turn, model: &str, id: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let message = Answer {
        model: name_inside(model),
        id,
        kind: "message",
        role: "assistant",
        content: Vec::new(),
        stop_reason: None,
        stop_sequence: None,
        usage: Usage::of(turn, 1),
    };
    events.push(json!({ "type": "message_start", "message": message }));
    for (index, block) in turn.blocks.iter().enumerate() {
        stream_block(index, block, &mut events);
    }
    events.push(json!({
        "type": "message_delta",
        "delta": { "stop_reason": stop_reason(turn), "stop_sequence": turn.stop_sequence },
        "usage": { "output_tokens": turn.output_tokens },
    }));
    events.push(json!({ "type": "message_stop" }));
    events
}

/// Anthropic's word: its own filter is `refusal` there.
fn stop_reason(turn: &Turn) -> &str {
    match &turn.stop_reason {
        StopReason::ContentFiltered => "refusal",
        reason => reason.as_str(),
    }
}

fn stream_block(index: usize, block: &Block, events: &mut Vec<Value>) {
    let start = match block {
        Block::Reasoning { .. } => json!({ "type": "thinking", "thinking": "", "signature": "" }),
        Block::Redacted(data) => json!({ "type": "redacted_thinking", "data": data }),
        Block::Text(_) => json!({ "type": "text", "text": "" }),
        Block::Cited { .. } => json!({ "type": "text", "text": "", "citations": [] }),
        Block::ToolUse { id, name, .. } => {
            json!({ "type": "tool_use", "id": client_id(id), "name": name, "input": {} })
        }
    };
    events.push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
    let mut delta =
        |delta: Value| events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
    match block {
        Block::Reasoning { text, signature } => {
            tokens::split(text)
                .for_each(|piece| delta(json!({ "type": "thinking_delta", "thinking": piece })));
            delta(json!({ "type": "signature_delta", "signature": signature }));
        }
        Block::Redacted(_) => {}
        Block::Text(text) => {
            tokens::split(text).for_each(|piece| delta(json!({ "type": "text_delta", "text": piece })));
        }
        Block::Cited { text, citation } => {
            tokens::split(text).for_each(|piece| delta(json!({ "type": "text_delta", "text": piece })));
            delta(json!({ "type": "citations_delta", "citation": CharLocation::of(citation) }));
        }
        Block::ToolUse { input, .. } => {
            delta(json!({ "type": "input_json_delta", "partial_json": "" }));
            tokens::split(&input.to_string())
                .for_each(|piece| delta(json!({ "type": "input_json_delta", "partial_json": piece })));
        }
    }
    events.push(json!({ "type": "content_block_stop", "index": index }));
}

/// The model's name in its own answers: without publisher and version (`claude-sonnet-4-5-20250929`, recorded).
fn name_inside(model: &str) -> &str {
    let name = model.split_once('.').map_or(model, |(_, name)| name);
    match name.rfind("-v") {
        Some(at) if name[at + 2..].starts_with(|c: char| c.is_ascii_digit()) => &name[..at],
        _ => name,
    }
}

/// Claude's own form of a tool id on Bedrock (recorded: `toolu_bdrk_01…`).
fn client_id(id: &str) -> String {
    format!("toolu_bdrk_01{}", id.strip_prefix("tooluse_").unwrap_or(id))
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a str,
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    content: Vec<Content<'a>>,
    stop_reason: Option<&'a str>,
    stop_sequence: Option<&'a str>,
    usage: Usage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content<'a> {
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<[CharLocation<'a>; 1]>,
    },
    ToolUse {
        id: String,
        name: &'a str,
        input: &'a Value,
    },
}

impl<'a> Content<'a> {
    fn of(block: &'a Block) -> Self {
        match block {
            Block::Reasoning { text, signature } => Self::Thinking { thinking: text, signature },
            Block::Redacted(data) => Self::RedactedThinking { data },
            Block::Text(text) => Self::Text { text, citations: None },
            Block::Cited { text, citation } => {
                Self::Text { text, citations: Some([CharLocation::of(citation)]) }
            }
            Block::ToolUse { id, name, input } => Self::ToolUse { id: client_id(id), name, input },
        }
    }
}

/// A citation in Anthropic's words (API reference, "Citations").
#[derive(Serialize)]
struct CharLocation<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    cited_text: &'a str,
    document_index: usize,
    document_title: &'a str,
    start_char_index: usize,
    end_char_index: usize,
}

impl<'a> CharLocation<'a> {
    fn of(citation: &'a Citation) -> Self {
        let Citation { title, document, start, end, source } = citation;
        Self {
            kind: "char_location",
            cited_text: source,
            document_index: *document,
            document_title: title,
            start_char_index: *start,
            end_char_index: *end,
        }
    }
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    cache_creation: CacheCreation,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

/// What was written, by time to live.
#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

impl Usage {
    fn of(turn: &Turn, output_tokens: u64) -> Self {
        Self {
            input_tokens: turn.input_tokens,
            cache_creation: CacheCreation {
                ephemeral_5m_input_tokens: turn.cached.written_5m,
                ephemeral_1h_input_tokens: turn.cached.written_1h,
            },
            cache_creation_input_tokens: turn.cached.written(),
            cache_read_input_tokens: turn.cached.read,
            output_tokens,
        }
    }
}
