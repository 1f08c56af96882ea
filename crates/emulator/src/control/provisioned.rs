//! Provisioned throughput: a model of one's own address, in service when it is created.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::list::{self, Listing};
use super::profiles::{conflict, iso, now};
use super::resource::{self, Kind};
use super::{Context, models, text};
use crate::facts::model_arn;
use crate::failure::Failure;
use crate::reply::Reply;

/// `POST /provisioned-model-throughput` → 201.
///
/// # Errors
/// Validation for an unknown model; Conflict; TooManyTags.
pub(super) fn create(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let Behind { model, foundation } = behind(ctx, text(&input, "modelId"))?;
    let id = resource::new_id(ctx.state);
    let name = text(&input, "provisionedModelName");
    let path = format!("provisioned-model/{id}");
    let mut made = ctx.resource(Kind::ProvisionedModel, &path, &id, name);
    made.copy(&input, &["provisionedModelName", "modelUnits", "commitmentDuration"]);
    made.set("desiredModelUnits", input["modelUnits"].clone());
    made.set("provisionedModelArn", made.arn.clone());
    made.set("modelArn", model.clone());
    made.set("desiredModelArn", model);
    made.set("foundationModelArn", foundation);
    made.set("status", "InService");
    made.set("creationTime", made.created_at.clone());
    made.set("lastModifiedTime", made.created_at.clone());
    if let Some(days) = input["commitmentDuration"].as_str().and_then(days) {
        made.set(
            "commitmentExpirationTime",
            iso(ctx.state.clock.now() + SignedDuration::from_hours(24 * days)),
        );
    }
    let made = resource::add(ctx, made, &input, "tags")?;
    Ok(ctx.answer(json!({ "provisionedModelArn": made.arn })))
}

fn days(commitment: &str) -> Option<i64> {
    match commitment {
        "OneMonth" => Some(30),
        "SixMonths" => Some(180),
        _ => None,
    }
}

/// The model that throughput is bought for, and the foundation model behind it, as ARNs.
struct Behind {
    model: String,
    foundation: String,
}

fn behind(ctx: &Context<'_>, identifier: &str) -> Result<Behind, Failure> {
    if let Some(custom) = resource::look_up(ctx.state, Kind::CustomModel, identifier, ctx.region) {
        let foundation = custom.text("baseModelArn").unwrap_or_default().to_owned();
        return Ok(Behind { model: custom.arn, foundation });
    }
    let model = models::of_region(ctx, identifier)?;
    let arn = model_arn(ctx.region, &model.id);
    Ok(Behind { model: arn.clone(), foundation: arn })
}

/// `GET /provisioned-model-throughput/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::ProvisionedModel, text(&input, ID))
}

/// `GET /provisioned-model-throughputs`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let listing = Listing {
        kind: Kind::ProvisionedModel,
        items: "provisionedModelSummaries",
        time: "creationTime",
        equals: &[("statusEquals", "status"), ("modelArnEquals", "modelArn")],
    };
    list::list(ctx, &input, &listing)
}

/// `PATCH /provisioned-model-throughput/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound; Validation for an unknown model.
pub(super) fn update(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let desired = input["desiredModelId"].as_str().map(|id| behind(ctx, id)).transpose()?;
    resource::change(ctx, Kind::ProvisionedModel, text(&input, ID), |it| {
        if let Some(name) = input["desiredProvisionedModelName"].as_str() {
            name.clone_into(&mut it.name);
            it.set("provisionedModelName", name);
        }
        if let Some(Behind { model, foundation }) = desired {
            it.set("modelArn", model.clone());
            it.set("desiredModelArn", model);
            it.set("foundationModelArn", foundation);
        }
        it.set("lastModifiedTime", now());
        Ok(())
    })?;
    Ok(ctx.answer(json!({})))
}

/// `DELETE /provisioned-model-throughput/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound; Conflict before the commitment has ended.
pub(super) fn delete(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let found = resource::find(ctx, Kind::ProvisionedModel, text(&input, ID))?;
    let ends = found.text("commitmentExpirationTime").and_then(|time| time.parse::<Timestamp>().ok());
    if ends.is_some_and(|ends| ends > ctx.state.clock.now()) {
        return Err(conflict());
    }
    resource::remove(ctx, Kind::ProvisionedModel, &found.arn)?;
    Ok(ctx.answer(json!({})))
}

const ID: &str = "provisionedModelId";
