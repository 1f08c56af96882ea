//! An account's own profile, named by its ARN: who tells which model it stands for, and what follows from that.

use outcrop_catalog::{Catalog, Kind, Layer, ProfileType, Source};

use crate::{
    ARN, aliases, bare, context, discovery, inference_profiles, librechat, mapping, mappings_variable,
    model_of, profile, source_of,
};

const SONNET_4_5: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const US: [&str; 3] = ["us-west-2", "us-east-1", "us-east-2"];

fn resolve(catalog: &Catalog) -> outcrop_catalog::Resolution {
    catalog.resolve(ARN, &context("eu-west-1")).unwrap()
}

#[test]
fn the_seeds_mapping_gives_the_arn_a_model() {
    let arn = "arn:aws:bedrock:us-west-2:007376685526:application-inference-profile/if7f34w3k1mv";
    let catalog = Catalog::built_in()
        .with(mappings_variable(), mapping(arn, "anthropic.claude-3-sonnet-20240229-v1:0"));
    let resolution = catalog.resolve(arn, &context("eu-west-1")).unwrap();
    assert_eq!((resolution.kind, resolution.target.as_str()), (Kind::ApplicationInferenceProfile, arn));
    assert_eq!(resolution.source_region, "us-west-2", "the ARN's Region wins");
    assert_eq!(resolution.model.as_ref().unwrap().limits.context_tokens, Some(200_000));
    assert_eq!(source_of(&resolution, "model"), "BEDROCK_INFERENCE_PROFILE_MAPPINGS");
    assert_eq!(source_of(&resolution, "limits"), "built-in catalog");
    assert!(!resolution.needs_lookup);
}

#[test]
fn a_mapping_to_a_system_profile_gives_its_regions_and_its_price() {
    let us = format!("us.{SONNET_4_5}");
    let mapped = resolve(&Catalog::built_in().with(mappings_variable(), mapping(ARN, &us)));
    let direct = crate::built_in(&us, "us-west-2");
    assert_eq!(mapped.destination_regions, direct.destination_regions);
    assert_eq!(mapped.price, direct.price);
    let base = resolve(&Catalog::built_in().with(mappings_variable(), mapping(ARN, SONNET_4_5)));
    assert_eq!(base.destination_regions, [""; 0], "a model id says nothing of the profile's Regions");
    assert_ne!(base.price, mapped.price);
}

#[test]
fn nothing_known_is_said_and_asks_for_a_lookup() {
    let resolution = resolve(&Catalog::built_in());
    assert!(resolution.needs_lookup && resolution.model.is_none() && resolution.price.is_none());
    assert_eq!(resolution.target, ARN);
    assert_eq!(source_of(&resolution, "model"), "nothing");
    assert!(resolution.notices[0].contains("is not known"), "{:?}", resolution.notices);
}

#[test]
fn what_aws_lists_tells_model_regions_and_price() {
    let resolution = resolve(&Catalog::built_in().with(Source::Discovered, discovery(ARN, &US, SONNET_4_5)));
    let origin = crate::built_in(&format!("us.{SONNET_4_5}"), "us-west-2");
    assert_eq!(model_of(&resolution), Some(SONNET_4_5));
    assert_eq!(resolution.destination_regions, ["us-east-1", "us-east-2", "us-west-2"]);
    assert_eq!(resolution.price, origin.price, "the rate of what it was copied from");
    assert!(!resolution.needs_lookup && resolution.notices.is_empty());
    let profile = resolution.profile.unwrap();
    assert_eq!((profile.name.as_deref(), profile.profile_type), (Some("tenant a"), ProfileType::Application));
    assert_eq!(profile.id, "abc123def456");
}

#[test]
fn a_copy_of_one_regions_model_costs_what_the_model_does() {
    let resolution = resolve(
        &Catalog::built_in()
            .with(Source::Discovered, discovery(ARN, &["us-west-2"], "amazon.nova-lite-v1:0")),
    );
    assert_eq!(resolution.destination_regions, ["us-west-2"]);
    assert_eq!(resolution.price, crate::built_in("amazon.nova-lite-v1:0", "us-west-2").price);
}

#[test]
fn a_copy_of_a_global_profile_may_be_processed_everywhere() {
    let live = discovery(ARN, &["us-west-2", ""], SONNET_4_5);
    let global = crate::built_in(&format!("global.{SONNET_4_5}"), "us-west-2");
    for catalog in [
        Catalog::built_in().with(Source::Discovered, live.clone()),
        Catalog::built_in()
            .with(Source::Discovered, live.clone())
            .with(mappings_variable(), mapping(ARN, SONNET_4_5)),
    ] {
        let resolution = resolve(&catalog);
        assert_eq!(resolution.destination_regions, global.destination_regions);
        assert!(resolution.destination_regions.len() > 20);
        assert_eq!(resolution.price, global.price);
    }
    let other = discovery(ARN, &["us-west-2", ""], "anthropic.claude-opus-4-20250514-v1:0");
    let unknown = resolve(&Catalog::built_in().with(Source::Discovered, other));
    assert_eq!(unknown.destination_regions, [""; 0], "one Region of a global profile would be a lie");
    assert!(unknown.price.is_none());
}

#[test]
fn regions_of_no_known_profile_leave_the_price_open() {
    let live = discovery(ARN, &["us-west-2", "us-east-1"], SONNET_4_5);
    let resolution = resolve(&Catalog::built_in().with(Source::Discovered, live));
    assert_eq!(model_of(&resolution), Some(SONNET_4_5));
    assert_eq!(resolution.destination_regions, ["us-east-1", "us-west-2"]);
    assert!(resolution.price.is_none());
    assert_eq!(source_of(&resolution, "price"), "nothing");
}

#[test]
fn a_configured_geography_tells_the_price_where_the_regions_do_not() {
    let catalog =
        Catalog::built_in().with(Source::Discovered, discovery(ARN, &["us-west-2", "us-east-1"], SONNET_4_5));
    let us = format!("us.{SONNET_4_5}");
    let told = resolve(&catalog.with(mappings_variable(), mapping(ARN, &us)));
    assert_eq!(told.price, crate::built_in(&us, "us-west-2").price);
    assert_eq!(told.destination_regions, ["us-east-1", "us-west-2"], "AWS's own list");
    let open = resolve(&catalog.with(mappings_variable(), mapping(ARN, SONNET_4_5)));
    assert!(open.price.is_none(), "the model's own price would be a guess");
}

#[test]
fn a_mapping_wins_over_aws_and_the_contradiction_is_shown() {
    let catalog = Catalog::built_in()
        .with(mappings_variable(), mapping(ARN, "anthropic.claude-3-7-sonnet-20250219-v1:0"))
        .with(Source::Discovered, discovery(ARN, &US, SONNET_4_5));
    let resolution = resolve(&catalog);
    assert_eq!(model_of(&resolution), Some("anthropic.claude-3-7-sonnet-20250219-v1:0"));
    assert_eq!(
        resolution.notices,
        [format!(
            "BEDROCK_INFERENCE_PROFILE_MAPPINGS says that {ARN} stands for anthropic.claude-3-7-sonnet-20250219-v1:0, but AWS says {SONNET_4_5}"
        )]
    );
    assert_eq!(
        resolution.destination_regions,
        ["us-east-1", "us-east-2", "us-west-2"],
        "AWS knows its Regions"
    );
}

#[test]
fn a_mapping_that_names_nothing_gives_way_to_aws() {
    let catalog = Catalog::built_in().with(mappings_variable(), mapping(ARN, "claude-3-7"));
    let resolution = resolve(&catalog);
    assert!(resolution.needs_lookup);
    assert!(
        resolution.notices[0].starts_with("BEDROCK_INFERENCE_PROFILE_MAPPINGS: `claude-3-7`"),
        "{:?}",
        resolution.notices
    );
    let resolution = resolve(&catalog.with(Source::Discovered, discovery(ARN, &US, SONNET_4_5)));
    assert_eq!(model_of(&resolution), Some(SONNET_4_5));
}

#[test]
fn a_model_the_catalog_lacks_is_no_contradiction_when_aws_says_the_same() {
    let newest = "anthropic.claude-zenith-9";
    let catalog = Catalog::built_in()
        .with(mappings_variable(), mapping(ARN, newest))
        .with(Source::Discovered, discovery(ARN, &US, newest));
    let resolution = resolve(&catalog);
    assert!(resolution.model.is_none());
    assert!(
        !resolution.notices.iter().any(|notice| notice.contains("but AWS says")),
        "{:?}",
        resolution.notices
    );
    assert_eq!(resolution.destination_regions, ["us-east-1", "us-east-2", "us-west-2"]);
}

#[test]
fn a_mapping_may_name_an_alias_but_no_profile_of_an_account() {
    let file = || Source::File("outcrop.yaml".into());
    let catalog = Catalog::built_in()
        .with(mappings_variable(), mapping(ARN, "sonnet"))
        .with(file(), aliases([("sonnet", "best"), ("best", SONNET_4_5)]));
    assert_eq!(model_of(&resolve(&catalog)), Some(SONNET_4_5));

    let circle = catalog.with(Source::Flag("--alias".into()), aliases([("best", "sonnet")]));
    let resolution = resolve(&circle);
    assert!(
        resolution.needs_lookup && resolution.notices[0].contains("in a circle"),
        "{:?}",
        resolution.notices
    );

    let itself = Catalog::built_in().with(mappings_variable(), mapping(ARN, ARN));
    let resolution = resolve(&itself);
    assert!(resolution.needs_lookup);
    assert!(
        resolution.notices[0].ends_with("is an application inference profile, not a model"),
        "{:?}",
        resolution.notices
    );
}

#[test]
fn the_seeds_misspelt_model_is_pointed_out() {
    let layer = mapping(ARN, "anthropic.claude-3-5-sonnet-20241022-v1:0");
    let resolution = resolve(&Catalog::built_in().with(mappings_variable(), layer));
    assert!(resolution.model.is_none());
    let notices = resolution.notices.join("\n");
    assert!(notices.contains("did you mean anthropic.claude-3-5-sonnet-20241022-v2:0?"), "{notices}");
}

#[test]
fn several_models_or_odd_arns_from_aws_are_no_model() {
    for model_arns in [
        vec![
            "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0".to_owned(),
            "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0".to_owned(),
        ],
        vec!["nonsense".to_owned()],
    ] {
        let layer = profile(outcrop_catalog::ApplicationProfile { model_arns, ..bare(ARN) });
        let resolution = resolve(&Catalog::built_in().with(Source::Discovered, layer));
        assert!(resolution.model.is_none() && resolution.price.is_none());
        assert!(!resolution.notices.is_empty());
    }
}

#[test]
fn an_arn_is_known_in_every_spelling() {
    let encoded = ARN.replace(':', "%3A").replace('/', "%2F");
    let lower = encoded.replace("%3A", "%3a").replace("%2F", "%2f");
    for written in [ARN, &encoded, &lower] {
        for mapped in [ARN, &encoded] {
            let catalog =
                Catalog::built_in().with(mappings_variable(), mapping(mapped, "amazon.nova-lite-v1:0"));
            let resolution = catalog.resolve(written, &context("eu-west-1")).unwrap();
            assert_eq!(
                (resolution.target.as_str(), model_of(&resolution)),
                (ARN, Some("amazon.nova-lite-v1:0"))
            );
            assert_eq!(resolution.identifier, written);
        }
    }
}

#[test]
fn the_bare_id_is_enough_where_exactly_one_such_profile_is_known() {
    let catalog = Catalog::built_in().with(Source::Discovered, discovery(ARN, &US, SONNET_4_5));
    assert_eq!(catalog.resolve("abc123def456", &context("eu-west-1")).unwrap().target, ARN);
    let twin = ARN.replace("us-west-2", "us-east-1");
    let two = catalog.with(Source::Discovered, discovery(&twin, &US, SONNET_4_5));
    assert!(two.resolve("abc123def456", &context("eu-west-1")).is_err());
    assert!(Catalog::built_in().resolve("abc123def456", &context("eu-west-1")).is_err());
}

#[test]
fn other_arns_are_called_as_they_stand() {
    for (resource, kind) in [
        ("provisioned-model/abcdefghijkl", Kind::ProvisionedModel),
        ("custom-model-deployment/abcdefghijkl", Kind::CustomModelDeployment),
        ("imported-model/abcdefghijkl", Kind::ImportedModel),
        ("default-prompt-router/anthropic.claude:1", Kind::PromptRouter),
        ("prompt/ABCDEFGHIJ:1", Kind::Prompt),
    ] {
        let arn = format!("arn:aws:bedrock:us-west-2:123456789012:{resource}");
        let resolution = crate::built_in(&arn, "eu-west-1");
        assert_eq!((resolution.kind, resolution.target.as_str()), (kind, arn.as_str()));
        assert_eq!(resolution.source_region, "us-west-2");
        assert!(resolution.model.is_none() && resolution.profile.is_none());
        assert!(resolution.needs_lookup, "{resource}");
        assert!(resolution.notices[0].contains("only AWS knows"), "{:?}", resolution.notices);
    }
}

#[test]
fn an_arn_that_is_called_for_one_identifier_stands_for_it() {
    let us = format!("us.{SONNET_4_5}");
    let catalog = Catalog::built_in().with(librechat(), inference_profiles([(&us, ARN)]));
    let resolution = resolve(&catalog);
    assert_eq!(model_of(&resolution), Some(SONNET_4_5));
    assert_eq!(source_of(&resolution, "profile"), "librechat.yaml");
    assert!(!resolution.needs_lookup);

    let twice = catalog.with(librechat(), inference_profiles([("amazon.nova-lite-v1:0", ARN)]));
    let resolution = resolve(&twice);
    assert!(resolution.needs_lookup, "two models are none");
    assert!(
        resolution.notices[0].contains("amazon.nova-lite-v1:0 and us.anthropic"),
        "{:?}",
        resolution.notices
    );

    let mapped = twice.with(mappings_variable(), mapping(ARN, "amazon.nova-lite-v1:0"));
    assert_eq!(model_of(&resolve(&mapped)), Some("amazon.nova-lite-v1:0"), "a mapping decides");
}

#[test]
fn a_lookup_is_added_without_losing_what_was_known() {
    let catalog = Catalog::built_in()
        .with(Source::File("outcrop.yaml".into()), aliases([("tenant", ARN)]))
        .with(Source::Discovered, Layer::default())
        .with(Source::Discovered, discovery(ARN, &US, SONNET_4_5));
    let resolution = catalog.resolve("tenant", &context("eu-west-1")).unwrap();
    assert_eq!((resolution.kind, model_of(&resolution)), (Kind::Alias, Some(SONNET_4_5)));
    assert_eq!(resolution.profile.unwrap().tags["team"], "blue");
}
