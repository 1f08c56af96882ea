//! `profiles.json`: the profiles AWS defines, as the package lists them.

use outcrop_catalog::SystemProfile;

use crate::sources::Sources;

/// All system profiles, sorted by id.
pub fn build(sources: &Sources) -> Vec<SystemProfile> {
    let mut profiles: Vec<SystemProfile> = sources
        .profiles
        .iter()
        .map(|profile| SystemProfile {
            id: profile.profile_id.clone(),
            geography: profile.geo.clone(),
            model: profile.model_id.clone(),
            routes: profile.routes.clone(),
            withdrawn: Vec::new(),
        })
        .collect();
    profiles.sort_by(|a, b| a.id.cmp(&b.id));
    profiles
}
