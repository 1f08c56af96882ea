//! Generated requests of every dialect for the models that Converse does not serve: what leaves for their endpoints keeps
//! the endpoints' own rules, and what is relayed stays what its client wrote.

use bytes::Bytes;
use outcrop_catalog::{Api, Context, Lane, Resolution, Surface};
use outcrop_wire::envelope::Members;
use outcrop_wire::relayed;
use outcrop_wire::upstream::{self, Language};
use serde_json::json;

use super::*;

/// A request as it leaves.
struct Sent {
    body: Vec<u8>,
    betas: Vec<String>,
}

#[test]
fn what_leaves_for_other_endpoints_keeps_their_rules() {
    let catalog = Catalog::built_in();
    let models: Vec<&Model> =
        catalog.models().map(AsRef::as_ref).filter(|model| model.surface() == Surface::Mantle).collect();
    let resolved = |model: &&Model| catalog.resolve(&model.id, &Context::default()).unwrap();
    let resolutions: Vec<Resolution> = models.iter().map(resolved).collect();
    let judge = Judge::new(catalog.clone());
    let mut run = Run::new("generated-elsewhere.jsonl");
    for seed in run.seeds() {
        let mut random = Rng::with_seed(seed);
        let which = random.usize(..models.len());
        let model = models[which];
        let client = Api::ALL[random.usize(..Api::ALL.len())];
        let stream = random.bool();
        let passage = resolutions[which].passage(client, false).unwrap();
        let written = written(client, passage.speaks, &mut random);
        let terms = terms(&mut random);
        let made = match passage.lane {
            Lane::Relay => relayed(client, passage.speaks, model, &written, stream, &terms),
            Lane::Translate => translated(client, passage.speaks, model, &written, stream, &terms),
        };
        let Some(Sent { body, betas }) = run.understood(made) else { continue };
        let betas: Vec<&str> = betas.iter().map(String::as_str).collect();
        let judged = match passage.speaks {
            Api::Messages => judge.messages(&model.id, &body, &betas),
            Api::Responses => judge.responses(&model.id, &body),
            _ => judge.chat_completions(&model.id, &body),
        };
        let left = |words: &str| LEFT_TO_AWS.iter().any(|left| words.contains(left));
        if let Err(words) = judged
            && !left(&words)
            && (passage.lane == Lane::Translate || is_ours_to_repair(client, &words))
        {
            run.broken(seed, &model.id, &format!("{client:?}: {words}"), &written, &body);
        }
        let sent: Value = serde_json::from_slice(&body).unwrap();
        if passage.lane == Lane::Relay {
            assert_eq!(
                what_is_said(&sent),
                what_is_said(&written),
                "seed {seed}: a relay says what its client said"
            );
        } else {
            run.dump(seed, &json!({"api": passage.speaks, "betas": betas, "body": sent}).to_string());
        }
    }
    run.end();
}

/// Parameters are repaired on every lane, but for clients of Bedrock itself; the rest of a relayed body is its client's.
fn is_ours_to_repair(client: Api, words: &str) -> bool {
    client != Api::InvokeModel && PARAMETERS.iter().any(|said| words.contains(said))
}

/// What the rules say of a parameter.
const PARAMETERS: [&str; 8] = [
    "is deprecated for this model",
    "cannot both be specified",
    "stopSequences",
    "below minimum value",
    "exceeds the model limit",
    "invalid beta flag",
    "when thinking is enabled",
    "thinking.",
];

fn written(client: Api, speaks: Api, random: &mut Rng) -> Value {
    let mut grammar = Grammar::new(random);
    match client {
        Api::ChatCompletions => grammar.chat(),
        Api::Responses => grammar.responses(),
        Api::Messages => grammar.messages(),
        Api::Converse => grammar.converse(),
        Api::InvokeModel => {
            let mut own = if speaks == Api::Messages { grammar.messages() } else { grammar.chat() };
            own.as_object_mut().unwrap().remove("model");
            if speaks == Api::Messages {
                own["anthropic_version"] = "bedrock-2023-05-31".into();
            }
            own
        }
    }
}

fn language(speaks: Api) -> Language {
    if speaks == Api::Messages { Language::Messages } else { Language::Chat }
}

fn translated(
    client: Api,
    speaks: Api,
    model: &Model,
    written: &Value,
    stream: bool,
    terms: &Terms<'_>,
) -> Result<Sent, RequestError> {
    let body = serde_json::to_vec(written).unwrap();
    let translated = match client {
        Api::ChatCompletions => openai_chat::translate(&body)?.translated,
        Api::Responses => openai_responses::translate(&body)?.translated,
        Api::Messages => anthropic::translate(&body, &["context-1m-2025-08-07"])?,
        Api::Converse | Api::InvokeModel => upstream::read_request(&body)?,
    };
    let there = (model.id.as_str(), stream);
    let prepared = upstream::prepare(language(speaks), translated, Some(model), there, terms)?;
    let betas = prepared.asked.betas.iter().flat_map(|betas| betas.split(',')).map(str::to_owned).collect();
    Ok(Sent { body: prepared.asked.body, betas })
}

fn relayed(
    client: Api,
    speaks: Api,
    model: &Model,
    written: &Value,
    stream: bool,
    terms: &Terms<'_>,
) -> Result<Sent, RequestError> {
    let mut written = written.clone();
    if client == Api::InvokeModel {
        let body = serde_json::to_vec(&written).unwrap();
        let asked = upstream::invoked(language(speaks), &body, &model.id, stream)?;
        return Ok(Sent { body: asked.body, betas: Vec::new() });
    }
    if stream {
        written["stream"] = true.into();
    }
    let dialect = match client {
        Api::Responses => Dialect::Responses,
        Api::Messages => Dialect::Messages,
        _ => Dialect::ChatCompletions,
    };
    let body = Bytes::from(serde_json::to_vec(&written).unwrap());
    let there = (model.id.as_str(), stream);
    let request = relayed::request_to(Some(model), dialect, &body, &Members::read(&body)?, there, terms)?;
    Ok(Sent { body: request.body.to_vec(), betas: Vec::new() })
}

/// The members that hold the conversation.
fn what_is_said(body: &Value) -> Vec<&Value> {
    ["messages", "input", "instructions", "system", "tools"].iter().map(|name| &body[*name]).collect()
}
