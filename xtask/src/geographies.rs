//! `geographies.json`: the Regions that a residency policy means by a geography, from AWS's own names of them.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::overlay::Overlay;
use crate::sources::Sources;

/// One entry a geography. A name that fits no Region would leave a hole in a policy, so it stops the refresh.
pub fn build(sources: &Sources, overlay: &Overlay) -> Result<Vec<Value>, Failure> {
    overlay.geographies.values.iter().map(|(geography, names)| entry(geography, names, sources)).collect()
}

fn entry(geography: &str, names: &[String], sources: &Sources) -> Result<Value, Failure> {
    let is_named = |name: &String| sources.regions.values().any(|region| region.starts_with(name.as_str()));
    if let Some(name) = names.iter().find(|name| !is_named(name)) {
        return Err(Failure::new(format!(
            "overlay.json: the geography `{geography}` names `{name}`, as which no Region is known; correct it"
        )));
    }
    let fits = |region: &str| names.iter().any(|name| region.starts_with(name.as_str()));
    let regions: Vec<_> =
        sources.regions.iter().filter(|(_, name)| fits(name)).map(|(region, _)| region).collect();
    Ok(json!({"geography": geography, "regions": regions}))
}
