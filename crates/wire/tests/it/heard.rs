//! What a client hears in an answer, whichever dialect it was written in: the yardstick of the translation tests.

use outcrop_wire::bedrock::StreamEvent;
use outcrop_wire::dialect::Answer;
use outcrop_wire::sse::Reader;
use outcrop_wire::{anthropic, openai_chat};
use serde_json::{Value, json};

/// Text, reasoning, tool calls, stop reason and usage of one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    pub reasoning: String,
    /// Signatures and encrypted reasoning, in order.
    pub proofs: Vec<String>,
    /// Id, name and arguments.
    pub calls: Vec<(String, String, Value)>,
    pub citations: usize,
    /// Blocks carried as they are, by the name of their member.
    pub foreign: Vec<String>,
    pub stop: String,
    /// Fresh input, cache read, cache write, output.
    pub usage: [u64; 4],
}

pub fn answer() -> Answer {
    Answer { id: "id-1".into(), created: 1_700_000_000, model: "my-model".into(), ..Answer::default() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn usage_of(usage: &Value, names: [&str; 4]) -> [u64; 4] {
    names.map(|name| usage[name].as_u64().unwrap_or(0))
}

/// Straight from Converse's own answer.
pub fn converse(response: &Value) -> Heard {
    let mut heard = Heard {
        stop: text(&response["stopReason"]).to_owned(),
        usage: usage_of(
            &response["usage"],
            ["inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "outputTokens"],
        ),
        ..Heard::default()
    };
    for block in response["output"]["message"]["content"].as_array().unwrap() {
        let (key, value) = block.as_object().unwrap().iter().next().unwrap();
        match key.as_str() {
            "text" => heard.text += text(value),
            "reasoningContent" => {
                heard.reasoning += text(&value["reasoningText"]["text"]);
                let proofs = [&value["reasoningText"]["signature"], &value["redactedContent"]];
                heard.proofs.extend(proofs.into_iter().filter_map(Value::as_str).map(str::to_owned));
            }
            "toolUse" if value["type"] != "server_tool_use" => {
                let call =
                    (text(&value["toolUseId"]).into(), text(&value["name"]).into(), value["input"].clone());
                heard.calls.push(call);
            }
            "citationsContent" => {
                for piece in value["content"].as_array().into_iter().flatten() {
                    heard.text += text(&piece["text"]);
                }
                heard.citations += value["citations"].as_array().map_or(0, Vec::len);
            }
            _ => heard.foreign.push(key.clone()),
        }
    }
    heard
}

/// Puts a stream's events together to the whole answer, on `Value`s and by itself.
pub fn whole(events: &[(String, Value)]) -> Value {
    let mut blocks: std::collections::BTreeMap<u64, Value> = Default::default();
    let mut inputs: std::collections::BTreeMap<u64, String> = Default::default();
    let mut response = json!({"output": {"message": {"role": "assistant", "content": []}}, "usage": {}});
    for (kind, event) in events {
        let at = event["contentBlockIndex"].as_u64().unwrap_or(0);
        match kind.as_str() {
            "contentBlockStart" => {
                let mut block = event["start"].clone();
                if block.get("toolResult").is_some() {
                    block["toolResult"]["content"] = json!([]);
                }
                blocks.insert(at, block);
            }
            "contentBlockDelta" => add_delta(at, &event["delta"], &mut blocks, &mut inputs),
            "messageStop" => response["stopReason"] = event["stopReason"].clone(),
            "metadata" => response["usage"] = event["usage"].clone(),
            _ => {}
        }
    }
    for (at, block) in &mut blocks {
        if block.get("toolUse").is_some() {
            let input = inputs.get(at).map_or("{}", String::as_str);
            block["toolUse"]["input"] = serde_json::from_str(input).unwrap_or(json!({}));
        }
    }
    response["output"]["message"]["content"] = Value::Array(blocks.into_values().collect());
    response
}

fn add_delta(
    at: u64,
    delta: &Value,
    blocks: &mut std::collections::BTreeMap<u64, Value>,
    inputs: &mut std::collections::BTreeMap<u64, String>,
) {
    let append = |slot: &mut Value, piece: &Value| *slot = json!(format!("{}{}", text(slot), text(piece)));
    let (key, value) = delta.as_object().unwrap().iter().next().unwrap();
    match key.as_str() {
        "text" => {
            let block = blocks.entry(at).or_insert_with(|| json!({"text": ""}));
            match block.get("citationsContent") {
                Some(_) => append(&mut block["citationsContent"]["content"][0]["text"], value),
                None => append(&mut block["text"], value),
            }
        }
        "citation" => {
            let block = blocks.entry(at).or_insert_with(|| json!({"text": ""}));
            if block.get("citationsContent").is_none() {
                *block = json!({"citationsContent": {"content": [{"text": block["text"]}], "citations": []}});
            }
            block["citationsContent"]["citations"].as_array_mut().unwrap().push(value.clone());
        }
        "toolUse" => *inputs.entry(at).or_default() += text(&value["input"]),
        "toolResult" => {
            let block = blocks.get_mut(&at).unwrap();
            block["toolResult"]["content"]
                .as_array_mut()
                .unwrap()
                .extend(value.as_array().unwrap().iter().cloned());
        }
        "reasoningContent" => {
            let block = blocks.entry(at).or_insert_with(|| json!({"reasoningContent": {}}));
            if let Some(data) = value.get("redactedContent") {
                block["reasoningContent"]["redactedContent"] = data.clone();
            }
            for name in ["text", "signature"] {
                if let Some(piece) = value.get(name) {
                    append(&mut block["reasoningContent"]["reasoningText"][name], piece);
                }
            }
        }
        other => panic!("unknown delta {other}"),
    }
}

/// From a whole `chat.completion`.
pub fn chat(completion: &Value) -> Heard {
    let choice = &completion["choices"][0];
    let mut heard = Heard { stop: text(&choice["native_finish_reason"]).to_owned(), ..Heard::default() };
    add_chat(&mut heard, &choice["message"]);
    for call in choice["message"]["tool_calls"].as_array().into_iter().flatten() {
        heard.calls.push(chat_call(call));
    }
    heard.usage = chat_usage(&completion["usage"]);
    heard
}

fn add_chat(heard: &mut Heard, message: &Value) {
    heard.text += text(&message["content"]);
    heard.reasoning += text(&message["reasoning_content"]);
    heard.citations += message["citations"].as_array().map_or(0, Vec::len);
    for detail in message["reasoning_details"].as_array().into_iter().flatten() {
        let proof = detail["signature"].as_str().or(detail["data"].as_str()).unwrap();
        heard.proofs.push(proof.to_owned());
    }
    for block in message["bedrock_blocks"].as_array().into_iter().flatten() {
        heard.foreign.push(block.as_object().unwrap().keys().next().unwrap().clone());
    }
}

fn chat_call(call: &Value) -> (String, String, Value) {
    let arguments = serde_json::from_str(text(&call["function"]["arguments"])).unwrap();
    (text(&call["id"]).into(), text(&call["function"]["name"]).into(), arguments)
}

fn chat_usage(usage: &Value) -> [u64; 4] {
    let details = &usage["prompt_tokens_details"];
    let (read, write) =
        (details["cached_tokens"].as_u64().unwrap(), details["cache_write_tokens"].as_u64().unwrap());
    let (prompt, output) =
        (usage["prompt_tokens"].as_u64().unwrap(), usage["completion_tokens"].as_u64().unwrap());
    assert_eq!(usage["total_tokens"].as_u64().unwrap(), prompt + output);
    [prompt - read - write, read, write, output]
}

/// From a whole `message`.
pub fn message(message: &Value) -> Heard {
    let mut heard = Heard { stop: text(&message["stop_reason"]).to_owned(), ..Heard::default() };
    for block in message["content"].as_array().unwrap() {
        add_message_block(&mut heard, block);
    }
    heard.usage = message_usage(&message["usage"]);
    heard
}

fn add_message_block(heard: &mut Heard, block: &Value) {
    match text(&block["type"]) {
        "text" => {
            heard.text += text(&block["text"]);
            heard.citations += block["citations"].as_array().map_or(0, Vec::len);
        }
        "thinking" => {
            heard.reasoning += text(&block["thinking"]);
            heard
                .proofs
                .extend(Some(text(&block["signature"])).filter(|proof| !proof.is_empty()).map(str::to_owned));
        }
        "redacted_thinking" => heard.proofs.push(text(&block["data"]).to_owned()),
        "tool_use" => {
            heard.calls.push((
                text(&block["id"]).into(),
                text(&block["name"]).into(),
                block["input"].clone(),
            ));
        }
        "bedrock_block" => {
            heard.foreign.push(block["block"].as_object().unwrap().keys().next().unwrap().clone())
        }
        other => panic!("unknown block {other}"),
    }
}

fn message_usage(usage: &Value) -> [u64; 4] {
    usage_of(
        usage,
        ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"],
    )
}

/// The bytes of a Chat Completions stream of these events.
pub fn chat_stream_bytes(events: &[(String, Value)]) -> Vec<u8> {
    let mut writer = openai_chat::StreamWriter::new(answer(), true);
    let mut out = bytes::BytesMut::new();
    for (kind, payload) in events {
        let payload = serde_json::to_vec(payload).unwrap();
        writer.event(&StreamEvent::parse(kind, &payload).unwrap(), &mut out);
    }
    writer.finish(&mut out).unwrap();
    out.to_vec()
}

/// The bytes of a Messages stream of these events.
pub fn message_stream_bytes(events: &[(String, Value)]) -> Vec<u8> {
    let mut writer = anthropic::StreamWriter::new(answer());
    let mut out = bytes::BytesMut::new();
    for (kind, payload) in events {
        let payload = serde_json::to_vec(payload).unwrap();
        writer.event(&StreamEvent::parse(kind, &payload).unwrap(), &mut out);
    }
    writer.finish(&mut out).unwrap();
    out.to_vec()
}

/// What a Chat Completions client puts together from a stream, checking the protocol on the way.
pub fn chat_stream(bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let mut calls: Vec<Value> = Vec::new();
    let events = Reader::default().push(bytes);
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done.data, "[DONE]");
    for event in chunks {
        let chunk: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!((text(&chunk["id"]), text(&chunk["object"])), ("id-1", "chat.completion.chunk"));
        let Some(choice) = chunk["choices"].get(0) else {
            heard.usage = chat_usage(&chunk["usage"]);
            continue;
        };
        assert!(chunk["usage"].is_null());
        add_chat(&mut heard, &choice["delta"]);
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap() as usize;
            match calls.get_mut(index) {
                None => {
                    assert_eq!(index, calls.len());
                    calls.push(call.clone());
                }
                Some(known) => {
                    let more = format!(
                        "{}{}",
                        text(&known["function"]["arguments"]),
                        text(&call["function"]["arguments"])
                    );
                    known["function"]["arguments"] = json!(more);
                }
            }
        }
        if !choice["finish_reason"].is_null() {
            heard.stop = text(&choice["native_finish_reason"]).to_owned();
        }
    }
    heard.calls = calls.iter().map(chat_call).collect();
    heard
}

/// What a Messages client puts together from a stream, checking the protocol on the way.
pub fn message_stream(bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let mut open: Option<(Value, String)> = None;
    let mut next = 0;
    let mut names = Vec::new();
    for event in Reader::default().push(bytes) {
        let data: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(event.name.as_deref(), data["type"].as_str());
        names.push(event.name.unwrap());
        match text(&data["type"]) {
            "content_block_start" => {
                assert!(open.is_none(), "a block was opened inside another");
                assert_eq!(data["index"].as_u64(), Some(next));
                open = Some((data["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                assert_eq!(data["index"].as_u64(), Some(next));
                let (block, input) = open.as_mut().expect("a delta needs an open block");
                message_delta(block, input, &data["delta"]);
            }
            "content_block_stop" => {
                assert_eq!(data["index"].as_u64(), Some(next));
                let (mut block, input) = open.take().expect("a stop needs an open block");
                if !input.is_empty() {
                    block["input"] = serde_json::from_str(&input).unwrap();
                }
                add_message_block(&mut heard, &block);
                next += 1;
            }
            "message_delta" => {
                heard.stop = text(&data["delta"]["stop_reason"]).to_owned();
                heard.usage = message_usage(&data["usage"]);
            }
            _ => {}
        }
    }
    assert_eq!(names.first().map(String::as_str), Some("message_start"));
    assert_eq!(names.last().map(String::as_str), Some("message_stop"));
    heard
}

fn message_delta(block: &mut Value, input: &mut String, delta: &Value) {
    let append = |slot: &mut Value, piece: &Value| *slot = json!(format!("{}{}", text(slot), text(piece)));
    match text(&delta["type"]) {
        "text_delta" => append(&mut block["text"], &delta["text"]),
        "thinking_delta" => append(&mut block["thinking"], &delta["thinking"]),
        "signature_delta" => append(&mut block["signature"], &delta["signature"]),
        "input_json_delta" => *input += text(&delta["partial_json"]),
        "citations_delta" => {
            if block.get("citations").is_none() {
                block["citations"] = json!([]);
            }
            block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
        }
        other => panic!("unknown delta {other}"),
    }
}
