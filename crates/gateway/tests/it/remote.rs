//! Pictures by address: refused by default, fetched where an operator lets it, and never from inside a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use outcrop_gateway::{RemoteImages, RequestPolicy};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::rig::{Answer, Plan, Rig};

const NOVA: &str = "amazon.nova-lite-v1:0";
const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";
/// One pixel.
const PNG: &[u8] = include_bytes!("../fixtures/pixel.png");

/// A server of pictures that counts who connects.
struct Pictures {
    address: String,
    connections: Arc<AtomicUsize>,
}

impl Pictures {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let _ = stream.write_all(&answer(&path, &head)).await;
                    if path == "/slow.png" {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                    }
                });
            }
        });
        Self { address, connections }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn answer(path: &str, head: &str) -> Vec<u8> {
    assert!(!head.to_lowercase().contains("authorization"), "{head}");
    let (status, headers, body): (&str, &str, &[u8]) = match path {
        "/a.png" => ("200 OK", "content-type: text/plain", PNG),
        "/moved.png" => ("302 Found", "location: /a.png", b""),
        "/page.png" => ("200 OK", "content-type: image/png", b"<html>not a picture</html>"),
        "/endless.png" => ("200 OK", "x: y", &[0x89; 200_000]),
        "/slow.png" => return b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n\x89PNG".to_vec(),
        _ => ("404 Not Found", "x: y", b"no"),
    };
    let mut out =
        format!("HTTP/1.1 {status}\r\n{headers}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    out.extend_from_slice(body);
    out
}

fn chat(url: &str) -> Value {
    json!({"model": NOVA, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "repeat after me: hello"}, {"type": "image_url", "image_url": {"url": url}}]}]})
}

fn responses(url: &str) -> Value {
    json!({"model": NOVA, "input": [{"role": "user", "content": [
        {"type": "input_text", "text": "repeat after me: hello"}, {"type": "input_image", "image_url": url}]}]})
}

fn messages(model: &str, url: &str) -> Value {
    json!({"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "repeat after me: hello"}, {"type": "image", "source": {"type": "url", "url": url}}]}]})
}

fn each(url: &str) -> [(&'static str, Value); 4] {
    [
        ("/v1/chat/completions", chat(url)),
        ("/v1/responses", responses(url)),
        ("/v1/messages", messages(NOVA, url)),
        ("/v1/messages", messages(CLAUDE, url)),
    ]
}

fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn by_default_nothing_is_fetched_and_the_client_is_told_what_to_do() {
    let rig = Rig::start(Plan::default()).await;
    let pictures = Pictures::start().await;
    for (path, body) in each(&pictures.url("/a.png")) {
        let answer = rig.post(path, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text());
        let message = message(&answer);
        assert!(message.contains("base64") && message.contains("fetch_remote_images"), "{message}");
    }
    assert_eq!(pictures.connections(), 0);
    assert!(rig.bill().await.is_empty());
    rig.stop().await;
}

async fn fetching(hosts: &[&str], networks: &[&str]) -> Rig {
    let remote_images = RemoteImages {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        allow_http: true,
        max_bytes: 100_000,
        timeout: Duration::from_millis(700),
    };
    let requests = RequestPolicy { remote_images: Some(remote_images), ..RequestPolicy::default() };
    Rig::start(Plan { requests, ..Plan::default() }).await
}

#[tokio::test]
async fn an_operator_may_let_it_fetch_in_every_dialect_and_lane() {
    let pictures = Pictures::start().await;
    let rig = fetching(&[&pictures.address], &["127.0.0.0/8"]).await;
    for (path, body) in each(&pictures.url("/a.png")) {
        let answer = rig.post(path, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert!(answer.text().contains("hello"));
        let notices: Vec<_> = answer.headers.get_all("outcrop-notice").iter().collect();
        let told = |notice: &&&http::HeaderValue| {
            notice.to_str().unwrap().contains("bytes of image/png from http://127.0.0.1")
        };
        assert_eq!(notices.iter().filter(told).count(), 1, "{notices:?}");
    }
    assert_eq!(pictures.connections(), 4);
    rig.stop().await;
}

/// A page, an endless one, a slow one, one that is elsewhere, one that is gone: said, and nothing is sent to AWS.
#[tokio::test]
async fn what_is_no_picture_is_refused_in_words() {
    let pictures = Pictures::start().await;
    let rig = fetching(&[&pictures.address], &["127.0.0.0/8"]).await;
    let table = [
        ("/page.png", "it is no PNG"),
        ("/endless.png", "larger than 100000 bytes"),
        ("/slow.png", "within 700 ms"),
        ("/moved.png", "redirects are not followed"),
        ("/gone.png", "answered 404"),
    ];
    for (path, why) in table {
        let answer = rig.post("/v1/chat/completions", chat(&pictures.url(path)).to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert!(message(&answer).contains(why), "{}", message(&answer));
        assert_eq!(answer.json()["error"]["param"], "messages[0].content[1].image_url.url");
    }
    let before = pictures.connections();
    let mut many = chat(&pictures.url("/a.png"));
    let picture = many["messages"][0]["content"][1].clone();
    many["messages"][0]["content"].as_array_mut().unwrap().extend(vec![picture; 20]);
    let answer = rig.post("/v1/chat/completions", many.to_string()).await;
    assert!(message(&answer).contains("no more than 20 pictures"), "{}", answer.text());
    assert_eq!(pictures.connections(), before);
    assert!(rig.bill().await.is_empty());
    rig.stop().await;
}

/// Any public host may be fetched from; a listener on this machine sees nobody, whatever it is called.
#[tokio::test]
async fn nobody_comes_in_by_a_picture() {
    let pictures = Pictures::start().await;
    let port = pictures.address.rsplit_once(':').unwrap().1;
    let any = format!("*:{port}");
    let rig = fetching(&["*", &any], &[]).await;
    let hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[::]",
        "a@127.0.0.1",
        "127.0.0.1.",
        "LocalHost.",
    ];
    for host in hosts {
        for (path, body) in each(&format!("http://{host}:{port}/a.png")) {
            let answer = rig.post(path, body.to_string()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{host}: {}", answer.text());
        }
    }
    assert_eq!(pictures.connections(), 0);
    rig.stop().await;
}
