//! `outcrop models regions`: where a model can be called, through what, and where the call is then processed.

use outcrop_catalog::{Catalog, Context, ResolveError, Through};
use serde::Serialize;

use crate::args::Global;
use crate::failure::Failure;
use crate::paper;

/// Runs `outcrop models regions`.
pub fn run(global: &Global, model: &str, region: Option<String>) -> Result<(), Failure> {
    let only = region.clone();
    let settings = super::settings(global, region)?;
    let catalog = settings.catalog();
    let model = super::model(&catalog, model, &settings)?;
    let mut regions = regions(&catalog, &model.id);
    regions.retain(|here| only.as_deref().is_none_or(|only| here.region == only));
    let answer = Answer {
        model: &model.id,
        name: model.name.as_deref(),
        lifecycle: model.lifecycle.as_deref(),
        regions,
    };
    if global.json {
        return paper::json(&answer);
    }
    print(&answer, only.as_deref())
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    model: &'a str,
    name: Option<&'a str>,
    lifecycle: Option<&'a str>,
    regions: Vec<Here<'a>>,
}

/// One Region to call, and the ways to do it, best first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Here<'a> {
    region: &'a str,
    /// The bare id is not served there: a profile is needed.
    requires_profile: bool,
    ways: Vec<Way<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Way<'a> {
    identifier: &'a str,
    through: Through,
    destination_regions: Vec<String>,
    /// Why the residency policy refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

fn regions<'a>(catalog: &'a Catalog, model: &str) -> Vec<Here<'a>> {
    let mut regions: Vec<Here<'a>> = Vec::new();
    for way in catalog.ways(model) {
        let context = Context { region: way.region.to_owned() };
        let refused = match catalog.resolve(way.identifier, &context) {
            Err(ResolveError::Residency(refused)) => Some(refused.text.to_string()),
            _ => None,
        };
        let (region, through) = (way.region, way.through);
        let way = Way {
            identifier: way.identifier,
            through,
            destination_regions: way.destinations.into_owned(),
            refused,
        };
        match regions.last_mut().filter(|last| last.region == region) {
            Some(last) => last.ways.push(way),
            None => {
                let requires_profile = through != Through::OnDemand;
                regions.push(Here { region, requires_profile, ways: vec![way] });
            }
        }
    }
    regions
}

fn print(answer: &Answer<'_>, only: Option<&str>) -> Result<(), Failure> {
    if answer.regions.is_empty() {
        let place = only.map_or_else(String::new, |region| format!(" in {region}"));
        let life = answer.lifecycle.map_or_else(String::new, |word| format!(" ({word})"));
        paper::say(&format!("{}{life} is not known to be served{place}", answer.model));
        return Ok(());
    }
    let mut table = paper::table();
    table.set_header(["FROM", "CALL", "PROCESSED IN"]);
    for here in &answer.regions {
        for (index, way) in here.ways.iter().enumerate() {
            let region = if index == 0 { here.region } else { "" };
            let place = match &way.refused {
                Some(_) => format!("{} {}", processed_in(way), "(refused by the residency policy)"),
                None => processed_in(way),
            };
            table.add_row([region.to_owned(), way.identifier.to_owned(), place]);
        }
    }
    paper::print_table(&mut table)
}

/// More than this are a number: a global profile has some thirty.
const SHOWN: usize = 7;

fn processed_in(way: &Way<'_>) -> String {
    match way.destination_regions.as_slice() {
        [] => "unknown".to_owned(),
        regions if regions.len() > SHOWN => format!("{} Regions", regions.len()),
        regions => regions.join(" "),
    }
}
