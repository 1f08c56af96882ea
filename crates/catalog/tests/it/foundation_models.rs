//! A bare model id: called as it is, or through the profile of the Region.

use std::time::{Duration, Instant};

use outcrop_catalog::{Catalog, Kind, Residency, ResolveError, Surface};

use crate::{built_in, context, model_of, source_of};

const HAIKU_4_5: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

#[test]
fn a_model_on_demand_is_called_by_its_own_id() {
    let resolution = built_in("amazon.nova-lite-v1:0", "us-east-1");
    assert_eq!(
        (resolution.kind, resolution.target.as_str()),
        (Kind::FoundationModel, "amazon.nova-lite-v1:0")
    );
    assert_eq!(resolution.destination_regions, ["us-east-1"]);
    assert!(resolution.profile.is_none() && resolution.notices.is_empty());
}

#[test]
fn a_profile_only_model_is_called_through_the_narrowest_profile_and_says_so() {
    for (region, target) in [
        ("us-east-1", "us"),
        ("ca-central-1", "us"),
        ("eu-west-1", "eu"),
        ("ap-northeast-1", "jp"),
        ("ap-southeast-2", "au"),
        ("ap-south-1", "in"),
        ("ap-southeast-1", "global"),
        ("sa-east-1", "global"),
        ("il-central-1", "global"),
    ] {
        let resolution = built_in(HAIKU_4_5, region);
        let expected = format!("{target}.{HAIKU_4_5}");
        assert_eq!(resolution.target, expected, "{region}");
        assert_eq!(resolution.profile.as_ref().unwrap().id, expected);
        assert!(
            resolution.notices.iter().any(|notice| notice.contains(&expected)),
            "{:?}",
            resolution.notices
        );
        assert_eq!(model_of(&resolution), Some(HAIKU_4_5));
        assert_eq!(resolution.kind, Kind::FoundationModel);
    }
}

#[test]
fn an_older_model_takes_the_geography_it_has() {
    let model = "anthropic.claude-sonnet-4-20250514-v1:0";
    assert_eq!(built_in(model, "ap-northeast-1").target, format!("apac.{model}"));
}

#[test]
fn every_model_reaches_a_target_that_serves_the_region() {
    let catalog = Catalog::built_in();
    let (mut pairs, mut wrong) = (0, Vec::new());
    for model in catalog.models() {
        for region in &model.profile_only {
            let resolution = catalog.resolve(&model.id, &context(region)).unwrap();
            let profile = catalog.system_profile(&resolution.target);
            let serves = profile.and_then(|profile| profile.destinations(region));
            pairs += 1;
            if serves != Some(resolution.destination_regions.as_slice())
                || serves.is_none_or(<[String]>::is_empty) != region.starts_with("us-gov-")
            {
                wrong.push(format!("{} from {region}: {}", model.id, resolution.target));
            }
        }
        for region in &model.on_demand {
            let resolution = catalog.resolve(&model.id, &context(region)).unwrap();
            assert_eq!((&resolution.target, &resolution.source_region), (&model.id, region));
        }
    }
    assert!(wrong.is_empty(), "{} of {pairs}: {wrong:#?}", wrong.len());
    assert_eq!(
        pairs,
        1_070 + 5,
        "reference bedrock.md counts 1,070 pairs, GovCloud has 5; a refresh may change it"
    );
}

#[test]
fn an_arn_names_the_region_and_reaches_the_same_target() {
    let on_demand =
        built_in("arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0", "eu-west-1");
    assert_eq!(on_demand.target, "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0");
    assert_eq!(on_demand.source_region, "us-west-2");
    let profile_only =
        built_in(&format!("arn:aws:bedrock:us-west-2::foundation-model/{HAIKU_4_5}"), "eu-west-1");
    assert_eq!(profile_only.target, format!("us.{HAIKU_4_5}"));
    let anywhere = built_in(&format!("arn:aws:bedrock:::foundation-model/{HAIKU_4_5}"), "eu-west-1");
    assert_eq!(anywhere.target, format!("eu.{HAIKU_4_5}"));
}

#[test]
fn a_model_that_is_elsewhere_says_where() {
    let resolution = built_in("deepseek.r1-v1:0", "eu-west-1");
    assert_eq!(resolution.target, "deepseek.r1-v1:0");
    assert_eq!(
        resolution.notices,
        ["the catalog does not have deepseek.r1-v1:0 in eu-west-1; it is in us-east-1, us-east-2, us-west-2"]
    );
    assert_eq!(resolution.destination_regions, [""; 0]);
}

#[test]
fn a_retired_model_is_still_known() {
    let resolution = built_in("anthropic.claude-3-opus-20240229-v1:0", "us-east-1");
    assert_eq!(resolution.model.as_ref().unwrap().lifecycle.as_deref(), Some("RETIRED"));
    assert_eq!(resolution.notices, ["AWS no longer serves anthropic.claude-3-opus-20240229-v1:0"]);
    assert_eq!(resolution.model.unwrap().limits.context_tokens, Some(200_000));
}

/// GovCloud's own lists have the model; where its profile leads they do not say, so a policy refuses it.
#[test]
fn govcloud_has_profiles_of_its_own() {
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let resolution = built_in(model, "us-gov-west-1");
    assert_eq!(resolution.target, format!("us-gov.{model}"));
    assert_eq!(resolution.price.unwrap().input, Some(3.6));
    assert_eq!(resolution.destination_regions, [""; 0]);
    let destinations = resolution.why.iter().find(|why| why.step == "destinationRegions").unwrap();
    assert!(
        destinations.detail.contains("no source lists where this profile leads"),
        "{}",
        destinations.detail
    );
    let nova = built_in("amazon.nova-pro-v1:0", "us-gov-west-1");
    assert_eq!((nova.target.as_str(), nova.price.unwrap().input), ("amazon.nova-pro-v1:0", Some(0.96)));
    let unpriced = built_in("anthropic.claude-3-7-sonnet-20250219-v1:0", "us-gov-west-1");
    assert!(unpriced.price.is_none(), "what the commercial Regions cost is no price of GovCloud's");
    let policy = Residency::default().processed_in(&[], &["us-gov".to_owned()], "outcrop.yaml:1").unwrap();
    let refusal = Catalog::built_in().under(policy).resolve(model, &context("us-gov-west-1")).unwrap_err();
    assert!(matches!(refusal, ResolveError::Residency(_)), "{refusal}");
}

#[test]
fn govcloud_gets_a_hint_instead_of_a_guess() {
    let resolution = built_in(HAIKU_4_5, "us-gov-west-1");
    assert_eq!(resolution.target, HAIKU_4_5);
    assert!(resolution.notices[0].contains(&format!("us-gov.{HAIKU_4_5}")), "{:?}", resolution.notices);
}

#[test]
fn a_context_suffix_is_understood_and_no_profile_gets_one() {
    let through = built_in("amazon.nova-2-lite-v1:0:256k", "us-east-1");
    assert_eq!(through.target, "us.amazon.nova-2-lite-v1:0");
    assert_eq!(model_of(&through), Some("amazon.nova-2-lite-v1:0"));
    let as_it_stands = built_in("amazon.nova-premier-v1:0:8k", "us-east-1");
    let model = as_it_stands.model.unwrap();
    assert_eq!(
        (as_it_stands.target.as_str(), model.limits.context_tokens),
        ("amazon.nova-premier-v1:0:8k", None)
    );
    assert!(model.limits.max_output_tokens.is_some() && as_it_stands.price.is_none());
}

#[test]
fn the_surface_follows_from_what_comes_out() {
    for (model, surface) in [
        ("amazon.nova-lite-v1:0", Surface::RuntimeConverse),
        ("amazon.titan-embed-text-v2:0", Surface::RuntimeInvoke),
        ("cohere.embed-v4:0", Surface::RuntimeInvoke),
        ("amazon.rerank-v1:0", Surface::RuntimeInvoke),
        ("stability.stable-image-core-v1:1", Surface::RuntimeInvoke),
        ("openai.gpt-oss-120b", Surface::Mantle),
    ] {
        assert_eq!(built_in(model, "us-west-2").surface, surface, "{model}");
    }
    assert!(built_in("openai.gpt-oss-120b", "us-west-2").notices[0].contains("bedrock-mantle"));
}

#[test]
fn without_a_region_nothing_is_made_up() {
    let resolution = built_in(HAIKU_4_5, "");
    assert_eq!((resolution.target.as_str(), resolution.source_region.as_str()), (HAIKU_4_5, ""));
    assert_eq!(source_of(&resolution, "sourceRegion"), "nothing");
    assert!(resolution.notices.iter().any(|notice| notice.contains("no Region is known")));
}

#[test]
fn resolving_is_quick() {
    let catalog = Catalog::built_in();
    let started = Instant::now();
    for _ in 0..1_000 {
        catalog.resolve(HAIKU_4_5, &context("eu-west-1")).unwrap();
    }
    // 20 µs each in an unoptimised build on an idle machine; a scan over all models would take milliseconds.
    assert!(started.elapsed() < Duration::from_secs(1), "{:?} for 1,000", started.elapsed());
}
