//! Model invocation logging: where Bedrock writes what was invoked.

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::client::{Client, SendError};

/// `LoggingConfig`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggingConfig {
    /// To CloudWatch Logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_watch_config: Option<CloudWatchConfig>,
    /// To S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_config: Option<S3Config>,
    /// Text of prompts and answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_data_delivery_enabled: Option<bool>,
    /// Images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_data_delivery_enabled: Option<bool>,
    /// Embeddings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_data_delivery_enabled: Option<bool>,
    /// Video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_data_delivery_enabled: Option<bool>,
    /// Audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_data_delivery_enabled: Option<bool>,
}

/// `CloudWatchConfig`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchConfig {
    /// The log group.
    pub log_group_name: String,
    /// The role that Bedrock writes as.
    pub role_arn: String,
    /// Where bodies go that are too large for a log event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_data_delivery_s3_config: Option<S3Config>,
}

/// `S3Config`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct S3Config {
    /// The bucket.
    pub bucket_name: String,
    /// Before each key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<String>,
}

impl Client {
    /// `bedrock:GetModelInvocationLoggingConfiguration`; `None` when nothing is logged.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn logging(&self, region: &str) -> Result<Option<LoggingConfig>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Output {
            logging_config: Option<LoggingConfig>,
        }
        let output: Output = self.read(PATH, region).await?;
        Ok(output
            .logging_config
            .filter(|config| config.cloud_watch_config.is_some() || config.s3_config.is_some()))
    }

    /// `bedrock:PutModelInvocationLoggingConfiguration`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn set_logging(&self, config: &LoggingConfig, region: &str) -> Result<(), SendError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Input<'a> {
            logging_config: &'a LoggingConfig,
        }
        let body = serde_json::to_vec(&Input { logging_config: config });
        let body = body.map_err(|error| SendError::Unsendable(error.to_string()))?;
        self.call::<Nothing>(Method::PUT, PATH, body.into(), region).await.map(drop)
    }

    /// `bedrock:DeleteModelInvocationLoggingConfiguration`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn disable_logging(&self, region: &str) -> Result<(), SendError> {
        self.call::<Nothing>(Method::DELETE, PATH, Bytes::new(), region).await.map(drop)
    }
}

const PATH: &str = "/logging/modelinvocations";

/// An answer that says nothing.
#[derive(Deserialize)]
struct Nothing {}
