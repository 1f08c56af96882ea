//! What other systems make of the same identifiers: agreement where they are right, difference where AWS differs.

use outcrop_catalog::{Catalog, Layer, Source};
use serde_json::Value;

use crate::data::shared;
use crate::{built_in, context, model_of};

/// The friendly names of a chat application, as aliases: each leads to a model the catalog knows, retired or not.
#[test]
fn better_chatbots_names_all_lead_to_a_known_model() {
    let Some(rows) = rows("better-chatbot-bedrock.json", "alias") else { return };
    let pairs = rows.iter().map(|row| {
        (row["input"].as_str().unwrap().to_owned(), row["expected"]["model_id"].as_str().unwrap().to_owned())
    });
    let layer = Layer { aliases: pairs.collect(), ..Layer::default() };
    let catalog = Catalog::built_in().with(Source::File("outcrop.yaml".to_owned()), layer);
    for row in &rows {
        let (name, target) = (row["input"].as_str().unwrap(), row["expected"]["model_id"].as_str().unwrap());
        let resolution = catalog.resolve(name, &context("us-east-1")).unwrap();
        let model = resolution.model.as_ref().unwrap_or_else(|| panic!("{name}: {:?}", resolution.notices));
        assert!(target.ends_with(&model.id), "{name}: {}", model.id);
        assert!(resolution.target == target || target == model.id, "{name}: {}", resolution.target);
    }
    assert!(rows.len() >= 15, "{} names", rows.len());
}

/// Where that system's profile is right, ours is the same; where it is wrong, ours exists and serves the Region.
#[test]
fn profiles_by_region_agree_where_the_reference_is_right() {
    let Some(rows) = rows("myia-bedrock.json", "getInferenceProfileId") else { return };
    for row in &rows {
        let (model, region) =
            (row["input"]["model"].as_str().unwrap(), row["input"]["region"].as_str().unwrap());
        let target = built_in(model, region).target;
        if row["aws_correct"] == true {
            assert_eq!(target, row["reference_result"], "row {}", row["n"]);
        } else {
            assert_ne!(target, row["reference_result"], "row {}", row["n"]);
            let catalog = Catalog::built_in();
            let profile = catalog.system_profile(&target);
            let serves = profile.is_some_and(|profile| profile.destinations(region).is_some());
            assert!(serves || region.starts_with("us-gov-"), "row {}: {target}", row["n"]);
        }
    }
    assert!(rows.len() >= 6, "{} rows", rows.len());
}

/// A context suffix does not hide the model.
#[test]
fn context_suffixes_are_known_by_their_model() {
    let Some(rows) = rows("myia-bedrock.json", "normalizeModelId") else { return };
    for row in &rows {
        let (input, base) = (row["input"].as_str().unwrap(), row["reference_result"].as_str().unwrap());
        let (variant, plain) = (built_in(input, "us-east-1"), built_in(base, "us-east-1"));
        assert_eq!(model_of(&variant), Some(input));
        assert_eq!(variant.model.unwrap().capabilities, plain.model.unwrap().capabilities, "{input}");
    }
    assert!(rows.len() >= 8, "{} rows", rows.len());
}

fn rows(file: &str, function: &str) -> Option<Vec<Value>> {
    let vectors: Value = serde_json::from_str(&shared(&format!("data/vectors/{file}"))?).unwrap();
    let rows = vectors["vectors"].as_array().unwrap();
    Some(rows.iter().filter(|row| row["fn"] == function).cloned().collect())
}
