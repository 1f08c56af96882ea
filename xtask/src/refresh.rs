//! `cargo xtask refresh-catalog`: sources + overlay → the catalog's files, byte for byte the same each time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::failure::Failure;
use crate::overlay::Overlay;
use crate::sources::{self, Sources};
use crate::{changes, line, models, prices, profiles};

/// How a refresh ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The files are what they should be.
    Current,
    /// `--check` found a difference.
    Stale,
}

impl Outcome {
    /// 0 for current files, 1 for stale ones.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Outcome::Current => ExitCode::SUCCESS,
            Outcome::Stale => ExitCode::FAILURE,
        }
    }
}

/// Rebuilds the catalog's files from the sources in `from`, or only compares them.
pub fn run(from: &Path, check: bool) -> Result<Outcome, Failure> {
    let files = build(from, &data_folder())?;
    let mut outcome = Outcome::Current;
    for file in &files {
        if file.report()? && check {
            outcome = Outcome::Stale;
        } else if !check {
            file.write()?;
        }
    }
    if outcome == Outcome::Stale {
        eprintln!("the catalog's files differ; run `cargo xtask refresh-catalog --from {}`", from.display());
    }
    Ok(outcome)
}

fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/catalog/data")
}

fn build(from: &Path, data: &Path) -> Result<[File; 4], Failure> {
    let sources = Sources::read(from)?;
    let overlay: Overlay = sources::file(&data.join("overlay.json"))?;
    let ids = ids(&sources, &overlay);
    overlay.check(&ids)?;
    let (models, provenance): (Vec<_>, Vec<_>) = models::build(&sources, &overlay, &ids)?.into_iter().unzip();
    let told = models.iter().zip(&provenance).map(|(model, told)| by_source(&model.id, told));
    let told = told.collect();
    Ok([
        File::new(data.join("models.json"), "id", values(&models)),
        File::new(data.join("provenance.json"), "model", told),
        File::new(data.join("profiles.json"), "id", values(&profiles::build(&sources))),
        File::new(data.join("prices.json"), "model", prices::build(&sources, &ids)),
    ])
}

/// The fields of one model by who says them: short, because most fields have few sources.
fn by_source(model: &str, told: &models::Provenance) -> Value {
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, source) in told {
        fields.entry(source).or_default().push(path);
    }
    serde_json::json!({ "model": model, "sources": fields })
}

/// Every model that is served, named by a profile, or remembered.
fn ids<'a>(sources: &'a Sources, overlay: &'a Overlay) -> BTreeSet<&'a str> {
    let live = sources.live.keys().map(String::as_str);
    let behind_profiles = sources.profiles.iter().map(|profile| profile.model_id.as_str());
    let retired = overlay.retired.models.keys().map(String::as_str);
    live.chain(behind_profiles).chain(retired).collect()
}

fn values<T: serde::Serialize>(entries: &[T]) -> Vec<Value> {
    let plain = |entry| serde_json::to_value(entry).expect("catalog types are plain data");
    entries.iter().map(|entry| line::compact(plain(entry))).collect()
}

/// One generated file.
struct File {
    path: PathBuf,
    /// The field that identifies an entry.
    key: &'static str,
    entries: Vec<Value>,
    text: String,
}

impl File {
    fn new(path: PathBuf, key: &'static str, entries: Vec<Value>) -> Self {
        let text = line::array(&entries);
        Self { path, key, entries, text }
    }

    /// Prints what differs from the file on disk; `true` when anything does.
    fn report(&self) -> Result<bool, Failure> {
        let before = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::at(&self.path, error)),
        };
        // A file that no longer parses is replaced as a whole: everything in it counts as added.
        let old: Vec<Value> = serde_json::from_str(&before).unwrap_or_default();
        let changes = changes::between(&old, &self.entries, self.key);
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        println!("{name}: {} entries, {} changed", self.entries.len(), changes.len());
        changes.iter().for_each(|change| println!("  {change}"));
        Ok(before != self.text)
    }

    fn write(&self) -> Result<(), Failure> {
        std::fs::write(&self.path, &self.text).map_err(|error| Failure::at(&self.path, error))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_sources_give() {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/catalog");
        if !from.exists() {
            eprintln!("not run: {} is not here", from.display());
            return;
        }
        assert_eq!(run(&from, true).unwrap(), Outcome::Current);
    }

    #[test]
    fn a_missing_source_is_named() {
        let refusal = build(Path::new("no/such/folder"), &data_folder()).err().unwrap().to_string();
        assert!(refusal.contains("no/such/folder/inference_types.json"), "{refusal}");
    }
}
