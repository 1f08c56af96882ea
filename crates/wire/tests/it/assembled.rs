//! Recorded streams put together to the answer that they are, by each dialect's own rules and on `Value`s alone.

use serde_json::{Map, Value, json};

/// The recorded answer as a whole one; `null` where there is none.
pub fn answer(exchange: &Value) -> Value {
    let response = &exchange["response"];
    let Some(text) = response["body_text"].as_str() else { return response["body_json"].clone() };
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let events: Vec<Value> = data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect();
    if events.iter().any(|event| event["type"] == "message_start") {
        return messages(&events);
    }
    let ended =
        |event: &&Value| matches!(event["type"].as_str(), Some("response.completed" | "response.incomplete"));
    match events.iter().find(ended) {
        Some(ended) => ended["response"].clone(),
        None => chat(&events),
    }
}

/// Appends the text of one member to that of another.
fn append(into: &mut Value, member: &str, piece: &Value) {
    let text = format!("{}{}", into[member].as_str().unwrap_or_default(), piece.as_str().unwrap_or_default());
    into[member] = text.into();
}

fn messages(events: &[Value]) -> Value {
    let mut content: Vec<Value> = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    for event in events {
        let delta = &event["delta"];
        match (event["type"].as_str(), delta["type"].as_str()) {
            (Some("content_block_start"), _) => {
                content.push(event["content_block"].clone());
                inputs.push(String::new());
            }
            (Some("content_block_delta"), Some(kind)) => {
                let at = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
                let block = &mut content[at];
                match kind {
                    "text_delta" => append(block, "text", &delta["text"]),
                    "thinking_delta" => append(block, "thinking", &delta["thinking"]),
                    "signature_delta" => append(block, "signature", &delta["signature"]),
                    "input_json_delta" => inputs[at] += delta["partial_json"].as_str().unwrap(),
                    "citations_delta" => match block["citations"].as_array_mut() {
                        Some(citations) => citations.push(delta["citation"].clone()),
                        None => block["citations"] = json!([delta["citation"]]),
                    },
                    other => panic!("{other}"),
                }
            }
            _ => {}
        }
    }
    for (block, input) in content.iter_mut().zip(&inputs).filter(|(_, input)| !input.is_empty()) {
        block["input"] = serde_json::from_str(input).unwrap();
    }
    json!({"content": content})
}

fn chat(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant"});
    for delta in events.iter().map(|event| &event["choices"][0]["delta"]) {
        for (member, piece) in delta.as_object().unwrap_or(&Map::new()) {
            match piece {
                Value::String(_) if member == "role" => {}
                Value::String(_) => append(&mut message, member, piece),
                Value::Array(calls) if member == "tool_calls" => {
                    calls.iter().for_each(|call| add_call(&mut message, call));
                }
                Value::Array(items) => match message[member].as_array_mut() {
                    Some(list) => list.extend(items.iter().cloned()),
                    None => message[member] = piece.clone(),
                },
                Value::Null => {}
                other => message[member] = other.clone(),
            }
        }
    }
    json!({"choices": [{"message": message}]})
}

fn add_call(message: &mut Value, call: &Value) {
    let Some(at) = call["index"].as_u64() else { return };
    let calls = &mut message["tool_calls"];
    if calls.is_null() {
        *calls = json!([]);
    }
    let calls = calls.as_array_mut().unwrap();
    match calls.iter_mut().find(|known| known["index"] == at) {
        Some(known) => append(&mut known["function"], "arguments", &call["function"]["arguments"]),
        None => calls.push(call.clone()),
    }
}
