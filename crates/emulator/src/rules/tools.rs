//! Tools on offer, tools in the history, and which of them must be used.

use std::collections::HashSet;

use outcrop_wire::bedrock::{ContentBlock, Message, Tool, ToolChoice, ToolSpec};
use serde_json::Value;

use super::{Case, Surface, Verdict, unsupported_field};
use crate::failure::Failure;

pub(super) fn check(case: Case<'_>) -> Verdict {
    let messages = case.prompt.request.messages.as_slice();
    tools_in_history_are_configured(messages, case)?;
    names_are_well_formed(messages, case)?;
    tool_results_answer_tool_uses(messages, case.surface)?;
    model_takes_tools(case)?;
    tool_names_are_unique(case)?;
    strict_tools_are_taken(case)?;
    schemas_are_of_objects(case)?;
    model_can_be_forced(case)?;
    forced_tool_is_offered(case)
}

/// Source: public reports (dify#17545, bedrock-access-gateway#239). InvokeModel has no such rule.
fn tools_in_history_are_configured(messages: &[Message], case: Case<'_>) -> Verdict {
    let is_tool =
        |block: &ContentBlock| matches!(block, ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_));
    let in_history = messages.iter().any(|message| message.content.iter().any(is_tool));
    if case.is_converse() && in_history && case.prompt.request.tool_config.is_none() {
        return Err(Failure::validation(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    Ok(())
}

/// Names and ids in Claude's own body, in Anthropic's wording. On Converse the service's own model says what they are.
fn names_are_well_formed(messages: &[Message], case: Case<'_>) -> Verdict {
    const LONGEST: usize = 128;
    if case.is_converse() || !case.is_claude() {
        return Ok(());
    }
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c))
    };
    if let Some(n) = case.prompt.tools().position(|tool| !fits(&tool.name) || tool.name.len() > LONGEST) {
        let text = format!("tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'");
        return Err(Failure::validation(text));
    }
    for (n, message) in messages.iter().enumerate() {
        for (m, block) in message.content.iter().enumerate() {
            let (member, id) = match block {
                ContentBlock::ToolUse(call) => ("tool_use.id", &call.tool_use_id),
                ContentBlock::ToolResult(result) => ("tool_result.tool_use_id", &result.tool_use_id),
                _ => continue,
            };
            if !fits(id) {
                let text = format!(
                    "messages.{n}.content.{m}.{member}: String should match pattern '^[a-zA-Z0-9_-]+$'"
                );
                return Err(Failure::validation(text));
            }
        }
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

/// Source: public reports of Converse.
fn model_takes_tools(case: Case<'_>) -> Verdict {
    let takes = case.model.and_then(|model| model.capabilities.tools);
    if case.is_converse() && case.prompt.tools().next().is_some() && takes == Some(false) {
        return Err(Failure::validation("This model doesn't support tool use."));
    }
    Ok(())
}

/// Source: Anthropic's wording.
fn tool_names_are_unique(case: Case<'_>) -> Verdict {
    let mut seen = HashSet::new();
    if case.is_claude() && case.prompt.tools().any(|tool| !seen.insert(tool.name.as_str())) {
        return Err(case.model_says("tools: Tool names must be unique."));
    }
    Ok(())
}

/// Source: public reports (BerriAI/litellm#31582, vercel/ai#16237). `strict: false` is the same extra input.
fn strict_tools_are_taken(case: Case<'_>) -> Verdict {
    let strict = case.prompt.tools().position(|tool| tool.strict.is_some());
    match strict {
        Some(n) if case.quirks.refuses_strict_tools => {
            Err(case.model_says(format!("tools.{n}.custom.strict: Extra inputs are not permitted")))
        }
        _ => Ok(()),
    }
}

/// Source: public reports of Converse. A schema that does not name its type is taken here.
fn schemas_are_of_objects(case: Case<'_>) -> Verdict {
    if !case.is_converse() {
        return Ok(());
    }
    for (n, tool) in case.prompt.request.tool_config.iter().flat_map(|config| &config.tools).enumerate() {
        let Some(spec) = spec(tool) else { continue };
        let schema: Value = serde_json::from_str(spec.input_schema.json.get()).unwrap_or(Value::Null);
        if schema.get("type").is_some_and(|kind| kind != "object") {
            return Err(Failure::validation(format!(
                "The value at toolConfig.tools.{n}.toolSpec.inputSchema.json.type must be one of the following: object."
            )));
        }
    }
    Ok(())
}

fn spec(tool: &Tool) -> Option<&ToolSpec> {
    match tool {
        Tool::Spec(spec) => Some(spec),
        _ => None,
    }
}

/// Models whose tools cannot be forced (reference `bedrock.md` §6.1). Source of the words: strands-agents/harness-sdk#1241.
fn model_can_be_forced(case: Case<'_>) -> Verdict {
    if case.model.and_then(|model| model.capabilities.forced_tools) != Some(false) {
        return Ok(());
    }
    Err(unsupported_field(match (case.prompt.tool_choice(), case.surface) {
        (Some(ToolChoice::Any(_)), Surface::Converse) => "toolConfig.toolChoice.any",
        (Some(ToolChoice::Tool(_)), Surface::Converse) => "toolConfig.toolChoice.tool",
        (Some(ToolChoice::Any(_) | ToolChoice::Tool(_)), Surface::Invoke) => "tool_choice",
        _ => return Ok(()),
    }))
}

/// Source: Anthropic's wording.
fn forced_tool_is_offered(case: Case<'_>) -> Verdict {
    let Some(ToolChoice::Tool(forced)) = case.prompt.tool_choice() else { return Ok(()) };
    if case.is_claude() && !case.prompt.tools().any(|tool| tool.name == forced.name) {
        return Err(case.model_says(format!("Tool '{}' not found in provided tools", forced.name)));
    }
    Ok(())
}
