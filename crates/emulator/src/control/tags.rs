//! `TagResource`, `UntagResource`, `ListTagsForResource`, on application profiles.

use std::collections::BTreeMap;

use http::StatusCode;
use outcrop_wire::bedrock::ErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::internal;
use super::profiles::not_found;
use super::store::Profile;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::state::State;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tag {
    key: String,
    value: String,
}

/// `POST /tagResource`.
pub(crate) fn tag(state: &State, body: &[u8], region: &str) -> Result<Reply, Failure> {
    #[derive(Deserialize)]
    struct Request {
        #[serde(rename = "resourceARN")]
        resource_arn: String,
        tags: Vec<Tag>,
    }
    let Request { resource_arn, tags } = super::read(body)?;
    change(state, &resource_arn, region, |profile| {
        profile.tags = merge(&profile.tags, &tags, &resource_arn)?;
        Ok(())
    })
}

/// `POST /untagResource`.
pub(crate) fn untag(state: &State, body: &[u8], region: &str) -> Result<Reply, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Request {
        #[serde(rename = "resourceARN")]
        resource_arn: String,
        tag_keys: Vec<String>,
    }
    let Request { resource_arn, tag_keys } = super::read(body)?;
    change(state, &resource_arn, region, |profile| {
        profile.tags.retain(|key, _| !tag_keys.contains(key));
        Ok(())
    })
}

/// `POST /listTagsForResource`.
pub(crate) fn list(state: &State, body: &[u8], region: &str) -> Result<Reply, Failure> {
    #[derive(Deserialize)]
    struct Request {
        #[serde(rename = "resourceARN")]
        resource_arn: String,
    }
    let Request { resource_arn } = super::read(body)?;
    let profile = state.profiles.find(&resource_arn, region).ok_or_else(not_found)?;
    let tags: Vec<Tag> = profile.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "tags": tags })))
}

/// The tags with the new ones over them.
///
/// # Errors
/// Validation of keys and values; TooManyTags.
pub(super) fn merge(
    known: &BTreeMap<String, String>,
    tags: &[Tag],
    resource: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    /// AWS's general limit for a resource (assumed for Bedrock, reference `bedrock.md` §1.2).
    const MOST: usize = 50;
    let mut merged = known.clone();
    for (index, Tag { key, value }) in tags.iter().enumerate() {
        let is_legal = |text: &str| {
            text.chars().all(|c| c.is_ascii_alphanumeric() || c.is_whitespace() || "._:/=+@-".contains(c))
        };
        if !(1..=128).contains(&key.chars().count()) || !is_legal(key) {
            return Err(super::not_in_pattern(
                key,
                &format!("tags.{}.member.key", index + 1),
                r"[a-zA-Z0-9\s._:/=+@-]*",
            ));
        }
        if value.chars().count() > 256 || !is_legal(value) {
            return Err(super::not_in_pattern(
                value,
                &format!("tags.{}.member.value", index + 1),
                r"[a-zA-Z0-9\s._:/=+@-]*",
            ));
        }
        merged.insert(key.clone(), value.clone());
    }
    if merged.len() > MOST {
        let text = format!("The number of tags on {resource} exceeds the limit of {MOST}.");
        return Err(Failure::new(ErrorKind::TooManyTags, text));
    }
    Ok(merged)
}

fn change(
    state: &State,
    arn: &str,
    region: &str,
    change: impl FnOnce(&mut Profile) -> Result<(), Failure>,
) -> Result<Reply, Failure> {
    state
        .profiles
        .change(|profiles| {
            let profile = profiles.iter_mut().find(|profile| profile.arn == arn && profile.region == region);
            change(profile.ok_or_else(not_found)?).map_err(super::Refused::from)
        })
        .map_err(internal)?;
    Ok(Reply::json(StatusCode::OK, &json!({})))
}
