//! Requests written for endpoints that do not speak Converse, and their answers read.

use bytes::BytesMut;
use outcrop_wire::Notices;
use outcrop_wire::bedrock::StreamEvent;
use outcrop_wire::eventstream::{Decoder, Message};
use outcrop_wire::upstream::{self, Ask, Calls, Language, Reader, StreamWriter};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{fixtures, heard, recorded};

const LANGUAGES: [Language; 2] = [Language::Chat, Language::Messages];

fn written(
    language: Language,
    body: &[u8],
    calls: Calls,
) -> Result<(Value, Option<String>, Notices), String> {
    let translated = upstream::read_request(body).map_err(|error| error.to_string())?;
    let mut notices = translated.notices;
    let ask = Ask { model: "m", stream: true, calls };
    let asked = upstream::write(language, &translated.request, &ask, &mut notices);
    let asked = asked.map_err(|error| format!("{:#}", error.text))?;
    Ok((serde_json::from_slice(&asked.body).unwrap(), asked.betas, notices))
}

#[test]
fn requests() {
    for (name, body) in fixtures::fixtures("upstream") {
        for language in LANGUAGES {
            let calls = Calls { parallel: (name == "everything").then_some(false), forbidden: false };
            let shown = match written(language, &body, calls) {
                Ok((body, betas, notices)) => {
                    let notices: Vec<String> = notices.iter().map(|notice| format!("- {notice}")).collect();
                    let body = serde_json::to_string_pretty(&body).unwrap();
                    format!("{body}\n\nanthropic-beta: {betas:?}\nnotices:\n{}", notices.join("\n"))
                }
                Err(refused) => format!("refused: {refused}"),
            };
            fixtures::snapshot("upstream", &format!("{name}.{language:?}").to_lowercase(), &shown);
        }
    }
}

/// Numbers and schemas travel as they were written.
#[test]
fn what_is_opaque_stays_as_it_came() {
    let body = br#"{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"n","input":{"a": 1.50}}}]}],
        "toolConfig":{"tools":[{"toolSpec":{"name":"n","inputSchema":{"json":{"z": 1.0, "a" :[ ]}}}}]}}"#;
    let translated = upstream::read_request(body).unwrap();
    let ask = Ask { model: "m", stream: false, calls: Calls { parallel: None, forbidden: true } };
    for (language, none) in
        [(Language::Chat, r#""tool_choice":"none""#), (Language::Messages, r#"{"type":"none"}"#)]
    {
        let asked = upstream::write(language, &translated.request, &ask, &mut Notices::default()).unwrap();
        let text = String::from_utf8(asked.body).unwrap();
        for piece in [r#"{"z": 1.0, "a" :[ ]}"#, none] {
            assert!(text.contains(piece), "{piece}: {text}");
        }
        assert!(text.contains("1.50") && !text.contains("stream"), "{text}");
    }
}

#[test]
fn what_cannot_be_carried_is_refused_with_a_way_out() {
    let user = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    let cases = [
        user(json!({"video": {"format": "mp4", "source": {"bytes": "AA=="}}})),
        user(json!({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}})),
        user(
            json!({"document": {"format": "pdf", "name": "n", "source": {"s3Location": {"uri": "s3://b/k"}}}}),
        ),
        json!({"messages": [], "guardrailConfig": {"guardrailIdentifier": "a", "guardrailVersion": "1"}}),
    ];
    for body in cases {
        for language in LANGUAGES {
            let refused = written(language, body.to_string().as_bytes(), Calls::default()).unwrap_err();
            assert!(refused.contains("(hint: "), "{refused} has a hint");
        }
    }
    let word = json!({"document": {"format": "docx", "name": "n", "source": {"bytes": "AA=="}}});
    let body = user(word).to_string();
    assert!(written(Language::Messages, body.as_bytes(), Calls::default()).is_err());
    assert!(written(Language::Chat, body.as_bytes(), Calls::default()).is_ok(), "a file");
}

/// The events of a stream in pieces, one a line, and how it ended.
fn events<'a>(language: Language, pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let mut reader = Reader::new(language);
    let mut lines = String::new();
    let mut hear = |event: &StreamEvent<'_>| lines.push_str(&line(event));
    let ended = 'ended: {
        for piece in pieces {
            reader.push(piece);
            loop {
                match reader.next_event(&mut hear) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => break 'ended Err(error),
                }
            }
        }
        reader.finish(&mut hear)
    };
    lines + &ended.map_or_else(|error| format!("{} {error}", error.status), |()| "whole".to_owned())
}

fn line(event: &StreamEvent<'_>) -> String {
    let (kind, payload) = match event {
        StreamEvent::MessageStart(it) => ("messageStart", serde_json::to_string(it)),
        StreamEvent::ContentBlockStart(it) => ("contentBlockStart", serde_json::to_string(it)),
        StreamEvent::ContentBlockDelta(it) => ("contentBlockDelta", serde_json::to_string(it)),
        StreamEvent::ContentBlockStop(it) => ("contentBlockStop", serde_json::to_string(it)),
        StreamEvent::MessageStop(it) => ("messageStop", serde_json::to_string(it)),
        StreamEvent::Metadata(it) => ("metadata", serde_json::to_string(it)),
        StreamEvent::Other { event_type, .. } => (*event_type, Ok(String::new())),
    };
    format!("{kind} {}\n", payload.unwrap())
}

fn language_of(name: &str) -> Language {
    if name.starts_with("chat") { Language::Chat } else { Language::Messages }
}

#[test]
fn streams() {
    for (name, body) in fixtures::fixtures("upstream_streams") {
        let events = events(language_of(&name), std::iter::once(body.as_slice()));
        assert!(events.ends_with("whole"), "{name}: {events}");
        fixtures::snapshot("upstream_streams", &name, &events);
    }
}

proptest! {
    /// However the bytes arrive and wherever they end, the same is heard, and it ends the same way.
    #[test]
    fn pieces_do_not_matter(
        which in 0_usize..20,
        end in proptest::option::of(0_usize..4_000),
        cuts in proptest::collection::vec(0_usize..4_000, 0..25),
    ) {
        let fixtures = fixtures::fixtures("upstream_streams");
        let (name, bytes) = &fixtures[which % fixtures.len()];
        let language = language_of(name);
        let bytes = &bytes[..bytes.len().min(end.unwrap_or(usize::MAX))];
        let whole = events(language, std::iter::once(bytes));
        prop_assert_eq!(&events(language, bytes.chunks(1)), &whole, "byte by byte");
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&events(language, cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]])), &whole);
    }

    /// However the arguments of several calls are mixed, Converse's blocks come one after the other and hold them all.
    #[test]
    fn mixed_calls_are_told_one_after_the_other(
        order in proptest::collection::vec(0_usize..3, 0..40),
        lengths in proptest::collection::vec(1_usize..9, 40..41),
        starts_at_once in proptest::bool::ANY,
    ) {
        let arguments = [r#"{"a": "}{\\\"", "b": [{"c": 1.50}]}"#, "{}", r#"{"text": "a longer one, with é and \n"}"#];
        let name = |at: usize| json!({"index": at, "id": format!("call_{at}"), "function": {"name": "n", "arguments": ""}});
        let mut out = String::new();
        let mut say = |call: Value| {
            out.push_str(&format!("data: {}\n\n", json!({"choices": [{"delta": {"tool_calls": [call]}}]})));
        };
        let mut begun = 0;
        while starts_at_once && begun < 3 {
            say(name(begun));
            begun += 1;
        }
        let mut told = [0; 3];
        for (at, length) in order.into_iter().chain([0; 40]).chain([1; 40]).chain([2; 40]).zip(lengths.into_iter().cycle()) {
            while begun <= at {
                say(name(begun));
                begun += 1;
            }
            let rest: String = arguments[at].chars().skip(told[at]).take(length).collect();
            told[at] += rest.chars().count();
            if !rest.is_empty() {
                say(json!({"index": at, "function": {"arguments": rest}}));
            }
        }
        out.push_str("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n");
        let lines = events(Language::Chat, std::iter::once(out.as_bytes()));
        let order: Vec<(&str, u64)> = lines
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(kind, _)| kind.starts_with("contentBlock"))
            .map(|(kind, payload)| {
                let payload: Value = serde_json::from_str(payload).unwrap();
                (kind, payload["contentBlockIndex"].as_u64().unwrap())
            })
            .collect();
        let mut open = None;
        for (kind, index) in order {
            match kind {
                "contentBlockStart" => {
                    prop_assert_eq!(open.replace(index), None, "one block is open at a time");
                }
                "contentBlockStop" => prop_assert_eq!(open.take(), Some(index)),
                _ => prop_assert_eq!(open, Some(index)),
            }
        }
        let heard = heard_of(Language::Chat, out.as_bytes());
        let calls: Vec<Value> = heard.calls.into_iter().map(|(_, _, input)| input).collect();
        let expected: Vec<Value> = arguments.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        prop_assert_eq!(calls, expected);
    }

    /// Text in which tags begin and end anywhere is heard in full, whatever the pieces.
    #[test]
    fn tags_may_be_cut_anywhere(
        text in "(<reasoning>)?[<>a/ r]{0,6}(</reasoning>)?[<a>/]{0,6}(<reasoning>)?",
        cuts in proptest::collection::vec(0_usize..40, 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let pieces = |cuts: &[usize]| -> String {
            let mut out = String::new();
            for cut in cuts.windows(2) {
                let delta = json!({"choices": [{"delta": {"content": text[cut[0]..cut[1]]}}]});
                out.push_str(&format!("data: {delta}\n\n"));
            }
            out + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
        };
        let said = |cuts: &[usize]| heard_of(Language::Chat, pieces(cuts).as_bytes());
        let (whole, split) = (said(&[0, text.len()]), said(&cuts));
        prop_assert_eq!(&split, &whole);
        let tags = if whole.reasoning.is_empty() { String::new() } else { whole.reasoning.clone() };
        prop_assert_eq!(text.replace("<reasoning>", "").replace("</reasoning>", "").len() ,
            (tags + &whole.text).replace("<reasoning>", "").replace("</reasoning>", "").len());
    }
}

/// What a stream says, as one answer.
fn heard_of(language: Language, bytes: &[u8]) -> heard::Heard {
    let lines = events(language, std::iter::once(bytes));
    assert!(lines.ends_with("whole"), "{lines}");
    let events: Vec<(String, Value)> = lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(kind, payload)| (kind.to_owned(), serde_json::from_str(payload).unwrap()))
        .collect();
    heard::converse(&heard::whole(&events))
}

/// A stream is whole after its last event and nowhere before.
#[test]
fn a_stream_cut_anywhere_is_never_whole() {
    for (name, bytes) in fixtures::fixtures("upstream_streams") {
        let last = bytes.windows(2).rposition(|it| it == b"\n\n").unwrap();
        // The usage ends a Chat stream that does not say `[DONE]`.
        let before_done = bytes.strip_suffix(b"data: [DONE]\n\n").map_or(last + 2, <[u8]>::len);
        for end in (0..last + 2).filter(|end| *end != before_done) {
            let heard = events(language_of(&name), std::iter::once(&bytes[..end]));
            assert!(heard.contains("502 ModelStreamErrorException"), "{name} at {end}: {heard}");
        }
    }
}

#[test]
fn a_failure_in_the_stream_is_an_error_of_its_kind() {
    let cases = [
        (
            Language::Chat,
            r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#,
            "429 ThrottlingException",
        ),
        (
            Language::Messages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"full"}}"#,
            "503 ",
        ),
        (Language::Chat, "no", "502 ModelStreamErrorException"),
        (Language::Messages, "{}", "502 ModelStreamErrorException"),
    ];
    for (language, data, expected) in cases {
        let heard = events(language, std::iter::once(format!("data: {data}\n\n").as_bytes()));
        assert!(heard.starts_with(expected), "{data}: {heard}");
    }
    let over = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"n","arguments":"{}"}},{"index":0,"function":{"arguments":"{"}}]}}]}"#;
    let heard =
        events(Language::Chat, std::iter::once(format!("data: {over}\n\ndata: [DONE]\n\n").as_bytes()));
    assert!(heard.contains("messageStop"), "what follows whole arguments is the client's to judge: {heard}");
    let late = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"n","arguments":"{}"}},{"index":1,"id":"b","function":{"name":"n"}},{"index":0,"function":{"arguments":"{"}}]}}]}"#;
    let heard = events(Language::Chat, std::iter::once(format!("data: {late}\n\n").as_bytes()));
    assert!(heard.contains("go on after their end"), "{heard}");
}

/// Arguments without an end hold back what follows them, but not any amount of it.
#[test]
fn what_is_held_back_is_bounded() {
    let mut reader = Reader::new(Language::Chat);
    let call = |index: u64, arguments: &str| {
        let call = json!({"index": index, "id": format!("c{index}"), "function": {"name": "n", "arguments": arguments}});
        format!("data: {}\n\n", json!({"choices": [{"delta": {"tool_calls": [call]}}]}))
    };
    reader.push(call(0, "{\"a\":").as_bytes());
    let more = call(1, &"x".repeat(1 << 20));
    let refused = (0..40).find_map(|_| {
        reader.push(more.as_bytes());
        let mut result = Ok(true);
        while matches!(result, Ok(true)) {
            result = reader.next_event(&mut |_| {});
        }
        result.err()
    });
    assert!(refused.is_some_and(|error| error.to_string().contains("have no end")));
}

/// A whole answer says what the same answer says as a stream.
#[test]
fn whole_answers() {
    let chat = json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "Wait.", "reasoning": "I look.", "refusal": null, "annotations": [],
        "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.50}"}},
            {"id": "call_b", "type": "function", "function": {"name": "ask", "arguments": "{}"}}
        ]}}],
        "service_tier": "default",
        "usage": {"prompt_tokens": 384, "completion_tokens": 36, "total_tokens": 420,
            "prompt_tokens_details": {"cached_tokens": 300}}});
    let read = |language, answer: &Value| {
        let response = upstream::read_answer(language, answer.to_string().as_bytes()).unwrap();
        serde_json::to_value(response).unwrap()
    };
    let whole = read(Language::Chat, &chat);
    let streams = fixtures::fixtures("upstream_streams");
    let stream = |name: &str| streams.iter().find(|(known, _)| known == name).unwrap().1.clone();
    let streamed = heard_of(Language::Chat, &stream("chat_reasoning_and_tools"));
    assert_eq!(heard::converse(&whole), streamed);
    assert_eq!(whole["usage"]["inputTokens"], 84, "Bedrock's input is without what the cache gave");
    assert_eq!(whole["serviceTier"]["type"], "default");

    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
        {"type": "thinking", "thinking": "I look.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "text", "text": "It says so", "citations": [{"type": "char_location", "cited_text": "so",
            "document_index": 0, "document_title": "paper", "start_char_index": 3, "end_char_index": 5}]},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1.50}}],
        "stop_reason": "stop_sequence", "stop_sequence": "END",
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 6,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 3}, "output_tokens": 42}});
    let whole = read(Language::Messages, &message);
    assert_eq!(heard::converse(&whole), heard_of(Language::Messages, &stream("messages_everything")));
    assert_eq!(whole["additionalModelResponseFields"], json!({"stop_sequence": "END"}));
    assert_eq!(whole["usage"]["cacheDetails"][1], json!({"ttl": "1h", "inputTokens": 3}));
    assert_eq!(
        whole["output"]["message"]["content"][2]["citationsContent"]["citations"][0]["location"],
        json!({"documentChar": {"documentIndex": 0, "start": 3, "end": 5}})
    );
    let broken = json!({"choices": [{"finish_reason": "tool_calls", "message": {"tool_calls": [
        {"id": "a", "function": {"name": "look", "arguments": "{\"at\": "}}]}}]});
    assert_eq!(read(Language::Chat, &broken)["stopReason"], "malformed_tool_use");
    for (language, odd) in
        [(Language::Chat, "{}"), (Language::Chat, "[]"), (Language::Messages, "{\"content\":3}")]
    {
        assert_eq!(upstream::read_answer(language, odd.as_bytes()).unwrap_err().status, 502, "{odd}");
    }
}

/// The native client's frames hold what was heard, and the time that Converse's shape requires.
#[test]
fn native_frames_say_the_same() {
    for (name, bytes) in fixtures::fixtures("upstream_streams") {
        let (mut reader, mut writer) = (Reader::new(language_of(&name)), StreamWriter::new(heard::answer()));
        let mut out = BytesMut::new();
        reader.push(&bytes);
        while reader.next_event(&mut |event| writer.event(event, 7, &mut out)).unwrap() {}
        assert_eq!(
            writer.finish().is_ok(),
            bytes.ends_with(b"data: [DONE]\n\n") || name.starts_with("messages")
        );
        reader.finish(&mut |event| writer.event(event, 7, &mut out)).unwrap();
        writer.finish().unwrap();
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        decoder.push(&out);
        while let Some(frame) = decoder.next_frame().unwrap() {
            let Message::Event { event_type, payload } = frame.message() else { panic!("{name}") };
            events.push((event_type.to_owned(), serde_json::from_slice::<Value>(payload).unwrap()));
        }
        assert_eq!(events.last().unwrap().1["metrics"]["latencyMs"], 7, "{name}");
        assert_eq!(heard::converse(&heard::whole(&events)), heard_of(language_of(&name), &bytes), "{name}");
    }
}

/// Every answer that OpenAI and Anthropic gave keeps what it says, whole and streamed.
#[test]
fn recorded_answers_keep_everything() {
    for (file, language) in
        [("openai-chat.jsonl", Language::Chat), ("anthropic-messages.jsonl", Language::Messages)]
    {
        let Some(exchanges) = recorded::exchanges(file) else { return };
        let mut kept = [0, 0];
        for exchange in &exchanges {
            let Some(answer) = recorded_answer(exchange) else { continue };
            let (heard, expected) = match (answer, language) {
                (Recorded::Whole(body), language) => {
                    kept[0] += 1;
                    let read = upstream::read_answer(language, body.to_string().as_bytes()).unwrap();
                    let said = if language == Language::Chat { openai(&body) } else { anthropic(&body) };
                    (heard::converse(&serde_json::to_value(read).unwrap()), said)
                }
                (Recorded::Stream(text), language) => {
                    kept[1] += 1;
                    let said = if language == Language::Chat {
                        openai_stream(&text)
                    } else {
                        anthropic_stream(&text)
                    };
                    (heard_of(language, text.as_bytes()), said)
                }
            };
            assert_eq!((heard.text, heard.calls, heard.usage), expected, "{}", exchange["id"]);
        }
        eprintln!("{file}: {kept:?} answers, whole and streamed, kept");
        assert!(kept[0] >= 150 && kept[1] >= 50, "{kept:?}");
    }
}

enum Recorded {
    Whole(Value),
    Stream(String),
}

/// What a model answered; not the form of calls that OpenAI retired, nor spoken answers, which nobody asks for here.
fn recorded_answer(exchange: &Value) -> Option<Recorded> {
    let response = &exchange["response"];
    if response["status"] != 200 {
        return None;
    }
    if let Some(text) = response["body_text"].as_str() {
        return (!text.contains("function_call\":{")).then(|| Recorded::Stream(text.to_owned()));
    }
    let body = &response["body_json"];
    let message = &body["choices"][0]["message"];
    let odd = message.get("function_call").is_some() || message["audio"].is_object();
    (!odd && (body["choices"].is_array() || body["content"].is_array()))
        .then(|| Recorded::Whole(body.clone()))
}

/// Text, calls, and usage in Bedrock's algebra.
type What = (String, Vec<(String, String, Value)>, [u64; 4]);

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// None are an empty object to Converse.
fn arguments_of(text: &str) -> Value {
    if text.is_empty() { json!({}) } else { serde_json::from_str(text).unwrap() }
}

fn openai_usage(usage: &Value) -> [u64; 4] {
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let (read, written) =
        (count("/prompt_tokens_details/cached_tokens"), count("/prompt_tokens_details/cache_write_tokens"));
    [count("/prompt_tokens") - read - written, read, written, count("/completion_tokens")]
}

fn openai(body: &Value) -> What {
    let message = &body["choices"][0]["message"];
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| {
        let arguments = arguments_of(call["function"]["arguments"].as_str().unwrap());
        (text_of(&call["id"]), text_of(&call["function"]["name"]), arguments)
    });
    let text = text_of(&message["content"]) + &text_of(&message["refusal"]);
    (text, calls.collect(), openai_usage(&body["usage"]))
}

fn openai_stream(text: &str) -> What {
    let mut said = What::default();
    let mut arguments: Vec<String> = Vec::new();
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]") {
        let chunk: Value = serde_json::from_str(data).unwrap();
        let first = chunk["choices"].as_array().into_iter().flatten().find(|it| it["index"] == 0);
        let delta = first.map_or(&Value::Null, |choice| &choice["delta"]);
        said.0 += &(text_of(&delta["content"]) + &text_of(&delta["refusal"]));
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            if call["index"].as_u64() == Some(said.1.len() as u64) {
                said.1.push((text_of(&call["id"]), text_of(&call["function"]["name"]), Value::Null));
                arguments.push(String::new());
            }
            *arguments.last_mut().unwrap() += &text_of(&call["function"]["arguments"]);
        }
        if chunk["usage"].is_object() {
            said.2 = openai_usage(&chunk["usage"]);
        }
    }
    for (call, arguments) in said.1.iter_mut().zip(arguments) {
        call.2 = arguments_of(&arguments);
    }
    said
}

fn anthropic_usage(usage: &Value) -> [u64; 4] {
    let names = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"];
    names.map(|name| usage[name].as_u64().unwrap_or(0))
}

fn anthropic(body: &Value) -> What {
    let mut said = (String::new(), Vec::new(), anthropic_usage(&body["usage"]));
    for block in body["content"].as_array().unwrap() {
        match block["type"].as_str().unwrap() {
            "text" => said.0 += &text_of(&block["text"]),
            "tool_use" => {
                said.1.push((text_of(&block["id"]), text_of(&block["name"]), block["input"].clone()))
            }
            _ => {}
        }
    }
    said
}

fn anthropic_stream(text: &str) -> What {
    let mut said = What::default();
    let mut arguments = String::new();
    let mut usage = json!({});
    let mut is_call = false;
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                let block = &event["content_block"];
                is_call = block["type"] == "tool_use";
                arguments.clear();
                if is_call {
                    said.1.push((text_of(&block["id"]), text_of(&block["name"]), json!({})));
                }
            }
            "content_block_delta" => {
                said.0 += &text_of(&event["delta"]["text"]);
                arguments += &text_of(&event["delta"]["partial_json"]);
            }
            "content_block_stop" if is_call && !arguments.is_empty() => {
                said.1.last_mut().unwrap().2 = serde_json::from_str(&arguments).unwrap();
            }
            _ => {}
        }
        for stated in [&event["message"]["usage"], &event["usage"]] {
            for (name, count) in
                stated.as_object().into_iter().flatten().filter(|(_, count)| !count.is_null())
            {
                usage[name] = count.clone();
            }
        }
    }
    said.2 = anthropic_usage(&usage);
    said
}
