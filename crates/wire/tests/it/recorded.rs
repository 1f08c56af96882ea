//! Real traffic, where it is at hand (`../shared/data/recorded`, not part of the repository): every answer keeps what it
//! says in every dialect, and every request is understood or refused on purpose.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outcrop_wire::dialect::{Head, ReasoningIntent, RequestError};
use outcrop_wire::{anthropic, envelope, openai_chat};
use serde_json::Value;

use crate::heard::{self, Heard};

/// The exchanges of one file; `None`, said in one line, when the recordings are not there.
pub fn exchanges(name: &str) -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/recorded").join(name);
    match std::fs::read_to_string(&path) {
        Ok(lines) => Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
        Err(_) => {
            eprintln!("skipped: no recorded traffic at ../shared/data/recorded ({name})");
            None
        }
    }
}

/// The stop word of the Messages API for one of Bedrock's.
fn in_messages_words(mut heard: Heard) -> Heard {
    if matches!(heard.stop.as_str(), "guardrail_intervened" | "content_filtered") {
        heard.stop = "refusal".into();
    }
    heard
}

#[test]
fn whole_answers_keep_everything() {
    let Some(exchanges) = exchanges("bedrock-converse.jsonl") else { return };
    let mut kept = 0;
    for exchange in &exchanges {
        let body = &exchange["response"]["body_json"];
        let response = || serde_json::from_value(body.clone()).unwrap();
        let expected = heard::converse(body);
        let chat = openai_chat::render_response(response(), &heard::answer());
        assert_eq!(
            heard::chat(&serde_json::from_slice(&chat).unwrap()),
            expected,
            "chat, {}",
            exchange["id"]
        );
        let message = anthropic::render_response(response(), &heard::answer());
        let message = heard::message(&serde_json::from_slice(&message).unwrap());
        assert_eq!(message, in_messages_words(expected), "messages, {}", exchange["id"]);
        kept += 1;
    }
    eprintln!("bedrock-converse: {kept} of {} answers kept in both dialects", exchanges.len());
    assert_eq!(kept, exchanges.len());
    assert!(kept >= 200);
}

#[test]
fn streamed_answers_keep_everything_and_equal_whole_ones() {
    let Some(exchanges) = exchanges("bedrock-converse-stream.jsonl") else { return };
    let (mut complete, mut cut) = (0, 0);
    for exchange in &exchanges {
        let events = events(&exchange["response"]);
        if !events.iter().any(|(kind, _)| kind == "metadata") {
            cut += 1;
            continue;
        }
        let whole = heard::whole(&events);
        let expected = heard::converse(&whole);
        let chat = heard::chat_stream(&heard::chat_stream_bytes(&events));
        assert_eq!(chat, expected, "chat, {}", exchange["id"]);
        let message = heard::message_stream(&heard::message_stream_bytes(&events));
        assert_eq!(message, in_messages_words(expected.clone()), "messages, {}", exchange["id"]);
        let rendered = openai_chat::render_response(serde_json::from_value(whole).unwrap(), &heard::answer());
        assert_eq!(
            heard::chat(&serde_json::from_slice(&rendered).unwrap()),
            chat,
            "whole, {}",
            exchange["id"]
        );
        complete += 1;
    }
    eprintln!(
        "bedrock-converse-stream: {complete} complete streams kept in both dialects, {cut} recorded without metadata"
    );
    assert_eq!(complete + cut, exchanges.len());
    assert!(complete >= 45 && cut <= 1);
}

/// The events of a recorded stream: from frames, or as a recorder decoded them.
fn events(response: &Value) -> Vec<(String, Value)> {
    let framed = response["events"].as_array().into_iter().flatten().filter_map(|event| {
        Some((event["headers"][":event-type"].as_str()?.to_owned(), event["payload"].clone()))
    });
    let decoded = response["decoded_events"].as_array().into_iter().flatten().map(|event| {
        let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
        (kind.clone(), payload.clone())
    });
    framed.chain(decoded).collect()
}

#[test]
fn relayed_streams_pass_byte_for_byte_and_state_their_usage() {
    let Some(exchanges) = exchanges("bedrock-invoke-stream.jsonl") else { return };
    let mut relayed = 0;
    for exchange in &exchanges {
        let chunks: Vec<&Value> = exchange["response"]["events"].as_array().into_iter().flatten().collect();
        if !chunks.iter().any(|chunk| chunk["chunk"]["type"] == "message_start") {
            continue;
        }
        let mut writer = anthropic::RelayWriter::new();
        let mut out = bytes::BytesMut::new();
        let mut sent = Vec::new();
        for chunk in &chunks {
            writer.chunk(&serde_json::to_vec(&chunk["payload"]).unwrap(), &mut out).unwrap();
            let bytes = STANDARD.decode(chunk["payload"]["bytes"].as_str().unwrap()).unwrap();
            sent.push(String::from_utf8(bytes).unwrap());
        }
        let events = outcrop_wire::sse::Reader::default().push(&out);
        assert!(events.iter().map(|event| &event.data).eq(&sent), "{}", exchange["id"]);
        let end = chunks.iter().find(|chunk| chunk["chunk"]["type"] == "message_delta");
        let output = end.and_then(|end| end["chunk"]["usage"]["output_tokens"].as_u64());
        assert_eq!(
            writer.usage().map(|usage| usage.output_tokens),
            output.or(writer.usage().map(|usage| usage.output_tokens))
        );
        assert_eq!(writer.stop_reason(), end.and_then(|end| end["chunk"]["delta"]["stop_reason"].as_str()));
        let complete = chunks.iter().any(|chunk| chunk["chunk"]["type"] == "message_stop");
        assert_eq!(writer.finish(&mut out).is_ok(), complete, "{}", exchange["id"]);
        assert!(!complete || writer.usage().is_some(), "{}", exchange["id"]);
        relayed += 1;
    }
    eprintln!("bedrock-invoke-stream: {relayed} Claude streams relayed byte for byte");
    assert!(relayed >= 30);
}

#[test]
fn native_answers_state_their_usage() {
    let Some(exchanges) = exchanges("bedrock-invoke.jsonl") else { return };
    let (mut stated, mut silent) = (0, 0);
    for exchange in &exchanges {
        let body = &exchange["response"]["body_json"];
        let usage = envelope::invoke_usage(&serde_json::to_vec(body).unwrap());
        let output = ["output_tokens", "outputTokens", "completion_tokens"]
            .iter()
            .find_map(|name| body["usage"][name].as_u64())
            .or_else(|| body["generation_token_count"].as_u64())
            .or_else(|| body["inputTextTokenCount"].as_u64().map(|_| 0));
        assert_eq!(usage.as_ref().map(|usage| usage.output_tokens), output, "{}", exchange["id"]);
        stated += usize::from(usage.is_some());
        silent += usize::from(usage.is_none());
    }
    eprintln!("bedrock-invoke: {stated} answers state their usage, {silent} have no such member");
    assert!(stated >= 50);
}

/// Requests that were refused, by what and why.
#[derive(Default)]
struct Table {
    understood: usize,
    refused: BTreeMap<String, usize>,
}

impl Table {
    fn note(&mut self, result: Result<(), RequestError>) {
        match result {
            Ok(()) => self.understood += 1,
            Err(RequestError { text, .. }) => *self.refused.entry(format!("{text:#}")).or_default() += 1,
        }
    }

    fn print(&self, name: &str) {
        eprintln!("{name}: {} understood", self.understood);
        for (reason, count) in &self.refused {
            eprintln!("  {count:3} refused: {reason}");
        }
    }
}

#[test]
fn chat_requests_are_understood() {
    let Some(exchanges) = exchanges("openai-chat.jsonl") else { return };
    let mut table = Table::default();
    for exchange in &exchanges {
        let body = serde_json::to_vec(&exchange["request"]["body"]).unwrap();
        Head::read(&body).unwrap();
        table.note(
            openai_chat::translate(&body)
                .map(|chat| assert_text_kept(&exchange["request"]["body"], &chat.translated)),
        );
    }
    table.print("openai-chat");
    let intended = [
        "pictures must be sent as data",
        "`functions` and",
        "`file_data`",
        "`file_id`",
        "`n` must be 1",
        "base64",
    ];
    for reason in table.refused.keys() {
        assert!(intended.iter().any(|known| reason.contains(known)), "not refused on purpose: {reason}");
    }
    assert!(table.understood * 100 >= exchanges.len() * 85);
}

#[test]
fn messages_requests_are_understood() {
    let Some(exchanges) = exchanges("anthropic-messages.jsonl") else { return };
    let mut table = Table::default();
    for exchange in exchanges.iter().filter(|exchange| exchange["operation"] == "Messages") {
        let body = serde_json::to_vec(&exchange["request"]["body"]).unwrap();
        table.note(
            anthropic::translate(&body, &[])
                .map(|translated| assert_text_kept(&exchange["request"]["body"], &translated)),
        );
        let relayed = envelope::relay_messages(&body, &[]).unwrap();
        assert_relayed(&exchange["request"]["body"], &serde_json::from_slice(&relayed).unwrap());
    }
    table.print("anthropic-messages");
    let intended = ["pictures must be sent as data", "a source of type `file`", "container_upload"];
    for reason in table.refused.keys() {
        assert!(intended.iter().any(|known| reason.contains(known)), "not refused on purpose: {reason}");
    }
    assert!(table.understood * 100 >= exchanges.len() * 85);
}

/// Every recorded request, with every setting of reasoning, goes to every model of the catalog within its rules.
#[test]
fn requests_fit_every_model_of_the_catalog() {
    let (Some(chats), Some(messages)) =
        (exchanges("openai-chat.jsonl"), exchanges("anthropic-messages.jsonl"))
    else {
        return;
    };
    let body = |exchange: &Value| serde_json::to_vec(&exchange["request"]["body"]).unwrap();
    let chats =
        chats.iter().filter_map(|exchange| Some(openai_chat::translate(&body(exchange)).ok()?.translated));
    let messages = messages.iter().filter_map(|exchange| anthropic::translate(&body(exchange), &[]).ok());
    let mut translated: Vec<_> = chats.chain(messages).collect();
    let reasoning = [
        None,
        Some(ReasoningIntent::Off),
        Some(ReasoningIntent::Budget(100)),
        Some(ReasoningIntent::Budget(500_000)),
        Some(ReasoningIntent::Adaptive { effort: None }),
        Some(ReasoningIntent::Effort("xhigh".into())),
    ];
    for (translated, reasoning) in translated.iter_mut().zip(reasoning.iter().cycle()) {
        translated.intent.reasoning = translated.intent.reasoning.take().or_else(|| reasoning.clone());
    }
    let catalog = outcrop_catalog::Catalog::built_in();
    let mut prepared = 0;
    for (model, translated) in catalog.models().flat_map(|model| translated.iter().map(move |t| (model, t))) {
        let request = outcrop_wire::family::apply(translated.clone(), Some(model)).request;
        crate::lint::check_for(&request, model);
        prepared += 1;
    }
    eprintln!("{prepared} requests prepared for the models of the catalog, all within their rules");
    assert!(prepared >= 10_000);
}

/// Every text a client wrote stands in the request that goes out.
fn assert_text_kept(body: &Value, translated: &outcrop_wire::dialect::Translated) {
    let prepared = outcrop_wire::family::apply(translated.clone(), None);
    let sent = serde_json::to_value(&prepared.request).unwrap();
    let mut sent_texts = Vec::new();
    texts(&sent, &mut sent_texts);
    let mut texts_written = Vec::new();
    for message in body["messages"].as_array().unwrap() {
        match &message["content"] {
            Value::String(text) => texts_written.push(text.as_str()),
            Value::Array(parts) => {
                texts_written.extend(parts.iter().filter_map(|part| part["text"].as_str()))
            }
            _ => {}
        }
    }
    for text in texts_written.into_iter().filter(|text| !text.trim().is_empty()) {
        assert!(sent_texts.contains(&text), "lost: {text}");
    }
}

fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("text").and_then(Value::as_str));
            members.values().for_each(|value| texts(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// A relayed body is the client's but for the envelope.
fn assert_relayed(written: &Value, relayed: &Value) {
    let mut expected = written.clone();
    let members = expected.as_object_mut().unwrap();
    members.remove("model");
    members.remove("stream");
    members.insert("anthropic_version".into(), "bedrock-2023-05-31".into());
    assert_eq!(&expected, relayed);
}
