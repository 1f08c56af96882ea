//! The control plane: inference profiles, tags, foundation models and all that is made of them.
//!
//! Where an operation lives, what it takes and which members it answers is in the [service model](crate::service); the
//! table below says who performs it.

mod access;
pub(crate) mod batch;
mod custom;
pub(crate) mod guardrails;
pub(crate) mod imported;
pub(crate) mod jobs;
mod list;
mod logging;
pub(crate) mod marketplace;
pub(crate) mod models;
pub(crate) mod profiles;
pub(crate) mod prompts;
mod provisioned;
pub(crate) mod resource;
pub(crate) mod routers;
pub(crate) mod seeds;
pub(crate) mod store;
pub(crate) mod tags;

use http::StatusCode;
use outcrop_wire::bedrock::ErrorKind;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use self::resource::Kind;
pub(crate) use self::resource::Resource;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::service::{self, Operation};
use crate::state::State;

/// Performs an operation whose input was checked.
type Perform = fn(&Context<'_>, Value) -> Result<Reply, Failure>;

/// Who performs what.
const OPERATIONS: &[(&str, Perform)] = &[
    ("CreateInferenceProfile", profiles::create),
    ("GetInferenceProfile", profiles::get),
    ("ListInferenceProfiles", profiles::list),
    ("DeleteInferenceProfile", profiles::delete),
    ("TagResource", tags::tag),
    ("UntagResource", tags::untag),
    ("ListTagsForResource", tags::list),
    ("ListFoundationModels", models::list),
    ("GetFoundationModel", models::get),
    ("GetFoundationModelAvailability", access::availability),
    ("ListFoundationModelAgreementOffers", access::offers),
    ("CreateFoundationModelAgreement", access::agree),
    ("DeleteFoundationModelAgreement", access::disagree),
    ("GetUseCaseForModelAccess", access::use_case),
    ("PutUseCaseForModelAccess", access::put_use_case),
    ("PutModelInvocationLoggingConfiguration", logging::put),
    ("GetModelInvocationLoggingConfiguration", logging::get),
    ("DeleteModelInvocationLoggingConfiguration", logging::delete),
    ("CreateGuardrail", guardrails::create),
    ("CreateGuardrailVersion", guardrails::create_version),
    ("GetGuardrail", guardrails::get),
    ("ListGuardrails", guardrails::list),
    ("UpdateGuardrail", guardrails::update),
    ("DeleteGuardrail", guardrails::delete),
    ("ApplyGuardrail", guardrails::apply),
    ("CreateCustomModel", custom::create_model),
    ("GetCustomModel", custom::get_model),
    ("ListCustomModels", custom::list_models),
    ("DeleteCustomModel", custom::delete_model),
    ("CreateModelCustomizationJob", custom::create_job),
    ("GetModelCustomizationJob", custom::get_job),
    ("ListModelCustomizationJobs", custom::list_jobs),
    ("StopModelCustomizationJob", custom::stop_job),
    ("CreateCustomModelDeployment", custom::create_deployment),
    ("GetCustomModelDeployment", custom::get_deployment),
    ("ListCustomModelDeployments", custom::list_deployments),
    ("UpdateCustomModelDeployment", custom::update_deployment),
    ("DeleteCustomModelDeployment", custom::delete_deployment),
    ("CreateModelImportJob", imported::create_job),
    ("GetModelImportJob", imported::get_job),
    ("ListModelImportJobs", imported::list_jobs),
    ("GetImportedModel", imported::get),
    ("ListImportedModels", imported::list),
    ("DeleteImportedModel", imported::delete),
    ("CreateProvisionedModelThroughput", provisioned::create),
    ("GetProvisionedModelThroughput", provisioned::get),
    ("ListProvisionedModelThroughputs", provisioned::list),
    ("UpdateProvisionedModelThroughput", provisioned::update),
    ("DeleteProvisionedModelThroughput", provisioned::delete),
    ("CreateModelInvocationJob", batch::create),
    ("GetModelInvocationJob", batch::get),
    ("ListModelInvocationJobs", batch::list),
    ("StopModelInvocationJob", batch::stop),
    ("CreatePromptRouter", routers::create),
    ("GetPromptRouter", routers::get),
    ("ListPromptRouters", routers::list),
    ("DeletePromptRouter", routers::delete),
    ("CreateMarketplaceModelEndpoint", marketplace::create),
    ("GetMarketplaceModelEndpoint", marketplace::get),
    ("ListMarketplaceModelEndpoints", marketplace::list),
    ("DeleteMarketplaceModelEndpoint", marketplace::delete),
    ("CreatePrompt", prompts::create),
    ("GetPrompt", prompts::get),
    ("DeletePrompt", prompts::delete),
];

/// Performs an operation of the control plane.
///
/// # Errors
/// AWS's own, by operation.
pub(crate) fn perform(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let found = OPERATIONS.iter().find(|(name, _)| *name == ctx.operation.name);
    let unknown = || Failure::new(ErrorKind::UnknownOperation, "The emulator does not serve this operation.");
    let (_, perform) = found.ok_or_else(unknown)?;
    jobs::settle(ctx.state)?;
    perform(ctx, input)
}

/// A call of the control plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) state: &'a State,
    pub(crate) operation: &'static Operation,
    pub(crate) region: &'a str,
}

impl Context<'_> {
    /// The operation's answer: of a document, the members of its output shape.
    pub(crate) fn answer(&self, document: Value) -> Reply {
        let status = StatusCode::from_u16(self.operation.status).unwrap_or(StatusCode::OK);
        Reply::json(status, &service::service().project(self.operation, document))
    }

    /// The operation's answer: a resource.
    fn describe(&self, kind: Kind, identifier: &str) -> Result<Reply, Failure> {
        Ok(self.answer(Value::Object(resource::find(self, kind, identifier)?.document)))
    }

    /// A new resource of this Region, made now, with an empty document.
    fn resource(&self, kind: Kind, path: &str, id: &str, name: &str) -> Resource {
        Resource {
            kind,
            arn: self.state.arn(self.region, path),
            id: id.to_owned(),
            region: self.region.to_owned(),
            name: name.to_owned(),
            created_at: profiles::iso(self.state.clock.now()),
            document: Map::new(),
            request: None,
            tags: store::Tags::new(),
            makes: None,
        }
    }
}

/// A member that the service model requires, as text.
fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input[member].as_str().unwrap_or_default()
}

/// Reads a checked input into the operation's own type.
fn read<T: DeserializeOwned>(input: Value) -> Result<T, Failure> {
    serde_json::from_value(input).map_err(|error| {
        Failure::new(ErrorKind::Serialization, format!("The request cannot be read: {error}"))
    })
}

/// A change that was refused, or could not be written down.
enum Refused {
    By(Failure),
    Io(String),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::By(failure)
    }
}

impl From<String> for Refused {
    fn from(detail: String) -> Self {
        Self::Io(detail)
    }
}

fn internal(refused: Refused) -> Failure {
    match refused {
        Refused::By(failure) => failure,
        Refused::Io(detail) => Failure::new(ErrorKind::InternalServer, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_model_is_performed() {
        for (name, _) in OPERATIONS {
            assert!(service::service().operation(name).is_some(), "{name}");
        }
        let runtime = 5;
        assert_eq!(service::service().operations().count(), OPERATIONS.len() + runtime);
    }
}
