//! What an operation takes in IAM: its action, and every resource it touches.
//!
//! An invocation through a profile takes the action on the profile *and* on the model wherever the profile may route to;
//! for a global one also on the model's ARN without a Region (reference `bedrock.md` §5). Converse has no action of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use outcrop_wire::bedrock::ErrorKind;

use crate::access::Caller;
use crate::accounts::is_account;
use crate::facts::{model_arn, routed_models};
use crate::failure::Failure;
use crate::neighbours::denials::{Kind, Refusal};
use crate::neighbours::iam::policy::Question;
use crate::operation::{Operation, Runtime};
use crate::state::State;

/// Refuses what the caller's policies and the organisation's do not let it do, and what is another account's.
///
/// # Errors
/// AccessDenied, in AWS's words.
pub(crate) fn check(state: &State, caller: &Caller, operation: &Operation) -> Result<(), Failure> {
    if is_of_another_account(named(operation), &state.number) {
        let refused = needed(state, operation, &caller.region).into_iter().next();
        return refused.map_or(Ok(()), |needed| Err(denied(caller, &needed, NO_RESOURCE_POLICY)));
    }
    demand(state, caller, "bedrock:CallWithBearerToken", || needed(state, operation, &caller.region))
}

/// Refuses an inference on mantle, whose rights are its own and on a project, as [`check`] does.
/// Source: AWS's managed policy `AmazonBedrockMantleInferenceAccess`; the service authorization reference of `bedrock-mantle`.
///
/// # Errors
/// AccessDenied, in AWS's words.
pub(crate) fn check_mantle(state: &State, caller: &Caller) -> Result<(), Failure> {
    let resource = state.home(&caller.region).arn("bedrock-mantle", "project/default");
    let create = || {
        vec![Needed {
            action: "bedrock-mantle:CreateInference".into(),
            resource,
            region: caller.region.clone(),
            through: None,
        }]
    };
    demand(state, caller, "bedrock-mantle:CallWithBearerToken", create)
}

/// Refuses what a policy does not allow, or denies: `by_key` for callers with an API key, and what is needed.
fn demand(
    state: &State,
    caller: &Caller,
    by_key: &'static str,
    needed: impl FnOnce() -> Vec<Needed>,
) -> Result<(), Failure> {
    let identities = state.identities.lock();
    if identities.is_administrator(&caller.principal) && state.denials.is_empty() {
        return Ok(());
    }
    let principal = identities.context_of(&caller.principal);
    for needed in calling(caller, by_key).into_iter().chain(needed()) {
        let context = needed.context(state, &principal);
        let question = Question {
            action: &needed.action,
            resource: &needed.resource,
            principals: &[],
            context: &context,
        };
        let own = identities.decide(&caller.principal, &question);
        if let Some(refusal) = Refusal::of(state.denials.decide(&question), own) {
            return Err(denied(caller, &needed, refusal));
        }
    }
    Ok(())
}

fn denied(caller: &Caller, needed: &Needed, refusal: Refusal) -> Failure {
    let sentence = refusal.sentence(&caller.principal.arn(), &needed.action, &needed.resource);
    Failure::new(ErrorKind::AccessDenied, sentence)
}

/// What of another account would take: a policy on the resource, which profiles have none of. Whoever is to use them assumes a role there.
const NO_RESOURCE_POLICY: Refusal = Refusal { kind: Kind::Resource, is_explicit: false };

/// What an operation names.
fn named(operation: &Operation) -> &str {
    match operation {
        Operation::Runtime { model, .. } => model,
        Operation::Control { labels, .. } => labels.first().map_or("", |(_, value)| value),
    }
}

/// Whether an ARN of Bedrock's says another account. Those of foundation models say none.
fn is_of_another_account(arn: &str, account: &str) -> bool {
    let mut parts = arn.split(':').skip(2);
    let (service, owner) = (parts.next(), parts.nth(1));
    service == Some("bedrock") && owner.is_some_and(|owner| is_account(owner) && owner != account)
}

/// What a call with an API key takes beside what it does.
fn calling(caller: &Caller, by_key: &'static str) -> Option<Needed> {
    caller.is_bearer.then(|| Needed {
        action: by_key.into(),
        resource: "*".to_owned(),
        region: caller.region.clone(),
        through: None,
    })
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

impl Needed {
    /// What policies can ask: of the principal, of the request, of the resource.
    fn context(
        &self,
        state: &State,
        principal: &BTreeMap<String, Vec<String>>,
    ) -> BTreeMap<String, Vec<String>> {
        let mut context = principal.clone();
        context.insert(REQUESTED_REGION.to_owned(), vec![self.region.clone()]);
        if let Some(profile) = &self.through {
            context.insert(INFERENCE_PROFILE.to_owned(), vec![profile.clone()]);
        }
        let tags = state.account.read(|account| account.tags(&self.resource, &self.region).cloned());
        for (key, value) in tags.unwrap_or_default() {
            context.insert(format!("aws:resourcetag/{}", key.to_ascii_lowercase()), vec![value]);
        }
        context
    }
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
                ("CreateInferenceProfile", _) => state.arn(region, "application-inference-profile/*"),
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
    if is_of_another_account(identifier, &state.number) {
        return None;
    }
    if let Some(profile) = state.account.profile(identifier, region) {
        return Some((profile.arn, profile.models));
    }
    let id = identifier.rsplit_once("inference-profile/").map_or(identifier, |(_, id)| id);
    let profile = state.facts.profile(id, region)?;
    Some((state.system_arn(region, id), routed_models(profile, region)))
}

fn profile_arn(state: &State, identifier: &str, region: &str) -> String {
    match routes(state, identifier, region) {
        Some((arn, _)) => arn,
        None if identifier.starts_with("arn:") => identifier.to_owned(),
        None => state.system_arn(region, identifier),
    }
}

fn bare(identifier: &str, region: &str) -> String {
    if identifier.starts_with("arn:") { identifier.to_owned() } else { model_arn(region, identifier) }
}
