//! `CreateInferenceProfile`, `GetInferenceProfile`, `ListInferenceProfiles`, `DeleteInferenceProfile`.

use http::StatusCode;
use serde::Serialize;

use super::store::Profile;
use crate::ACCOUNT;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::state::State;

/// `GET /inference-profiles/{id or ARN}`.
pub(crate) fn get(state: &State, identifier: &str, region: &str) -> Result<Reply, Failure> {
    let found = application(state, identifier, region).or_else(|| system(state, identifier, region));
    found.map(|profile| Reply::json(StatusCode::OK, &profile)).ok_or_else(not_found)
}

/// A profile as AWS describes it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Description {
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    pub(crate) inference_profile_arn: String,
    inference_profile_id: String,
    inference_profile_name: String,
    models: Vec<ModelRef>,
    status: &'static str,
    #[serde(rename = "type")]
    profile_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelRef {
    model_arn: String,
}

impl Description {
    fn of(profile: Profile) -> Self {
        Self {
            created_at: Some(profile.created_at.clone()),
            description: profile.description,
            inference_profile_arn: profile.arn,
            inference_profile_id: profile.id,
            inference_profile_name: profile.name,
            models: models(profile.models),
            status: "ACTIVE",
            profile_type: "APPLICATION",
            updated_at: Some(profile.created_at),
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
    let arn_prefix = format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/");
    let id = identifier.strip_prefix(&arn_prefix).unwrap_or(identifier);
    let destinations = state.facts.destinations(id, region)?;
    Some(Description {
        created_at: None,
        description: None,
        inference_profile_arn: format!("{arn_prefix}{id}"),
        inference_profile_id: id.to_owned(),
        inference_profile_name: id.to_owned(),
        models: models(destinations),
        status: "ACTIVE",
        profile_type: "SYSTEM_DEFINED",
        updated_at: None,
    })
}

/// Source: recorded for `DeleteInferenceProfile` (reference `bedrock.md` §5).
fn not_found() -> Failure {
    Failure::not_found(
        "The specified resource Amazon Resource Name (ARN) was not found. Check the Amazon Resource Name (ARN) and try \
         your request again.",
    )
}

/// The time as AWS writes it: ISO 8601 with microseconds.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
