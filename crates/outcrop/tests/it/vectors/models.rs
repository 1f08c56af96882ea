//! What a model can do, against the catalog.

use std::sync::Arc;

use outcrop_catalog::{Catalog, Context, Model, ReasoningMode, Resolution, ResolveError, Surface};
use serde_json::Value;

use super::{Verdict, same};

/// The resolution of a name; of one that is no Bedrock id, that of the first id that Outcrop suggests.
pub fn resolved(name: &str, region: &str) -> Option<Resolution> {
    let context = Context { region: region.to_owned() };
    match Catalog::built_in().resolve(name, &context) {
        Ok(resolution) => Some(resolution),
        Err(error @ ResolveError::Unknown { .. }) => suggested(error.hint()?, &context),
        Err(ResolveError::Residency(_)) => None,
    }
}

fn suggested(sentence: &str, context: &Context) -> Option<Resolution> {
    let first = sentence.strip_prefix("did you mean ")?.trim_end_matches('?').split(" or ").next()?;
    Catalog::built_in().resolve(first, context).ok()
}

/// The model behind a name, as [`resolved`]; of an id that nothing knows, that of the first id that Outcrop suggests.
pub fn meant(name: &str) -> Option<Arc<Model>> {
    let resolution = resolved(name, "us-east-1")?;
    let context = Context { region: "us-east-1".to_owned() };
    let nearest = || resolution.notices.iter().find_map(|notice| suggested(notice, &context))?.model;
    resolution.model.clone().or_else(nearest)
}

const MILLION: u64 = 1_000_000;

/// LibreChat keeps a few tokens back and counts some windows in powers of two: both are the same window.
fn same_window(ours: Option<u64>, theirs: Option<u64>) -> Verdict {
    let near = ours.zip(theirs).is_some_and(|(ours, theirs)| ours.abs_diff(theirs) * 20 <= ours);
    if near { Ok(()) } else { same("contextTokens", &ours, &theirs) }
}

/// LibreChat's questions about a name, answered by the catalog's facts: adaptive thinking, always-on thinking, sampling that is
/// refused, a window of a million tokens, prompt caching.
pub fn predicate(row: &Value) -> Verdict {
    let question = row["fn"].as_str().expect("a name");
    let name = row["input"][0].as_str().unwrap_or_default();
    let Some(model) = meant(name) else {
        // Nothing is known, so nothing is claimed.
        return same(question, &Value::Bool(false), &row["expected"]);
    };
    let answer = match question {
        "isMythosClassModel" => always_thinks(&model),
        "supportsAdaptiveThinking" => takes_adaptive(&model),
        "omitsSamplingParameters" => refuses_sampling(&model),
        "supportsContext1m" => model.limits.context_tokens.is_some_and(|tokens| tokens >= MILLION),
        "supportsPromptCache" => model.capabilities.prompt_caching.as_ref().is_some_and(|it| it.supported),
        other => return Err(format!("{other}: a default of LibreChat's user interface")),
    };
    same(&format!("{question}({name} = {})", model.id), &Value::Bool(answer), &row["expected"])
}

fn always_thinks(model: &Model) -> bool {
    model.capabilities.reasoning.as_ref().is_some_and(|reasoning| reasoning.always_on)
}

pub fn takes_adaptive(model: &Model) -> bool {
    let mode = model.capabilities.reasoning.as_ref().map(|reasoning| reasoning.mode);
    matches!(mode, Some(ReasoningMode::Adaptive | ReasoningMode::BudgetOrAdaptive))
}

fn refuses_sampling(model: &Model) -> bool {
    model.parameters.temperature.as_ref().is_some_and(|rule| !rule.allowed)
}

/// Adaptive and always-on thinking, sampling and the context window, within a twentieth. Prices and output limits are not LibreChat's to say
/// (D6, D7 of its recorded defects).
pub fn matrix(row: &Value) -> Verdict {
    let name = row["model"].as_str().expect("an id");
    let model = meant(name);
    let fact = |of: &dyn Fn(&Model) -> bool| model.as_deref().is_some_and(of);
    same("adaptive", &fact(&takes_adaptive), &(row["adaptive"] == true))?;
    same("mythos", &fact(&always_thinks), &(row["mythos"] == true))?;
    same("omitsSampling", &fact(&refuses_sampling), &(row["omitsSampling"] == true))?;
    let window = model.as_ref().and_then(|model| model.limits.context_tokens);
    same_window(window, row["contextTokens"].as_u64())
}

/// The context window, within a twentieth.
pub fn token_limit(row: &Value) -> Verdict {
    let name = row["input"][0].as_str().expect("an id");
    if row["fn"] != "getModelMaxTokens" {
        return Err("a key of LibreChat's own tables".to_owned());
    }
    let window = meant(name).and_then(|model| model.limits.context_tokens);
    same_window(window, row["expected"].as_u64())
}

/// Which models the mantle endpoint serves.
pub fn mantle(row: &Value) -> Verdict {
    if row["fn"] != "isMantleModel" {
        return Err("how LibreChat sets up its own client of bedrock-mantle; Outcrop has the paths from the catalog and makes its own keys".to_owned());
    }
    let name = row["input"].as_str().unwrap_or_default();
    let is_mantle = meant(name).is_some_and(|model| model.surface() == Surface::Mantle);
    same("mantle", &is_mantle, &(row["expected"] == true))
}

/// The geography a Region's profiles have, the profile of a model from a Region, and a context suffix. The result is held against what AWS
/// does where the row says so, else against the other system's.
pub fn myia(row: &Value) -> Verdict {
    match row["fn"].as_str().expect("a name") {
        "getRegionPrefix" => {
            let region = row["input"].as_str().expect("a Region");
            let catalog = Catalog::built_in();
            let regional = |it: &str| it != "global";
            let ours: std::collections::BTreeSet<&str> = catalog
                .system_profiles()
                .filter(|profile| profile.destinations(region).is_some())
                .map(|profile| profile.geography.as_str())
                .filter(|geography| regional(geography))
                .collect();
            let correct = row["aws_correct"].as_str().unwrap_or_default();
            let fits = match correct.strip_prefix("no such prefix") {
                Some(_) => ours.is_empty(),
                None => ours.iter().any(|geography| correct.split([' ', ',']).any(|word| word == *geography)),
            };
            if fits { Ok(()) } else { Err(format!("prefixes from {region}: {ours:?}, theirs {correct}")) }
        }
        "getInferenceProfileId" => {
            let (model, region) =
                (&row["input"]["model"], row["input"]["region"].as_str().unwrap_or_default());
            let ours =
                resolved(model.as_str().unwrap_or_default(), region).map(|it| it.target).unwrap_or_default();
            match row["aws_correct"].as_str() {
                None => {
                    same("profile", &ours.as_str(), &row["reference_result"].as_str().unwrap_or_default())
                }
                Some(correct) => {
                    let mut allowed = correct.split([' ', '(']).filter(|word| word.ends_with('.')).peekable();
                    let fits = match allowed.peek() {
                        Some(_) => allowed.any(|prefix| ours.starts_with(prefix)),
                        None => !ours.ends_with("256k"),
                    };
                    if fits { Ok(()) } else { Err(format!("{ours}, theirs {correct}")) }
                }
            }
        }
        "normalizeModelId" => {
            let ours = resolved(row["input"].as_str().unwrap_or_default(), "us-east-1").map(|it| it.target);
            let ours = ours.unwrap_or_default();
            let bare = row["reference_result"].as_str().unwrap_or_default();
            if ours.ends_with(bare) { Ok(()) } else { Err(format!("{ours} is called, theirs {bare}")) }
        }
        other => Err(format!("{other}: AWS's own names are kept")),
    }
}
