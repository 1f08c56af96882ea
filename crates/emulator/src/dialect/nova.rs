//! The bodies of Nova on `InvokeModel`: `Converse` with a different envelope.

use bytes::Bytes;
use http::StatusCode;
use outcrop_wire::bedrock::ConverseRequest;
use serde_json::{Value, json};

use super::prompted::extraneous_key;
use super::{Chunks, InvocationMetrics, with_token_counts};
use crate::failure::Failure;
use crate::prompt::{Block, Prompt, Turn};
use crate::reply::Reply;
use crate::tokens;

/// Reads a Nova body into the canonical form.
///
/// # Errors
/// 400 `ValidationException` with the words recorded for a body of the wrong shape.
pub(crate) fn read(body: &[u8]) -> Result<Prompt, Failure> {
    let fields: Value = serde_json::from_slice(body).map_err(|_| super::malformed())?;
    members_are_known(&fields)?;
    inference_is_in_range(&fields)?;
    let mut request: ConverseRequest = serde_json::from_slice(body).map_err(|_| super::malformed())?;
    let config = request.inference_config.get_or_insert_default();
    // The older spelling of the same limit.
    config.max_tokens =
        config.max_tokens.or(fields.pointer("/inferenceConfig/max_new_tokens").and_then(Value::as_u64));
    let thinking = super::converse::thinking_of(&fields);
    Ok(Prompt { request_bytes: body.len(), ..Prompt::plain(request, thinking) }.with_fields(fields))
}

/// Source: the form is recorded for another member; the members are those of the recorded bodies, and of reasoning.
fn members_are_known(fields: &Value) -> Result<(), Failure> {
    const KNOWN: [&str; 8] = [
        "schemaVersion",
        "messages",
        "system",
        "inferenceConfig",
        "toolConfig",
        "reasoningConfig",
        "additionalModelRequestFields",
        "outputConfig",
    ];
    match fields.as_object().and_then(|members| members.keys().find(|name| !KNOWN.contains(&name.as_str()))) {
        Some(name) => Err(extraneous_key(name)),
        None => Ok(()),
    }
}

/// The ranges of Nova's own parameters. The frame of the message is recorded (`Malformed input request: #/…, please
/// reformat your input and try again.`); the words for a range are our own.
fn inference_is_in_range(fields: &Value) -> Result<(), Failure> {
    for (member, least, most) in [
        ("maxTokens", 1.0, f64::INFINITY),
        ("max_new_tokens", 1.0, f64::INFINITY),
        ("temperature", 0.0, 1.0),
        ("topP", 0.0, 1.0),
    ] {
        let Some(sent) = fields.pointer(&format!("/inferenceConfig/{member}")) else { continue };
        let Some(value) = sent.as_f64() else { continue };
        let broken = match value {
            value if value < least => format!("{sent} is not greater or equal to {least}"),
            value if value > most => format!("{sent} is not less or equal to {most}"),
            _ => continue,
        };
        return Err(Failure::validation(format!(
            "Malformed input request: #/inferenceConfig/{member}: {broken}, please reformat your input and try again."
        )));
    }
    Ok(())
}

/// The whole answer.
pub(crate) fn write(turn: &Turn) -> Reply {
    let content: Vec<Value> = turn.blocks.iter().map(content).collect();
    let answer = json!({
        "output": { "message": { "content": content, "role": "assistant" } },
        "stopReason": turn.stop_reason.as_str(),
        "usage": usage(turn),
    });
    with_token_counts(Reply::json(StatusCode::OK, &answer), turn)
}

fn content(block: &Block) -> Value {
    match block {
        Block::Reasoning { text, .. } => json!({ "reasoningContent": { "reasoningText": { "text": text } } }),
        Block::Redacted(data) => json!({ "reasoningContent": { "redactedContent": data } }),
        Block::Text(text) | Block::Cited { text, .. } => json!({ "text": text }),
        Block::ToolUse { id, name, input } => {
            json!({ "toolUse": { "input": input, "name": name, "toolUseId": id } })
        }
    }
}

/// The answer as chunks. Each piece of text is a block of its own, as recorded.
pub(crate) fn stream(turn: &Turn) -> Vec<Bytes> {
    let mut chunks = Chunks::default();
    let mut index = 0;
    chunks.chunk(&json!({ "messageStart": { "role": "assistant" } }));
    for block in &turn.blocks {
        index = stream_block(index, block, &mut chunks);
    }
    chunks.chunk(&json!({ "messageStop": { "stopReason": turn.stop_reason.as_str() } }));
    chunks.chunk(&json!({
        "metadata": { "usage": usage(turn), "metrics": {}, "trace": {} },
        "amazon-bedrock-invocationMetrics": InvocationMetrics::of(turn),
    }));
    chunks.into_vec()
}

/// Writes a block and tells the index of the next one.
fn stream_block(mut index: usize, block: &Block, chunks: &mut Chunks) -> usize {
    let delta = |delta: Value, index: usize| json!({ "contentBlockDelta": { "delta": delta, "contentBlockIndex": index } });
    let stop = |index: usize| json!({ "contentBlockStop": { "contentBlockIndex": index } });
    match block {
        Block::Redacted(data) => {
            chunks.chunk(&delta(json!({ "reasoningContent": { "redactedContent": data } }), index));
        }
        Block::Text(text) | Block::Cited { text, .. } => {
            for piece in tokens::split(text) {
                chunks.chunk(&delta(json!({ "text": piece }), index));
                chunks.chunk(&stop(index));
                index += 1;
            }
            return index;
        }
        Block::Reasoning { text, .. } => {
            for piece in tokens::split(text) {
                chunks.chunk(&delta(
                    json!({ "reasoningContent": { "reasoningText": { "text": piece } } }),
                    index,
                ));
            }
        }
        Block::ToolUse { id, name, input } => {
            let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
            chunks.chunk(&json!({ "contentBlockStart": { "start": start, "contentBlockIndex": index } }));
            chunks.chunk(&delta(json!({ "toolUse": { "input": input.to_string() } }), index));
        }
    }
    chunks.chunk(&stop(index));
    index + 1
}

fn usage(turn: &Turn) -> Value {
    json!({
        "inputTokens": turn.input_tokens,
        "outputTokens": turn.output_tokens,
        "totalTokens": turn.input_tokens + turn.cached.read + turn.cached.written() + turn.output_tokens,
        "cacheReadInputTokenCount": turn.cached.read,
        "cacheWriteInputTokenCount": turn.cached.written(),
    })
}
