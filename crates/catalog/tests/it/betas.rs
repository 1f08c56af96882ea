//! What becomes of Anthropic's beta features.

use outcrop_catalog::{Beta, Catalog, Layer, Overrides, Source};
use serde_json::{Value, json};

use crate::built_in;

fn beta(model: &str, name: &str) -> Option<Beta> {
    Catalog::built_in().model(model).unwrap().betas.get(name).cloned()
}

#[test]
fn each_model_says_what_becomes_of_a_beta() {
    let sonnet_4_5 = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    assert_eq!(beta(sonnet_4_5, "context-1m-2025-08-07"), Some(Beta::Accepted));
    assert_eq!(beta(sonnet_4_5, "context-management-2025-06-27"), Some(Beta::InvokeOnly));
    assert_eq!(beta(sonnet_4_5, "prompt-caching-scope-2026-01-05"), Some(Beta::Refused));
    let own_names = ["tool-search-tool-2025-10-19", "tool-examples-2025-10-29"].map(str::to_owned).to_vec();
    assert_eq!(beta(sonnet_4_5, "advanced-tool-use-2025-11-20"), Some(Beta::Renamed(own_names)));
    // A model without tool search has nothing to rename it to, …
    assert_eq!(
        beta("anthropic.claude-3-haiku-20240307-v1:0", "advanced-tool-use-2025-11-20"),
        Some(Beta::Refused)
    );
    // … a later rule is about single models, …
    assert_eq!(beta(sonnet_4_5, "dangerous-tool-use-2026-09-03"), Some(Beta::Refused));
    assert_eq!(beta("anthropic.claude-sonnet-5", "dangerous-tool-use-2026-09-03"), Some(Beta::InvokeOnly));
    // … and where sources contradict each other nothing is said.
    assert_eq!(beta(sonnet_4_5, "interleaved-thinking-2025-05-14"), None);
}

#[test]
fn a_new_name_is_one_that_the_model_takes() {
    for model in Catalog::built_in().models() {
        for (name, beta) in &model.betas {
            let Beta::Renamed(names) = beta else { continue };
            for new in names {
                let taken = model.betas.get(new);
                assert!(
                    matches!(taken, Some(Beta::Accepted | Beta::InvokeOnly)),
                    "{}: {name} → {new}",
                    model.id
                );
            }
        }
    }
}

#[test]
fn only_claude_has_betas() {
    for model in Catalog::built_in().models() {
        let is_claude = model.family.as_deref() == Some("anthropic");
        assert_eq!(!model.betas.is_empty(), is_claude, "{}", model.id);
    }
}

#[test]
fn a_configuration_changes_one() {
    let model = "anthropic.claude-sonnet-4-6";
    let mut overrides = Overrides::default();
    overrides
        .model(model, json!({"betas": {"files-api-2025-04-14": "accepted", "new-2027-01-01": "refused"}}))
        .unwrap();
    let refused = overrides.model(model, json!({"betas": {"files-api-2025-04-14": "perhaps"}})).unwrap_err();
    assert!(refused.path.starts_with("betas."), "{refused}");
    let file = Source::File("outcrop.yaml".to_owned());
    let catalog = Catalog::built_in().with(file, Layer { overrides, ..Layer::default() });
    let betas = &catalog.model(model).unwrap().betas;
    assert_eq!(betas["files-api-2025-04-14"], Beta::Accepted);
    assert_eq!(betas["new-2027-01-01"], Beta::Refused);
    assert_eq!(betas["context-1m-2025-08-07"], Beta::Accepted);
    assert_eq!(catalog.provenance(model)["betas.files-api-2025-04-14"], "outcrop.yaml");
}

#[test]
fn explain_prints_them() {
    let printed =
        |id: &str| serde_json::to_value(built_in(id, "us-east-1").explain()).unwrap()["betas"].clone();
    let claude = printed("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!(claude["context-1m-2025-08-07"], "accepted");
    assert_eq!(claude["advanced-tool-use-2025-11-20"]["renamed"][0], "tool-search-tool-2025-10-19");
    assert_eq!(printed("amazon.nova-lite-v1:0"), Value::Null);
}
