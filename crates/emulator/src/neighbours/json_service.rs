//! What services with a JSON interface (`X-Amz-Target`) have in common: CloudWatch Logs, Service Quotas.

use http::{HeaderName, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::refusal::{EXPIRED, MISMATCH, Refused, UNKNOWN_KEY};
use crate::exchange::Call;
use crate::reply::{Payload, Reply};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The operation that a request names after the service's prefix; empty when it names none.
pub(super) fn operation<'a>(call: &'a Call<'_>, prefix: &str) -> &'a str {
    let target = call.head.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    target.and_then(|target| target.strip_prefix(prefix)).unwrap_or_default()
}

/// Reads the input; an empty body is an empty one.
///
/// # Errors
/// `SerializationException`.
pub(super) fn read<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refused> {
    serde_json::from_slice(if call.body.is_empty() { b"{}" } else { call.body })
        .map_err(|error| Refused::new(400, "SerializationException", error.to_string()))
}

/// An output.
pub(super) fn answer(value: &Value) -> Reply {
    reply(StatusCode::OK, value)
}

/// An output without members.
pub(super) fn nothing() -> Reply {
    Reply::new(StatusCode::OK, CONTENT_TYPE, Payload::Whole(bytes::Bytes::new()))
}

/// An operation that is not served.
pub(super) fn unknown_operation() -> Refused {
    Refused::new(400, "UnknownOperationException", "")
}

/// A refusal in the protocol's shape, under the names it has for what others call differently.
pub(super) fn refusal(refused: &Refused) -> Reply {
    let (status, code) = match refused.code.as_ref() {
        UNKNOWN_KEY => (400, "UnrecognizedClientException"),
        MISMATCH => (400, "InvalidSignatureException"),
        EXPIRED => (400, "ExpiredTokenException"),
        "IncompleteSignature" => (400, "IncompleteSignatureException"),
        "MissingAuthenticationToken" => (400, "MissingAuthenticationTokenException"),
        code => (refused.status, code),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = reply(status, &json!({ "__type": code, "message": refused.message }));
    if let Ok(code) = HeaderValue::from_str(code) {
        reply.headers.push((HeaderName::from_static("x-amzn-errortype"), code));
    }
    reply
}

fn reply(status: StatusCode, value: &Value) -> Reply {
    Reply::new(status, CONTENT_TYPE, Payload::Whole(value.to_string().into()))
}
