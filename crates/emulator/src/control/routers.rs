//! Prompt routers. The emulator routes every prompt to the fallback model.

use serde_json::{Value, json};

use super::list::page;
use super::resource::{self, Kind, Resource};
use super::{Context, text};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::state::State;

/// `POST /prompt-routers`.
///
/// # Errors
/// Validation for models that are not here; Conflict; TooManyTags.
pub(super) fn create(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let id = resource::new_id(ctx.state);
    let name = text(&input, "promptRouterName");
    let mut router = ctx.resource(Kind::PromptRouter, &format!("prompt-router/{id}"), &id, name);
    let members = ["promptRouterName", "models", "description", "routingCriteria", "fallbackModel"];
    router.copy(&input, &members);
    router.set("promptRouterArn", router.arn.clone());
    router.set("createdAt", router.created_at.clone());
    router.set("updatedAt", router.created_at.clone());
    router.set("status", "AVAILABLE");
    router.set("type", "custom");
    let models = input["models"].as_array().into_iter().flatten().chain([&input["fallbackModel"]]);
    for model in models {
        crate::target::resolve(ctx.state, text(model, "modelArn"), ctx.region)?;
    }
    let made = resource::add(ctx, router, &input, "tags")?;
    Ok(ctx.answer(json!({ "promptRouterArn": made.arn })))
}

/// `GET /prompt-routers/{ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let arn = text(&input, "promptRouterArn");
    match defaults(ctx.state, ctx.region).into_iter().find(|router| router["promptRouterArn"] == arn) {
        Some(router) => Ok(ctx.answer(router)),
        None => ctx.describe(Kind::PromptRouter, arn),
    }
}

/// `GET /prompt-routers`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let own = resource::all(ctx, Kind::PromptRouter).into_iter().map(|it| Value::Object(it.document));
    let mut all: Vec<Value> = defaults(ctx.state, ctx.region).into_iter().chain(own).collect();
    all.retain(|router| input["type"].is_null() || router["type"] == input["type"]);
    let (page, next) = page(all, &input)?;
    Ok(ctx.answer(json!({ "promptRouterSummaries": page, "nextToken": next })))
}

/// `DELETE /prompt-routers/{ARN}`.
///
/// # Errors
/// ResourceNotFound, also for a default router, which nobody can delete.
pub(super) fn delete(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    resource::remove(ctx, Kind::PromptRouter, text(&input, "promptRouterArn"))?;
    Ok(ctx.answer(json!({})))
}

/// The ARN of the model that a router falls back to.
pub(crate) fn fallback(state: &State, own: Option<&Resource>, arn: &str, region: &str) -> Option<String> {
    let router = match own {
        Some(own) => own.document.get("fallbackModel").cloned(),
        None => defaults(state, region)
            .into_iter()
            .find(|router| router["promptRouterArn"] == arn)
            .map(|router| router["fallbackModel"].clone()),
    };
    router?["modelArn"].as_str().map(str::to_owned)
}

/// The routers that are there without being made: one a family, over two profiles of the `us` geography.
const DEFAULTS: [(&str, &str, [&str; 2]); 2] = [
    (
        "anthropic.claude:1",
        "Anthropic Prompt Router",
        ["anthropic.claude-haiku-4-5", "anthropic.claude-sonnet-4-5"],
    ),
    ("amazon.nova:1", "Nova Prompt Router", ["amazon.nova-lite", "amazon.nova-pro"]),
];

fn defaults(state: &State, region: &str) -> Vec<Value> {
    /// One date stands for all.
    const MADE: &str = "2025-01-01T00:00:00.000000Z";
    let profiles = state.facts.profiles_of(region);
    let profile_of = |prefix: &str| {
        let found = profiles.iter().find(|it| it.geography == "us" && it.model.starts_with(prefix))?;
        Some(json!({ "modelArn": state.system_arn(region, &found.id) }))
    };
    let describe = |(id, name, [small, large]): &(&str, &str, [&str; 2])| {
        let (small, large) = (profile_of(small)?, profile_of(large)?);
        Some(json!({
            "promptRouterArn": state.arn(region, &format!("default-prompt-router/{id}")),
            "promptRouterName": name,
            "models": [small, large],
            "fallbackModel": large,
            "routingCriteria": { "responseQualityDifference": 0.0 },
            "createdAt": MADE,
            "updatedAt": MADE,
            "status": "AVAILABLE",
            "type": "default",
        }))
    };
    DEFAULTS.iter().filter_map(describe).collect()
}
