//! `CreateInferenceProfile`, `GetInferenceProfile`, `ListInferenceProfiles`, `DeleteInferenceProfile`.

use std::collections::BTreeMap;

use http::StatusCode;
use outcrop_catalog::SystemProfile;
use outcrop_wire::bedrock::ErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::store::Profile;
use super::{internal, page, tags};
use crate::ACCOUNT;
use crate::facts::{Standing, routed_models};
use crate::failure::Failure;
use crate::operation::query_pairs;
use crate::reply::Reply;
use crate::state::{BASE36, State};

/// `POST /inference-profiles` → 201.
///
/// # Errors
/// Validation, Conflict (name taken, or token used for something else), TooManyTags, ServiceQuotaExceeded.
pub(crate) fn create(state: &State, body: &[u8], region: &str) -> Result<Reply, Failure> {
    let request: Create = super::read(body)?;
    let tags = request.check()?;
    let models = source_models(state, &request.model_source.copy_from, region)?;
    let id = unused_id(state, region);
    let profile = Profile {
        arn: format!("arn:aws:bedrock:{region}:{ACCOUNT}:application-inference-profile/{id}"),
        id,
        region: region.to_owned(),
        name: request.inference_profile_name,
        description: request.description,
        created_at: now(),
        source: request.model_source.copy_from,
        models,
        tags,
        client_request_token: request.client_request_token,
    };
    let arn = state.profiles.change(|profiles| add(profiles, profile)).map_err(internal)?;
    Ok(Reply::json(StatusCode::CREATED, &json!({ "inferenceProfileArn": arn, "status": "ACTIVE" })))
}

/// `GET /inference-profiles/{id or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(crate) fn get(state: &State, identifier: &str, region: &str) -> Result<Reply, Failure> {
    let found = application(state, identifier, region).or_else(|| system(state, identifier, region));
    found.map(|profile| Reply::json(StatusCode::OK, &profile)).ok_or_else(not_found)
}

/// `GET /inference-profiles?type=&maxResults=&nextToken=`; unknown keys are passed over.
///
/// # Errors
/// Validation of `type`, `maxResults` and `nextToken`.
pub(crate) fn list(state: &State, query: &str, region: &str) -> Result<Reply, Failure> {
    let mut only = None;
    for (name, value) in query_pairs(query) {
        match (name.as_str(), value.as_str()) {
            ("type", "SYSTEM_DEFINED") => only = Some(SYSTEM),
            ("type", "APPLICATION") => only = Some(APPLICATION),
            ("type", other) => return Err(super::not_in_enum(other, "typeEquals", &[SYSTEM, APPLICATION])),
            _ => {}
        }
    }
    let system = state.facts.profiles_of(region);
    let system = system.iter().map(|profile| Description::of_system(state, profile, region));
    let own = state.profiles.of_region(region).into_iter().map(Description::of);
    let all =
        system.chain(own).filter(|profile| only.is_none_or(|only| profile.profile_type == only)).collect();
    let (summaries, next) = page(all, query)?;
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        inference_profile_summaries: Vec<Description>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    }
    Ok(Reply::json(StatusCode::OK, &Answer { inference_profile_summaries: summaries, next_token: next }))
}

/// `DELETE /inference-profiles/{id or ARN}`.
///
/// # Errors
/// ResourceNotFound; Validation for a system profile, which nobody can delete.
pub(crate) fn delete(state: &State, identifier: &str, region: &str) -> Result<Reply, Failure> {
    let Some(profile) = state.profiles.find(identifier, region) else {
        return Err(match system(state, identifier, region) {
            Some(_) => Failure::validation("System-defined inference profiles cannot be deleted."),
            None => not_found(),
        });
    };
    state
        .profiles
        .change(|profiles| {
            profiles.retain(|kept| kept.arn != profile.arn);
            Ok::<(), super::Refused>(())
        })
        .map_err(internal)?;
    Ok(Reply::json(StatusCode::OK, &json!({})))
}

/// An id that no profile has, also none from before a restart.
fn unused_id(state: &State, region: &str) -> String {
    let ids = std::iter::repeat_with(|| state.new_id(BASE36, ID_LENGTH));
    let mut unused = ids.filter(|id| state.profiles.find(id, region).is_none());
    unused.next().expect("there are more ids than any quota of profiles")
}

/// Recorded ids have twelve characters.
const ID_LENGTH: usize = 12;
/// Service Quotas L-40EC9882 (reference `bedrock.md` §1.10).
const QUOTA: usize = 1_000;
const SYSTEM: &str = "SYSTEM_DEFINED";
const APPLICATION: &str = "APPLICATION";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    inference_profile_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    client_request_token: Option<String>,
    model_source: ModelSource,
    #[serde(default)]
    tags: Vec<tags::Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelSource {
    copy_from: String,
}

impl Create {
    /// The patterns of the service model (reference `bedrock.md` §1.2); hands out the tags.
    fn check(&self) -> Result<BTreeMap<String, String>, Failure> {
        let name = self.inference_profile_name.as_str();
        if !(1..=64).contains(&name.len()) || !is_spaced_words(name, "") {
            return Err(super::not_in_pattern(name, "inferenceProfileName", "([0-9a-zA-Z][ _-]?)+"));
        }
        let is_description = |text: &str| (1..=200).contains(&text.len()) && is_spaced_words(text, ":.");
        if let Some(text) = self.description.as_deref().filter(|text| !is_description(text)) {
            return Err(super::not_in_pattern(text, "description", "([0-9a-zA-Z:.][ _-]?)+"));
        }
        if let Some(token) = self.client_request_token.as_deref().filter(|token| !is_token(token)) {
            let pattern = "[a-zA-Z0-9]([-a-zA-Z0-9]{0,254}[a-zA-Z0-9])?";
            return Err(super::not_in_pattern(token, "clientRequestToken", pattern));
        }
        tags::merge(&BTreeMap::new(), &self.tags, "")
    }
}

/// `([0-9a-zA-Z<extra>][ _-]?)+`: no separator first, none doubled.
fn is_spaced_words(text: &str, extra: &str) -> bool {
    let mut after_word = false;
    for c in text.chars() {
        let is_word = c.is_ascii_alphanumeric() || extra.contains(c);
        let is_separator = after_word && " _-".contains(c);
        if !is_word && !is_separator {
            return false;
        }
        after_word = is_word;
    }
    !text.is_empty()
}

fn is_token(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 256
        && text.starts_with(is_word)
        && text.ends_with(is_word)
        && text.chars().all(|c| is_word(c) || c == '-')
}

/// The models of a foundation-model ARN or of a system profile's ARN; an application profile cannot be copied.
fn source_models(state: &State, source: &str, region: &str) -> Result<Vec<String>, Failure> {
    const PATTERN: &str = "arn:aws(|-us-gov|-cn|-iso|-iso-b):bedrock:(|[0-9a-z-]{0,20}):(|[0-9]{12}):(inference-profile|foundation-model)/[a-zA-Z0-9-:.]+";
    let malformed = || super::not_in_pattern(source, "modelSource.copyFrom", PATTERN);
    let parts: Vec<&str> = source.splitn(6, ':').collect();
    let ["arn", _, "bedrock", source_region, _, resource] = parts[..] else { return Err(malformed()) };
    let (kind, id) = resource.split_once('/').ok_or_else(malformed)?;
    let models = match kind {
        "foundation-model" => match state.facts.standing(id, region) {
            Standing::OnDemand | Standing::ProfileOnly => Some(vec![source.to_owned()]),
            Standing::Retired | Standing::Unknown => None,
        },
        "inference-profile" => state.facts.profile(id, region).map(|profile| routed_models(profile, region)),
        _ => return Err(malformed()),
    };
    // The Region must be the endpoint's: profiles are regional (reference `bedrock.md` §3).
    models
        .filter(|_| source_region == region)
        .ok_or_else(|| Failure::validation("The provided model identifier is invalid."))
}

/// Adds a profile and tells its ARN: the existing one when the same token asked for the same before.
fn add(profiles: &mut Vec<Profile>, profile: Profile) -> Result<String, super::Refused> {
    let here = |known: &&Profile| known.region == profile.region;
    let same_token = profile.client_request_token.as_ref().and_then(|token| {
        profiles.iter().filter(here).find(|known| known.client_request_token.as_ref() == Some(token))
    });
    if let Some(known) = same_token {
        let is_same = known.name == profile.name
            && known.source == profile.source
            && known.description == profile.description
            && known.tags == profile.tags;
        return if is_same { Ok(known.arn.clone()) } else { Err(conflict().into()) };
    }
    if profiles.iter().filter(here).any(|known| known.name == profile.name) {
        return Err(conflict().into());
    }
    if profiles.iter().filter(here).count() >= QUOTA {
        let text = format!("You have reached the quota of {QUOTA} inference profiles per account.");
        return Err(Failure::new(ErrorKind::ServiceQuotaExceeded, text).into());
    }
    let arn = profile.arn.clone();
    profiles.push(profile);
    Ok(arn)
}

/// Recorded (reference `bedrock.md` §5).
fn conflict() -> Failure {
    Failure::new(ErrorKind::Conflict, "Error occurred because of a conflict while performing an operation.")
}

/// A profile as AWS describes it. Members stand in alphabetical order, as on the wire.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    inference_profile_arn: String,
    inference_profile_id: String,
    inference_profile_name: String,
    models: Vec<ModelRef>,
    status: &'static str,
    #[serde(rename = "type")]
    profile_type: &'static str,
    updated_at: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelRef {
    model_arn: String,
}

impl Description {
    fn of(profile: Profile) -> Self {
        Self {
            created_at: profile.created_at.clone(),
            description: profile.description,
            inference_profile_arn: profile.arn,
            inference_profile_id: profile.id,
            inference_profile_name: profile.name,
            models: models(profile.models),
            status: "ACTIVE",
            profile_type: APPLICATION,
            updated_at: profile.created_at,
        }
    }

    fn of_system(state: &State, profile: &SystemProfile, region: &str) -> Self {
        /// When AWS made its profiles; the catalog does not say, so one date stands for all.
        const MADE: &str = "2025-01-01T00:00:00.000000Z";
        let model = state.facts.model(&profile.model);
        let name = model.and_then(|model| model.name.as_deref()).unwrap_or(&profile.model);
        let publisher = model.and_then(|model| model.publisher.as_deref()).unwrap_or_default();
        let full_name = format!("{publisher} {name}");
        let destinations = profile.destinations(region).unwrap_or_default().join(", ");
        Self {
            created_at: MADE.to_owned(),
            description: Some(format!("Routes requests to {} in {destinations}.", full_name.trim())),
            inference_profile_arn: system_arn(region, &profile.id),
            inference_profile_id: profile.id.clone(),
            inference_profile_name: format!("{} {}", profile.geography.to_uppercase(), full_name.trim()),
            models: models(routed_models(profile, region)),
            status: "ACTIVE",
            profile_type: SYSTEM,
            updated_at: MADE.to_owned(),
        }
    }
}

fn models(arns: Vec<String>) -> Vec<ModelRef> {
    arns.into_iter().map(|model_arn| ModelRef { model_arn }).collect()
}

fn application(state: &State, identifier: &str, region: &str) -> Option<Description> {
    state.profiles.find(identifier, region).map(Description::of)
}

/// A system profile by its id or its ARN in this Region.
fn system(state: &State, identifier: &str, region: &str) -> Option<Description> {
    let id = identifier.strip_prefix(&system_arn(region, "")).unwrap_or(identifier);
    let profile = state.facts.profile(id, region)?;
    Some(Description::of_system(state, profile, region))
}

fn system_arn(region: &str, id: &str) -> String {
    format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{id}")
}

/// Recorded for `DeleteInferenceProfile` (reference `bedrock.md` §5).
pub(super) fn not_found() -> Failure {
    Failure::not_found(
        "The specified resource Amazon Resource Name (ARN) was not found. Check the Amazon Resource Name (ARN) and try \
         your request again.",
    )
}

/// The time as AWS writes it: ISO 8601 with microseconds.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
