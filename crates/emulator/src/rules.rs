//! Rules of the real service, one function each, with its words and where they are known from.
//!
//! On `Converse` what the model itself refuses comes with a prefix (recorded); on `InvokeModel` it comes bare. Rules that
//! depend on the model ask the catalog; what the catalog does not know is not refused.

use outcrop_catalog::{Model, ReasoningMode};
use outcrop_wire::bedrock::{
    CachePoint, ContentBlock, InferenceConfig, Message, ReasoningContent, Role, ToolChoice,
};

use crate::actor;
use crate::cache;
use crate::failure::Failure;
use crate::prompt::{Prompt, Thinking};

/// Where a question came in; it decides the words of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// `Converse`, `ConverseStream`.
    Converse,
    /// `InvokeModel` with the model's own body.
    Invoke,
}

type Verdict = Result<(), Failure>;

/// Checks a question against all rules; the first that is broken answers.
pub(crate) fn check(prompt: &Prompt, model: Option<&Model>, surface: Surface) -> Verdict {
    let messages = prompt.request.messages.as_slice();
    has_messages(messages, surface)?;
    has_no_empty_message(messages)?;
    has_no_blank_text(messages, surface)?;
    tools_in_history_are_configured(prompt, surface)?;
    tool_results_answer_tool_uses(messages, surface)?;
    if let Some(config) = &prompt.request.inference_config {
        numbers_are_in_range(config, surface)?;
    }
    if let Some(model) = model {
        model_takes_the_blocks(messages, model, surface)?;
        model_takes_tools(prompt, model, surface)?;
        max_tokens_are_within_the_model(prompt, model)?;
        model_takes_the_sampling(prompt, model, surface)?;
        cache_points_are_few_and_in_order(prompt, model, surface)?;
        model_can_be_forced(prompt, model, surface)?;
        effort_is_known(prompt, model, surface)?;
        if is_claude_style(model) {
            thinking_is_well_formed(prompt, model, surface)?;
            reasoning_is_unchanged(messages, surface)?;
        }
    }
    Ok(())
}

/// What the model refuses itself.
fn model_says(surface: Surface, text: impl AsRef<str>) -> Failure {
    match surface {
        Surface::Converse => {
            Failure::validation(format!("The model returned the following errors: {}", text.as_ref()))
        }
        Surface::Invoke => Failure::validation(text.as_ref()),
    }
}

/// Whether reasoning is asked for by `thinking` (the reasoning modes of Claude).
fn is_claude_style(model: &Model) -> bool {
    use ReasoningMode::{Adaptive, Budget, BudgetOrAdaptive};
    model
        .capabilities
        .reasoning
        .as_ref()
        .is_some_and(|r| matches!(r.mode, Budget | BudgetOrAdaptive | Adaptive))
}

/// Source: public reports of Converse; Anthropic's wording on InvokeModel. A conversation that merely starts with the
/// assistant is taken (recorded), whatever the words say; that one without any user message is not is our reading.
fn has_messages(messages: &[Message], surface: Surface) -> Verdict {
    match surface {
        Surface::Invoke if messages.is_empty() => {
            Err(Failure::validation("messages: at least one message is required"))
        }
        Surface::Converse if messages.iter().all(|message| message.role != Role::User) => {
            Err(Failure::validation(
                "A conversation must start with a user message. Try again with a conversation that starts with a user \
                 message.",
            ))
        }
        _ => Ok(()),
    }
}

/// Source: public reports (archestra-ai/archestra#4220).
fn has_no_empty_message(messages: &[Message]) -> Verdict {
    match messages.iter().position(|message| message.content.is_empty()) {
        Some(n) => Err(Failure::validation(format!(
            "The content field in the Message object at messages.{n} is empty. Add a ContentBlock object to the content \
             field and try again."
        ))),
        None => Ok(()),
    }
}

/// Empty or blanks alone. Source: public reports (OpenHands#5339; on InvokeModel bolt.new#7426). A lone line break is
/// taken (recorded).
fn has_no_blank_text(messages: &[Message], surface: Surface) -> Verdict {
    for (n, message) in messages.iter().enumerate() {
        for (m, block) in message.content.iter().enumerate() {
            let ContentBlock::Text(text) = block else { continue };
            if !text.trim_matches(' ').is_empty() {
                continue;
            }
            return Err(match surface {
                Surface::Converse => Failure::validation(format!(
                    "The text field in the ContentBlock object at messages.{n}.content.{m} is blank. Add text to the text \
                     field, and try again."
                )),
                Surface::Invoke => Failure::validation("messages: text content blocks must be non-empty"),
            });
        }
    }
    Ok(())
}

/// Source: public reports (dify#17545, bedrock-access-gateway#239). InvokeModel has no such rule.
fn tools_in_history_are_configured(prompt: &Prompt, surface: Surface) -> Verdict {
    let is_tool =
        |block: &ContentBlock| matches!(block, ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_));
    let in_history = prompt.request.messages.iter().any(|message| message.content.iter().any(is_tool));
    if surface == Surface::Converse && in_history && prompt.request.tool_config.is_none() {
        return Err(Failure::validation(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    Ok(())
}

/// Every tool use is answered in the next message, and nothing else is answered.
/// Source: public reports (pydantic-ai#2327, camel#3954); Anthropic's wording on InvokeModel.
fn tool_results_answer_tool_uses(messages: &[Message], surface: Surface) -> Verdict {
    let mut asked: Vec<&str> = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        let answered: Vec<&str> = message.content.iter().filter_map(result_id).collect();
        let missing: Vec<&str> = asked.iter().filter(|id| !answered.contains(id)).copied().collect();
        if !missing.is_empty() {
            return Err(missing_results(n, &missing, surface));
        }
        if let Some(orphan) = answered.iter().find(|id| !asked.contains(id)) {
            return Err(orphan_result(n, orphan, surface));
        }
        asked = message.content.iter().filter_map(use_id).collect();
    }
    Ok(())
}

fn use_id(block: &ContentBlock) -> Option<&str> {
    match block {
        ContentBlock::ToolUse(call) if call.tool_type.as_deref() != Some("server_tool_use") => {
            Some(&call.tool_use_id)
        }
        _ => None,
    }
}

fn result_id(block: &ContentBlock) -> Option<&str> {
    match block {
        // Results of tools that Bedrock ran itself have a type, and stand beside their call (recorded).
        ContentBlock::ToolResult(result) if result.tool_type.is_none() => Some(&result.tool_use_id),
        _ => None,
    }
}

fn missing_results(n: usize, missing: &[&str], surface: Surface) -> Failure {
    let ids = missing.join(", ");
    match surface {
        Surface::Converse => Failure::validation(format!(
            "Expected toolResult blocks at messages.{n}.content for the following Ids: {ids}"
        )),
        Surface::Invoke => Failure::validation(format!(
            "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each `tool_use` \
             block must have a corresponding `tool_result` block in the next message.",
            n.saturating_sub(1)
        )),
    }
}

fn orphan_result(n: usize, id: &str, surface: Surface) -> Failure {
    match surface {
        Surface::Converse => Failure::validation(format!(
            "The number of toolResult blocks at messages.{n}.content exceeds the number of toolUse blocks of previous turn."
        )),
        Surface::Invoke => Failure::validation(format!(
            "messages.{n}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have \
             a corresponding `tool_use` block in the previous message."
        )),
    }
}

/// The ranges of the service model (botocore: maxTokens ≥ 1, temperature and topP 0 to 1), in the wording AWS services
/// share. On InvokeModel the ranges are the model's own affair.
fn numbers_are_in_range(config: &InferenceConfig, surface: Surface) -> Verdict {
    if surface == Surface::Invoke {
        return Ok(());
    }
    let broken = |value: String, member: &str, rule: &str| {
        Err(Failure::validation(format!(
            "1 validation error detected: Value '{value}' at 'inferenceConfig.{member}' failed to satisfy constraint: Member \
             must have value {rule}"
        )))
    };
    if config.max_tokens == Some(0) {
        return broken("0".to_owned(), "maxTokens", "greater than or equal to 1");
    }
    for (member, value) in [("temperature", config.temperature), ("topP", config.top_p)] {
        match value {
            Some(value) if value > 1.0 => {
                return broken(value.to_string(), member, "less than or equal to 1");
            }
            Some(value) if value < 0.0 => {
                return broken(value.to_string(), member, "greater than or equal to 0");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Source: recorded for a video and Claude; the same words for the other kinds. On InvokeModel the body says it its own way.
fn model_takes_the_blocks(messages: &[Message], model: &Model, surface: Surface) -> Verdict {
    let takes = &model.capabilities;
    let refused = messages.iter().flat_map(|message| &message.content).find_map(|block| match block {
        ContentBlock::Image(_) if takes.images == Some(false) => Some("image"),
        ContentBlock::Document(_) if takes.documents == Some(false) => Some("document"),
        ContentBlock::Video(_) if takes.video == Some(false) => Some("video"),
        _ => None,
    });
    match refused {
        Some(kind) if surface == Surface::Converse => Err(Failure::validation(format!(
            "This model doesn't support the {kind} content block that you provided. Update the content block and try again."
        ))),
        _ => Ok(()),
    }
}

/// Source: public reports of Converse.
fn model_takes_tools(prompt: &Prompt, model: &Model, surface: Surface) -> Verdict {
    if surface == Surface::Converse
        && prompt.tools().next().is_some()
        && model.capabilities.tools == Some(false)
    {
        return Err(Failure::validation("This model doesn't support tool use."));
    }
    Ok(())
}

/// Source: public reports (reference `bedrock.md` §5; wording approximate there).
fn max_tokens_are_within_the_model(prompt: &Prompt, model: &Model) -> Verdict {
    match (prompt.max_tokens(), model.limits.max_output_tokens) {
        (Some(asked), Some(limit)) if asked > limit => Err(Failure::validation(format!(
            "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens value \
             lower than {limit}."
        ))),
        _ => Ok(()),
    }
}

/// Parameters that the model no longer takes, and those of which it takes one at most.
/// Source: public reports (reference `bedrock.md` §5, §6.1).
fn model_takes_the_sampling(prompt: &Prompt, model: &Model, surface: Surface) -> Verdict {
    let Some(config) = &prompt.request.inference_config else { return Ok(()) };
    let rules = &model.parameters;
    let sent = [
        ("temperature", "temperature", config.temperature.is_some(), &rules.temperature),
        ("topP", "top_p", config.top_p.is_some(), &rules.top_p),
    ];
    for (_, name, is_sent, rule) in sent {
        if is_sent && rule.as_ref().is_some_and(|rule| !rule.allowed) {
            return Err(model_says(surface, format!("`{name}` is deprecated for this model.")));
        }
    }
    let is_sent = |member: &String| sent.iter().any(|(name, _, is_sent, _)| name == member && *is_sent);
    if rules.conflicts.iter().any(|group| group.iter().filter(|member| is_sent(member)).count() > 1) {
        return Err(model_says(
            surface,
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    Ok(())
}

/// Models whose tools cannot be forced (reference `bedrock.md` §6.1). The words are ours, in the form recorded for other
/// members: `This model doesn't support the … field.`
fn model_can_be_forced(prompt: &Prompt, model: &Model, surface: Surface) -> Verdict {
    if model.capabilities.forced_tools != Some(false) {
        return Ok(());
    }
    let choice = match (prompt.tool_choice(), surface) {
        (Some(ToolChoice::Any(_)), Surface::Converse) => "toolConfig.toolChoice.any",
        (Some(ToolChoice::Tool(_)), Surface::Converse) => "toolConfig.toolChoice.tool",
        (Some(ToolChoice::Any(_) | ToolChoice::Tool(_)), Surface::Invoke) => "tool_choice",
        _ => return Ok(()),
    };
    Err(Failure::validation(format!(
        "This model doesn't support the {choice} field. Remove {choice} and try again."
    )))
}

/// `outputConfig.effort` is one of the levels in the catalog. The words are ours, in Anthropic's style.
fn effort_is_known(prompt: &Prompt, model: &Model, surface: Surface) -> Verdict {
    let asked = prompt.request.output_config.as_ref().and_then(|config| config.effort.as_deref());
    let known = model.capabilities.reasoning.as_ref().map_or(&[][..], |reasoning| &reasoning.efforts);
    match asked {
        Some(asked) if !known.is_empty() && !known.iter().any(|level| level == asked) => {
            let levels: Vec<String> = known.iter().map(|level| format!("'{level}'")).collect();
            let levels = levels.join(", ");
            Err(model_says(surface, format!("output_config.effort: Input should be one of {levels}")))
        }
        _ => Ok(()),
    }
}

/// At most as many as the catalog says, and none of an hour after one of five minutes.
/// The rules: reference `bedrock.md` §6.1; the words are ours, in Anthropic's style. Places are named by the order of
/// processing, because several dialects come here.
fn cache_points_are_few_and_in_order(prompt: &Prompt, model: &Model, surface: Surface) -> Verdict {
    let points: Vec<_> = cache::points(&prompt.request).collect();
    let most = model.capabilities.prompt_caching.as_ref().and_then(|caching| caching.max_points);
    if let Some(most) = most.filter(|most| points.len() > *most as usize) {
        let found = points.len();
        return Err(model_says(
            surface,
            format!("A maximum of {most} blocks with cache_control may be provided. Found {found}."),
        ));
    }
    let is_hour = |point: &&CachePoint| point.ttl.as_deref() == Some("1h");
    let first_short = points.iter().position(|point| !is_hour(point)).unwrap_or(points.len());
    if points[first_short..].iter().any(is_hour) {
        return Err(model_says(
            surface,
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are \
             processed in the following order: `tools`, `system`, `messages`.",
        ));
    }
    Ok(())
}

/// Budgets, modes, temperature and forced tools while thinking.
/// Source: public reports (reference `bedrock.md` §5, §6.1; LibreChat#8346); forced tools in Anthropic's wording.
fn thinking_is_well_formed(prompt: &Prompt, model: &Model, surface: Surface) -> Verdict {
    let reasoning = model.capabilities.reasoning.as_ref();
    let mode = reasoning.map(|reasoning| reasoning.mode);
    if let Thinking::Budget(budget) = prompt.thinking {
        if mode == Some(ReasoningMode::Adaptive) {
            return Err(model_says(
                surface,
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \
                 \"output_config.effort\" to control thinking behavior.",
            ));
        }
        budget_fits(budget, reasoning.and_then(|r| r.min_budget), prompt.max_tokens(), surface)?;
    }
    if prompt.thinking == Thinking::Adaptive && mode == Some(ReasoningMode::Budget) {
        return Err(model_says(surface, "adaptive thinking is not supported on this model"));
    }
    if !prompt.thinking.is_on() {
        return Ok(());
    }
    let temperature = prompt.request.inference_config.as_ref().and_then(|config| config.temperature);
    if temperature.is_some_and(|temperature| temperature != 1.0) {
        return Err(model_says(
            surface,
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
        ));
    }
    if matches!(prompt.tool_choice(), Some(ToolChoice::Any(_) | ToolChoice::Tool(_))) {
        return Err(model_says(surface, "Thinking may not be enabled when tool_choice forces tool use."));
    }
    Ok(())
}

fn budget_fits(
    budget: Option<u64>,
    least: Option<u32>,
    max_tokens: Option<u64>,
    surface: Surface,
) -> Verdict {
    /// Claude's, where the catalog does not say.
    const LEAST: u64 = 1024;
    let least = least.map_or(LEAST, u64::from);
    let Some(budget) = budget else {
        return Err(model_says(surface, "thinking.enabled.budget_tokens: Field required"));
    };
    if budget < least {
        return Err(model_says(
            surface,
            format!("thinking.enabled.budget_tokens: Input should be greater than or equal to {least}"),
        ));
    }
    if max_tokens.is_some_and(|max_tokens| budget >= max_tokens) {
        return Err(model_says(
            surface,
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at \
             https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size",
        ));
    }
    Ok(())
}

/// Reasoning must come back as the model wrote it. Signatures of real models cannot be checked here and are taken; those
/// of the emulator are checked. Source: Anthropic's wording.
fn reasoning_is_unchanged(messages: &[Message], surface: Surface) -> Verdict {
    for (n, message) in messages.iter().enumerate() {
        for (m, block) in message.content.iter().enumerate() {
            if let ContentBlock::Reasoning(ReasoningContent::Redacted(data)) = block
                && !actor::is_genuine_redacted(data)
            {
                let text = format!("messages.{n}.content.{m}: Invalid `data` in `redacted_thinking` block");
                return Err(model_says(surface, text));
            }
            let ContentBlock::Reasoning(ReasoningContent::Text(thought)) = block else { continue };
            let Some(signature) = &thought.signature else {
                let text = format!("messages.{n}.content.{m}.thinking.signature: Field required");
                return Err(model_says(surface, text));
            };
            if !actor::is_genuine(&thought.text, signature) {
                let text = format!("messages.{n}.content.{m}: Invalid `signature` in `thinking` block");
                return Err(model_says(surface, text));
            }
        }
    }
    Ok(())
}
