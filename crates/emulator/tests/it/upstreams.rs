//! A server upstream that answers as OpenAI-compatible ones do, and ones that do not: dead, slow, broken off, garbage.

use std::future::pending;

use outcrop_emulator::{Actor, Config};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::client::{Running, eventually, start_with};
use crate::runtime::{CLAUDE, NOVA, ask, ask_with, converse};

/// A server that sends the same bytes to everybody, whatever is asked; nothing at all when there are none.
struct Fake {
    url: String,
    /// What it was asked.
    asked: mpsc::UnboundedReceiver<String>,
    /// One for each caller that went away before it was answered.
    left: mpsc::UnboundedReceiver<()>,
}

async fn fake(answer: Option<Vec<u8>>) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let ((tell, asked), (leave, left)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (answer, tell, leave) = (answer.clone(), tell.clone(), leave.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !is_whole(&request) {
                    if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                drop(tell.send(String::from_utf8_lossy(&request).into_owned()));
                match answer {
                    Some(bytes) => drop(socket.write_all(&bytes).await),
                    None => {
                        drop(socket.read_u8().await);
                        leave.send(()).unwrap();
                    }
                }
            });
        }
    });
    Fake { url, asked, left }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0_usize)
}

fn http(status: &str, body: &str) -> Option<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Some(format!("{head}{body}").into_bytes())
}

async fn in_front_of(url: &str) -> Running {
    let upstream = Actor::Upstream {
        url: url.to_owned(),
        model: Some("small".to_owned()),
        key: Some("sk-upstream".to_owned()),
    };
    start_with(Config { actor: upstream, seed_profiles: true, ..Config::default() }).await
}

fn said(message: &Value, finish: &str) -> Option<Vec<u8>> {
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish });
    http("200 OK", &json!({ "choices": [choice], "usage": { "completion_tokens": 7 } }).to_string())
}

#[tokio::test]
async fn the_words_come_from_upstream_whole_and_streamed() {
    let mut upstream =
        fake(said(&json!({ "role": "assistant", "content": "a small model says hello" }), "stop")).await;
    let emulator = in_front_of(&upstream.url).await;
    let whole = emulator.post(&converse(NOVA), &ask("hi")).await.json();
    assert_eq!(whole["output"]["message"]["content"], json!([{ "text": "a small model says hello" }]));
    assert_eq!((&whole["stopReason"], &whole["usage"]["outputTokens"]), (&json!("end_turn"), &json!(7)));
    let asked = upstream.asked.recv().await.unwrap();
    assert!(asked.starts_with("POST /v1/chat/completions HTTP/1.1"), "{asked}");
    assert!(
        asked.contains("authorization: Bearer sk-upstream") && asked.contains(r#""model":"small""#),
        "{asked}"
    );
    for path in [format!("/model/{CLAUDE}/converse-stream"), format!("/model/{NOVA}/converse-stream")] {
        let events = emulator.post(&path, &ask("hi")).await.events();
        let pieces = events.iter().filter_map(|(_, event)| event["delta"]["text"].as_str());
        assert_eq!(pieces.collect::<String>(), "a small model says hello");
        assert_eq!(events.last().unwrap().0, "metadata");
    }
}

#[tokio::test]
async fn reasoning_limits_and_filters_of_upstream_are_bedrocks() {
    let thought = json!({ "role": "assistant", "content": "four", "reasoning_content": "two and two" });
    let thinking = json!({
        "inferenceConfig": { "maxTokens": 4096 },
        "additionalModelRequestFields": { "thinking": { "type": "enabled", "budget_tokens": 1024 } },
    });
    for (finish, stop) in
        [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "content_filtered")]
    {
        let upstream = fake(said(&thought, finish)).await;
        let emulator = in_front_of(&upstream.url).await;
        let asked = ask_with("two and two?", thinking.clone());
        let answer =
            emulator.post(&converse("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), &asked).await.json();
        assert_eq!(answer["stopReason"], stop, "{answer}");
        let reasoning = &answer["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"];
        assert_eq!(reasoning["text"], "two and two");
        assert!(reasoning["signature"].is_string());
    }
}

#[tokio::test]
async fn a_server_that_makes_no_sense_is_a_model_error_whole_and_streamed() {
    let broken_off = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\":".to_vec();
    for answer in [
        Some(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        Some(vec![0, 159, 146, 150, 255, 13, 10, 13, 10]),
        Some(Vec::new()),
        Some(broken_off),
        http("200 OK", ""),
        http("200 OK", "<html>hello</html>"),
        http("200 OK", "[]"),
        http("200 OK", "{}"),
        http("200 OK", r#"{"choices": []}"#),
        http("200 OK", r#"{"choices": "many"}"#),
        http("500 Internal Server Error", "out of memory"),
        http("404 Not Found", r#"{"error": {"message": "model 'small' not found"}}"#),
        http("302 Found", ""),
    ] {
        let upstream = fake(answer.clone()).await;
        let emulator = in_front_of(&upstream.url).await;
        let told = answer.as_deref().map(String::from_utf8_lossy);
        for operation in ["converse", "converse-stream"] {
            let failed = emulator.post(&format!("/model/{CLAUDE}/{operation}"), &ask("hi")).await;
            let what = (failed.status.as_u16(), failed.error_type());
            assert_eq!(what, (424, "ModelErrorException"), "{operation}, {told:?}: {:?}", failed.body);
            assert!(!failed.message().contains("sk-upstream"), "{:?}", failed.body);
        }
        let bill = emulator.get("/_emulator/bill").await.json();
        assert_eq!(bill["invocations"], json!([]), "nothing is charged for an answer that never was");
    }
}

#[tokio::test]
async fn odd_members_of_an_answer_are_passed_over() {
    let call = |arguments: Value| json!({ "role": "assistant", "content": null, "tool_calls": [{ "function": { "name": "get_weather", "arguments": arguments } }] });
    let schema = json!({ "type": "object" });
    let tools = json!({ "toolConfig": { "tools": [{ "toolSpec": { "name": "get_weather", "inputSchema": { "json": schema } } }] } });
    for (message, expected) in [
        (call(json!("{\"city\": \"Paris\"}")), json!({ "city": "Paris" })),
        (call(json!("no JSON at all")), json!({})),
        (call(json!(7)), json!({})),
        (json!({ "tool_calls": "none", "content": 7 }), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let upstream = fake(said(&message, "stop")).await;
        let emulator = in_front_of(&upstream.url).await;
        let answer = emulator.post(&converse(NOVA), &ask_with("weather?", tools.clone())).await;
        assert_eq!(answer.status.as_u16(), 200, "{message}: {:?}", answer.body);
        assert_eq!(
            answer.json()["output"]["message"]["content"][0]["toolUse"]["input"],
            expected,
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_slow_server_holds_nobody_else_up_and_is_left_with_its_caller() {
    let mut upstream = fake(None).await;
    let emulator = in_front_of(&upstream.url).await;
    let (path, body) = (converse(NOVA), ask("hi"));
    let waiting = emulator.post(&path, &body);
    tokio::select! {
        answer = waiting => panic!("{:?}", answer.body),
        // Others are served while it waits.
        () = async {
            upstream.asked.recv().await.unwrap();
            eventually(async || emulator.get("/foundation-models").await.status.as_u16() == 200).await;
        } => {}
        () = pending() => {}
    }
    // The caller is gone, and with it the call upstream.
    upstream.left.recv().await.unwrap();
}
