//! A fact is sourced, or it is not there.

use std::path::Path;

use outcrop_catalog::{Catalog, Layer, Overrides, Source};
use serde_json::{Value, json};

use crate::context;

/// The paths of everything that is said.
fn said(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Array(list) if list.is_empty() => {}
        Value::Object(fields) => {
            for (key, value) in fields {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                said(&below, value, paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

#[test]
fn every_field_of_every_model_has_a_source() {
    let catalog = Catalog::built_in();
    for model in catalog.models() {
        let told = catalog.provenance(&model.id);
        let mut paths = Vec::new();
        said("", &serde_json::to_value(&**model).unwrap(), &mut paths);
        for path in paths.iter().filter(|path| *path != "id") {
            let is_told = told.contains_key(path) || DEFAULTS.contains(&path.as_str());
            assert!(is_told, "{}: nobody says {path}", model.id);
        }
    }
}

/// What a missing flag means by its type: reasoning that is not said to be always on can be turned off.
const DEFAULTS: [&str; 1] = ["capabilities.reasoning.alwaysOn"];

#[test]
fn an_override_is_its_own_source() {
    let mut overrides = Overrides::default();
    overrides.model("amazon.nova-lite-v1:0", json!({"limits": {"maxOutputTokens": 5}})).unwrap();
    let file = Source::File("outcrop.yaml".to_owned());
    let catalog = Catalog::built_in().with(file, Layer { overrides, ..Layer::default() });
    let told = catalog.provenance("amazon.nova-lite-v1:0");
    assert_eq!(told["limits.maxOutputTokens"], "outcrop.yaml");
    assert!(told["limits.contextTokens"].starts_with("litellm"), "{}", told["limits.contextTokens"]);
}

/// Every string of the price list that people copy ids from: resolved or refused, never a panic, and nothing said of a model
/// that has no source.
#[test]
fn no_row_of_the_price_list_is_guessed_about() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/catalog/bedrock_models.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("not run: {} is not here", file.display());
        return;
    };
    let rows: Value = serde_json::from_str(&text).unwrap();
    let rows = rows["models"].as_array().unwrap();
    assert_eq!(rows.len(), 614);
    let catalog = Catalog::built_in();
    let mut resolved = 0;
    for row in rows {
        let names = [&row["key"], &row["base_model"]].into_iter().filter_map(Value::as_str);
        for (name, region) in
            names.flat_map(|name| [(name, "us-east-1"), (name, "ap-northeast-1"), (name, "")])
        {
            let Ok(resolution) = catalog.resolve(name, &context(region)) else { continue };
            resolved += 1;
            let answer = serde_json::to_value(resolution.explain()).unwrap();
            let Some(model) = answer["model"].as_str() else {
                for part in ["capabilities", "parameters", "limits", "price"] {
                    let mut paths = Vec::new();
                    said("", &answer[part], &mut paths);
                    assert!(paths.is_empty(), "{name}: {part} without a model: {paths:?}");
                }
                continue;
            };
            let told = catalog.provenance(model.split(':').take(2).collect::<Vec<_>>().join(":").as_str());
            for part in ["capabilities", "parameters", "limits"] {
                let mut paths = Vec::new();
                said(part, &answer[part], &mut paths);
                for path in paths.iter().filter(|path| !DEFAULTS.contains(&path.as_str())) {
                    assert!(told.contains_key(path), "{name}: nobody says {path}");
                }
            }
        }
    }
    assert!(resolved > 614, "{resolved}");
}
