//! A profile of AWS's own, by id or ARN.

use outcrop_catalog::{Catalog, Kind, ProfileType};

use crate::{built_in, context, model_of};

const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

#[test]
fn the_id_is_the_target_and_the_regions_follow_the_caller() {
    for (region, destinations) in [
        ("us-east-1", vec!["us-east-1", "us-east-2", "us-west-2"]),
        ("us-west-1", vec!["us-east-1", "us-east-2", "us-west-1", "us-west-2"]),
        ("ca-central-1", vec!["ca-central-1", "us-east-1", "us-east-2", "us-west-2"]),
    ] {
        let resolution = built_in(&format!("us.{SONNET}"), region);
        assert_eq!(resolution.target, format!("us.{SONNET}"));
        assert_eq!(resolution.destination_regions, destinations, "{region}");
        assert_eq!((resolution.kind, model_of(&resolution)), (Kind::InferenceProfile, Some(SONNET)));
        assert!(resolution.notices.is_empty(), "{:?}", resolution.notices);
    }
}

#[test]
fn an_arn_stays_the_target_and_its_region_wins() {
    let arn = format!("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{SONNET}");
    let resolution = built_in(&arn, "us-east-1");
    assert_eq!((resolution.target.as_str(), resolution.source_region.as_str()), (arn.as_str(), "eu-west-1"));
    let profile = resolution.profile.unwrap();
    assert_eq!((profile.id, profile.arn), (format!("eu.{SONNET}"), Some(arn)));
    assert_eq!(profile.profile_type, ProfileType::SystemDefined);
    assert!(resolution.destination_regions.iter().all(|region| region.starts_with("eu-")));
}

#[test]
fn a_profile_of_another_geography_names_those_that_serve_the_region() {
    let resolution = built_in(&format!("us.{SONNET}"), "eu-west-1");
    assert_eq!(resolution.target, format!("us.{SONNET}"), "called as it was asked for");
    assert_eq!(
        resolution.notices,
        [format!(
            "us.{SONNET} cannot be called from eu-west-1; from eu-west-1 use eu.{SONNET} or global.{SONNET}"
        )]
    );
    assert_eq!(resolution.destination_regions, [""; 0]);
}

#[test]
fn a_profile_that_does_not_exist_is_answered_with_what_does() {
    let resolution = built_in("us.qwen.qwen3-32b-v1:0", "us-east-1");
    let notice = &resolution.notices[0];
    assert!(notice.contains("does not have the profile us.qwen"), "{notice}");
    assert!(notice.ends_with("from us-east-1 use qwen.qwen3-32b-v1:0"), "on demand only: {notice}");
}

#[test]
fn geographies_have_their_own_price_and_global_that_of_the_model() {
    let input = |id: &str, region: &str| built_in(id, region).price.unwrap().input.unwrap();
    assert_eq!(input(&format!("global.{SONNET}"), "us-east-1"), 3.0);
    for (geography, region) in
        [("us", "us-east-1"), ("eu", "eu-west-1"), ("jp", "ap-northeast-1"), ("au", "ap-southeast-2")]
    {
        assert_eq!(input(&format!("{geography}.{SONNET}"), region), 3.3, "{geography}");
    }
    assert_eq!(input(&format!("us-gov.{SONNET}"), "us-gov-west-1"), 3.6);
    let haiku = "anthropic.claude-haiku-4-5-20251001-v1:0";
    assert_eq!(
        input(&format!("us-gov.{haiku}"), "us-gov-east-1"),
        1.2,
        "the Region's price is the profile's"
    );
    assert_eq!(
        input(&format!("in.{haiku}"), "ap-south-1"),
        1.1,
        "litellm has no price of it, the overlay has"
    );
}

#[test]
fn a_profile_without_a_price_of_its_own_has_none() {
    let resolution = built_in("ca.amazon.nova-lite-v1:0", "ca-central-1");
    assert!(resolution.price.is_none() && model_of(&resolution).is_some());
}

#[test]
fn every_profile_resolves_to_its_model_from_each_of_its_regions() {
    let catalog = Catalog::built_in();
    let mut calls = 0;
    for profile in catalog.system_profiles() {
        let sources = profile.routes.iter().flat_map(|(source, destinations)| match source.as_str() {
            "*" => destinations.clone(),
            _ => vec![source.clone()],
        });
        for source in sources {
            let resolution = catalog.resolve(&profile.id, &context(&source)).unwrap();
            assert_eq!(
                (model_of(&resolution), &resolution.target),
                (Some(profile.model.as_str()), &profile.id)
            );
            assert_eq!(resolution.destination_regions, profile.destinations(&source).unwrap());
            assert!(resolution.notices.is_empty(), "{}: {:?}", profile.id, resolution.notices);
            calls += 1;
        }
    }
    assert!(calls > 1_000, "{calls}");
}
