//! May this account use this model? What AWS says of a model's availability and of its life-cycle.
//!
//! Shapes: botocore 1.44.5 (reference `bedrock.md` §1.3). Words are open: the service knows more than its model lists.

use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::PATH_SEGMENT;
use crate::client::{Client, SendError};

impl Client {
    /// `GetFoundationModelAvailability`, by the model's bare id.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn availability(&self, model: &str, region: &str) -> Result<Availability, SendError> {
        let path = format!("/foundation-model-availability/{}", utf8_percent_encode(model, PATH_SEGMENT));
        self.read(&path, region).await
    }

    /// `GetFoundationModel`, by the model's bare id.
    ///
    /// # Errors
    /// `ValidationException` or `ResourceNotFoundException` for what the Region does not list; the others as [`Client::send`].
    pub async fn foundation_model(&self, model: &str, region: &str) -> Result<FoundationModel, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            model_details: FoundationModel,
        }
        let path = format!("/foundation-models/{}", utf8_percent_encode(model, PATH_SEGMENT));
        let Answer { model_details } = self.read(&path, region).await?;
        Ok(model_details)
    }
}

/// What stands between an account and a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// The agreement with its publisher.
    pub agreement_availability: Agreement,
    /// `AUTHORIZED` or `NOT_AUTHORIZED`.
    pub authorization_status: String,
    /// `AVAILABLE` or `NOT_AVAILABLE`.
    pub entitlement_availability: String,
    /// `AVAILABLE` or `NOT_AVAILABLE`: in the Region asked.
    pub region_availability: String,
}

/// The state of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// `AVAILABLE`, `PENDING`, `NOT_AVAILABLE` or `ERROR`.
    pub status: String,
    /// What went wrong.
    pub error_message: Option<String>,
}

/// A model as its Region describes it; only what the commands read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundationModel {
    /// Its bare id.
    pub model_id: String,
    /// Where it is in its life.
    pub model_lifecycle: Option<Lifecycle>,
}

/// Where a model is in its life. Times are ISO 8601.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    /// `ACTIVE` or `LEGACY`.
    pub status: String,
    /// When it can no longer be invoked.
    pub end_of_life_time: Option<String>,
    /// From when on it costs more.
    pub public_extended_access_time: Option<String>,
}
