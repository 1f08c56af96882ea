//! What goes wrong is said in the client's own dialect, and a cut stream is never a quiet end.

use bytes::Bytes;
use http::{Method, StatusCode};
use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::{Value, json};

use crate::rig::{Answer, Plan, Rig};

const UNKNOWN: &str = "claude-sonet-4-6";

fn chat(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "count to 30"}]})
        .to_string()
}

fn messages(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "max_tokens": 400, "messages": [{"role": "user", "content": "count to 30"}]})
        .to_string()
}

fn response(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "input": "count to 30"}).to_string()
}

fn invoke() -> String {
    json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 400,
        "messages": [{"role": "user", "content": "count to 30"}]})
    .to_string()
}

fn converse() -> String {
    json!({"messages": [{"role": "user", "content": [{"text": "count to 30"}]}]}).to_string()
}

async fn with_fault(rig: &Rig, path: &str, body: String, fault: &str) -> Answer {
    rig.send(Method::POST, path, &[("x-outcrop-fault", fault)], body).await
}

#[tokio::test]
async fn an_unknown_model_is_named_with_what_was_meant() {
    let rig = Rig::start(Plan::default()).await;
    let answer = rig.post("/v1/chat/completions", chat(UNKNOWN, false)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "model_not_found");
    assert!(error["message"].as_str().unwrap().contains("anthropic.claude-sonnet-4-6"), "{error}");

    let answer = rig.post("/v1/messages", messages(UNKNOWN, false)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"]["type"], "not_found_error");

    let answer = rig.post(&format!("/model/{UNKNOWN}/converse"), converse()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["message"], "The provided model identifier is invalid.");
    assert!(answer.header("x-amzn-errortype").starts_with("ValidationException"));
}

/// AWS's words alone do not help: the identifier has the right form, and only one letter is missing.
#[tokio::test]
async fn a_slip_in_an_identifier_is_named_with_what_was_meant() {
    let rig = Rig::start(Plan::default()).await;
    let answer = rig.post("/v1/chat/completions", chat("us.anthropic.claude-sonet-4-6", false)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("The provided model identifier is invalid."), "{message}");
    assert!(message.contains("did you mean us.anthropic.claude-sonnet-4-6?"), "{message}");
}

#[tokio::test]
async fn broken_requests_are_refused_in_the_dialect() {
    let rig = Rig::start(Plan::default()).await;
    let broken = [
        Bytes::from_static(b""),
        Bytes::from_static(b"{"),
        Bytes::from_static(b"[]"),
        Bytes::from_static(b"null"),
        Bytes::from_static(b"{\"model\": 3}"),
        Bytes::from_static(b"{\"model\": \"\"}"),
        Bytes::from_static(b"{\"model\": \"a\", \"model\": \"b\"}"),
        Bytes::from_static(b"\xff\xfe"),
        Bytes::from(format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        Bytes::from("{\"model\": \"us.amazon.nova-lite-v1:0\", \"messages\": 7, \"max_tokens\": 5}"),
        Bytes::from(
            "{\"model\": \"us.amazon.nova-lite-v1:0\", \"messages\": [{\"role\": \"user\"}], \"max_tokens\": -1}",
        ),
    ];
    for body in broken {
        let answer = rig.post("/v1/chat/completions", body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "{body:?}");
        let answer = rig.post("/v1/messages", body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "{body:?}");
        assert!(!answer.json()["request_id"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_none_are_refused() {
    let rig = Rig::start(Plan::default()).await;
    let cases = [
        (Method::POST, "/v1/completions", 404),
        (Method::GET, "/v1/chat/completions", 405),
        (Method::DELETE, "/v1/messages", 405),
        (Method::POST, "/model/x/destroy", 404),
        (Method::GET, "/../../etc/passwd", 404),
    ];
    for (method, path, status) in cases {
        let answer = rig.send(method, path, &[], "{}").await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.json().is_object(), "{path}");
    }
}

#[tokio::test]
async fn a_body_over_bedrocks_limit_is_refused_before_it_is_read() {
    let rig = Rig::start(Plan::default()).await;
    let answer = rig.post("/v1/messages", vec![b' '; 25_000_001]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"]["type"], "request_too_large");
}

#[tokio::test]
async fn an_exception_in_the_first_frame_has_its_real_status() {
    let rig = Rig::start(Plan::default()).await;
    let (claude, nova) = (&rig.profiles[0], &rig.profiles[1]);
    for (exception, status) in [
        ("ValidationException", 400),
        ("ModelStreamErrorException", 424),
        ("InternalServerException", 500),
        ("ServiceUnavailableException", 503),
        ("ThrottlingException", 429),
    ] {
        let fault = format!("{exception};at=first");
        for (path, body) in [
            ("/v1/chat/completions".to_owned(), chat(nova, true)),
            ("/v1/messages".to_owned(), messages(claude, true)),
            ("/v1/messages".to_owned(), messages(nova, true)),
            ("/v1/responses".to_owned(), response(nova, true)),
            ("/v1/responses".to_owned(), response(claude, true)),
            (format!("/model/{nova}/converse-stream"), converse()),
            (format!("/model/{claude}/invoke-with-response-stream"), invoke()),
        ] {
            let answer = with_fault(&rig, &path, body, &fault).await;
            assert_eq!(answer.status, status, "{path} {exception} {}", answer.text());
            assert!(answer.json().is_object());
        }
    }
}

#[tokio::test]
async fn a_broken_stream_is_an_error_in_every_dialect() {
    let rig = Rig::start(Plan::default()).await;
    let (claude, nova) = (&rig.profiles[0], &rig.profiles[1]);
    for fault in ["cut;at=mid", "bad-crc;at=mid", "missing-metadata", "ThrottlingException;at=mid"] {
        let answer = with_fault(&rig, "/v1/chat/completions", chat(nova, true), fault).await;
        assert_eq!(answer.status, StatusCode::OK);
        let events = answer.events();
        assert!(events.last().unwrap()["error"]["message"].is_string(), "{fault}: {}", answer.text());
        assert!(events.iter().all(|event| event.as_str() != Some("[DONE]")), "{fault}");

        let answer = with_fault(&rig, "/v1/messages", messages(nova, true), fault).await;
        assert_eq!(answer.events().last().unwrap()["type"], "error", "{fault}");
        assert!(answer.text().contains("event: error\n"), "{fault}");

        let answer = with_fault(&rig, &format!("/model/{nova}/converse-stream"), converse(), fault).await;
        assert!(ends_with_exception(&answer), "{fault}");
    }
    for fault in ["cut;at=mid", "bad-crc;at=mid", "ThrottlingException;at=mid"] {
        let answer = with_fault(&rig, "/v1/messages", messages(claude, true), fault).await;
        assert_eq!(answer.lane(), "relay");
        assert_eq!(answer.events().last().unwrap()["type"], "error", "{fault}");

        let body = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 400,
            "messages": [{"role": "user", "content": "count to 30"}]});
        let path = format!("/model/{claude}/invoke-with-response-stream");
        let answer = with_fault(&rig, &path, body.to_string(), fault).await;
        assert!(ends_with_exception(&answer), "{fault}");
    }
}

fn ends_with_exception(answer: &Answer) -> bool {
    let mut decoder = Decoder::default();
    decoder.push(&answer.body);
    let mut last = false;
    while let Some(frame) = decoder.next_frame().unwrap() {
        last = matches!(frame.message(), Message::Exception { .. });
    }
    last && !decoder.has_partial_frame()
}

#[tokio::test]
async fn a_passing_throttle_is_tried_again() {
    let rig = Rig::start(Plan::default()).await;
    let answer = with_fault(
        &rig,
        "/v1/chat/completions",
        chat(&rig.profiles[1], false),
        "ServiceUnavailableException;count=1",
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn on_demand_only_through_a_profile_where_no_profile_serves() {
    let rig = Rig::start(Plan::default()).await;
    let signed = "AWS4-HMAC-SHA256 Credential=X/20260101/me-south-1/bedrock/aws4_request, SignedHeaders=host, Signature=0";
    let headers = [("authorization", signed)];
    let answer =
        rig.send(Method::POST, "/model/anthropic.claude-sonnet-4-6/converse", &headers, converse()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    let notices: Vec<Value> = answer
        .headers
        .get_all("outcrop-notice")
        .iter()
        .map(|notice| notice.to_str().unwrap().into())
        .collect();
    assert!(!notices.is_empty(), "the reason is disclosed");
}

/// An upstream that answers every request with one refusal.
async fn refusing(
    head: &'static str,
    body: &'static str,
) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                if tokio::io::AsyncReadExt::read_buf(&mut stream, &mut seen).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let answer =
                format!("{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
        }
    });
    (address, served)
}

/// Each dialect has the status, AWS's words, when to come back, and the names of the request that its SDKs read.
#[tokio::test]
async fn a_refusal_says_when_to_come_back_and_which_request_it_was() {
    const HEAD: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nx-amzn-requestid: aws-1\r\n\
        x-amzn-errortype: ServiceQuotaExceededException\r\nx-amz-retry-after: 1500";
    let (upstream, served) = refusing(HEAD, r#"{"message":"full"}"#).await;
    let runtime = outcrop_bedrock::Endpoint::parse(&format!("http://{upstream}")).ok();
    let rig = Rig::start(Plan { runtime, ..Plan::default() }).await;
    let claude = "anthropic.claude-sonnet-4-6";
    let response = serde_json::json!({"model": claude, "input": "hi"}).to_string();
    let cases = [
        ("/v1/chat/completions", chat(claude, false), "x-request-id", "/error/message"),
        ("/v1/responses", response, "x-request-id", "/error/message"),
        ("/v1/messages", messages(claude, false), "request-id", "/error/message"),
        ("/model/us.anthropic.claude-sonnet-4-6/converse", converse(), "x-amzn-requestid", "/message"),
    ];
    for (path, body, name, pointer) in cases {
        let answer = rig.post(path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {}", answer.text());
        let said = answer.json().pointer(pointer).unwrap().as_str().unwrap().to_owned();
        assert!(said.starts_with("full"), "{path}: {said}");
        assert_eq!(answer.header("x-amzn-requestid"), "aws-1", "{path}");
        assert!(!answer.header(name).is_empty() && !answer.header("outcrop-request-id").is_empty(), "{path}");
        let delay = (answer.header("retry-after"), answer.header("retry-after-ms"));
        assert_eq!(delay, if name == "x-amzn-requestid" { ("", "") } else { ("2", "1500") }, "{path}");
        assert_eq!(answer.header("x-amz-retry-after"), "1500", "{path}");
    }
    served.abort();
}

/// What an endpoint says in the client's own words stays whole beside our hint.
#[tokio::test]
async fn a_hint_takes_nothing_from_what_an_endpoint_said() {
    const HEAD: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json";
    const SAID: &str = r#"{"error":{"message":"Input is too long for requested model.","type":"invalid_request_error",
        "param":"messages","code":"context_length_exceeded","limit":8192}}"#;
    let (upstream, served) = refusing(HEAD, SAID).await;
    let runtime = outcrop_bedrock::Endpoint::parse(&format!("http://{upstream}")).ok();
    let rig = Rig::start(Plan { runtime, ..Plan::default() }).await;
    let answer = rig.post("/v1/chat/completions", chat("qwen.qwen3-32b", false)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    let mut error = answer.json()["error"].clone();
    let message = error["message"].take();
    let (words, hint) = message.as_str().unwrap().split_once(" (hint: ").unwrap();
    assert_eq!(words, "Input is too long for requested model.");
    assert!(hint.contains("shorten it"), "{hint}");
    let rest = json!({"message": null, "type": "invalid_request_error", "param": "messages",
        "code": "context_length_exceeded", "limit": 8192});
    assert_eq!(error, rest);
    served.abort();
}
