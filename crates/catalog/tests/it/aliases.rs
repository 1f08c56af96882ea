//! Friendly names.

use outcrop_catalog::{Catalog, Kind, Source};

use crate::{
    ARN, aliases, context, inference_profiles, librechat, mapping, mappings_variable, model_of, refused,
};

fn file() -> Source {
    Source::File("outcrop.yaml".to_owned())
}

#[test]
fn an_alias_of_an_alias_is_followed_and_each_step_is_told() {
    let layer = aliases([("best", "sonnet"), ("sonnet", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")]);
    let resolution = Catalog::built_in().with(file(), layer).resolve("best", &context("us-east-1")).unwrap();
    assert_eq!(resolution.kind, Kind::Alias);
    assert_eq!(resolution.identifier, "best");
    assert_eq!(resolution.target, "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    let steps: Vec<_> = resolution
        .why
        .iter()
        .filter(|why| why.step == "identifier")
        .map(|why| (why.source.as_str(), why.detail.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("outcrop.yaml", "the alias best means sonnet"),
            ("outcrop.yaml", "the alias sonnet means us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
            ("syntax", "us.anthropic.claude-sonnet-4-5-20250929-v1:0 names a system inference profile"),
        ]
    );
}

#[test]
fn an_alias_may_lead_to_a_mapped_profile_or_a_configured_one() {
    let catalog = Catalog::built_in()
        .with(file(), aliases([("team", ARN), ("sonnet", "anthropic.claude-sonnet-4-20250514-v1:0")]))
        .with(mappings_variable(), mapping(ARN, "anthropic.claude-3-sonnet-20240229-v1:0"))
        .with(librechat(), inference_profiles([("anthropic.claude-sonnet-4-20250514-v1:0", ARN)]));
    let team = catalog.resolve("team", &context("us-east-1")).unwrap();
    assert_eq!(
        (team.target.as_str(), model_of(&team)),
        (ARN, Some("anthropic.claude-3-sonnet-20240229-v1:0"))
    );
    let sonnet = catalog.resolve("sonnet", &context("us-east-1")).unwrap();
    assert_eq!(
        (sonnet.target.as_str(), model_of(&sonnet)),
        (ARN, Some("anthropic.claude-sonnet-4-20250514-v1:0"))
    );
    assert_eq!(sonnet.kind, Kind::Alias);
}

#[test]
fn a_circle_and_an_endless_chain_are_refused_with_the_way_they_lead() {
    let catalog =
        Catalog::built_in().with(file(), aliases([("a", "b"), ("b", "c"), ("c", "a"), ("self", "self")]));
    let (message, hint) = refused(&catalog, "a");
    assert_eq!(message, "outcrop.yaml: the alias `a` leads in a circle: a → b → c → a");
    assert!(hint.contains("model id"), "{hint}");
    assert_eq!(refused(&catalog, "self").0, "outcrop.yaml: the alias `self` leads in a circle: self → self");

    let names: Vec<_> = (0..10).map(|n| (format!("n{n}"), format!("n{}", n + 1))).collect();
    let layer = outcrop_catalog::Layer { aliases: names.into_iter().collect(), ..Default::default() };
    let (message, _) = refused(&Catalog::built_in().with(file(), layer), "n0");
    assert!(message.contains("more than 8 aliases"), "{message}");
}

#[test]
fn an_alias_to_nothing_is_refused_in_the_words_of_what_it_names() {
    let catalog = Catalog::built_in().with(file(), aliases([("x", "claude-haiku-4-5-20251001-v1:0")]));
    let (message, hint) = refused(&catalog, "x");
    assert!(message.contains("`claude-haiku-4-5-20251001-v1:0`"), "{message}");
    assert!(hint.contains("anthropic.claude-haiku-4-5-20251001-v1:0"), "{hint}");
}

#[test]
fn an_alias_may_hide_a_real_id() {
    let layer = aliases([("amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0")]);
    let resolution = Catalog::built_in()
        .with(file(), layer)
        .resolve("amazon.nova-lite-v1:0", &context("us-east-1"))
        .unwrap();
    assert_eq!(model_of(&resolution), Some("amazon.nova-micro-v1:0"));
}
