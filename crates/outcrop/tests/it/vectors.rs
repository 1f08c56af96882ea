//! What the chat applications were recorded to do, replayed: every row passes, or stands in `docs/deviations.md` with the reason.
//!
//! A row that differs and is not listed fails the test, and so does one that is listed and no longer differs. A few files are part of this
//! repository (`tests/fixtures/vectors`); the rest is replayed where it is at hand. What "passes" means is said at each
//! file's function. A name that is no Bedrock id (`claude-opus-4-6`) is judged by the model that Outcrop suggests for it.

mod conversation;
mod models;
mod parameters;
mod set_up;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::outcrop::fixture;

/// Whether a row passes; else in what it differs.
type Verdict = Result<(), String>;

#[test]
fn every_row_passes_or_is_listed() {
    replay_all(&fixture("vectors"));
}

#[test]
fn every_recorded_row_passes_or_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vectors");
    if folder.is_dir() {
        replay_all(&folder);
    } else {
        println!("skipped: ../shared/data/vectors is not here");
    }
}

fn replay_all(folder: &Path) {
    let listed = listed();
    let (mut tried, mut wrong) = (0, Vec::new());
    for (file, rows) in files(folder) {
        let none = BTreeSet::new();
        let listed = listed.get(&file).unwrap_or(&none);
        let mut differ = 0;
        for row in &rows {
            let number = row["n"].as_u64().expect("rows are numbered");
            match (replay(&file, row), listed.contains(&number)) {
                (Err(how), false) => wrong.push(format!("{file} {number} differs and is not listed: {how}")),
                (Ok(()), true) => wrong.push(format!("{file} {number} is listed and does not differ")),
                (Err(_), true) => differ += 1,
                (Ok(()), false) => {}
            }
        }
        tried += rows.len();
        println!("{file:<44} {:>4} rows, {differ} listed", rows.len());
    }
    assert!(tried > 0, "no rows in {}", folder.display());
    assert!(wrong.is_empty(), "{} of {tried} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// One row of one file.
fn replay(file: &str, row: &Value) -> Verdict {
    match file {
        "librechat-env-expansion" | "librechat-env-expansion-extra" => set_up::expansion(row),
        "librechat-yaml-schema" => set_up::schema(row),
        "librechat-bedrock-initialize" => set_up::initialize(row),
        "librechat-model-list" => set_up::model_list(row),
        "better-chatbot-bedrock" => set_up::better_chatbot(row),
        "librechat-bedrock-model-predicates" => models::predicate(row),
        "librechat-capability-matrix" => models::matrix(row),
        "librechat-token-limits-bedrock" => models::token_limit(row),
        "librechat-mantle" => models::mantle(row),
        "myia-bedrock" => models::myia(row),
        "librechat-bedrock-input-parser" => parameters::input(row),
        "librechat-bedrock-documents" => parameters::document(row),
        "librechat-bedrock-usage" => parameters::usage(row),
        "librechat-agents-converse-messages" => conversation::converse(row),
        other => Err(format!("no test replays {other}")),
    }
}

/// The rows of every file, with what the whole file says (`env`) put into each.
fn files(folder: &Path) -> BTreeMap<String, Vec<Value>> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).map(read).collect()
}

fn read(path: PathBuf) -> (String, Vec<Value>) {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let common = document["env"].take();
    let key = if document["rows"].is_array() { "rows" } else { "vectors" };
    let Value::Array(mut rows) = document[key].take() else { panic!("{name} has no rows") };
    for row in rows.iter_mut().filter(|row| row["env"].is_null() && !common.is_null()) {
        row["env"] = common.clone();
    }
    (name, rows)
}

/// `docs/deviations.md`: under the heading of a file, tables whose first column has the numbers of rows.
fn listed() -> BTreeMap<String, BTreeSet<u64>> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deviations.md"));
    let mut listed: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut file = String::new();
    for line in text.unwrap().lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut file);
        } else if let Some(cell) = line.strip_prefix('|').and_then(|row| row.split('|').next()) {
            let numbers = cell.split([',', ' ']).filter_map(|number| number.trim().parse::<u64>().ok());
            listed.entry(file.clone()).or_default().extend(numbers);
        }
    }
    listed
}

/// `Ok` when both are the same, else both.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, theirs: &T) -> Verdict {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: ours {ours:?}, theirs {theirs:?}")) }
}
