//! What the catalog knows, asked the way the emulator needs it.

use std::sync::Arc;

use outcrop_catalog::{Catalog, Context, Model, Price, SystemProfile};

use crate::quirks::{AllQuirks, Quirks};

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
    catalog: Catalog,
    quirks: AllQuirks,
}

impl Facts {
    /// The built-in catalog.
    pub(crate) fn built_in() -> Self {
        let catalog = Catalog::built_in();
        Self { quirks: AllQuirks::of(&catalog), catalog }
    }

    /// A model by its bare id.
    pub(crate) fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.catalog.model(id)
    }

    /// What is peculiar about a model.
    pub(crate) fn quirks(&self, id: &str) -> &Quirks {
        self.quirks.of_model(id)
    }

    /// The paths beside Bedrock's own operations that serve a model.
    pub(crate) fn routes(&self, id: &str) -> &[String] {
        self.catalog.model(id).map_or(&[], |model| &model.routes)
    }

    /// How a bare model id stands in a Region.
    pub(crate) fn standing(&self, id: &str, region: &str) -> Standing {
        let Some(model) = self.catalog.model(id) else { return Standing::Unknown };
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

    /// What a model costs on demand in a Region, if that is known.
    pub(crate) fn price(&self, id: &str, region: &str) -> Option<Price> {
        self.catalog.resolve(id, &Context { region: region.to_owned() }).ok()?.price
    }

    /// The models that a Region lists, by id.
    pub(crate) fn models_of(&self, region: &str) -> Vec<Arc<Model>> {
        let is_listed = |model: &&Arc<Model>| {
            matches!(self.standing(&model.id, region), Standing::OnDemand | Standing::ProfileOnly)
        };
        self.catalog.models().filter(is_listed).cloned().collect()
    }

    /// The system profiles that can be called from a Region, by id.
    pub(crate) fn profiles_of(&self, region: &str) -> Vec<Arc<SystemProfile>> {
        let is_listed = |profile: &&Arc<SystemProfile>| profile.destinations(region).is_some();
        self.catalog.system_profiles().filter(is_listed).cloned().collect()
    }

    /// A system profile that can be called from a Region.
    pub(crate) fn profile(&self, id: &str, region: &str) -> Option<&Arc<SystemProfile>> {
        self.catalog.system_profile(id).filter(|profile| profile.destinations(region).is_some())
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
