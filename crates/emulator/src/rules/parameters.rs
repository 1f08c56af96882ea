//! Numbers and members beside the conversation, where the model decides. What the service's own model says of them
//! (ranges, lengths, patterns, words) is checked before, in [`crate::service`].

use outcrop_catalog::Beta;
use serde_json::Value;

use super::{Case, Verdict, unsupported_field};
use crate::dialect::prompted::extraneous_key;
use crate::failure::Failure;

pub(super) fn check(case: Case<'_>) -> Verdict {
    additional_fields_are_known(case)?;
    betas_are_taken(case)?;
    schemas_are_enforced(case)?;
    stop_sequences_are_taken(case)?;
    max_tokens_are_within_the_model(case)?;
    sampling_is_taken(case)
}

/// Members for the model alone that the model does not know. Claude: `NAME: Extra inputs are not permitted` (public
/// reports); Nova: `extraneous key` (recorded for another member).
fn additional_fields_are_known(case: Case<'_>) -> Verdict {
    /// Nova's own members (reference `bedrock.md` §6.2) and those of its body.
    const NOVA: [&str; 6] =
        ["inferenceConfig", "reasoningConfig", "schemaVersion", "system", "toolConfig", "messages"];
    /// The same, by the name that is taken as well (recorded), and OpenAI's, which many gateways send to every model.
    const CLAUDE_TOO: [&str; 1] = ["reasoning_config"];
    let Some(fields) = case.prompt.fields.as_object().filter(|_| case.is_converse()) else { return Ok(()) };
    for name in fields.keys() {
        let is_known = |known: &[&str]| known.contains(&name.as_str());
        if case.is_claude() && !is_known(crate::dialect::claude::MEMBERS) && !is_known(&CLAUDE_TOO) {
            return Err(case.model_says(format!("{name}: Extra inputs are not permitted")));
        }
        if case.is_nova() && !is_known(&NOVA) {
            return Err(case.model_says(extraneous_key(name).error.message));
        }
    }
    Ok(())
}

/// Beta features that the data say the model does not take there. AWS does not say which it was (public reports, reference
/// `peers.md` 16); of one that the data do not know, nobody knows, and it passes.
fn betas_are_taken(case: Case<'_>) -> Verdict {
    let Some(model) = case.model.filter(|_| case.is_claude()) else { return Ok(()) };
    let named = case.prompt.fields.get("anthropic_beta").and_then(Value::as_array);
    let refuses = |beta: &str| match model.betas.get(beta) {
        Some(Beta::Refused | Beta::Renamed(_)) => true,
        Some(Beta::InvokeOnly) => case.is_converse(),
        Some(Beta::Accepted) | None => false,
    };
    match named.into_iter().flatten().filter_map(Value::as_str).any(refuses) {
        true => Err(case.model_says("invalid beta flag")),
        false => Ok(()),
    }
}

/// A form of the answer that the model does not keep. Source: reference `peers.md` (`output_config.format: Extra inputs are
/// not permitted`); AWS's user guide, "claude-messages-structured-outputs" (400 on mantle); OpenAI's own words for theirs.
fn schemas_are_enforced(case: Case<'_>) -> Verdict {
    let refuses = case.model.is_some_and(|model| model.capabilities.structured_output == Some(false));
    if !refuses || case.is_converse() || case.prompt.answer_schema.is_none() {
        return Ok(());
    }
    Err(case.model_says(match case.is_claude() {
        true => "output_config.format: Extra inputs are not permitted",
        false => {
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        }
    }))
}

/// Models without stop sequences. Source: reference `bedrock.md` §5.
fn stop_sequences_are_taken(case: Case<'_>) -> Verdict {
    let rule = case.model.and_then(|model| model.parameters.stop_sequences.as_ref());
    let (sent, Some(rule)) = (case.prompt.stop_sequences().len(), rule) else { return Ok(()) };
    if sent > 0 && !rule.allowed {
        return Err(unsupported_field("stopSequences"));
    }
    match rule.max {
        // Our words.
        Some(most) if sent as f64 > most => Err(case.model_says(format!(
            "stop_sequences: List should have at most {most} items after validation, not {sent}"
        ))),
        _ => Ok(()),
    }
}

/// Source: public reports (reference `bedrock.md` §5; wording approximate there); the minimum in OpenAI's wording.
fn max_tokens_are_within_the_model(case: Case<'_>) -> Verdict {
    let Some(asked) = case.prompt.max_tokens() else { return Ok(()) };
    if let Some(least) = case.quirks.least_max_tokens.filter(|least| asked < *least) {
        return Err(case.model_says(format!(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {least}, but got {asked} instead."
        )));
    }
    match case.model.and_then(|model| model.limits.max_output_tokens) {
        Some(limit) if asked > limit => Err(Failure::validation(format!(
            "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens value \
             lower than {limit}."
        ))),
        _ => Ok(()),
    }
}

/// Parameters that the model no longer takes, and those of which it takes one at most.
/// Source: public reports (reference `bedrock.md` §5, §6.1).
fn sampling_is_taken(case: Case<'_>) -> Verdict {
    let Some(model) = case.model else { return Ok(()) };
    let config = case.prompt.request.inference_config.as_ref();
    let rules = &model.parameters;
    let sent = [
        ("temperature", "temperature", config.is_some_and(|it| it.temperature.is_some()), &rules.temperature),
        ("topP", "top_p", config.is_some_and(|it| it.top_p.is_some()), &rules.top_p),
        ("topK", "top_k", case.prompt.fields.get("top_k").is_some(), &rules.top_k),
    ];
    for (_, name, is_sent, rule) in sent {
        if is_sent && rule.as_ref().is_some_and(|rule| !rule.allowed) {
            return Err(case.model_says(format!("`{name}` is deprecated for this model.")));
        }
    }
    let is_sent = |member: &String| sent.iter().any(|(name, _, is_sent, _)| name == member && *is_sent);
    if rules.conflicts.iter().any(|group| group.iter().filter(|member| is_sent(member)).count() > 1) {
        return Err(case.model_says(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    Ok(())
}
