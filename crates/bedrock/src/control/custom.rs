//! Models of the account's own: customised, deployed, imported, with throughput set aside; and the jobs that make them.
//!
//! Shapes: botocore 1.44.5 (reference `bedrock.md` §1.6).

use serde::Deserialize;

use crate::client::{Client, SendError};

impl Client {
    /// `ListCustomModels`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn custom_models(&self, region: &str) -> Result<Vec<CustomModel>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            model_summaries: Vec<CustomModel>,
            next_token: Option<String>,
        }
        let path = "/custom-models?maxResults=1000";
        self.pages(path, region, |page: Page| (page.model_summaries, page.next_token)).await
    }

    /// `ListCustomModelDeployments`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn deployments(&self, region: &str) -> Result<Vec<Deployment>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            model_deployment_summaries: Vec<Deployment>,
            next_token: Option<String>,
        }
        let path = "/model-customization/custom-model-deployments?maxResults=1000";
        self.pages(path, region, |page: Page| (page.model_deployment_summaries, page.next_token)).await
    }

    /// `ListImportedModels`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn imported_models(&self, region: &str) -> Result<Vec<ImportedModel>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            model_summaries: Vec<ImportedModel>,
            next_token: Option<String>,
        }
        let path = "/imported-models?maxResults=1000";
        self.pages(path, region, |page: Page| (page.model_summaries, page.next_token)).await
    }

    /// `ListProvisionedModelThroughputs`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn provisioned_models(&self, region: &str) -> Result<Vec<ProvisionedModel>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            provisioned_model_summaries: Vec<ProvisionedModel>,
            next_token: Option<String>,
        }
        let path = "/provisioned-model-throughputs?maxResults=1000";
        self.pages(path, region, |page: Page| (page.provisioned_model_summaries, page.next_token)).await
    }

    /// `ListModelCustomizationJobs`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn customization_jobs(&self, region: &str) -> Result<Vec<CustomizationJob>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            model_customization_job_summaries: Vec<CustomizationJob>,
            next_token: Option<String>,
        }
        let path = "/model-customization-jobs?maxResults=1000";
        self.pages(path, region, |page: Page| (page.model_customization_job_summaries, page.next_token)).await
    }

    /// `ListModelImportJobs`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn import_jobs(&self, region: &str) -> Result<Vec<ImportJob>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            model_import_job_summaries: Vec<ImportJob>,
            next_token: Option<String>,
        }
        let path = "/model-import-jobs?maxResults=1000";
        self.pages(path, region, |page: Page| (page.model_import_job_summaries, page.next_token)).await
    }
}

/// A customised model. It is invoked through a deployment or provisioned throughput.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomModel {
    /// Its ARN.
    pub model_arn: String,
    /// Its name.
    pub model_name: String,
    /// The foundation model it was made from.
    pub base_model_arn: String,
    /// `Active`, `Creating`, `Failed`.
    pub model_status: Option<String>,
}

/// A customised model that can be invoked on demand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its ARN: the target of invocations.
    pub custom_model_deployment_arn: String,
    /// Its name.
    pub custom_model_deployment_name: String,
    /// The customised model.
    pub model_arn: String,
    /// `Creating`, `Active`, `Failed`.
    pub status: String,
}

/// An imported model: no foundation model is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedModel {
    /// Its ARN: the target of invocations.
    pub model_arn: String,
    /// Its name.
    pub model_name: String,
    /// `llama`, `mistral`, ….
    pub model_architecture: Option<String>,
}

/// Throughput set aside for a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvisionedModel {
    /// Its ARN: the target of invocations.
    pub provisioned_model_arn: String,
    /// Its name.
    pub provisioned_model_name: String,
    /// The foundation model behind it.
    pub foundation_model_arn: String,
    /// `Creating`, `InService`, `Updating`, `Failed`.
    pub status: String,
}

/// A job that makes a customised model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomizationJob {
    /// Its ARN.
    pub job_arn: String,
    /// Its name.
    pub job_name: String,
    /// The foundation model it starts from.
    pub base_model_arn: String,
    /// `InProgress`, `Completed`, `Failed`, `Stopping`, `Stopped`.
    pub status: String,
    /// What it made.
    pub custom_model_arn: Option<String>,
}

/// A job that imports a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportJob {
    /// Its ARN.
    pub job_arn: String,
    /// Its name.
    pub job_name: String,
    /// `InProgress`, `Completed`, `Failed`.
    pub status: String,
    /// What it made.
    pub imported_model_arn: Option<String>,
}
