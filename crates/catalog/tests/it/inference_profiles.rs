//! LibreChat's `inferenceProfiles`: the identifier stays what it is, an ARN is called.

use outcrop_catalog::{Catalog, Kind, Source};

use crate::{
    ARN, context, discovery, inference_profiles, librechat, mapping, mappings_variable, model_of, refused,
    source_of,
};

const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

#[test]
fn the_arn_is_called_and_the_identifier_says_what_it_can_do() {
    let catalog = Catalog::built_in().with(librechat(), inference_profiles([(SONNET, ARN)]));
    let resolution = catalog.resolve(SONNET, &context("us-east-1")).unwrap();
    assert_eq!((resolution.kind, resolution.target.as_str()), (Kind::InferenceProfile, ARN));
    assert_eq!(resolution.source_region, "us-west-2", "the ARN's Region wins over the request's");
    assert_eq!(model_of(&resolution), Some("anthropic.claude-sonnet-4-5-20250929-v1:0"));
    assert_eq!(resolution.price, crate::built_in(SONNET, "us-west-2").price);
    assert_eq!(resolution.destination_regions, ["us-east-1", "us-east-2", "us-west-2"]);
    assert_eq!(resolution.profile.as_ref().unwrap().arn.as_deref(), Some(ARN));
    assert_eq!(source_of(&resolution, "target"), "librechat.yaml");
    assert!(!resolution.needs_lookup);
}

#[test]
fn only_exactly_this_identifier_is_redirected() {
    let catalog = Catalog::built_in().with(librechat(), inference_profiles([(SONNET, ARN)]));
    let other = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    assert_eq!(catalog.resolve(other, &context("us-east-1")).unwrap().target, other);
}

#[test]
fn a_name_that_is_no_model_id_works_as_an_alias() {
    let catalog = Catalog::built_in()
        .with(librechat(), inference_profiles([("our sonnet", ARN)]))
        .with(mappings_variable(), mapping(ARN, "anthropic.claude-sonnet-4-5-20250929-v1:0"));
    let resolution = catalog.resolve("our sonnet", &context("us-east-1")).unwrap();
    assert_eq!((resolution.kind, resolution.target.as_str()), (Kind::Alias, ARN));
    assert_eq!(model_of(&resolution), Some("anthropic.claude-sonnet-4-5-20250929-v1:0"));
}

#[test]
fn a_system_profile_may_be_the_target() {
    let catalog = Catalog::built_in()
        .with(librechat(), inference_profiles([("anthropic.claude-sonnet-4-5-20250929-v1:0", SONNET)]));
    let resolution =
        catalog.resolve("anthropic.claude-sonnet-4-5-20250929-v1:0", &context("us-east-1")).unwrap();
    assert_eq!(resolution.target, SONNET);
    assert_eq!(resolution.profile.unwrap().id, SONNET);
}

#[test]
fn a_broken_target_is_an_error_that_names_the_file() {
    let catalog = Catalog::built_in().with(librechat(), inference_profiles([(SONNET, "${BEDROCK_PROFILE}")]));
    let (message, _) = refused(&catalog, SONNET);
    assert!(
        message.starts_with(&format!("librechat.yaml calls `${{BEDROCK_PROFILE}}` for `{SONNET}`")),
        "{message}"
    );
}

#[test]
fn aws_contradicting_the_configured_model_is_shown() {
    let catalog = Catalog::built_in()
        .with(librechat(), inference_profiles([(SONNET, ARN)]))
        .with(Source::Discovered, discovery(ARN, &["us-west-2"], "amazon.nova-lite-v1:0"));
    let resolution = catalog.resolve(SONNET, &context("us-east-1")).unwrap();
    assert_eq!(model_of(&resolution), Some("anthropic.claude-sonnet-4-5-20250929-v1:0"));
    assert!(
        resolution.notices[0].ends_with("but AWS says amazon.nova-lite-v1:0"),
        "{:?}",
        resolution.notices
    );
    assert_eq!(resolution.destination_regions, ["us-west-2"]);
}
