//! Who calls, and in which Region: Signature Version 4 or a Bedrock API key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::sigv4::{self, RequestHead};
use subtle::ConstantTimeEq;

use crate::failure::Failure;
use crate::neighbours::iam::store::Principal;
use crate::neighbours::sessions::{NotTaken, Sessions};
use crate::{ACCOUNT, Keys};

/// A caller that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The Region the call is for.
    pub(crate) region: String,
    /// Who it is.
    pub(crate) principal: Principal,
    /// With an API key, rather than a signature.
    pub(crate) is_bearer: bool,
}

/// The Region of calls with an API key: over one address, nothing else tells it.
const BEARER_REGION: &str = "us-east-1";
/// What short-term keys begin with; a presigned call of `CallWithBearerToken` follows.
const SHORT_TERM: &str = "bedrock-api-key-";
const CALL: &str = "bedrock.amazonaws.com/?";
/// What both services sign with (reference `bedrock.md` §2).
const SERVICE: &str = "bedrock";

/// The time twice, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// The machine's, which the dates of signatures are held against.
    pub(crate) real: i64,
    /// The emulator's, by which sessions end.
    pub(crate) emulated: i64,
}

/// Checks the credentials of a request.
///
/// # Errors
/// AWS's own 403.
pub(crate) fn check(
    keys: &Keys,
    sessions: &Sessions,
    head: &Parts,
    body: &[u8],
    times: Times,
) -> Result<Caller, Failure> {
    if let Some(key) = bearer(head) {
        if let Some(presigned) = key.strip_prefix(SHORT_TERM) {
            return short_term(keys, sessions, presigned, times);
        }
        let known = bool::from(key.as_bytes().ct_eq(keys.bearer.as_bytes()));
        return if known {
            let principal = Principal::User { account: ACCOUNT.to_owned() };
            Ok(Caller { region: BEARER_REGION.to_owned(), principal, is_bearer: true })
        } else {
            Err(Failure::wrong_api_key())
        };
    }
    let signed = RequestHead {
        method: head.method.as_str(),
        raw_path: head.uri.path(),
        raw_query: head.uri.query().unwrap_or(""),
        headers: &head.headers,
        authority: head.uri.authority().map(http::uri::Authority::as_str),
    };
    signed_by(keys, sessions, &signed, body, times)
}

/// A short-term key: a presigned call in base64, good for anything in its Region until it expires. Its form is that of AWS's
/// aws-bedrock-token-generator 1.1.0.
fn short_term(keys: &Keys, sessions: &Sessions, presigned: &str, times: Times) -> Result<Caller, Failure> {
    let decoded = STANDARD.decode(presigned).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let query = decoded.as_deref().and_then(|call| call.strip_prefix(CALL)?.strip_suffix("&Version=1"));
    let is_call = |query: &&str| query.split('&').any(|part| part == "Action=CallWithBearerToken");
    let query = query.filter(is_call).ok_or_else(Failure::wrong_api_key)?;
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("bedrock.amazonaws.com"))]);
    let signed =
        RequestHead { method: "POST", raw_path: "/", raw_query: query, headers: &headers, authority: None };
    let caller = signed_by(keys, sessions, &signed, b"", times)?;
    Ok(Caller { is_bearer: true, ..caller })
}

fn signed_by(
    keys: &Keys,
    sessions: &Sessions,
    signed: &RequestHead<'_>,
    body: &[u8],
    times: Times,
) -> Result<Caller, Failure> {
    let secret_of = |id: &str| sessions.secret_of(keys, id);
    let verified =
        sigv4::verify(signed, body, SERVICE, secret_of, times.real).map_err(|error| error.to_bedrock())?;
    let token = verified.session_token.as_deref();
    let principal =
        sessions.principal(keys, &verified.access_key_id, token, times.emulated).map_err(not_taken)?;
    Ok(Caller { region: verified.region, principal, is_bearer: false })
}

fn not_taken(reason: NotTaken) -> Failure {
    match reason {
        NotTaken::Unknown => {
            let text = "The security token included in the request is invalid.";
            Failure::new(ErrorKind::UnrecognizedClient, text)
        }
        NotTaken::Expired => {
            let text = "The security token included in the request is expired";
            Failure::new(ErrorKind::ExpiredToken, text)
        }
    }
}

/// A Bedrock API key: `Authorization: Bearer …`, and on Anthropic's routes also in Anthropic's own header.
fn bearer(head: &Parts) -> Option<&str> {
    let own = head.headers.get("x-api-key").filter(|_| head.uri.path().starts_with("/anthropic/"));
    if let Some(key) = own {
        return key.to_str().ok();
    }
    let value = head.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
