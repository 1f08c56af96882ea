//! What holds for any input: no panic, no lost text, nothing Converse would refuse.

use bytes::BytesMut;
use outcrop_wire::bedrock::ConverseRequest;
use outcrop_wire::dialect::Head;
use outcrop_wire::{anthropic, envelope, family, openai_chat, sse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{fixtures, lint};

/// Words that lead a generator into the depths of both dialects.
const WORDS: [&str; 34] = [
    "model",
    "stream",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "user",
    "assistant",
    "system",
    "tool",
    "tools",
    "function",
    "name",
    "arguments",
    "tool_calls",
    "tool_call_id",
    "id",
    "image_url",
    "url",
    "source",
    "data",
    "tool_use",
    "tool_result",
    "tool_use_id",
    "input",
    "input_schema",
    "thinking",
    "budget_tokens",
    "cache_control",
    "max_tokens",
    "document",
    "base64",
    "tool_choice",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((word(), inner), 0..8)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-zA-Z0-9 äß\"\\\\\n]{1,30}", 1 => "[ \n\t]{0,3}", 1 => ".{0,20}"]
}

/// A turn that a Chat Completions client may send.
fn chat_turn() -> impl Strategy<Value = Value> {
    let call = ("[a-zA-Z0-9|._:-]{1,80}", ".{1,70}", text()).prop_map(
        |(id, name, arguments)| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}),
    );
    prop_oneof![
        (proptest::sample::select(&["user", "assistant", "system", "developer"][..]), text())
            .prop_map(|(role, text)| json!({"role": role, "content": text})),
        proptest::collection::vec(text(), 0..4).prop_map(|texts| {
            let parts: Vec<Value> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
            json!({"role": "user", "content": parts})
        }),
        (text(), proptest::collection::vec(call, 0..3))
            .prop_map(|(text, calls)| json!({"role": "assistant", "content": text, "tool_calls": calls})),
        ("[a-zA-Z0-9|._:-]{1,80}", text())
            .prop_map(|(id, text)| json!({"role": "tool", "tool_call_id": id, "content": text})),
        (".{0,12}").prop_map(|name| json!({"role": "user", "content": [
            {"type": "file", "file": {"filename": format!("{name}.pdf"), "file_data": "data:application/pdf;base64,JVBERi0xLjQ="},
             "cache_control": {"type": "ephemeral"}}]})),
    ]
}

/// All text in a request, in any block.
fn all_text(request: &ConverseRequest) -> String {
    fn collect(value: &Value, out: &mut String) {
        match value {
            Value::String(text) => {
                out.push_str(text);
                out.push('\u{1}');
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
            Value::Object(members) => members.values().for_each(|member| collect(member, out)),
            _ => {}
        }
    }
    let mut out = String::new();
    collect(&serde_json::to_value(request).unwrap(), &mut out);
    out
}

const MODELS: [&str; 7] =
    ["unknown", "claude-budget", "claude-both", "claude-adaptive", "nova", "gpt", "plain"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_json_is_answered(body in any_json()) {
        let bytes = serde_json::to_vec(&body).unwrap();
        let _ = Head::read(&bytes);
        let chat = openai_chat::translate(&bytes).map(|chat| chat.translated);
        for translated in [chat, anthropic::translate(&bytes, &["a"])].into_iter().flatten() {
            let _ = family::apply(translated, None);
        }
        let _ = envelope::relay_messages(&bytes, &["a,b"]);
        let _ = envelope::invoke_usage(&bytes);
    }

    #[test]
    fn a_body_around_any_turns_is_answered(turns in proptest::collection::vec(any_json(), 1..4), tools in any_json()) {
        let bytes = serde_json::to_vec(&json!({"model": "m", "max_tokens": 9, "messages": turns, "tools": tools})).unwrap();
        if let Ok(chat) = openai_chat::translate(&bytes) {
            let _ = family::apply(chat.translated, None);
        }
        if let Ok(translated) = anthropic::translate(&bytes, &[]) {
            let _ = family::apply(translated, None);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Head::read(&bytes);
        let _ = openai_chat::translate(&bytes);
        let _ = anthropic::translate(&bytes, &[]);
        let _ = envelope::relay_messages(&bytes, &[]);
        let _ = envelope::invoke_usage(&bytes);
        let _ = sse::Reader::default().push(&bytes);
        let _ = anthropic::RelayWriter::new().chunk(&bytes, &mut BytesMut::new());
    }

    #[test]
    fn chat_requests_lose_no_text_and_break_no_rule(
        turns in proptest::collection::vec(chat_turn(), 1..8),
        model in proptest::sample::select(&MODELS[..]),
        effort in proptest::option::of(proptest::sample::select(&["none", "low", "high", "max"][..])),
        max_tokens in proptest::option::of(1_u64..200_000),
        temperature in proptest::option::of(0.0..2.0_f64),
    ) {
        let body = json!({"model": model, "messages": turns, "reasoning_effort": effort, "max_tokens": max_tokens, "temperature": temperature});
        let chat = openai_chat::translate(&serde_json::to_vec(&body).unwrap()).unwrap();
        let known = fixtures::model(model);
        let prepared = family::apply(chat.translated, known.as_ref());
        match &known {
            Some(known) => lint::check_for(&prepared.request, known),
            None => lint::check(&prepared.request),
        }
        let sent = all_text(&prepared.request);
        for turn in &turns {
            for text in turn["content"].as_str().into_iter().chain(
                turn["content"].as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()),
            ) {
                prop_assert!(text.trim().is_empty() || sent.contains(text), "lost {text:?}");
            }
        }
    }

    #[test]
    fn server_sent_events_are_the_same_however_they_are_split(
        data in proptest::collection::vec(any_json(), 1..5),
        cuts in proptest::collection::vec(0_usize..400, 0..12),
        crlf in any::<bool>(),
    ) {
        let mut out = BytesMut::new();
        for (index, value) in data.iter().enumerate() {
            sse::write(&mut out, (index % 2 == 0).then_some("delta"), value);
        }
        let mut bytes = out.to_vec();
        if crlf {
            bytes = String::from_utf8(bytes).unwrap().replace('\n', "\r\n").into_bytes();
        }
        let whole = sse::Reader::default().push(&bytes);
        prop_assert_eq!(whole.len(), data.len());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let mut reader = sse::Reader::default();
        let pieces: Vec<sse::Event> = cuts.windows(2).flat_map(|cut| reader.push(&bytes[cut[0]..cut[1]])).collect();
        prop_assert_eq!(pieces, whole);
        prop_assert!(!reader.is_mid_event());
    }
}
