//! A fact is sourced, or it is not there.

use std::collections::BTreeMap;

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

/// The price list, as the package has it.
const ROWS: &str = include_str!("../../../../xtask/extracts/prices.json");

/// Every string of the price list that people copy ids from: resolved or refused, never a panic, and nothing said of a model
/// that has no source.
#[test]
fn no_row_of_the_price_list_is_guessed_about() {
    let rows: BTreeMap<String, Value> = serde_json::from_str(ROWS).unwrap();
    assert_eq!(rows.len(), 614);
    let catalog = Catalog::built_in();
    let mut resolved = 0;
    for key in rows.keys() {
        let called = key.rsplit('/').next().unwrap();
        let names = [Some(key.as_str()), Some(called), called.split_once('.').map(|(_, model)| model)];
        let regions = ["us-east-1", "ap-northeast-1", "us-gov-west-1", ""];
        for (name, region) in
            names.into_iter().flatten().flat_map(|name| regions.map(|region| (name, region)))
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
            if let Some(input) = answer["price"]["input"].as_f64() {
                let mut told = rows.iter().filter(|(row, _)| row.ends_with(model)).filter_map(|(_, row)| {
                    Some((row["input_cost_per_token"].as_f64()? * 1e12).round() / 1e6)
                });
                assert!(told.any(|price| price == input), "{name} in {region}: no row says {input}");
            }
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
