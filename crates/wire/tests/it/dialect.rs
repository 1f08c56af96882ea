//! Heads, errors, envelopes, relayed streams.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use outcrop_wire::bedrock::{BedrockError, ErrorKind, StreamEvent};
use outcrop_wire::dialect::{Dialect, Head, RequestError, Truncated, error_body};
use outcrop_wire::{Notices, anthropic, envelope, family, openai_chat, sse};
use serde_json::{Value, json};

use crate::heard;

fn refused(body: &str) -> RequestError {
    Head::read(body.as_bytes()).unwrap_err()
}

#[test]
fn heads_are_read_without_the_rest() {
    let head = Head::read(br#" {"messages":[{"model":"no"}],"model":"arn:x","stream":true} "#).unwrap();
    assert_eq!((head.model.as_ref(), head.stream), ("arn:x", true));
    let head = Head::read(br#"{"mod\u0065l":"a\u0062","stream":null}"#).unwrap();
    assert_eq!((head.model.as_ref(), head.stream), ("ab", false));
}

#[test]
fn heads_that_could_be_read_two_ways_are_refused() {
    assert!(refused(r#"{"model":"a","model":"b"}"#).text.message().contains("duplicate field `model`"));
    assert!(
        refused(r#"{"model":"a","stream":false,"str\u0065am":true}"#)
            .text
            .message()
            .contains("duplicate field `stream`")
    );
    assert!(refused(r#"{"model":"a"} {"model":"b"}"#).text.message().contains("trailing characters"));
    assert!(refused(r#"{"model":"a","#).text.message().contains("line 1 column 13"));
    assert_eq!(refused(r#"{"stream":true}"#).param.as_deref(), Some("model"));
    assert_eq!(refused(r#"{"model":null}"#).param.as_deref(), Some("model"));
    assert!(refused(r#"[]"#).text.message().contains("expected a JSON object"));
}

#[test]
fn errors_speak_each_dialect() {
    let error = BedrockError::new(ErrorKind::Throttling, "Too many tokens");
    let body = |dialect| {
        serde_json::from_slice::<Value>(&error_body(dialect, 429, &error, "r-1", Some("wait"))).unwrap()
    };
    assert_eq!(
        body(Dialect::ChatCompletions),
        json!({"error": {"message": "Too many tokens (hint: wait)", "type": "rate_limit_error", "param": null,
            "code": "rate_limit_exceeded"}})
    );
    assert_eq!(
        body(Dialect::Messages),
        json!({"type": "error", "request_id": "r-1",
            "error": {"type": "rate_limit_error", "message": "Too many tokens (hint: wait)"}})
    );
    assert_eq!(body(Dialect::Bedrock), json!({"message": "Too many tokens (hint: wait)"}));
}

#[test]
fn every_status_has_its_word() {
    let error = BedrockError::new(ErrorKind::Validation, "no");
    let word = |dialect, status| {
        let body: Value = serde_json::from_slice(&error_body(dialect, status, &error, "r", None)).unwrap();
        body["error"]["type"].as_str().unwrap().to_owned()
    };
    let table = [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (408, "server_error", "timeout_error"),
        (413, "invalid_request_error", "request_too_large"),
        (424, "server_error", "api_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
    ];
    for (status, chat, messages) in table {
        assert_eq!(word(Dialect::ChatCompletions, status), chat, "{status}");
        assert_eq!(word(Dialect::Messages, status), messages, "{status}");
    }
}

#[test]
fn a_member_that_stands_twice_is_refused_wherever_it_stands() {
    let twice = [
        (r#"{"model":"m","messages":[],"messages":[{"role":"user","content":"x"}]}"#, None),
        (r#"{"messages":[{"role":"user","role":"assistant","content":"x"}]}"#, Some("messages[0]")),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","te\u0078t":"b"}]}]}"#,
            Some("messages[0].content[0]"),
        ),
        (r#"{"messages":[{"role":"user","content":null,"content":"x"}]}"#, Some("messages[0]")),
    ];
    for (body, path) in twice {
        let error = openai_chat::translate(body.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("duplicate field"), "{body}: {error:?}");
        assert_eq!(error.param.as_deref(), path, "{body}");
    }
    let claude =
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}],"max_tokens":9}"#;
    let error = anthropic::translate(claude.as_bytes(), &[]).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("messages[0].content[0]"), "{error:?}");
}

#[test]
fn refusals_name_the_member() {
    let chat = |body: Value| openai_chat::translate(&serde_json::to_vec(&body).unwrap()).unwrap_err();
    let remote = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]});
    let error = chat(remote);
    assert_eq!(error.param.as_deref(), Some("messages[0].content[0].image_url.url"));
    assert!(error.text.hint().unwrap().contains("base64"));
    let error = chat(json!({"model": "m", "messages": [{"role": "user", "content": 7}]}));
    assert_eq!(error.param.as_deref(), Some("messages[0].content"));
    assert_eq!(chat(json!({"model": "m", "messages": []})).param.as_deref(), Some("messages"));
    assert_eq!(
        chat(json!({"model": "m", "messages": [{"role": "user"}], "n": 2})).param.as_deref(),
        Some("n")
    );
    let body =
        serde_json::to_vec(&json!({"model": "m", "messages": [{"role": "user", "content": "x"}]})).unwrap();
    assert_eq!(anthropic::translate(&body, &[]).unwrap_err().param.as_deref(), Some("max_tokens"));
    let rendered: Value = serde_json::from_slice(&error.body(Dialect::ChatCompletions, "r")).unwrap();
    assert_eq!(rendered["error"]["param"], "messages[0].content");
}

#[test]
fn an_envelope_keeps_every_byte_of_every_value() {
    let body = r#"{ "model":"x","messages":[ {"role":"user", "content":"a\u0062  é" } ],"n":1.50e2,"stream":true ,"max_tokens":10 , "anthropic_beta":["one"]}"#;
    let relayed = envelope::relay_messages(body.as_bytes(), &["two, one", "three"]).unwrap();
    assert_eq!(
        String::from_utf8(relayed).unwrap(),
        r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["one","two","three"],"messages":[ {"role":"user", "content":"a\u0062  é" } ],"n":1.50e2,"max_tokens":10}"#
    );
    let versioned = envelope::relay_messages(br#"{"anthropic_version":"x","max_tokens":1}"#, &[]).unwrap();
    assert_eq!(versioned, br#"{"anthropic_version":"x","max_tokens":1}"#);
    assert_eq!(
        envelope::relay_messages(br#"{"model":"x"}"#, &[]).unwrap_err().param.as_deref(),
        Some("max_tokens")
    );
}

#[test]
fn native_answers_state_their_usage() {
    let claude = br#"{"usage":{"input_tokens":3,"output_tokens":4,"cache_read_input_tokens":5,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":6}}}"#;
    let usage = envelope::invoke_usage(claude).unwrap();
    assert_eq!(usage.total_tokens, 19);
    let counts = usage.token_counts();
    assert_eq!(
        (counts.input, counts.output, counts.cache_read, counts.cache_write_5m, counts.cache_write_1h),
        (3, 4, 5, 1, 6)
    );
    let nova =
        envelope::invoke_usage(br#"{"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7}}"#).unwrap();
    assert_eq!((nova.input_tokens, nova.output_tokens), (3, 4));
    let llama =
        envelope::invoke_usage(br#"{"generation":"x","prompt_token_count":3,"generation_token_count":4}"#)
            .unwrap();
    assert_eq!(llama.total_tokens, 7);
    assert_eq!(envelope::invoke_usage(br#"{"embedding":[1]}"#), None);
    assert_eq!(envelope::invoke_usage(b"no JSON"), None);
}

fn chunk(event: &str) -> Vec<u8> {
    serde_json::to_vec(&json!({"bytes": STANDARD.encode(event), "p": "abc"})).unwrap()
}

#[test]
fn a_relay_passes_bytes_on_and_remembers() {
    let start = r#"{"type":"message_start","message":{"model":"claude-x","usage":{"input_tokens":9,"cache_read_input_tokens":2,"output_tokens":1}}}"#;
    let delta =
        "{\"type\": \"content_block_delta\",\n \"delta\":{\"type\":\"text_delta\",\"text\":\"a\\n\"}}";
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":33}}"#;
    let stop = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":33}}"#;
    let mut writer = anthropic::RelayWriter::new();
    let mut out = BytesMut::new();
    for event in [start, delta, end] {
        writer.chunk(&chunk(event), &mut out).unwrap();
    }
    assert!(writer.finish(&mut out).is_err());
    writer.chunk(&chunk(stop), &mut out).unwrap();
    writer.finish(&mut out).unwrap();
    let events = sse::Reader::default().push(&out);
    let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, [start, delta, end, stop]);
    assert_eq!(events[1].name.as_deref(), Some("content_block_delta"));
    let usage = writer.usage().unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens), (9, 33, Some(2)));
    assert_eq!(writer.stop_reason(), Some("end_turn"));
    assert!(writer.chunk(br#"{"bytes":"not base64!"}"#, &mut out).is_err());
    assert!(writer.chunk(&chunk("[]"), &mut out).is_err());
}

#[test]
fn a_cut_stream_is_an_error_and_never_a_quiet_end() {
    let events = [
        ("messageStart", r#"{"role":"assistant"}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hel"}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
    ];
    for length in 0..=events.len() {
        let mut chat = openai_chat::StreamWriter::new(heard::answer(), true);
        let mut messages = anthropic::StreamWriter::new(heard::answer());
        let (mut chat_out, mut messages_out) = (BytesMut::new(), BytesMut::new());
        for (kind, payload) in &events[..length] {
            let event = StreamEvent::parse(kind, payload.as_bytes()).unwrap();
            chat.event(&event, &mut chat_out);
            messages.event(&event, &mut messages_out);
        }
        let stopped = length == events.len();
        let truncated = Truncated { stopped, metadata: false };
        assert_eq!(chat.finish(&mut chat_out), Err(truncated));
        assert_eq!(messages.finish(&mut messages_out), Err(truncated));
        let error = BedrockError::from(truncated);
        chat.error(&error, &mut chat_out);
        messages.error(&error, "request", &mut messages_out);
        let chat_out = String::from_utf8(chat_out.to_vec()).unwrap();
        assert!(
            !chat_out.contains("[DONE]")
                && chat_out
                    .contains(r#"data: {"error":{"message":"the answer from Bedrock did not arrive whole"#)
        );
        let messages_out = String::from_utf8(messages_out.to_vec()).unwrap();
        assert!(
            !messages_out.contains("message_stop")
                && messages_out.contains("event: error\ndata: {\"type\":\"error\"")
        );
    }
}

#[test]
fn every_stop_reason_has_its_word() {
    let table = [
        ("end_turn", "stop", "end_turn"),
        ("tool_use", "tool_calls", "tool_use"),
        ("max_tokens", "length", "max_tokens"),
        ("stop_sequence", "stop", "stop_sequence"),
        ("guardrail_intervened", "content_filter", "refusal"),
        ("content_filtered", "content_filter", "refusal"),
        ("malformed_model_output", "error", "malformed_model_output"),
        ("malformed_tool_use", "error", "malformed_tool_use"),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
    ];
    for (reason, chat, messages) in table {
        let body = json!({"output": {"message": {"role": "assistant", "content": []}}, "stopReason": reason, "usage": {}});
        let response = || serde_json::from_value(body.clone()).unwrap();
        let rendered: Value =
            serde_json::from_slice(&openai_chat::render_response(response(), &heard::answer())).unwrap();
        assert_eq!(rendered["choices"][0]["finish_reason"], chat);
        assert_eq!(rendered["choices"][0]["native_finish_reason"], reason);
        let rendered: Value =
            serde_json::from_slice(&anthropic::render_response(response(), &heard::answer())).unwrap();
        assert_eq!(rendered["stop_reason"], messages);
    }
}

#[test]
fn rewritten_tool_names_are_put_back() {
    let mut answer = heard::answer();
    answer.names.insert("mcp_read".into(), "mcp/read".into());
    let events = [
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"mcp_read"}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    ];
    let mut chat = openai_chat::StreamWriter::new(answer.clone(), false);
    let mut messages = anthropic::StreamWriter::new(answer.clone());
    let mut out = BytesMut::new();
    for (kind, payload) in events {
        let event = StreamEvent::parse(kind, payload.as_bytes()).unwrap();
        chat.event(&event, &mut out);
        messages.event(&event, &mut out);
    }
    let body = json!({"output": {"message": {"role": "assistant", "content": [
        {"toolUse": {"toolUseId": "t", "name": "mcp_read", "input": {}}}]}}, "stopReason": "tool_use"});
    out.extend_from_slice(&openai_chat::render_response(
        serde_json::from_value(body.clone()).unwrap(),
        &answer,
    ));
    out.extend_from_slice(&anthropic::render_response(serde_json::from_value(body).unwrap(), &answer));
    let out = String::from_utf8(out.to_vec()).unwrap();
    assert_eq!(out.matches(r#""name":"mcp/read""#).count(), 4);
    assert!(!out.contains("mcp_read"));
}

#[test]
fn depth_and_number_are_no_way_in() {
    let messages = |content: String| {
        format!(r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":{content}}}]}}"#)
    };
    let open = r#"[{"type":"tool_result","tool_use_id":"t","content":"#;
    let nested = messages(format!("{}[]{}", open.repeat(50_000), "}]".repeat(50_000)));
    assert!(Head::read(nested.as_bytes()).is_ok());
    assert!(anthropic::translate(nested.as_bytes(), &[]).is_err());
    let brackets = messages(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert!(anthropic::translate(brackets.as_bytes(), &[]).is_err());
    assert!(openai_chat::translate(brackets.as_bytes()).is_err());

    let pdf = r#"{"type":"document","title":"a","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQ="}}"#;
    let many = messages(format!("[{}]", vec![pdf; 20_000].join(",")));
    let translated = anthropic::translate(many.as_bytes(), &[]).unwrap();
    crate::lint::check(&family::apply(translated, None).request);

    let members: Vec<String> = (0..50_000).map(|index| format!("\"x\\n{index}\":1")).collect();
    let unknown =
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{}}}"#, members.join(","));
    let chat = openai_chat::translate(unknown.as_bytes()).unwrap();
    assert_eq!(chat.translated.notices.iter().count(), Notices::MOST + 1);
    assert!(chat.translated.notices.iter().all(|notice| !notice.to_string().contains('\n')));
}

#[test]
fn a_person_cannot_say_what_bedrock_should_fetch() {
    let turn = |role: &str| {
        let block = json!({"type": "bedrock_block", "block": {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://secret/x"}}}}});
        let body = json!({"model": "m", "max_tokens": 1, "messages": [{"role": role, "content": [block]}]});
        anthropic::translate(&serde_json::to_vec(&body).unwrap(), &[])
    };
    assert_eq!(turn("user").unwrap_err().param.as_deref(), Some("messages[0].content[0].type"));
    assert!(turn("assistant").is_ok());
}
