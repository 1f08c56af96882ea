//! The verifying side.

use std::borrow::Cow;

use http::HeaderMap;
use subtle::ConstantTimeEq;

use super::canonical::{self, AUTHORITY, payload_hash};
use super::time::{parse_timestamp, timestamp};
use super::{ALGORITHM, RequestHead, S3, SigV4Error, SigningKey, TERM};

/// The service in the credential scope of a request, unverified: which service it is meant for.
pub fn claimed_service(headers: &HeaderMap, raw_query: &str) -> Option<String> {
    let credential = match headers.get("authorization") {
        Some(value) => {
            let parameters = value.to_str().ok()?.strip_prefix(ALGORITHM)?;
            let find = |part: &str| part.trim_matches(' ').strip_prefix("Credential=").map(str::to_owned);
            parameters.split(',').find_map(find)?
        }
        None => query_value(raw_query, "X-Amz-Credential")?.into_owned(),
    };
    Scope::parse(&credential).ok().map(|scope| scope.service)
}

/// Checks the signature of a request.
///
/// `body` is the whole body, `secret_of` the secret access key of an access key id, `now` the time in Unix seconds.
///
/// # Errors
/// [`SigV4Error`] says what AWS would say; nothing of the secret or of the expected signature is in it.
pub fn verify(
    head: &RequestHead<'_>,
    body: &[u8],
    service: &str,
    secret_of: impl FnOnce(&str) -> Option<String>,
    now: i64,
) -> Result<Verified, SigV4Error> {
    let claim = Claim::read(head)?;
    claim.check_scope(service)?;
    claim.check_signed_headers()?;
    claim.check_time(now)?;
    let secret = secret_of(&claim.scope.access_key_id).ok_or(SigV4Error::UnknownKey)?;
    let expected = claim.expected(&secret, &claim.canonical_request(head, body)?);
    if !bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
        return Err(SigV4Error::Mismatch);
    }
    let Scope { access_key_id, date, region, service, .. } = claim.scope;
    Ok(Verified { access_key_id, region, service, date, session_token: claim.session_token })
}

/// Who signed, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The access key id.
    pub access_key_id: String,
    /// The Region of the credential scope.
    pub region: String,
    /// The service of the credential scope.
    pub service: String,
    /// The day of the credential scope, `YYYYMMDD`.
    pub date: String,
    /// The session token that was signed along, for temporary credentials.
    pub session_token: Option<String>,
}

/// AWS's window for clocks that disagree, in minutes (recorded: "… - 5 min.").
const SKEW_MINUTES: i64 = 5;
/// AWS's longest life of a presigned URL: seven days, in seconds.
const MAX_EXPIRES: i64 = 7 * 24 * 60 * 60;
/// Stands in for the body's hash when the sender does not want the body signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// Stands before the ways in which S3 takes a body in chunks, as `x-amz-content-sha256`.
const STREAMING: &str = "STREAMING-";

/// What a request claims about its signature.
struct Claim {
    scope: Scope,
    signed_headers: Vec<String>,
    signature: String,
    /// `YYYYMMDDTHHMMSSZ`, as sent.
    timestamp: String,
    /// Unix seconds of it.
    signed_at: i64,
    /// Set for the presigned form: how long it is valid, in seconds.
    expires: Option<i64>,
    session_token: Option<String>,
}

/// `keyid/date/region/service/aws4_request`.
struct Scope {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
    term: String,
}

impl Claim {
    fn read(head: &RequestHead<'_>) -> Result<Self, SigV4Error> {
        match header(head.headers, "authorization")? {
            Some(value) => Self::from_header(value, head.headers),
            None if query_value(head.raw_query, "X-Amz-Algorithm").is_some() => {
                Self::from_query(head.raw_query)
            }
            None => Err(SigV4Error::MissingToken),
        }
    }

    fn from_header(authorization: &str, headers: &HeaderMap) -> Result<Self, SigV4Error> {
        let parameters = authorization
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or_else(|| {
                SigV4Error::Incomplete(format!("Authorization header requires the algorithm '{ALGORITHM}'."))
            })?;
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for parameter in parameters.split(',') {
            let (name, value) = parameter.trim_matches(' ').split_once('=').unwrap_or((parameter, ""));
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => {
                    return Err(SigV4Error::Incomplete(format!(
                        "Authorization header has an unknown part: '{name}'."
                    )));
                }
            };
            if slot.replace(value).is_some() {
                return Err(SigV4Error::Incomplete(format!("Authorization header has '{name}' twice.")));
            }
        }
        let part = |value: Option<&str>, name: &str| {
            value.filter(|value| !value.is_empty()).map(str::to_owned).ok_or_else(|| {
                SigV4Error::Incomplete(format!("Authorization header requires '{name}' parameter."))
            })
        };
        let timestamp = header(headers, "x-amz-date")?.ok_or_else(|| {
            SigV4Error::Incomplete(
                "Authorization header requires existence of a 'X-Amz-Date' header.".to_owned(),
            )
        })?;
        Ok(Self {
            scope: Scope::parse(&part(credential, "Credential")?)?,
            signed_headers: part(signed, "SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: part(signature, "Signature")?,
            signed_at: parse_timestamp(timestamp)?,
            timestamp: timestamp.to_owned(),
            expires: None,
            session_token: header(headers, "x-amz-security-token")?.map(str::to_owned),
        })
    }

    fn from_query(query: &str) -> Result<Self, SigV4Error> {
        let part = |name: &str| {
            query_value(query, name).ok_or_else(|| {
                SigV4Error::Incomplete(format!("AWS query-string parameters must include '{name}'."))
            })
        };
        if part("X-Amz-Algorithm")? != ALGORITHM {
            return Err(SigV4Error::Incomplete(format!("X-Amz-Algorithm must be '{ALGORITHM}'.")));
        }
        let timestamp = part("X-Amz-Date")?;
        let expires = part("X-Amz-Expires")?.parse::<i64>().ok().filter(|n| (1..=MAX_EXPIRES).contains(n));
        let expires = expires.ok_or_else(|| {
            SigV4Error::Incomplete(format!("X-Amz-Expires must be between 1 and {MAX_EXPIRES} seconds."))
        })?;
        Ok(Self {
            scope: Scope::parse(&part("X-Amz-Credential")?)?,
            signed_headers: part("X-Amz-SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: part("X-Amz-Signature")?.into_owned(),
            signed_at: parse_timestamp(&timestamp)?,
            timestamp: timestamp.into_owned(),
            expires: Some(expires),
            session_token: query_value(query, "X-Amz-Security-Token").map(Cow::into_owned),
        })
    }

    fn check_scope(&self, service: &str) -> Result<(), SigV4Error> {
        let Scope { date, region, service: scoped, term, .. } = &self.scope;
        if !is_region(region) {
            return Err(SigV4Error::Scope("Credential should be scoped to a valid region. ".to_owned()));
        }
        if scoped != service {
            return Err(SigV4Error::Scope(format!(
                "Credential should be scoped to correct service: '{service}'. "
            )));
        }
        if term != TERM {
            return Err(SigV4Error::Scope(format!(
                "Credential should be scoped with a valid terminator: '{TERM}', not '{term}'."
            )));
        }
        if *date != self.timestamp[..8] {
            return Err(SigV4Error::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != \
                 '{}', from '{}'.",
                &self.timestamp[..8],
                self.timestamp
            )));
        }
        Ok(())
    }

    /// `host` (or [`AUTHORITY`]) must be signed in both forms; in the header form also the date and, if sent, the
    /// session token.
    fn check_signed_headers(&self) -> Result<(), SigV4Error> {
        let is_listed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        let is_signed = |name: &str| is_listed(name) || (name == "host" && is_listed(AUTHORITY));
        let in_header = self.expires.is_none();
        let must: [(&str, bool); 3] = [
            ("host", true),
            ("x-amz-date", in_header),
            ("x-amz-security-token", in_header && self.session_token.is_some()),
        ];
        match must.iter().find(|(name, needed)| *needed && !is_signed(name)) {
            Some((name, _)) => {
                Err(SigV4Error::Scope(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")))
            }
            None => Ok(()),
        }
    }

    fn check_time(&self, now: i64) -> Result<(), SigV4Error> {
        let window = SKEW_MINUTES * 60;
        if self.signed_at > now + window {
            return Err(SigV4Error::NotYetCurrent {
                signed: self.timestamp.clone(),
                limit: timestamp(now + window),
                now: timestamp(now),
                minutes: SKEW_MINUTES,
            });
        }
        let last = self.signed_at + self.expires.unwrap_or(window);
        if last < now {
            return Err(SigV4Error::Expired {
                signed: self.timestamp.clone(),
                limit: timestamp(now - self.expires.unwrap_or(window)),
                now: timestamp(now),
                minutes: self.expires.map_or(SKEW_MINUTES, |seconds| seconds / 60),
            });
        }
        Ok(())
    }

    fn canonical_request(&self, head: &RequestHead<'_>, body: &[u8]) -> Result<String, SigV4Error> {
        let hash = claimed_hash(head, self, body)?;
        let names: Vec<&str> = self.signed_headers.iter().map(String::as_str).collect();
        canonical::request(head, &self.scope.service, &names, &hash)
    }

    /// The signature that it ought to have.
    fn expected(&self, secret: &str, canonical_request: &str) -> String {
        let Scope { date, region, service, .. } = &self.scope;
        SigningKey::derive(secret, date, region, service).sign(&self.timestamp, canonical_request)
    }
}

impl Scope {
    fn parse(credential: &str) -> Result<Self, SigV4Error> {
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, term] = parts[..] else {
            return Err(SigV4Error::Scope(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
                 '{credential}'"
            )));
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            term: term.to_owned(),
        })
    }
}

/// The last line of the canonical request: what `x-amz-content-sha256` says, if the body agrees.
///
/// For S3, the name of a way to upload in chunks stands for the hash, and the body of a presigned request is not signed.
fn claimed_hash(head: &RequestHead<'_>, claim: &Claim, body: &[u8]) -> Result<String, SigV4Error> {
    let actual = payload_hash(body);
    let claimed = match header(head.headers, "x-amz-content-sha256")? {
        Some(value) => Some(Cow::Borrowed(value)),
        None => query_value(head.raw_query, "X-Amz-Content-Sha256"),
    };
    let is_s3 = claim.scope.service == S3;
    match claimed.as_deref() {
        Some(value) if is_s3 && value.starts_with(STREAMING) => Ok(value.to_owned()),
        None if is_s3 && claim.expires.is_some() => Ok(UNSIGNED_PAYLOAD.to_owned()),
        Some(UNSIGNED_PAYLOAD) => Ok(UNSIGNED_PAYLOAD.to_owned()),
        Some(value) if value != actual => Err(SigV4Error::Mismatch),
        _ => Ok(actual),
    }
}

/// The only value of a header; sent twice or not as text, the request is refused.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, SigV4Error> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(SigV4Error::Incomplete(format!("The header '{name}' was sent more than once.")));
    }
    first
        .map(|value| {
            value
                .to_str()
                .map_err(|_| SigV4Error::Incomplete(format!("The header '{name}' is not plain text.")))
        })
        .transpose()
}

/// The decoded value of a query parameter; `None` when it is absent.
fn query_value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, value) =
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    percent_encoding::percent_decode_str(value).decode_utf8().ok()
}

/// Lower-case letters, digits and hyphens with a digit at the end: `us-east-1`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    /// Longer than any Region; the service model allows twenty.
    const LONGEST: usize = 20;
    text.len() <= LONGEST
        && text.contains('-')
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
