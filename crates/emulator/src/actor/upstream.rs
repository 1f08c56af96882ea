//! A model behind an OpenAI-compatible server (Ollama, llama.cpp, vLLM …) gives the words; everything else is Bedrock's as
//! the emulator knows it: rules, signatures, stop sequences, token counts, caching, the bill.
//!
//! The answer is fetched whole and then handed on, streamed or not.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use outcrop_wire::bedrock::{
    ContentBlock, ErrorKind, Media, MediaSource, Message, Role, StopReason, SystemBlock, ToolChoice,
    ToolResult, ToolResultBlock,
};
use serde_json::{Value, json};

use super::documents::text_of;
use super::{Limits, seal};
use crate::failure::Failure;
use crate::outbound::Outbound;
use crate::prompt::{Block, Prompt, Turn};
use crate::tokens;

/// The server, and how it is asked.
pub(crate) struct Upstream {
    server: Outbound,
    /// The model to ask for there; the Bedrock model's id when `None`.
    model: Option<String>,
    key: Option<HeaderValue>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("server", &self.server)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// A server whose `/chat/completions` is under this address.
    ///
    /// # Errors
    /// What is wrong with the address or the key.
    pub(crate) fn to(url: &str, model: Option<String>, key: Option<&str>) -> Result<Self, String> {
        let key = key.map(|key| {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| "the upstream's key cannot stand in a header".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        });
        Ok(Self { server: Outbound::to(url)?, model, key: key.transpose()? })
    }

    /// Asks, and makes a turn of the answer.
    ///
    /// # Errors
    /// 424 `ModelErrorException` when the server refuses, fails or does not answer.
    pub(crate) async fn answer(
        &self,
        prompt: &Prompt,
        model: &str,
        think: bool,
        new_id: &mut impl FnMut() -> String,
    ) -> Result<Turn, Failure> {
        let failed = |reason: String| {
            Failure::new(ErrorKind::ModelError, format!("The model upstream returned an error: {reason}"))
        };
        let body = question(prompt, self.model.as_deref().unwrap_or(model));
        let mut request = Request::post(self.server.uri("/chat/completions").map_err(failed)?)
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| failed(error.to_string()))?;
        let response = self.server.send(request).await.map_err(failed)?;
        let answer: Value = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        if !response.status().is_success() {
            let reason = answer.pointer("/error/message").or(answer.get("message")).and_then(Value::as_str);
            return Err(failed(format!("{} {}", response.status(), reason.unwrap_or("without a reason"))));
        }
        let Some(choice) = answer.pointer("/choices/0") else {
            return Err(failed("the answer has no choices".to_owned()));
        };
        Ok(turn(prompt, choice, answer.pointer("/usage/completion_tokens"), think, new_id))
    }
}

/// The question as Chat Completions puts it.
fn question(prompt: &Prompt, model: &str) -> Value {
    let request = &prompt.request;
    let mut messages: Vec<Value> = Vec::new();
    let system: Vec<_> = request.system.iter().filter_map(system_text).collect();
    if !system.is_empty() {
        messages.push(json!({ "role": "system", "content": system.join("\n\n") }));
    }
    request.messages.iter().for_each(|message| push_message(message, &mut messages));
    let mut body = json!({ "model": model, "messages": messages, "stream": false });
    let config = request.inference_config.as_ref();
    let tools: Vec<Value> = prompt.tools().map(|tool| {
        let parameters: Value = serde_json::from_str(tool.input_schema.json.get()).unwrap_or_default();
        json!({ "type": "function", "function": { "name": tool.name, "description": tool.description, "parameters": parameters } })
    }).collect();
    let choice = prompt.tool_choice().and_then(|choice| match choice {
        ToolChoice::Any(_) => Some(json!("required")),
        ToolChoice::Tool(tool) => Some(json!({ "type": "function", "function": { "name": tool.name } })),
        _ => None,
    });
    let stop = prompt.stop_sequences();
    for (member, value) in [
        ("max_tokens", prompt.max_tokens().map(Value::from)),
        ("temperature", config.and_then(|config| config.temperature).map(Value::from)),
        ("top_p", config.and_then(|config| config.top_p).map(Value::from)),
        ("stop", (!stop.is_empty()).then(|| json!(stop))),
        ("tools", (!tools.is_empty()).then(|| json!(tools))),
        ("tool_choice", choice.filter(|_| !tools.is_empty())),
        ("response_format", prompt.answer_schema.as_ref().map(|schema| {
            json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema } })
        })),
    ] {
        if let Some(value) = value {
            body[member] = value;
        }
    }
    body
}

fn system_text(block: &SystemBlock) -> Option<Cow<'_, str>> {
    match block {
        SystemBlock::Text(text) => Some(text.to_str()),
        _ => None,
    }
}

/// One message may become several: results of tools are messages of their own.
fn push_message(message: &Message, out: &mut Vec<Value>) {
    let (mut parts, mut calls) = (Vec::new(), Vec::new());
    for block in &message.content {
        match block {
            ContentBlock::Text(text) => parts.push(json!({ "type": "text", "text": text })),
            ContentBlock::Image(media) => parts.extend(image(media)),
            ContentBlock::Document(document) => parts.extend(text_of(document).map(
                |text| json!({ "type": "text", "text": format!("Document “{}”:\n{text}", document.name) }),
            )),
            ContentBlock::ToolUse(call) => calls.push(json!({
                "id": call.tool_use_id,
                "type": "function",
                "function": { "name": call.name, "arguments": call.input.get() },
            })),
            ContentBlock::ToolResult(result) => out.push(tool_message(result)),
            _ => {}
        }
    }
    let role = if message.role == Role::Assistant { "assistant" } else { message.role.as_str() };
    if calls.is_empty() && parts.is_empty() {
        return;
    }
    let is_plain = parts.iter().all(|part| part["type"] == "text");
    let text = || parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n");
    let content = match (parts.is_empty(), is_plain) {
        (true, _) => Value::Null,
        (_, true) => json!(text()),
        (_, false) => json!(parts),
    };
    let mut spoken = json!({ "role": role, "content": content });
    if !calls.is_empty() {
        spoken["tool_calls"] = json!(calls);
    }
    out.push(spoken);
}

fn image(media: &Media) -> Option<Value> {
    match &media.source {
        MediaSource::Bytes(base64) => {
            let url = format!("data:image/{};base64,{base64}", media.format);
            Some(json!({ "type": "image_url", "image_url": { "url": url } }))
        }
        _ => None,
    }
}

fn tool_message(result: &ToolResult) -> Value {
    let parts = result.content.iter().map(|block| match block {
        ToolResultBlock::Text(text) => text.to_str().into_owned(),
        ToolResultBlock::Json(json) | ToolResultBlock::SearchResult(json) => json.get().to_owned(),
        ToolResultBlock::Document(document) => text_of(document).unwrap_or_default(),
        _ => String::new(),
    });
    let content = parts.collect::<Vec<_>>().join("\n");
    json!({ "role": "tool", "tool_call_id": result.tool_use_id, "content": content })
}

/// The answer with Bedrock's limits laid over it.
fn turn(
    prompt: &Prompt,
    choice: &Value,
    counted: Option<&Value>,
    think: bool,
    new_id: &mut impl FnMut() -> String,
) -> Turn {
    let message = &choice["message"];
    let text_of = |name: &str| message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut blocks = Vec::new();
    if let Some(text) = text_of("reasoning_content").or_else(|| text_of("reasoning")).filter(|_| think) {
        blocks.push(Block::Reasoning { signature: seal::sign(text), text: text.to_owned() });
    }
    if let Some(text) = text_of("content") {
        blocks.push(Block::Text(text.to_owned()));
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let arguments = call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or("{}");
        blocks.push(Block::ToolUse {
            id: new_id(),
            name: call.pointer("/function/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            input: serde_json::from_str(arguments).unwrap_or_else(|_| json!({})),
        });
    }
    if blocks.is_empty() {
        blocks.push(Block::Text(String::new()));
    }
    let mut turn = Limits::of(prompt).apply(blocks, tokens::of_request(&prompt.request));
    turn.output_tokens = counted.and_then(Value::as_u64).unwrap_or(turn.output_tokens);
    match choice["finish_reason"].as_str() {
        Some("length") => turn.stop_reason = StopReason::MaxTokens,
        Some("content_filter") => turn.stop_reason = StopReason::ContentFiltered,
        _ => {}
    }
    turn
}
