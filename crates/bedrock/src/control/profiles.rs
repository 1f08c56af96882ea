//! The life of an inference profile: created, listed, tagged, deleted. There is no update: only tags can change.
//!
//! Shapes: botocore 1.44.5 (reference `bedrock.md` §1.1). Errors are AWS's own, as [`SendError::Service`].

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use outcrop_catalog::ProfileType;
use percent_encoding::utf8_percent_encode;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::PATH_SEGMENT;
use crate::client::{Client, SendError};

impl Client {
    /// `CreateInferenceProfile`. Asked twice for the same, AWS makes it once: see [`NewProfile::client_request_token`].
    ///
    /// # Errors
    /// `ConflictException` when the name is taken; the others as [`Client::send`].
    pub async fn create_inference_profile(
        &self,
        profile: &NewProfile,
        region: &str,
    ) -> Result<Created, SendError> {
        self.post("/inference-profiles", &profile.request(region), region).await
    }

    /// `GetInferenceProfile`, by id or ARN, in the Region given.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is none; the others as [`Client::send`].
    pub async fn describe_inference_profile(
        &self,
        identifier: &str,
        region: &str,
    ) -> Result<InferenceProfile, SendError> {
        self.read(&path_of(identifier), region).await
    }

    /// `ListInferenceProfiles`, page by page; both types without `only`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn inference_profiles(
        &self,
        only: Option<ProfileType>,
        region: &str,
    ) -> Result<Vec<InferenceProfile>, SendError> {
        let mut profiles = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page: Page = self.read(&page_path(only, next.as_deref()), region).await?;
            profiles.extend(page.inference_profile_summaries);
            // A token that leads back to its own page would never end.
            if page.next_token.is_none() || page.next_token == next {
                return Ok(profiles);
            }
            next = page.next_token;
        }
    }

    /// `DeleteInferenceProfile`, by id or ARN.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is none; the others as [`Client::send`].
    pub async fn delete_inference_profile(&self, identifier: &str, region: &str) -> Result<(), SendError> {
        let IgnoredAny = self.call(Method::DELETE, &path_of(identifier), Bytes::new(), region).await?;
        Ok(())
    }

    /// `ListTagsForResource`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn tags(&self, arn: &str, region: &str) -> Result<BTreeMap<String, String>, SendError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            tags: Vec<Tag>,
        }
        let answer: Answer = self.post("/listTagsForResource", &Resource { arn }, region).await?;
        Ok(answer.tags.into_iter().map(|Tag { key, value }| (key, value)).collect())
    }

    /// `TagResource`: adds tags, and replaces the values of those that are there.
    ///
    /// # Errors
    /// `TooManyTagsException`; the others as [`Client::send`].
    pub async fn tag(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
        region: &str,
    ) -> Result<(), SendError> {
        #[derive(Serialize)]
        struct Request<'a> {
            #[serde(rename = "resourceARN")]
            arn: &'a str,
            tags: Vec<Tag>,
        }
        let request = Request { arn, tags: listed(tags) };
        let IgnoredAny = self.post("/tagResource", &request, region).await?;
        Ok(())
    }

    /// `UntagResource`; keys that are not there are no error.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn untag(&self, arn: &str, keys: &[String], region: &str) -> Result<(), SendError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Request<'a> {
            #[serde(rename = "resourceARN")]
            arn: &'a str,
            tag_keys: &'a [String],
        }
        let request = Request { arn, tag_keys: keys };
        let IgnoredAny = self.post("/untagResource", &request, region).await?;
        Ok(())
    }
}

/// A profile to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProfile {
    /// `inferenceProfileName`.
    pub name: String,
    /// Whatever AWS's pattern allows.
    pub description: Option<String>,
    /// The ARN of a foundation model or of a system profile, in the Region of the call.
    pub copy_from: String,
    /// Put on at creation, so that there is no moment without them.
    pub tags: BTreeMap<String, String>,
}

impl NewProfile {
    /// The body of the request, as `--dry-run` shows it too.
    pub fn request(&self, region: &str) -> impl Serialize {
        CreateRequest {
            inference_profile_name: self.name.clone(),
            description: self.description.clone(),
            model_source: ModelSource { copy_from: self.copy_from.clone() },
            tags: listed(&self.tags),
            client_request_token: self.client_request_token(region),
        }
    }

    /// The same for the same name, source and Region, in every run on every machine: a request that is sent again, because
    /// its answer was lost or the program was stopped, makes no second profile.
    pub fn client_request_token(&self, region: &str) -> String {
        let mut hash = Sha256::new();
        for part in [&self.name, &self.copy_from, region] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("outcrop-{digest}")
    }
}

/// What `CreateInferenceProfile` answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// The new profile's ARN, or that of the one the same request made before.
    pub inference_profile_arn: String,
    /// `ACTIVE`.
    pub status: Option<String>,
}

/// A profile of either type, as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InferenceProfile {
    /// Its ARN.
    pub inference_profile_arn: String,
    /// Its id; see [`InferenceProfile::id`].
    pub inference_profile_id: Option<String>,
    /// Its name.
    pub inference_profile_name: Option<String>,
    /// What its maker wrote.
    pub description: Option<String>,
    /// ISO 8601.
    pub created_at: Option<String>,
    /// `ACTIVE`.
    pub status: Option<String>,
    /// The models it routes to, one a Region.
    #[serde(default)]
    pub models: Vec<ModelArn>,
}

/// A model a profile routes to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelArn {
    /// `arn:aws:bedrock:us-east-1::foundation-model/…`
    pub model_arn: String,
}

impl InferenceProfile {
    /// What stands last in its ARN.
    pub fn id(&self) -> &str {
        let arn = &self.inference_profile_arn;
        self.inference_profile_id.as_deref().unwrap_or_else(|| arn.rsplit('/').next().unwrap_or(arn))
    }

    /// The account that owns it; `None` when the ARN has none.
    pub fn account(&self) -> Option<&str> {
        self.inference_profile_arn.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// The ARNs of its models, as AWS lists them.
    pub fn model_arns(&self) -> Vec<String> {
        self.models.iter().map(|model| model.model_arn.clone()).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    inference_profile_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    model_source: ModelSource,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    client_request_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelSource {
    copy_from: String,
}

#[derive(Serialize, Deserialize)]
struct Tag {
    key: String,
    value: String,
}

#[derive(Serialize)]
struct Resource<'a> {
    #[serde(rename = "resourceARN")]
    arn: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    inference_profile_summaries: Vec<InferenceProfile>,
    next_token: Option<String>,
}

fn listed(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

fn path_of(identifier: &str) -> String {
    format!("/inference-profiles/{}", utf8_percent_encode(identifier, PATH_SEGMENT))
}

/// The largest page AWS gives.
const PAGE: &str = "/inference-profiles?maxResults=1000";

/// The type is `type` on the wire, although the SDKs call it `typeEquals`.
fn page_path(only: Option<ProfileType>, next: Option<&str>) -> String {
    let mut path = PAGE.to_owned();
    if let Some(token) = next {
        path.push_str("&nextToken=");
        path.extend(utf8_percent_encode(token, PATH_SEGMENT));
    }
    path.push_str(match only {
        Some(ProfileType::SystemDefined) => "&type=SYSTEM_DEFINED",
        Some(ProfileType::Application) => "&type=APPLICATION",
        None => "",
    });
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> NewProfile {
        NewProfile {
            name: name.to_owned(),
            description: None,
            copy_from: "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0".to_owned(),
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn the_token_is_the_same_for_the_same_and_legal() {
        let token = profile("a").client_request_token("us-east-1");
        assert_eq!(token, profile("a").client_request_token("us-east-1"));
        assert_ne!(token, profile("b").client_request_token("us-east-1"));
        assert_ne!(token, profile("a").client_request_token("us-west-2"));
        // `[a-zA-Z0-9]([-a-zA-Z0-9]{0,254}[a-zA-Z0-9])?` (reference `bedrock.md` §1.2)
        assert!(token.len() <= 256 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }

    #[test]
    fn empty_members_are_left_out_of_the_request() {
        let request = serde_json::to_value(profile("a").request("us-east-1")).ok();
        let keys: Vec<String> =
            request.iter().filter_map(|it| it.as_object()).flat_map(|it| it.keys().cloned()).collect();
        assert_eq!(keys, ["clientRequestToken", "inferenceProfileName", "modelSource"]);
    }

    #[test]
    fn a_page_is_asked_for_by_its_encoded_token() {
        assert_eq!(page_path(None, None), PAGE);
        let path = page_path(Some(ProfileType::Application), Some("a/b="));
        assert_eq!(path, format!("{PAGE}&nextToken=a%2Fb%3D&type=APPLICATION"));
    }
}
