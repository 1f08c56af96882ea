//! What the gateway pays for a translation: a chat request to Converse, an answer to Chat Completions, one delta of a
//! stream, and, beside them, the relay's envelope.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use outcrop_wire::bedrock::{ConverseResponse, StreamEvent};
use outcrop_wire::dialect::{Answer, Head};
use outcrop_wire::{anthropic, envelope, family, openai_chat};
use serde_json::{Value, json};

/// A coding agent's request: twenty tools with schemas, a system prompt, `turns` turns with tool calls.
fn chat_request(turns: usize) -> Vec<u8> {
    let tools: Vec<Value> = (0..20)
        .map(|index| {
            json!({"type": "function", "function": {"name": format!("tool_{index}"), "description": "Does a thing. ".repeat(20),
                "parameters": {"type": "object", "required": ["path"], "properties": {
                    "path": {"type": "string", "description": "Where to find what is wanted, as an absolute path"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 100}}}}})
        })
        .collect();
    let mut messages =
        vec![json!({"role": "system", "content": "You are a careful assistant. ".repeat(100)})];
    for turn in 0..turns {
        messages.push(json!({"role": "user", "content": [{"type": "text", "text": "Please look into this.\n".repeat(20)}]}));
        messages.push(json!({"role": "assistant", "content": "Looking.", "tool_calls": [{"id": format!("call_{turn}"),
            "type": "function", "function": {"name": "tool_1", "arguments": "{\"path\":\"/tmp/a\",\"limit\":10}"}}]}));
        messages.push(json!({"role": "tool", "tool_call_id": format!("call_{turn}"), "content": "line of \"output\"\n".repeat(60)}));
    }
    serde_json::to_vec(
        &json!({"model": "m", "stream": true, "messages": messages, "tools": tools, "tool_choice": "auto",
        "temperature": 0.2, "max_completion_tokens": 4096}),
    )
    .unwrap()
}

fn answer() -> Answer {
    Answer {
        id: "chatcmpl-0123456789".into(),
        created: 1_700_000_000,
        model: "my-model".into(),
        ..Answer::default()
    }
}

fn requests(c: &mut Criterion) {
    for (name, turns) in [("2 turns", 2), ("50 turns", 50)] {
        let body = chat_request(turns);
        let mut group = c.benchmark_group(format!("request, {name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("head", |b| b.iter(|| Head::read(black_box(&body)).unwrap().stream));
        group.bench_function("chat to Converse", |b| {
            b.iter(|| {
                let chat = openai_chat::translate(black_box(&body)).unwrap();
                serde_json::to_vec(&family::apply(chat.translated, None).request).unwrap()
            });
        });
        let relayed = serde_json::to_vec(&{
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            body["max_tokens"] = json!(4096);
            body
        })
        .unwrap();
        group.bench_function("relay envelope", |b| {
            b.iter(|| envelope::relay_messages(black_box(&relayed), &["one"]).unwrap());
        });
        group.finish();
    }
}

fn answers(c: &mut Criterion) {
    let body = serde_json::to_vec(&json!({"output": {"message": {"role": "assistant", "content": [
        {"text": "A sentence of the answer with \"quotes\".\n".repeat(40)},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "tool_1", "input": {"path": "/tmp/a"}}}]}},
        "stopReason": "tool_use", "usage": {"inputTokens": 1000, "outputTokens": 300, "totalTokens": 1300},
        "metrics": {"latencyMs": 900}}))
    .unwrap();
    let answer = answer();
    c.bench_function("answer to chat", |b| {
        b.iter(|| {
            let response: ConverseResponse = serde_json::from_slice(black_box(&body)).unwrap();
            openai_chat::render_response(response, &answer)
        });
    });
    c.bench_function("answer to messages", |b| {
        b.iter(|| {
            let response: ConverseResponse = serde_json::from_slice(black_box(&body)).unwrap();
            anthropic::render_response(response, &answer)
        });
    });
}

fn deltas(c: &mut Criterion) {
    let payload = br#"{"contentBlockIndex":0,"delta":{"text":" and a few \"words\""},"p":"abcdefghijklmnopqrstuvwxyzAB"}"#;
    let mut out = BytesMut::with_capacity(1 << 16);
    let mut chat = openai_chat::StreamWriter::new(answer(), true);
    c.bench_function("delta to chat", |b| {
        b.iter(|| {
            out.clear();
            chat.event(&StreamEvent::parse("contentBlockDelta", black_box(payload)).unwrap(), &mut out);
        });
    });
    let mut messages = anthropic::StreamWriter::new(answer());
    c.bench_function("delta to messages", |b| {
        b.iter(|| {
            out.clear();
            messages.event(&StreamEvent::parse("contentBlockDelta", black_box(payload)).unwrap(), &mut out);
        });
    });
    let chunk = br#"{"bytes":"eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIsImluZGV4IjowLCJkZWx0YSI6eyJ0eXBlIjoidGV4dF9kZWx0YSIsInRleHQiOiIgYW5kIGEgZmV3IHdvcmRzIn19","p":"abcdefgh"}"#;
    let mut relay = anthropic::RelayWriter::new();
    c.bench_function("chunk relayed", |b| {
        b.iter(|| {
            out.clear();
            relay.chunk(black_box(chunk), &mut out).unwrap();
        });
    });
}

criterion_group!(benches, requests, answers, deltas);
criterion_main!(benches);
