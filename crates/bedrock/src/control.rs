//! The control plane: inference profiles and their tags.
//!
//! The resolver needs one call of it, `bedrock:GetInferenceProfile`; the rest is for people who keep profiles
//! ([`profiles`]). Answers may hold members the published model does not have.

pub mod access;
pub mod batch;
pub mod custom;
pub mod discover;
pub mod iam;
pub mod logging;
pub mod logs;
pub mod metrics;
mod neighbour;
pub mod probe;
pub mod profiles;
mod quotas;
pub mod s3;
pub mod sts;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::BodyExt;
use outcrop_catalog::{ApplicationProfile, ProfileType};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use profiles::{Created, InferenceProfile, NewProfile};

use crate::client::{Client, Invocation, SendError};

/// Everything outside RFC 3986's unreserved set: an ARN is one path segment (reference `bedrock.md` §2.3).
pub const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Client {
    /// What the resolver has to know of a profile: `GetInferenceProfile`, in the Region given.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn inference_profile(
        &self,
        identifier: &str,
        region: &str,
    ) -> Result<ApplicationProfile, SendError> {
        self.describe_inference_profile(identifier, region).await.map(ApplicationProfile::from)
    }

    /// What the resolver has to know of all application profiles of the account in the Region given.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn application_profiles(&self, region: &str) -> Result<Vec<ApplicationProfile>, SendError> {
        let profiles = self.inference_profiles(Some(ProfileType::Application), region).await?;
        Ok(profiles.into_iter().map(ApplicationProfile::from).collect())
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str, region: &str) -> Result<T, SendError> {
        self.call(Method::GET, path, Bytes::new(), region).await
    }

    /// Every page of a list. `path` has a query already; `split` takes a page apart into its items and the next token.
    async fn pages<P: DeserializeOwned, T>(
        &self,
        path: &str,
        region: &str,
        split: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, SendError> {
        let (mut all, mut token) = (Vec::new(), None::<String>);
        loop {
            let next = token.as_ref().map(|token| utf8_percent_encode(token, PATH_SEGMENT).to_string());
            let page = match &next {
                Some(next) => self.read(&format!("{path}&nextToken={next}"), region).await?,
                None => self.read(path, region).await?,
            };
            let (items, following) = split(page);
            all.extend(items);
            // A token that leads back to its own page would never end.
            if following.is_none() || following == token {
                return Ok(all);
            }
            token = following;
        }
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        region: &str,
    ) -> Result<T, SendError> {
        let body = serde_json::to_vec(body).map_err(|error| SendError::Unsendable(error.to_string()))?;
        self.call(Method::POST, path, body.into(), region).await
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        region: &str,
    ) -> Result<T, SendError> {
        let endpoint =
            self.endpoints().control(region).map_err(|error| SendError::Unsendable(error.to_string()))?;
        let mut headers = HeaderMap::new();
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let invocation = Invocation { method, endpoint: &endpoint, region, path, headers, body };
        let broken = |why: String| SendError::Broken { host: endpoint.authority().to_owned(), why };
        let answer = self.send(&invocation).await?.into_body().collect().await;
        let answer = answer.map_err(|error| broken(error.to_string()))?.to_bytes();
        let answer = if answer.is_empty() { NOTHING } else { &answer };
        serde_json::from_slice(answer).map_err(|error| broken(format!("unreadable answer: {error}")))
    }
}

/// AWS answers with `{}` where there is nothing to say; a proxy may drop even that.
const NOTHING: &[u8] = b"{}";

impl From<InferenceProfile> for ApplicationProfile {
    fn from(profile: InferenceProfile) -> Self {
        let model_arns = profile.model_arns();
        Self {
            arn: profile.inference_profile_arn,
            name: profile.inference_profile_name,
            model_arns,
            tags: BTreeMap::new(),
        }
    }
}
