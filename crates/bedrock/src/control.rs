//! The control-plane calls the resolver needs: which model is behind a profile.
//!
//! Works with `bedrock:GetInferenceProfile` alone; tolerates members the published model does not have.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use outcrop_catalog::ApplicationProfile;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::client::{Client, Invocation, SendError};

/// Everything outside RFC 3986's unreserved set: an ARN is one path segment (reference `bedrock.md` §2.3).
pub const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Client {
    /// `GetInferenceProfile`, in the Region given.
    pub async fn inference_profile(
        &self,
        identifier: &str,
        region: &str,
    ) -> Result<ApplicationProfile, SendError> {
        let path = format!("/inference-profiles/{}", utf8_percent_encode(identifier, PATH_SEGMENT));
        let summary: Summary = self.read(&path, region).await?;
        Ok(summary.into())
    }

    /// All application profiles of the account in the Region given, page by page.
    pub async fn application_profiles(&self, region: &str) -> Result<Vec<ApplicationProfile>, SendError> {
        let mut profiles = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut path = String::from("/inference-profiles?maxResults=1000&type=APPLICATION");
            if let Some(token) = &next {
                path.push_str("&nextToken=");
                path.extend(utf8_percent_encode(token, PATH_SEGMENT));
            }
            let page: Page = self.read(&path, region).await?;
            profiles.extend(page.inference_profile_summaries.into_iter().map(ApplicationProfile::from));
            next = page.next_token;
            if next.is_none() {
                return Ok(profiles);
            }
        }
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, path: &str, region: &str) -> Result<T, SendError> {
        let endpoint =
            self.endpoints().control(region).map_err(|error| SendError::Unsendable(error.to_string()))?;
        let invocation = Invocation {
            method: Method::GET,
            endpoint: &endpoint,
            region,
            path,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let broken = |why: String| SendError::Broken { host: endpoint.authority().to_owned(), why };
        let body = self
            .send(&invocation)
            .await?
            .into_body()
            .collect()
            .await
            .map_err(|error| broken(error.to_string()))?;
        serde_json::from_slice(&body.to_bytes())
            .map_err(|error| broken(format!("unreadable answer: {error}")))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    inference_profile_summaries: Vec<Summary>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    inference_profile_arn: String,
    inference_profile_name: Option<String>,
    #[serde(default)]
    models: Vec<ModelArn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelArn {
    model_arn: String,
}

impl From<Summary> for ApplicationProfile {
    fn from(summary: Summary) -> Self {
        Self {
            arn: summary.inference_profile_arn,
            name: summary.inference_profile_name,
            model_arns: summary.models.into_iter().map(|model| model.model_arn).collect(),
            mapped_to: None,
            tags: BTreeMap::new(),
        }
    }
}
