//! From what a caller wrote as the model to the model that answers.

use outcrop_catalog::Surface;
use outcrop_wire::bedrock::ErrorKind;

use crate::control::resource::{self, Kind};
use crate::control::{self, imported, jobs, marketplace, prompts, routers};
use crate::facts::Standing;
use crate::failure::Failure;
use crate::state::State;

/// The model that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// What the caller wrote.
    pub(crate) identifier: String,
    /// The id of the model, without geography.
    pub(crate) model: String,
    /// Only the model's own body is taken, not `Converse`: what was imported.
    pub(crate) is_imported: bool,
}

/// Finds the model behind an identifier, called from `region`.
///
/// # Errors
/// AWS's own: an invalid identifier, a model that needs a profile, a model that is gone.
pub(crate) fn resolve(state: &State, identifier: &str, region: &str) -> Result<Target, Failure> {
    jobs::settle(state)?;
    let target = find(state, identifier, region)?;
    // The lock is taken for as long as it takes to look through a list that is nearly always empty.
    match state.account.read(|account| account.disagreed.contains(&target.model)) {
        true => Err(Failure::new(ErrorKind::AccessDenied, NO_ACCESS)),
        false => Ok(target),
    }
}

/// Recorded (reference `bedrock.md` §5).
const NO_ACCESS: &str = "You don't have access to the model with the specified model ID.";

fn find(state: &State, identifier: &str, region: &str) -> Result<Target, Failure> {
    let found = |model: &str| Target {
        identifier: identifier.to_owned(),
        model: model.to_owned(),
        is_imported: false,
    };
    match Resource::of(identifier, region).ok_or_else(invalid_identifier)? {
        Resource::ApplicationProfile => {
            let profile = state.account.profile(identifier, region).ok_or_else(invalid_identifier)?;
            Ok(found(profile.model().ok_or_else(invalid_identifier)?))
        }
        Resource::SystemProfile(id) => {
            let profile = state.facts.profile(id, region).ok_or_else(invalid_identifier)?;
            Ok(found(&profile.model))
        }
        Resource::Bare(id) => match state.facts.profile(id, region) {
            Some(profile) => Ok(found(&profile.model)),
            None => on_demand(state, id, region).map(|()| found(id)),
        },
        Resource::Model(id) => on_demand(state, id, region).map(|()| found(id)),
        Resource::Made(kind) => {
            let made = resource::look_up(state, kind, identifier, region);
            let model = model_of(state, kind, made.as_ref(), identifier, region);
            let model = model.ok_or_else(invalid_identifier)?;
            let is_imported = kind == Kind::ImportedModel;
            Ok(Target { identifier: identifier.to_owned(), model, is_imported })
        }
    }
}

/// Whether an identifier is the ARN of an application profile, in whatever Region.
pub(crate) fn is_application_profile(identifier: &str) -> bool {
    identifier.starts_with("arn:") && identifier.contains(":application-inference-profile/")
}

/// The ARN of what a prompt router chose; `None` for everything that is no router.
pub(crate) fn routed_to(state: &State, identifier: &str, region: &str) -> Option<String> {
    let Resource::Made(Kind::PromptRouter) = Resource::of(identifier, region)? else { return None };
    let made = resource::look_up(state, Kind::PromptRouter, identifier, region);
    routers::fallback(state, made.as_ref(), identifier, region)
}

/// The id of the foundation model that stands behind what was made of one.
fn model_of(
    state: &State,
    kind: Kind,
    made: Option<&control::Resource>,
    identifier: &str,
    region: &str,
) -> Option<String> {
    let arn = match kind {
        Kind::PromptRouter => {
            let fallback = routers::fallback(state, made, identifier, region)?;
            return find(state, &fallback, region).ok().map(|target| target.model);
        }
        Kind::ImportedModel => return made.map(|_| imported::ANSWERS_AS.to_owned()),
        Kind::MarketplaceEndpoint => return made.map(|_| marketplace::ANSWERS_AS.to_owned()),
        Kind::Prompt => {
            return find(state, &prompts::model(made?)?, region).ok().map(|target| target.model);
        }
        Kind::ProvisionedModel => made?.text("foundationModelArn")?.to_owned(),
        Kind::CustomModelDeployment => {
            let model = made?.text("modelArn")?;
            let model = resource::look_up(state, Kind::CustomModel, model, region)?;
            model.text("baseModelArn")?.to_owned()
        }
        _ => return None,
    };
    arn.rsplit_once('/').map(|(_, id)| id.to_owned())
}

/// The model whose tokens are counted: named by its own id, whether or not it can be invoked by it.
///
/// # Errors
/// The recorded refusal of profiles; an invalid identifier.
pub(crate) fn resolve_for_counting(state: &State, identifier: &str, region: &str) -> Result<Target, Failure> {
    let id = match Resource::of(identifier, region).ok_or_else(invalid_identifier)? {
        Resource::Bare(id) | Resource::Model(id) if state.facts.profile(id, region).is_none() => id,
        _ => return Err(Failure::validation("The provided model doesn't support counting tokens.")),
    };
    match state.facts.standing(id, region) {
        Standing::OnDemand | Standing::ProfileOnly => {
            Ok(Target { identifier: identifier.to_owned(), model: id.to_owned(), is_imported: false })
        }
        Standing::Retired | Standing::Unknown => Err(invalid_identifier()),
    }
}

/// The on-demand rule: many models can be invoked through a profile only.
/// Source: recorded error of `deepseek.r1-v1:0` (reference `bedrock.md` §4); the apostrophe is U+2019 on the wire.
///
/// Models of mantle alone are unknown to the runtime (measured by others for Gemma 4: "invalid identifier").
fn on_demand(state: &State, model: &str, region: &str) -> Result<(), Failure> {
    if state.facts.model(model).is_some_and(|model| model.surface() == Surface::Mantle) {
        return Err(invalid_identifier());
    }
    match state.facts.standing(model, region) {
        Standing::OnDemand => Ok(()),
        Standing::ProfileOnly => Err(Failure::validation(format!(
            "Invocation of model ID {model} with on-demand throughput isn’t supported. Retry your request with the ID or \
             ARN of an inference profile that contains this model."
        ))),
        Standing::Retired => Err(Failure::new(
            ErrorKind::ResourceNotFound,
            "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
        )),
        Standing::Unknown => Err(invalid_identifier()),
    }
}

/// Source: recorded for unknown ids, profiles and wrong geographies (reference `bedrock.md` §5).
fn invalid_identifier() -> Failure {
    Failure::validation("The provided model identifier is invalid.")
}

/// The kinds of identifier that can be invoked here.
enum Resource<'a> {
    Bare(&'a str),
    Model(&'a str),
    SystemProfile(&'a str),
    ApplicationProfile,
    /// Made of a model: a deployment, imported, provisioned, a router.
    Made(Kind),
}

impl<'a> Resource<'a> {
    /// Reads an id or an ARN; an ARN of another Region is none (profiles are regional, reference `bedrock.md` §3).
    fn of(identifier: &'a str, region: &str) -> Option<Self> {
        if !identifier.starts_with("arn:") {
            return Some(Self::Bare(identifier));
        }
        let parts: Vec<&str> = identifier.splitn(6, ':').collect();
        let ["arn", _, "bedrock" | "sagemaker", arn_region, _, resource] = parts[..] else { return None };
        if arn_region != region {
            return None;
        }
        match resource.split_once('/')? {
            ("foundation-model", id) => Some(Self::Model(id)),
            ("inference-profile", id) => Some(Self::SystemProfile(id)),
            ("application-inference-profile", _) => Some(Self::ApplicationProfile),
            ("provisioned-model", _) => Some(Self::Made(Kind::ProvisionedModel)),
            ("custom-model-deployment", _) => Some(Self::Made(Kind::CustomModelDeployment)),
            ("imported-model", _) => Some(Self::Made(Kind::ImportedModel)),
            ("endpoint", _) => Some(Self::Made(Kind::MarketplaceEndpoint)),
            ("prompt", _) => Some(Self::Made(Kind::Prompt)),
            ("prompt-router" | "default-prompt-router", _) => Some(Self::Made(Kind::PromptRouter)),
            _ => None,
        }
    }
}
