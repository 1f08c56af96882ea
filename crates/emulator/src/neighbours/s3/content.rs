//! Objects: put, got, described, copied, deleted.

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use outcrop_wire::xml::Element;

use super::{NAMESPACE, Request, add_header, chunked, decoded, empty, listing, parts, xml};
use crate::neighbours::objects::{Object, Objects, Refusal};
use crate::neighbours::refusal::Refused;
use crate::reply::{Payload, Reply};

/// What is asked of one key.
pub(super) fn answer(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    if request.subresource().is_some() {
        return Err(request.not_implemented());
    }
    if request.parameter("uploads").is_some() || request.parameter("uploadId").is_some() {
        return parts::answer(objects, request);
    }
    match *request.method {
        Method::PUT if request.header("x-amz-copy-source").is_some() => copy(objects, request),
        Method::PUT => put(objects, request),
        Method::GET | Method::HEAD => get(objects, request),
        Method::DELETE => {
            objects.delete(&request.bucket, &request.key)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(request.not_implemented()),
    }
}

fn put(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let object = object(request, chunked::body(request)?);
    if request.header("if-none-match") == Some("*") && objects.get(&request.bucket, &request.key).is_ok() {
        let text = "At least one of the pre-conditions you specified did not hold";
        return Err(Refused::new(412, "PreconditionFailed", text));
    }
    let mut reply = empty(StatusCode::OK);
    add_header(&mut reply, "etag", &format!("\"{}\"", object.etag));
    objects.put(&request.bucket, &request.key, object)?;
    Ok(reply)
}

/// The object that a request's headers and these bytes make.
pub(super) fn object(request: &Request<'_>, body: impl Into<Bytes>) -> Object {
    const DEFAULT_TYPE: &str = "binary/octet-stream";
    let mut object = Object::new(body, request.header("content-type").unwrap_or(DEFAULT_TYPE));
    let encodings = request.header("content-encoding").unwrap_or_default().split(',').map(str::trim);
    let encodings: Vec<&str> = encodings.filter(|name| !name.is_empty() && *name != "aws-chunked").collect();
    if !encodings.is_empty() {
        object = object.encoded(encodings.join(","));
    }
    for (name, value) in &request.head.headers {
        if let (Some(name), Ok(value)) = (name.as_str().strip_prefix(METADATA), value.to_str()) {
            object.metadata.insert(name.to_owned(), value.to_owned());
        }
    }
    object
}

const METADATA: &str = "x-amz-meta-";

fn get(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let object = objects.get(&request.bucket, &request.key)?;
    let size = object.body.len();
    let range = match request.header("range") {
        Some(range) => span(range, size)?,
        None => None,
    };
    let (status, from, to) = match range {
        Some((from, to)) => (StatusCode::PARTIAL_CONTENT, from, to),
        None => (StatusCode::OK, 0, size),
    };
    let mut reply = described(&object, status);
    if range.is_some() {
        add_header(&mut reply, "content-range", &format!("bytes {from}-{}/{size}", to.saturating_sub(1)));
    }
    if *request.method == Method::HEAD {
        add_header(&mut reply, "content-length", &(to - from).to_string());
    } else {
        reply.payload = Payload::Whole(object.body.slice(from..to));
    }
    Ok(reply)
}

fn described(object: &Object, status: StatusCode) -> Reply {
    let mut reply = empty(status);
    add_header(&mut reply, "content-type", &object.content_type);
    add_header(&mut reply, "etag", &format!("\"{}\"", object.etag));
    add_header(&mut reply, "last-modified", &http_time(object.modified));
    add_header(&mut reply, "accept-ranges", "bytes");
    if let Some(encoding) = &object.content_encoding {
        add_header(&mut reply, "content-encoding", encoding);
    }
    for (name, value) in &object.metadata {
        let name = http::HeaderName::try_from(format!("{METADATA}{name}"));
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
            reply.headers.push((name, value));
        }
    }
    reply
}

/// `bytes=FROM-TO`, `bytes=FROM-` or `bytes=-LAST`, as a half-open span; `None` for what is no range of that kind.
fn span(range: &str, size: usize) -> Result<Option<(usize, usize)>, Refused> {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let span = match (from.parse::<usize>().ok(), to.parse::<usize>().ok()) {
        (Some(from), Some(to)) => (from, to.saturating_add(1).min(size)),
        (Some(from), None) if to.is_empty() => (from, size),
        (None, Some(last)) if from.is_empty() => (size.saturating_sub(last), size),
        _ => return Ok(None),
    };
    match span {
        (from, to) if from < to => Ok(Some((from, to))),
        _ => Err(Refused::new(416, "InvalidRange", "The requested range is not satisfiable")),
    }
}

fn copy(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let source = decoded(request.header("x-amz-copy-source").unwrap_or_default())?;
    let (bucket, key) = source
        .trim_start_matches('/')
        .split_once('/')
        .ok_or_else(|| Refused::new(400, "InvalidArgument", "Invalid copy source object key"))?;
    let mut object = objects.get(bucket, key).map_err(|refusal| match refusal {
        Refusal::NoSuchBucket => Refused::new(404, "NoSuchBucket", "The specified bucket does not exist"),
        other => other.into(),
    })?;
    if request.header("x-amz-metadata-directive") == Some("REPLACE") {
        object = self::object(request, object.body);
    }
    object.modified = Timestamp::now();
    let result = Element::new("CopyObjectResult")
        .in_namespace(NAMESPACE)
        .with("LastModified", listing::time(object.modified))
        .with("ETag", format!("\"{}\"", object.etag));
    objects.put(&request.bucket, &request.key, object)?;
    Ok(xml(StatusCode::OK, &result))
}

/// RFC 9110's form of a time.
fn http_time(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_means_them() {
        assert_eq!(span("bytes=0-4", 10), Ok(Some((0, 5))));
        assert_eq!(span("bytes=5-", 10), Ok(Some((5, 10))));
        assert_eq!(span("bytes=-3", 10), Ok(Some((7, 10))));
        assert_eq!(span("bytes=-30", 10), Ok(Some((0, 10))));
        assert_eq!(span("bytes=8-100", 10), Ok(Some((8, 10))));
        assert_eq!(span("lines=1-2", 10), Ok(None));
        assert_eq!(span("bytes=0-1,4-5", 10), Ok(None));
        assert!(span("bytes=10-12", 10).is_err());
        assert!(span("bytes=0-18446744073709551615", 10).is_ok());
    }
}
