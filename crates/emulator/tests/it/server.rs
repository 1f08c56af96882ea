//! Listening: both protocols, many clients, a taken port, hostile bytes, a quick start.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use outcrop_emulator::{Config, Emulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Access, authorize, start};
use crate::runtime::{CLAUDE, ask, converse};

#[tokio::test]
async fn http_2_with_prior_knowledge_is_served_beside_http_1() {
    let emulator = start().await;
    let stream = TcpStream::connect(emulator.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async { drop(connection.await) });
    for access in [Access::signed(), Access::Bearer("local")] {
        let body = ask("Repeat after me: over h2").to_string();
        let mut request = Request::post(converse(CLAUDE))
            .header("host", emulator.address.to_string())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.clone())))
            .unwrap();
        authorize(&mut request, body.as_bytes(), emulator.address, &access);
        // On HTTP/2 the host travels as `:authority` alone.
        request.headers_mut().remove("host");
        *request.uri_mut() = format!("http://{}{}", emulator.address, converse(CLAUDE)).parse().unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("over h2"));
    }
}

#[tokio::test]
async fn a_taken_port_says_which_and_what_to_do() {
    let emulator = start().await;
    let error = Emulator::bind(Config { listen: emulator.address, ..Config::default() })
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&emulator.address.to_string()), "{error}");
    assert!(error.contains("hint: another program"), "{error}");
}

#[tokio::test]
async fn hostile_bytes_get_an_answer_or_a_closed_connection_and_hurt_nobody() {
    let emulator = start().await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
    for bytes in [
        &b"\x00\x01\x02\x03"[..],
        b"GET\r\n\r\n",
        b"GET /model/%ff%fe/converse HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /model//converse HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        b"POST /model/x/converse HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n",
        b"POST /model/x/converse HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nab",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense-nonsense-nonsense",
        long.as_bytes(),
    ] {
        let mut stream = TcpStream::connect(emulator.address).await.unwrap();
        // The server may close before it has read all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{bytes:?} left the connection hanging");
    }
    assert_eq!(emulator.post(&converse(CLAUDE), &ask("still there?")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let emulator = start().await;
    let body = vec![b' '; 25 * 1024 * 1024 + 1];
    let mut request = Request::post(converse(CLAUDE))
        .header("host", emulator.address.to_string())
        .body(Full::new(Bytes::from(body.clone())))
        .unwrap();
    authorize(&mut request, b"", emulator.address, &Access::Bearer("local"));
    let answer = emulator.send(request).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn many_clients_at_once_each_get_their_own_answer() {
    let emulator = std::sync::Arc::new(start().await);
    let calls = (0..64).map(|n| {
        let emulator = emulator.clone();
        tokio::spawn(async move {
            let answer =
                emulator.post(&converse(CLAUDE), &ask(&format!("Repeat after me: client {n}"))).await;
            assert_eq!(answer.json()["output"]["message"]["content"][0]["text"], format!("client {n}"));
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn shutdown_ends_serve_though_clients_stay_connected() {
    let emulator =
        Emulator::bind(Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() }).await.unwrap();
    let address = emulator.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(emulator.serve(async { drop(stopped.await) }));
    let _idle = TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), serving).await.expect("serve ends").unwrap();
}

/// A client that trusts the emulator's CA gets h2 and HTTP/1.1, whichever it asks for.
#[tokio::test]
async fn tls_is_spoken_when_asked_for() {
    use outcrop_emulator::tls::{CA_FILE, Tls};

    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::self_made(folder.path(), "127.0.0.1".parse().unwrap()).unwrap();
    let emulator = crate::client::start_with(Config { tls: Some(tls), ..Config::default() }).await;
    assert!(std::fs::read_to_string(folder.path().join(CA_FILE)).unwrap().contains("BEGIN CERTIFICATE"));
    // Clear text is no TLS: the connection ends, and the next one is served all the same.
    for _ in 0..2 {
        let mut stream = TcpStream::connect(emulator.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
}
