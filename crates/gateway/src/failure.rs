//! Why a request failed, and how each dialect says so.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use outcrop_bedrock::{CredentialsError, EndpointError, SendError, ServiceError, diagnosis};
use outcrop_catalog::{Catalog, Resolution, ResolveError};
use outcrop_texts::{self as texts, Text};
use outcrop_wire::bedrock::{BedrockError, ErrorKind};
use outcrop_wire::dialect::{Dialect, RequestError, error_body, said_with_hint, with_hint};

use crate::lane::{Answer, Call};
use crate::reply::{AWS_REQUEST_ID, ReplyBody, was_lost};
use crate::router::Unroutable;
use crate::state::RouteError;

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: BedrockError,
    pub(crate) hint: Option<String>,
    /// AWS's own answer, handed on as it came where the client speaks Bedrock.
    pub(crate) upstream: Option<Box<ServiceError>>,
    /// What the dialect refuses, with the member at fault.
    request: Option<Box<RequestError>>,
    /// Nothing was generated, and another target may do better.
    pub(crate) elsewhere: bool,
    /// AWS spoke the client's own dialect, so that its words can be handed on.
    in_clients_words: bool,
    /// AWS refused, and not the gateway.
    by_aws: bool,
    /// What the gateway says of the route it took.
    pub(crate) disclosed: Box<HeaderMap>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, text: Text) -> Self {
        let failure = Self::from(BedrockError::new(kind, text.message()));
        Self { hint: text.hint().map(str::to_owned), ..failure }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.error.status = status;
        self
    }

    pub(crate) fn with_hint(self, hint: Text) -> Self {
        Self { hint: Some(hint.message().to_owned()), ..self }
    }

    /// AWS refused in words: another target may do better where this one lacks capacity.
    pub(crate) fn refused(error: BedrockError) -> Self {
        let (hint, elsewhere) = (diagnosis::hint(&error), lacks_capacity(&error));
        Self { hint, elsewhere, by_aws: true, ..error.into() }
    }

    /// The same without what we say of it, for a client that is handed AWS's own words.
    pub(crate) fn in_aws_words_alone(self) -> Self {
        Self { hint: None, ..self }
    }

    /// Names the request as AWS does in the head of its answer.
    pub(crate) fn of_answer(mut self, head: &HeaderMap) -> Self {
        if let Some(id) = head.get(AWS_REQUEST_ID) {
            self.disclosed.insert(AWS_REQUEST_ID, id.clone());
        }
        self
    }

    /// The failure of this call: an endpoint that speaks the client's dialect has said it in the client's words already, one
    /// that was asked in another language has said it in words that are nothing to the client.
    pub(crate) fn said_in(mut self, call: &Call) -> Self {
        self.in_clients_words = matches!(call.answer, Answer::Relayed(_));
        if let (true, Some(upstream)) = (call.is_foreign(), &mut self.upstream) {
            upstream.body = Bytes::new();
        }
        self
    }

    /// Whether it tells of the target's health, rather than of the request.
    pub(crate) fn is_of_the_target(&self) -> bool {
        self.elsewhere || was_lost(&self.error)
    }

    /// A caller that is not let in: 401 where clients know that status, AWS's 403 where they speak Bedrock.
    pub(crate) fn denied(self, dialect: Dialect) -> Self {
        if dialect == Dialect::Bedrock { self } else { self.with_status(401) }
    }

    /// AWS refusing *our* credentials is no fault of a client that does not speak Bedrock.
    fn status(&self, dialect: Dialect) -> StatusCode {
        if self.by_aws && is_of_our_credentials(&self.error) && dialect != Dialect::Bedrock {
            return StatusCode::BAD_GATEWAY;
        }
        // AWS's own status for its name: AWS's SDKs send a 502 again, which would be billed again.
        if dialect == Dialect::Bedrock
            && was_lost(&self.error)
            && self.error.kind == ErrorKind::ModelStreamError
        {
            return StatusCode::FAILED_DEPENDENCY;
        }
        match self.error.status {
            // A redirect, of somebody on the way: whoever asks AWS gets an answer or an error.
            ..400 => StatusCode::BAD_GATEWAY,
            status => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The answer in the client's own dialect.
    pub(crate) fn response(self, dialect: Dialect, request_id: &str) -> Response<ReplyBody> {
        let status = self.status(dialect);
        let mut headers = *self.disclosed;
        let mut body = None;
        if let Some(upstream) = self.upstream {
            hand_on(&upstream.headers, &mut headers);
            if dialect != Dialect::Bedrock {
                pass_on_delay(&mut headers);
            }
            if dialect == Dialect::Bedrock && !upstream.body.is_empty() {
                body = Some(upstream.body);
            } else if self.in_clients_words && status.as_u16() == self.error.status {
                body = said_with_hint(&upstream.body, self.hint.as_deref());
            }
        }
        if body.is_none() {
            let rendered = match &self.request {
                Some(request) => request.body(dialect, request_id),
                None => error_body(dialect, status.as_u16(), &self.error, request_id, self.hint.as_deref()),
            };
            body = Some(Bytes::from(rendered));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if generated_perhaps(&self.error) {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if dialect == Dialect::Bedrock
            && let Ok(name) = HeaderValue::try_from(self.error.kind.name())
        {
            headers.entry(ERROR_TYPE).or_insert(name);
        }
        let mut response = Response::new(ReplyBody::whole(body.unwrap_or_default()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// What a client is told within a stream of an error that AWS told of, or of an answer that was lost: an event has one place
/// for all that is said.
pub(crate) fn told_in_stream(error: &BedrockError, dialect: Dialect) -> BedrockError {
    let mut told = error.clone();
    if was_lost(error) {
        return told;
    }
    if let Some(hint) = diagnosis::hint(error) {
        told.message = with_hint(&error.message, &hint);
    }
    if is_of_our_credentials(error) && dialect != Dialect::Bedrock {
        told.status = StatusCode::BAD_GATEWAY.as_u16();
    }
    told
}

/// AWS refuses who we are, or how we signed.
fn is_of_our_credentials(error: &BedrockError) -> bool {
    matches!(
        error.kind,
        ErrorKind::UnrecognizedClient
            | ErrorKind::InvalidSignature
            | ErrorKind::ExpiredToken
            | ErrorKind::IncompleteSignature
            | ErrorKind::MissingAuthenticationToken
    )
}

/// Nothing was generated, for want of capacity or for a fault of the service.
fn lacks_capacity(error: &BedrockError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Throttling
            | ErrorKind::ModelNotReady
            | ErrorKind::ServiceUnavailable
            | ErrorKind::InternalServer
            | ErrorKind::ServiceQuotaExceeded
    )
}

/// Whether Bedrock may have generated an answer, and billed it, that nobody got: to send the request again pays twice.
fn generated_perhaps(error: &BedrockError) -> bool {
    was_lost(error) || error.kind == ErrorKind::ModelTimeout
}

/// What OpenAI's and Anthropic's SDKs obey before they look at the status.
const SHOULD_RETRY: &str = "x-should-retry";
const ERROR_TYPE: &str = "x-amzn-errortype";

/// Copies what a client of AWS reads; hop-by-hop headers and the length are ours.
pub(crate) fn hand_on(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        let text = name.as_str();
        let wanted = text.starts_with("x-amz") || name == header::CONTENT_TYPE || name == header::RETRY_AFTER;
        if wanted {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Names the request to those who look for it: by our own name, and by the one that the dialect's SDKs read where upstream
/// has not given it already.
pub(crate) fn name_request(dialect: Dialect, id: HeaderValue, headers: &mut HeaderMap) {
    let name = match dialect {
        Dialect::ChatCompletions | Dialect::Responses => OPENAI_REQUEST_ID,
        Dialect::Messages => ANTHROPIC_REQUEST_ID,
        Dialect::Bedrock => AWS_REQUEST_ID,
    };
    headers.entry(name).or_insert_with(|| id.clone());
    headers.insert(OUR_REQUEST_ID, id);
}

const OPENAI_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const OUR_REQUEST_ID: HeaderName = HeaderName::from_static("outcrop-request-id");

/// AWS may say in milliseconds when to come back (`x-amz-retry-after`). Both SDKs read `retry-after-ms`, every client
/// `retry-after`, in whole seconds.
fn pass_on_delay(headers: &mut HeaderMap) {
    let said = headers.get("x-amz-retry-after").and_then(|value| value.to_str().ok());
    let Some(millis) = said.and_then(|value| value.parse::<u64>().ok()) else { return };
    headers.entry("retry-after-ms").or_insert(millis.into());
    headers.entry(header::RETRY_AFTER).or_insert(millis.div_ceil(1000).into());
}

impl From<BedrockError> for Failure {
    fn from(error: BedrockError) -> Self {
        Self {
            error,
            hint: None,
            upstream: None,
            request: None,
            elsewhere: false,
            in_clients_words: false,
            by_aws: false,
            disclosed: Box::default(),
        }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let failure = Self::new(ErrorKind::Validation, error.text.clone());
        Self { request: Some(Box::new(error)), ..failure }
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Resolve(ResolveError::Unknown(text)) => Self::new(ErrorKind::ResourceNotFound, text),
            RouteError::Resolve(ResolveError::Residency(refused)) => {
                Self::new(ErrorKind::AccessDenied, refused.text)
            }
            RouteError::Endpoint(EndpointError { url, why }) => {
                Self::new(ErrorKind::Validation, texts::endpoint_unusable(url, why))
            }
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Service(service) => {
                Self { upstream: Some(service.clone()), ..Self::refused(service.error) }
            }
            SendError::Credentials(error) => Self::of_credentials(&error),
            SendError::Connect { host, why } => Self::unreached(texts::no_connection(host, why)),
            SendError::Untrusted { host, why } => Self::unreached(texts::untrusted(host, why)),
            SendError::Broken { host, why } => {
                Self::new(ErrorKind::ServiceUnavailable, texts::broken(host, why))
            }
            SendError::Timeout { host } => Self::new(ErrorKind::ModelTimeout, texts::no_answer(host)),
            SendError::Abandoned => Self::new(ErrorKind::Validation, texts::CLIENT_LEFT),
            SendError::Unsendable(why) => Self::new(ErrorKind::Validation, texts::unsendable(why)),
        }
    }
}

impl Failure {
    /// AWS does not know a model that the catalog does not know either: the hint is what was probably meant.
    pub(crate) fn name_what_was_meant(&mut self, catalog: &Catalog, resolution: &Resolution) {
        let is_unknown = matches!(self.error.kind, ErrorKind::Validation | ErrorKind::ResourceNotFound)
            && self.error.message.contains("identifier is invalid");
        if is_unknown && resolution.model.is_none() {
            let meant = catalog.suggestion(&resolution.target, &resolution.source_region);
            self.hint = meant.map(|meant| meant.to_string()).or(self.hint.take());
        }
    }

    /// Nothing was sent.
    fn unreached(text: Text) -> Self {
        Self { elsewhere: true, ..Self::new(ErrorKind::ServiceUnavailable, text) }
    }

    fn of_credentials(error: &CredentialsError) -> Self {
        let text = match error {
            CredentialsError::None { why } => texts::no_credentials(why),
            CredentialsError::Unusable { which } => texts::credentials_unusable(which),
            CredentialsError::Empty { which } => texts::credentials_empty(which),
        };
        Self::new(ErrorKind::UnrecognizedClient, text.with_hint(texts::GIVE_CREDENTIALS)).with_status(500)
    }
}

impl From<Unroutable> for Failure {
    fn from(unroutable: Unroutable) -> Self {
        match unroutable {
            Unroutable::Path => Self::new(ErrorKind::UnknownOperation, texts::NO_PATH),
            Unroutable::Method(allowed) => {
                let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
                let failure = Self::new(ErrorKind::UnknownOperation, texts::other_method(names.join(" or ")));
                let mut failure = failure.with_status(405);
                if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
                    failure.disclosed.insert(header::ALLOW, names);
                }
                failure
            }
        }
    }
}
