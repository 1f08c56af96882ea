//! `outcrop models compare`: models side by side, one column each.

use outcrop_catalog::{Capabilities, Model, Resolution};

use super::{or_unknown, short};
use crate::args::Global;
use crate::commands::explain;
use crate::failure::Failure;
use crate::paper;

/// Runs `outcrop models compare`.
pub fn run(global: &Global, models: &[String], region: Option<String>) -> Result<(), Failure> {
    let settings = super::settings(global, region)?;
    let catalog = settings.catalog();
    let resolved: Result<Vec<_>, _> =
        models.iter().map(|model| super::resolved(&catalog, model, &settings)).collect();
    let resolved = resolved?;
    if global.json {
        return paper::json(&resolved.iter().map(Resolution::explain).collect::<Vec<_>>());
    }
    print(&resolved)
}

fn print(resolved: &[Resolution]) -> Result<(), Failure> {
    let mut table = paper::table();
    let names = resolved.iter().map(|it| it.identifier.clone());
    table.set_header(std::iter::once(String::new()).chain(names));
    for (name, value) in rows() {
        table.add_row(std::iter::once(name.to_owned()).chain(resolved.iter().map(value)));
    }
    paper::print_table(&mut table)
}

type Row = (&'static str, fn(&Resolution) -> String);

fn rows() -> [Row; 20] {
    [
        ("name", |it| of_model(it, |model| model.name.clone())),
        ("publisher", |it| of_model(it, |model| model.publisher.clone())),
        ("lifecycle", |it| of_model(it, |model| model.lifecycle.clone())),
        ("called as", |it| it.target.clone()),
        ("processed in", processed_in),
        ("context", |it| of_model(it, |model| model.limits.context_tokens.map(short))),
        ("output", |it| of_model(it, |model| model.limits.max_output_tokens.map(short))),
        ("input", |it| of_model(it, |model| Some(model.input_modalities.join(" ")))),
        ("tools", |it| flag(it, |can| can.tools)),
        ("forced tools", |it| flag(it, |can| can.forced_tools)),
        ("images", |it| flag(it, |can| can.images)),
        ("documents", |it| flag(it, |can| can.documents)),
        ("video", |it| flag(it, |can| can.video)),
        ("streaming", |it| flag(it, |can| can.streaming)),
        ("structured output", |it| flag(it, |can| can.structured_output)),
        ("reasoning", |it| {
            of_model(it, |model| model.capabilities.reasoning.as_ref().map(explain::reasoning))
        }),
        ("prompt caching", |it| {
            of_model(it, |model| model.capabilities.prompt_caching.as_ref().map(explain::caching))
        }),
        ("$/M input", |it| or_unknown(it.price.as_ref().and_then(|price| price.input))),
        ("$/M output", |it| or_unknown(it.price.as_ref().and_then(|price| price.output))),
        ("$/M cache read", |it| or_unknown(it.price.as_ref().and_then(|price| price.cache_read))),
    ]
}

fn of_model(resolution: &Resolution, fact: impl Fn(&Model) -> Option<String>) -> String {
    or_unknown(resolution.model.as_deref().and_then(fact))
}

fn flag(resolution: &Resolution, flag: impl Fn(&Capabilities) -> Option<bool>) -> String {
    let known = resolution.model.as_deref().and_then(|model| flag(&model.capabilities));
    or_unknown(known.map(|known| if known { "yes" } else { "no" }))
}

/// More than this are a number: a global profile has some thirty.
const SHOWN: usize = 3;

fn processed_in(resolution: &Resolution) -> String {
    match resolution.destination_regions.as_slice() {
        [] => "?".to_owned(),
        regions if regions.len() > SHOWN => format!("{} Regions", regions.len()),
        regions => regions.join(" "),
    }
}
