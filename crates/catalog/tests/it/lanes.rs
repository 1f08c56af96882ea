//! How each API travels to each kind of target.

use outcrop_catalog::{Api, Catalog, Lane, Model, Reason, Resolution, Surface};

use crate::{ARN, built_in, context, mapping, mappings_variable};

/// An application profile that a configuration says stands for this model.
fn mapped(model: &str) -> Resolution {
    let catalog = Catalog::built_in().with(mappings_variable(), mapping(ARN, model));
    catalog.resolve(ARN, &context("us-east-1")).unwrap()
}

fn way(resolution: &Resolution, api: Api) -> (Lane, Surface, Reason, Option<&str>) {
    let passage = resolution.passage(api, false).unwrap();
    (passage.lane, passage.surface, passage.reason, passage.path)
}

#[test]
fn a_model_that_lives_on_mantle_only_is_relayed_to_what_it_speaks() {
    let model = built_in("openai.gpt-oss-120b", "us-west-2");
    let there = |path| (Lane::Relay, Surface::Mantle, Reason::LivesThere, Some(path));
    assert_eq!(way(&model, Api::ChatCompletions), there("/v1/chat/completions"));
    assert_eq!(way(&model, Api::Responses), there("/v1/responses"));
    let gemma = built_in("google.gemma-4-31b", "us-west-2");
    assert_eq!(way(&gemma, Api::Responses), there("/openai/v1/responses"));
    let claude = built_in("anthropic.claude-haiku-4-5", "us-west-2");
    assert_eq!(way(&claude, Api::Messages), there("/anthropic/v1/messages"));
    // A configuration that asks for Converse does not make Converse serve it.
    assert_eq!(model.passage(Api::Responses, true).unwrap().surface, Surface::Mantle);
}

#[test]
fn what_its_only_endpoint_does_not_speak_is_translated_to_what_it_does() {
    let model = built_in("openai.gpt-oss-120b", "us-west-2");
    let chat = (Lane::Translate, Surface::Mantle, Reason::ChatThere, Some("/v1/chat/completions"));
    for api in [Api::Messages, Api::Converse] {
        assert_eq!(way(&model, api), chat);
    }
    let qwen = built_in("qwen.qwen3-32b", "us-west-2");
    assert_eq!(way(&qwen, Api::Responses), chat);
    assert_eq!(qwen.passage(Api::Responses, false).unwrap().speaks, Api::ChatCompletions);
    let claude = built_in("anthropic.claude-haiku-4-5", "us-west-2");
    let messages = (Lane::Translate, Surface::Mantle, Reason::MessagesThere, Some("/anthropic/v1/messages"));
    for api in [Api::ChatCompletions, Api::Responses, Api::Converse] {
        assert_eq!(way(&claude, api), messages);
    }
}

/// InvokeModel takes the model's own body, and that is what it speaks where it lives.
#[test]
fn a_body_of_the_model_s_own_is_relayed_to_what_it_speaks() {
    let own = |path| (Lane::Relay, Surface::Mantle, Reason::OwnBodyThere, Some(path));
    let model = built_in("openai.gpt-oss-120b", "us-west-2");
    assert_eq!(way(&model, Api::InvokeModel), own("/v1/chat/completions"));
    let claude = built_in("anthropic.claude-haiku-4-5", "us-west-2");
    assert_eq!(way(&claude, Api::InvokeModel), own("/anthropic/v1/messages"));
}

#[test]
fn a_model_that_speaks_nothing_known_is_refused_with_a_way_out() {
    let mut model = built_in("openai.gpt-oss-120b", "us-west-2");
    let silent =
        Model { routes: vec!["/v1/responses".to_owned()], ..model.model.as_deref().unwrap().clone() };
    model.model = Some(silent.into());
    assert_eq!(model.passage(Api::Responses, false).unwrap().reason, Reason::LivesThere);
    let none = model.passage(Api::Converse, false).unwrap_err();
    assert_eq!(none.instead, [Api::Responses]);
    assert_eq!(
        none.text().hint().unwrap(),
        "ask for it with Responses, or name a model that Converse serves"
    );
    assert_eq!(
        none.to_string(),
        "`openai.gpt-oss-120b` is served by the bedrock-mantle endpoint only, which does not offer Converse for it"
    );
}

#[test]
fn a_profile_never_reaches_mantle_or_the_openai_paths() {
    for profile in [mapped("openai.gpt-oss-120b"), mapped("openai.gpt-6-sol")] {
        assert_eq!(profile.surface, Surface::RuntimeConverse);
        for api in [Api::ChatCompletions, Api::Responses] {
            let on_converse = (Lane::Translate, Surface::RuntimeConverse, Reason::ApplicationProfile, None);
            assert_eq!(way(&profile, api), on_converse);
        }
        assert!(profile.why.iter().any(|why| why.step == "surface"));
    }
    let odd = mapped("openai.gpt-oss-120b");
    assert!(odd.notices.iter().any(|notice| notice.contains("takes no profiles")), "{:?}", odd.notices);
    for profile in Catalog::built_in().system_profiles() {
        let region = profile.sources().next().unwrap();
        let resolution = built_in(&profile.id, region);
        for passage in Api::ALL.map(|api| resolution.passage(api, false).unwrap()) {
            assert!(
                matches!(passage.surface, Surface::RuntimeConverse | Surface::RuntimeInvoke),
                "{}: {passage:?}",
                profile.id
            );
        }
    }
}

#[test]
fn on_the_runtime_only_messages_to_claude_and_bedrock_s_own_words_are_relayed() {
    let claude = built_in("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1");
    let relayed = (Lane::Relay, Surface::RuntimeInvoke, Reason::SpeaksMessages, None);
    assert_eq!(way(&claude, Api::Messages), relayed);
    assert_eq!(claude.passage(Api::Messages, true).unwrap().reason, Reason::Configured);
    let translated = (Lane::Translate, Surface::RuntimeConverse, Reason::Converse, None);
    assert_eq!(way(&claude, Api::ChatCompletions), translated);
    assert_eq!(way(&built_in("amazon.nova-lite-v1:0", "us-east-1"), Api::Messages), translated);
    // GPT speaks Chat Completions on the runtime, too, but Converse serves it under every identifier.
    assert_eq!(way(&built_in("us.openai.gpt-6-sol", "us-east-1"), Api::ChatCompletions), translated);
    let native = (Lane::Relay, Surface::RuntimeConverse, Reason::SpeaksBedrock, None);
    assert_eq!(way(&claude, Api::Converse), native);
}

#[test]
fn every_model_can_be_asked_somehow() {
    let catalog = Catalog::built_in();
    let lost: Vec<&str> = catalog
        .models()
        .filter(|model| model.surface() == Surface::Mantle && model.routes.is_empty())
        .map(|model| model.id.as_str())
        .collect();
    assert!(lost.is_empty(), "no source says which API serves {lost:?}");
}
