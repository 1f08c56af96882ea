//! `explain --json`: the contract, for each kind of identifier.

use insta::assert_json_snapshot;
use outcrop_catalog::{Catalog, Resolution, Source};
use serde_json::{Value, json};

use crate::{ARN, aliases, context, discovery, mapping, mappings_variable};

fn explain(catalog: &Catalog, identifier: &str, region: &str) -> Value {
    serde_json::to_value(resolve(catalog, identifier, region).explain()).unwrap()
}

fn resolve(catalog: &Catalog, identifier: &str, region: &str) -> Resolution {
    catalog.resolve(identifier, &context(region)).unwrap()
}

#[test]
fn a_bare_id() {
    assert_json_snapshot!(
        resolve(&Catalog::built_in(), "anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1").explain()
    );
}

#[test]
fn a_system_profile_id() {
    assert_json_snapshot!(
        resolve(&Catalog::built_in(), "us.anthropic.claude-opus-5-5", "us-east-2").explain()
    );
}

#[test]
fn a_mapped_application_profile() {
    let catalog = Catalog::built_in()
        .with(mappings_variable(), mapping(ARN, "us.anthropic.claude-3-7-sonnet-20250219-v1:0"));
    assert_json_snapshot!(resolve(&catalog, ARN, "eu-west-1").explain());
}

#[test]
fn a_discovered_application_profile() {
    let us = ["us-east-1", "us-west-2", "us-east-2"];
    let catalog = Catalog::built_in().with(Source::Discovered, discovery(ARN, &us, "amazon.nova-lite-v1:0"));
    assert_json_snapshot!(resolve(&catalog, ARN, "eu-west-1").explain());
}

#[test]
fn a_foundation_model_arn() {
    let arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0";
    assert_json_snapshot!(resolve(&Catalog::built_in(), arn, "eu-west-1").explain());
}

#[test]
fn an_alias() {
    let catalog = Catalog::built_in()
        .with(Source::File("outcrop.yaml".into()), aliases([("fast", "us.amazon.nova-micro-v1:0")]));
    assert_json_snapshot!(resolve(&catalog, "fast", "us-east-1").explain());
}

#[test]
fn an_arn_that_nothing_knows() {
    assert_json_snapshot!(resolve(&Catalog::built_in(), ARN, "us-west-2").explain());
}

/// The keys are the same whatever is known; every step has a reason and a source.
#[test]
fn every_answer_has_every_key_and_every_reason() {
    let catalog = Catalog::built_in();
    let known = explain(&catalog, "us.anthropic.claude-opus-5-5", "us-east-2");
    let unknown = explain(&catalog, ARN, "us-west-2");
    for path in [
        "",
        "/capabilities",
        "/capabilities/reasoning",
        "/capabilities/promptCaching",
        "/parameters",
        "/limits",
        "/price",
    ] {
        assert_eq!(keys(&known, path), keys(&unknown, path), "{path}");
    }
    for model in catalog.models() {
        let answer = explain(&catalog, &model.id, "us-east-1");
        let steps: Vec<_> = answer["why"].as_array().unwrap().iter().map(|why| &why["step"]).collect();
        assert_eq!(
            json!(steps),
            json!([
                "identifier",
                "sourceRegion",
                "target",
                "profile",
                "model",
                "surface",
                "destinationRegions",
                "residency",
                "capabilities",
                "parameters",
                "limits",
                "price",
                "lifecycle"
            ]),
            "{}",
            model.id
        );
        let told = |why: &Value| why["source"] != "" && why["detail"] != "";
        assert!(answer["why"].as_array().unwrap().iter().all(told), "{answer}");
    }
}

fn keys(answer: &Value, path: &str) -> Vec<String> {
    answer.pointer(path).unwrap().as_object().unwrap().keys().cloned().collect()
}
