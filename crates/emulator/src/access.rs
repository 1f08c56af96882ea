//! Who calls, and in which Region: Signature Version 4 or a Bedrock API key.

use http::request::Parts;
use outcrop_wire::sigv4::{self, RequestHead};
use subtle::ConstantTimeEq;

use crate::Keys;
use crate::failure::Failure;

/// A caller that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The Region the call is for.
    pub(crate) region: String,
}

/// The Region of calls with an API key: over one address, nothing else tells it.
const BEARER_REGION: &str = "us-east-1";
/// What both services sign with (reference `bedrock.md` §2).
const SERVICE: &str = "bedrock";

/// Checks the credentials of a request at the time `now`, in Unix seconds.
///
/// # Errors
/// AWS's own 403.
pub(crate) fn check(keys: &Keys, head: &Parts, body: &[u8], now: i64) -> Result<Caller, Failure> {
    if let Some(key) = bearer(head) {
        let known = bool::from(key.as_bytes().ct_eq(keys.bearer.as_bytes()));
        return if known {
            Ok(Caller { region: BEARER_REGION.to_owned() })
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
    let secret_of = |id: &str| (id == keys.access_key_id).then(|| keys.secret_access_key.clone());
    let verified =
        sigv4::verify(&signed, body, SERVICE, secret_of, now).map_err(|error| error.to_bedrock())?;
    Ok(Caller { region: verified.region })
}

fn bearer(head: &Parts) -> Option<&str> {
    let value = head.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
