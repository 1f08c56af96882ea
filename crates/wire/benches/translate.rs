//! What the gateway pays for each translator, at three sizes: requests to Bedrock, whole answers and streams back, and
//! beside them what a relay pays. `make bench` runs them.
//!
//! Before the times, a table says how often each case allocates and how much.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;

use allocation_counter::{AllocationInfo, measure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use outcrop_catalog::{Catalog, Model};
use outcrop_wire::bedrock::{ConverseResponse, StreamEvent};
use outcrop_wire::dialect::{Answer, Dialect, Head, Translated};
use outcrop_wire::envelope::{self, Members};
use outcrop_wire::openai_responses::Echo;
use outcrop_wire::upstream::{self, Ask, Calls, Language, Reader};
use outcrop_wire::{Notices, anthropic, family, openai_chat, openai_responses, relayed};
use serde_json::{Value, json};

/// A question, a coding agent's turn, a long session.
const SIZES: [(usize, &str); 3] = [(1_000, "1 KB"), (18_000, "18 KB"), (200_000, "200 KB")];
/// The model that requests are made for: one with rules for reasoning, caching, tools and parameters.
const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
/// Text in one delta of a stream, in bytes: a few tokens.
const DELTA: usize = 24;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let model = Catalog::built_in().model(MODEL).unwrap().as_ref().clone();
    println!("{:<10} {:<34} {:>12} {:>14} {:>12}", "size", "case", "allocations", "bytes", "peak");
    for (size, name) in SIZES {
        let mut cases = requests(size, &model);
        cases.extend(answers(size));
        cases.extend(streams(size));
        let mut group = criterion.benchmark_group(name);
        for case in cases {
            case.bench(&mut group, name);
        }
        group.finish();
    }
    criterion.final_summary();
}

/// Something that is done over and over; its result is dropped within.
struct Case {
    name: String,
    /// Bytes that go in.
    bytes: usize,
    run: Box<dyn Fn()>,
}

impl Case {
    fn new<T>(name: &str, bytes: usize, run: impl Fn() -> T + 'static) -> Self {
        Self { name: name.to_owned(), bytes, run: Box::new(move || drop(black_box(run()))) }
    }

    fn bench(&self, group: &mut BenchmarkGroup<'_, WallTime>, size: &str) {
        // The first run fills what is made once for all.
        (self.run)();
        let AllocationInfo { count_total, bytes_total, bytes_max, .. } = measure(|| (self.run)());
        println!("{size:<10} {:<34} {count_total:>12} {bytes_total:>14} {bytes_max:>12}", self.name);
        group.throughput(Throughput::Bytes(self.bytes as u64));
        group.bench_function(&self.name, |bencher| bencher.iter(|| (self.run)()));
    }
}

/// Prose of about this many bytes, with what must be escaped.
fn prose(bytes: usize) -> String {
    const LINE: &str = "Please look into \"this\" — it fails in\tmain.rs.\n";
    LINE.repeat(bytes.div_ceil(LINE.len()))
}

/// How much of a size each of the parts of a conversation is: the rest is structure.
fn share(size: usize) -> usize {
    size.saturating_sub(600) / 5
}

fn schema() -> Value {
    json!({"type": "object", "required": ["path"], "properties": {
        "path": {"type": "string", "description": "Where to find it"}, "limit": {"type": "integer"}}})
}

fn chat_request(size: usize) -> Vec<u8> {
    let text = prose(share(size));
    serde_json::to_vec(&json!({"model": "m", "stream": true, "temperature": 0.2, "max_completion_tokens": 4096,
        "tools": [{"type": "function", "function": {"name": "read", "description": text, "parameters": schema()}}],
        "messages": [
            {"role": "system", "content": text}, {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": text, "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "read", "arguments": "{\"path\":\"/tmp/a\",\"limit\":10}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": text}]}))
    .unwrap()
}

fn responses_request(size: usize) -> Vec<u8> {
    let text = prose(share(size));
    serde_json::to_vec(&json!({"model": "m", "stream": true, "store": false, "instructions": text, "max_output_tokens": 4096,
        "tools": [{"type": "function", "name": "read", "description": text, "parameters": schema()}],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": text}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": text}]},
            {"type": "function_call", "call_id": "call_1", "name": "read", "arguments": "{\"path\":\"/tmp/a\"}"},
            {"type": "function_call_output", "call_id": "call_1", "output": text}]}))
    .unwrap()
}

fn messages_request(size: usize) -> Vec<u8> {
    let text = prose(share(size));
    serde_json::to_vec(&json!({"model": "m", "stream": true, "max_tokens": 4096,
        "system": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "read", "description": text, "input_schema": schema()}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": [{"type": "text", "text": text},
                {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "/tmp/a"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": text}]}]}))
    .unwrap()
}

fn converse(translated: Translated, model: &Model) -> Vec<u8> {
    const LONG: usize = 20_000;
    family::apply(translated, Some(model)).request.to_body(LONG)
}

/// The same for an endpoint that does not speak Converse.
fn written(translated: Translated, language: Language, model: &Model) -> Vec<u8> {
    let request = family::apply(translated, Some(model)).request;
    let ask = Ask { model: "m", stream: true, calls: Calls::default() };
    upstream::write(language, &request, &ask, &mut Notices::default()).unwrap().body
}

fn requests(size: usize, model: &Model) -> Vec<Case> {
    let bodies = [chat_request(size), responses_request(size), messages_request(size)];
    let [chat, responses, messages] = bodies.map(Bytes::from);
    let (model_of_chat, model_of_responses, model_of_messages) =
        (model.clone(), model.clone(), model.clone());
    let (head, enveloped, sent) = (chat.clone(), messages.clone(), chat.clone());
    let (to_chat, to_messages) = (messages.clone(), chat.clone());
    let (model_to_chat, model_to_messages) = (model.clone(), model.clone());
    vec![
        Case::new("request: head", chat.len(), move || Head::read(&head).unwrap().stream),
        Case::new("request: Chat to Converse", chat.len(), move || {
            converse(openai_chat::translate(&chat).unwrap().translated, &model_of_chat)
        }),
        Case::new("request: Responses to Converse", responses.len(), move || {
            converse(openai_responses::translate(&responses).unwrap().translated, &model_of_responses)
        }),
        Case::new("request: Messages to Converse", messages.len(), move || {
            converse(anthropic::translate(&messages, &[]).unwrap(), &model_of_messages)
        }),
        Case::new("request: Messages to Chat", to_chat.len(), move || {
            written(anthropic::translate(&to_chat, &[]).unwrap(), Language::Chat, &model_to_chat)
        }),
        Case::new("request: Chat to Messages", to_messages.len(), move || {
            let translated = openai_chat::translate(&to_messages).unwrap().translated;
            written(translated, Language::Messages, &model_to_messages)
        }),
        Case::new("request: Messages relayed", enveloped.len(), move || {
            envelope::relay_messages(&enveloped, &["one"]).unwrap()
        }),
        Case::new("request: Chat relayed", sent.len(), move || {
            let members = Members::read(&sent).unwrap();
            relayed::request(Dialect::ChatCompletions, &sent, &members, "openai.gpt-oss-120b", true).unwrap()
        }),
    ]
}

fn answer() -> Answer {
    Answer {
        id: "chatcmpl-0123456789".into(),
        created: 1_700_000_000,
        model: "my-model".into(),
        ..Answer::default()
    }
}

fn answers(size: usize) -> Vec<Case> {
    let body = json!({"output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": prose(size / 2), "signature": "c2ln"}}},
        {"text": prose(size / 2)}, {"toolUse": {"toolUseId": "tooluse_1", "name": "read", "input": {"path": "/tmp/a"}}}]}},
        "stopReason": "tool_use", "usage": {"inputTokens": 1000, "outputTokens": 300, "totalTokens": 1300},
        "metrics": {"latencyMs": 900}});
    let body = serde_json::to_vec(&body).unwrap();
    let read = |body: &[u8]| serde_json::from_slice::<ConverseResponse>(body).unwrap();
    let (chat, responses, messages) = (body.clone(), body.clone(), body);
    vec![
        Case::new("answer: Converse to Chat", chat.len(), move || {
            openai_chat::render_response(read(&chat), &answer())
        }),
        Case::new("answer: Converse to Responses", responses.len(), move || {
            openai_responses::render_response(read(&responses), &answer(), &Echo::default())
        }),
        Case::new("answer: Converse to Messages", messages.len(), move || {
            anthropic::render_response(read(&messages), &answer())
        }),
    ]
}

/// A text, its usage and its end, as Converse streams them.
fn converse_events(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let text = prose(size);
    let mut events = vec![("messageStart", json!({"role": "assistant"}))];
    let characters: Vec<char> = text.chars().collect();
    for delta in characters.chunks(DELTA) {
        let delta: String = delta.iter().collect();
        events.push((
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"text": delta}, "p": "abcdefgh"}),
        ));
    }
    events.push(("contentBlockStop", json!({"contentBlockIndex": 0})));
    events.push(("messageStop", json!({"stopReason": "end_turn"})));
    let usage = json!({"inputTokens": 10, "outputTokens": 20, "totalTokens": 30});
    events.push(("metadata", json!({"usage": usage, "metrics": {"latencyMs": 1}})));
    events
        .into_iter()
        .map(|(event_type, payload)| (event_type, serde_json::to_vec(&payload).unwrap()))
        .collect()
}

/// The same as Claude's own chunks, and as the events of a dialect.
fn claude_chunks(size: usize) -> Vec<Vec<u8>> {
    let chunk = |event: &Value| {
        serde_json::to_vec(&json!({"bytes": STANDARD.encode(serde_json::to_vec(event).unwrap())})).unwrap()
    };
    let text = prose(size);
    let characters: Vec<char> = text.chars().collect();
    let deltas = characters.chunks(DELTA).map(|delta| {
        let text: String = delta.iter().collect();
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
    });
    deltas.map(|event| chunk(&event)).chain([chunk(&json!({"type": "message_stop"}))]).collect()
}

fn streams(size: usize) -> Vec<Case> {
    let events = converse_events(size);
    let bytes: usize = events.iter().map(|(_, payload)| payload.len()).sum();
    let replayed = |events: &[(&'static str, Vec<u8>)],
                    write: &mut dyn FnMut(&StreamEvent<'_>, &mut BytesMut)| {
        let mut out = BytesMut::with_capacity(1 << 16);
        for (event_type, payload) in events {
            out.clear();
            write(&StreamEvent::parse(event_type, payload).unwrap(), &mut out);
        }
    };
    let (chat, responses, messages) = (events.clone(), events.clone(), events);
    let mut out = BytesMut::new();
    let mut writer = openai_chat::StreamWriter::new(answer(), true);
    for (event_type, payload) in &chat {
        writer.event(&StreamEvent::parse(event_type, payload).unwrap(), &mut out);
    }
    writer.finish(&mut out).unwrap();
    let (own, chunks) = (out.freeze(), claude_chunks(size));
    let foreign = own.clone();
    let chunk_bytes: usize = chunks.iter().map(Vec::len).sum();
    vec![
        Case::new("stream: Converse to Chat", bytes, move || {
            let mut writer = openai_chat::StreamWriter::new(answer(), true);
            replayed(&chat, &mut |event, out| writer.event(event, out));
        }),
        Case::new("stream: Converse to Responses", bytes, move || {
            let mut writer = openai_responses::StreamWriter::new(answer(), Echo::default());
            replayed(&responses, &mut |event, out| writer.event(event, out));
        }),
        Case::new("stream: Converse to Messages", bytes, move || {
            let mut writer = anthropic::StreamWriter::new(answer());
            replayed(&messages, &mut |event, out| writer.event(event, out));
        }),
        Case::new("stream: Messages relayed", chunk_bytes, move || {
            let (mut writer, mut out) = (anthropic::RelayWriter::new(), BytesMut::with_capacity(1 << 16));
            for chunk in &chunks {
                out.clear();
                writer.chunk(chunk, &mut out).unwrap();
            }
        }),
        Case::new("stream: Chat to Messages", foreign.len(), move || {
            let (mut reader, mut writer) =
                (Reader::new(Language::Chat), anthropic::StreamWriter::new(answer()));
            let mut out = BytesMut::with_capacity(1 << 16);
            for piece in foreign.chunks(1400) {
                reader.push(piece);
                out.clear();
                while reader.next_event(&mut |event| writer.event(event, &mut out)).unwrap() {}
            }
        }),
        Case::new("stream: Chat relayed", own.len(), move || {
            let mut stream = relayed::Stream::new(Dialect::ChatCompletions, false);
            let mut out = BytesMut::with_capacity(1 << 16);
            for piece in own.chunks(1400) {
                stream.push(piece);
                out.clear();
                while stream.next_event(&mut out).unwrap() {}
            }
        }),
    ]
}
