//! Answers of Bedrock, whole and streamed, in each dialect.

use bytes::BytesMut;
use outcrop_wire::bedrock::{BedrockError, ConverseResponse, StreamEvent};
use outcrop_wire::chunks::ChunkObserver;
use outcrop_wire::dialect::{Answer, Dialect};
use outcrop_wire::embeddings::{self as vectors, EmbeddingFamily, Encoding};
use outcrop_wire::openai_responses::Echo;
use outcrop_wire::sse::Reader;
use outcrop_wire::{anthropic, counting, envelope, openai_chat, openai_responses, relayed};
use serde_json::Value;

/// A whole answer of Converse: each dialect makes JSON of it.
pub fn answers(body: &[u8]) {
    let _ = counting::render_response(body);
    for dialect in [Dialect::ChatCompletions, Dialect::Responses, Dialect::Messages] {
        let _ = relayed::report(dialect, body);
    }
    let Ok(response) = serde_json::from_slice::<ConverseResponse>(body) else { return };
    let answer = Answer::default();
    for rendered in [
        openai_chat::render_response(response.clone(), &answer),
        openai_responses::render_response(response.clone(), &answer, &Echo::default()),
        anthropic::render_response(response, &answer),
    ] {
        let _: Value = serde_json::from_slice(&rendered).expect("an answer is JSON");
    }
}

/// Lines of an event's type, a blank and its payload: each dialect makes whole server-sent events of them, and says so when
/// the last one is missing.
pub fn events(lines: &[u8]) {
    let answer = Answer::default();
    let mut chat = openai_chat::StreamWriter::new(answer.clone(), true);
    let mut responses = openai_responses::StreamWriter::new(answer.clone(), Echo::default());
    let mut messages = anthropic::StreamWriter::new(answer);
    let mut outs = [BytesMut::new(), BytesMut::new(), BytesMut::new()];
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b' ') else { continue };
        let (Ok(event_type), payload) = (std::str::from_utf8(&line[..at]), &line[at + 1..]) else { continue };
        let Ok(event) = StreamEvent::parse(event_type, payload) else { continue };
        chat.event(&event, &mut outs[0]);
        responses.event(&event, &mut outs[1]);
        messages.event(&event, &mut outs[2]);
    }
    let failed = |error: outcrop_wire::dialect::Truncated| BedrockError::from(error);
    if let Err(error) = chat.finish(&mut outs[0]) {
        chat.error(&failed(error), &mut outs[0]);
    }
    if let Err(error) = responses.finish(&mut outs[1]) {
        responses.error(&failed(error), &mut outs[1]);
    }
    if let Err(error) = messages.finish(&mut outs[2]) {
        messages.error(&failed(error), "req_1", &mut outs[2]);
    }
    for out in &outs {
        let mut reader = Reader::default();
        for event in reader.push(out) {
            let is_json = serde_json::from_str::<Value>(&event.data).is_ok();
            assert!(is_json || event.data == "[DONE]", "{}", event.data);
        }
        assert!(!reader.is_mid_event());
    }
}

/// An answer of InvokeModel, and a chunk of one that is streamed.
pub fn invoke(body: &[u8]) {
    let _ = envelope::invoke_usage(body);
    let _ = ChunkObserver::default().chunk(body);
    let mut relay = anthropic::RelayWriter::new();
    let _ = relay.chunk(body, &mut BytesMut::new());
    // The same again within its frame.
    let framed = {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD.encode(body);
        format!("{{\"bytes\":\"{bytes}\"}}")
    };
    let mut out = BytesMut::new();
    let _ = ChunkObserver::default().chunk(framed.as_bytes());
    if relay.chunk(framed.as_bytes(), &mut out).is_ok() {
        let mut reader = Reader::default();
        assert_eq!(reader.push(&out).len(), 1, "one chunk is one event");
        assert!(!reader.is_mid_event());
    }
}

/// An embeddings request, and the answer of an embedding model.
pub fn embeddings(body: &[u8]) {
    let _ = vectors::read(body);
    for family in [EmbeddingFamily::Titan, EmbeddingFamily::Cohere, EmbeddingFamily::Nova] {
        if let Ok(found) = vectors::vectors(family, body) {
            let _ = vectors::render_response(&found.vectors, Encoding::Base64, "m", 0);
            let _ = vectors::render_response(&found.vectors, Encoding::Float, "m", 0);
        }
    }
}
