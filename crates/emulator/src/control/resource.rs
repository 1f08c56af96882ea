//! What is created, listed, changed and deleted alike: guardrails, custom models, jobs, throughput and so on.
//!
//! A resource is one document: the union of what AWS's operations tell about it. What an operation answers is that
//! part of the document which the operation's output shape names ([`Context::answer`]).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::store::{Account, Tags};
use super::{Context, Refused, internal, profiles, tags};
use crate::failure::Failure;
use crate::state::{BASE36, State};

/// One resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// ISO 8601 with microseconds.
    pub(crate) created_at: String,
    /// What AWS tells about it.
    pub(crate) document: Map<String, Value>,
    /// The request that made it, for idempotency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Value>,
    #[serde(default)]
    pub(crate) tags: Tags,
    /// What a job makes once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) makes: Option<Box<Resource>>,
}

/// The kinds of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Guardrail,
    CustomModel,
    CustomizationJob,
    CustomModelDeployment,
    ImportedModel,
    ModelImportJob,
    ProvisionedModel,
    PromptRouter,
    MarketplaceEndpoint,
    Prompt,
    ModelInvocationJob,
}

impl Resource {
    /// A member of the document that is a text.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.document.get(member)?.as_str()
    }

    /// Sets a member of the document.
    pub(crate) fn set(&mut self, member: &str, value: impl Into<Value>) {
        self.document.insert(member.to_owned(), value.into());
    }

    /// Takes members over from an input that has them.
    pub(crate) fn copy(&mut self, input: &Value, members: &[&str]) {
        for member in members {
            if let Some(value) = input.get(member).filter(|value| !value.is_null()) {
                self.set(member, value.clone());
            }
        }
    }

    /// Whether an identifier means it: its ARN, its id or its name.
    pub(crate) fn is(&self, kind: Kind, identifier: &str, region: &str) -> bool {
        self.kind == kind
            && self.region == region
            && [&self.arn, &self.id, &self.name].into_iter().any(|known| known == identifier)
    }
}

/// The resource of a kind that an identifier means; one kind is told not found in the same words as the others.
///
/// # Errors
/// ResourceNotFound.
pub(crate) fn find(ctx: &Context<'_>, kind: Kind, identifier: &str) -> Result<Resource, Failure> {
    look_up(ctx.state, kind, identifier, ctx.region).ok_or_else(profiles::not_found)
}

/// The resource of a kind that an identifier means in a Region.
pub(crate) fn look_up(state: &State, kind: Kind, identifier: &str, region: &str) -> Option<Resource> {
    state.account.read(|account| account.resources.iter().find(|it| it.is(kind, identifier, region)).cloned())
}

/// Everything of a kind in a Region, oldest first.
pub(crate) fn all(ctx: &Context<'_>, kind: Kind) -> Vec<Resource> {
    let is_meant = |it: &&Resource| it.kind == kind && it.region == ctx.region;
    ctx.state.account.read(|account| account.resources.iter().filter(is_meant).cloned().collect())
}

/// Takes a new resource in. The same `clientRequestToken` with the same input tells what was made before.
///
/// # Errors
/// Conflict (the name is taken, or the token was used for something else); TooManyTags.
pub(crate) fn add(
    ctx: &Context<'_>,
    mut resource: Resource,
    input: &Value,
    tag_member: &str,
) -> Result<Resource, Failure> {
    resource.tags = tags::of(input, tag_member)?;
    resource.request = input.get("clientRequestToken").is_some().then(|| input.clone());
    ctx.state.account.change(|account| insert(account, resource)).map_err(internal)
}

fn insert(account: &mut Account, resource: Resource) -> Result<Resource, Refused> {
    let mut alike =
        account.resources.iter().filter(|it| it.kind == resource.kind && it.region == resource.region);
    let token = |it: &Resource| it.request.as_ref().map(|request| request["clientRequestToken"].clone());
    let same_token =
        resource.request.as_ref().and_then(|_| alike.clone().find(|it| token(it) == token(&resource)));
    if let Some(known) = same_token {
        let is_same = known.request == resource.request;
        return if is_same { Ok(known.clone()) } else { Err(profiles::conflict().into()) };
    }
    if alike.any(|it| it.name == resource.name)
        || is_promised(account, &resource)
        || resource.makes.as_deref().is_some_and(|made| is_taken(account, made))
    {
        return Err(profiles::conflict().into());
    }
    account.resources.push(resource.clone());
    Ok(resource)
}

fn is_taken(account: &Account, wanted: &Resource) -> bool {
    let mut known = account.resources.iter();
    known.any(|it| it.is(wanted.kind, &wanted.name, &wanted.region)) || is_promised(account, wanted)
}

/// Whether a job that goes on is about to make something of that name.
fn is_promised(account: &Account, wanted: &Resource) -> bool {
    let mut promised = account.resources.iter().filter_map(|it| it.makes.as_deref());
    promised.any(|it| it.is(wanted.kind, &wanted.name, &wanted.region))
}

/// Changes a resource.
///
/// # Errors
/// ResourceNotFound, and what `change` refuses.
pub(crate) fn change(
    ctx: &Context<'_>,
    kind: Kind,
    identifier: &str,
    change: impl FnOnce(&mut Resource) -> Result<(), Failure>,
) -> Result<Resource, Failure> {
    let changed = ctx.state.account.change(|account| {
        let found = account.resources.iter_mut().find(|it| it.is(kind, identifier, ctx.region));
        let found = found.ok_or_else(profiles::not_found)?;
        change(found)?;
        Ok::<_, Refused>(found.clone())
    });
    changed.map_err(internal)
}

/// Deletes a resource.
///
/// # Errors
/// ResourceNotFound.
pub(crate) fn remove(ctx: &Context<'_>, kind: Kind, identifier: &str) -> Result<Resource, Failure> {
    let removed = ctx.state.account.change(|account| {
        let at = account.resources.iter().position(|it| it.is(kind, identifier, ctx.region));
        Ok::<_, Refused>(account.resources.remove(at.ok_or_else(profiles::not_found)?))
    });
    removed.map_err(internal)
}

/// Ids have twelve characters; a pattern of the model for most kinds.
const ID_LENGTH: usize = 12;

/// An id that nothing has, also nothing from before a restart.
pub(crate) fn new_id(state: &State) -> String {
    let mut ids = std::iter::repeat_with(|| state.new_id(BASE36, ID_LENGTH));
    let is_unused = |id: &String| {
        state.account.read(|account| {
            account.profiles.iter().all(|it| it.id != *id)
                && account
                    .resources
                    .iter()
                    .flat_map(|it| std::iter::once(it).chain(it.makes.as_deref()))
                    .all(|it| !it.id.ends_with(id.as_str()))
        })
    };
    ids.find(is_unused).expect("there are more ids than any quota")
}
