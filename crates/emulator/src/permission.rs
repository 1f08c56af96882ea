//! What an operation takes in IAM: its action, and every resource it touches.
//!
//! An invocation through a profile takes the action on the profile *and* on the model wherever the profile may route to;
//! for a global one also on the model's ARN without a Region (reference `bedrock.md` §5). Converse has no action of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use outcrop_wire::bedrock::ErrorKind;

use crate::ACCOUNT;
use crate::access::Caller;
use crate::facts::{model_arn, routed_models};
use crate::failure::Failure;
use crate::neighbours::denials::Refusal;
use crate::neighbours::iam::policy::Question;
use crate::operation::{Operation, Runtime};
use crate::state::State;

/// Refuses what the caller's policies and the organisation's do not let it do.
///
/// # Errors
/// AccessDenied, in AWS's words.
pub(crate) fn check(state: &State, caller: &Caller, operation: &Operation) -> Result<(), Failure> {
    let identities = state.identities.lock();
    if identities.is_administrator(&caller.principal) && state.denials.is_empty() {
        return Ok(());
    }
    for Needed { action, resource, region, through } in needed(state, operation, &caller.region) {
        let mut context = BTreeMap::from([(REQUESTED_REGION.to_owned(), vec![region])]);
        context.extend(through.map(|profile| (INFERENCE_PROFILE.to_owned(), vec![profile])));
        let question = Question { action: &action, resource: &resource, principals: &[], context: &context };
        let own = identities.decide(&caller.principal, &question);
        if let Some(refusal) = Refusal::of(state.denials.decide(&question), own) {
            let sentence = refusal.sentence(&caller.principal.arn(), &action, &resource);
            return Err(Failure::new(ErrorKind::AccessDenied, sentence));
        }
    }
    Ok(())
}

/// Where a request goes; `unspecified` for the part of a global profile that has no Region (reference `bedrock.md` §5).
const REQUESTED_REGION: &str = "aws:requestedregion";
/// The profile that a model is invoked through.
const INFERENCE_PROFILE: &str = "bedrock:inferenceprofilearn";

/// One action on one resource.
struct Needed {
    action: Cow<'static, str>,
    resource: String,
    region: String,
    through: Option<String>,
}

fn needed(state: &State, operation: &Operation, region: &str) -> Vec<Needed> {
    let on = |action: &'static str, resource: String| {
        vec![Needed { action: action.into(), resource, region: region.to_owned(), through: None }]
    };
    match operation {
        Operation::Runtime { kind: Runtime::CountTokens, model } => {
            on("bedrock:CountTokens", bare(model, region))
        }
        Operation::Runtime { kind, model } => invocation(state, action_of(*kind), model, region),
        Operation::Control { operation, labels } => {
            let named = labels.first().map(|(label, value)| (*label, value.as_str()));
            let resource = match (operation.name.as_str(), named) {
                ("CreateInferenceProfile", _) => {
                    format!("arn:aws:bedrock:{region}:{ACCOUNT}:application-inference-profile/*")
                }
                (_, Some(("inferenceProfileIdentifier", id))) => profile_arn(state, id, region),
                ("GetFoundationModel", Some((_, id))) => bare(id, region),
                (_, Some((_, arn))) if arn.starts_with("arn:") => arn.to_owned(),
                _ => "*".to_owned(),
            };
            vec![Needed {
                action: format!("bedrock:{}", operation.name).into(),
                resource,
                region: region.to_owned(),
                through: None,
            }]
        }
    }
}

fn action_of(kind: Runtime) -> &'static str {
    match kind {
        Runtime::ConverseStream | Runtime::InvokeModelWithResponseStream => {
            "bedrock:InvokeModelWithResponseStream"
        }
        Runtime::Converse | Runtime::InvokeModel | Runtime::CountTokens => "bedrock:InvokeModel",
    }
}

fn invocation(state: &State, action: &'static str, identifier: &str, region: &str) -> Vec<Needed> {
    let Some((profile, models)) = routes(state, identifier, region) else {
        let resource = bare(identifier, region);
        return vec![Needed { action: action.into(), resource, region: region.to_owned(), through: None }];
    };
    let legs = models.into_iter().map(|model| {
        let at =
            model.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("unspecified").to_owned();
        Needed { action: action.into(), resource: model, region: at, through: Some(profile.clone()) }
    });
    let first =
        Needed { action: action.into(), resource: profile.clone(), region: region.to_owned(), through: None };
    std::iter::once(first).chain(legs).collect()
}

/// A profile's ARN and the models it routes to; `None` for what is no profile.
fn routes(state: &State, identifier: &str, region: &str) -> Option<(String, Vec<String>)> {
    if let Some(profile) = state.account.profile(identifier, region) {
        return Some((profile.arn, profile.models));
    }
    let id = identifier.rsplit_once("inference-profile/").map_or(identifier, |(_, id)| id);
    let profile = state.facts.profile(id, region)?;
    Some((system_arn(id, region), routed_models(profile, region)))
}

fn profile_arn(state: &State, identifier: &str, region: &str) -> String {
    match routes(state, identifier, region) {
        Some((arn, _)) => arn,
        None if identifier.starts_with("arn:") => identifier.to_owned(),
        None => system_arn(identifier, region),
    }
}

fn system_arn(id: &str, region: &str) -> String {
    format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{id}")
}

fn bare(identifier: &str, region: &str) -> String {
    if identifier.starts_with("arn:") { identifier.to_owned() } else { model_arn(region, identifier) }
}
