//! The account's profiles in one Region: AWS's calls, with advice for each way they fail.

use std::collections::BTreeMap;

use outcrop_bedrock::control::metrics::{MetricQuery, MetricSpan};
use outcrop_bedrock::control::sts::RoleToAssume;
use outcrop_bedrock::control::{InferenceProfile, NewProfile};
use outcrop_bedrock::{Client, SendError};
use outcrop_catalog::{Arn, Kind, ProfileType};
use outcrop_wire::bedrock::ErrorKind;

use crate::failure::Failure;
use crate::paper;
use crate::problem::nearest;
use crate::settings::Settings;

/// Service Quotas L-40EC9882, "Inference profiles per account": the default, which can be raised.
pub const QUOTA: usize = 1_000;
/// Its code in Service Quotas.
pub const QUOTA_CODE: &str = "L-40EC9882";

const MINUTE_S: i64 = 60;

/// One account in one Region.
pub struct Account {
    client: Client,
    /// Profiles are regional.
    pub region: String,
}

impl Account {
    /// With the credentials of the settings.
    pub async fn open(settings: &Settings, region: &str) -> Result<Self, Failure> {
        let credentials = settings.credentials.load(region).await.map_err(Failure::new)?;
        let client = Client::new(credentials, settings.upstream.endpoints());
        Ok(Self { client, region: region.to_owned() })
    }

    /// As a role, which may be another account's.
    pub async fn assume(settings: &Settings, region: &str, role: &RoleToAssume) -> Result<Self, Failure> {
        let own = Self::open(settings, region).await?;
        let assumed = own.client.assume_role(role, region).await.map_err(|error| {
            let failure = Failure::new(format!("{} cannot be assumed: {error}", role.arn));
            failure.hint("the caller must be allowed sts:AssumeRole on it, and its trust policy must name the caller (and the external id)")
        })?;
        let client = Client::new(assumed.credentials, settings.upstream.endpoints());
        Ok(Self { client, region: region.to_owned() })
    }

    /// The one an identifier belongs to: an ARN names its Region itself.
    pub async fn of(settings: &Settings, identifier: &str) -> Result<Self, Failure> {
        let arn = Arn::parse_encoded(identifier).ok();
        let region = arn.map(|arn| arn.region).filter(|region| !region.is_empty());
        Self::open(settings, region.as_deref().unwrap_or(&settings.region.value)).await
    }

    /// Every application profile.
    pub async fn own(&self) -> Result<Vec<InferenceProfile>, Failure> {
        let own = self.client.inference_profiles(Some(ProfileType::Application), &self.region).await;
        own.map_err(|error| {
            let what = format!("the application profiles of {} cannot be listed", self.region);
            refused(&what, &error, "bedrock:ListInferenceProfiles")
        })
    }

    /// The application profile with this name, id or ARN.
    pub async fn find(&self, identifier: &str) -> Result<InferenceProfile, Failure> {
        if let Ok(arn) = Arn::parse_encoded(identifier) {
            return match arn.kind {
                Kind::ApplicationInferenceProfile => self.describe(&arn.to_string()).await,
                _ => Err(not_ours(identifier)),
            };
        }
        let own = self.own().await?;
        let named = |profile: &&InferenceProfile| {
            profile.id() == identifier || profile.inference_profile_name.as_deref() == Some(identifier)
        };
        match own.iter().filter(named).collect::<Vec<_>>().as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(self.no_such(identifier, &own)),
            several => {
                let arns: Vec<_> = several.iter().map(|it| it.inference_profile_arn.as_str()).collect();
                Err(Failure::new(format!("{} profiles are called `{identifier}`", several.len()))
                    .hint(format!("name one by its ARN: {}", arns.join(", "))))
            }
        }
    }

    /// `GetInferenceProfile`
    pub async fn describe(&self, identifier: &str) -> Result<InferenceProfile, Failure> {
        self.client.describe_inference_profile(identifier, &self.region).await.map_err(|error| {
            let what = format!("{identifier} cannot be read in {}", self.region);
            refused(&what, &error, "bedrock:GetInferenceProfile")
        })
    }

    /// Creates a profile and tells its ARN.
    pub async fn create(&self, profile: &NewProfile) -> Result<String, Failure> {
        let created = self.client.create_inference_profile(profile, &self.region).await;
        created.map(|created| created.inference_profile_arn).map_err(|error| {
            let what = format!("{} cannot be created in {}", profile.name, self.region);
            refused(&what, &error, "bedrock:CreateInferenceProfile (with tags also bedrock:TagResource)")
        })
    }

    /// Whether a profile has been invoked lately: whoever replaces another is in use from then on. What cannot be told is not.
    pub async fn is_in_use(&self, arn: &str) -> bool {
        /// CloudWatch names an application profile by its short id (reference `bedrock.md` §7.2).
        const MONTH_S: i64 = 30 * 24 * 60 * 60;
        let id = arn.rsplit('/').next().unwrap_or(arn);
        let query = MetricQuery {
            metric: "Invocations".to_owned(),
            model_id: id.to_owned(),
            statistic: "Sum".to_owned(),
        };
        let now = jiff::Timestamp::now().as_second() + MINUTE_S;
        let span = MetricSpan { from: now - MONTH_S, to: now, period: 60 * MINUTE_S };
        match self.client.metric_values(&[query], span, &self.region).await {
            Ok(values) => values.iter().flat_map(|it| &it.points).any(|(_, invocations)| *invocations > 0.0),
            Err(error) => {
                paper::say(&format!("whether {arn} is in use cannot be told: {error}"));
                false
            }
        }
    }

    /// Deletes a profile.
    pub async fn delete(&self, arn: &str) -> Result<(), Failure> {
        let deleted = self.client.delete_inference_profile(arn, &self.region).await;
        deleted.map_err(|error| {
            refused(&format!("{arn} cannot be deleted"), &error, "bedrock:DeleteInferenceProfile")
        })
    }

    /// The tags of a profile.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, Failure> {
        self.client.tags(arn, &self.region).await.map_err(|error| {
            refused(&format!("the tags of {arn} cannot be read"), &error, "bedrock:ListTagsForResource")
        })
    }

    /// Puts tags on.
    pub async fn tag(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Failure> {
        self.client
            .tag(arn, tags, &self.region)
            .await
            .map_err(|error| refused(&format!("{arn} cannot be tagged"), &error, "bedrock:TagResource"))
    }

    /// Takes tags off.
    pub async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Failure> {
        let untagged = self.client.untag(arn, keys, &self.region).await;
        untagged.map_err(|error| {
            refused(&format!("tags of {arn} cannot be removed"), &error, "bedrock:UntagResource")
        })
    }

    /// Whether the credentials belong to the account that is meant. Every profile's ARN holds it; `own` are those at hand.
    pub async fn check_number(&self, meant: &str, own: &[InferenceProfile]) -> Result<(), Failure> {
        let mut number = own.iter().find_map(|profile| profile.account()).map(str::to_owned);
        if number.is_none() {
            let system = self.client.inference_profiles(Some(ProfileType::SystemDefined), &self.region).await;
            let system = system.map_err(|error| {
                refused("the account cannot be told", &error, "bedrock:ListInferenceProfiles")
            })?;
            number = system.iter().find_map(|profile| profile.account()).map(str::to_owned);
        }
        match number {
            Some(number) if number == meant => Ok(()),
            Some(number) => Err(Failure::new(format!("the credentials belong to {number}, not to {meant}"))
                .hint("use the credentials of that account (AWS_PROFILE, --env-file)")),
            None => Err(Failure::new(format!("whether this is {meant} cannot be told in {}", self.region))),
        }
    }

    fn no_such(&self, identifier: &str, own: &[InferenceProfile]) -> Failure {
        let failure =
            Failure::new(format!("no application profile is called `{identifier}` in {}", self.region));
        let names = own.iter().filter_map(|profile| profile.inference_profile_name.as_deref());
        match nearest(identifier, names) {
            Some(name) => failure.hint(format!("did you mean `{name}`?")),
            None => failure.hint(
                "profiles are regional: look in another one with --region, or see `outcrop profiles list --type application`",
            ),
        }
    }
}

fn not_ours(identifier: &str) -> Failure {
    Failure::new(format!("{identifier} is not an application profile"))
        .hint("only a profile made in the account can be changed or deleted")
}

/// A call that failed, in AWS's words, and what to do. `action` is what it takes in IAM.
pub fn refused(what: &str, error: &SendError, action: &str) -> Failure {
    let failure = Failure::new(format!("{what}: {error}"));
    let kind = match error {
        SendError::Service(service) => &service.error.kind,
        SendError::Broken { .. } | SendError::Timeout { .. } => {
            return failure.hint("run the same command again: nothing is made twice");
        }
        SendError::Connect { .. } => {
            return failure.hint("check the network, the Region and AWS_ENDPOINT_URL_BEDROCK");
        }
        SendError::Credentials(_)
        | SendError::Untrusted { .. }
        | SendError::Abandoned
        | SendError::Unsendable(_) => return failure,
    };
    match kind {
        ErrorKind::AccessDenied => failure.hint(format!("the caller's IAM policy must allow {action}")),
        ErrorKind::ResourceNotFound => {
            failure.hint("profiles are regional: is it in another Region or account? (--region)")
        }
        ErrorKind::Conflict => failure.hint("the name is taken, or the profile is being changed: see `outcrop profiles list --type application`"),
        ErrorKind::ServiceQuotaExceeded => failure.hint(format!(
            "the quota is {QUOTA} profiles unless it was raised (Service Quotas {QUOTA_CODE}); delete some, or ask for more"
        )),
        ErrorKind::Throttling => failure.hint("wait a moment and run the same command again: nothing is made twice"),
        _ => failure,
    }
}
