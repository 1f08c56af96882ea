//! Pairs of files: what comes in (`fixtures/`), what goes out (`tests/snapshots/`).

use std::fs;
use std::path::{Path, PathBuf};

use outcrop_catalog::Model;
use outcrop_wire::bedrock::{ConverseResponse, Message, Output};
use outcrop_wire::family::{self, Prepared};
use outcrop_wire::{anthropic, openai_chat};
use serde_json::{Value, json};

use crate::heard;

pub fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (stem(path), fs::read(path).unwrap())).collect()
}

/// The model that a fixture's `model` names; `unknown` is in no catalog.
pub fn model(name: &str) -> Option<Model> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models").join(name).with_extension("json");
    let model = fs::read(path).ok().map(|json| serde_json::from_slice(&json).unwrap());
    assert!(model.is_some() || name == "unknown", "no such model: {name}");
    model
}

fn model_of(body: &[u8]) -> Option<Model> {
    let body: Value = serde_json::from_slice(body).unwrap();
    model(body["model"].as_str().unwrap())
}

/// The request and what was said about it. The text of the request is its own, so that numbers are seen as they are sent.
fn shown(prepared: &Prepared) -> String {
    let json = serde_json::to_string(&prepared.request).unwrap();
    let notices: Vec<String> = prepared.notices.iter().map(|notice| format!("- {notice}")).collect();
    format!("{}\n\nnotices:\n{}", indented(&json), notices.join("\n"))
}

/// Indented without being read into numbers and back.
fn indented(json: &str) -> String {
    let (mut out, mut depth, mut in_text, mut escaped) = (String::new(), 0, false, false);
    for c in json.chars() {
        match c {
            _ if in_text => {
                in_text = escaped || c != '"';
                escaped = c == '\\' && !escaped;
                out.push(c);
                continue;
            }
            '"' => in_text = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        match c {
            '{' | '[' | ',' => out.push_str(&format!("{c}\n{}", "  ".repeat(depth))),
            '}' | ']' => out.push_str(&format!("\n{}{c}", "  ".repeat(depth))),
            _ => out.push(c),
        }
    }
    out
}

pub fn snapshot(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn chat_requests() {
    for (name, body) in fixtures("chat") {
        let chat = openai_chat::translate(&body).unwrap();
        assert_eq!(chat.include_usage, name == "uncarried");
        snapshot("chat", &name, &shown(&family::apply(chat.translated, model_of(&body).as_ref())));
    }
}

#[test]
fn messages_requests() {
    for (name, body) in fixtures("messages") {
        let translated = anthropic::translate(&body, &["b-beta, a-beta"]).unwrap();
        snapshot("messages", &name, &shown(&family::apply(translated, model_of(&body).as_ref())));
    }
}

#[test]
fn whole_answers() {
    for (name, body) in fixtures("answers") {
        let response = || serde_json::from_slice(&body).unwrap();
        let chat = openai_chat::render_response(response(), &heard::answer());
        snapshot("answers", &format!("{name}.chat"), &indented(&String::from_utf8(chat).unwrap()));
        let message = anthropic::render_response(response(), &heard::answer());
        snapshot("answers", &format!("{name}.messages"), &indented(&String::from_utf8(message).unwrap()));
    }
}

pub fn stream(body: &[u8]) -> Vec<(String, Value)> {
    let events: Vec<Value> = serde_json::from_slice(body).unwrap();
    events
        .into_iter()
        .map(|event| (event["event"].as_str().unwrap().to_owned(), event["payload"].clone()))
        .collect()
}

#[test]
fn streamed_answers() {
    for (name, body) in fixtures("streams") {
        let events = stream(&body);
        let expected = heard::converse(&heard::whole(&events));
        let chat = heard::chat_stream_bytes(&events);
        assert_eq!(heard::chat_stream(&chat), expected);
        snapshot("streams", &format!("{name}.chat"), &String::from_utf8(chat).unwrap());
        let messages = heard::message_stream_bytes(&events);
        assert_eq!(heard::message_stream(&messages), expected);
        snapshot("streams", &format!("{name}.messages"), &String::from_utf8(messages).unwrap());
    }
}

/// What an answer said comes back in the next request as the same blocks, signatures and encrypted reasoning included.
#[test]
fn answers_come_back_as_they_were_said() {
    for (name, body) in fixtures("answers").into_iter().filter(|(name, _)| !name.starts_with("citations")) {
        let said: ConverseResponse = serde_json::from_slice(&body).unwrap();
        let Output::Message(message) = said.output.clone() else { panic!("{name} is no message") };
        let question = json!({"role": "user", "content": "?"});

        let chat = openai_chat::render_response(said.clone(), &heard::answer());
        let chat: Value = serde_json::from_slice(&chat).unwrap();
        let next = json!({"model": "m", "messages": [question, chat["choices"][0]["message"], question]});
        let back = openai_chat::translate(&serde_json::to_vec(&next).unwrap()).unwrap().translated;
        assert_eq!(same(&back.request.messages[1]), same(&message), "chat, {name}");
        assert!(back.notices.is_empty(), "chat, {name}: {:?}", back.notices);

        let rendered = anthropic::render_response(said, &heard::answer());
        let rendered: Value = serde_json::from_slice(&rendered).unwrap();
        let turn = json!({"role": "assistant", "content": rendered["content"]});
        let next = json!({"model": "m", "max_tokens": 9, "messages": [question, turn, question]});
        let back = anthropic::translate(&serde_json::to_vec(&next).unwrap(), &[]).unwrap();
        assert_eq!(same(&back.request.messages[1]), same(&message), "messages, {name}");
        assert!(back.notices.is_empty(), "messages, {name}: {:?}", back.notices);
    }
}

/// A message without the blanks of its raw JSON.
fn same(message: &Message) -> Value {
    serde_json::to_value(message).unwrap()
}
