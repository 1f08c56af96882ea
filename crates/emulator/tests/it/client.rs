//! A small client: hyper over a real socket, signed by `aws-sigv4`, decoded by the wire crate.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use outcrop_emulator::{Config, Emulator, Keys};
use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A running emulator; it ends with the value.
pub struct Running {
    pub address: std::net::SocketAddr,
    pub profiles: Vec<outcrop_emulator::SeededProfile>,
    _stop: oneshot::Sender<()>,
}

/// An emulator on a free port with seeded profiles.
pub async fn start() -> Running {
    start_with(Config { seed_profiles: true, ..Config::default() }).await
}

pub async fn start_with(config: Config) -> Running {
    let emulator = Emulator::bind(Config { listen: "127.0.0.1:0".parse().unwrap(), ..config }).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let running =
        Running { address: emulator.local_addr(), profiles: emulator.profiles().to_vec(), _stop: stop };
    tokio::spawn(emulator.serve(async { drop(stopped.await) }));
    running
}

/// How a call proves who it is.
#[derive(Clone)]
pub enum Access {
    Bearer(&'static str),
    Signed {
        keys: Keys,
        region: &'static str,
        time: SystemTime,
    },
    /// Signed now with the usual keys, for another service than Bedrock.
    For {
        service: &'static str,
    },
    /// Signed now with temporary credentials, or another account's keys, for a service.
    As {
        keys: Keys,
        token: Option<String>,
        service: &'static str,
    },
    Nothing,
}

impl Access {
    pub fn signed() -> Self {
        Self::signed_in("us-east-1")
    }

    pub fn signed_in(region: &'static str) -> Self {
        Self::Signed { keys: Keys::default(), region, time: SystemTime::now() }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body ended before it was whole.
    pub is_cut: bool,
    /// In how many pieces it came.
    pub pieces: usize,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    pub fn error_type(&self) -> &str {
        let value = self.headers.get("x-amzn-errortype").map_or("", |value| value.to_str().unwrap());
        value.split(':').next().unwrap()
    }

    /// The events of a stream, each with its type.
    pub fn events(&self) -> Vec<(String, Value)> {
        let mut decoder = Decoder::default();
        decoder.push(&self.body);
        let mut events = Vec::new();
        while let Some(frame) = decoder.next_frame().unwrap() {
            let (name, payload) = match frame.message() {
                Message::Event { event_type, payload } => (event_type, payload),
                Message::Exception { exception_type, payload } => (exception_type, payload),
                Message::Error { code, .. } => panic!("{code}"),
            };
            events.push((name.to_owned(), serde_json::from_slice(payload).unwrap()));
        }
        assert!(self.is_cut || !decoder.has_partial_frame());
        events
    }
}

impl Running {
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body.to_string().as_bytes(), &[], &Access::signed()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, b"", &[], &Access::signed()).await
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
        headers: &[(&str, &str)],
        access: &Access,
    ) -> Answer {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        authorize(&mut request, body, self.address, access);
        self.send(request).await
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        let response = sender.send_request(request).await.unwrap();
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        let (mut is_cut, mut pieces) = (false, 0);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
                    pieces += 1;
                }
                Err(_) => is_cut = true,
            }
        }
        Answer { status: head.status, headers: head.headers, body: bytes.into(), is_cut, pieces }
    }
}

/// Puts credentials on a request.
pub fn authorize(
    request: &mut Request<Full<Bytes>>,
    body: &[u8],
    address: std::net::SocketAddr,
    access: &Access,
) {
    match access {
        Access::Nothing => {}
        Access::Bearer(key) => {
            request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        }
        Access::Signed { keys, region, time } => {
            sign_for(request, body, address, (keys, None), region, "bedrock", *time);
        }
        Access::As { keys, token, service } => {
            let keys = (keys, token.clone());
            sign_for(request, body, address, keys, "us-east-1", service, SystemTime::now());
        }
        Access::For { service } => {
            let keys = Keys::default();
            sign_for(request, body, address, (&keys, None), "us-east-1", service, SystemTime::now());
        }
    }
}

fn sign_for(
    request: &mut Request<Full<Bytes>>,
    body: &[u8],
    address: std::net::SocketAddr,
    (keys, token): (&Keys, Option<String>),
    region: &str,
    service: &str,
    time: SystemTime,
) {
    let identity = Credentials::new(&keys.access_key_id, &keys.secret_access_key, token, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = format!("http://{address}{}", request.uri());
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let signable = SignableRequest::new(
        request.method().as_str(),
        &uri,
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Bytes(body),
    )
    .unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(request);
}

/// Waits until `condition` holds; a test that waits for ever fails after ten seconds.
pub async fn eventually<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("the condition never came true");
}
