//! Batch invocation jobs: made, told, stopped. What runs them is [`crate::batch`].

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::jobs::{IN_PROGRESS, STOPPING};
use super::list::{self, Listing};
use super::profiles::{conflict, iso};
use super::resource::{self, Kind};
use super::{Context, text};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::target;

/// How long a job may take unless the caller says otherwise, in hours: the least that may be said.
const TIMEOUT_HOURS: i64 = 24;

/// `POST /model-invocation-job`.
///
/// # Errors
/// Validation for a model that cannot be invoked here; Conflict; TooManyTags.
pub(super) fn create(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    target::resolve(ctx.state, text(&input, "modelId"), ctx.region)?;
    let id = resource::new_id(ctx.state);
    let path = format!("model-invocation-job/{id}");
    let mut job = ctx.resource(Kind::ModelInvocationJob, &path, &id, text(&input, "jobName"));
    let members = [
        "jobName",
        "modelId",
        "roleArn",
        "clientRequestToken",
        "inputDataConfig",
        "outputDataConfig",
        "vpcConfig",
    ];
    job.copy(&input, &members);
    let hours = input["timeoutDurationInHours"].as_i64().unwrap_or(TIMEOUT_HOURS);
    job.set("timeoutDurationInHours", hours);
    job.set("modelInvocationType", input["modelInvocationType"].as_str().unwrap_or("InvokeModel"));
    job.set("jobArn", job.arn.clone());
    job.set("status", SUBMITTED);
    job.set("submitTime", job.created_at.clone());
    job.set("lastModifiedTime", job.created_at.clone());
    job.set("jobExpirationTime", iso(ctx.state.clock.now() + SignedDuration::from_hours(hours)));
    let job = resource::add(ctx, job, &input, "tags")?;
    ctx.state.jobs.notify_one();
    Ok(ctx.answer(json!({ "jobArn": job.arn })))
}

/// The words for where a batch job stands, beside those of all jobs.
pub(crate) const SUBMITTED: &str = "Submitted";
pub(crate) const EXPIRED: &str = "Expired";

/// `GET /model-invocation-job/{id or ARN}`.
///
/// # Errors
/// ResourceNotFound.
pub(super) fn get(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    ctx.describe(Kind::ModelInvocationJob, text(&input, "jobIdentifier"))
}

/// `GET /model-invocation-jobs`.
///
/// # Errors
/// Validation of the token.
pub(super) fn list(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let listing = Listing {
        kind: Kind::ModelInvocationJob,
        items: "invocationJobSummaries",
        time: "submitTime",
        equals: &[("statusEquals", "status")],
    };
    list::list(ctx, &input, &listing)
}

/// `POST /model-invocation-job/{id or ARN}/stop`.
///
/// # Errors
/// ResourceNotFound; Conflict when the job has ended.
pub(super) fn stop(ctx: &Context<'_>, input: Value) -> Result<Reply, Failure> {
    let now = iso(ctx.state.clock.now());
    resource::change(ctx, Kind::ModelInvocationJob, text(&input, "jobIdentifier"), |job| {
        match job.text("status") {
            Some(SUBMITTED | IN_PROGRESS) => {
                job.set("status", STOPPING);
                job.set("lastModifiedTime", now);
                Ok(())
            }
            Some(STOPPING) => Ok(()),
            _ => Err(conflict()),
        }
    })?;
    ctx.state.jobs.notify_one();
    Ok(ctx.answer(json!({})))
}
