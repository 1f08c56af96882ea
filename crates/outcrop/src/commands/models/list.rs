//! `outcrop models list`: every identifier that can be named in a Region; with `--all` the others, with the reason.

use outcrop_catalog::{Catalog, Context, Limits, Model, ResolveError, SystemProfile, Through};
use serde::Serialize;

use super::{or_unknown, short};
use crate::args::{Global, List};
use crate::failure::Failure;
use crate::paper;

/// Runs `outcrop models list`.
pub fn run(global: &Global, list: List) -> Result<(), Failure> {
    let List { region, filter, all } = list;
    let settings = super::settings(global, region)?;
    let catalog = settings.catalog();
    let view = View { catalog: &catalog, context: settings.context(), all };
    let mut entries: Vec<Entry<'_>> = catalog.models().flat_map(|model| view.entries(model)).collect();
    entries.retain(|entry| filter.as_deref().is_none_or(|text| entry.holds(text)));
    if global.json {
        return paper::json(&entries);
    }
    print(&entries, &settings.region.value, all)
}

/// One identifier, or a model that has none in the Region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    id: String,
    model: &'a str,
    name: Option<&'a str>,
    publisher: Option<&'a str>,
    lifecycle: Option<&'a str>,
    through: Option<Through>,
    /// Where the call may be processed.
    destination_regions: Vec<String>,
    input_modalities: &'a [String],
    output_modalities: &'a [String],
    limits: Limits,
    price: Option<ListPrice>,
    /// Why it cannot be named; there under `--all`, and then `null` for what can.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Option<String>>,
}

/// What stands in every price list; `explain` has the rest.
#[derive(Debug, Serialize)]
struct ListPrice {
    currency: String,
    unit: String,
    input: Option<f64>,
    output: Option<f64>,
}

impl Entry<'_> {
    fn holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        [Some(self.id.as_str()), self.name, self.publisher]
            .into_iter()
            .flatten()
            .any(|field| field.to_lowercase().contains(&text))
    }

    fn why_not(&self) -> Option<&str> {
        self.reason.as_ref()?.as_deref()
    }
}

struct View<'a> {
    catalog: &'a Catalog,
    context: Context,
    all: bool,
}

impl<'a> View<'a> {
    /// The ways to call a model: its bare id where it is served on demand, and each profile that can be called; under
    /// `--all` also the ways that are closed, and the model that has none at all.
    fn entries(&self, model: &'a Model) -> Vec<Entry<'a>> {
        let region = &self.context.region;
        let ways = self.catalog.ways_from(&model.id, region);
        let open =
            ways.iter().map(|way| self.entry(model, way.identifier.to_owned(), Some(way.through), None));
        let mut entries: Vec<Entry<'a>> = open.collect();
        if self.all {
            if !ways.iter().any(|way| way.through == Through::OnDemand) {
                let reason = bare_reason(model, region, ways.first().map(|way| way.identifier));
                entries.insert(0, self.entry(model, model.id.clone(), None, Some(reason)));
            }
            let closed = self.catalog.profiles_of(&model.id).filter(|it| it.destinations(region).is_none());
            entries.extend(closed.map(|profile| {
                self.entry(model, profile.id.clone(), None, Some(profile_reason(profile, region)))
            }));
        } else {
            entries.retain(|entry| entry.why_not().is_none());
        }
        entries
    }

    /// The resolver has the last word: the residency policy closes ways, too.
    fn entry(
        &self,
        model: &'a Model,
        id: String,
        through: Option<Through>,
        reason: Option<String>,
    ) -> Entry<'a> {
        let resolved = self.catalog.resolve(&id, &self.context);
        let (resolution, refused) = match resolved {
            Ok(resolution) => (Some(resolution), None),
            Err(ResolveError::Residency(refused)) => {
                (Some(refused.resolution), Some(refused.text.to_string()))
            }
            Err(ResolveError::Unknown(text)) => (None, Some(text.to_string())),
        };
        let reason = reason.or(refused);
        let known = resolution.filter(|resolution| resolution.target == id);
        let destination_regions = known.as_ref().map(|known| known.destination_regions.clone());
        let price = known.and_then(|known| known.price).map(|price| ListPrice {
            currency: price.currency,
            unit: price.unit,
            input: price.input,
            output: price.output,
        });
        Entry {
            id,
            model: &model.id,
            name: model.name.as_deref(),
            publisher: model.publisher.as_deref(),
            lifecycle: model.lifecycle.as_deref(),
            through,
            destination_regions: destination_regions.unwrap_or_default(),
            input_modalities: &model.input_modalities,
            output_modalities: &model.output_modalities,
            limits: model.limits,
            price,
            reason: (self.all || reason.is_some()).then_some(reason),
        }
    }
}

/// Why the bare id is no way to call the model.
fn bare_reason(model: &Model, region: &str, profile: Option<&str>) -> String {
    let is_retired = model.lifecycle.as_deref() == Some("RETIRED");
    let elsewhere: Vec<&str> =
        model.on_demand.iter().chain(&model.profile_only).map(String::as_str).collect();
    match (profile, elsewhere.as_slice()) {
        (Some(profile), _) => {
            format!("needs an inference profile in {region}; the gateway calls {profile} for it")
        }
        (None, _) if is_retired => "retired: AWS no longer serves it".to_owned(),
        (None, []) => format!("not known to be served in {region}"),
        (None, regions) => format!("not served in {region}, but in {}", some(regions)),
    }
}

fn profile_reason(profile: &SystemProfile, region: &str) -> String {
    let mut sources: Vec<&str> = profile.sources().collect();
    sources.sort_unstable();
    format!("cannot be called from {region}, but from {}", some(&sources))
}

/// Enough to see which part of the world it is.
const REGIONS_SHOWN: usize = 3;

fn some(regions: &[&str]) -> String {
    let shown = regions.get(..REGIONS_SHOWN).unwrap_or(regions).join(", ");
    if regions.len() > REGIONS_SHOWN { format!("{shown} and others") } else { shown }
}

fn print(entries: &[Entry<'_>], region: &str, all: bool) -> Result<(), Failure> {
    if entries.is_empty() {
        paper::say(&format!("nothing matches in {region}; `outcrop models list --all` shows every model"));
        return Ok(());
    }
    let mut table = paper::table();
    let last = if all { "REASON" } else { "LIFE" };
    let head = ["ID", "NAME", "CONTEXT", "OUTPUT", "$/M IN", "$/M OUT", last];
    table.set_header(head);
    for entry in entries {
        let price = |amount: fn(&ListPrice) -> Option<f64>| or_unknown(entry.price.as_ref().and_then(amount));
        let last = if all { entry.why_not().unwrap_or_default() } else { entry.lifecycle.unwrap_or("?") };
        table.add_row([
            entry.id.clone(),
            entry.name.unwrap_or("?").to_owned(),
            or_unknown(entry.limits.context_tokens.map(short)),
            or_unknown(entry.limits.max_output_tokens.map(short)),
            price(|price| price.input),
            price(|price| price.output),
            last.to_owned(),
        ]);
    }
    paper::print_table(&mut table)
}
