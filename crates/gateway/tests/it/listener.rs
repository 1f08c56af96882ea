//! The listener among people who do not behave.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Plan, Rig};

/// `OUTCROP_SLOW_SOCKETS=5000` for the figure in docs/performance.md; a test process has 1,024 file handles by default.
fn slow_sockets() -> usize {
    std::env::var("OUTCROP_SLOW_SOCKETS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

async fn connect(rig: &Rig) -> TcpStream {
    TcpStream::connect(rig.gateway.strip_prefix("http://").unwrap()).await.unwrap()
}

#[tokio::test]
async fn slow_sockets_do_not_keep_others_waiting() {
    let rig = Rig::start(Plan::default()).await;
    let mut slow = Vec::new();
    for number in 0..slow_sockets() {
        let mut socket = connect(&rig).await;
        // A third says nothing, a third half a head, a third a head without its body.
        let said: &[u8] = match number % 3 {
            0 => b"",
            1 => b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncont",
            _ => b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
        };
        socket.write_all(said).await.unwrap();
        slow.push(socket);
    }
    let body = json!({"model": rig.profiles[0], "messages": [{"role": "user", "content": "count to 3"}]})
        .to_string();
    for _ in 0..50 {
        assert_eq!(rig.post("/v1/chat/completions", body.clone()).await.status, StatusCode::OK);
    }
    assert_eq!(slow.len(), slow_sockets());
}

#[tokio::test]
async fn what_follows_an_ambiguous_request_is_never_run() {
    let rig = Rig::start(Plan::default()).await;
    let mut socket = connect(&rig).await;
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n\
         0\r\n\r\n{smuggled}",
        5 + smuggled.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn two_lengths_and_other_broken_heads_are_refused() {
    let rig = Rig::start(Plan::default()).await;
    let broken = [
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: identity, gzip\r\n\r\nabc",
        "POST /v1/messages HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\nhost : x\r\n\r\n",
        "GARBAGE\r\n\r\n",
    ];
    for head in broken {
        let mut socket = connect(&rig).await;
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_hold_up_the_end() {
    let rig = Rig::start(Plan::default()).await;
    let mut silent = connect(&rig).await;
    let mut closed = [0];
    // Half of what a silent connection is otherwise given, far more than a shutdown takes.
    let ended = tokio::time::timeout(Duration::from_millis(2500), rig.stop());
    ended.await.expect("the gateway ended while a connection was silent");
    assert!(matches!(silent.read(&mut closed).await, Ok(0) | Err(_)));
}

/// Clients keep connections for later and do not notice that the server says good-bye: over HTTP/1.1 they read nothing until their next
/// request, over HTTP/2 they do not even answer. Neither holds up the end; an answer that is under way does, until it is whole.
#[tokio::test]
async fn idle_connections_are_closed_at_once_and_open_answers_finish() {
    let rig = Rig::start(Plan::default()).await;
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut socket = connect(&rig).await;
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        let read = socket.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
        kept.push(socket);
    }
    // The preface and empty SETTINGS (RFC 9113 §3.4), and nothing after them.
    let mut over_h2 = connect(&rig).await;
    over_h2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    over_h2.read_u8().await.unwrap();
    let body = json!({"messages": [{"role": "user", "content": [{"text": "count to 3"}]}]}).to_string();
    let path = format!("/model/{}/converse-stream", rig.profiles[1].replace('/', "%2F"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-outcrop-fault: slow-drip;bytes=32\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut streaming = connect(&rig).await;
    streaming.write_all(head.as_bytes()).await.unwrap();
    streaming.write_all(body.as_bytes()).await.unwrap();
    streaming.readable().await.unwrap();

    let stopping = tokio::spawn(rig.books());
    // Each is closed while the answer goes on, and none of them closes its own side.
    kept.push(over_h2);
    for socket in &mut kept {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(2), socket.read_to_end(&mut rest));
        let _ = closed.await.expect("an idle connection is closed at once");
    }
    let mut answer = Vec::new();
    streaming.read_to_end(&mut answer).await.unwrap();
    let has = |text: &str| answer.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(has("messageStop") && has("metadata") && answer.ends_with(b"0\r\n\r\n"), "it ended whole");
    drop(streaming);
    // Half of what a connection is lingered for.
    tokio::time::timeout(Duration::from_millis(2500), stopping).await.expect("the gateway ended").unwrap();
}
