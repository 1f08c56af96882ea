//! Who is calling: a bearer key, an `x-api-key`, or a SigV4 signature made with a key.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use outcrop_texts as texts;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::sigv4::{self, RequestHead, SigV4Error};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::failure::Failure;
use crate::keys::{MadeKey, Read};

/// A key that lets somebody in.
///
/// The secret is the bearer key; for SigV4 the name is the access key id and the secret the secret access key.
#[derive(Clone)]
pub struct Key {
    name: String,
    secret: String,
    digest: [u8; 32],
}

impl Key {
    /// A key by its name and secret.
    pub fn new(name: impl Into<String>, secret: impl Into<String>) -> Self {
        let secret = secret.into();
        Self { name: name.into(), digest: digest(&secret), secret }
    }
}

/// Without the secret.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.name)
    }
}

/// All keys.
#[derive(Debug)]
pub(crate) struct Access {
    keys: Vec<Key>,
}

/// Who is calling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The key's name; `None` where no keys are configured.
    pub(crate) name: Option<String>,
    /// The Region of a SigV4 signature: where an SDK was told to call.
    pub(crate) region: Option<String>,
    /// What the key may do, where it is one made at run time.
    pub(crate) key: Option<Arc<MadeKey>>,
    /// The `traceparent` of the request.
    pub(crate) trace_parent: Option<HeaderValue>,
}

impl Access {
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// Identifies the caller by the head alone; `None` when a signature has to be verified over the body too.
    ///
    /// Without keys anybody is welcome, unverified: the listener is on loopback then.
    pub(crate) fn by_head(&self, head: &Parts, made: &Read) -> Result<Option<Caller>, Failure> {
        if self.keys.is_empty() && made.is_empty() {
            return Ok(Some(Caller { region: scope_region(&head.headers), ..Caller::default() }));
        }
        if let Some(secret) = presented_key(&head.headers) {
            return self.by_secret(secret, made).map(Some);
        }
        if is_signed(head) {
            return Ok(None);
        }
        Err(unsigned(&SigV4Error::MissingToken))
    }

    /// Identifies the caller, whose body is read.
    pub(crate) fn caller(&self, head: &Parts, body: &[u8], made: &Read) -> Result<Caller, Failure> {
        match self.by_head(head, made)? {
            Some(caller) => Ok(caller),
            None => self.by_signature(head, body),
        }
    }

    fn by_secret(&self, secret: &str, made: &Read) -> Result<Caller, Failure> {
        let presented = digest(secret);
        if let Some(key) = self.keys.iter().find(|key| key.digest.ct_eq(&presented).into()) {
            return Ok(Caller { name: Some(key.name.clone()), ..Caller::default() });
        }
        // Whoever can choose a digest knows the key.
        if let Some(key) = made.by_digest(&presented) {
            return Ok(Caller {
                name: Some(key.name.clone()),
                key: Some(Arc::clone(key)),
                ..Caller::default()
            });
        }
        Err(Failure::new(ErrorKind::UnrecognizedClient, texts::KEY_UNKNOWN))
    }

    /// Identifies the caller by the signature over head and body.
    pub(crate) fn by_signature(&self, head: &Parts, body: &[u8]) -> Result<Caller, Failure> {
        let request = RequestHead {
            method: head.method.as_str(),
            raw_path: head.uri.path(),
            raw_query: head.uri.query().unwrap_or(""),
            headers: &head.headers,
            authority: head.uri.authority().map(|authority| authority.as_str()),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let secret_of = |id: &str| self.keys.iter().find(|key| key.name == id).map(|key| key.secret.clone());
        let verified =
            sigv4::verify(&request, body, SERVICE, secret_of, i64::try_from(now).unwrap_or(i64::MAX))
                .map_err(|error| unsigned(&error))?;
        Ok(Caller { name: Some(verified.access_key_id), region: Some(verified.region), ..Caller::default() })
    }
}

/// A signature that is none, in AWS's words, and what would be one.
fn unsigned(error: &SigV4Error) -> Failure {
    let failure = Failure::from(error.to_bedrock());
    match error {
        SigV4Error::MissingToken => failure.with_hint(texts::SEND_A_KEY),
        SigV4Error::UnknownKey | SigV4Error::Mismatch => failure.with_hint(texts::SIGN_WITH_A_KEY),
        _ => failure,
    }
}

/// The service a Bedrock client signs for, runtime and control plane alike.
const SERVICE: &str = "bedrock";

pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn presented_key(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok();
    }
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// In the header, or presigned in the query.
fn is_signed(head: &Parts) -> bool {
    head.headers.contains_key(AUTHORIZATION)
        || head.uri.query().is_some_and(|query| query.contains("X-Amz-Signature="))
}

/// The Region in a SigV4 credential scope: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn scope_region(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let credential = authorization.strip_prefix("AWS4-HMAC-SHA256")?.split_once("Credential=")?.1;
    let region = credential.split('/').nth(2)?;
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!region.is_empty() && region.bytes().all(is_legal)).then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use outcrop_wire::bedrock::BedrockError;

    use super::*;

    fn caller(keys: &[(&str, &str)], headers: &[(&str, &str)]) -> Result<Caller, BedrockError> {
        let access = Access::new(keys.iter().map(|(name, secret)| Key::new(*name, *secret)).collect());
        let mut request = Request::builder().uri("/v1/messages");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        access.caller(&head, b"", &Read::default()).map_err(|failure| failure.error)
    }

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=00";

    #[test]
    fn without_keys_anybody_is_welcome_and_an_sdk_says_its_region() {
        assert_eq!(caller(&[], &[]), Ok(Caller::default()));
        let signed = caller(&[], &[("authorization", SIGNED)]);
        assert_eq!(signed.map(|caller| caller.region), Ok(Some("eu-west-1".to_owned())));
    }

    #[test]
    fn a_key_is_taken_in_either_header() {
        let keys = [("ana", "secret-a"), ("bo", "secret-b")];
        let name = |headers| caller(&keys, headers).ok().and_then(|caller| caller.name);
        assert_eq!(name(&[("authorization", "Bearer secret-b")]).as_deref(), Some("bo"));
        assert_eq!(name(&[("x-api-key", "secret-a")]).as_deref(), Some("ana"));
        assert_eq!(name(&[("x-api-key", "secret-c")]), None);
        assert_eq!(name(&[("authorization", "Bearer secret")]), None);
        assert_eq!(name(&[("authorization", SIGNED)]), None);
        assert_eq!(name(&[]), None);
    }
}
