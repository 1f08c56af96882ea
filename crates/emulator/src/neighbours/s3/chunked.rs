//! `aws-chunked`: the body of an upload whose checksum comes after it.
//!
//! `SIZE[;chunk-signature=…]\r\nBYTES\r\n … 0\r\n[trailer:value\r\n…]\r\n`. The request's own signature covers the headers;
//! signatures of single chunks are read over. A checksum that is named is checked where the emulator knows its kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Request;
use crate::neighbours::refusal::Refused;

/// The bytes of an upload as they are to be stored, checked against what the sender says of them.
pub(super) fn body(request: &Request<'_>) -> Result<Vec<u8>, Refused> {
    let is_chunked =
        request.header("x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"));
    let (body, trailers) = match is_chunked {
        true => decode(request.body)?,
        false => (request.body.to_vec(), Vec::new()),
    };
    let length = request.header("x-amz-decoded-content-length").filter(|_| is_chunked);
    if length.is_some_and(|length| length.parse() != Ok(body.len())) {
        let text = "You did not provide the number of bytes specified by the Content-Length HTTP header";
        return Err(Refused::new(400, "IncompleteBody", text));
    }
    for checksum in ["x-amz-checksum-crc32", "x-amz-checksum-sha256"] {
        let trailer = trailers.iter().find(|(name, _)| name == checksum).map(|(_, value)| value.as_str());
        if let Some(claimed) = trailer.or_else(|| request.header(checksum)) {
            check(checksum, claimed, &body)?;
        }
    }
    check_md5(request, &body)?;
    Ok(body)
}

type Trailers = Vec<(String, String)>;

fn decode(mut rest: &[u8]) -> Result<(Vec<u8>, Trailers), Refused> {
    let mut body = Vec::with_capacity(rest.len());
    loop {
        let header = line(&mut rest)?;
        let size = header.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| incomplete())?;
        if size == 0 {
            break;
        }
        let after = rest.get(size..).and_then(|after| after.strip_prefix(b"\r\n")).ok_or_else(incomplete)?;
        body.extend_from_slice(&rest[..size]);
        rest = after;
    }
    let mut trailers = Vec::new();
    while !rest.is_empty() {
        let text = line(&mut rest)?;
        if let Some((name, value)) = text.split_once(':') {
            trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Ok((body, trailers))
}

/// The next line, which ends with CR LF.
fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Refused> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or_else(incomplete)?;
    let line = std::str::from_utf8(&rest[..end]).map_err(|_| incomplete())?;
    *rest = &rest[end + 2..];
    Ok(line)
}

fn incomplete() -> Refused {
    let text = "The request body terminated unexpectedly";
    Refused::new(400, "IncompleteBody", text)
}

fn check(checksum: &str, claimed: &str, body: &[u8]) -> Result<(), Refused> {
    let actual = match checksum {
        "x-amz-checksum-crc32" => STANDARD.encode(crc32fast::hash(body).to_be_bytes()),
        _ => STANDARD.encode(Sha256::digest(body)),
    };
    if actual == claimed {
        return Ok(());
    }
    let kind = checksum.trim_start_matches("x-amz-checksum-").to_uppercase();
    let text = format!("The {kind} you specified did not match the calculated checksum.");
    Err(Refused::new(400, "BadDigest", text))
}

fn check_md5(request: &Request<'_>, body: &[u8]) -> Result<(), Refused> {
    use md5::Md5;
    match request.header("content-md5") {
        Some(claimed) if claimed != STANDARD.encode(Md5::digest(body)) => Err(Refused::new(
            400,
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_the_bytes_and_the_trailers() {
        let sent =
            b"5;chunk-signature=ab\r\nhello\r\n6\r\n\r\nworl\r\n0\r\nx-amz-checksum-crc32:YWJj\r\n\r\n";
        let (body, trailers) = decode(sent).unwrap();
        assert_eq!(body, b"hello\r\nworl");
        assert_eq!(trailers, [("x-amz-checksum-crc32".to_owned(), "YWJj".to_owned())]);
        assert_eq!(decode(b"0\r\n\r\n").unwrap(), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_breaks_off_is_incomplete() {
        for sent in [
            &b""[..],
            b"5\r\nhel",
            b"5\r\nhello",
            b"x\r\n",
            b"ffffffffffffffff\r\nhello\r\n",
            b"5\r\nhello!!0\r\n",
        ] {
            assert!(decode(sent).is_err(), "{sent:?}");
        }
    }
}
