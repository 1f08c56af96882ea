//! Imported models and the jobs that import them.
//!
//! Nothing is read from S3: a job goes on for a while by the clock, and its model answers in the body of a Llama.

use serde_json::{Value, json};

use super::list::{self, Listing};
use super::resource::{self, Kind};
use super::{Context, jobs, tags, text};
use crate::failure::Failure;
use crate::reply::Reply;

/// The catalog's model whose native body an imported one speaks.
pub(crate) const ANSWERS_AS: &str = "meta.llama3-3-70b-instruct-v1:0";
/// What `modelArchitecture` says of it.
const ARCHITECTURE: &str = "llama";

/// `POST /model-import-jobs` → 201.
///
/// # Errors
/// Conflict, TooManyTags.
pub(super) fn create_job(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let (id, model_id) = (resource::new_id(ctx.state), resource::new_id(ctx.state));
    let name = text(&input, "importedModelName");
    let path = format!("imported-model/{model_id}");
    let mut model = ctx.resource(Kind::ImportedModel, &path, &model_id, name);
    let path = format!("model-import-job/{id}");
    let mut job = ctx.resource(Kind::ModelImportJob, &path, &id, text(&input, "jobName"));
    model.copy(&input, &["jobName", "modelDataSource"]);
    model.set("jobArn", job.arn.clone());
    model.set("modelArn", model.arn.clone());
    model.set("modelName", name);
    model.set("creationTime", model.created_at.clone());
    model.set("modelArchitecture", ARCHITECTURE);
    model.set("instructSupported", true);
    job.copy(&input, &["jobName", "modelDataSource", "roleArn", "vpcConfig", "importedModelName"]);
    job.set("jobArn", job.arn.clone());
    job.set("importedModelName", name);
    jobs::begin(&mut job, jobs::IMPORTING);
    model.tags = tags::of(&input, "importedModelTags")?;
    job.makes = Some(Box::new(model));
    let made = resource::add(ctx, job, &input, "jobTags")?;
    ctx.state.next_change.forget();
    Ok(ctx.answer(json!({ "jobArn": made.arn })))
}

/// `GET /model-import-jobs/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get_job(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::ModelImportJob, text(&input, "jobIdentifier"))
}

/// `GET /model-import-jobs`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list_jobs(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let listing = Listing {
        kind: Kind::ModelImportJob,
        items: "modelImportJobSummaries",
        time: "creationTime",
        equals: &[("statusEquals", "status")],
    };
    list::list(ctx, &input, &listing)
}

/// `GET /imported-models/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::ImportedModel, text(&input, "modelIdentifier"))
}

/// `GET /imported-models`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let listing =
        Listing { kind: Kind::ImportedModel, items: "modelSummaries", time: "creationTime", equals: &[] };
    list::list(ctx, &input, &listing)
}

/// `DELETE /imported-models/{name or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn delete(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    resource::remove(ctx, Kind::ImportedModel, text(&input, "modelIdentifier"))?;
    Ok(ctx.answer(json!({})))
}
