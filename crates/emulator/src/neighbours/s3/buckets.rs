//! Buckets: made, found, deleted, with their Region and policy.

use http::{Method, StatusCode};
use outcrop_wire::xml::Element;

use super::{NAMESPACE, Request, add_header, empty, listing, malformed_xml, parts, xml};
use crate::neighbours::objects::Objects;
use crate::neighbours::refusal::Refused;
use crate::reply::{Payload, Reply};

/// What is asked of the account as a whole: the list of its buckets.
pub(super) fn all(objects: &Objects, owner: &str, request: &Request<'_>) -> Result<Reply, Refused> {
    if *request.method != Method::GET {
        return Err(Refused::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ));
    }
    let prefix = request.parameter("prefix").unwrap_or_default();
    let region = request.parameter("bucket-region");
    let is_asked_for = |(name, at, _): &(String, String, jiff::Timestamp)| {
        name.starts_with(prefix) && region.is_none_or(|region| region == at)
    };
    let buckets = objects.buckets().into_iter().filter(is_asked_for).map(|(name, region, created)| {
        Element::new("Bucket")
            .with("Name", name)
            .with("CreationDate", listing::time(created))
            .with("BucketRegion", region)
    });
    let owner = Element::new("Owner").with("ID", owner);
    let all = Element::new("ListAllMyBucketsResult")
        .in_namespace(NAMESPACE)
        .holding(owner)
        .holding(Element::new("Buckets").holding_all(buckets));
    Ok(xml(StatusCode::OK, &all))
}

/// What is asked of one bucket.
pub(super) fn answer(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let bucket = request.bucket.as_str();
    match (request.method, request.subresource()) {
        (&Method::PUT, None) => create(objects, request),
        (&Method::HEAD, None) => found(objects, bucket),
        (&Method::DELETE, None) => {
            objects.delete_bucket(bucket)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (&Method::GET, None) if request.parameter("uploads").is_none() => listing::list(objects, request),
        (&Method::GET, None) => parts::list_uploads(objects, request),
        (&Method::GET, Some("location")) => location(objects, bucket),
        (&Method::POST, Some("delete")) => delete_objects(objects, request),
        (&Method::GET, Some("policy")) => policy(objects, bucket),
        (&Method::PUT, Some("policy")) => put_policy(objects, request),
        (&Method::DELETE, Some("policy")) => {
            objects.set_policy(bucket, None)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(request.not_implemented()),
    }
}

/// The Region is the one of `LocationConstraint`, which S3 wants everywhere but in us-east-1.
fn create(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let constraint = match request.body {
        [] => None,
        body => {
            let text = std::str::from_utf8(body).map_err(|_| malformed_xml())?;
            let root = Element::parse(text).map_err(|_| malformed_xml())?;
            root.text_of("LocationConstraint").map(str::to_owned)
        }
    };
    let is_legal = match constraint.as_deref() {
        None => request.region == DEFAULT_REGION,
        Some(constraint) => request.region == DEFAULT_REGION || constraint == request.region,
    };
    if !is_legal {
        let text = format!(
            "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
            constraint.as_deref().unwrap_or("unspecified")
        );
        return Err(Refused::new(400, "IllegalLocationConstraintException", text));
    }
    objects.create_bucket(&request.bucket, constraint.as_deref().unwrap_or(DEFAULT_REGION))?;
    let mut reply = empty(StatusCode::OK);
    add_header(&mut reply, "location", &format!("/{}", request.bucket));
    Ok(reply)
}

const DEFAULT_REGION: &str = "us-east-1";

fn found(objects: &Objects, bucket: &str) -> Result<Reply, Refused> {
    let mut reply = empty(StatusCode::OK);
    add_header(&mut reply, "x-amz-bucket-region", &objects.region_of(bucket)?);
    Ok(reply)
}

/// us-east-1 has no name here: that is S3's oldest habit.
fn location(objects: &Objects, bucket: &str) -> Result<Reply, Refused> {
    let region = objects.region_of(bucket)?;
    let mut root = Element::new("LocationConstraint").in_namespace(NAMESPACE);
    if region != DEFAULT_REGION {
        root.text = region;
    }
    Ok(xml(StatusCode::OK, &root))
}

fn policy(objects: &Objects, bucket: &str) -> Result<Reply, Refused> {
    let none = || Refused::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist");
    let document = objects.policy(bucket)?.ok_or_else(none)?;
    Ok(Reply::new(StatusCode::OK, "application/json", Payload::Whole(document.into())))
}

fn put_policy(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let is_policy = serde_json::from_slice::<serde_json::Value>(request.body)
        .is_ok_and(|document| document["Statement"].is_array() || document["Statement"].is_object());
    let document = std::str::from_utf8(request.body).ok().filter(|_| is_policy).map(str::to_owned);
    let refused = || Refused::new(400, "MalformedPolicy", "Policies must be valid JSON and have a statement");
    objects.set_policy(&request.bucket, Some(document.ok_or_else(refused)?))?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn delete_objects(objects: &Objects, request: &Request<'_>) -> Result<Reply, Refused> {
    let text = std::str::from_utf8(request.body).map_err(|_| malformed_xml())?;
    let root = Element::parse(text).map_err(|_| malformed_xml())?;
    let is_quiet = root.text_of("Quiet").is_some_and(|quiet| quiet.trim() == "true");
    let mut result = Element::new("DeleteResult").in_namespace(NAMESPACE);
    for object in root.all("Object") {
        let key = object.text_of("Key").ok_or_else(malformed_xml)?;
        objects.delete(&request.bucket, key)?;
        if !is_quiet {
            result = result.holding(Element::new("Deleted").with("Key", key));
        }
    }
    Ok(xml(StatusCode::OK, &result))
}
