//! Signs an invocation, sends it, and tries again where nothing was lost.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use outcrop_texts as texts;
use outcrop_wire::bedrock::{BedrockError, ErrorKind};
use outcrop_wire::xml::Element;

use crate::clock::Clock;
use crate::retry::{Bucket, Cause, MAX_ATTEMPTS};
use crate::sign::sign;
use crate::transport::{Transport, is_untrusted};
use crate::unattended::is_unattended;
use crate::{Auth, Credentials, CredentialsError, Endpoint, Endpoints, Timeouts};

/// One client for all Regions: connections are pooled by address.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    credentials: Credentials,
    endpoints: Endpoints,
    bucket: Bucket,
    clock: Clock,
}

/// One call to AWS, ready but for its signature.
#[derive(Debug, Clone)]
pub struct Invocation<'a> {
    /// `POST` for the runtime.
    pub method: Method,
    /// Where.
    pub endpoint: &'a Endpoint,
    /// The Region of the signature.
    pub region: &'a str,
    /// Path and query, percent-encoded.
    pub path: &'a str,
    /// Headers beside host, date and authorization.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client that authenticates with `credentials`.
    pub fn new(credentials: Credentials, endpoints: Endpoints) -> Self {
        let transport = Transport::new(&endpoints.network);
        Self { transport, credentials, endpoints, bucket: Bucket::default(), clock: Clock::default() }
    }

    /// The same over the same connections, as somebody else.
    #[must_use]
    pub fn acting_as(&self, credentials: Credentials) -> Self {
        let (transport, endpoints) = (self.transport.clone(), self.endpoints.clone());
        Self { transport, credentials, endpoints, bucket: Bucket::default(), clock: Clock::default() }
    }

    /// The credentials it was made with.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The addresses it was made with.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// How long to wait for what it sends.
    pub fn timeouts(&self) -> Timeouts {
        self.endpoints.network.timeouts
    }

    /// Sends; the answer is a success whose body has not been read yet.
    ///
    /// # Errors
    /// [`SendError::Service`] for any other status, with AWS's words; the rest when AWS did not answer.
    pub async fn send(&self, invocation: &Invocation<'_>) -> Result<Response<Incoming>, SendError> {
        self.send_within(invocation, &self.bucket, MAX_ATTEMPTS).await
    }

    /// As [`Client::send`], within the retry budget of a target and with so many attempts.
    ///
    /// # Errors
    /// Those of [`Client::send`].
    pub async fn send_within(
        &self,
        invocation: &Invocation<'_>,
        bucket: &Bucket,
        attempts: u32,
    ) -> Result<Response<Incoming>, SendError> {
        let mut retried = None;
        let mut mended = false;
        for attempt in 1.. {
            let auth = self.credentials.current().await?;
            let error = match self.attempt(invocation, &auth).await {
                Ok(response) => {
                    bucket.refill(retried);
                    return Ok(response);
                }
                Err(error) => error,
            };
            if !mended && self.mends(&error, &auth).await {
                mended = true;
                continue;
            }
            let cause = match error.retry_cause() {
                Some(cause) if attempt < cause.most_attempts().min(attempts) && bucket.take(cause) => cause,
                _ => return Err(error),
            };
            let delay = cause.delay(attempt, error.retry_after());
            tracing::info!(attempt, ?delay, %error, "trying again");
            retried = Some(cause);
            tokio::time::sleep(delay).await;
        }
        unreachable!("the loop ends by returning")
    }

    /// AWS refused who we are or when we signed, so it accepted nothing: whether another signature may do.
    async fn mends(&self, error: &SendError, auth: &Arc<Auth>) -> bool {
        let SendError::Service(refused) = error else { return false };
        match refused.error.kind {
            ErrorKind::ExpiredToken | ErrorKind::UnrecognizedClient => self.credentials.renew(auth).await,
            ErrorKind::InvalidSignature if tells_of_clocks(&refused.error.message) => {
                let date = refused.headers.get(header::DATE).and_then(|date| date.to_str().ok());
                date.is_some_and(|date| self.clock.learn(date))
            }
            _ => false,
        }
    }

    async fn attempt(
        &self,
        invocation: &Invocation<'_>,
        auth: &Auth,
    ) -> Result<Response<Incoming>, SendError> {
        if is_unattended() {
            return Err(SendError::Abandoned);
        }
        let mut request = invocation.request()?;
        sign(&mut request, &invocation.body, auth, invocation.endpoint, invocation.region, self.clock.now())
            .map_err(|error| SendError::Unsendable(error.to_string()))?;
        let patience = self.timeouts().first_event;
        let sent = tokio::time::timeout(patience, self.transport.request(request));
        let response = sent
            .await
            .map_err(|_| SendError::Timeout { host: invocation.endpoint.authority().to_owned() })?
            .map_err(|error| SendError::of(&error, invocation.endpoint))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(SendError::Service(Box::new(ServiceError::read(response).await)))
    }
}

/// AWS's two sentences for a signature of another time.
fn tells_of_clocks(message: &str) -> bool {
    message.contains("Signature expired") || message.contains("Signature not yet current")
}

/// Error bodies are a line; a proxy's page may be more.
const MAX_ERROR_BODY: usize = 256 * 1024;

impl Invocation<'_> {
    fn request(&self) -> Result<Request<Full<Bytes>>, SendError> {
        let uri = self.endpoint.uri(self.path).map_err(|error| SendError::Unsendable(error.to_string()))?;
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct ServiceError {
    /// What AWS says.
    pub error: BedrockError,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Bytes,
}

impl ServiceError {
    async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, MAX_ERROR_BODY).collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(_) => Bytes::new(),
        };
        let error_type = head.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let error = xml_error(head.status.as_u16(), &body)
            .unwrap_or_else(|| BedrockError::from_http(head.status.as_u16(), error_type, &body));
        Self { error, headers: head.headers, body }
    }

    /// AWS's id of the request.
    pub fn request_id(&self) -> Option<&str> {
        self.headers.get("x-amzn-requestid").and_then(|value| value.to_str().ok())
    }
}

/// The error in the XML of S3, IAM and STS; `None` when the body is none.
fn xml_error(status: u16, body: &[u8]) -> Option<BedrockError> {
    let root = body.starts_with(b"<").then(|| Element::parse(std::str::from_utf8(body).ok()?).ok())??;
    let error = if root.name == "Error" { &root } else { root.child("Error")? };
    let kind = ErrorKind::from_wire(error.text_of("Code")?);
    let message = error.text_of("Message").unwrap_or_default().to_owned();
    Some(BedrockError { kind, status, message })
}

/// Why there is no answer to hand on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// AWS answered with an error.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// There is nothing to sign with.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No connection: nothing was sent.
    #[error("{}", texts::no_connection(.host, .why))]
    Connect {
        /// Host and port.
        host: String,
        /// What the network said.
        why: String,
    },
    /// Whoever is there does not prove to be it: nothing was sent, and nothing is sent in the clear instead.
    #[error("{:#}", texts::untrusted(.host, .why))]
    Untrusted {
        /// Host and port.
        host: String,
        /// What is wrong with its certificate.
        why: String,
    },
    /// The connection broke after the request went out.
    #[error("{}", texts::broken(.host, .why))]
    Broken {
        /// Host and port.
        host: String,
        /// What the network said.
        why: String,
    },
    /// No first byte in time.
    #[error("{:#}", texts::no_answer(.host))]
    Timeout {
        /// Host and port.
        host: String,
    },
    /// The client left before anything was sent.
    #[error("{}", texts::CLIENT_LEFT)]
    Abandoned,
    /// The request cannot be written (a header or path that HTTP does not allow).
    #[error("{}", texts::unsendable(.0))]
    Unsendable(String),
}

impl SendError {
    fn of(error: &hyper_util::client::legacy::Error, endpoint: &Endpoint) -> Self {
        let host = endpoint.authority().to_owned();
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            why = cause.to_string();
            source = cause.source();
        }
        match error.is_connect() {
            true if is_untrusted(error) => Self::Untrusted { host, why },
            true => Self::Connect { host, why },
            false => Self::Broken { host, why },
        }
    }

    /// Whether and why another attempt may help.
    pub fn retry_cause(&self) -> Option<Cause> {
        match self {
            Self::Service(service) => Cause::of(&service.error),
            Self::Connect { .. } => Some(Cause::Transient),
            Self::Credentials(_)
            | Self::Untrusted { .. }
            | Self::Broken { .. }
            | Self::Timeout { .. }
            | Self::Abandoned
            | Self::Unsendable(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        let Self::Service(service) = self else { return None };
        let text = |name| service.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if let Some(millis) = text("x-amz-retry-after").and_then(|value| value.parse().ok()) {
            return Some(Duration::from_millis(millis));
        }
        text(header::RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one connection after the other, and hands back the heads of the requests.
    async fn serve(answers: Vec<String>) -> (Endpoint, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let served = tokio::spawn(async move {
            let mut heads = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
                heads.push(String::from_utf8(head).unwrap());
            }
            heads
        });
        (endpoint, served)
    }

    fn refused(kind: &str, message: &str, date: &str) -> String {
        let body = format!("{{\"message\":\"{message}\"}}");
        format!(
            "HTTP/1.1 403 Forbidden\r\nx-amzn-errortype: {kind}\r\ndate: {date}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    const DONE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";

    fn invocation(endpoint: &Endpoint) -> Invocation<'_> {
        Invocation {
            method: Method::GET,
            endpoint,
            region: "us-east-1",
            path: "/x",
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    fn client() -> Client {
        let credentials = Credentials::keys("AKIAIOSFODNN7EXAMPLE", "secret", None).unwrap();
        Client::new(credentials, Endpoints::default())
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_costs_one_more_call() {
        const AWS: &str = "Fri, 01 Jan 2100 12:00:00 GMT";
        let expired = refused("InvalidSignatureException", "Signature expired: a is now earlier than b", AWS);
        let (endpoint, served) = serve(vec![expired, DONE.to_owned(), DONE.to_owned()]).await;
        let client = client();
        for _ in 0..2 {
            client.send(&invocation(&endpoint)).await.unwrap();
        }
        let heads = served.await.unwrap();
        assert!(!heads[0].contains("x-amz-date: 21000101T12"), "{}", heads[0]);
        assert!(heads[1..].iter().all(|head| head.contains("x-amz-date: 21000101T12")), "{heads:?}");
    }

    #[tokio::test]
    async fn keys_that_cannot_be_renewed_are_not_sent_again() {
        let (endpoint, served) = serve(vec![refused("ExpiredTokenException", "expired", "")]).await;
        let error = client().send(&invocation(&endpoint)).await.unwrap_err();
        assert!(
            matches!(&error, SendError::Service(it) if it.error.kind == ErrorKind::ExpiredToken),
            "{error}"
        );
        assert_eq!(served.await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_begun_that_nobody_waits_for() {
        let endpoint = Endpoint::parse("http://127.0.0.1:1").unwrap();
        let sent = crate::unattended(async { client().send(&invocation(&endpoint)).await }).await;
        assert_eq!(sent.err(), Some(SendError::Abandoned));
    }
}
