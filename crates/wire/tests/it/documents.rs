//! Documents that Bedrock knows by another name: clients read the one that they gave.

use bytes::BytesMut;
use outcrop_wire::bedrock::StreamEvent;
use outcrop_wire::dialect::{Answer, Translated};
use outcrop_wire::family::{self, Prepared};
use outcrop_wire::openai_responses::Echo;
use outcrop_wire::{anthropic, openai_chat, openai_responses};
use serde_json::{Value, json};

use crate::heard;

const PDF: &str = "JVBERi0xLjQ=";
const NAMES: [&str; 4] = ["Q3_report.pdf", "Q3/report.pdf", "报告", "plain"];

/// One question with a document of each name, and one without any where the dialect lets it.
fn in_every_dialect() -> Vec<(&'static str, Translated)> {
    let data_url = format!("data:application/pdf;base64,{PDF}");
    let files = NAMES.map(|name| json!({"type": "file", "file": {"filename": name, "file_data": data_url}}));
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": files}]});
    let files = NAMES.map(|name| json!({"type": "input_file", "filename": name, "file_data": data_url}));
    let responses = json!({"model": "m", "input": [{"role": "user", "content": files}]});
    let source = json!({"type": "base64", "media_type": "application/pdf", "data": PDF});
    let mut titled: Vec<Value> =
        NAMES.map(|name| json!({"type": "document", "title": name, "source": source})).into();
    titled.push(json!({"type": "document", "source": source}));
    let messages = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": titled}]});
    let bytes = |body: Value| serde_json::to_vec(&body).unwrap();
    vec![
        ("chat", openai_chat::translate(&bytes(chat)).unwrap().translated),
        ("responses", openai_responses::translate(&bytes(responses)).unwrap().translated),
        ("messages", anthropic::translate(&bytes(messages), &[]).unwrap()),
    ]
}

fn sent(prepared: &Prepared) -> Vec<String> {
    let request = serde_json::to_value(&prepared.request).unwrap();
    let blocks = request["messages"][0]["content"].as_array().unwrap();
    let names = blocks.iter().filter_map(|block| block["document"]["name"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn every_rewritten_name_is_said() {
    for (dialect, translated) in in_every_dialect() {
        let prepared = family::apply(translated, None);
        let expected = ["Q3 report pdf", "Q3 report pdf (2)", "document", "plain", "document (2)"];
        let sent = sent(&prepared);
        assert_eq!(sent, expected[..sent.len()], "{dialect}");
        let told: Vec<String> = prepared.notices.iter().map(ToString::to_string).collect();
        for (name, sent) in NAMES.iter().zip(&sent).take(3) {
            let said = format!("the document `{name}` is sent as `{sent}` and put back in citations");
            assert!(told.iter().any(|notice| notice.contains(&said)), "{dialect}: {told:?}");
        }
        assert!(!told.iter().any(|notice| notice.contains("`plain`")), "{dialect}: {told:?}");
        assert_eq!(told.iter().filter(|notice| notice.contains("the document")).count(), 3, "{told:?}");
    }
}

fn citation(title: &str) -> Value {
    json!({"title": title, "sourceContent": [{"text": "so"}],
        "location": {"documentChar": {"documentIndex": 1, "start": 0, "end": 2}}})
}

/// What each dialect says of an answer that cites these documents: whole, and as a stream.
fn said(answer: &Answer, titles: &[String]) -> Vec<(&'static str, String)> {
    let citations: Vec<Value> = titles.iter().map(|title| citation(title)).collect();
    let body = json!({"output": {"message": {"role": "assistant", "content": [{"citationsContent":
        {"content": [{"text": "It is so."}], "citations": citations}}]}}, "stopReason": "end_turn", "usage": {}});
    let response = || serde_json::from_value(body.clone()).unwrap();
    let echo = Echo::default();
    let mut chat = openai_chat::StreamWriter::new(answer.clone(), false);
    let mut responses = openai_responses::StreamWriter::new(answer.clone(), echo.clone());
    let mut messages = anthropic::StreamWriter::new(answer.clone());
    let mut outs = [BytesMut::new(), BytesMut::new(), BytesMut::new()];
    let delta = |delta: Value| ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": delta}));
    let mut events =
        vec![("messageStart", json!({"role": "assistant"})), delta(json!({"text": "It is so."}))];
    events.extend(citations.iter().map(|citation| delta(json!({"citation": citation}))));
    events.push(("contentBlockStop", json!({"contentBlockIndex": 0})));
    events.push(("messageStop", json!({"stopReason": "end_turn"})));
    events.push(("metadata", json!({"usage": {}})));
    for (kind, payload) in events {
        let payload = payload.to_string();
        let event = StreamEvent::parse(kind, payload.as_bytes()).unwrap();
        chat.event(&event, &mut outs[0]);
        responses.event(&event, &mut outs[1]);
        messages.event(&event, &mut outs[2]);
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    vec![
        ("chat", text(&openai_chat::render_response(response(), answer))),
        ("responses", text(&openai_responses::render_response(response(), answer, &echo))),
        ("messages", text(&anthropic::render_response(response(), answer))),
        ("chat, streamed", text(&outs[0])),
        ("responses, streamed", text(&outs[1])),
        ("messages, streamed", text(&outs[2])),
    ]
}

#[test]
fn citations_name_documents_as_their_client_does() {
    for (dialect, translated) in in_every_dialect() {
        let prepared = family::apply(translated, None);
        let sent = sent(&prepared);
        let answer = Answer { names: prepared.names, ..heard::answer() };
        for (written, text) in said(&answer, &sent) {
            for name in NAMES {
                assert!(text.contains(&format!("\"{name}\"")), "{dialect} as {written}: {text}");
            }
            for other in sent.iter().filter(|name| !NAMES.contains(&name.as_str())) {
                assert!(!text.contains(&format!("\"{other}\"")), "{dialect} as {written}: {text}");
            }
        }
    }
}

/// A document that its client gave no name has none in the answer either.
#[test]
fn a_document_without_a_name_stays_without() {
    let (_, translated) = in_every_dialect().pop().unwrap();
    let answer = Answer { names: family::apply(translated, None).names, ..heard::answer() };
    let said = said(&answer, &["document (2)".to_owned()]);
    let messages: Value = serde_json::from_str(&said[2].1).unwrap();
    assert_eq!(messages["content"][0]["citations"][0]["document_title"], Value::Null);
    assert!(said.iter().all(|(_, text)| !text.contains("document (2)")), "{said:?}");
}
