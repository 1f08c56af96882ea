//! A relay that does to the bytes of an answer what networks do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What is done to each answer.
#[derive(Debug, Clone, Copy)]
pub enum Toxic {
    /// After so many bytes nothing comes for so long; then the rest.
    Pause(usize, Duration),
    /// After so many bytes nothing comes until the test gives a permit; then the rest.
    Held(usize, &'static Semaphore),
    /// After an answer's head nothing comes until the test gives a permit; then the rest.
    HeldAtHead(&'static Semaphore),
    /// After so many bytes nothing comes any more.
    Silence(usize),
    /// The first answer is one of a service whose clock is 20 minutes ahead.
    AheadOnce,
}

/// Relays to `upstream`; where it listens.
pub async fn start(upstream: SocketAddr, toxic: Toxic) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lied = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if matches!(toxic, Toxic::AheadOnce) && !lied.swap(true, Ordering::Relaxed) {
                tokio::spawn(async move { lie(&mut client).await });
                continue;
            }
            let (from, to) = client.into_split();
            let (answers, requests) = TcpStream::connect(upstream).await.unwrap().into_split();
            let passed = Arc::new(AtomicUsize::new(0));
            tokio::spawn(forward(from, requests, Arc::clone(&passed)));
            tokio::spawn(backward(answers, to, passed, toxic));
        }
    });
    address
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, passed: Arc<AtomicUsize>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        // Another request: its answer is counted from its own beginning.
        passed.store(0, Ordering::Relaxed);
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

async fn backward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, passed: Arc<AtomicUsize>, toxic: Toxic) {
    let mut limit = match toxic {
        Toxic::Pause(after, _) | Toxic::Held(after, _) | Toxic::Silence(after) => after,
        Toxic::AheadOnce | Toxic::HeldAtHead(_) => usize::MAX,
    };
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let before = passed.fetch_add(read, Ordering::Relaxed);
        if let (Toxic::HeldAtHead(_), 0) = (toxic, before) {
            let end = bytes[..read].windows(4).position(|end| end == b"\r\n\r\n");
            limit = end.expect("a head in one piece") + 4;
        }
        let (now, later) = bytes[..read].split_at(limit.saturating_sub(before).min(read));
        if to.write_all(now).await.is_err() {
            return;
        }
        if !later.is_empty() {
            match toxic {
                Toxic::Pause(_, pause) if before <= limit => tokio::time::sleep(pause).await,
                Toxic::Held(_, permits) | Toxic::HeldAtHead(permits) if before <= limit => {
                    permits.acquire().await.unwrap().forget()
                }
                // The rest is lost; `to` stays open until the gateway has had enough.
                Toxic::Silence(_) => {
                    while let Ok(1..) = from.read(&mut bytes).await {}
                    return;
                }
                Toxic::Pause(..) | Toxic::Held(..) | Toxic::HeldAtHead(_) | Toxic::AheadOnce => {}
            }
            if to.write_all(later).await.is_err() {
                return;
            }
        }
    }
}

async fn lie(client: &mut TcpStream) {
    let mut head = [0; 4096];
    let _ = client.read(&mut head).await;
    let ahead = jiff::Timestamp::now() + Duration::from_secs(20 * 60);
    let date = ahead.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let body = r#"{"message":"Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z (20260101T002000Z - 5 min.)"}"#;
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\nx-amzn-errortype: InvalidSignatureException\r\ndate: {date}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = client.write_all(answer.as_bytes()).await;
}
