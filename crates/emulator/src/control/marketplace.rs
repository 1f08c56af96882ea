//! Endpoints of marketplace models. Nothing is deployed: an endpoint is in service at once, and answers as a Llama does.

use serde_json::{Value, json};

use super::resource::{self, Kind};
use super::{Context, list::page, text};
use crate::failure::Failure;
use crate::reply::Reply;

/// The catalog's model that answers for what is deployed.
pub(crate) const ANSWERS_AS: &str = "meta.llama3-3-70b-instruct-v1:0";

/// `POST /marketplace-model/endpoints`.
///
/// # Errors
/// Conflict, TooManyTags.
pub(super) fn create(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let name = text(&input, "endpointName");
    let mut endpoint = ctx.resource(Kind::MarketplaceEndpoint, "", &resource::new_id(ctx.state), name);
    // An endpoint is SageMaker's, and has its ARN.
    let path = ctx.state.arn(ctx.region, &format!("endpoint/{name}"));
    endpoint.arn = path.replacen(":bedrock:", ":sagemaker:", 1);
    endpoint.copy(&input, &["modelSourceIdentifier", "endpointConfig"]);
    endpoint.set("endpointArn", endpoint.arn.clone());
    endpoint.set("createdAt", endpoint.created_at.clone());
    endpoint.set("updatedAt", endpoint.created_at.clone());
    endpoint.set("status", "REGISTERED");
    endpoint.set("endpointStatus", "InService");
    let made = resource::add(ctx, endpoint, &input, "tags")?;
    Ok(ctx.answer(json!({ "marketplaceModelEndpoint": made.document })))
}

/// `GET /marketplace-model/endpoints/{ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let found = resource::find(ctx, Kind::MarketplaceEndpoint, text(&input, "endpointArn"))?;
    Ok(ctx.answer(json!({ "marketplaceModelEndpoint": found.document })))
}

/// `GET /marketplace-model/endpoints`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let all = resource::all(ctx, Kind::MarketplaceEndpoint).into_iter().map(|it| Value::Object(it.document));
    let source = &input["modelSourceEquals"];
    let all = all.filter(|it| source.is_null() || it["modelSourceIdentifier"] == *source).collect();
    let (page, next) = page(all, &input)?;
    Ok(ctx.answer(json!({ "marketplaceModelEndpoints": page, "nextToken": next })))
}

/// `DELETE /marketplace-model/endpoints/{ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn delete(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    resource::remove(ctx, Kind::MarketplaceEndpoint, text(&input, "endpointArn"))?;
    Ok(ctx.answer(json!({})))
}
