//! No call leaves the policy: whatever a client names, from wherever it calls.

use outcrop_catalog::{Catalog, Context, Refused, Residency, ResidencyError, ResolveError, Source};
use proptest::prelude::*;

use crate::{ARN, context, discovery, inference_profiles, librechat, mapping, mappings_variable, source_of};

const OPUS: &str = "anthropic.claude-opus-5-5";
const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

fn policy(regions: &[&str], geographies: &[&str]) -> Residency {
    Residency::default().processed_in(&owned(regions), &owned(geographies), "outcrop.yaml:3").unwrap()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn refusal(catalog: &Catalog, identifier: &str, region: &str) -> Refused {
    match catalog.resolve(identifier, &context(region)) {
        Err(ResolveError::Residency(refused)) => *refused,
        other => panic!("{identifier} from {region} is not refused: {other:?}"),
    }
}

#[test]
fn a_bare_id_goes_through_the_profile_that_the_policy_allows() {
    let catalog = Catalog::built_in().under(policy(&[], &["eu"]));
    let resolution = catalog.resolve(SONNET, &context("eu-central-1")).unwrap();
    assert_eq!(resolution.target, format!("eu.{SONNET}"));
    assert!(resolution.residency.as_ref().unwrap().allowed);
    assert_eq!(source_of(&resolution, "residency"), "outcrop.yaml:3");
}

#[test]
fn an_explicit_identifier_is_refused_and_never_rewritten() {
    let catalog = Catalog::built_in().under(policy(&[], &["eu"]));
    for identifier in [
        format!("global.{SONNET}"),
        format!("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/global.{SONNET}"),
    ] {
        let refused = refusal(&catalog, &identifier, "eu-west-1");
        assert_eq!(refused.resolution.target, identifier);
        assert!(refused.text.message().starts_with("outcrop.yaml:3: "), "{}", refused.text.message());
        assert!(
            refused.text.message().contains(" more, which are not among the geography eu"),
            "{}",
            refused.text.message()
        );
        let hint = refused.text.hint().unwrap();
        assert!(hint.contains(&format!("from eu-west-1 the policy allows eu.{SONNET}")), "{hint}");
    }
    let elsewhere = refusal(&catalog, &format!("us.{SONNET}"), "us-east-1");
    assert!(
        elsewhere.text.message().contains("us-east-1 is not among the geography eu"),
        "{}",
        elsewhere.text.message()
    );
    assert!(elsewhere.text.hint().unwrap().contains(&format!("the policy allows eu.{SONNET} from eu-")));
}

#[test]
fn every_destination_counts() {
    let catalog = Catalog::built_in().under(policy(&["eu-west-1", "eu-central-1"], &[]));
    let refused = refusal(&catalog, SONNET, "eu-west-1");
    assert!(refused.text.message().contains("eu-north-1"), "{}", refused.text.message());
    assert!(!refused.unproven);
}

#[test]
fn what_nothing_proves_is_refused() {
    let catalog = Catalog::built_in().under(policy(&[], &["us"]));
    for identifier in [
        "newcomer.model-one-v1:0",
        "us.newcomer.model-one-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123def456",
        "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1",
    ] {
        let refused = refusal(&catalog, identifier, "us-east-1");
        assert!(refused.text.message().contains("nothing tells"), "{}", refused.text.message());
    }
    let error = catalog.resolve("not an id", &context("us-east-1")).unwrap_err();
    assert!(matches!(error, ResolveError::Unknown { .. }));
    let verbatim = catalog.verbatim("not an id", &context("us-east-1"), error);
    assert!(matches!(verbatim, Err(ResolveError::Residency(_))), "taken at its word, it is judged as well");
}

#[test]
fn a_mapping_proves_nothing_and_aws_does() {
    let mapped = Catalog::built_in().with(mappings_variable(), mapping(ARN, &format!("us.{SONNET}")));
    let catalog = mapped.under(policy(&[], &["us"]));
    let refused = refusal(&catalog, ARN, "us-east-1");
    assert!(refused.unproven && refused.resolution.needs_lookup, "AWS has to be asked");
    assert!(!refused.resolution.residency.as_ref().unwrap().proven);
    assert!(
        refused.resolution.why.iter().any(|why| why.detail.starts_with("refused, not proven: nothing tells"))
    );
    assert_eq!(refused.resolution.target, ARN);

    let proven =
        catalog.with(Source::Discovered, discovery(ARN, &["us-east-1", "us-east-2", "us-west-2"], SONNET));
    assert!(proven.resolve(ARN, &context("us-east-1")).unwrap().residency.unwrap().allowed);

    let wider = catalog.with(Source::Discovered, discovery(ARN, &["us-west-2", "ca-central-1"], SONNET));
    let refused = refusal(&wider, ARN, "us-east-1");
    assert!(!refused.unproven, "AWS has been asked");
    assert!(refused.text.message().contains("ca-central-1"), "{}", refused.text.message());
}

#[test]
fn nobody_is_asked_in_a_region_that_is_not_allowed() {
    let refused = refusal(&Catalog::built_in().under(policy(&[], &["eu"])), ARN, "eu-west-1");
    assert!(
        !refused.unproven && refused.text.message().contains("us-west-2 is not among"),
        "{}",
        refused.text.message()
    );
}

/// What is called counts, not what it is called for.
#[test]
fn the_regions_of_a_configured_target_are_its_own() {
    let global = format!("global.{SONNET}");
    let eu = format!("eu.{SONNET}");
    let catalog = Catalog::built_in().with(librechat(), inference_profiles([(eu.as_str(), global.as_str())]));
    let open = catalog.resolve(&eu, &context("eu-west-1")).unwrap();
    assert!(open.destination_regions.contains(&"us-east-1".to_owned()), "{:?}", open.destination_regions);
    refusal(&catalog.under(policy(&[], &["eu"])), &eu, "eu-west-1");
}

#[test]
fn a_global_application_profile_is_known_by_its_empty_region() {
    let mut layer = discovery(ARN, &["us-west-2", ""], SONNET);
    layer.application_profiles.values_mut().for_each(|profile| profile.tags.clear());
    let catalog = Catalog::built_in().with(Source::Discovered, layer);
    let refused = refusal(&catalog.under(policy(&[], &["us"])), ARN, "us-east-1");
    assert!(!refused.resolution.destination_regions.is_empty());
    assert!(catalog.under(policy(&[], &["global"])).resolve(ARN, &context("us-east-1")).is_ok());
}

#[test]
fn regions_that_may_be_called_bind_arns_too() {
    let policy = Residency::default().called_in(&owned(&["us-east-1"]), "outcrop.yaml:7").unwrap();
    let catalog = Catalog::built_in().under(policy);
    assert!(catalog.resolve(&format!("global.{SONNET}"), &context("us-east-1")).is_ok());
    let refused = refusal(&catalog, ARN, "us-east-1");
    assert!(
        refused.text.message().contains("us-west-2 is not among the Regions that may be called, us-east-1"),
        "{}",
        refused.text.message()
    );
    refusal(&catalog, OPUS, "eu-west-2");
}

#[test]
fn a_policy_that_allows_nothing_or_names_nothing_is_none() {
    let empty = Residency::default().processed_in(&[], &[], "outcrop.yaml:1");
    assert_eq!(empty, Err(ResidencyError::Empty));
    let unknown = Residency::default().processed_in(&[], &owned(&["europe"]), "outcrop.yaml:1").unwrap_err();
    assert!(unknown.to_string().contains("eu, in, jp, us, us-gov, global"), "{unknown}");
}

/// A geography holds the destinations of its own profiles, but for those that only the caller's own Region adds.
#[test]
fn geographies_agree_with_the_profiles() {
    let catalog = Catalog::built_in();
    for profile in catalog.system_profiles().filter(|profile| !profile.is_global()) {
        let policy = policy(&[], &[&profile.geography]);
        for (source, destinations) in
            profile.routes.iter().filter(|(_, destinations)| !destinations.is_empty())
        {
            let others: Vec<_> = destinations.iter().filter(|region| *region != source).cloned().collect();
            let first = others.first().unwrap_or(source);
            assert!(policy.allows(first, &others), "{} from {source}: {others:?}", profile.id);
        }
    }
}

/// As many choices as `OUTCROP_PROPTEST_CASES` says.
fn cases() -> u32 {
    std::env::var("OUTCROP_PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

#[derive(Debug, Clone)]
struct Choice {
    region: String,
    identifier: String,
    regions: Vec<String>,
    geographies: Vec<String>,
}

fn choice() -> impl Strategy<Value = Choice> {
    let catalog = Catalog::built_in();
    let mut regions: Vec<String> = catalog
        .models()
        .flat_map(|model| model.on_demand.iter().chain(&model.profile_only).cloned())
        .chain(["me-central-1".to_owned(), "us-gov-west-1".to_owned(), String::new()])
        .collect();
    regions.sort();
    regions.dedup();
    let mut identifiers: Vec<String> = catalog.models().map(|model| model.id.clone()).collect();
    identifiers.extend(catalog.system_profiles().map(|profile| profile.id.clone()));
    identifiers.extend(["mapped", "discovered", "global", "us.newcomer.model-v1:0"].map(str::to_owned));
    let arns = prop::sample::select(regions.clone());
    let geographies = ["us", "eu", "apac", "jp", "au", "in", "ca", "us-gov"].map(str::to_owned).to_vec();
    (
        prop::sample::select(regions.clone()),
        (prop::sample::select(identifiers), arns, 0..3_u8),
        prop::sample::subsequence(regions.clone(), 0..=regions.len()),
        prop::sample::subsequence(geographies, 0..=2),
    )
        .prop_map(|(region, (identifier, own, form), regions, geographies)| Choice {
            region,
            identifier: match form {
                1 => format!("arn:aws:bedrock:{own}:123456789012:inference-profile/{identifier}"),
                2 => format!("arn:aws:bedrock:{own}::foundation-model/{identifier}"),
                _ => identifier,
            },
            regions,
            geographies,
        })
}

/// Judged by another road than the code's: the Regions of a geography are told from their names.
fn is_inside(region: &str, choice: &Choice) -> bool {
    choice.regions.iter().any(|allowed| allowed == region)
        || choice.geographies.iter().any(|geography| match geography.as_str() {
            "us" => region.starts_with("us-") && !region.starts_with("us-gov-"),
            "us-gov" => region.starts_with("us-gov-"),
            "eu" => region.starts_with("eu-"),
            "apac" => region.starts_with("ap-"),
            "ca" => region.starts_with("ca-"),
            "jp" => ["ap-northeast-1", "ap-northeast-3"].contains(&region),
            "au" => ["ap-southeast-2", "ap-southeast-4"].contains(&region),
            "in" => ["ap-south-1", "ap-south-2"].contains(&region),
            _ => false,
        })
}

fn configured() -> Catalog {
    let other = ARN.replace("abc123def456", "zzz123def456");
    let aliases = crate::aliases([
        ("mapped", ARN),
        ("discovered", other.as_str()),
        ("global", "global.amazon.nova-2-lite-v1:0"),
    ]);
    Catalog::built_in()
        .with(librechat(), aliases)
        .with(mappings_variable(), mapping(ARN, SONNET))
        .with(Source::Discovered, discovery(&other, &["us-east-1", "us-west-2", "us-east-2"], SONNET))
}

#[test]
fn of_many_choices_none_leaves_the_policy() {
    let configured = configured();
    let mut served = std::cell::Cell::new(0_u32);
    let runner = ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(runner)
        .run(&choice(), |choice| {
            let written = Residency::default().processed_in(&choice.regions, &choice.geographies, "test");
            let Ok(policy) = written else { return Ok(()) };
            let resolved = configured
                .under(policy)
                .resolve(&choice.identifier, &Context { region: choice.region.clone() });
            let Ok(resolution) = resolved else { return Ok(()) };
            served.set(served.get() + 1);
            prop_assert!(!resolution.destination_regions.is_empty());
            for region in resolution.destination_regions.iter().chain([&resolution.source_region]) {
                prop_assert!(is_inside(region, &choice), "{} goes to {}", resolution.target, region);
            }
            Ok(())
        })
        .unwrap();
    assert!(*served.get_mut() > cases() / 100, "almost everything was refused: the test proves nothing");
}

#[test]
fn global_comes_first_only_when_it_is_preferred_and_allowed() {
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let target = |catalog: &Catalog| catalog.resolve(model, &context("eu-central-1")).unwrap().target;
    let regional = Catalog::built_in();
    assert_eq!(target(&regional), format!("eu.{model}"));
    let global = regional.preferring_global();
    assert_eq!(target(&global), format!("global.{model}"));
    assert_eq!(target(&global.under(policy(&[], &["eu"]))), format!("eu.{model}"));
}
