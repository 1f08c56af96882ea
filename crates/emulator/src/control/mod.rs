//! The control plane: inference profiles, tags, foundation models and all that is made of them.
//!
//! Where an operation lives, what it takes and which members it answers is in the [service model](crate::service); the
//! table below says who performs it.

#[allow(dead_code, reason = "most kinds of resource come next")]
mod list;
pub(crate) mod models;
pub(crate) mod profiles;
#[allow(dead_code, reason = "most kinds of resource come next")]
pub(crate) mod resource;
pub(crate) mod seeds;
pub(crate) mod store;
pub(crate) mod tags;

use http::StatusCode;
use outcrop_wire::bedrock::ErrorKind;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
];

/// Performs an operation of the control plane.
///
/// # Errors
/// AWS's own, by operation.
pub(crate) fn perform(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let found = OPERATIONS.iter().find(|(name, _)| *name == ctx.operation.name);
    let unknown = || Failure::new(ErrorKind::UnknownOperation, "The emulator does not serve this operation.");
    let (_, perform) = found.ok_or_else(unknown)?;
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
    fn every_operation_in_the_table_is_in_the_model() {
        for (name, _) in OPERATIONS {
            assert!(service::service().operation(name).is_some(), "{name}");
        }
    }
}
