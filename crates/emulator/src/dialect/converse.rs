//! `Converse` and `ConverseStream`: sorted keys, AWS's events in AWS's order.

use bytes::Bytes;
use http::StatusCode;
use outcrop_wire::bedrock::{ConverseRequest, ErrorKind};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Frames, latency_ms};
use crate::cache::CacheDetail;
use crate::failure::Failure;
use crate::prompt::{Block, Citation, Prompt, Thinking, Turn};
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
    Ok(Prompt { request_bytes: body.len(), ..prompt_of(request) })
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
    Prompt { answer_schema: schema, ..Prompt::plain(request, thinking_of(&fields)) }.with_fields(fields)
}

/// How a model's own fields ask for reasoning.
pub(crate) fn thinking_of(fields: &Value) -> Thinking {
    let text = |pointer: &str| fields.pointer(pointer).and_then(Value::as_str);
    // The older name of the same member is taken, too (recorded).
    match text("/thinking/type").or_else(|| text("/reasoning_config/type")) {
        Some("enabled") => {
            let budget = fields
                .pointer("/thinking/budget_tokens")
                .or_else(|| fields.pointer("/reasoning_config/budget_tokens"));
            return Thinking::Budget(budget.and_then(Value::as_u64));
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
    match text("/reasoning_effort")
        .or_else(|| text("/reasoning/effort"))
        .or_else(|| text("/reasoning_config"))
    {
        Some("none") => Thinking::Off,
        Some(effort) => Thinking::Effort(effort.to_owned()),
        None => Thinking::Unset,
    }
}

/// What shows in answers beside what the model says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// Usage has the members of prompt caching.
    pub(crate) counts_cache: bool,
    /// The tier that was asked for.
    pub(crate) service_tier: Option<String>,
    /// The latency that was asked for.
    pub(crate) latency: Option<String>,
    /// `additionalModelResponseFields`: what was asked for of the model's own answer.
    pub(crate) fields: Option<Value>,
    /// What a guardrail or a prompt router did.
    pub(crate) trace: Option<Value>,
}

impl Extras {
    fn service_tier(&self) -> Option<ServiceTier<'_>> {
        self.service_tier.as_deref().map(|tier| ServiceTier { tier })
    }

    fn performance_config(&self) -> Option<PerformanceConfig<'_>> {
        self.latency.as_deref().map(|latency| PerformanceConfig { latency })
    }
}

/// What JSON pointers find in a value, each at its place. Source: the service model's description of
/// `additionalModelResponseFieldPaths`.
pub(crate) fn pick(pointers: &[String], native: &Value) -> Option<Value> {
    let mut found = Value::Object(Map::new());
    for pointer in pointers {
        let Some(value) = native.pointer(pointer) else { continue };
        let mut place = &mut found;
        for step in pointer.split('/').skip(1) {
            place = match place {
                Value::Object(members) => members.entry(step).or_insert_with(|| Value::Object(Map::new())),
                other => other,
            };
        }
        *place = value.clone();
    }
    found.as_object().is_some_and(|members| !members.is_empty()).then_some(found)
}

/// The whole answer.
pub(crate) fn write(turn: &Turn, extras: &Extras) -> Reply {
    let content: Vec<Content<'_>> = turn.blocks.iter().map(Content::of).collect();
    let answer = Answer {
        additional_model_response_fields: extras.fields.as_ref(),
        metrics: Metrics { latency_ms: latency_ms(turn) },
        output: Output { message: Message { content, role: "assistant" } },
        performance_config: extras.performance_config(),
        service_tier: extras.service_tier(),
        stop_reason: turn.stop_reason.as_str(),
        trace: extras.trace.as_ref(),
        usage: Usage::of(turn, extras),
    };
    Reply::json(StatusCode::OK, &answer)
}

/// The answer as events: start, blocks piece by piece, stop, metadata.
pub(crate) fn stream(turn: &Turn, extras: &Extras) -> Vec<Bytes> {
    let mut frames = Frames::default();
    frames.event("messageStart", |p| MessageStart { p, role: "assistant" });
    for (index, block) in turn.blocks.iter().enumerate() {
        stream_block(index, block, &mut frames);
    }
    frames.event("messageStop", |p| MessageStop {
        additional_model_response_fields: extras.fields.as_ref(),
        p,
        stop_reason: turn.stop_reason.as_str(),
    });
    frames.event("metadata", |p| Metadata {
        metrics: Metrics { latency_ms: latency_ms(turn) },
        p,
        performance_config: extras.performance_config(),
        service_tier: extras.service_tier(),
        trace: extras.trace.as_ref(),
        usage: Usage::of(turn, extras),
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
        Block::Redacted(data) => {
            let data = Delta::Reasoning(Reasoning::RedactedContent(data));
            frames.event("contentBlockDelta", |p| delta(index, data, p));
        }
        Block::Text(text) => stream_text(index, text, frames),
        Block::Cited { text, citation } => {
            stream_text(index, text, frames);
            let citation = Delta::Citation(Cited::of(citation));
            frames.event("contentBlockDelta", |p| delta(index, citation, p));
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

fn stream_text(index: usize, text: &str, frames: &mut Frames) {
    for piece in tokens::split(text) {
        frames.event("contentBlockDelta", |p| delta(index, Delta::Text(piece), p));
    }
}

fn delta<'a>(index: usize, delta: Delta<'a>, p: &'static str) -> BlockDelta<'a> {
    BlockDelta { content_block_index: index, delta, p }
}

// Members stand in alphabetical order, as on the wire.

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<&'a Value>,
    metrics: Metrics,
    output: Output<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_config: Option<PerformanceConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<ServiceTier<'a>>,
    stop_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Value>,
    usage: Usage,
}

#[derive(Serialize)]
struct PerformanceConfig<'a> {
    latency: &'a str,
}

#[derive(Serialize)]
struct ServiceTier<'a> {
    #[serde(rename = "type")]
    tier: &'a str,
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
    CitationsContent(CitationsContent<'a>),
    ReasoningContent(ReasoningContent<'a>),
    Text(&'a str),
    ToolUse(ToolUse<'a>),
}

impl<'a> Content<'a> {
    fn of(block: &'a Block) -> Self {
        match block {
            Block::Reasoning { text, signature } => {
                Self::ReasoningContent(ReasoningContent::ReasoningText(ReasoningText { signature, text }))
            }
            Block::Redacted(data) => Self::ReasoningContent(ReasoningContent::RedactedContent(data)),
            Block::Text(text) => Self::Text(text),
            Block::Cited { text, citation } => Self::CitationsContent(CitationsContent {
                citations: [Cited::of(citation)],
                content: [Words { text }],
            }),
            Block::ToolUse { id, name, input } => Self::ToolUse(ToolUse { input, name, tool_use_id: id }),
        }
    }
}

#[derive(Serialize)]
struct CitationsContent<'a> {
    citations: [Cited<'a>; 1],
    content: [Words<'a>; 1],
}

/// Recorded: where, the words there, and the document's name.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cited<'a> {
    location: Location,
    source_content: [Words<'a>; 1],
    title: &'a str,
}

#[derive(Serialize)]
struct Words<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    document_char: Span,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    document_index: usize,
    end: usize,
    start: usize,
}

impl<'a> Cited<'a> {
    fn of(citation: &'a Citation) -> Self {
        let Citation { title, document, start, end, source } = citation;
        let span = Span { document_index: *document, end: *end, start: *start };
        Self { location: Location { document_char: span }, source_content: [Words { text: source }], title }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ReasoningContent<'a> {
    ReasoningText(ReasoningText<'a>),
    RedactedContent(&'a str),
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
    fn of(turn: &Turn, extras: &Extras) -> Self {
        let read = extras.counts_cache.then_some(turn.cached.read);
        let written = extras.counts_cache.then_some(turn.cached.written());
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
    Citation(Cited<'a>),
    #[serde(rename = "reasoningContent")]
    Reasoning(Reasoning<'a>),
    Text(&'a str),
    ToolUse(ToolUseDelta<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Reasoning<'a> {
    RedactedContent(&'a str),
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
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<&'a Value>,
    p: &'static str,
    stop_reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    metrics: Metrics,
    p: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_config: Option<PerformanceConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<ServiceTier<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Value>,
    usage: Usage,
}
