//! What the resolver asks AWS: what stands behind one ARN, and what a Region offers.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use outcrop_catalog::survey::{ListedModel, ListedModelArn, ListedProfile, Survey};
use outcrop_catalog::{ApplicationProfile, Arn, Described, Kind, Layer};
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::PATH_SEGMENT;
use super::neighbour::{Call, unreadable, whole};
use super::profiles::{InferenceProfile, ModelArn};
use crate::client::{Client, SendError};
use crate::endpoint::Service;

impl Client {
    /// What stands behind an ARN that [`outcrop_catalog::Resolution::needs_lookup`] asks about: an application profile's models,
    /// the model of provisioned throughput, a custom model or its deployment, or what a prompt, a prompt router, an imported model
    /// or a marketplace endpoint is.
    ///
    /// # Errors
    /// As [`Client::send`]; [`SendError::Unsendable`] for an ARN of another kind.
    pub async fn discover(&self, arn: &str, region: &str) -> Result<Layer, SendError> {
        let parsed = Arn::parse_encoded(arn).map_err(|error| SendError::Unsendable(error.to_string()))?;
        if parsed.kind == Kind::ApplicationInferenceProfile {
            let (profile, tags) = tokio::join!(self.inference_profile(arn, region), self.tags(arn, region));
            // Tags need a permission of their own, and nothing depends on them but the accounts.
            let profile = ApplicationProfile { tags: tags.unwrap_or_default(), ..profile? };
            let application_profiles = [(profile.arn.clone(), profile)].into();
            return Ok(Layer { application_profiles, ..Layer::default() });
        }
        if let Some(described) = self.described(&parsed, region).await? {
            return Ok(Layer { described: [(parsed.to_string(), described)].into(), ..Layer::default() });
        }
        let mut behind = BTreeMap::new();
        let mut at = parsed;
        while let Some(next) = self.behind(&at, region).await? {
            let is_circle = behind.insert(at.to_string(), next.clone()).is_some();
            match Arn::parse_encoded(&next) {
                Ok(next) if !is_circle => at = next,
                _ => break,
            }
        }
        Ok(Layer { behind, ..Layer::default() })
    }

    /// `GetPrompt`, `GetPromptRouter`, `GetImportedModel`, `GetMarketplaceModelEndpoint`; `None` for an ARN of another kind.
    async fn described(&self, arn: &Arn, region: &str) -> Result<Option<Described>, SendError> {
        let folder = match arn.kind {
            Kind::Prompt => return Ok(Some(self.prompt(arn, region).await?.into())),
            Kind::PromptRouter => "/prompt-routers",
            Kind::ImportedModel => "/imported-models",
            Kind::Endpoint => "/marketplace-model/endpoints",
            _ => return Ok(None),
        };
        let path = format!("{folder}/{}", utf8_percent_encode(&arn.to_string(), PATH_SEGMENT));
        Ok(Some(match arn.kind {
            Kind::PromptRouter => self.read::<Router>(&path, region).await?.into(),
            Kind::ImportedModel => self.read::<Imported>(&path, region).await?.into(),
            _ => self.read::<Marketplace>(&path, region).await?.into(),
        }))
    }

    /// `GetPrompt` of Agents for Amazon Bedrock. The version is a part of the identifier.
    async fn prompt(&self, arn: &Arn, region: &str) -> Result<Prompt, SendError> {
        let path = format!("/prompts/{}/", utf8_percent_encode(&arn.to_string(), PATH_SEGMENT));
        let (method, headers) = (Method::GET, HeaderMap::new());
        let call =
            Call { service: Service::Agents, method, path: &path, headers, body: Bytes::new(), region };
        let answer = whole(self.ask(call).await?).await?;
        serde_json::from_slice(&answer).map_err(|error| unreadable(&error.to_string()))
    }

    /// One step; `None` at a model, or where AWS has no operation that tells.
    async fn behind(&self, arn: &Arn, region: &str) -> Result<Option<String>, SendError> {
        let folder = match arn.kind {
            Kind::ProvisionedModel => "/provisioned-model-throughput",
            Kind::CustomModel => "/custom-models",
            Kind::CustomModelDeployment => "/model-customization/custom-model-deployments",
            _ => return Ok(None),
        };
        let path = format!("{folder}/{}", utf8_percent_encode(&arn.to_string(), PATH_SEGMENT));
        let described: Step = self.read(&path, region).await?;
        let Step { foundation_model_arn, base_model_arn, model_arn } = described;
        Ok(match arn.kind {
            Kind::ProvisionedModel => foundation_model_arn,
            Kind::CustomModel => base_model_arn,
            _ => model_arn,
        })
    }

    /// `ListFoundationModels` and `ListInferenceProfiles` (both types, all pages) of a Region. What may not be asked stays open.
    ///
    /// # Errors
    /// That of the first question when neither was answered.
    pub async fn survey(&self, region: &str) -> Result<Survey, SendError> {
        let (models, profiles) = tokio::join!(self.foundation_models(region), self.listed_profiles(region));
        match (models, profiles) {
            (Err(error), Err(_)) => Err(error),
            (models, profiles) => {
                Ok(Survey { foundation_models: models.ok(), inference_profiles: profiles.ok() })
            }
        }
    }

    async fn foundation_models(&self, region: &str) -> Result<Vec<ListedModel>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            #[serde(default)]
            model_summaries: Vec<ListedModel>,
        }
        let Answer { model_summaries } = self.read("/foundation-models", region).await?;
        Ok(model_summaries)
    }

    /// AWS lists one type unless it is asked for both; which one without a type is not documented.
    async fn listed_profiles(&self, region: &str) -> Result<Vec<ListedProfile>, SendError> {
        use outcrop_catalog::ProfileType::{Application, SystemDefined};
        let mut listed = self.inference_profiles(Some(SystemDefined), region).await?;
        listed.extend(self.inference_profiles(Some(Application), region).await?);
        Ok(listed.into_iter().map(ListedProfile::from).collect())
    }
}

impl From<InferenceProfile> for ListedProfile {
    fn from(profile: InferenceProfile) -> Self {
        let models = profile.models.into_iter().map(|ModelArn { model_arn }| ListedModelArn { model_arn });
        Self {
            models: models.collect(),
            inference_profile_arn: profile.inference_profile_arn,
            inference_profile_id: profile.inference_profile_id,
            inference_profile_name: profile.inference_profile_name,
        }
    }
}

/// The one member that matters of three answers (reference `bedrock.md` §1.6).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    foundation_model_arn: Option<String>,
    base_model_arn: Option<String>,
    model_arn: Option<String>,
}

/// `GetPromptResponse`, as far as it tells which model is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prompt {
    name: String,
    default_variant: Option<String>,
    #[serde(default)]
    variants: Vec<Variant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variant {
    name: String,
    model_id: Option<String>,
}

impl From<Prompt> for Described {
    /// The default variant is what is invoked; a prompt that names none has but one.
    fn from(prompt: Prompt) -> Self {
        let Prompt { name, default_variant, variants } = prompt;
        let is_default = |variant: &&Variant| default_variant.as_ref().is_none_or(|it| *it == variant.name);
        let model = variants.iter().find(is_default).and_then(|variant| variant.model_id.clone());
        let asks = model.as_ref().map_or_else(
            || "names no model".to_owned(),
            |model| format!("asks {}", model.rsplit('/').next().unwrap_or(model)),
        );
        Self { says: format!("the prompt {name} {asks}"), model_arns: model.into_iter().collect() }
    }
}

/// `GetPromptRouterResponse`, as far as it tells where a call may go.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    prompt_router_name: String,
    #[serde(default)]
    models: Vec<ModelArn>,
    fallback_model: Option<ModelArn>,
}

impl From<Router> for Described {
    fn from(router: Router) -> Self {
        let Router { prompt_router_name, models, fallback_model } = router;
        let mut model_arns: Vec<String> =
            models.into_iter().chain(fallback_model).map(|ModelArn { model_arn }| model_arn).collect();
        model_arns.sort();
        model_arns.dedup();
        let names: Vec<_> = model_arns.iter().filter_map(|arn| arn.rsplit('/').next()).collect();
        Self {
            says: format!("the router {prompt_router_name} chooses among {}", names.join(", ")),
            model_arns,
        }
    }
}

/// `GetImportedModelResponse`, as far as it tells what the model is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    model_name: Option<String>,
    model_architecture: Option<String>,
    instruct_supported: Option<bool>,
}

impl From<Imported> for Described {
    fn from(imported: Imported) -> Self {
        let Imported { model_name, model_architecture, instruct_supported } = imported;
        let name = model_name.map_or_else(String::new, |name| format!(" {name}"));
        let architecture =
            model_architecture.map_or_else(String::new, |it| format!(" of the architecture {it}"));
        let converse = match instruct_supported {
            Some(true) => ", with which one can converse",
            Some(false) => ", with which one cannot converse",
            None => "",
        };
        Self { says: format!("the imported model{name}{architecture}{converse}"), model_arns: Vec::new() }
    }
}

/// `GetMarketplaceModelEndpointResponse`, as far as it tells what is deployed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marketplace {
    marketplace_model_endpoint: Deployed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployed {
    model_source_identifier: String,
}

impl From<Marketplace> for Described {
    fn from(Marketplace { marketplace_model_endpoint }: Marketplace) -> Self {
        let source = marketplace_model_endpoint.model_source_identifier;
        let model = source.rsplit_once("/Model/").map_or(source.as_str(), |(_, model)| model);
        Self { says: format!("the endpoint of the marketplace model {model}"), model_arns: Vec::new() }
    }
}
