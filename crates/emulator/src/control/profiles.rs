//! `CreateInferenceProfile`, `GetInferenceProfile`, `ListInferenceProfiles`, `DeleteInferenceProfile`.

use http::StatusCode;
use outcrop_catalog::SystemProfile;
use outcrop_wire::bedrock::ErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::store::Profile;
use super::{Context, internal, list, resource, tags};
use crate::facts::{Standing, routed_models};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::state::State;

/// `POST /inference-profiles` → 201.
///
/// # Errors
/// Validation, Conflict (name taken, or token used for something else), TooManyTags, ServiceQuotaExceeded.
pub(super) fn create(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let tags = tags::of(&input, "tags")?;
    let request: Create = super::read(input)?;
    let region = ctx.region;
    let models = source_models(ctx.state, &request.model_source.copy_from, region)?;
    let id = resource::new_id(ctx.state);
    let profile = Profile {
        arn: ctx.state.arn(region, &format!("application-inference-profile/{id}")),
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
    let arn = ctx.state.account.change(|account| add(&mut account.profiles, profile)).map_err(internal)?;
    Ok(ctx.answer(json!({ "inferenceProfileArn": arn, "status": "ACTIVE" })))
}

/// `GET /inference-profiles/{id or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let Named { identifier } = super::read(input)?;
    let found = application(ctx.state, &identifier, ctx.region)
        .or_else(|| system(ctx.state, &identifier, ctx.region));
    found.map(|profile| Reply::json(StatusCode::OK, &profile)).ok_or_else(not_found)
}

/// `GET /inference-profiles?type=&maxResults=&nextToken=`; unknown keys are passed over.
///
/// # Errors
/// Validation of `nextToken`.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let (state, region) = (ctx.state, ctx.region);
    let only = input["typeEquals"].as_str();
    let system = state.facts.profiles_of(region);
    let system = system.iter().map(|profile| Description::of_system(state, profile, region));
    let own = state.account.profiles_of(region).into_iter().map(Description::of);
    let all =
        system.chain(own).filter(|profile| only.is_none_or(|only| profile.profile_type == only)).collect();
    let (summaries, next) = list::page(all, &input)?;
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
pub(super) fn delete(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let Named { identifier } = super::read(input)?;
    let Some(profile) = ctx.state.account.profile(&identifier, ctx.region) else {
        return Err(match system(ctx.state, &identifier, ctx.region) {
            Some(_) => Failure::validation("System-defined inference profiles cannot be deleted."),
            None => not_found(),
        });
    };
    let changed = ctx.state.account.change(|account| {
        account.profiles.retain(|kept| kept.arn != profile.arn);
        Ok::<(), super::Refused>(())
    });
    changed.map_err(internal)?;
    Ok(ctx.answer(json!({})))
}

/// Service Quotas L-40EC9882 (reference `bedrock.md` §1.10).
pub(crate) const QUOTA: usize = 1_000;
const SYSTEM: &str = "SYSTEM_DEFINED";
const APPLICATION: &str = "APPLICATION";

/// The input of the operations on one profile.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "inferenceProfileIdentifier")]
    identifier: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    inference_profile_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    client_request_token: Option<String>,
    model_source: ModelSource,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelSource {
    copy_from: String,
}

/// The models of a foundation-model ARN or of a system profile's ARN; an application profile cannot be copied.
fn source_models(state: &State, source: &str, region: &str) -> Result<Vec<String>, Failure> {
    // The pattern of the service model lets only these two kinds of ARN come here.
    let malformed = || Failure::validation("The provided model identifier is invalid.");
    let parts: Vec<&str> = source.splitn(6, ':').collect();
    let ["arn", _, "bedrock", source_region, owner, resource] = parts[..] else { return Err(malformed()) };
    let (kind, id) = resource.split_once('/').ok_or_else(malformed)?;
    let models = match kind {
        "foundation-model" => match state.facts.standing(id, region) {
            Standing::OnDemand | Standing::ProfileOnly => Some(vec![source.to_owned()]),
            Standing::Retired | Standing::Unknown => None,
        },
        "inference-profile" => state.facts.profile(id, region).map(|profile| routed_models(profile, region)),
        _ => return Err(malformed()),
    };
    // The Region must be the endpoint's and the account the caller's (reference `bedrock.md` §3 and §5).
    models
        .filter(|_| source_region == region && (owner.is_empty() || owner == state.number))
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
pub(super) fn conflict() -> Failure {
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
            inference_profile_arn: state.system_arn(region, &profile.id),
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
    state.account.profile(identifier, region).map(Description::of)
}

/// A system profile by its id or its ARN in this Region.
fn system(state: &State, identifier: &str, region: &str) -> Option<Description> {
    let id = identifier.strip_prefix(&state.system_arn(region, "")).unwrap_or(identifier);
    let profile = state.facts.profile(id, region)?;
    Some(Description::of_system(state, profile, region))
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
    iso(jiff::Timestamp::now())
}

/// A time as AWS writes it.
pub(crate) fn iso(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
