//! Custom models, the jobs that make them, and their deployments.
//!
//! Nothing is trained: a job goes through its parts by the clock, and its model answers as the model it was made from.

use serde_json::{Value, json};

use super::list::{self, Listing};
use super::profiles::{conflict, now};
use super::resource::{self, Kind, Resource};
use super::{Context, jobs, models, tags, text};
use crate::facts::model_arn;
use crate::failure::Failure;
use crate::reply::Reply;

/// What a model that was brought along is taken for: `CreateCustomModel` takes Nova models alone, and does not say which.
const BROUGHT_ALONG: &str = "amazon.nova-lite-v1:0";

/// `POST /custom-models/create-custom-model` → 202.
///
/// # Errors
/// Conflict, TooManyTags.
pub(super) fn create_model(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let id = resource::new_id(ctx.state);
    let name = text(&input, "modelName");
    let mut model = ctx.resource(Kind::CustomModel, &format!("custom-model/imported/{id}"), &id, name);
    describe_model(ctx, &mut model, BROUGHT_ALONG, "IMPORTED");
    if let Some(key) = input.get("modelKmsKeyArn") {
        model.set("modelKmsKeyArn", key.clone());
    }
    let model = resource::add(ctx, model, &input, "modelTags")?;
    Ok(ctx.answer(json!({ "modelArn": model.arn })))
}

fn describe_model(ctx: &Context<'_>, model: &mut Resource, base: &str, customization: &str) {
    let name = ctx.state.facts.model(base).and_then(|model| model.name.clone());
    let (arn, created) = (model.arn.clone(), model.created_at.clone());
    model.set("modelArn", arn);
    model.set("modelName", model.name.clone());
    model.set("creationTime", created);
    model.set("baseModelArn", model_arn(ctx.region, base));
    model.set("baseModelName", name.unwrap_or_else(|| base.to_owned()));
    model.set("foundationModelArn", model_arn(ctx.region, base));
    model.set("customizationType", customization);
    model.set("modelStatus", "Active");
    model.set("ownerAccountId", ctx.state.number.clone());
}

/// `GET /custom-models/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get_model(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::CustomModel, text(&input, "modelIdentifier"))
}

/// `GET /custom-models`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list_models(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let equals = &[
        ("modelStatus", "modelStatus"),
        ("baseModelArnEquals", "baseModelArn"),
        ("foundationModelArnEquals", "foundationModelArn"),
    ];
    let listing = Listing { kind: Kind::CustomModel, items: "modelSummaries", time: "creationTime", equals };
    // Everything belongs to the one account there is.
    if input["isOwned"] == false {
        return Ok(ctx.answer(json!({ "modelSummaries": [] })));
    }
    list::list(ctx, &input, &listing)
}

/// `DELETE /custom-models/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound; Conflict while something serves it.
pub(super) fn delete_model(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let model = resource::find(ctx, Kind::CustomModel, text(&input, "modelIdentifier"))?;
    let serving = [Kind::CustomModelDeployment, Kind::ProvisionedModel];
    let is_served = serving
        .into_iter()
        .flat_map(|kind| resource::all(ctx, kind))
        .any(|it| it.text("modelArn") == Some(model.arn.as_str()));
    if is_served {
        return Err(conflict());
    }
    resource::remove(ctx, Kind::CustomModel, &model.arn)?;
    Ok(ctx.answer(json!({})))
}

/// `POST /model-customization-jobs` → 201.
///
/// # Errors
/// Validation for an unknown base model; Conflict; TooManyTags.
pub(super) fn create_job(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let base = models::of_region(ctx, text(&input, "baseModelIdentifier"))?.id.clone();
    let (id, model_id) = (resource::new_id(ctx.state), resource::new_id(ctx.state));
    let kind = input["customizationType"].as_str().unwrap_or("FINE_TUNING").to_owned();

    let path = format!("custom-model/{base}/{model_id}");
    let mut model = ctx.resource(Kind::CustomModel, &path, &model_id, text(&input, "customModelName"));
    model.tags = tags::of(&input, "customModelTags")?;
    describe_model(ctx, &mut model, &base, &kind);

    let path = format!("model-customization-job/{base}/{id}");
    let mut job = ctx.resource(Kind::CustomizationJob, &path, &id, text(&input, "jobName"));
    for both in [&mut job, &mut model] {
        both.copy(
            &input,
            &[
                "jobName",
                "hyperParameters",
                "trainingDataConfig",
                "validationDataConfig",
                "outputDataConfig",
                "customizationConfig",
                "vpcConfig",
                "roleArn",
                "clientRequestToken",
            ],
        );
        both.set("customizationType", kind.clone());
    }
    model.set("jobArn", job.arn.clone());
    job.set("jobArn", job.arn.clone());
    job.set("baseModelArn", model_arn(ctx.region, &base));
    job.set("outputModelName", model.name.clone());
    job.set("customModelName", model.name.clone());
    if !job.document.contains_key("validationDataConfig") {
        job.set("validationDataConfig", json!({ "validators": [] }));
    }
    jobs::begin(&mut job, jobs::TRAINING);
    job.makes = Some(Box::new(model));
    let made = resource::add(ctx, job, &input, "jobTags")?;
    ctx.state.next_change.forget();
    Ok(ctx.answer(json!({ "jobArn": made.arn })))
}

/// `GET /model-customization-jobs/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get_job(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::CustomizationJob, text(&input, "jobIdentifier"))
}

/// `GET /model-customization-jobs`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list_jobs(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let listing = Listing {
        kind: Kind::CustomizationJob,
        items: "modelCustomizationJobSummaries",
        time: "creationTime",
        equals: &[("statusEquals", "status")],
    };
    list::list(ctx, &input, &listing)
}

/// `POST /model-customization-jobs/{name or ARN}/stop`.
///
/// # Errors
/// ResourceNotFound; Conflict when it has ended.
pub(super) fn stop_job(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let now = ctx.state.clock.now();
    let stop = |job: &mut Resource| jobs::stop(job, now);
    resource::change(ctx, Kind::CustomizationJob, text(&input, "jobIdentifier"), stop)?;
    ctx.state.next_change.forget();
    Ok(ctx.answer(json!({})))
}

/// `POST /model-customization/custom-model-deployments` → 202.
///
/// # Errors
/// ResourceNotFound for the model; Conflict; TooManyTags.
pub(super) fn create_deployment(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let model = resource::find(ctx, Kind::CustomModel, text(&input, "modelArn"))?;
    let id = resource::new_id(ctx.state);
    let name = text(&input, "modelDeploymentName");
    let path = format!("custom-model-deployment/{id}");
    let mut made = ctx.resource(Kind::CustomModelDeployment, &path, &id, name);
    made.copy(&input, &["modelDeploymentName", "description"]);
    made.set("customModelDeploymentName", name);
    made.set("customModelDeploymentArn", made.arn.clone());
    made.set("modelArn", model.arn);
    made.set("createdAt", made.created_at.clone());
    made.set("lastUpdatedAt", made.created_at.clone());
    made.set("status", "Active");
    let made = resource::add(ctx, made, &input, "tags")?;
    Ok(ctx.answer(json!({ "customModelDeploymentArn": made.arn })))
}

/// `GET /model-customization/custom-model-deployments/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get_deployment(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::CustomModelDeployment, text(&input, DEPLOYMENT))
}

/// `GET /model-customization/custom-model-deployments`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list_deployments(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let listing = Listing {
        kind: Kind::CustomModelDeployment,
        items: "modelDeploymentSummaries",
        time: "createdAt",
        equals: &[("statusEquals", "status"), ("modelArnEquals", "modelArn")],
    };
    list::list(ctx, &input, &listing)
}

/// `PATCH /model-customization/custom-model-deployments/{name or ARN}` → 202.
///
/// # Errors
/// ResourceNotFound for the deployment or the model.
pub(super) fn update_deployment(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let model = resource::find(ctx, Kind::CustomModel, text(&input, "modelArn"))?;
    let changed =
        resource::change(ctx, Kind::CustomModelDeployment, text(&input, DEPLOYMENT), |deployment| {
            deployment.set("modelArn", model.arn.clone());
            deployment.set("lastUpdatedAt", now());
            deployment
                .set("updateDetails", json!({ "modelArn": model.arn, "updateStatus": "UpdateCompleted" }));
            Ok(())
        })?;
    Ok(ctx.answer(json!({ "customModelDeploymentArn": changed.arn })))
}

/// `DELETE /model-customization/custom-model-deployments/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn delete_deployment(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    resource::remove(ctx, Kind::CustomModelDeployment, text(&input, DEPLOYMENT))?;
    Ok(ctx.answer(json!({})))
}

const DEPLOYMENT: &str = "customModelDeploymentIdentifier";
