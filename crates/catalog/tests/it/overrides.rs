//! `catalog:` of a configuration: fields changed, records added, each with its source.

use outcrop_catalog::{Catalog, Layer, Overrides, Residency, Source, Through};
use serde_json::json;

use crate::{context, model_of, source_of};

const OPUS: &str = "anthropic.claude-opus-5-5";

fn file() -> Source {
    Source::File("outcrop.yaml".to_owned())
}

fn with(overrides: Overrides) -> Catalog {
    Catalog::built_in().with(file(), Layer { overrides, ..Layer::default() })
}

#[test]
fn one_field_changes_and_the_others_stay() {
    let mut overrides = Overrides::default();
    overrides.model(OPUS, json!({"limits": {"maxOutputTokens": 64000}})).unwrap();
    let catalog = with(overrides);
    let resolution = catalog.resolve(OPUS, &context("us-east-1")).unwrap();
    let before = crate::built_in(OPUS, "us-east-1").model.unwrap();
    let after = resolution.model.clone().unwrap();
    assert_eq!(after.limits.max_output_tokens, Some(64000));
    assert_eq!(
        (after.limits.context_tokens, &after.parameters),
        (before.limits.context_tokens, &before.parameters)
    );
    assert_eq!(source_of(&resolution, "limits"), "outcrop.yaml");
    assert_eq!(source_of(&resolution, "parameters"), "built-in catalog");
    assert_eq!(catalog.models().filter(|model| model.id == OPUS).count(), 1);
}

#[test]
fn null_makes_a_field_unknown() {
    let mut overrides = Overrides::default();
    overrides.model(OPUS, json!({"capabilities": {"reasoning": null}})).unwrap();
    assert_eq!(with(overrides).model(OPUS).unwrap().capabilities.reasoning, None);
}

#[test]
fn a_model_a_profile_and_a_price_of_ones_own() {
    let mut overrides = Overrides::default();
    overrides.model("acme.rocket-v1:0", json!({"name": "Rocket", "profileOnly": ["mx-central-1"]})).unwrap();
    overrides
        .profile("mx.acme.rocket-v1:0", json!({"routes": {"mx-central-1": ["mx-central-1", "us-east-1"]}}))
        .unwrap();
    overrides.price("acme.rocket-v1:0", json!({"mx": {"input": 2.0, "output": 8.0}})).unwrap();
    let catalog = with(overrides);
    let resolution = catalog.resolve("acme.rocket-v1:0", &context("mx-central-1")).unwrap();
    assert_eq!(resolution.target, "mx.acme.rocket-v1:0");
    assert_eq!(model_of(&resolution), Some("acme.rocket-v1:0"));
    assert_eq!(resolution.destination_regions, ["mx-central-1", "us-east-1"]);
    assert_eq!(resolution.price.as_ref().and_then(|price| price.input), Some(2.0));
    for step in ["price", "destinationRegions", "limits"] {
        assert_eq!(source_of(&resolution, step), "outcrop.yaml", "{step}");
    }
    let ways = catalog.ways("acme.rocket-v1:0");
    assert_eq!((ways.len(), ways[0].through), (1, Through::InferenceProfile));
    assert!(
        catalog.resolve("mx.acme.rocket-v1:0", &context("mx-central-1")).is_ok(),
        "a geography of its own"
    );
    let eu = Residency::default().processed_in(&[], &["eu".to_owned()], "outcrop.yaml:1").unwrap();
    assert!(catalog.under(eu).resolve("acme.rocket-v1:0", &context("mx-central-1")).is_err());
}

#[test]
fn one_price_changes_and_the_others_stay() {
    let mut overrides = Overrides::default();
    overrides.price(OPUS, json!({"base": {"input": 1.0}})).unwrap();
    let catalog = with(overrides);
    let price = catalog.resolve(OPUS, &context("us-east-1")).unwrap().price.unwrap();
    let before = crate::built_in(OPUS, "us-east-1").price.unwrap();
    assert_eq!((price.input, price.output), (Some(1.0), before.output));
    assert_eq!(price.unit, "per_million_tokens");
}

#[test]
fn a_slip_is_refused_with_the_place() {
    let refusal = |id: &str, fields| Overrides::default().model(id, fields).unwrap_err();
    let error = refusal(OPUS, json!({"limits": {"maxOutput": 1}}));
    assert_eq!(error.path, "limits.maxOutput");
    assert!(error.message.contains("maxOutputTokens"), "{error}");
    let error = refusal(OPUS, json!({"capabilities": {"tools": "yes"}}));
    assert_eq!(error.path, "capabilities.tools");
    assert!(refusal("rocket", json!({})).message.contains("is no model id"));
    assert!(refusal("us.acme.rocket", json!({})).message.contains("is no model id"));
    assert_eq!(refusal(OPUS, json!({"id": "x"})).path, "id");
    assert!(refusal(OPUS, json!([])).message.contains("a mapping"));
    let error = Overrides::default().price(OPUS, json!({"base": {"inputs": 1}})).unwrap_err();
    assert_eq!(error.path, "base.inputs");
    let error =
        Overrides::default().profile("us.x.y", json!({"routes": {"us-east-1": "us-east-1"}})).unwrap_err();
    assert!(error.path.starts_with("routes.us-east-1"), "{error}");
}
