//! AWS's own dialects on their way through.

use bytes::{Bytes, BytesMut};
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::{Dialect, RequestError};
use outcrop_wire::envelope::Members;
use outcrop_wire::relayed::{Request, Stream, report};
use proptest::prelude::*;
use serde_json::{Value, json};

fn request(dialect: Dialect, body: &str, stream: bool) -> Result<Request, RequestError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    outcrop_wire::relayed::request(dialect, &body, &Members::read(&body)?, "m", stream)
}

fn asked(dialect: Dialect, body: &str, stream: bool) -> (String, bool, bool) {
    let made = request(dialect, body, stream).unwrap();
    (String::from_utf8(made.body.to_vec()).unwrap(), made.hides_usage, made.stores)
}

#[test]
fn what_the_endpoint_knows_already_travels_as_it_came() {
    let body = r#"{ "model":"m", "x": 1.0,"stream_options":{"include_usage":true}, "stream" : true}"#;
    assert_eq!(asked(Dialect::ChatCompletions, body, true), (body.to_owned(), false, false));
    let body = r#"{"model":"m","store": false, "input":"é"}"#;
    assert_eq!(asked(Dialect::Responses, body, false), (body.to_owned(), false, false));
    let body = r#"{"max_tokens": 5 ,"model":"m"}"#;
    assert_eq!(asked(Dialect::Messages, body, true), (body.to_owned(), false, false));
}

/// As strands-agents sends it.
#[test]
fn an_empty_list_of_tools_offers_none() {
    let empty = r#"{"model":"m","tools":[ ],"tool_choice":"auto","parallel_tool_calls":true,"x":1}"#;
    let made = request(Dialect::ChatCompletions, empty, false).unwrap();
    assert_eq!(made.body, r#"{"model":"m","x":1}"#);
    assert_eq!(made.notices.iter().count(), 3);
    for kept in [r#"{"model":"m","tools":[{}],"tool_choice":"auto"}"#, r#"{"model":"m","tools":{}}"#] {
        assert_eq!(request(Dialect::ChatCompletions, kept, false).unwrap().body, kept);
    }
    let fine_there = r#"{"model":"m","store":false,"tools":[]}"#;
    assert_eq!(request(Dialect::Responses, fine_there, false).unwrap().body, fine_there);
}

#[test]
fn only_what_must_differ_does() {
    let (body, hides, _) = asked(
        Dialect::ChatCompletions,
        r#"{"model":"alias","x": 1.0,"stream_options":{"include_usage":false,"include_obfuscation":false},"stream":true}"#,
        true,
    );
    assert_eq!(
        body,
        r#"{"model":"m","x":1.0,"stream_options":{"include_obfuscation":false,"include_usage":true},"stream":true}"#
    );
    assert!(hides);
    let (body, hides, _) = asked(Dialect::ChatCompletions, r#"{"model":"m","stream_options":null}"#, true);
    assert_eq!((body.as_str(), hides), (r#"{"model":"m","stream_options":{"include_usage":true}}"#, true));
    let (body, _, stores) = asked(
        Dialect::Responses,
        r#"{"input":"x","model":"m","include":["message.output_text.logprobs"]}"#,
        true,
    );
    assert!(stores);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["store"], false);
    assert_eq!(body["include"], json!(["message.output_text.logprobs", "reasoning.encrypted_content"]));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let refused = |dialect, body| request(dialect, body, true).unwrap_err().param;
    assert_eq!(
        refused(Dialect::ChatCompletions, r#"{"stream_options":5}"#).as_deref(),
        Some("stream_options")
    );
    assert_eq!(refused(Dialect::Responses, r#"{"include":"all"}"#).as_deref(), Some("include"));
    assert_eq!(refused(Dialect::Responses, r#"{"background":true}"#).as_deref(), Some("background"));
    assert!(request(Dialect::Messages, "[]", true).is_err());
}

#[test]
fn usage_is_told_in_bedrock_s_algebra() {
    let chat = json!({"choices": [{"finish_reason": "length"}], "usage": {"prompt_tokens": 100, "completion_tokens": 7,
        "total_tokens": 107, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10}}});
    let told = report(Dialect::ChatCompletions, chat.to_string().as_bytes());
    let usage = told.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (30, 7));
    assert_eq!((usage.cache_read_input_tokens, usage.cache_write_input_tokens), (Some(60), Some(10)));
    assert_eq!(told.stop_reason.as_deref(), Some("length"));
    let response = json!({"status": "completed", "usage": {"input_tokens": 100, "output_tokens": 7,
        "input_tokens_details": {"cached_tokens": 100}}});
    let told = report(Dialect::Responses, response.to_string().as_bytes());
    assert_eq!(
        told.usage.map(|usage| (usage.input_tokens, usage.cache_read_input_tokens)),
        Some((0, Some(100)))
    );
    let message = json!({"stop_reason": "end_turn", "usage": {"input_tokens": 5, "output_tokens": 7,
        "cache_read_input_tokens": 60}});
    let told = report(Dialect::Messages, message.to_string().as_bytes());
    assert_eq!(
        told.usage.map(|usage| (usage.input_tokens, usage.cache_read_input_tokens)),
        Some((5, Some(60)))
    );
    assert_eq!(report(Dialect::Messages, b"not JSON").usage, None);
}

const CHAT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"},\"finish_reason\":null}]}\n\n: alive\n\n\
    data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

const RESPONSES: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\"}}\n\n\
    event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n\
    event: response.completed\ndata: {\"type\":\"response.completed\",\ndata: \"response\":{\"id\":\"r\",\"status\":\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n";

const MESSAGES: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n\
    event: ping\ndata: {\"type\": \"ping\"}\n\n\
    event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n\
    event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const ALL: [(Dialect, &str, &str); 3] = [
    (Dialect::ChatCompletions, CHAT, "stop"),
    (Dialect::Responses, RESPONSES, "completed"),
    (Dialect::Messages, MESSAGES, "end_turn"),
];

/// What a client gets of pieces, and what went wrong.
fn passed<'a>(stream: &mut Stream, pieces: impl Iterator<Item = &'a [u8]>) -> (String, Option<String>) {
    let mut out = BytesMut::new();
    for piece in pieces {
        stream.push(piece);
        loop {
            match stream.next_event(&mut out) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return (text(&out), Some(error.to_string())),
            }
        }
    }
    let failed = stream.finish(&mut out).err().map(|error| error.to_string());
    (text(&out), failed)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_stream_is_handed_on_byte_for_byte_and_its_usage_read() {
    for (dialect, events, reason) in ALL {
        let mut stream = Stream::new(dialect, false);
        let (seen, failed) = passed(&mut stream, std::iter::once(events.as_bytes()));
        assert_eq!((seen.as_str(), failed), (events, None));
        let report = stream.report();
        assert_eq!(report.stop_reason.as_deref(), Some(reason));
        let usage = report.usage.as_ref().unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (3, 2), "{dialect:?}");
    }
    let mut stream = Stream::new(Dialect::ChatCompletions, true);
    let (seen, _) = passed(&mut stream, std::iter::once(CHAT.as_bytes()));
    assert!(!seen.contains("usage") && seen.ends_with("data: [DONE]\n\n"), "{seen}");
    assert!(stream.report().usage.is_some());
}

/// Every stream cut anywhere is an error, except that what is said after the dialect's last event may be missing.
#[test]
fn a_cut_stream_is_an_error_wherever_it_is_cut() {
    for (dialect, events, _) in ALL {
        let whole_at = match dialect {
            Dialect::ChatCompletions => events.len() - "data: [DONE]\n\n".len(),
            _ => events.len(),
        };
        for end in 0..events.len() {
            let mut stream = Stream::new(dialect, false);
            let (_, failed) = passed(&mut stream, std::iter::once(&events.as_bytes()[..end]));
            assert_eq!(failed.is_none(), end == whole_at, "{dialect:?} cut at {end}");
        }
    }
    let mut stream = Stream::new(Dialect::ChatCompletions, false);
    let (seen, failed) =
        passed(&mut stream, std::iter::once(CHAT.strip_suffix("data: [DONE]\n\n").unwrap().as_bytes()));
    assert_eq!((seen.as_str(), failed), (CHAT, None), "the last event is added where all else was said");
}

#[test]
fn an_error_event_is_an_error_of_its_kind_and_reaches_the_client_as_it_came() {
    for (dialect, event, kind) in [
        (
            Dialect::ChatCompletions,
            "data: {\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\",\"code\":null,\"param\":null}}\n\n",
            ErrorKind::Throttling,
        ),
        (
            Dialect::ChatCompletions,
            "data: {\"error\":{\"message\":\"slow down\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}\n\n",
            ErrorKind::Throttling,
        ),
        (
            Dialect::ChatCompletions,
            "data: {\"error\":{\"message\":\"slow down\",\"code\":503}}\n\n",
            ErrorKind::ServiceUnavailable,
        ),
        (
            Dialect::Responses,
            "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"slow down\",\"param\":null}\n\n",
            ErrorKind::InternalServer,
        ),
        (
            Dialect::Messages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"slow down\"}}\n\n",
            ErrorKind::ServiceUnavailable,
        ),
        (
            Dialect::Messages,
            "data: {\"type\":\"error\",\"error\":{\"type\":\"ThrottlingException\",\"message\":\"slow down\"}}\n\n",
            ErrorKind::Throttling,
        ),
    ] {
        let mut stream = Stream::new(dialect, false);
        let mut out = BytesMut::new();
        stream.push(event.as_bytes());
        let error = stream.next_event(&mut out).unwrap_err();
        assert_eq!((&error.kind, error.message.as_str()), (&kind, "slow down"), "{event}");
        assert!(out.is_empty());
        stream.error(&error, "id", &mut out);
        assert_eq!(text(&out), event);
    }
    // A response that failed has said so itself.
    let mut stream = Stream::new(Dialect::Responses, false);
    let failed = "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}}\n\n";
    assert_eq!(passed(&mut stream, std::iter::once(failed.as_bytes())), (failed.to_owned(), None));
}

#[test]
fn a_response_that_breaks_off_ends_with_the_error_that_a_translated_one_ends_with() {
    let mut stream = Stream::new(Dialect::Responses, false);
    let mut out = BytesMut::new();
    stream.push(b"data: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{}}\n\n");
    assert!(stream.next_event(&mut out).unwrap());
    let error = stream.finish(&mut out).unwrap_err();
    out.clear();
    stream.error(&error, "id", &mut out);
    let event = text(&out);
    // OpenAI's SDKs raise for the `error` in it, and for nothing else.
    for said in ["event: error\n", r#""sequence_number":1"#, r#""error":{"type":"server_error""#] {
        assert!(event.contains(said), "{event}");
    }
}

#[test]
fn what_is_no_event_is_an_error_and_a_comment_before_the_first_event_holds_nothing_up() {
    let mut stream = Stream::new(Dialect::Messages, false);
    let (seen, failed) = passed(&mut stream, std::iter::once(&b": wait\n\n<html>\n\ndata: {\n\n"[..]));
    assert_eq!(seen, "");
    assert!(failed.unwrap().contains("an event cannot be read"));
}

proptest! {
    /// However the bytes arrive, the client gets the same, and the ledger, too.
    #[test]
    fn pieces_do_not_matter(cuts in prop::collection::vec(0usize..1000, 0..20), which in 0usize..3, end in 0usize..2000, hides: bool) {
        let (dialect, events, _) = ALL[which];
        let bytes = &events.as_bytes()[..end.min(events.len())];
        let mut stream = Stream::new(dialect, hides);
        let whole = passed(&mut stream, std::iter::once(bytes));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut split = Stream::new(dialect, hides);
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        prop_assert_eq!(passed(&mut split, pieces), whole);
        prop_assert_eq!(split.report(), stream.report());
    }

    /// Nothing that arrives makes it panic.
    #[test]
    fn any_bytes_are_events_or_an_error(bytes in "(data: |event: |\\{|\\}|\"type\"|:|\"error\"|null|\\[DONE\\]|[a-z]|\n|\r){0,60}", which in 0usize..3) {
        let mut stream = Stream::new(ALL[which].0, true);
        let _ = passed(&mut stream, bytes.as_bytes().chunks(3));
    }
}
