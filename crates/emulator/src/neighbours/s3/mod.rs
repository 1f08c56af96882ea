//! S3's REST interface over the object store, in path style and in virtual-host style.
//!
//! Buckets, objects, lists, several parts, bucket policies. A subresource that is not here is answered with 501
//! `NotImplemented`, never as if it were absent: `?acl` must not overwrite an object.

mod buckets;
mod chunked;
mod content;
mod listing;
mod parts;

use http::request::Parts as Head;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use outcrop_wire::xml::Element;
use percent_encoding::percent_decode_str;

use super::objects::{Objects, Refusal};
use super::refusal::{MISMATCH, Refused, UNKNOWN_KEY};
use crate::accounts::Home;
use crate::exchange::Call;
use crate::operation::query_pairs;
use crate::reply::{Payload, Reply};

pub(crate) use parts::Uploads;

/// Answers one request.
///
/// # Errors
/// S3's own codes.
pub(super) fn answer(objects: &Objects, call: &Call<'_>, home: Home<'_>) -> Result<Reply, Refused> {
    let request = Request::read(call, home.region)?;
    match (request.bucket.as_str(), request.key.as_str()) {
        ("", _) => buckets::all(objects, home.account, &request),
        (_, "") => buckets::answer(objects, &request),
        _ => content::answer(objects, &request),
    }
}

/// The refusal in S3's shape; without a body when the request was a HEAD.
pub(super) fn refusal(refused: &Refused, call: &Call<'_>) -> Reply {
    let (code, message) = match refused.code.as_ref() {
        UNKNOWN_KEY => {
            ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        }
        MISMATCH if refused.message.starts_with("Signature ") => (
            "RequestTimeTooSkewed",
            "The difference between the request time and the server's time is too large.",
        ),
        code => (code, refused.message.as_str()),
    };
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if call.head.method == Method::HEAD {
        return empty(status);
    }
    let error = Element::new("Error")
        .with("Code", code)
        .with("Message", message)
        .with("Resource", call.head.uri.path())
        .with("RequestId", call.request_id);
    xml(status, &error)
}

/// A request, cut into what S3 cares for.
struct Request<'a> {
    method: &'a Method,
    head: &'a Head,
    body: &'a [u8],
    /// Empty for the list of buckets.
    bucket: String,
    /// Decoded; empty when the bucket itself is meant.
    key: String,
    query: Vec<(String, String)>,
    region: &'a str,
}

impl<'a> Request<'a> {
    fn read(call: &Call<'a>, region: &'a str) -> Result<Self, Refused> {
        let head = call.head;
        let path = decoded(head.uri.path().trim_start_matches('/'))?;
        let (bucket, key) = match bucket_of_host(head) {
            Some(bucket) => (bucket, path),
            None => match path.split_once('/') {
                Some((bucket, key)) => (bucket.to_owned(), key.to_owned()),
                None => (path, String::new()),
            },
        };
        let query = query_pairs(head.uri.query().unwrap_or_default()).collect();
        Ok(Self { method: &head.method, head, body: call.body, bucket, key, query, region })
    }

    /// A query parameter's value; empty when it has none.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// The only subresource asked for, if it is one that S3 has.
    fn subresource(&self) -> Option<&str> {
        self.query.iter().map(|(name, _)| name.as_str()).find(|name| SUBRESOURCES.contains(name))
    }

    fn not_implemented(&self) -> Refused {
        let what = self.subresource().map(|name| format!("?{name}")).unwrap_or_default();
        let text = format!("The emulator's S3 has no {} {}{what}.", self.method, self.head.uri.path());
        Refused::new(501, "NotImplemented", text)
    }
}

/// What S3 keeps beside the objects of a bucket or the bytes of an object (botocore's model of the service).
const SUBRESOURCES: [&str; 33] = [
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "versioning",
    "versions",
];

/// The bucket in a virtual-host style name: `bucket.s3.us-east-1.amazonaws.com`, `bucket.localhost`.
fn bucket_of_host(head: &Head) -> Option<String> {
    let host = head.headers.get("host").and_then(|value| value.to_str().ok());
    let host = host.or_else(|| head.uri.authority().map(http::uri::Authority::as_str))?;
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    let bucket = match host.strip_suffix(".localhost") {
        Some(bucket) => bucket.strip_suffix(".s3").unwrap_or(bucket),
        None => {
            let at = host.rfind(".s3.").or_else(|| host.rfind(".s3-"))?;
            host[at..].contains(".amazonaws.").then(|| &host[..at])?
        }
    };
    (!bucket.is_empty() && bucket != "s3").then(|| bucket.to_owned())
}

fn decoded(text: &str) -> Result<String, Refused> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| Refused::new(400, "InvalidURI", "Couldn't parse the specified URI."))
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let (status, code, message) = match refusal {
            Refusal::NoSuchBucket => (404, "NoSuchBucket", "The specified bucket does not exist"),
            Refusal::NoSuchKey => (404, "NoSuchKey", "The specified key does not exist."),
            Refusal::InvalidBucketName => (400, "InvalidBucketName", "The specified bucket is not valid."),
            Refusal::BucketAlreadyOwnedByYou => (
                409,
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            ),
            Refusal::BucketNotEmpty => (409, "BucketNotEmpty", "The bucket you tried to delete is not empty"),
            Refusal::KeyTooLong => (400, "KeyTooLongError", "Your key is too long"),
        };
        Self::new(status, code, message)
    }
}

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

fn xml(status: StatusCode, root: &Element) -> Reply {
    Reply::new(status, "application/xml", Payload::Whole(root.document().into()))
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::new(status, "application/xml", Payload::Whole(bytes::Bytes::new()));
    reply.headers.clear();
    reply
}

fn malformed_xml() -> Refused {
    let text = "The XML you provided was not well-formed or did not validate against our published schema";
    Refused::new(400, "MalformedXML", text)
}

fn add_header(reply: &mut Reply, name: &'static str, value: &str) {
    // What came in a header or is ours fits into one; metadata of an odd kind is left out rather than the answer lost.
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers.push((HeaderName::from_static(name), value));
    }
}
