//! What AWS lists in one Region, in AWS's own shapes, and what follows from it. A saved survey is used offline.
//!
//! Read liberally: words and members beyond AWS's published model (`INFERENCE_PROFILE`, `VIDEO`, ARNs without a Region; reference
//! `bedrock.md` §1.9) are kept or passed over, never an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::identifier::Kind;
use crate::{ApplicationProfile, Arn, Model, SystemProfile};

/// What one Region answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// `ListFoundationModels`; `None` when it could not be asked.
    pub foundation_models: Option<Vec<ListedModel>>,
    /// `ListInferenceProfiles` of both types, all pages; `None` when it could not be asked.
    pub inference_profiles: Option<Vec<ListedProfile>>,
}

/// One of `modelSummaries`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedModel {
    /// `anthropic.claude-…`.
    pub model_id: String,
    /// The name people use.
    pub model_name: Option<String>,
    /// Who made it.
    pub provider_name: Option<String>,
    /// `TEXT`, `IMAGE`, ….
    #[serde(default)]
    pub input_modalities: Option<Vec<String>>,
    /// `TEXT`, `EMBEDDING`, ….
    #[serde(default)]
    pub output_modalities: Option<Vec<String>>,
    /// Answers can be streamed.
    pub response_streaming_supported: Option<bool>,
    /// `ON_DEMAND`, `PROVISIONED`, `INFERENCE_PROFILE`, ….
    #[serde(default)]
    pub inference_types_supported: Option<Vec<String>>,
    /// Where it is in its life.
    pub model_lifecycle: Option<Lifecycle>,
}

/// `modelLifecycle`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    /// `ACTIVE`, `LEGACY`.
    pub status: Option<String>,
}

/// One of `inferenceProfileSummaries`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedProfile {
    /// Its ARN.
    pub inference_profile_arn: String,
    /// Its id.
    pub inference_profile_id: Option<String>,
    /// Its name.
    pub inference_profile_name: Option<String>,
    /// The ARNs of its models, one a Region.
    #[serde(default)]
    pub models: Vec<ListedModelArn>,
}

/// A model behind a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedModelArn {
    /// `arn:aws:bedrock:us-east-1::foundation-model/…`; without a Region where the profile is global.
    pub model_arn: String,
}

impl Survey {
    /// The account's own profiles among those listed.
    pub fn application_profiles(&self) -> impl Iterator<Item = ApplicationProfile> {
        self.inference_profiles
            .iter()
            .flatten()
            .filter(|profile| profile.is(Kind::ApplicationInferenceProfile))
            .map(|profile| ApplicationProfile {
                arn: profile.inference_profile_arn.clone(),
                name: profile.inference_profile_name.clone(),
                model_arns: profile.models.iter().map(|model| model.model_arn.clone()).collect(),
                tags: BTreeMap::new(),
            })
    }

    /// AWS's own profiles among those listed, by id; `None` when they could not be asked for.
    pub(crate) fn system_profiles(&self) -> Option<BTreeMap<&str, &ListedProfile>> {
        let listed = self.inference_profiles.as_ref()?;
        let system = listed.iter().filter(|profile| profile.is(Kind::InferenceProfile));
        Some(system.map(|profile| (profile.id(), profile)).collect())
    }
}

impl ListedProfile {
    fn is(&self, kind: Kind) -> bool {
        Arn::parse(&self.inference_profile_arn).is_ok_and(|arn| arn.kind == kind)
    }

    fn id(&self) -> &str {
        let arn = &self.inference_profile_arn;
        self.inference_profile_id.as_deref().unwrap_or_else(|| arn.rsplit('/').next().unwrap_or(arn))
    }

    fn arns(&self) -> impl Iterator<Item = Arn> {
        self.models.iter().filter_map(|model| Arn::parse(&model.model_arn).ok())
    }

    /// A profile that the catalog lacks, as far as its listing tells.
    pub(crate) fn new_profile(&self) -> Option<SystemProfile> {
        let (geography, _) = self.id().split_once('.')?;
        let model = self.arns().next()?.id;
        Some(SystemProfile {
            id: self.id().to_owned(),
            geography: geography.to_owned(),
            model,
            routes: BTreeMap::new(),
            withdrawn: Vec::new(),
        })
    }

    /// Takes over where the profile leads from the Region that listed it. Of a global one AWS lists no destinations, so what
    /// is known of them stays.
    pub(crate) fn route(&self, profile: &mut SystemProfile, region: &str) {
        profile.withdrawn.retain(|withdrawn| withdrawn != region);
        let mut regions: Vec<String> = self.arns().map(|arn| arn.region).collect();
        if regions.iter().any(String::is_empty) {
            if profile.destinations(region).is_none() {
                profile.routes.insert(region.to_owned(), Vec::new());
            }
            return;
        }
        regions.sort();
        regions.dedup();
        if profile.destinations(region) != Some(&regions) {
            profile.routes.insert(region.to_owned(), regions);
        }
    }
}

impl ListedModel {
    /// A model that the catalog lacks, as far as its listing tells.
    pub(crate) fn new_model(&self) -> Model {
        Model::unknown(&self.model_id)
    }

    /// Takes over what the listing says; what it leaves out stays.
    pub(crate) fn describe(&self, model: &mut Model, region: &str) {
        let Self {
            model_id: _,
            model_name,
            provider_name,
            input_modalities,
            output_modalities,
            response_streaming_supported,
            inference_types_supported,
            model_lifecycle,
        } = self;
        model.name = model.name.take().or_else(|| model_name.clone());
        model.publisher = model.publisher.take().or_else(|| provider_name.clone());
        replace(&mut model.input_modalities, input_modalities.as_deref());
        replace(&mut model.output_modalities, output_modalities.as_deref());
        model.capabilities.streaming = response_streaming_supported.or(model.capabilities.streaming);
        let status = model_lifecycle.as_ref().and_then(|lifecycle| lifecycle.status.clone());
        model.lifecycle = status.or_else(|| model.lifecycle.take());
        if let Some(types) = inference_types_supported.as_deref().filter(|types| !types.is_empty()) {
            let is = |word: &str| types.iter().any(|it| it == word);
            serve(&mut model.on_demand, region, is("ON_DEMAND"));
            serve(&mut model.profile_only, region, is("INFERENCE_PROFILE") && !is("ON_DEMAND"));
        }
    }
}

/// The order of a listing means nothing, so the same words in another order are no change.
fn replace(words: &mut Vec<String>, listed: Option<&[String]>) {
    let Some(listed) = listed.filter(|listed| !listed.is_empty()) else { return };
    let is_same = listed.len() == words.len() && listed.iter().all(|word| words.contains(word));
    if !is_same {
        *words = listed.to_vec();
    }
}

/// Adds a Region to a list in order, or takes it off.
pub(crate) fn serve(regions: &mut Vec<String>, region: &str, is_served: bool) {
    match (regions.binary_search_by(|known| known.as_str().cmp(region)), is_served) {
        (Err(place), true) => regions.insert(place, region.to_owned()),
        (Ok(place), false) => {
            regions.remove(place);
        }
        _ => {}
    }
}
