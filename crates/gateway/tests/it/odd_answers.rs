//! Answers that AWS would not give: a portal's page, a redirect, an encoding, half an object, silence. Each is an error in the
//! client's dialect, with words, and in the ledger.

use std::net::SocketAddr;

use outcrop_bedrock::Endpoint;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::rig::{Answer, Plan, Rig};
use crate::ways_in::{SURFACES, request};

/// Status line and headers, the body, and the words that tell what was wrong: of an answer, and of a stream.
type Odd = (&'static str, &'static str, [&'static str; 2]);

const LOST: &str = "did not arrive whole";
const ODD: [Odd; 9] = [
    (
        "200 OK\r\ncontent-type: text/html; charset=utf-8",
        "<html>\n\nSign in to the network</html>",
        ["web page"; 2],
    ),
    (
        "200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip",
        "\u{1f}\u{8b}..",
        ["encoded as gzip"; 2],
    ),
    ("200 OK\r\ncontent-type: application/json", "", [LOST; 2]),
    ("200 OK\r\ncontent-type: application/json", "[]", [LOST; 2]),
    ("200 OK\r\ncontent-type: application/json", "{\"output\": {\"mess", [LOST; 2]),
    ("302 Found\r\nlocation: https://portal.invalid/", "", ["AWS answered 302"; 2]),
    ("418 I'm a teapot\r\ncontent-type: text/plain", "short and stout", ["short and stout"; 2]),
    ("500 Internal Server Error", "", ["AWS answered 500"; 2]),
    ("503 Service Unavailable\r\ncontent-type: application/json", "{}", ["AWS answered 503"; 2]),
];

/// Somebody who gives every request the same answer.
async fn somebody(head: &str, body: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer =
        format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !seen.ends_with(b"}") && stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {}
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

/// Every surface, and mantle's models in their own dialects.
fn requests(rig: &Rig, stream: bool) -> Vec<(String, String, String)> {
    let own = |name: &str| name.to_owned();
    let mut all: Vec<_> = SURFACES
        .iter()
        .map(|surface| {
            let (path, body) = request(rig, surface, stream, "hi");
            (own(surface), path, body)
        })
        .collect();
    let turns = json!([{"role": "user", "content": "hi"}]);
    let of = |model: &str| json!({"model": model, "stream": stream, "max_tokens": 99, "messages": turns});
    let response = json!({"model": "openai.gpt-oss-120b", "stream": stream, "store": false, "input": "hi"});
    all.extend([
        (own("chat, handed on"), own("/v1/chat/completions"), of("qwen.qwen3-32b").to_string()),
        (own("responses, handed on"), own("/v1/responses"), response.to_string()),
        (own("messages, handed on"), own("/v1/messages"), of("anthropic.claude-haiku-4-5").to_string()),
        (own("messages→chat"), own("/v1/messages"), of("qwen.qwen3-32b").to_string()),
        (own("chat→messages"), own("/v1/chat/completions"), of("anthropic.claude-haiku-4-5").to_string()),
    ]);
    all
}

/// The message of an error in the shape of the path's dialect.
fn message(path: &str, answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let pointer = if path.starts_with("/model/") { "/message" } else { "/error/message" };
    body.pointer(pointer)?.as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aws_would_not_answer_is_an_error_with_words() {
    let mut wrong = Vec::new();
    for (head, body, words) in ODD {
        let runtime = Endpoint::parse(&format!("http://{}", somebody(head, body).await)).ok();
        let rig = Rig::start(Plan { runtime, ..Plan::default() }).await;
        let mut asked = 0;
        let is_any_json = head == "200 OK\r\ncontent-type: application/json" && !body.is_empty();
        for stream in [false, true] {
            for (name, path, sent) in requests(&rig, stream) {
                // What a model answers to InvokeModel is the model's own affair.
                if name == "invoke" && !stream && is_any_json {
                    continue;
                }
                let answer = rig.post(&path, sent).await;
                asked += 1;
                let said = message(&path, &answer);
                let words = words[usize::from(stream)];
                let is_told = said.as_deref().is_some_and(|said| said.contains(words));
                // AWS's own API gets a body that came with an error's status as it came.
                let as_it_came =
                    path.starts_with("/model/") && !head.starts_with("200") && answer.body == body;
                if answer.status.as_u16() < 400 || !(is_told || as_it_came) {
                    wrong.push(format!(
                        "{head:?} {body:?} {name}, streamed {stream}: {} {}",
                        answer.status,
                        answer.text()
                    ));
                }
            }
        }
        let rows = rig.books().await.rows;
        if rows.len() != asked || rows.iter().any(|row| row.error.is_none() || row.usage == "exact") {
            wrong.push(format!("{head:?} {body:?}: {} rows of {asked}", rows.len()));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// An error that comes as if it were an answer.
#[tokio::test]
async fn an_error_that_comes_with_status_200_is_one() {
    const SAID: &str =
        r#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded", "code": null}}"#;
    let upstream = somebody("200 OK\r\ncontent-type: application/json", SAID).await;
    let runtime = Endpoint::parse(&format!("http://{upstream}")).ok();
    let rig = Rig::start(Plan { runtime, ..Plan::default() }).await;
    for (name, path, sent) in
        requests(&rig, false).into_iter().filter(|(name, ..)| name.contains("handed on"))
    {
        if name.starts_with("responses") {
            continue;
        }
        let answer = rig.post(&path, sent).await;
        assert_eq!(answer.status, 503, "{name} {}", answer.text());
        assert_eq!(
            message(&path, &answer).as_deref().map(|it| it.starts_with("Overloaded")),
            Some(true),
            "{name}"
        );
    }
}

/// An answer as OpenAI has it: it is handed on, and the ledger knows better.
#[tokio::test]
async fn a_response_that_says_it_failed_is_no_success_in_the_ledger() {
    let failed = json!({
        "id": "resp_1", "object": "response", "status": "failed", "output": [],
        "error": {"code": "rate_limit_exceeded", "message": "slow down"},
        "usage": {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7},
    });
    let event = json!({"type": "response.failed", "sequence_number": 0, "response": failed});
    let stream = format!("event: response.failed\ndata: {event}\n\n");
    for (is_stream, kind, body) in
        [(false, "application/json", failed.to_string()), (true, "text/event-stream", stream)]
    {
        let upstream = somebody(&format!("200 OK\r\ncontent-type: {kind}"), &body).await;
        let runtime = Endpoint::parse(&format!("http://{upstream}")).ok();
        let rig = Rig::start(Plan { runtime, ..Plan::default() }).await;
        let asked =
            requests(&rig, is_stream).into_iter().find(|(name, ..)| name.starts_with("responses, handed"));
        let (_, path, sent) = asked.unwrap();
        let answer = rig.post(&path, sent).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, body));
        let rows = rig.books().await.rows;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].error.as_deref(), Some("ThrottlingException"));
    }
}
