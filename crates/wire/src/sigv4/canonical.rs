//! The canonical request: the text of a request that both sides hash.

use std::borrow::Cow;

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};

use super::{RequestHead, S3, SigV4Error};

/// The canonical request of `head` to `service`, of whose headers those named are signed, in this order.
///
/// # Errors
/// When one of them is not there, or is not text.
pub(super) fn request(
    head: &RequestHead<'_>,
    service: &str,
    signed_headers: &[&str],
    payload_hash: &str,
) -> Result<String, SigV4Error> {
    let mut out = String::with_capacity(ORDINARY_LENGTH);
    out.push_str(head.method);
    out.push('\n');
    match service {
        S3 => out.push_str(head.raw_path),
        _ => push_path(head.raw_path, &mut out),
    }
    out.push('\n');
    push_query(head.raw_query, &mut out);
    out.push('\n');
    for name in signed_headers {
        push_header(head, name, &mut out)?;
    }
    out.push('\n');
    push_names(signed_headers, &mut out);
    out.push('\n');
    out.push_str(payload_hash);
    Ok(out)
}

/// Most are shorter.
const ORDINARY_LENGTH: usize = 1024;

/// Over HTTP/2 the official JavaScript SDK sends no `host` and signs this pseudo-header by its own name.
pub(super) const AUTHORITY: &str = ":authority";

/// The SHA-256 of a body, in hexadecimal digits.
pub fn payload_hash(body: &[u8]) -> String {
    hexadecimal(&Sha256::digest(body).into())
}

/// 32 bytes as 64 digits.
pub(super) fn hexadecimal(bytes: &[u8; 32]) -> String {
    let mut digits = vec![0; 64];
    hex::encode_to_slice(bytes, &mut digits).expect("two digits a byte");
    String::from_utf8(digits).expect("digits are ASCII")
}

/// The names, with semicolons between them.
pub(super) fn push_names(names: &[&str], out: &mut String) {
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(';');
        }
        out.push_str(name);
    }
}

/// The path as it is sent, without dot segments and doubled slashes, percent-encoded once more.
fn push_path(raw: &str, out: &mut String) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push('/');
        out.extend(percent_encode(segment.as_bytes(), RESERVED));
    }
    if segments.is_empty() || raw.ends_with('/') || raw.ends_with("/.") || raw.ends_with("/..") {
        out.push('/');
    }
}

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query's pairs as they are sent, reserved characters encoded, sorted, without the signature itself.
fn push_query(raw: &str, out: &mut String) {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encoded_once(name), encoded_once(value)))
        .collect();
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push('&');
        }
        out.extend([name, "=", value]);
    }
}

/// Percent-encodes all but what is an escape already.
fn encoded_once(text: &str) -> Cow<'_, str> {
    let Some((before, rest)) = text.split_once('%') else {
        return percent_encode(text.as_bytes(), RESERVED).into();
    };
    let mut out = String::with_capacity(text.len());
    out.extend(percent_encode(before.as_bytes(), RESERVED));
    for piece in rest.split('%') {
        let is_escape = piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        out.push_str(if is_escape { "%" } else { "%25" });
        out.extend(percent_encode(piece.as_bytes(), RESERVED));
    }
    out.into()
}

/// A line of a header: all its values joined by commas, each trimmed and with runs of blanks made one.
fn push_header(head: &RequestHead<'_>, name: &str, out: &mut String) -> Result<(), SigV4Error> {
    out.extend([name, ":"]);
    let mut values = head.headers.get_all(name).iter();
    match (values.next(), head.authority) {
        (Some(first), _) => push_value(first, out)?,
        (None, Some(authority)) if name == "host" || name == AUTHORITY => out.push_str(authority),
        (None, _) => {
            return Err(SigV4Error::Scope(format!(
                "'{name}' is a 'SignedHeader' but the request has no such header."
            )));
        }
    }
    for value in values {
        out.push(',');
        push_value(value, out)?;
    }
    out.push('\n');
    Ok(())
}

fn push_value(value: &HeaderValue, out: &mut String) -> Result<(), SigV4Error> {
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| SigV4Error::Mismatch)?;
    for (at, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
    Ok(())
}
