//! Requests of each dialect: what is understood becomes a request for Bedrock by the rules of a model.

use std::sync::OnceLock;

use bytes::Bytes;
use outcrop_catalog::{Catalog, Model};
use outcrop_wire::bedrock::ConverseRequest;
use outcrop_wire::dialect::{Dialect, Head, Translated};
use outcrop_wire::envelope::{self, Members};
use outcrop_wire::family;
use outcrop_wire::openai_responses::stored;
use outcrop_wire::{anthropic, counting, openai_chat, openai_responses, relayed};

/// One model of each family with rules of its own.
const MODELS: [&str; 6] = [
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-opus-5-5",
    "amazon.nova-2-lite-v1:0",
    "openai.gpt-oss-120b-1:0",
    "deepseek.r1-v1:0",
    "meta.llama3-3-70b-instruct-v1:0",
];

fn models() -> &'static [Option<Model>] {
    static KNOWN: OnceLock<Vec<Option<Model>>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let catalog = Catalog::built_in();
        let known = MODELS.iter().map(|id| catalog.model(id).map(|model| Model::clone(model)));
        known.chain([None]).collect()
    })
}

/// What leaves for Bedrock is JSON, is read again as what it was, and repairing it again changes nothing of its length.
fn prepare(translated: Translated) {
    for model in models() {
        let prepared = family::apply(translated.clone(), model.as_ref());
        let body = serde_json::to_vec(&prepared.request).expect("a Converse request is JSON");
        let again: ConverseRequest = serde_json::from_slice(&body).expect("what we write we read");
        assert_eq!(serde_json::to_vec(&again).expect("JSON"), body, "what was read is written the same");
        assert!(prepared.notices.iter().all(|notice| !notice.to_string().is_empty()));
    }
}

/// A body whose head was read, as the gateway reads it first, has one that can be read when it goes on.
fn relay(dialect: Dialect, body: &[u8]) {
    let Ok(members) = Members::read(body) else { return };
    if Head::of(&members).is_err() {
        return;
    }
    for stream in [false, true] {
        let sent = Bytes::copy_from_slice(body);
        if let Ok(request) = relayed::request(dialect, &sent, &members, "a.model", stream) {
            let head = Head::read(&request.body).expect("a body with a model");
            assert_eq!(head.model, "a.model");
        }
    }
}

/// A Chat Completions request.
pub fn chat(body: &[u8]) {
    if let Ok(request) = openai_chat::translate(body) {
        prepare(request.translated);
    }
    relay(Dialect::ChatCompletions, body);
}

/// A Responses request, with what it leans on.
pub fn responses(body: &[u8]) {
    let _ = stored::leaning(body);
    let _ = stored::joined(body, &[], &Default::default());
    let _ = stored::stored(body, body);
    if let Ok(request) = openai_responses::translate(body) {
        prepare(request.translated);
    }
    relay(Dialect::Responses, body);
}

/// A Messages request, relayed and translated.
pub fn messages(body: &[u8]) {
    if let Ok(relayed) = envelope::relay_messages(body, &["a, b"]) {
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&relayed).expect("a relayed body is an object");
        assert!(!members.contains_key("model") && members.contains_key("anthropic_version"));
        let _ = counting::of_invoke_model(&relayed);
    }
    if let Ok(translated) = anthropic::translate(body, &["a"]) {
        prepare(translated);
    }
    relay(Dialect::Messages, body);
}

/// A Converse request as a client of Bedrock writes it: what our types read, they write without a loss.
pub fn converse(body: &[u8]) {
    let _ = Head::read(body);
    if let Ok(request) = serde_json::from_slice::<ConverseRequest>(body) {
        let once = serde_json::to_vec(&request).expect("a Converse request is JSON");
        let again: ConverseRequest = serde_json::from_slice(&once).expect("what we write we read");
        assert_eq!(serde_json::to_vec(&again).expect("JSON"), once);
        let _ = counting::of_converse(&request);
    }
    let _ = envelope::with_member(body, "guardrailConfig", &"x");
}
