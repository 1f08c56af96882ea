//! Proxies, TLS and HTTP versions, over real sockets.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use outcrop_bedrock::{
    Authorities, Client, Credentials, Endpoint, Endpoints, Invocation, Network, Proxies, SendError, Timeouts,
};
use outcrop_linger::tls::{CA_FILE, Tls};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A TLS server that says which HTTP version it was asked in.
struct Secured {
    folder: TempDir,
    port: u16,
}

impl Secured {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let tls = Tls::self_made(folder.path(), [127, 0, 0, 1].into()).unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tls = tls.clone();
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let service = service_fn(|request: Request<Incoming>| async move {
                        let version = format!("{:?}", request.version());
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(version))))
                    });
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { folder, port }
    }

    fn authorities(&self) -> Option<Authorities> {
        let pem = std::fs::read(self.folder.path().join(CA_FILE)).unwrap();
        Some(Authorities::from_pem(&pem).unwrap())
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.port)
    }
}

/// A proxy: tunnels, and hands plain requests on. Keeps the head of each request it was sent.
struct Proxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(password: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Self::serve(stream, password, Arc::clone(&seen)));
            }
        });
        Self { port, heads }
    }

    async fn serve(mut stream: TcpStream, password: Option<&str>, heads: Arc<Mutex<Vec<String>>>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        heads.lock().unwrap().push(head.clone());
        if password.is_some_and(|password| !head.contains(password)) {
            let refused = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refused.as_bytes()).await.unwrap();
            return;
        }
        let mut words = head.split_whitespace();
        if words.next() == Some("CONNECT") {
            let Ok(mut upstream) = TcpStream::connect(words.next().unwrap()).await else { return };
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut upstream).await;
        } else {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nplain";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn ask(network: Network, url: &str) -> Result<String, SendError> {
    let endpoint = Endpoint::parse(url).unwrap();
    let credentials = Credentials::keys("AKIAIOSFODNN7EXAMPLE", "canary-secret", None).unwrap();
    let client = Client::new(credentials, Endpoints { network, ..Endpoints::default() });
    let invocation = Invocation {
        method: Method::POST,
        endpoint: &endpoint,
        region: "us-east-1",
        path: "/model/m/converse",
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    };
    let answer = client.send(&invocation).await?.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(answer.to_vec()).unwrap())
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let secured = Secured::start().await;
    let network = Network { authorities: secured.authorities(), ..Network::default() };
    assert_eq!(ask(network, &secured.url("localhost")).await.unwrap(), format!("{:?}", Version::HTTP_2));
}

#[tokio::test]
async fn https_goes_through_the_tunnel_of_a_proxy_and_shows_it_nothing() {
    let (secured, proxy) = (Secured::start().await, Proxy::start(Some("Basic dXNlcjpwYXNz")).await);
    let url = format!("http://user:pass@127.0.0.1:{}", proxy.port);
    let network = Network {
        proxies: Proxies::new("", "", &url, "").unwrap(),
        authorities: secured.authorities(),
        ..Network::default()
    };
    assert_eq!(ask(network, &secured.url("localhost")).await.unwrap(), "HTTP/2.0");
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with(&format!("CONNECT localhost:{} ", secured.port)), "{heads:?}");
    assert!(!heads[0].to_lowercase().contains("\r\nauthorization"), "{heads:?}");
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_is_told_of_without_one() {
    let (secured, proxy) = (Secured::start().await, Proxy::start(Some("Basic dXNlcjpwYXNz")).await);
    let url = format!("http://someone:canary-password@127.0.0.1:{}", proxy.port);
    let network = Network { proxies: Proxies::new(&url, "", "", "").unwrap(), ..Network::default() };
    let error = ask(network, &secured.url("localhost")).await.unwrap_err();
    assert!(matches!(error, SendError::Connect { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("through the proxy 127.0.0.1:") && text.contains("authorization"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn no_proxy_goes_round_it() {
    let (secured, proxy) = (Secured::start().await, Proxy::start(None).await);
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let network = Network {
        proxies: Proxies::new("", "", &url, "example.com,localhost").unwrap(),
        authorities: secured.authorities(),
        ..Network::default()
    };
    assert_eq!(ask(network, &secured.url("localhost")).await.unwrap(), "HTTP/2.0");
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn plain_http_is_handed_to_a_proxy_on_this_machine() {
    let proxy = Proxy::start(None).await;
    let url = format!("user:pass@127.0.0.1:{}", proxy.port);
    let network = Network { proxies: Proxies::new("", &url, "", "").unwrap(), ..Network::default() };
    assert_eq!(ask(network, "http://127.0.0.1:9").await.unwrap(), "plain");
    let head = proxy.heads().remove(0);
    assert!(head.starts_with("POST http://127.0.0.1:9/model/m/converse HTTP/1.1"), "{head}");
    assert!(head.contains("proxy-authorization: Basic dXNlcjpwYXNz"), "{head}");
}

/// F12: nothing is sent to whoever cannot prove who it is, and it is not tried again.
#[tokio::test]
async fn an_unknown_authority_is_not_believed() {
    let secured = Secured::start().await;
    let error = ask(Network::default(), &secured.url("localhost")).await.unwrap_err();
    assert!(matches!(error, SendError::Untrusted { .. }), "{error:?}");
    assert!(error.to_string().contains("UnknownIssuer") && error.retry_cause().is_none(), "{error}");
}

#[tokio::test]
async fn another_name_is_not_believed() {
    let secured = Secured::start().await;
    let network = Network { authorities: secured.authorities(), ..Network::default() };
    // 127.0.0.2 is this machine too, and not in the certificate.
    let error = ask(network, &secured.url("127.0.0.2")).await.unwrap_err();
    assert!(matches!(error, SendError::Untrusted { .. }), "{error:?}");
}

/// F11: one limit for name, TCP, proxy and TLS together.
#[tokio::test]
async fn a_connection_that_is_never_ready_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let timeouts = Timeouts { connect: Duration::from_millis(50), ..Timeouts::default() };
    let error = ask(Network { timeouts, ..Network::default() }, &url).await.unwrap_err();
    assert!(matches!(&error, SendError::Connect { why, .. } if why.contains("50ms")), "{error:?}");
}

/// F11: a name that nobody has.
#[tokio::test]
async fn a_name_that_does_not_exist_is_told() {
    let error = ask(Network::default(), "https://bedrock.invalid").await.unwrap_err();
    assert!(matches!(error, SendError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_first_byte_that_does_not_come_is_given_up_and_not_asked_for_again() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let timeouts = Timeouts { first_event: Duration::from_millis(50), ..Timeouts::default() };
    let error = ask(Network { timeouts, ..Network::default() }, &url).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { .. }) && error.retry_cause().is_none(), "{error:?}");
}
