//! OpenAI's Chat Completions: the body of most open-weight models on `InvokeModel`, and of `/openai/v1/chat/completions`.
//!
//! Requests are read by the wire crate. Answers are written here, in the shape that was recorded from the service (which
//! has less to say than the gateway's own).

use bytes::{Bytes, BytesMut};
use outcrop_wire::bedrock::{ContentBlock, Message, StopReason};
use outcrop_wire::dialect::{AnswerForm, Intent, ReasoningIntent, RequestError, Translated};
use outcrop_wire::{openai_chat, sse};
use serde_json::{Map, Value, json};

use super::{Chunks, InvocationMetrics};
use crate::failure::Failure;
use crate::prompt::{Block, Prompt, Thinking, Turn};
use crate::tokens;

/// Reads a body; the flag says whether the last chunk of a stream is to state the usage.
///
/// # Errors
/// 400 with the place and the reason. The words are those of the reader: the service's are not recorded.
pub(crate) fn read(body: &[u8]) -> Result<(Prompt, bool), Failure> {
    let request = openai_chat::translate(body).map_err(refused)?;
    let prompt = Prompt { request_bytes: body.len(), ..prompt_of(request.translated) };
    Ok((prompt, request.include_usage))
}

/// Reads a body as the OpenAI-style endpoints do, which look at it more closely than `InvokeModel` does.
///
/// # Errors
/// Those of [`read`], and what OpenAI's reference forbids.
pub(crate) fn read_on_route(body: &[u8]) -> Result<(Prompt, bool), Failure> {
    super::chat_shape::check(body)?;
    read(body)
}

/// A refusal of the reader.
pub(crate) fn refused(error: RequestError) -> Failure {
    Failure::validation(error.to_string())
}

/// The question as the actor and the rules need it: what Converse has no member for is looked up in the intent.
pub(crate) fn prompt_of(translated: Translated) -> Prompt {
    let Translated { mut request, intent, notices: _ } = translated;
    let Intent { reasoning, answer, parallel_tool_calls, no_tool_calls, .. } = intent;
    if let (true, Some(config)) = (no_tool_calls, &mut request.tool_config) {
        // The tools are there for the history alone.
        config.tools.clear();
    }
    request.messages.iter_mut().for_each(drop_blank_text);
    request.messages = answers_together(request.messages);
    let thinking = match reasoning {
        None => Thinking::Unset,
        Some(ReasoningIntent::Off) => Thinking::Off,
        Some(ReasoningIntent::Budget(budget)) => Thinking::Budget(Some(budget.into())),
        Some(ReasoningIntent::Adaptive { .. }) => Thinking::Adaptive,
        Some(ReasoningIntent::Effort(effort)) => Thinking::Effort(effort),
    };
    let answer_schema = answer.map(|form| match form {
        AnswerForm::AnyJson => json!({ "type": "object" }),
        AnswerForm::Schema(form) => serde_json::from_str(form.schema.get()).unwrap_or(Value::Null),
    });
    Prompt {
        answer_schema,
        several_calls: parallel_tool_calls.unwrap_or(true),
        ..Prompt::plain(request, thinking)
    }
}

/// What several tools answered stands in several turns there, in one turn of the user in the canonical form.
fn answers_together(messages: Vec<Message>) -> Vec<Message> {
    let is_result = |block: &ContentBlock| matches!(block, ContentBlock::ToolResult(_));
    let mut joined: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        match joined.last_mut() {
            Some(last) if last.role == message.role && last.content.iter().any(is_result) => {
                last.content.extend(message.content);
            }
            _ => joined.push(message),
        }
    }
    joined
}

/// OpenAI's clients send empty content beside tool calls, which says nothing and is no mistake there.
fn drop_blank_text(message: &mut Message) {
    let says_something = |block: &ContentBlock| !matches!(block, ContentBlock::Text(text) if text.is_blank());
    if message.content.iter().any(says_something) {
        message.content.retain(says_something);
    }
}

/// What an answer says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Naming<'a> {
    /// `chatcmpl-…`.
    pub(crate) id: String,
    /// Unix seconds.
    pub(crate) created: i64,
    /// The model as the caller wrote it.
    pub(crate) model: &'a str,
    /// Tool calls are numbered from 0 in each answer, as the runtime does (reference `bedrock.md` §2.5).
    pub(crate) numbers_calls: bool,
    /// Reasoning stands in `<reasoning>` tags in the text.
    pub(crate) inline_reasoning: bool,
}

impl Naming<'_> {
    fn call_id(&self, id: &str, index: usize) -> String {
        if self.numbers_calls {
            return format!("call_{index}");
        }
        format!("call_{}", id.strip_prefix("tooluse_").unwrap_or(id))
    }
}

/// The whole answer.
pub(crate) fn write(turn: &Turn, naming: &Naming<'_>) -> Value {
    let mut content = String::new();
    let mut message = Map::new();
    let mut calls = Vec::new();
    for block in &turn.blocks {
        match block {
            Block::Reasoning { text, .. } if naming.inline_reasoning => content.push_str(&tagged(text)),
            Block::Reasoning { text, .. } => {
                drop(message.insert("reasoning_content".to_owned(), json!(text)))
            }
            Block::Redacted(_) => {}
            Block::Text(text) | Block::Cited { text, .. } => content.push_str(text),
            Block::ToolUse { id, name, input } => calls.push(json!({
                "id": naming.call_id(id, calls.len()),
                "type": "function",
                "function": { "name": name, "arguments": input.to_string() },
            })),
        }
    }
    let content = if content.is_empty() && !calls.is_empty() { Value::Null } else { json!(content) };
    message.extend([
        ("content".to_owned(), content),
        ("refusal".to_owned(), Value::Null),
        ("role".to_owned(), json!("assistant")),
    ]);
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), json!(calls));
    }
    json!({
        "choices": [{
            "finish_reason": finish_reason(&turn.stop_reason),
            "index": 0,
            "logprobs": null,
            "message": message,
        }],
        "created": naming.created,
        "id": naming.id,
        "model": naming.model,
        "object": "chat.completion",
        "service_tier": "default",
        "usage": usage(turn),
    })
}

/// The answer in pieces, without their frames.
pub(crate) fn chunks(turn: &Turn, naming: &Naming<'_>, with_usage: bool) -> Vec<Value> {
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({
            "choices": [{ "delta": delta, "finish_reason": finish, "index": 0, "logprobs": null }],
            "created": naming.created,
            "id": naming.id,
            "model": naming.model,
            "object": "chat.completion.chunk",
        })
    };
    let mut out = vec![chunk(json!({ "content": "", "role": "assistant" }), None)];
    let mut calls = 0;
    for block in &turn.blocks {
        let (member, text) = match block {
            Block::Reasoning { text, .. } if naming.inline_reasoning => ("content", tagged(text)),
            Block::Reasoning { text, .. } => ("reasoning_content", text.clone()),
            Block::Redacted(_) => continue,
            Block::Text(text) | Block::Cited { text, .. } => ("content", text.clone()),
            Block::ToolUse { id, name, input } => {
                let id = naming.call_id(id, calls);
                let begin = json!({ "index": calls, "id": id, "type": "function", "function": { "name": name, "arguments": "" } });
                out.push(chunk(json!({ "tool_calls": [begin] }), None));
                out.extend(tokens::split(&input.to_string()).map(|piece| {
                    let call = json!({ "index": calls, "function": { "arguments": piece } });
                    chunk(json!({ "tool_calls": [call] }), None)
                }));
                calls += 1;
                continue;
            }
        };
        out.extend(tokens::split(&text).map(|piece| chunk(json!({ member: piece }), None)));
    }
    out.push(chunk(json!({}), Some(finish_reason(&turn.stop_reason))));
    if with_usage {
        let mut last = chunk(json!({}), None);
        last["choices"] = json!([]);
        last["usage"] = usage(turn);
        out.push(last);
    }
    out
}

/// The pieces as server-sent events, ended as OpenAI ends them.
pub(crate) fn events(chunks: &[Value]) -> Vec<Bytes> {
    let event = |chunk: &Value| {
        let mut out = BytesMut::new();
        sse::write(&mut out, None, chunk);
        out.freeze()
    };
    chunks.iter().map(event).chain([Bytes::from_static(sse::DONE)]).collect()
}

/// The pieces as the chunks of an `InvokeModelWithResponseStream`, the last one with its metrics.
pub(crate) fn frames(mut pieces: Vec<Value>, turn: &Turn) -> Vec<Bytes> {
    if let Some(last) = pieces.last_mut() {
        last["amazon-bedrock-invocationMetrics"] = json!(InvocationMetrics::of(turn));
    }
    let mut chunks = Chunks::default();
    pieces.iter().for_each(|piece| chunks.chunk(piece));
    chunks.into_vec()
}

fn tagged(reasoning: &str) -> String {
    format!("<reasoning>{reasoning}</reasoning>")
}

/// OpenAI's word for why an answer ended.
pub(crate) fn finish_reason(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::ToolUse => "tool_calls",
        StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => "length",
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => "content_filter",
        _ => "stop",
    }
}

/// Recorded: the three counts; what the cache read is in the details.
fn usage(turn: &Turn) -> Value {
    let prompt = turn.input_tokens + turn.cached.read + turn.cached.written();
    let mut usage = json!({
        "completion_tokens": turn.output_tokens,
        "prompt_tokens": prompt,
        "total_tokens": prompt + turn.output_tokens,
    });
    if turn.cached.read > 0 {
        usage["prompt_tokens_details"] = json!({ "cached_tokens": turn.cached.read });
    }
    usage
}
