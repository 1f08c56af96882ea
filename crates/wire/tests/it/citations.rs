//! Sources of an answer: in every dialect's own words, and back again with the next request.

use bytes::BytesMut;
use outcrop_wire::bedrock::StreamEvent;
use outcrop_wire::dialect::Translated;
use outcrop_wire::family;
use outcrop_wire::openai_responses::Echo;
use outcrop_wire::sse::Reader;
use outcrop_wire::{anthropic, openai_chat, openai_responses};
use serde_json::{Value, json};

use crate::heard;

fn page() -> Value {
    json!({"title": "Ruby", "location": {"web": {"url": "https://ruby-lang.org", "domain": "ruby-lang.org"}}})
}

fn document() -> Value {
    json!({"title": "a", "sourceContent": [{"text": "1993"}],
        "location": {"documentChar": {"documentIndex": 0, "start": 3, "end": 9}}})
}

/// "Ünd: " and then a cited "It is so.", which stands at the characters 5 to 14.
fn answer() -> Value {
    json!({"output": {"message": {"role": "assistant", "content": [{"text": "Ünd: "},
        {"citationsContent": {"content": [{"text": "It is so."}], "citations": [page(), document()]}}]}},
        "stopReason": "end_turn", "usage": {}})
}

fn events() -> Vec<(&'static str, Value)> {
    let delta =
        |at: u64, delta: Value| ("contentBlockDelta", json!({"contentBlockIndex": at, "delta": delta}));
    let stop = |at: u64| ("contentBlockStop", json!({"contentBlockIndex": at}));
    vec![
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"text": "Ünd: "})),
        stop(0),
        delta(1, json!({"text": "It is "})),
        delta(1, json!({"citation": page()})),
        delta(1, json!({"text": "so."})),
        delta(1, json!({"citation": document()})),
        stop(1),
        ("messageStop", json!({"stopReason": "end_turn"})),
        ("metadata", json!({"usage": {}})),
    ]
}

fn streamed(mut write: impl FnMut(&StreamEvent<'_>, &mut BytesMut)) -> Vec<Value> {
    let mut out = BytesMut::new();
    for (kind, payload) in events() {
        let payload = payload.to_string();
        write(&StreamEvent::parse(kind, payload.as_bytes()).unwrap(), &mut out);
    }
    let events = Reader::default().push(&out);
    events.iter().filter_map(|event| serde_json::from_str(&event.data).ok()).collect()
}

#[test]
fn chat_completions_have_annotations_for_pages_whole_and_streamed() {
    let response = serde_json::from_value(answer()).unwrap();
    let whole: Value =
        serde_json::from_slice(&openai_chat::render_response(response, &heard::answer())).unwrap();
    let message = &whole["choices"][0]["message"];
    let annotation = json!({"type": "url_citation", "url_citation":
        {"start_index": 5, "end_index": 14, "title": "Ruby", "url": "https://ruby-lang.org"}});
    assert_eq!(message["annotations"], json!([annotation]));
    assert_eq!(message["citations"], json!([page(), document()]));
    let mut writer = openai_chat::StreamWriter::new(heard::answer(), false);
    let chunks = streamed(|event, out| writer.event(event, out));
    let annotations =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["annotations"].as_array());
    assert_eq!(annotations.flatten().collect::<Vec<_>>(), [&annotation]);
}

#[test]
fn responses_have_annotations_for_pages_and_documents_whole_and_streamed() {
    let response = serde_json::from_value(answer()).unwrap();
    let body = openai_responses::render_response(response, &heard::answer(), &Echo::default());
    let whole: Value = serde_json::from_slice(&body).unwrap();
    let url = json!({"type": "url_citation", "start_index": 0, "end_index": 9, "title": "Ruby",
        "url": "https://ruby-lang.org"});
    let file = json!({"type": "file_citation", "file_id": "document_0", "filename": "a", "index": 0});
    assert_eq!(whole["output"][0]["content"][1]["annotations"], json!([url, file]));
    assert_eq!(whole["output"][0]["content"][0]["annotations"], json!([]));
    let mut writer = openai_responses::StreamWriter::new(heard::answer(), Echo::default());
    let events = streamed(|event, out| writer.event(event, out));
    let added: Vec<&Value> =
        events.iter().filter(|event| event["type"] == "response.output_text.annotation.added").collect();
    assert_eq!(added.iter().map(|event| &event["annotation"]).collect::<Vec<_>>(), [&url, &file]);
    assert_eq!((&added[1]["content_index"], &added[1]["annotation_index"]), (&json!(1), &json!(1)));
    let last = events.last().unwrap();
    assert_eq!(last["response"]["output"], whole["output"]);
}

/// The next request of each dialect, with the answer as its client keeps it and a document that is sent by another name.
fn continued() -> Vec<(&'static str, Translated)> {
    let mut named = document();
    named["title"] = "a_b".into();
    let mut body = answer();
    body["output"]["message"]["content"][1]["citationsContent"]["citations"] = json!([page(), named]);
    let response = || serde_json::from_value(body.clone()).unwrap();
    let read = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let data = "JVBERi0xLjQ=";
    let url = format!("data:application/pdf;base64,{data}");
    let message =
        read(openai_chat::render_response(response(), &heard::answer()))["choices"][0]["message"].take();
    let file = json!({"type": "file", "file": {"filename": "a_b", "file_data": url}});
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": [file]}, message,
        {"role": "user", "content": "And?"}]});
    let output =
        read(openai_responses::render_response(response(), &heard::answer(), &Echo::default()))["output"][0]
            .take();
    let file = json!({"type": "input_file", "filename": "a_b", "file_data": url});
    let responses = json!({"model": "m", "input": [{"role": "user", "content": [file]}, output,
        {"role": "user", "content": "And?"}]});
    let content = read(anthropic::render_response(response(), &heard::answer()))["content"].take();
    let file = json!({"type": "document", "title": "a_b",
        "source": {"type": "base64", "media_type": "application/pdf", "data": data}});
    let messages = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [file]},
        {"role": "assistant", "content": content}, {"role": "user", "content": "And?"}]});
    let bytes = |body: &Value| serde_json::to_vec(body).unwrap();
    vec![
        ("chat", openai_chat::translate(&bytes(&chat)).unwrap().translated),
        ("responses", openai_responses::translate(&bytes(&responses)).unwrap().translated),
        ("messages", anthropic::translate(&bytes(&messages), &[]).unwrap()),
    ]
}

/// Sources of documents go back, under the name that the document is sent by; a page cannot, and that is said.
#[test]
fn sources_of_documents_come_back_from_every_dialect() {
    for (dialect, translated) in continued() {
        let prepared = family::apply(translated, None);
        let request = serde_json::to_value(&prepared.request).unwrap();
        let cited = request["messages"][1]["content"].as_array().unwrap().last().unwrap();
        let cited = &cited["citationsContent"];
        let mut expected = document();
        expected["title"] = "a b".into();
        assert_eq!(cited["citations"], json!([expected]), "{dialect}: {request}");
        assert!(cited["content"][0]["text"].as_str().unwrap().ends_with("It is so."), "{dialect}");
        let told: Vec<String> = prepared.notices.iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|notice| notice.contains("messages[].content[].citations")),
            "{dialect}: {told:?}"
        );
    }
}

/// What other services call citations is no source of Bedrock's: it is dropped with a word, and the text stays.
#[test]
fn foreign_citations_are_dropped_and_said() {
    let odd = [json!(["https://x"]), json!([{}]), json!([3, null]), json!([{"location": {"moon": {}}}])];
    for citations in odd {
        let turn = json!({"role": "assistant", "content": "It is so.", "citations": citations});
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "Is it?"}, turn,
            {"role": "user", "content": "And?"}]});
        let chat = openai_chat::translate(&serde_json::to_vec(&body).unwrap()).unwrap();
        let prepared = family::apply(chat.translated, None);
        let request = serde_json::to_value(&prepared.request).unwrap();
        assert_eq!(request["messages"][1]["content"], json!([{"text": "It is so."}]), "{citations}");
        assert!(prepared.notices.iter().any(|notice| notice.field.contains("citations")), "{citations}");
    }
}

#[test]
fn a_messages_citation_comes_back_as_it_was() {
    let citation = json!({"type": "char_location", "cited_text": "so", "document_index": 0,
        "document_title": "facts.txt", "start_char_index": 0, "end_char_index": 73});
    let text = json!({"type": "text", "text": "It is so.", "citations": [citation]});
    let body = json!({"max_tokens": 1, "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": [text]}]});
    let translated = anthropic::translate(&serde_json::to_vec(&body).unwrap(), &[]).unwrap();
    let message = serde_json::to_value(&translated.request.messages[1]).unwrap();
    let answer = json!({"output": {"message": message}, "stopReason": "end_turn", "usage": {}});
    let answer = anthropic::render_response(serde_json::from_value(answer).unwrap(), &heard::answer());
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["content"], json!([text]), "{message}");
}
