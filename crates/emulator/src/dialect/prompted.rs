//! Bodies that hold one prompt and answer with its continuation: Llama, Mistral's older models, DeepSeek-R1, Pegasus.
//!
//! Shapes of Llama and Mistral: recorded. The others: AWS user guide, `model-parameters-deepseek` and `-pegasus`. The emulator looks
//! through the models' chat templates for the last thing the user said, so that the actor has a question to answer.

use bytes::Bytes;
use http::StatusCode;
use outcrop_wire::bedrock::{ContentBlock, ConverseRequest, InferenceConfig, Message, Role, StopReason};
use serde_json::{Map, Value, json};

use super::{Chunks, InvocationMetrics, malformed, with_token_counts};
use crate::failure::Failure;
use crate::prompt::{Prompt, Thinking, Turn};
use crate::reply::Reply;
use crate::tokens;

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{prompt, max_gen_len, temperature, top_p}` → `{generation, …}`.
    Llama,
    /// `{prompt, max_tokens, temperature, top_p, top_k, stop}` → `{outputs: [{text, stop_reason}]}`.
    Mistral,
    /// `{prompt, max_tokens, temperature, top_p, stop}` → `{choices: [{text, stop_reason}]}`.
    DeepSeek,
    /// `{inputPrompt, mediaSource, maxOutputTokens, temperature, responseFormat}` → `{message, finishReason}`.
    Pegasus,
}

impl Shape {
    /// The member that holds the prompt.
    fn prompt(self) -> &'static str {
        if self == Self::Pegasus { "inputPrompt" } else { "prompt" }
    }

    /// The members of a request beside the prompt: limit, texts that end the answer, and the rest.
    fn members(self) -> (&'static str, Option<&'static str>, &'static [&'static str]) {
        match self {
            Self::Llama => ("max_gen_len", None, &["temperature", "top_p", "images"]),
            Self::Mistral => ("max_tokens", Some("stop"), &["temperature", "top_p", "top_k"]),
            Self::DeepSeek => ("max_tokens", Some("stop"), &["temperature", "top_p"]),
            Self::Pegasus => ("maxOutputTokens", None, &["temperature", "mediaSource", "responseFormat"]),
        }
    }

    /// The model's word for why it stopped.
    fn stop_reason(reason: &StopReason) -> &'static str {
        match reason {
            StopReason::MaxTokens => "length",
            _ => "stop",
        }
    }
}

/// Reads a body into the canonical form.
///
/// # Errors
/// 400 with the recorded words for a body that is no JSON; `extraneous key` and `required key` in the form recorded for
/// other members.
pub(crate) fn read(body: &[u8], shape: Shape) -> Result<Prompt, Failure> {
    let body: Map<String, Value> = serde_json::from_slice(body).map_err(|_| malformed())?;
    let (limit, stop, others) = shape.members();
    for name in body.keys() {
        let known =
            name == shape.prompt() || name == limit || stop == Some(name) || others.contains(&name.as_str());
        if !known {
            return Err(extraneous_key(name));
        }
    }
    let Some(text) = body.get(shape.prompt()) else { return Err(required_key(shape.prompt())) };
    let text = text.as_str().ok_or_else(|| wrong_type(shape.prompt(), "String", text))?;
    if shape == Shape::Pegasus && !body.contains_key("mediaSource") {
        return Err(required_key("mediaSource"));
    }
    let stop = stop.and_then(|stop| body.get(stop)).and_then(Value::as_array).cloned().unwrap_or_default();
    let request = ConverseRequest {
        messages: vec![Message {
            role: Role::User,
            content: vec![ContentBlock::Text(last_question(text).into())],
        }],
        inference_config: Some(InferenceConfig {
            max_tokens: number(&body, limit)?.and_then(Value::as_u64),
            temperature: number(&body, "temperature")?.and_then(Value::as_f64),
            top_p: number(&body, "top_p")?.and_then(Value::as_f64),
            stop_sequences: stop.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        }),
        ..ConverseRequest::default()
    };
    let answer_schema = body.get("responseFormat").and_then(|format| format.get("jsonSchema")).cloned();
    Ok(Prompt { answer_schema, ..Prompt::plain(request, Thinking::Unset) })
}

fn number<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Value>, Failure> {
    match body.get(name) {
        Some(value) if !value.is_number() => Err(wrong_type(name, "Number", value)),
        found => Ok(found),
    }
}

/// `#: extraneous key [NAME] is not permitted`. Source: pingcap/autoflow#574; recorded for a member deeper down.
pub(crate) fn extraneous_key(name: &str) -> Failure {
    Failure::validation(format!(
        "Malformed input request: #: extraneous key [{name}] is not permitted, please reformat your input and try again."
    ))
}

/// In the form of [`extraneous_key`]; public reports of InvokeModel.
pub(crate) fn required_key(name: &str) -> Failure {
    Failure::validation(format!(
        "Malformed input request: #: required key [{name}] not found, please reformat your input and try again."
    ))
}

/// In the form of [`extraneous_key`]; public reports of InvokeModel.
pub(crate) fn wrong_type(name: &str, expected: &str, found: &Value) -> Failure {
    let found = match found {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Number",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    };
    Failure::validation(format!(
        "Malformed input request: #/{name}: expected type: {expected}, found: {found}, please reformat your input and try \
         again."
    ))
}

/// What the user said last, out of a chat template; the whole prompt when it has none.
fn last_question(prompt: &str) -> &str {
    /// How a user's turn begins and ends in the templates of the models that take prompts.
    const TURNS: [(&str, &str); 5] = [
        ("<|start_header_id|>user<|end_header_id|>", "<|eot_id|>"),
        ("<|header_start|>user<|header_end|>", "<|eot|>"),
        ("[INST]", "[/INST]"),
        ("<｜User｜>", "<｜Assistant｜>"),
        ("\n\nHuman:", "\n\nAssistant:"),
    ];
    for (open, close) in TURNS {
        if let Some((_, turn)) = prompt.rsplit_once(open) {
            return turn.split_once(close).map_or(turn, |(turn, _)| turn).trim();
        }
    }
    prompt
}

/// The whole answer.
pub(crate) fn write(turn: &Turn, shape: Shape) -> Reply {
    let (text, stop) = (turn.text(), Shape::stop_reason(&turn.stop_reason));
    let answer = match shape {
        Shape::Llama => json!({
            "generation": text,
            "prompt_token_count": turn.input_tokens,
            "generation_token_count": turn.output_tokens,
            "stop_reason": stop,
        }),
        Shape::Mistral => json!({ "outputs": [{ "text": text, "stop_reason": stop }] }),
        Shape::DeepSeek => json!({ "choices": [{ "text": text, "stop_reason": stop }] }),
        Shape::Pegasus => json!({ "message": text, "finishReason": stop }),
    };
    with_token_counts(Reply::json(StatusCode::OK, &answer), turn)
}

/// The answer as chunks: one a token, the last one with the reason and the metrics.
pub(crate) fn stream(turn: &Turn, shape: Shape) -> Vec<Bytes> {
    let text = turn.text();
    let pieces: Vec<&str> = tokens::split(&text).collect();
    let mut chunks = Chunks::default();
    for (index, piece) in pieces.iter().enumerate() {
        chunks.chunk(&chunk(turn, shape, piece, index as u64, None));
    }
    let stop = Shape::stop_reason(&turn.stop_reason);
    let mut last = chunk(turn, shape, "", pieces.len() as u64, Some(stop));
    last["amazon-bedrock-invocationMetrics"] = json!(InvocationMetrics::of(turn));
    chunks.chunk(&last);
    chunks.into_vec()
}

fn chunk(turn: &Turn, shape: Shape, piece: &str, index: u64, stop: Option<&str>) -> Value {
    match shape {
        Shape::Llama => json!({
            "generation": piece,
            "prompt_token_count": (index == 0).then_some(turn.input_tokens),
            "generation_token_count": index + u64::from(stop.is_none()),
            "stop_reason": stop,
        }),
        Shape::Mistral => json!({ "outputs": [{ "text": piece, "stop_reason": stop }] }),
        Shape::DeepSeek => json!({ "choices": [{ "text": piece, "stop_reason": stop }] }),
        Shape::Pegasus => json!({ "message": piece, "finishReason": stop }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_question_is_found_in_every_template() {
        for prompt in [
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            "<|begin_of_text|><|header_start|>user<|header_end|>\n\nHi<|eot|><|header_start|>assistant<|header_end|>",
            "<s>[INST] before [/INST] answer</s>[INST] Hi [/INST]",
            "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>\n",
            "\n\nHuman: Hi\n\nAssistant:",
            "Hi",
        ] {
            assert_eq!(last_question(prompt), "Hi", "{prompt}");
        }
    }
}
