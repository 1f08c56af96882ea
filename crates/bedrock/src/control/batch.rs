//! Batch inference: many prompts in a file on S3, answered at half the price when there is room.
//!
//! Shapes: botocore 1.44.5 (reference `bedrock.md` §1.5).

use bytes::Bytes;
use http::Method;
use percent_encoding::utf8_percent_encode;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::PATH_SEGMENT;
use crate::client::{Client, SendError};

impl Client {
    /// `CreateModelInvocationJob`; the new job's ARN. Asked twice with the same token, AWS makes it once.
    ///
    /// # Errors
    /// `ConflictException` when the name is taken; the others as [`Client::send`].
    pub async fn create_batch_job(&self, job: &NewBatchJob, region: &str) -> Result<String, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            job_arn: String,
        }
        let Answer { job_arn } = self.post("/model-invocation-job", &job.request(), region).await?;
        Ok(job_arn)
    }

    /// `GetModelInvocationJob`, by id or ARN.
    ///
    /// # Errors
    /// `ResourceNotFoundException`; the others as [`Client::send`].
    pub async fn batch_job(&self, job: &str, region: &str) -> Result<BatchJob, SendError> {
        self.read(&path(job), region).await
    }

    /// `ListModelInvocationJobs`, newest first, page by page.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn batch_jobs(&self, region: &str) -> Result<Vec<BatchJob>, SendError> {
        const PAGE: &str = "/model-invocation-jobs?maxResults=1000&sortBy=CreationTime&sortOrder=Descending";
        self.pages(PAGE, region, |page: Page| (page.invocation_job_summaries, page.next_token)).await
    }

    /// `StopModelInvocationJob`: what was answered until then is kept.
    ///
    /// # Errors
    /// `ConflictException` for a job that has ended; the others as [`Client::send`].
    pub async fn stop_batch_job(&self, job: &str, region: &str) -> Result<(), SendError> {
        let path = format!("{}/stop", path(job));
        let IgnoredAny = self.call(Method::POST, &path, Bytes::new(), region).await?;
        Ok(())
    }
}

fn path(job: &str) -> String {
    format!("/model-invocation-job/{}", utf8_percent_encode(job, PATH_SEGMENT))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    invocation_job_summaries: Vec<BatchJob>,
    next_token: Option<String>,
}

/// A batch job to be made. Its records are Converse bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBatchJob {
    /// Letters, digits, hyphens, dots; 1 to 63.
    pub name: String,
    /// The role that Bedrock assumes to read and write the bucket.
    pub role_arn: String,
    /// A model id, or the ARN of a model or profile.
    pub model_id: String,
    /// `s3://bucket/key` of the records.
    pub input: String,
    /// `s3://bucket/prefix/` for the answers.
    pub output: String,
    /// The same for the same job, in every run.
    pub client_request_token: String,
}

impl NewBatchJob {
    /// The body of the request, as `--dry-run` shows it too.
    pub fn request(&self) -> impl Serialize {
        let Self { name, role_arn, model_id, input, output, client_request_token } = self;
        serde_json::json!({
            "jobName": name,
            "roleArn": role_arn,
            "modelId": model_id,
            "modelInvocationType": "Converse",
            "inputDataConfig": { "s3InputDataConfig": { "s3Uri": input, "s3InputFormat": "JSONL" } },
            "outputDataConfig": { "s3OutputDataConfig": { "s3Uri": output } },
            "clientRequestToken": client_request_token,
        })
    }
}

/// A batch job as AWS describes it. Counts are there once AWS has begun to read the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchJob {
    /// Its ARN.
    pub job_arn: String,
    /// Its name.
    pub job_name: Option<String>,
    /// The model as it was given.
    pub model_id: String,
    /// `Submitted`, `Validating`, `Scheduled`, `InProgress`, `Completed`, `PartiallyCompleted`, `Failed`, `Stopping`,
    /// `Stopped`, `Expired`.
    pub status: String,
    /// Why it failed.
    pub message: Option<String>,
    /// ISO 8601.
    pub submit_time: Option<String>,
    /// ISO 8601.
    pub end_time: Option<String>,
    /// Where its records are.
    pub input_data_config: Input,
    /// Where its answers go.
    pub output_data_config: Output,
    /// Records in all.
    pub total_record_count: Option<u64>,
    /// Records that were looked at.
    pub processed_record_count: Option<u64>,
    /// Records that were answered.
    pub success_record_count: Option<u64>,
    /// Records that were refused.
    pub error_record_count: Option<u64>,
}

impl BatchJob {
    /// What stands last in its ARN.
    pub fn id(&self) -> &str {
        self.job_arn.rsplit('/').next().unwrap_or(&self.job_arn)
    }

    /// Whether nothing more will happen to it.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "Completed" | "PartiallyCompleted" | "Failed" | "Stopped" | "Expired")
    }
}

/// Where the records of a job are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The only place there is.
    pub s3_input_data_config: Place,
}

/// Where the answers of a job go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The only place there is.
    pub s3_output_data_config: Place,
}

/// A place on S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// `s3://bucket/key`
    pub s3_uri: String,
}

/// Hexadecimal digits that are the same for the same texts: a job that is submitted twice is made once.
pub fn token(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
