//! Where a model can be called, through what, and where the call is then processed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::{Catalog, SystemProfile};

/// One way to call a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way<'a> {
    /// The Region to call.
    pub region: &'a str,
    /// What to name: the bare id, or a system profile's.
    pub identifier: &'a str,
    /// What that is.
    pub through: Through,
    /// Where the call may be processed.
    pub destinations: Cow<'a, [String]>,
}

/// What a model is called through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Through {
    /// Its own id.
    OnDemand,
    /// A system profile.
    InferenceProfile,
}

impl Catalog {
    /// Every way to call a model, by Region; in each the bare id first, then the narrowest profile, `global` last. Empty for a
    /// model that is not known, or no longer served.
    pub fn ways(&self, model: &str) -> Vec<Way<'_>> {
        let Some(known) = self.model(model) else { return Vec::new() };
        let through_profiles = self.profiles_of(model).flat_map(|profile| profile.sources());
        let regions: BTreeSet<&str> =
            known.on_demand.iter().map(String::as_str).chain(through_profiles).collect();
        regions.into_iter().flat_map(|region| self.ways_from(model, region)).collect()
    }

    /// The ways to call a model from one Region.
    pub fn ways_from<'a>(&'a self, model: &str, region: &'a str) -> Vec<Way<'a>> {
        let on_demand =
            self.model(model).filter(|model| model.on_demand.iter().any(|served| served == region));
        let itself = on_demand.map(|model| Way {
            region,
            identifier: &model.id,
            through: Through::OnDemand,
            destinations: Cow::Owned(vec![region.to_owned()]),
        });
        let profiles = self.profiles_for(model, region).into_iter().map(|profile| through(profile, region));
        itself.into_iter().chain(profiles).collect()
    }
}

fn through<'a>(profile: &'a SystemProfile, region: &'a str) -> Way<'a> {
    Way {
        region,
        identifier: &profile.id,
        through: Through::InferenceProfile,
        destinations: Cow::Borrowed(profile.destinations(region).unwrap_or_default()),
    }
}
