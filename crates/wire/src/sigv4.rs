//! AWS Signature Version 4, the verifying side: is this request signed by who it says, for what it says, now?
//!
//! Pure: the caller hands in the request as it came over the wire, the secret and the clock. Both forms are read: the
//! `Authorization` header and the presigned query. The path is never decoded: what was received is encoded once more
//! (`%3A` → `%253A`, raw `:` → `%3A`), as the official signers do (reference `bedrock.md` §2.3). The query is likewise
//! taken as received. `aws-sigv4` is the signer in the tests.
//!
//! Texts of "Signature expired" and of unknown keys are recorded; those of malformed headers and scopes are AWS's
//! general Signature Version 4 wording and not recorded for Bedrock.

use std::borrow::Cow;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::bedrock::{BedrockError, ErrorKind};

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
    let expected = claim.signature(&secret, &canonical_request(head, &claim, body)?);
    if !bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
        return Err(SigV4Error::Mismatch);
    }
    let Scope { access_key_id, date, region, service, .. } = claim.scope;
    Ok(Verified { access_key_id, region, service, date, session_token: claim.session_token })
}

/// What of a request a signature covers, as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path as received, percent-encoding and all.
    pub raw_path: &'a str,
    /// The query as received, without the question mark; empty when there is none.
    pub raw_query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// HTTP/2's `:authority`, which stands for `host` when that header is absent.
    pub authority: Option<&'a str>,
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

/// Why a request is not taken as signed, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigV4Error {
    /// Neither form of signature is there.
    #[error("Missing Authentication Token")]
    MissingToken,
    /// The header or query lacks a part, or has one twice.
    #[error("{0}")]
    Incomplete(String),
    /// The credential or its scope is wrong, or a header that must be signed is not.
    #[error("{0}")]
    Scope(String),
    /// Signed too long ago.
    #[error("Signature expired: {signed} is now earlier than {limit} ({now} - {minutes} min.)")]
    Expired {
        /// When it was signed or, presigned, when it ended to be valid.
        signed: String,
        /// The earliest time taken.
        limit: String,
        /// The time here.
        now: String,
        /// The window.
        minutes: i64,
    },
    /// Signed in the future.
    #[error("Signature not yet current: {signed} is still later than {limit} ({now} + {minutes} min.)")]
    NotYetCurrent {
        /// When it was signed.
        signed: String,
        /// The latest time taken.
        limit: String,
        /// The time here.
        now: String,
        /// The window.
        minutes: i64,
    },
    /// Nobody has this access key id.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The signature is not the one of this request.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl SigV4Error {
    /// The error as AWS answers it.
    pub fn to_bedrock(&self) -> BedrockError {
        let kind = match self {
            Self::MissingToken => ErrorKind::MissingAuthenticationToken,
            Self::Incomplete(_) => ErrorKind::IncompleteSignature,
            Self::UnknownKey => ErrorKind::UnrecognizedClient,
            Self::Scope(_) | Self::Expired { .. } | Self::NotYetCurrent { .. } | Self::Mismatch => {
                ErrorKind::InvalidSignature
            }
        };
        BedrockError::new(kind, self.to_string())
    }
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// AWS's window for clocks that disagree, in minutes (recorded: "… - 5 min.").
const SKEW_MINUTES: i64 = 5;
/// AWS's longest life of a presigned URL: seven days, in seconds.
const MAX_EXPIRES: i64 = 7 * 24 * 60 * 60;
/// Stands in for the body's hash when the sender does not want the body signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The service that signs the path as it is sent, neither encoded once more nor normalised.
const S3: &str = "s3";
/// Stands before the ways in which S3 takes a body in chunks, as `x-amz-content-sha256`.
const STREAMING: &str = "STREAMING-";

/// Over HTTP/2 the official JavaScript SDK sends no `host` and signs this pseudo-header by its own name.
const AUTHORITY: &str = ":authority";

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
        if term != "aws4_request" {
            return Err(SigV4Error::Scope(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{term}'."
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

    fn signature(&self, secret: &str, canonical_request: &str) -> String {
        let Scope { date, region, service, term, .. } = &self.scope;
        let to_sign = format!(
            "{ALGORITHM}\n{}\n{date}/{region}/{service}/{term}\n{}",
            self.timestamp,
            hex::encode(Sha256::digest(canonical_request))
        );
        let key = [date, region, service, term]
            .into_iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
        hex::encode(hmac(&key, to_sign.as_bytes()))
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

fn canonical_request(head: &RequestHead<'_>, claim: &Claim, body: &[u8]) -> Result<String, SigV4Error> {
    let path = match claim.scope.service.as_str() {
        S3 => Cow::Borrowed(head.raw_path),
        _ => Cow::Owned(canonical_path(head.raw_path)),
    };
    let mut out = format!("{}\n{path}\n{}\n", head.method, canonical_query(head.raw_query));
    for name in &claim.signed_headers {
        let value = canonical_header(head, name)?;
        writeln!(out, "{name}:{value}").expect("writing to a string never fails");
    }
    write!(out, "\n{}\n{}", claim.signed_headers.join(";"), payload_hash(head, claim, body)?)
        .expect("writing to a string never fails");
    Ok(out)
}

/// The path as received, without dot segments and doubled slashes, percent-encoded once more.
fn canonical_path(raw: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut out = String::with_capacity(raw.len() + 16);
    for segment in &segments {
        out.push('/');
        encode(segment.as_bytes(), false, &mut out);
    }
    if segments.is_empty() || raw.ends_with('/') || raw.ends_with("/.") || raw.ends_with("/..") {
        out.push('/');
    }
    out
}

/// The query's pairs as received, reserved characters encoded, sorted, without the signature itself.
fn canonical_query(raw: &str) -> String {
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encoded_once(name), encoded_once(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn encoded_once(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode(text.as_bytes(), true, &mut out);
    out
}

/// Percent-encodes everything outside RFC 3986's unreserved characters; with `keep_escapes`, `%XX` stays as it is.
fn encode(bytes: &[u8], keep_escapes: bool, out: &mut String) {
    for (at, byte) in bytes.iter().enumerate() {
        let is_escape = || {
            keep_escapes
                && *byte == b'%'
                && bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
        };
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || is_escape() {
            out.push(char::from(*byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string never fails");
        }
    }
}

/// All values of a header joined by commas, each trimmed and with runs of blanks made one.
fn canonical_header(head: &RequestHead<'_>, name: &str) -> Result<String, SigV4Error> {
    let mut values = Vec::new();
    for value in head.headers.get_all(name) {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| SigV4Error::Mismatch)?;
        values.push(value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
    }
    if values.is_empty() && (name == "host" || name == AUTHORITY) {
        values.extend(head.authority.map(str::to_owned));
    }
    if values.is_empty() {
        return Err(SigV4Error::Scope(format!(
            "'{name}' is a 'SignedHeader' but the request has no such header."
        )));
    }
    Ok(values.join(","))
}

/// The last line of the canonical request: what `x-amz-content-sha256` says, if the body agrees.
///
/// For S3, the name of a way to upload in chunks stands for the hash, and the body of a presigned request is not signed.
fn payload_hash(head: &RequestHead<'_>, claim: &Claim, body: &[u8]) -> Result<String, SigV4Error> {
    let actual = hex::encode(Sha256::digest(body));
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

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
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

/// Reads `YYYYMMDDTHHMMSSZ` as Unix seconds.
fn parse_timestamp(text: &str) -> Result<i64, SigV4Error> {
    let wrong = || {
        SigV4Error::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    };
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return Err(wrong());
    }
    let number = |from: usize, to: usize| -> Result<i64, SigV4Error> {
        let digits = &bytes[from..to];
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(wrong());
        }
        Ok(digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return Err(wrong());
    }
    Ok(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Unix seconds as `YYYYMMDDTHHMMSSZ`.
pub fn timestamp(unix_seconds: i64) -> String {
    let (days, second) = (unix_seconds.div_euclid(86_400), unix_seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Days since 1970-01-01 of a Gregorian date, counting years from March so that the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The Gregorian date of days since 1970-01-01; the inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}
