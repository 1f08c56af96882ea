//! Reasoning: how it is asked for, what goes with it, and what must come back unchanged.

use outcrop_catalog::ReasoningMode;
use outcrop_wire::bedrock::{ContentBlock, Message, ReasoningContent, Role, ToolChoice};
use serde_json::Value;

use super::{Case, Verdict};
use crate::actor;
use crate::prompt::Thinking;

pub(super) fn check(case: Case<'_>) -> Verdict {
    effort_is_known(case)?;
    if !is_asked_for_as_claude_is(case) {
        return Ok(());
    }
    thinking_has_no_extra_inputs(case)?;
    mode_is_taken(case)?;
    budget_fits(case)?;
    if case.prompt.thinking.is_on() {
        sampling_goes_with_thinking(case)?;
        tools_are_not_forced(case)?;
    }
    reasoning_is_unchanged(&case.prompt.request.messages, case)?;
    tool_loop_keeps_its_reasoning(&case.prompt.request.messages, case)
}

/// Whether reasoning is asked for by `thinking` (the reasoning modes of Claude).
fn is_asked_for_as_claude_is(case: Case<'_>) -> bool {
    use ReasoningMode::{Adaptive, Budget, BudgetOrAdaptive};
    case.reasoning_mode().is_some_and(|mode| matches!(mode, Budget | BudgetOrAdaptive | Adaptive))
}

/// `outputConfig.effort`, or the same in Claude's own body, is one of the levels in the catalog. The words are ours, in
/// Anthropic's style.
fn effort_is_known(case: Case<'_>) -> Verdict {
    let own = case.prompt.fields.pointer("/output_config/effort").and_then(Value::as_str);
    let config = case.prompt.request.output_config.as_ref();
    let asked = config.and_then(|config| config.effort.as_deref()).or(own);
    let reasoning = case.model.and_then(|model| model.capabilities.reasoning.as_ref());
    let known = reasoning.map_or(&[][..], |reasoning| &reasoning.efforts);
    match asked {
        Some(asked) if !known.is_empty() && !known.iter().any(|level| level == asked) => {
            let levels: Vec<String> = known.iter().map(|level| format!("'{level}'")).collect();
            let levels = levels.join(", ");
            Err(case.model_says(format!("output_config.effort: Input should be one of {levels}")))
        }
        _ => Ok(()),
    }
}

/// Source: reference `bedrock.md` §5 (`thinking.adaptive.budget_tokens: Extra inputs are not permitted`); unknown types in
/// the form that was recorded for tools.
fn thinking_has_no_extra_inputs(case: Case<'_>) -> Verdict {
    let Some(thinking) = case.prompt.fields.get("thinking").and_then(Value::as_object) else { return Ok(()) };
    let kind = thinking.get("type").and_then(Value::as_str);
    let known: &[&str] = match kind {
        Some("enabled") => &["type", "budget_tokens", "display"],
        Some("adaptive") => &["type", "display"],
        Some("disabled") => &["type"],
        Some(other) => {
            return Err(case.model_says(format!(
                "thinking: Input tag '{other}' found using 'type' does not match any of the expected tags: 'adaptive', \
                 'disabled', 'enabled'"
            )));
        }
        None => return Err(case.model_says("thinking.type: Field required")),
    };
    let kind = kind.unwrap_or_default();
    match thinking.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(case.model_says(format!("thinking.{kind}.{name}: Extra inputs are not permitted"))),
        None => Ok(()),
    }
}

/// Source: public reports (reference `bedrock.md` §5); that always-on models refuse `disabled` in the same form is ours.
fn mode_is_taken(case: Case<'_>) -> Verdict {
    let mode = case.reasoning_mode();
    let always_on = case
        .model
        .and_then(|model| model.capabilities.reasoning.as_ref())
        .is_some_and(|reasoning| reasoning.always_on);
    match case.prompt.thinking {
        Thinking::Budget(_) if mode == Some(ReasoningMode::Adaptive) => Err(case.model_says(
            "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \
             \"output_config.effort\" to control thinking behavior.",
        )),
        Thinking::Adaptive if mode == Some(ReasoningMode::Budget) => {
            Err(case.model_says("adaptive thinking is not supported on this model"))
        }
        Thinking::Off if always_on => {
            Err(case.model_says("\"thinking.type.disabled\" is not supported for this model."))
        }
        _ => Ok(()),
    }
}

/// Source: public reports (reference `bedrock.md` §6.1; LibreChat#8346).
fn budget_fits(case: Case<'_>) -> Verdict {
    /// Claude's, where the catalog does not say.
    const LEAST: u64 = 1024;
    let Thinking::Budget(budget) = case.prompt.thinking else { return Ok(()) };
    let reasoning = case.model.and_then(|model| model.capabilities.reasoning.as_ref());
    let least = reasoning.and_then(|reasoning| reasoning.min_budget).map_or(LEAST, u64::from);
    let Some(budget) = budget else {
        return Err(case.model_says("thinking.enabled.budget_tokens: Field required"));
    };
    if budget < least {
        return Err(case.model_says(format!(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to {least}"
        )));
    }
    if case.prompt.max_tokens().is_some_and(|max_tokens| budget >= max_tokens) {
        return Err(case.model_says(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at \
             https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size",
        ));
    }
    Ok(())
}

/// Source: reference `bedrock.md` §5 for the temperature; Anthropic's wording for the others.
fn sampling_goes_with_thinking(case: Case<'_>) -> Verdict {
    /// Below, the model would hardly think.
    const LEAST_TOP_P: f64 = 0.95;
    let config = case.prompt.request.inference_config.as_ref();
    if config.and_then(|config| config.temperature).is_some_and(|temperature| temperature != 1.0) {
        return Err(case
            .model_says("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."));
    }
    if config.and_then(|config| config.top_p).is_some_and(|top_p| top_p < LEAST_TOP_P) {
        return Err(case.model_says(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode.",
        ));
    }
    if case.prompt.fields.get("top_k").is_some() {
        return Err(case.model_says("`top_k` must be unset when thinking is enabled or in adaptive mode."));
    }
    Ok(())
}

/// Source: public reports (pydantic/pydantic-ai#3092).
fn tools_are_not_forced(case: Case<'_>) -> Verdict {
    match case.prompt.tool_choice() {
        Some(ToolChoice::Any(_) | ToolChoice::Tool(_)) => {
            Err(case.model_says("Thinking may not be enabled when tool_choice forces tool use."))
        }
        _ => Ok(()),
    }
}

/// Reasoning must come back as the model wrote it. That of real models cannot be checked here and is taken when it looks
/// like theirs; the emulator's own is checked. Source: Anthropic's wording.
fn reasoning_is_unchanged(messages: &[Message], case: Case<'_>) -> Verdict {
    for (n, message) in messages.iter().enumerate() {
        for (m, block) in message.content.iter().enumerate() {
            let ContentBlock::Reasoning(reasoning) = block else { continue };
            let text = match reasoning {
                ReasoningContent::Text(thought) => match &thought.signature {
                    None => format!("messages.{n}.content.{m}.thinking.signature: Field required"),
                    Some(signature) if actor::is_genuine(&thought.text, signature) => continue,
                    Some(_) => format!("messages.{n}.content.{m}: Invalid `signature` in `thinking` block"),
                },
                ReasoningContent::Redacted(data) if !actor::is_genuine_redacted(data) => {
                    format!("messages.{n}.content.{m}: Invalid `data` in `redacted_thinking` block")
                }
                _ => continue,
            };
            return Err(case.model_says(text));
        }
    }
    Ok(())
}

/// While a tool is being used, the reasoning that asked for it must stand before it. Source: Anthropic's wording; not asked
/// of models that decide themselves whether to think.
fn tool_loop_keeps_its_reasoning(messages: &[Message], case: Case<'_>) -> Verdict {
    if !matches!(case.prompt.thinking, Thinking::Budget(_)) {
        return Ok(());
    }
    let [.., asking, answering] = messages else { return Ok(()) };
    let answers_tools = answering.content.iter().any(|block| matches!(block, ContentBlock::ToolResult(_)));
    let begins_with = match asking.content.first() {
        Some(ContentBlock::ToolUse(_)) => "tool_use",
        Some(ContentBlock::Text(_)) => "text",
        _ => return Ok(()),
    };
    if !answers_tools || asking.role != Role::Assistant {
        return Ok(());
    }
    let n = messages.len() - 2;
    Err(case.model_says(format!(
        "messages.{n}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{begins_with}`. When `thinking` \
         is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of \
         `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To avoid this \
         requirement, disable `thinking`. Please consult our documentation at \
         https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
    )))
}
