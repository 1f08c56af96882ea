//! What AWS lists in a Region, and what stands behind ARNs that are no profiles.

use outcrop_catalog::survey::Survey;
use outcrop_catalog::{Catalog, Described, Layer, Source, Through};
use serde_json::json;

use crate::{ARN, context, discovery, librechat, mapping, mappings_variable, model_of, source_of};

const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const REGION: &str = "eu-west-1";

fn surveyed(survey: serde_json::Value) -> Catalog {
    let survey: Survey = serde_json::from_value(survey).unwrap();
    let surveys = [(REGION.to_owned(), survey)].into();
    Catalog::built_in().with(Source::Discovered, Layer { surveys, ..Layer::default() })
}

/// What AWS would list there if the catalog were right; `change` makes it wrong.
fn listing(change: impl FnOnce(&mut Vec<serde_json::Value>, &mut Vec<serde_json::Value>)) -> Catalog {
    let catalog = Catalog::built_in();
    let served = |regions: &[String]| regions.iter().any(|region| region == REGION);
    let models = catalog.models().filter_map(|model| {
        let types = match (served(&model.on_demand), served(&model.profile_only)) {
            (true, _) => "ON_DEMAND",
            (_, true) => "INFERENCE_PROFILE",
            _ => return None,
        };
        Some(json!({"modelId": model.id, "modelName": model.name, "inferenceTypesSupported": [types], "unheardOf": {"x": 1}}))
    });
    let profiles = catalog.system_profiles().filter_map(|profile| {
        let destinations = profile.destinations(REGION)?;
        let regions: Vec<&str> = match profile.is_global() {
            true => vec![REGION, ""],
            false => destinations.iter().map(String::as_str).collect(),
        };
        Some(profile_of(&profile.id, &profile.model, &regions))
    });
    let (mut models, mut profiles) = (models.collect(), profiles.collect());
    change(&mut models, &mut profiles);
    surveyed(json!({"foundationModels": models, "inferenceProfiles": profiles}))
}

fn profile_of(id: &str, model: &str, regions: &[&str]) -> serde_json::Value {
    let arns: Vec<_> = regions
        .iter()
        .map(|region| json!({"modelArn": format!("arn:aws:bedrock:{region}::foundation-model/{model}")}))
        .collect();
    let arn = format!("arn:aws:bedrock:{REGION}:123456789012:inference-profile/{id}");
    json!({"inferenceProfileArn": arn, "inferenceProfileId": id, "models": arns, "type": "SYSTEM_DEFINED"})
}

#[test]
fn a_listing_that_agrees_changes_nothing() {
    let (before, after) = (Catalog::built_in(), listing(|_, _| ()));
    for model in before.models() {
        assert_eq!(before.ways(&model.id), after.ways(&model.id), "{}", model.id);
        assert_eq!(after.model(&model.id), Some(model));
    }
}

#[test]
fn aws_adds_what_the_catalog_lacks() {
    let catalog = listing(|models, profiles| {
        models.push(json!({
            "modelId": "newcomer.video-v1:0", "modelName": "Video", "providerName": "Newcomer", "inputModalities": ["TEXT", "VIDEO"],
            "outputModalities": ["TEXT"], "responseStreamingSupported": true, "inferenceTypesSupported": ["INFERENCE_PROFILE"],
            "modelLifecycle": {"status": "ACTIVE"},
        }));
        profiles.push(profile_of(
            "eux.newcomer.video-v1:0",
            "newcomer.video-v1:0",
            &["eu-west-1", "eu-west-3"],
        ));
        profiles.push(profile_of("global.newcomer.video-v1:0", "newcomer.video-v1:0", &["eu-west-1", ""]));
    });
    let resolution = catalog.resolve("newcomer.video-v1:0", &context(REGION)).unwrap();
    assert_eq!(resolution.target, "eux.newcomer.video-v1:0");
    assert_eq!(resolution.destination_regions, ["eu-west-1", "eu-west-3"]);
    assert_eq!(source_of(&resolution, "destinationRegions"), "ListInferenceProfiles");
    assert_eq!(source_of(&resolution, "lifecycle"), "ListFoundationModels");
    let model = resolution.model.unwrap();
    assert_eq!((model.publisher.as_deref(), model.capabilities.streaming), (Some("Newcomer"), Some(true)));
    assert_eq!(model.capabilities.tools, None, "what is not listed is not known");
    let global = catalog.resolve("global.newcomer.video-v1:0", &context(REGION)).unwrap();
    assert_eq!(global.destination_regions, [""; 0], "of a global profile AWS lists none");
}

#[test]
fn what_aws_no_longer_lists_in_a_region_is_not_chosen_there() {
    let eu = format!("eu.{SONNET}");
    let global = format!("global.{SONNET}");
    let without = |gone: Vec<String>| {
        listing(move |_, profiles| {
            profiles.retain(|profile| !gone.iter().any(|id| profile["inferenceProfileId"] == id.as_str()));
        })
    };
    let resolution = without(vec![eu.clone()]).resolve(SONNET, &context(REGION)).unwrap();
    assert_eq!(resolution.target, global);
    let neither = without(vec![eu.clone(), global.clone()]);
    assert_eq!(neither.ways_from(SONNET, REGION), []);
    assert_eq!(
        neither.resolve(SONNET, &context("eu-west-3")).unwrap().target,
        eu,
        "elsewhere nothing has changed"
    );
    assert!(neither.ways(SONNET).iter().any(|way| way.identifier == global && way.region == "us-east-1"));
}

#[test]
fn a_partial_or_an_empty_listing_takes_nothing_away() {
    for survey in [
        json!({"foundationModels": null, "inferenceProfiles": null}),
        json!({"foundationModels": [], "inferenceProfiles": []}),
        json!({
            "foundationModels": [{"modelId": SONNET, "inferenceTypesSupported": ["INFERENCE_PROFILE"]}],
            "inferenceProfiles": [profile_of("eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", &["eu-west-1"])],
        }),
        json!({"foundationModels": [{"modelId": ""}], "inferenceProfiles": [{"inferenceProfileArn": "?"}]}),
    ] {
        let catalog = surveyed(survey);
        assert_eq!(catalog.resolve(SONNET, &context(REGION)).unwrap().target, format!("eu.{SONNET}"));
    }
}

#[test]
fn a_life_that_ends_is_told_and_configuration_still_wins() {
    let legacy = json!({"foundationModels": [{"modelId": SONNET, "modelLifecycle": {"status": "RETIRED"}}], "inferenceProfiles": null});
    let catalog = surveyed(legacy);
    let resolution = catalog.resolve(&format!("eu.{SONNET}"), &context(REGION)).unwrap();
    assert!(
        resolution.notices.iter().any(|notice| notice.contains("no longer serves")),
        "{:?}",
        resolution.notices
    );
    let mut overrides = outcrop_catalog::Overrides::default();
    overrides.model(SONNET, json!({"lifecycle": "ACTIVE"})).unwrap();
    let catalog = catalog.with(librechat(), Layer { overrides, ..Layer::default() });
    assert_eq!(catalog.model(SONNET).unwrap().lifecycle.as_deref(), Some("ACTIVE"));
}

#[test]
fn on_demand_follows_the_listing() {
    let catalog = listing(|models, _| {
        for model in models.iter_mut().filter(|model| model["modelId"] == SONNET) {
            model["inferenceTypesSupported"] = json!(["ON_DEMAND", "INFERENCE_PROFILE", "SOMETHING_NEW"]);
        }
    });
    assert_eq!(catalog.resolve(SONNET, &context(REGION)).unwrap().target, SONNET);
    assert_eq!(catalog.ways_from(SONNET, REGION)[0].through, Through::OnDemand);
}

#[test]
fn application_profiles_of_a_listing_are_known() {
    let arn = ARN.replace("us-west-2", REGION);
    let catalog = listing(|_, profiles| {
        let mut own = profile_of("abc123def456", SONNET, &["eu-west-1"]);
        own["inferenceProfileArn"] = json!(arn);
        profiles.push(own);
    });
    let resolution = catalog.resolve(&arn, &context("us-east-1")).unwrap();
    assert_eq!((model_of(&resolution), resolution.needs_lookup), (Some(SONNET), false));
}

#[test]
fn a_mapping_that_aws_contradicts_is_found() {
    let catalog = Catalog::built_in()
        .with(Source::Discovered, discovery(ARN, &["us-west-2"], SONNET))
        .with(mappings_variable(), mapping(ARN, "us.amazon.nova-lite-v1:0"));
    let found = catalog.contradictions();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].arn, found[0].mapped_to, found[0].live.as_str()),
        (ARN, "us.amazon.nova-lite-v1:0", SONNET)
    );
    let right = catalog.with(mappings_variable(), mapping(ARN, &format!("us.{SONNET}")));
    assert_eq!(right.contradictions(), []);
}

#[test]
fn a_deployment_leads_through_its_custom_model_to_the_base() {
    let deployment = "arn:aws:bedrock:us-west-2:123456789012:custom-model-deployment/abc123def456";
    let custom =
        "arn:aws:bedrock:us-west-2:123456789012:custom-model/amazon.nova-lite-v1:0:300k/abc123def456";
    let base = "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0";
    let step = |from: &str, to: &str| Layer {
        behind: [(from.to_owned(), to.to_owned())].into(),
        ..Layer::default()
    };
    let half = Catalog::built_in().with(Source::Discovered, step(deployment, custom));
    assert_eq!(model_of(&half.resolve(deployment, &context("us-east-1")).unwrap()), None);
    let whole = half.with(Source::Discovered, step(custom, base));
    let resolution = whole.resolve(deployment, &context("us-east-1")).unwrap();
    assert_eq!(model_of(&resolution), Some("amazon.nova-lite-v1:0"));
    assert_eq!((resolution.target.as_str(), resolution.source_region.as_str()), (deployment, "us-west-2"));
    assert_eq!(resolution.destination_regions, ["us-west-2"]);
    assert!(resolution.price.is_none() && !resolution.needs_lookup);
    let circle = whole.with(Source::Discovered, step(custom, deployment));
    assert_eq!(model_of(&circle.resolve(deployment, &context("us-east-1")).unwrap()), None);
}

#[test]
fn a_prompt_is_what_it_asks() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:1";
    let asking = |model: &str| {
        let described = Described {
            says: format!("the prompt greeting asks {model}"),
            model_arns: vec![model.to_owned()],
        };
        let layer = Layer { described: [(arn.to_owned(), described)].into(), ..Layer::default() };
        Catalog::built_in().with(Source::Discovered, layer).resolve(arn, &context("eu-west-1")).unwrap()
    };
    let profile = asking("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0");
    assert_eq!(profile.model.as_ref().unwrap().id, "amazon.nova-lite-v1:0");
    assert_eq!(profile.destination_regions, ["us-east-1", "us-east-2", "us-west-2"]);
    for step in ["profile", "model", "destinationRegions"] {
        assert_eq!(source_of(&profile, step), "GetPrompt", "{step}");
    }
    assert_eq!((profile.target.as_str(), profile.price.unwrap().input), (arn, Some(0.06)));
    let bare = asking("amazon.nova-lite-v1:0");
    assert_eq!(
        (bare.destination_regions, bare.source_region.as_str()),
        (vec!["us-east-1".to_owned()], "us-east-1")
    );
    let application =
        asking("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456");
    assert!(
        application.model.is_none()
            && application.destination_regions.is_empty()
            && application.price.is_none()
    );
}

#[test]
fn a_router_tells_its_models_and_every_region_they_may_be_processed_in() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1";
    let known = |models: &[&str]| {
        let model_arns = models
            .iter()
            .map(|model| format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{model}"))
            .collect();
        let described = Described { says: "the router chooses".to_owned(), model_arns };
        let layer = Layer { described: [(arn.to_owned(), described)].into(), ..Layer::default() };
        Catalog::built_in().with(Source::Discovered, layer).resolve(arn, &context("eu-west-1")).unwrap()
    };
    let several = known(&["us.amazon.nova-lite-v1:0", "us.amazon.nova-pro-v1:0"]);
    assert!(several.model.is_none() && !several.needs_lookup && several.price.is_none());
    assert_eq!(several.destination_regions, ["us-east-1", "us-east-2", "us-west-2"]);
    assert!(
        several.notices.iter().any(|notice| notice.contains("the router chooses")),
        "{:?}",
        several.notices
    );
    let one = known(&["us.amazon.nova-lite-v1:0"]);
    assert_eq!(one.model.unwrap().id, "amazon.nova-lite-v1:0");
    let open = known(&["us.amazon.nova-lite-v1:0", "us.acme.rocket-v1:0"]);
    assert!(open.destination_regions.is_empty(), "one of them may go anywhere");
}
