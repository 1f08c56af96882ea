//! `outcrop models`: what the catalog knows, where it can be called, and whether the account may.

mod access;
mod compare;
mod list;
mod regions;
mod snapshot;

use outcrop_catalog::{Catalog, Model, Resolution, ResolveError};

use crate::args::{Global, Models};
use crate::failure::Failure;
use crate::settings::{Flags, Settings};

/// Runs `outcrop models`.
pub fn run(global: &Global, models: Models) -> Result<(), Failure> {
    match models {
        Models::List(list) => list::run(global, list),
        Models::Show(explain) => super::explain::run(global, &explain),
        Models::Custom(custom) => super::custom::run(global, &custom),
        Models::Regions { model, region } => regions::run(global, &model, region),
        Models::Compare { models, region } => compare::run(global, &models, region),
        Models::Access { models, region } => access::run(global, &models, region),
        Models::Snapshot { region, output } => snapshot::run(global, region, output),
    }
}

fn settings(global: &Global, region: Option<String>) -> Result<Settings, Failure> {
    Ok(Settings::load(global, &Flags { region, ..Flags::default() })?)
}

/// What an identifier stands for, whatever the residency policy says of calling it.
fn resolved(catalog: &Catalog, identifier: &str, settings: &Settings) -> Result<Resolution, Failure> {
    match catalog.resolve(identifier, &settings.context()) {
        Ok(resolution) => Ok(resolution),
        Err(ResolveError::Residency(refused)) => Ok(refused.resolution),
        Err(error) => Err(super::explain::failure(&error)),
    }
}

/// The model an identifier stands for.
fn model(catalog: &Catalog, identifier: &str, settings: &Settings) -> Result<std::sync::Arc<Model>, Failure> {
    let resolution = resolved(catalog, identifier, settings)?;
    resolution.model.ok_or_else(|| {
        let failure = Failure::new(format!("the catalog does not have the model of {identifier}"));
        match resolution.notices.into_iter().next_back() {
            Some(notice) => failure.hint(notice),
            None => failure,
        }
    })
}

/// 200000 as `200k`, 1000000 as `1M`, 8191 as it is.
fn short(tokens: u64) -> String {
    match tokens {
        0 => "0".to_owned(),
        it if it.is_multiple_of(1_000_000) => format!("{}M", it / 1_000_000),
        it if it.is_multiple_of(1_000) => format!("{}k", it / 1_000),
        it => it.to_string(),
    }
}

/// What is not known is shown as such.
fn or_unknown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}
