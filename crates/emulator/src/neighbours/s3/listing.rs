//! ListObjectsV2, and the older ListObjects: one walk, two ways to go on.

use http::StatusCode;
use jiff::Timestamp;
use outcrop_wire::xml::Element;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{NAMESPACE, Request, xml};
use crate::neighbours::objects::{Listed, Objects};
use crate::neighbours::refusal::Refused;
use crate::reply::Reply;

/// S3's largest page.
const MOST: usize = 1000;

/// One page of a bucket's keys.
pub(super) fn list(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let is_v2 = request.parameter("list-type") == Some("2");
    let prefix = request.parameter("prefix").unwrap_or_default();
    let delimiter = request.parameter("delimiter").filter(|text| !text.is_empty());
    let encode = Encoding::of(request)?;
    let most = most(request)?;
    let token = request.parameter(if is_v2 { "continuation-token" } else { "marker" });
    let after = match (is_v2, token) {
        (true, Some(token)) => Some(read_token(token)?),
        (true, None) => request.parameter("start-after").map(str::to_owned),
        (false, marker) => marker.map(str::to_owned),
    };
    let listed = objects.list(&request.bucket, prefix, after.as_deref())?;
    let page = Page::cut(listed, prefix, delimiter, after.as_deref(), most);
    let mut root = Element::new("ListBucketResult")
        .in_namespace(NAMESPACE)
        .with("Name", &request.bucket)
        .with("Prefix", encode.text(prefix))
        .with("MaxKeys", most)
        .with_some("Delimiter", delimiter.map(|text| encode.text(text)))
        .with_some("EncodingType", encode.name())
        .with("IsTruncated", page.last.is_some());
    root = match is_v2 {
        true => root
            .with("KeyCount", page.objects.len() + page.prefixes.len())
            .with_some("ContinuationToken", token)
            .with_some("StartAfter", request.parameter("start-after").map(|text| encode.text(text)))
            .with_some("NextContinuationToken", page.last.as_deref().map(write_token)),
        false => root.with("Marker", encode.text(token.unwrap_or_default())).with_some(
            "NextMarker",
            page.last.as_deref().filter(|_| delimiter.is_some()).map(|text| encode.text(text)),
        ),
    };
    root = root.holding_all(page.objects.iter().map(|object| contents(object, encode)));
    let prefixes =
        page.prefixes.iter().map(|text| Element::new("CommonPrefixes").with("Prefix", encode.text(text)));
    Ok(xml(StatusCode::OK, &root.holding_all(prefixes)))
}

/// A page and, when there is more, the key or prefix it ended with.
struct Page {
    objects: Vec<Listed>,
    prefixes: Vec<String>,
    last: Option<String>,
}

impl Page {
    fn cut(
        listed: Vec<Listed>,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
        most: usize,
    ) -> Self {
        let mut page = Self { objects: Vec::new(), prefixes: Vec::new(), last: None };
        let mut last = String::new();
        for object in listed {
            let common = delimiter.and_then(|delimiter| {
                let at = object.key[prefix.len()..].find(delimiter)?;
                Some(object.key[..prefix.len() + at + delimiter.len()].to_owned())
            });
            let is_told = common.as_deref().is_some_and(|common| {
                page.prefixes.last().is_some_and(|told| told == common)
                    || after.is_some_and(|after| after.starts_with(common))
            });
            if is_told {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == most {
                page.last = (most > 0).then_some(last);
                break;
            }
            match common {
                Some(common) => {
                    last.clone_from(&common);
                    page.prefixes.push(common);
                }
                None => {
                    last.clone_from(&object.key);
                    page.objects.push(object);
                }
            }
        }
        page
    }
}

fn contents(object: &Listed, encode: Encoding) -> Element {
    Element::new("Contents")
        .with("Key", encode.text(&object.key))
        .with("LastModified", time(object.modified))
        .with("ETag", format!("\"{}\"", object.etag))
        .with("Size", object.size)
        .with("StorageClass", "STANDARD")
}

/// `encoding-type=url`, which most clients ask for: keys may hold what XML cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    fn of(request: &Request<'_>) -> Result<Self, Refused> {
        match request.parameter("encoding-type") {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(_) => {
                Err(Refused::new(400, "InvalidArgument", "Invalid Encoding Method specified in Request"))
            }
        }
    }

    fn name(self) -> Option<&'static str> {
        (self == Self::Url).then_some("url")
    }

    fn text(self, text: &str) -> String {
        /// As S3 encodes: slashes stay.
        const KEY: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'*');
        match self {
            Self::Plain => text.to_owned(),
            Self::Url => utf8_percent_encode(text, KEY).to_string(),
        }
    }
}

fn most(request: &Request<'_>) -> Result<usize, Refused> {
    let Some(text) = request.parameter("max-keys") else { return Ok(MOST) };
    let refused =
        || Refused::new(400, "InvalidArgument", "Provided max-keys not an integer or within integer range");
    text.parse::<usize>().map(|most| most.min(MOST)).map_err(|_| refused())
}

/// A token is the last key, in hexadecimal: opaque, and safe wherever it is put.
fn write_token(key: &str) -> String {
    crate::neighbours::objects::hex(key.as_bytes())
}

fn read_token(token: &str) -> Result<String, Refused> {
    let refused = || Refused::new(400, "InvalidArgument", "The continuation token provided is incorrect");
    let digits: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    digits.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refused)
}

/// ISO 8601 with milliseconds, as S3 writes it.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
