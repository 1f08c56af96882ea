//! Sampling parameters: which a model takes, within which range, and where.

use outcrop_catalog::ParameterRule;
use outcrop_catalog::model::WhileReasoning;
use serde::Serialize;

use super::lessons::refuses_both;
use super::{Draft, Family};

/// Temperature and top_p by the model's rules; where both may not be sent together, temperature stays.
///
/// Sources: `bedrock.md` §2.1 (0 to 1 on Converse; OpenAI's clients go up to 2), §6.1, and the error texts in §5.
pub(super) fn fit_temperature_and_top_p(draft: &mut Draft<'_>) {
    let refused = refuses_both(draft);
    let Some(model) = draft.model else { return drop_top_p(draft, refused) };
    let parameters = &model.parameters;
    let temperature = draft.config.temperature;
    draft.config.temperature = fit(draft, "temperature", temperature, parameters.temperature.as_ref());
    let conflict = parameters.conflicts.iter().any(|group| {
        group.iter().any(|name| name == "temperature") && group.iter().any(|name| name == "topP")
    });
    drop_top_p(draft, conflict || refused);
    let top_p = draft.config.top_p;
    draft.config.top_p = fit(draft, "top_p", top_p, parameters.top_p.as_ref());
}

/// Beside a temperature, where the model takes one of the two only.
fn drop_top_p(draft: &mut Draft<'_>, conflict: bool) {
    if conflict && draft.config.temperature.is_some() && draft.config.top_p.take().is_some() {
        let asked = ("set beside `temperature`", "one of the two only");
        let done = "this model takes temperature or top_p, not both; temperature stays";
        draft.misfit("dropped", "top_p", asked, done);
    }
}

/// The value the model takes for the one asked for; `None` when it takes none.
fn fit(
    draft: &mut Draft<'_>,
    name: &'static str,
    asked: Option<f64>,
    rule: Option<&ParameterRule>,
) -> Option<f64> {
    let asked = asked?;
    let unknown = ParameterRule { allowed: true, ..ParameterRule::default() };
    let rule = rule.unwrap_or(&unknown);
    if !rule.allowed {
        draft.misfit("dropped", name, (asked, "none"), "the model does not take it");
        return None;
    }
    if let Some(while_reasoning) = rule.while_reasoning.filter(|_| draft.is_thinking()) {
        return fit_while_reasoning(draft, name, asked, while_reasoning);
    }
    // Converse's own range, where the model has no narrower one.
    let (least, most) = (rule.min.unwrap_or(0.0), rule.max.unwrap_or(1.0));
    let fitted = asked.max(least).min(most);
    if fitted != asked {
        let allowed = format!("{least} to {most}");
        let done = format!("{asked} → {fitted}: {allowed} is possible");
        draft.misfit("clamped", name, (asked, &allowed), done);
    }
    Some(fitted)
}

fn fit_while_reasoning(
    draft: &mut Draft<'_>,
    name: &'static str,
    asked: f64,
    rule: WhileReasoning,
) -> Option<f64> {
    match rule {
        WhileReasoning::Only(value) if asked == value => Some(asked),
        WhileReasoning::AtLeast(least) if (least..=1.0).contains(&asked) => Some(asked),
        WhileReasoning::AtLeast(least) if asked > 1.0 => {
            let allowed = format!("{least} to 1 while it reasons");
            let done = format!("{asked} → 1: {least} to 1 is possible while the model reasons");
            draft.misfit("clamped", name, (asked, &allowed), done);
            Some(1.0)
        }
        WhileReasoning::AtLeast(least) => {
            let allowed = format!("{least} or more while it reasons");
            let done = format!("{asked} → {least}: the least possible while the model reasons");
            draft.misfit("clamped", name, (asked, &allowed), done);
            Some(least)
        }
        WhileReasoning::Only(value) => {
            let allowed = format!("only {value} while it reasons");
            let done = format!("only {value} is possible while the model reasons");
            draft.misfit("dropped", name, (asked, &allowed), done);
            None
        }
        WhileReasoning::Rejected => {
            let allowed = "none while it reasons";
            draft.misfit("dropped", name, (asked, allowed), "not possible while the model reasons");
            None
        }
    }
}

/// `top_k` in the family's native place; Converse has none.
///
/// Source: `bedrock.md` §6.2 (Nova: `inferenceConfig.topK`); the models' native request formats for the others.
pub(super) fn place_top_k(draft: &mut Draft<'_>) {
    let Some(top_k) = draft.intent.top_k.take() else { return };
    let rule = draft.model.and_then(|model| model.parameters.top_k.as_ref());
    if rule.is_some_and(|rule| !rule.allowed) {
        return draft.misfit("dropped", "top_k", (top_k, "none"), "the model does not take it");
    }
    if draft.is_thinking() && rule.is_some_and(|rule| rule.while_reasoning == Some(WhileReasoning::Rejected))
    {
        let allowed = "none while it reasons";
        return draft.misfit("dropped", "top_k", (top_k, allowed), "not possible while the model reasons");
    }
    let top_k = fit_top_k(draft, top_k, rule);
    match draft.family() {
        Family::Nova => draft.fields.set("inferenceConfig", &NovaInferenceConfig { top_k }),
        Family::Cohere => draft.fields.set("k", &top_k),
        Family::Anthropic | Family::Mistral | Family::Unknown => draft.fields.set("top_k", &top_k),
        Family::Other if rule.is_some() => draft.fields.set("top_k", &top_k),
        Family::Other => {
            let allowed = "none that the catalog knows of";
            let done = "the catalog does not know where this model takes it";
            draft.misfit("dropped", "top_k", (top_k, allowed), done);
        }
    }
}

fn fit_top_k(draft: &mut Draft<'_>, asked: u32, rule: Option<&ParameterRule>) -> u32 {
    let bound = |value: Option<f64>, otherwise| value.map_or(otherwise, |value| value as u32);
    let least = bound(rule.and_then(|rule| rule.min), 0);
    let most = bound(rule.and_then(|rule| rule.max), u32::MAX);
    let fitted = asked.max(least).min(most);
    if fitted != asked {
        let allowed = format!("{least} to {most}");
        let done = format!("{asked} → {fitted}: {allowed} is possible");
        draft.misfit("clamped", "top_k", (asked, &allowed), done);
    }
    fitted
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaInferenceConfig {
    top_k: u32,
}

/// Stop sequences: none where the model refuses them, no more than it takes, no empty ones; Claude is asked to say which
/// of them it met.
///
/// Sources: `bedrock.md` §2.5 and §5 ("This model doesn't support the stopSequences field"), §2.1; Converse API
/// reference, `additionalModelResponseFieldPaths`.
pub(super) fn fit_stop_sequences(draft: &mut Draft<'_>) {
    draft.config.stop_sequences.retain(|sequence| !sequence.is_empty());
    if draft.config.stop_sequences.is_empty() {
        return;
    }
    let rule = draft.model.and_then(|model| model.parameters.stop_sequences.as_ref());
    if rule.is_some_and(|rule| !rule.allowed) {
        let sequences = std::mem::take(&mut draft.config.stop_sequences);
        let asked = (format!("{sequences:?}"), "none");
        return draft.misfit("dropped", "stop", asked, "the model does not take stop sequences");
    }
    let most = rule.and_then(|rule| rule.max).map_or(usize::MAX, |max| max as usize);
    let asked = draft.config.stop_sequences.len();
    if asked > most {
        draft.config.stop_sequences.truncate(most);
        let done = format!("the model takes {most} stop sequences, the first ones stay");
        draft.misfit("clamped", "stop", (format!("{asked} sequences"), &format!("{most} at most")), done);
    }
    if draft.family() == Family::Anthropic {
        draft.request.additional_model_response_field_paths.push("/stop_sequence".to_owned());
    }
}
