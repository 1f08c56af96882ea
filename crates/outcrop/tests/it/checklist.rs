//! `docs/checklist.md`: each row of the guides' checklist names a test that exists; and the tests of rows that have no better place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::outcrop::Outcrop;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/checklist.md")).unwrap()
}

/// The rows that are about identifiers, models, Regions, configuration and discovery.
const ROWS: [(u32, u32); 9] =
    [(1, 19), (32, 56), (60, 60), (63, 75), (89, 93), (95, 122), (127, 128), (152, 154), (162, 182)];

#[test]
fn every_row_is_on_the_page() {
    let page = page();
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let shown: BTreeSet<u32> = cells.flat_map(numbers).collect();
    let missing: Vec<u32> =
        ROWS.iter().flat_map(|(first, last)| *first..=*last).filter(|row| !shown.contains(row)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}

/// `1, 7–9` is 1, 7, 8, 9.
fn numbers(cell: &str) -> Vec<u32> {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let spans = cell.split(',').filter_map(|part| {
        let (first, last) = part.split_once('–').unwrap_or((part, part));
        Some(number(first)?..=number(last)?)
    });
    spans.flatten().collect()
}

#[test]
fn every_test_on_the_page_exists() {
    let page = page();
    let named: BTreeSet<&str> =
        page.split('`').filter(|word| word.matches("::").count() >= 2 && !word.contains('…')).collect();
    assert!(named.len() > 60, "{} tests are named", named.len());
    let missing: Vec<_> =
        named.into_iter().filter(|name| *name != "crate::file::test" && !exists(name)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

/// `catalog::aliases::a_circle_…`, in `tests/it/aliases.rs` or anywhere as `aliases.rs` in `src`.
fn exists(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let [krate, file, test] = parts.as_slice() else { return false };
    let (folder, ending, keyword) = match *krate {
        "tests" => (root().join("tests/clients/python"), "py", "def"),
        krate => (root().join("crates").join(krate), "rs", "fn"),
    };
    let definition = format!("{keyword} {test}(");
    files(&folder, &format!("{file}.{ending}"))
        .iter()
        .any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&definition)))
}

fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path, name),
            false => Some(path).filter(|path| path.ends_with(name)).into_iter().collect(),
        })
        .collect()
}

#[test]
fn help_is_there_in_two_languages() {
    let help = |args: &[&str]| Outcrop::new(&[&["help"], args].concat()).run().succeeded();
    let list = help(&[]);
    for topic in ["profiles", "errors", "links"] {
        assert!(list.contains(topic), "{list}");
        let (english, portuguese) = (help(&[topic]), help(&[topic, "--lang", "pt"]));
        assert!(english.contains("Outcrop") && portuguese.contains("Outcrop"), "{topic}");
        assert_ne!(english, portuguese, "{topic}");
        assert_eq!(english.matches("outcrop ").count(), portuguese.matches("outcrop ").count(), "{topic}");
        assert!(english.lines().all(|line| line.chars().count() <= 100), "{topic} fits a terminal");
    }
    assert!(help(&["profiles", "--lang", "pt"]).contains("PERFIS DE INFERÊNCIA"));
}

#[test]
fn the_publishers_that_the_guides_wished_for_are_there() {
    let all = Outcrop::new(&["models", "list", "--all", "--json"]).run().json();
    let publishers: BTreeSet<&str> =
        all.as_array().unwrap().iter().filter_map(|model| model["publisher"].as_str()).collect();
    for publisher in ["Amazon", "Anthropic", "Cohere", "Meta"] {
        assert!(publishers.contains(publisher), "{publishers:?}");
    }
    assert!(publishers.iter().any(|publisher| publisher.starts_with("Mistral")), "{publishers:?}");
}

/// The AWS CLI writes `--model-source copyFrom=…`; a guide, wrongly, `modelArn=…`.
#[test]
fn the_flags_of_the_guides_are_understood() {
    let arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
    for flag in ["copyFrom", "modelArn"] {
        let from = format!("{flag}={arn}");
        let args = ["--local", "profiles", "create", "x", "--from", &from, "--dry-run", "--json"];
        let plan: Value = Outcrop::new(&args).run().json();
        assert!(plan.to_string().contains(arn), "{plan}");
    }
}
