//! `outcrop models list`: what the catalog knows, and how a Region serves it.

use outcrop_catalog::{Catalog, Model};
use serde::Serialize;

use crate::args::Global;
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop models list`.
pub fn list(global: &Global, region: Option<String>, filter: Option<&str>, all: bool) -> Result<(), Failure> {
    let settings = Settings::load(global, &Flags { region, ..Flags::default() })?;
    let region = settings.region.value.as_str();
    let catalog = settings.catalog();
    let mut entries: Vec<Entry<'_>> =
        catalog.models().flat_map(|model| entries(&catalog, model, region)).collect();
    entries.retain(|entry| (all || entry.reason.is_none()) && filter.is_none_or(|text| entry.holds(text)));
    if global.json {
        return paper::json(&entries);
    }
    print(&entries, region, all)
}

/// One identifier that can be named in a request, or a model that cannot, with the reason.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    id: String,
    model: &'a str,
    name: Option<&'a str>,
    publisher: Option<&'a str>,
    lifecycle: Option<&'a str>,
    input_modalities: &'a [String],
    output_modalities: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Entry<'_> {
    fn holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        [Some(self.id.as_str()), self.name, self.publisher]
            .into_iter()
            .flatten()
            .any(|field| field.to_lowercase().contains(&text))
    }
}

/// The ways to call a model from a Region: its bare id where it is served on demand, and each profile that can be called
/// from there; without any, the model with the reason.
fn entries<'a>(catalog: &Catalog, model: &'a Model, region: &str) -> Vec<Entry<'a>> {
    let entry = |id: String, reason| Entry {
        id,
        model: &model.id,
        name: model.name.as_deref(),
        publisher: model.publisher.as_deref(),
        lifecycle: model.lifecycle.as_deref(),
        input_modalities: &model.input_modalities,
        output_modalities: &model.output_modalities,
        reason,
    };
    let bare = model.on_demand.iter().any(|served| served == region).then(|| model.id.clone());
    let profiles = catalog.profiles_for(&model.id, region).into_iter().map(|profile| profile.id.clone());
    let ways: Vec<Entry<'_>> = bare.into_iter().chain(profiles).map(|id| entry(id, None)).collect();
    if ways.is_empty() { vec![entry(model.id.clone(), Some(reason(model, region)))] } else { ways }
}

fn reason(model: &Model, region: &str) -> String {
    let served: Vec<&str> = model
        .on_demand
        .iter()
        .chain(&model.profile_only)
        .map(String::as_str)
        .take(REGIONS_SHOWN + 1)
        .collect();
    match served.as_slice() {
        _ if model.lifecycle.as_deref() == Some("RETIRED") => "retired: AWS no longer serves it".to_owned(),
        [] => format!("not known to be served in {region}"),
        [few @ .., _] if few.len() == REGIONS_SHOWN => {
            format!("not served in {region}, but in {} and others", few.join(", "))
        }
        few => format!("not served in {region}, but in {}", few.join(", ")),
    }
}

/// Enough to see which part of the world it is.
const REGIONS_SHOWN: usize = 3;

fn print(entries: &[Entry<'_>], region: &str, all: bool) -> Result<(), Failure> {
    if entries.is_empty() {
        paper::say(&format!("nothing matches in {region}; `outcrop models list --all` shows every model"));
        return Ok(());
    }
    let mut table = paper::table();
    for entry in entries {
        let mut row = vec![entry.id.as_str(), entry.name.unwrap_or(""), entry.lifecycle.unwrap_or("")];
        if all {
            row.push(entry.reason.as_deref().unwrap_or(""));
        }
        table.add_row(row);
    }
    paper::print_table(&mut table)
}
