//! `TagResource`, `UntagResource`, `ListTagsForResource`, on everything that has an ARN of the account.

use http::StatusCode;
use outcrop_wire::bedrock::ErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::profiles::not_found;
use super::store::Tags;
use super::{Context, Refused, internal};
use crate::failure::Failure;
use crate::reply::Reply;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tag {
    key: String,
    value: String,
}

/// `POST /tagResource`.
///
/// # Errors
/// ResourceNotFound, TooManyTags.
pub(super) fn tag(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let new: Vec<Tag> = super::read(input["tags"].clone())?;
    let Request { resource_arn } = super::read(input)?;
    change(ctx, &resource_arn, |tags| {
        *tags = merge(tags, new, &resource_arn)?;
        Ok(())
    })
}

/// `POST /untagResource`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn untag(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let keys: Vec<String> = super::read(input["tagKeys"].clone())?;
    let Request { resource_arn } = super::read(input)?;
    change(ctx, &resource_arn, |tags| {
        tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
}

/// `POST /listTagsForResource`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let Request { resource_arn } = super::read(input)?;
    let tags = ctx.state.account.read(|account| account.tags(&resource_arn, ctx.region).cloned());
    let tags: Vec<Tag> =
        tags.ok_or_else(not_found)?.into_iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(ctx.answer(json!({ "tags": tags })))
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "resourceARN")]
    resource_arn: String,
}

/// The tags in a member of an input.
///
/// # Errors
/// TooManyTags.
pub(super) fn of(input: &Value, member: &str) -> Result<Tags, Failure> {
    match input.get(member).filter(|tags| !tags.is_null()) {
        Some(tags) => merge(&Tags::new(), super::read(tags.clone())?, "the resource"),
        None => Ok(Tags::new()),
    }
}

/// The tags with the new ones over them.
fn merge(known: &Tags, new: Vec<Tag>, resource: &str) -> Result<Tags, Failure> {
    /// AWS's general limit for a resource (assumed for Bedrock, reference `bedrock.md` §1.2).
    const MOST: usize = 50;
    let mut merged = known.clone();
    merged.extend(new.into_iter().map(|Tag { key, value }| (key, value)));
    if merged.len() > MOST {
        let text = format!("The number of tags on {resource} exceeds the limit of {MOST}.");
        return Err(Failure::new(ErrorKind::TooManyTags, text));
    }
    Ok(merged)
}

fn change(
    ctx: &Context<'_>,
    arn: &str,
    change: impl FnOnce(&mut Tags) -> Result<(), Failure>,
) -> Result<Reply, Failure> {
    let changed = ctx.state.account.change(|account| {
        let tags = account.tags_mut(arn, ctx.region).ok_or_else(not_found)?;
        change(tags).map_err(Refused::from)
    });
    changed.map_err(internal)?;
    Ok(Reply::json(StatusCode::OK, &json!({})))
}
