//! The facts compiled into the catalog: well-formed, complete, free of contradictions, and true where recordings tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use outcrop_catalog::{Model, ParameterRule, Price, ReasoningMode, SystemProfile};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const MODELS: &str = include_str!("../../data/models.json");
const PROFILES: &str = include_str!("../../data/profiles.json");
const PRICES: &str = include_str!("../../data/prices.json");

#[test]
fn files_are_sorted_without_repetition() {
    for (file, text, key) in
        [("models", MODELS, "id"), ("profiles", PROFILES, "id"), ("prices", PRICES, "model")]
    {
        let entries: Vec<Value> = parse(text);
        let ids: Vec<&str> = entries.iter().map(|entry| entry[key].as_str().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{file}.json");
        assert_eq!(text.lines().count(), ids.len() + 2, "{file}.json has one entry a line");
    }
}

#[test]
fn every_model_says_who_made_it_and_how_it_is_served() {
    for model in models().values() {
        let id = &model.id;
        assert!(model.publisher.is_some(), "{id}");
        let lifecycle = model.lifecycle.as_deref().unwrap();
        assert!(["ACTIVE", "LEGACY", "RETIRED"].contains(&lifecycle), "{id}: {lifecycle}");
        assert!(!model.input_modalities.is_empty() && !model.output_modalities.is_empty(), "{id}");
        assert!(model.capabilities.streaming.is_some(), "{id}");
        let regions: BTreeSet<&String> = model.on_demand.iter().chain(&model.profile_only).collect();
        assert_eq!(regions.is_empty(), lifecycle == "RETIRED", "{id}");
        assert_eq!(
            regions.len(),
            model.on_demand.len() + model.profile_only.len(),
            "{id}: a Region is in both"
        );
    }
}

#[test]
fn no_model_contradicts_itself() {
    for model in models().values() {
        let id = &model.id;
        let capabilities = &model.capabilities;
        assert!(!(capabilities.tools == Some(false) && capabilities.forced_tools == Some(true)), "{id}");
        assert!(model.limits.context_tokens != Some(0) && model.limits.max_output_tokens != Some(0), "{id}");
        if let Some(caching) = &capabilities.prompt_caching {
            assert_eq!(caching.supported, !caching.ttls.is_empty(), "{id}: lifetimes");
            assert!(caching.supported || caching.min_tokens.is_none(), "{id}: a minimum of nothing");
        }
        if let Some(reasoning) = &capabilities.reasoning {
            let budgeted = matches!(reasoning.mode, ReasoningMode::Budget | ReasoningMode::BudgetOrAdaptive);
            assert_eq!(reasoning.min_budget.is_some(), budgeted, "{id}: budget");
            assert!(reasoning.mode != ReasoningMode::None || reasoning.efforts.is_empty(), "{id}: efforts");
        }
        for rule in rules(model).into_iter().flatten() {
            let bounded = rule.min.is_some() || rule.max.is_some() || rule.while_reasoning.is_some();
            assert!(rule.allowed || !bounded, "{id}: a refused parameter has bounds");
        }
        for name in model.parameters.conflicts.iter().flatten() {
            assert!(["temperature", "topP", "topK"].contains(&name.as_str()), "{id}: {name}");
        }
    }
}

fn rules(model: &Model) -> [&Option<ParameterRule>; 4] {
    let parameters = &model.parameters;
    [&parameters.temperature, &parameters.top_p, &parameters.top_k, &parameters.stop_sequences]
}

/// Reference `bedrock.md` §6.1, row by row: context, output, cache minimum, reasoning, always on, sampling taken,
/// temperature and top_p exclude each other, forced tools.
#[test]
fn claude_rules_are_those_of_the_table() {
    use ReasoningMode::{Adaptive, Budget, BudgetOrAdaptive, None as Never};
    #[rustfmt::skip]
    let table = [
        ("3-sonnet-20240229-v1:0",     200_000,   4_096, None,       Never,            false, true,  false, true),
        ("3-5-sonnet-20241022-v2:0",   200_000,   8_192, Some(1024), Never,            false, true,  false, true),
        ("3-5-haiku-20241022-v1:0",    200_000,   8_192, Some(2048), Never,            false, true,  false, true),
        ("3-7-sonnet-20250219-v1:0",   200_000,  64_000, Some(1024), Budget,           false, true,  false, true),
        ("sonnet-4-20250514-v1:0",     200_000,  64_000, Some(1024), Budget,           false, true,  false, true),
        ("opus-4-1-20250805-v1:0",     200_000,  32_000, Some(1024), Budget,           false, true,  true,  true),
        ("sonnet-4-5-20250929-v1:0",   200_000,  64_000, Some(1024), Budget,           false, true,  true,  true),
        ("haiku-4-5-20251001-v1:0",    200_000,  64_000, Some(4096), Budget,           false, true,  true,  true),
        ("opus-4-5-20251101-v1:0",     200_000,  64_000, Some(4096), Budget,           false, true,  true,  true),
        ("opus-4-6-v1",              1_000_000, 128_000, Some(4096), BudgetOrAdaptive, false, true,  true,  true),
        ("sonnet-4-6",               1_000_000,  64_000, Some(1024), BudgetOrAdaptive, false, true,  true,  true),
        ("opus-4-7",                 1_000_000, 128_000, Some(2048), Adaptive,         false, false, false, true),
        ("opus-4-8",                 1_000_000, 128_000, Some(1024), Adaptive,         false, false, false, true),
        ("opus-5",                   1_000_000, 128_000, Some(512),  Adaptive,         false, false, false, true),
        ("sonnet-5",                 1_000_000, 128_000, Some(1024), Adaptive,         false, false, false, true),
        ("opus-5-5",                 1_000_000, 128_000, Some(512),  Adaptive,         true,  false, false, false),
        ("sonnet-5-5",               1_000_000, 128_000, Some(512),  Adaptive,         true,  false, false, false),
        ("fable-5",                  1_000_000, 128_000, Some(512),  Adaptive,         true,  false, false, true),
        ("fable-5-1",                1_000_000, 128_000, Some(512),  Adaptive,         true,  false, false, false),
        ("haiku-5-5",                1_000_000, 128_000, Some(512),  Adaptive,         false, false, false, true),
    ];
    let models = models();
    for (name, context, output, minimum, mode, always_on, sampling, exclusive, forced) in table {
        let model = &models[&format!("anthropic.claude-{name}")];
        let (capabilities, parameters) = (&model.capabilities, &model.parameters);
        let reasoning = capabilities.reasoning.as_ref().unwrap();
        let caching = capabilities.prompt_caching.as_ref().unwrap();
        assert_eq!(model.family.as_deref(), Some("anthropic"), "{name}");
        assert_eq!(model.limits.context_tokens, Some(context), "{name}");
        assert_eq!(model.limits.max_output_tokens, Some(output), "{name}");
        assert_eq!((caching.supported, caching.min_tokens), (minimum.is_some(), minimum), "{name}");
        assert_eq!((reasoning.mode, reasoning.always_on), (mode, always_on), "{name}");
        for rule in [&parameters.temperature, &parameters.top_p, &parameters.top_k] {
            let rule = rule.as_ref().unwrap();
            assert_eq!(rule.allowed, sampling, "{name}");
            let bound_by_thinking = matches!(mode, Budget | BudgetOrAdaptive);
            assert_eq!(rule.while_reasoning.is_some(), bound_by_thinking, "{name}");
        }
        assert_eq!(!parameters.conflicts.is_empty(), exclusive, "{name}");
        assert_eq!((capabilities.tools, capabilities.forced_tools), (Some(true), Some(forced)), "{name}");
    }
}

#[test]
fn every_profile_leads_from_a_region_to_a_model_we_know() {
    let models = models();
    for profile in profiles() {
        let SystemProfile { id, geography, model, routes, withdrawn } = &profile;
        assert!(withdrawn.is_empty(), "{id}");
        assert_eq!(*id, format!("{geography}.{model}"));
        assert!(models.contains_key(model), "{id}");
        let is_told = routes.values().all(|destinations| !destinations.is_empty());
        assert!(
            !routes.is_empty() && is_told != (geography == "us-gov"),
            "{id}: no list says where GovCloud's lead"
        );
        assert_eq!(routes.contains_key("*"), profile.is_global(), "{id}");
    }
}

#[test]
fn every_profile_only_pair_has_a_profile() {
    let profiles = profiles();
    let mut pairs = 0;
    for model in models().values() {
        for region in &model.profile_only {
            let serves =
                |profile: &SystemProfile| profile.model == model.id && profile.destinations(region).is_some();
            assert!(profiles.iter().any(serves), "{} cannot be called from {region}", model.id);
            pairs += 1;
        }
    }
    assert!(pairs > 1_000, "{pairs} pairs: most of the data is gone");
}

#[test]
fn prices_are_complete_and_sane() {
    let models = models();
    for (model, prices) in prices() {
        assert!(models.contains_key(&model), "{model}");
        for (place, price) in prices {
            let tokens = [price.input, price.output];
            assert!(tokens.into_iter().flatten().all(|price| price < 1_000.0), "{model} {place}");
            let pieces = price.per_piece.values().copied();
            let priced = tokens.into_iter().flatten().chain(pieces).any(|price| price > 0.0);
            assert!(priced, "{model} {place} costs nothing");
            let tiers = price.tiers.values().chain(price.long_context.iter().map(|step| &step.rates));
            for rates in tiers {
                let named = [rates.input, rates.output, rates.cache_read, rates.cache_write_5m];
                assert!(named.into_iter().flatten().all(|price| price < 1_000.0), "{model} {place}");
            }
            let at_most = |low: Option<f64>, high: Option<f64>| low.is_none_or(|low| Some(low) <= high);
            let cached = at_most(price.cache_read, price.input);
            let written = price.cache_write_5m.is_none_or(|write| Some(write) >= price.input);
            let kept = price.cache_write_1h.is_none_or(|write| Some(write) >= price.cache_write_5m);
            assert!(cached && written && kept, "{model} {place}: {price:?}");
        }
    }
}

/// The seeds' central example and the 10 % that a geography costs.
#[test]
fn a_geography_has_its_own_price() {
    let sonnet = &prices()["anthropic.claude-sonnet-4-5-20250929-v1:0"];
    let rates = |place: &str| (sonnet[place].input, sonnet[place].output, sonnet[place].cache_write_1h);
    assert_eq!(rates("base"), (Some(3.0), Some(15.0), Some(6.0)));
    assert_eq!(rates("global"), rates("base"));
    assert_eq!(rates("us"), (Some(3.3), Some(16.5), Some(6.6)));
    assert_eq!(rates("us-gov-west-1"), (Some(3.6), Some(18.0), Some(7.2)));
}

/// What AWS answered with 200 the catalog must not call unsupported.
#[test]
fn no_recorded_success_is_called_impossible() {
    let models = models();
    let mut checked = 0;
    for file in ["bedrock-converse.jsonl", "bedrock-converse-stream.jsonl"] {
        let Some(text) = shared(&format!("data/recorded/{file}")) else { return };
        for exchange in text.lines().map(parse::<Value>) {
            let Some(model) = exchange["model_id"].as_str().and_then(|id| behind(id, &models)) else {
                continue;
            };
            if exchange["response"]["status"] != 200 {
                continue;
            }
            for (what, known) in used(&exchange["request"]["body"], model) {
                assert_ne!(known, Some(false), "{}: {what} on {}", exchange["id"], model.id);
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "only {checked} features were found in the recordings");
}

/// What one Converse body uses, each with what the catalog says about it.
fn used(body: &Value, model: &Model) -> Vec<(&'static str, Option<bool>)> {
    let capabilities = &model.capabilities;
    let taken = |rule: &Option<ParameterRule>| rule.as_ref().map(|rule| rule.allowed);
    let blocks = || {
        let messages = body["messages"].as_array().into_iter().flatten();
        messages.flat_map(|message| message["content"].as_array().into_iter().flatten())
    };
    let sent = |block: &str| blocks().any(|content| content.get(block).is_some());
    let caching = capabilities.prompt_caching.as_ref().map(|caching| caching.supported);
    let forced =
        body["toolConfig"]["toolChoice"].as_object().is_some_and(|choice| !choice.contains_key("auto"));
    let stops = body["inferenceConfig"]["stopSequences"].as_array().is_some_and(|stops| !stops.is_empty());
    [
        ("tools", body["toolConfig"].is_object(), capabilities.tools),
        ("forced tools", forced, capabilities.forced_tools),
        ("images", sent("image"), capabilities.images),
        ("documents", sent("document"), capabilities.documents),
        ("video", sent("video"), capabilities.video),
        ("cache points", sent("cachePoint"), caching),
        ("a schema", body["outputConfig"]["textFormat"].is_object(), capabilities.structured_output),
        (
            "temperature",
            body["inferenceConfig"]["temperature"].is_number(),
            taken(&model.parameters.temperature),
        ),
        ("topP", body["inferenceConfig"]["topP"].is_number(), taken(&model.parameters.top_p)),
        ("stop sequences", stops, taken(&model.parameters.stop_sequences)),
    ]
    .into_iter()
    .filter_map(|(what, present, known)| present.then_some((what, known)))
    .collect()
}

/// Each model that Bedrock answered for, or that the configurations in the wild name, is in the catalog.
#[test]
fn every_recorded_model_is_known() {
    /// Ids that the recordings send to be refused, or misspell.
    const NO_MODELS: [&str; 3] = ["does-not-exist", "invalid-", "anthropic.claude-3-5-sonnet-20241022-v2-0"];
    let models = models();
    for file in ["converse", "converse-stream", "invoke", "invoke-stream", "errors"] {
        let Some(text) = shared(&format!("data/recorded/bedrock-{file}.jsonl")) else { return };
        for exchange in text.lines().map(parse::<Value>) {
            let Some(id) = exchange["model_id"].as_str() else { continue };
            let excused =
                id.contains("application-inference-profile") || NO_MODELS.iter().any(|no| id.contains(no));
            assert!(excused || behind(id, &models).is_some(), "{id}");
        }
    }
}

/// The model behind a bare id, a system profile id or a foundation-model ARN.
fn behind<'a>(id: &str, models: &'a BTreeMap<String, Model>) -> Option<&'a Model> {
    let id = id.rsplit_once('/').map_or(id, |(_, id)| id);
    models.get(id).or_else(|| models.get(id.split_once('.')?.1))
}

#[test]
fn profile_only_pairs_are_all_of_the_source() {
    let Some(text) = shared("data/catalog/inference_types.json") else { return };
    let source: Value = parse(&text);
    let commercial =
        |regions: &[String]| regions.iter().filter(|region| !region.starts_with("us-gov-")).count();
    let listed = |model: &Value| model["profile_only"].as_array().map_or(0, Vec::len);
    let expected: usize = source["models"].as_object().unwrap().values().map(listed).sum();
    assert_eq!(models().values().map(|model| commercial(&model.profile_only)).sum::<usize>(), expected);
}

/// README.md names them. One that has got a price belongs off the list, there and here.
#[test]
fn profiles_without_a_price_are_those_that_no_source_prices() {
    let catalog = outcrop_catalog::Catalog::built_in();
    let unpriced: BTreeSet<String> = profiles()
        .into_iter()
        .filter(|profile| {
            let region = profile.routes.keys().next().unwrap().replace('*', "us-east-1");
            catalog.resolve(&profile.id, &crate::context(&region)).unwrap().price.is_none()
        })
        .map(|profile| profile.id)
        .collect();
    let expected = [
        "apac.anthropic.claude-3-5-sonnet-20240620-v1:0",
        "apac.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "apac.anthropic.claude-3-7-sonnet-20250219-v1:0",
        "apac.anthropic.claude-3-sonnet-20240229-v1:0",
        "apac.twelvelabs.marengo-embed-2-7-v1:0",
        "apac.twelvelabs.pegasus-1-2-v1:0",
        "ca.amazon.nova-lite-v1:0",
        "eu.cohere.embed-v4:0",
        "us-gov.anthropic.claude-3-5-sonnet-20240620-v1:0",
        "us-gov.anthropic.claude-3-7-sonnet-20250219-v1:0",
        "us-gov.anthropic.claude-3-haiku-20240307-v1:0",
    ];
    assert_eq!(unpriced, BTreeSet::from(expected.map(str::to_owned)));
}

/// What a profile of GovCloud's costs is taken from its Region where it has no price of its own: both must be one.
#[test]
fn in_govcloud_a_profile_costs_what_the_region_does() {
    let entries: Vec<Value> = parse(PRICES);
    let mut compared = 0;
    for entry in &entries {
        let prices = entry["prices"].as_object().unwrap();
        let Some(of_profile) = prices.get("us-gov") else { continue };
        for of_region in ["us-gov-east-1", "us-gov-west-1"].iter().filter_map(|region| prices.get(*region)) {
            for kind in ["input", "output", "cacheRead", "cacheWrite5m"] {
                assert_eq!(of_profile[kind], of_region[kind], "{}: {kind}", entry["model"]);
            }
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared} prices");
}

fn models() -> BTreeMap<String, Model> {
    parse::<Vec<Model>>(MODELS).into_iter().map(|model| (model.id.clone(), model)).collect()
}

fn profiles() -> Vec<SystemProfile> {
    parse(PROFILES)
}

/// Model → place → price, with the constants that the file leaves out.
fn prices() -> BTreeMap<String, BTreeMap<String, Price>> {
    let complete = |mut price: Value| {
        price["currency"] = json!("USD");
        price["unit"] = json!("per_million_tokens");
        serde_json::from_value(price).unwrap()
    };
    let entry = |entry: Value| {
        let prices = entry["prices"].as_object().unwrap().clone();
        let model = entry["model"].as_str().unwrap().to_owned();
        (model, prices.into_iter().map(|(place, price)| (place, complete(price))).collect())
    };
    parse::<Vec<Value>>(PRICES).into_iter().map(entry).collect()
}

fn parse<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// A file of the folder beside the workspace that holds material too large to ship; says so when it is not there.
pub(crate) fn shared(path: &str) -> Option<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(_) => {
            eprintln!("not run: {} is not here", file.display());
            None
        }
    }
}
