//! Uploads in several parts, which clients use for anything over a few megabytes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use jiff::Timestamp;
use md5::{Digest, Md5};
use outcrop_wire::xml::Element;

use super::{NAMESPACE, Request, add_header, chunked, content, empty, listing, malformed_xml, xml};
use crate::neighbours::objects::{Object, Objects, hex};
use crate::neighbours::refusal::Refused;
use crate::reply::Reply;

/// The uploads that are neither completed nor given up.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<BTreeMap<String, Upload>>);

#[derive(Debug)]
struct Upload {
    bucket: String,
    key: String,
    /// What the object will be but for its bytes.
    object: Object,
    parts: BTreeMap<u16, Object>,
    begun: Timestamp,
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

/// S3's highest part number.
const MOST_PARTS: u16 = 10_000;

/// `?uploads` and `?uploadId` of a key.
pub(super) fn answer(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    match (request.method, request.parameter("uploadId")) {
        (&Method::POST, None) => begin(objects, request),
        (&Method::PUT, Some(id)) => put(objects, request, id),
        (&Method::POST, Some(id)) => complete(objects, request, id),
        (&Method::DELETE, Some(id)) => {
            objects.uploads.lock().remove(id).ok_or_else(no_such_upload)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (&Method::GET, Some(id)) => list(objects, request, id),
        _ => Err(request.not_implemented()),
    }
}

fn begin(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    objects.region_of(&request.bucket)?;
    let id = uuid::Uuid::new_v4().simple().to_string();
    let upload = Upload {
        bucket: request.bucket.clone(),
        key: request.key.clone(),
        object: content::object(request, Vec::new()),
        parts: BTreeMap::new(),
        begun: Timestamp::now(),
    };
    objects.uploads.lock().insert(id.clone(), upload);
    let result = Element::new("InitiateMultipartUploadResult")
        .in_namespace(NAMESPACE)
        .with("Bucket", &request.bucket)
        .with("Key", &request.key)
        .with("UploadId", id);
    Ok(xml(StatusCode::OK, &result))
}

fn put(objects: &Objects, request: &Request<'_>, id: &str) -> Result<Reply, Refused> {
    if request.header("x-amz-copy-source").is_some() {
        return Err(request.not_implemented());
    }
    let number = request.parameter("partNumber").and_then(|text| text.parse().ok());
    let number = number.filter(|number| (1..=MOST_PARTS).contains(number)).ok_or_else(|| {
        Refused::new(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    })?;
    let part = Object::new(chunked::body(request)?, String::new());
    let mut reply = empty(StatusCode::OK);
    add_header(&mut reply, "etag", &format!("\"{}\"", part.etag));
    let mut uploads = objects.uploads.lock();
    uploads.get_mut(id).ok_or_else(no_such_upload)?.parts.insert(number, part);
    Ok(reply)
}

/// The parts named, in ascending order, become the object; its ETag is the MD5 of their MD5s and how many there are.
fn complete(objects: &Objects, request: &Request<'_>, id: &str) -> Result<Reply, Refused> {
    let text = std::str::from_utf8(request.body).map_err(|_| malformed_xml())?;
    let root = Element::parse(text).map_err(|_| malformed_xml())?;
    let mut uploads = objects.uploads.lock();
    let upload = uploads.get(id).ok_or_else(no_such_upload)?;
    let (mut body, mut digests, mut last, mut count) = (Vec::new(), Md5::new(), 0, 0);
    for named in root.all("Part") {
        let number: u16 = named
            .text_of("PartNumber")
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(malformed_xml)?;
        if number <= last {
            let text = "The list of parts was not in ascending order. Parts must be ordered by part number.";
            return Err(Refused::new(400, "InvalidPartOrder", text));
        }
        let etag = named.text_of("ETag").map(|text| text.trim().trim_matches('"'));
        let part = upload.parts.get(&number).filter(|part| etag == Some(part.etag.as_str()));
        let part = part.ok_or_else(invalid_part)?;
        body.extend_from_slice(&part.body);
        digests.update(Md5::digest(&part.body));
        (last, count) = (number, count + 1);
    }
    if count == 0 {
        return Err(malformed_xml());
    }
    let etag = format!("{}-{count}", hex(&digests.finalize()));
    let object = Object { body: body.into(), etag, modified: Timestamp::now(), ..upload.object.clone() };
    let result = Element::new("CompleteMultipartUploadResult")
        .in_namespace(NAMESPACE)
        .with("Location", request.head.uri.path())
        .with("Bucket", &upload.bucket)
        .with("Key", &upload.key)
        .with("ETag", format!("\"{}\"", object.etag));
    objects.put(&upload.bucket, &upload.key, object)?;
    uploads.remove(id);
    Ok(xml(StatusCode::OK, &result))
}

fn list(objects: &Objects, request: &Request<'_>, id: &str) -> Result<Reply, Refused> {
    let uploads = objects.uploads.lock();
    let upload = uploads.get(id).ok_or_else(no_such_upload)?;
    let parts = upload.parts.iter().map(|(number, part)| {
        Element::new("Part")
            .with("PartNumber", number)
            .with("LastModified", listing::time(part.modified))
            .with("ETag", format!("\"{}\"", part.etag))
            .with("Size", part.body.len())
    });
    let result = Element::new("ListPartsResult")
        .in_namespace(NAMESPACE)
        .with("Bucket", &request.bucket)
        .with("Key", &request.key)
        .with("UploadId", id)
        .with("IsTruncated", false)
        .holding_all(parts);
    Ok(xml(StatusCode::OK, &result))
}

/// The uploads of a bucket that are still open.
pub(super) fn list_uploads(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    objects.region_of(&request.bucket)?;
    let uploads = objects.uploads.lock();
    let open = uploads.iter().filter(|(_, upload)| upload.bucket == request.bucket).map(|(id, upload)| {
        Element::new("Upload")
            .with("Key", &upload.key)
            .with("UploadId", id)
            .with("Initiated", listing::time(upload.begun))
    });
    let result = Element::new("ListMultipartUploadsResult")
        .in_namespace(NAMESPACE)
        .with("Bucket", &request.bucket)
        .with("IsTruncated", false)
        .holding_all(open);
    Ok(xml(StatusCode::OK, &result))
}

fn no_such_upload() -> Refused {
    let text = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
                or completed.";
    Refused::new(404, "NoSuchUpload", text)
}

fn invalid_part() -> Refused {
    let text = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
                specified entity tag may not match the part's entity tag.";
    Refused::new(400, "InvalidPart", text)
}
