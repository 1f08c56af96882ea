//! Chat messages → Converse messages.

use outcrop_wire::{anthropic, family};
use serde_json::{Map, Value, json};

use super::models::meant;
use super::{Verdict, same};

/// The same conversation as a Messages request becomes the same Converse conversation, cache points apart (those are placed by the model's rules).
pub fn converse(row: &Value) -> Verdict {
    if row["fn"] != "convertToConverseMessages" {
        return Err("a step inside LibreChat's own library".to_owned());
    }
    let mut request = json!({ "model": "m", "max_tokens": 100, "messages": [] });
    for message in row["input"][0].as_array().into_iter().flatten() {
        add(&mut request, message)?;
    }
    let translated =
        anthropic::translate(request.to_string().as_bytes(), &[]).map_err(|error| error.to_string());
    if row["expected"]["converseMessages"].is_null() {
        return same("refused", &translated.is_err(), &true);
    }
    let model = meant("anthropic.claude-sonnet-4-5-20250929-v1:0");
    let ours = serde_json::to_value(family::apply(translated?, model.as_deref()).request).expect("JSON");
    same("messages", &ours["messages"], &plain(&row["expected"]["converseMessages"]))?;
    let system = ours["system"].as_array().cloned().unwrap_or_default();
    same("system", &Value::Array(system), &plain(&row["expected"]["converseSystem"]))
}

/// LangChain's message in the Messages API's words.
fn add(request: &mut Value, message: &Value) -> Verdict {
    let calls: Vec<&Value> = message["tool_calls"].as_array().into_iter().flatten().collect();
    // A call that is still in pieces stands complete in `tool_calls`.
    let is_complete_elsewhere = |block: &Value| {
        !block["input"].is_object()
            && calls.iter().any(|call| call["id"] == block["id"] && !block["id"].is_null())
    };
    let content: Value = match &message["content"] {
        Value::Array(parts) => parts.iter().filter(|part| !is_complete_elsewhere(part)).cloned().collect(),
        other => other.clone(),
    };
    let mut content = blocks(&content)?;
    let role = match message["role"].as_str().unwrap_or_default() {
        "system" => {
            request["system"] = Value::Array(content);
            return Ok(());
        }
        "tool" => {
            content = vec![json!({
                "type": "tool_result",
                "tool_use_id": message["tool_call_id"],
                "content": content,
                "is_error": message["status"] == "error",
            })];
            "user"
        }
        "human" => "user",
        "ai" => "assistant",
        other => return Err(format!("no counterpart of the role {other}")),
    };
    for call in calls {
        if !content.iter().any(|block| block["id"] == call["id"]) {
            let input = if call["args"].is_object() { call["args"].clone() } else { json!({}) };
            content
                .push(json!({ "type": "tool_use", "id": call["id"], "name": call["name"], "input": input }));
        }
    }
    request["messages"].as_array_mut().expect("a list").push(json!({ "role": role, "content": content }));
    Ok(())
}

fn blocks(content: &Value) -> Result<Vec<Value>, String> {
    match content {
        Value::String(text) => Ok(vec![json!({ "type": "text", "text": text })]),
        Value::Array(blocks) => blocks.iter().map(block).collect(),
        other => Err(format!("no counterpart of the content {other}")),
    }
}

fn block(block: &Value) -> Result<Value, String> {
    let kind = block["type"].as_str().unwrap_or_default();
    match kind {
        "text" => Ok(json!({ "type": "text", "text": block["text"] })),
        "tool_use" if block["input"].is_object() => Ok(block.clone()),
        "thinking" => Ok(block.clone()),
        "reasoning" => Ok(json!({
            "type": "thinking",
            "thinking": block["reasoning"].as_str().unwrap_or_default(),
            "signature": block["signature"].as_str().unwrap_or_default(),
        })),
        "reasoning_content" => Ok(json!({
            "type": "thinking",
            "thinking": block["reasoningText"]["text"].as_str().unwrap_or_default(),
            "signature": block["reasoningText"]["signature"].as_str().unwrap_or_default(),
        })),
        "file" => Ok(json!({
            "type": "document",
            "title": block["metadata"]["filename"],
            "source": { "type": "base64", "media_type": block["mime_type"], "data": block["data"] },
        })),
        "image_url" => {
            image(block["image_url"]["url"].as_str().or(block["image_url"].as_str()).unwrap_or_default())
        }
        _ => Err(format!("a content block of LangChain's: {kind}")),
    }
}

fn image(url: &str) -> Result<Value, String> {
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let (media_type, data) = data.ok_or("a picture by address")?;
    Ok(json!({ "type": "image", "source": { "type": "base64", "media_type": media_type, "data": data } }))
}

/// Without cache points, bytes as base64.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.contains_key("$bytes_base64") => members["$bytes_base64"].clone(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(key, value)| (key.clone(), plain(value))).collect::<Map<_, _>>(),
        ),
        Value::Array(values) => {
            values.iter().filter(|value| value["cachePoint"].is_null()).map(plain).collect()
        }
        other => other.clone(),
    }
}
