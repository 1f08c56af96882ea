//! Streams of mantle's endpoints that are not what they should be, with a client of each dialect in front: what can be
//! understood is, anything else ends as an error of the client's own dialect, and nothing looks whole that is not.

use bytes::BytesMut;
use outcrop_wire::bedrock::{BedrockError, StreamEvent};
use outcrop_wire::eventstream::{Decoder, Message};
use outcrop_wire::upstream::{self, Language, Reader, StreamWriter};
use outcrop_wire::{anthropic, openai_chat, openai_responses, sse};
use serde_json::{Value, json};

use crate::heard;

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Fails,
}

use End::{Fails, Whole};

const CHAT_BEGINS: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}"#;
const CHAT_STOPS: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const CHAT_USED: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

/// What comes between a beginning and an end that are as they should be.
const CHAT: [(&str, End); 25] = [
    ("{}", Whole),
    (r#"{"choices":null}"#, Whole),
    (r#"{"choices":[]}"#, Whole),
    (r#"{"choices":[{}]}"#, Whole),
    (r#"{"choices":[{"delta":null}]}"#, Whole),
    (r#"{"choices":[{"delta":{"content":null,"tool_calls":null,"reasoning":null}}]}"#, Whole),
    (r#"{"choices":[{"index":1,"delta":{"content":"another answer"}}]}"#, Whole),
    (r#"{"choices":[{"index":0,"delta":{"content":"b"}},{"index":1,"delta":{"content":"c"}}]}"#, Whole),
    (r#"{"choices":[{"delta":{"tool_calls":[]}}]}"#, Whole),
    (
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}}]}"#,
        Whole,
    ),
    (
        r#"{"choices":[{"delta":{"tool_calls":[{"index":18446744073709551615,"id":"x","function":{"name":"f"}}]}}]}"#,
        Whole,
    ),
    (
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"not json"}}]}}]}"#,
        Whole,
    ),
    (r#"{"usage":{"prompt_tokens":"many"},"choices":[]}"#, Whole),
    (
        r#"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615},"choices":[]}"#,
        Whole,
    ),
    (r#"{"choices":[{"delta":{"annotations":[{"type":"odd"}]}}]}"#, Whole),
    (r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"arguments":"{}"}}]}}]}"#, Fails),
    (r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x"}]}}]}"#, Fails),
    (r#"{"choices":"none"}"#, Fails),
    (r#"{"choices":[{"delta":{"content":7}}]}"#, Fails),
    (r#"{"choices":[{"delta":{"tool_calls":[{"index":"0","function":{"name":"f"}}]}}]}"#, Fails),
    (r#"{"error":{"message":"out of memory","type":"server_error"}}"#, Fails),
    (r#"{"error":"out of memory"}"#, Fails),
    (r#"{"type":"error","message":"out of memory"}"#, Fails),
    ("[1,2]", Fails),
    ("<html>", Fails),
];

const MESSAGE_BEGINS: &str =
    r#"{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}"#;
const MESSAGE_STOPS: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#;
const MESSAGE_ENDS: &str = r#"{"type":"message_stop"}"#;

const MESSAGES: [(&str, End); 14] = [
    (r#"{"type":"ping"}"#, Whole),
    (r#"{"type":"tomorrow's event","index":3}"#, Whole),
    (
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        Whole,
    ),
    (
        r#"{"type":"content_block_delta","index":18446744073709551615,"delta":{"type":"text_delta","text":"b"}}"#,
        Whole,
    ),
    (r#"{"type":"content_block_delta","index":0,"delta":{"type":"odd_delta","odd":1}}"#, Whole),
    (r#"{"type":"content_block_stop","index":9}"#, Whole),
    (r#"{"type":"content_block_start","index":0,"content_block":{"type":"hologram","beam":1}}"#, Whole),
    (r#"{"type":"message_start","message":{"usage":null}}"#, Whole),
    (r#"{"type":"content_block_start","index":0,"content_block":{"text":"of no type"}}"#, Fails),
    (r#"{"type":"content_block_start","index":-1,"content_block":{"type":"text","text":""}}"#, Fails),
    (r#"{"type":"error","error":{"type":"overloaded_error","message":"full"}}"#, Fails),
    (r#"{"type":"error"}"#, Fails),
    (r#"{"index":0}"#, Fails),
    ("null", Fails),
];

fn stream(pieces: &[&str], ends: &str) -> Vec<u8> {
    let events: String = pieces.iter().map(|data| format!("data: {data}\n\n")).collect();
    (events + ends).into_bytes()
}

#[test]
fn every_client_hears_what_can_be_understood_and_an_error_of_anything_else() {
    for (odd, end) in CHAT {
        let bytes = stream(&[CHAT_BEGINS, odd, CHAT_STOPS, CHAT_USED], "data: [DONE]\n\n");
        each_client(Language::Chat, &bytes, end, odd);
        // The same as the first that comes: a failure has not begun to answer then.
        let bytes = stream(&[odd, CHAT_BEGINS, CHAT_STOPS, CHAT_USED], "data: [DONE]\n\n");
        each_client(Language::Chat, &bytes, end, odd);
    }
    for (odd, end) in MESSAGES {
        let bytes = stream(&[MESSAGE_BEGINS, odd, MESSAGE_STOPS, MESSAGE_ENDS], "");
        each_client(Language::Messages, &bytes, end, odd);
    }
}

/// Without its usage, its reason or its end, a stream is one that was cut, but for what a client can do without.
#[test]
fn what_is_missing_at_the_end_is_missed() {
    let done = "data: [DONE]\n\n";
    for (pieces, ends, end) in [
        (&[CHAT_BEGINS, CHAT_STOPS, CHAT_USED][..], "", Whole),
        (&[CHAT_BEGINS, CHAT_STOPS], done, Whole),
        (&[CHAT_BEGINS, CHAT_USED], done, Whole),
        (&[CHAT_BEGINS, CHAT_STOPS], "", Fails),
        (&[CHAT_BEGINS], "", Fails),
        (&[], done, Fails),
        (&[], "", Fails),
    ] {
        each_client(Language::Chat, &stream(pieces, ends), end, &format!("{pieces:?} {ends}"));
    }
    for pieces in
        [&[MESSAGE_BEGINS, MESSAGE_STOPS][..], &[MESSAGE_BEGINS, MESSAGE_ENDS], &[MESSAGE_BEGINS], &[]]
    {
        each_client(Language::Messages, &stream(pieces, ""), Fails, &format!("{pieces:?}"));
    }
}

/// Arguments as long as a book arrive, in a stream and whole.
#[test]
fn huge_arguments_arrive() {
    let arguments = json!({"text": "x".repeat(3 << 20)}).to_string();
    let call =
        |arguments: &str| json!([{"index": 0, "id": "x", "function": {"name": "f", "arguments": arguments}}]);
    let (first, second) = arguments.split_at(arguments.len() / 2);
    let piece =
        |arguments: &str| json!({"choices": [{"delta": {"tool_calls": call(arguments)}}]}).to_string();
    let bytes = stream(&[&piece(first), &piece(second), CHAT_STOPS, CHAT_USED], "data: [DONE]\n\n");
    each_client(Language::Chat, &bytes, Whole, "huge arguments");
    let whole = json!({"choices": [{"message": {"tool_calls": call(&arguments)}, "finish_reason": "stop"}]});
    let read = upstream::read_answer(Language::Chat, whole.to_string().as_bytes()).unwrap();
    let read = serde_json::to_value(read).unwrap();
    assert_eq!(read["output"]["message"]["content"][0]["toolUse"]["input"].to_string(), arguments);
    assert_eq!(read["stopReason"], "tool_use");
}

/// Whole answers that are none are the endpoint's failure, in 502's words or in its own.
#[test]
fn whole_answers_that_are_none_are_failures() {
    let chat =
        ["", "null", "[]", "{}", r#"{"choices":[]}"#, r#"{"choices":[{"message":7}]}"#, r#"{"choices":{}}"#];
    let messages =
        ["", "null", "{}", r#"{"content":[],"usage":{}}"#, r#"{"content":[{}],"stop_reason":"end_turn"}"#];
    let answers = chat.map(|body| (Language::Chat, body)).into_iter();
    for (language, body) in answers.chain(messages.map(|body| (Language::Messages, body))) {
        let error = upstream::read_answer(language, body.as_bytes()).unwrap_err();
        assert!(error.status == 502 && !error.message.is_empty(), "{language:?} {body}: {error}");
    }
    let told = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;
    let error = upstream::read_answer(Language::Chat, told.as_bytes()).unwrap_err();
    assert_eq!((error.status, error.message.as_str()), (429, "slow down"));
}

fn each_client(language: Language, bytes: &[u8], expected: End, odd: &str) {
    let mut chat = openai_chat::StreamWriter::new(heard::answer(), true);
    let (ended, mut out) = told(language, bytes, |event, out| chat.event(event, out));
    let ended = ended.and_then(|()| Ok(chat.finish(&mut out)?));
    if let Err(error) = &ended {
        chat.error(error, &mut out);
    }
    let last = checked(&ended, expected, odd, &out);
    assert_eq!(last["error"].is_object(), expected == Fails, "{odd}: {last}");

    let echo = openai_responses::Echo::default();
    let mut responses = openai_responses::StreamWriter::new(heard::answer(), echo);
    let (ended, mut out) = told(language, bytes, |event, out| responses.event(event, out));
    let ended = ended.and_then(|()| Ok(responses.finish(&mut out)?));
    if let Err(error) = &ended {
        responses.error(error, &mut out);
    }
    let last = checked(&ended, expected, odd, &out);
    let is_error = last["type"] == "error" || last["type"] == "response.failed";
    assert_eq!(is_error, expected == Fails, "{odd}: {last}");

    let mut messages = anthropic::StreamWriter::new(heard::answer());
    let (ended, mut out) = told(language, bytes, |event, out| messages.event(event, out));
    let ended = ended.and_then(|()| Ok(messages.finish(&mut out)?));
    if let Err(error) = &ended {
        messages.error(error, "request", &mut out);
    }
    let last = checked(&ended, expected, odd, &out);
    assert_eq!(last["type"] == "error", expected == Fails, "{odd}: {last}");

    let mut native = StreamWriter::new(heard::answer());
    let (ended, mut out) = told(language, bytes, |event, out| native.event(event, 1, out));
    let ended: Result<(), BedrockError> = ended.and_then(|()| Ok(native.finish()?));
    if let Err(error) = &ended {
        native.error(error, &mut out);
    }
    assert_eq!(ended.is_err(), expected == Fails, "{odd}: {ended:?}");
    let mut decoder = Decoder::default();
    decoder.push(&out);
    let mut is_exception = false;
    while let Some(frame) = decoder.next_frame().unwrap() {
        assert!(!is_exception, "{odd}: an exception is the last frame");
        is_exception = matches!(frame.message(), Message::Exception { .. });
    }
    assert_eq!(is_exception, expected == Fails, "{odd}");
}

/// Hands a client what the endpoint's stream says, and how it ended.
fn told(
    language: Language,
    bytes: &[u8],
    mut write: impl FnMut(&StreamEvent<'_>, &mut BytesMut),
) -> (Result<(), BedrockError>, BytesMut) {
    let (mut reader, mut out) = (Reader::new(language), BytesMut::new());
    let mut hear = |event: &StreamEvent<'_>| write(event, &mut out);
    reader.push(bytes);
    let ended = loop {
        match reader.next_event(&mut hear) {
            Ok(true) => {}
            Ok(false) => break reader.finish(&mut hear),
            Err(error) => break Err(error),
        }
    };
    (ended, out)
}

/// The last event of a client, whose events all are JSON.
fn checked(ended: &Result<(), BedrockError>, expected: End, odd: &str, out: &[u8]) -> Value {
    assert_eq!(ended.is_err(), expected == Fails, "{odd}: {ended:?}");
    if let Err(error) = ended {
        assert!(error.status >= 400 && !error.message.is_empty(), "{odd}: {error:?}");
    }
    let events = sse::Reader::default().push(out);
    let events = events.into_iter().filter(|event| event.data != "[DONE]" || ended.is_err());
    let read =
        |data: &str| serde_json::from_str(data).unwrap_or_else(|error| panic!("{odd}: {error}: {data}"));
    events.fold(Value::Null, |_, event| read(&event.data))
}
