//! What goes wrong, as AWS answers it: status, `x-amzn-errortype`, `{"message": …}`.

use http::{HeaderValue, StatusCode};
use outcrop_wire::bedrock::{BedrockError, ErrorKind};
use serde_json::json;

use crate::reply::{Payload, Reply};

/// An error answer. Boxed where it travels, because it is rare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: BedrockError,
    /// The body where it differs from `{"message": …}`.
    body: Option<String>,
    /// When the caller is asked to come back, in milliseconds.
    pub(crate) retry_after: Option<u64>,
}

impl Failure {
    /// An error of the given kind, in AWS's words.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { error: BedrockError::new(kind, message), body: None, retry_after: None }
    }

    /// 400 ValidationException.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    /// 404 ResourceNotFoundException.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourceNotFound, message)
    }

    /// What AWS answers to a wrong API key: the member is `Message`, with a capital.
    pub(crate) fn wrong_api_key() -> Self {
        const TEXT: &str = "Authentication failed: Please make sure your API Key is valid.";
        Self {
            error: BedrockError::new(ErrorKind::AccessDenied, TEXT),
            body: Some(json!({ "Message": TEXT }).to_string()),
            retry_after: None,
        }
    }

    /// The HTTP answer.
    pub(crate) fn into_reply(self) -> Reply {
        let status = StatusCode::from_u16(self.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.body.unwrap_or_else(|| self.error.body());
        let mut reply = Reply::new(status, "application/json", Payload::Whole(body.into()));
        let error_type = format!("{}:{}", self.error.kind.name(), namespace(&self.error.kind));
        if let Ok(value) = HeaderValue::from_str(&error_type) {
            reply.headers.push((http::HeaderName::from_static("x-amzn-errortype"), value));
        }
        match self.retry_after {
            // AWS's own header, which AWS's SDKs obey (reference `reliability.md` §0.6).
            Some(millis) => reply.with_number("x-amz-retry-after", millis),
            None => reply,
        }
    }
}

impl From<BedrockError> for Failure {
    fn from(error: BedrockError) -> Self {
        Self { error, body: None, retry_after: None }
    }
}

/// The part of `x-amzn-errortype` after the name. Recorded: errors of access come from the layer below Bedrock.
fn namespace(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature
        | ErrorKind::UnrecognizedClient
        | ErrorKind::ExpiredToken
        | ErrorKind::MissingAuthenticationToken
        | ErrorKind::IncompleteSignature
        | ErrorKind::Serialization
        | ErrorKind::UnknownOperation => "http://internal.amazon.com/coral/com.amazon.coral.service/",
        _ => "http://internal.amazon.com/coral/com.amazon.bedrock/",
    }
}
