//! `Converse` and `ConverseStream`: sorted keys, AWS's events in AWS's order.

use bytes::Bytes;
use http::StatusCode;
use outcrop_wire::bedrock::{ConverseRequest, ErrorKind};
use serde::Serialize;
use serde_json::Value;

use super::{Frames, latency_ms};
use crate::cache::CacheDetail;
use crate::failure::Failure;
use crate::prompt::{Block, Prompt, Thinking, Turn};
use crate::reply::Reply;
use crate::tokens;

/// Reads a body.
///
/// # Errors
/// 400 `SerializationException` when it is no JSON of the right shape. The words are our own: AWS's are not recorded.
pub(crate) fn read(body: &[u8]) -> Result<Prompt, Failure> {
    let request: ConverseRequest = serde_json::from_slice(body).map_err(|error| {
        Failure::new(ErrorKind::Serialization, format!("The request body cannot be read: {error}"))
    })?;
    Ok(prompt_of(request))
}

/// Adds what the members for one model say.
pub(crate) fn prompt_of(request: ConverseRequest) -> Prompt {
    let fields = request
        .additional_model_request_fields
        .as_ref()
        .and_then(|fields| serde_json::from_str::<Value>(fields.get()).ok())
        .unwrap_or(Value::Null);
    let output = request.output_config.as_ref();
    let schema = output
        .and_then(|config| config.text_format.as_ref())
        .and_then(|format| serde_json::from_str::<Value>(format.get()).ok())
        .and_then(|format| {
            format.pointer("/structure/jsonSchema/schema").and_then(Value::as_str).map(str::to_owned)
        })
        .and_then(|schema| serde_json::from_str(&schema).ok())
        .or_else(|| fields.pointer("/output_config/format/schema").cloned());
    Prompt { thinking: thinking_of(&fields), answer_schema: schema, request }
}

/// How a model's own fields ask for reasoning.
pub(crate) fn thinking_of(fields: &Value) -> Thinking {
    let text = |pointer: &str| fields.pointer(pointer).and_then(Value::as_str);
    match text("/thinking/type") {
        Some("enabled") => {
            return Thinking::Budget(fields.pointer("/thinking/budget_tokens").and_then(Value::as_u64));
        }
        Some("adaptive") => return Thinking::Adaptive,
        Some("disabled") => return Thinking::Off,
        _ => {}
    }
    match text("/reasoningConfig/type") {
        Some("enabled") => {
            return Thinking::Effort(
                text("/reasoningConfig/maxReasoningEffort").unwrap_or("medium").to_owned(),
            );
        }
        Some("disabled") => return Thinking::Off,
        _ => {}
    }
    match text("/reasoning_effort").or_else(|| text("/reasoning/effort")) {
        Some("none") => Thinking::Off,
        Some(effort) => Thinking::Effort(effort.to_owned()),
        None => Thinking::Unset,
    }
}

/// What of the model shows in answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Usage has the members of prompt caching.
    pub(crate) counts_cache: bool,
}

/// The whole answer.
pub(crate) fn write(turn: &Turn, style: Style) -> Reply {
    let content: Vec<Content<'_>> = turn.blocks.iter().map(Content::of).collect();
    let answer = Answer {
        metrics: Metrics { latency_ms: latency_ms(turn) },
        output: Output { message: Message { content, role: "assistant" } },
        stop_reason: turn.stop_reason.as_str(),
        usage: Usage::of(turn, style),
    };
    Reply::json(StatusCode::OK, &answer)
}

/// The answer as events: start, blocks piece by piece, stop, metadata.
pub(crate) fn stream(turn: &Turn, style: Style) -> Vec<Bytes> {
    let mut frames = Frames::default();
    frames.event("messageStart", |p| MessageStart { p, role: "assistant" });
    for (index, block) in turn.blocks.iter().enumerate() {
        stream_block(index, block, &mut frames);
    }
    frames.event("messageStop", |p| MessageStop { p, stop_reason: turn.stop_reason.as_str() });
    frames.event("metadata", |p| Metadata {
        metrics: Metrics { latency_ms: latency_ms(turn) },
        p,
        usage: Usage::of(turn, style),
    });
    frames.into_vec()
}

fn stream_block(index: usize, block: &Block, frames: &mut Frames) {
    match block {
        Block::Reasoning { text, signature } => {
            for piece in tokens::split(text) {
                frames.event("contentBlockDelta", |p| {
                    delta(index, Delta::Reasoning(Reasoning::Text(piece)), p)
                });
            }
            frames.event("contentBlockDelta", |p| {
                delta(index, Delta::Reasoning(Reasoning::Signature(signature)), p)
            });
        }
        Block::Text(text) => {
            for piece in tokens::split(text) {
                frames.event("contentBlockDelta", |p| delta(index, Delta::Text(piece), p));
            }
        }
        Block::ToolUse { id, name, input } => {
            let start = Start::ToolUse(ToolUseStart { name, tool_use_id: id });
            frames.event("contentBlockStart", |p| BlockStart { content_block_index: index, p, start });
            let input = input.to_string();
            for piece in tokens::split(&input) {
                frames.event("contentBlockDelta", |p| {
                    delta(index, Delta::ToolUse(ToolUseDelta { input: piece }), p)
                });
            }
        }
    }
    frames.event("contentBlockStop", |p| BlockStop { content_block_index: index, p });
}

fn delta<'a>(index: usize, delta: Delta<'a>, p: &'static str) -> BlockDelta<'a> {
    BlockDelta { content_block_index: index, delta, p }
}

// Members stand in alphabetical order, as on the wire.

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    metrics: Metrics,
    output: Output<'a>,
    stop_reason: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    latency_ms: u64,
}

#[derive(Serialize)]
struct Output<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    content: Vec<Content<'a>>,
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Content<'a> {
    ReasoningContent(ReasoningContent<'a>),
    Text(&'a str),
    ToolUse(ToolUse<'a>),
}

impl<'a> Content<'a> {
    fn of(block: &'a Block) -> Self {
        match block {
            Block::Reasoning { text, signature } => {
                Self::ReasoningContent(ReasoningContent { reasoning_text: ReasoningText { signature, text } })
            }
            Block::Text(text) => Self::Text(text),
            Block::ToolUse { id, name, input } => Self::ToolUse(ToolUse { input, name, tool_use_id: id }),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningContent<'a> {
    reasoning_text: ReasoningText<'a>,
}

#[derive(Serialize)]
struct ReasoningText<'a> {
    signature: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    input: &'a Value,
    name: &'a str,
    tool_use_id: &'a str,
}

/// Both spellings of the cache counts are on the wire (recorded, reference `bedrock.md` §1.9).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_details: Vec<CacheDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_input_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_input_tokens: Option<u64>,
    input_tokens: u64,
    output_tokens: u64,
    server_tool_usage: ServerToolUsage,
    total_tokens: u64,
}

#[derive(Serialize)]
struct ServerToolUsage {}

impl Usage {
    fn of(turn: &Turn, style: Style) -> Self {
        let read = style.counts_cache.then_some(turn.cached.read);
        let written = style.counts_cache.then_some(turn.cached.written());
        Self {
            cache_details: turn.cached.details(),
            cache_read_input_token_count: read,
            cache_read_input_tokens: read,
            cache_write_input_token_count: written,
            cache_write_input_tokens: written,
            input_tokens: turn.input_tokens,
            output_tokens: turn.output_tokens,
            server_tool_usage: ServerToolUsage {},
            total_tokens: turn.input_tokens + turn.cached.read + turn.cached.written() + turn.output_tokens,
        }
    }
}

#[derive(Serialize)]
struct MessageStart {
    p: &'static str,
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    content_block_index: usize,
    p: &'static str,
    start: Start<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Start<'a> {
    ToolUse(ToolUseStart<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolUseStart<'a> {
    name: &'a str,
    tool_use_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta<'a> {
    content_block_index: usize,
    delta: Delta<'a>,
    p: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Delta<'a> {
    #[serde(rename = "reasoningContent")]
    Reasoning(Reasoning<'a>),
    Text(&'a str),
    ToolUse(ToolUseDelta<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Reasoning<'a> {
    Text(&'a str),
    Signature(&'a str),
}

#[derive(Serialize)]
struct ToolUseDelta<'a> {
    input: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    content_block_index: usize,
    p: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop<'a> {
    p: &'static str,
    stop_reason: &'a str,
}

#[derive(Serialize)]
struct Metadata {
    metrics: Metrics,
    p: &'static str,
    usage: Usage,
}
