//! What the catalog knows, asked the way the emulator needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_catalog::{Catalog, Model, SystemProfile};

/// A model as one Region sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may be invoked by its own id.
    OnDemand,
    /// It is here, but only through an inference profile.
    ProfileOnly,
    /// It is no longer served anywhere.
    Retired,
    /// It is not known, or not here.
    Unknown,
}

/// The facts, shared by all requests.
#[derive(Debug)]
pub(crate) struct Facts {
    models: BTreeMap<String, Arc<Model>>,
    profiles: BTreeMap<String, Arc<SystemProfile>>,
}

/// A few models and their profiles, for as long as the catalog's own data files are empty.
#[derive(serde::Deserialize)]
struct Interim {
    models: Vec<Model>,
    profiles: Vec<SystemProfile>,
}

impl Facts {
    /// The built-in catalog.
    pub(crate) fn built_in() -> Self {
        let catalog = Catalog::built_in();
        if catalog.models().next().is_none() {
            return Self::interim();
        }
        Self {
            models: catalog.models().map(|model| (model.id.clone(), model.clone())).collect(),
            profiles: catalog
                .system_profiles()
                .map(|profile| (profile.id.clone(), profile.clone()))
                .collect(),
        }
    }

    fn interim() -> Self {
        let Interim { models, profiles } =
            serde_json::from_str(include_str!("interim.json")).expect("the interim facts are JSON");
        Self {
            models: models.into_iter().map(|model| (model.id.clone(), Arc::new(model))).collect(),
            profiles: profiles.into_iter().map(|profile| (profile.id.clone(), Arc::new(profile))).collect(),
        }
    }

    /// A model by its bare id.
    pub(crate) fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.models.get(id)
    }

    /// How a bare model id stands in a Region.
    pub(crate) fn standing(&self, id: &str, region: &str) -> Standing {
        let Some(model) = self.models.get(id) else { return Standing::Unknown };
        let here = |regions: &[String]| regions.iter().any(|known| known == region);
        if model.lifecycle.as_deref() == Some(RETIRED) {
            Standing::Retired
        } else if here(&model.on_demand) {
            Standing::OnDemand
        } else if here(&model.profile_only) {
            Standing::ProfileOnly
        } else {
            Standing::Unknown
        }
    }

    /// The models that a Region lists, by id.
    pub(crate) fn models_of(&self, region: &str) -> Vec<Arc<Model>> {
        let is_listed = |model: &&Arc<Model>| {
            matches!(self.standing(&model.id, region), Standing::OnDemand | Standing::ProfileOnly)
        };
        self.models.values().filter(is_listed).cloned().collect()
    }

    /// The system profiles that can be called from a Region, by id.
    pub(crate) fn profiles_of(&self, region: &str) -> Vec<Arc<SystemProfile>> {
        let is_listed = |profile: &&Arc<SystemProfile>| profile.destinations(region).is_some();
        self.profiles.values().filter(is_listed).cloned().collect()
    }

    /// A system profile that can be called from a Region.
    pub(crate) fn profile(&self, id: &str, region: &str) -> Option<&Arc<SystemProfile>> {
        self.profiles.get(id).filter(|profile| profile.destinations(region).is_some())
    }
}

/// The catalog's word for a model that is gone.
const RETIRED: &str = "RETIRED";

/// The foundation-model ARNs that AWS lists for a profile called from `region`: one a destination. A global profile has
/// two: the one without a Region and the one of the caller's (recorded in profiles copied from global ones).
pub(crate) fn routed_models(profile: &SystemProfile, region: &str) -> Vec<String> {
    if profile.is_global() {
        return vec![model_arn("", &profile.model), model_arn(region, &profile.model)];
    }
    let destinations = profile.destinations(region).unwrap_or_default();
    destinations.iter().map(|region| model_arn(region, &profile.model)).collect()
}

/// `arn:aws:bedrock:REGION::foundation-model/ID`.
pub(crate) fn model_arn(region: &str, model: &str) -> String {
    format!("arn:aws:bedrock:{region}::foundation-model/{model}")
}
