//! Tools: what Converse and its models ask of their declaration and choice.

use std::collections::BTreeSet;

use outcrop_catalog::ReasoningMode;
use serde::Serialize;

use super::{Draft, Family, ThinkingState};
use crate::Json;
use crate::bedrock::{ContentBlock, Empty, InputSchema, Tool, ToolChoice, ToolConfig, ToolSpec};

/// Tools that the history uses are declared, even if the client no longer offers any: Converse insists.
///
/// Source: `reliability.md` §1.4 (zot #18, pentagi #196, RooCode #10155, LibreChat #14375).
pub(super) fn declare_used_tools(draft: &mut Draft<'_>) {
    if draft.request.tool_config.is_some() {
        return;
    }
    let used = used_tools(draft);
    if used.is_empty() {
        return;
    }
    let tools = used.iter().map(|name| {
        Tool::Spec(ToolSpec {
            name: name.clone(),
            description: Some("A tool used earlier in this conversation.".into()),
            input_schema: InputSchema { json: any_object() },
            strict: None,
        })
    });
    draft.request.tool_config = Some(ToolConfig { tools: tools.collect(), tool_choice: None });
    draft.notices.push(
        "rewritten",
        "tools",
        "the conversation uses tools that were not offered again; they were declared",
    );
}

fn used_tools(draft: &Draft<'_>) -> BTreeSet<String> {
    let blocks = draft.request.messages.iter().flat_map(|message| &message.content);
    blocks
        .filter_map(|block| match block {
            ContentBlock::ToolUse(call) if call.tool_type.is_none() => Some(call.name.clone()),
            _ => None,
        })
        .collect()
}

fn any_object() -> Json {
    Json::parse(r#"{"type":"object"}"#).expect("the text is JSON")
}

/// `tool_choice: none` has no word in Converse: the tools are left out, or, where the history needs them, stay.
///
/// Source: `reliability.md` §1.4.
pub(super) fn forbid_calls(draft: &mut Draft<'_>) {
    if !draft.intent.no_tool_calls || draft.request.tool_config.is_none() {
        return;
    }
    if used_tools(draft).is_empty() {
        draft.request.tool_config = None;
        draft.notices.push("rewritten", "tool_choice", "Converse has no `none`; the tools were left out");
    } else {
        draft.notices.push(
            "rewritten",
            "tool_choice",
            "Converse has no `none` and the conversation needs its tools: one may be called",
        );
    }
}

/// A forced choice becomes `auto` where the model refuses it: by its nature, or while Claude thinks. `auto` itself is the default and is not sent, as some models refuse the member.
///
/// Sources: `bedrock.md` §6.1; the service's words (pydantic/pydantic-ai#3092).
pub(super) fn relax_choice(draft: &mut Draft<'_>) {
    let refused = draft.model.is_some_and(|model| model.capabilities.forced_tools == Some(false));
    let thinking = draft.thinking == ThinkingState::Budget
        || draft.thinking == ThinkingState::On && draft.family() == Family::Anthropic;
    let Some(config) = &mut draft.request.tool_config else { return };
    match config.tool_choice {
        Some(ToolChoice::Auto(Empty {})) => config.tool_choice = None,
        Some(ToolChoice::Any(_) | ToolChoice::Tool(_)) if refused || thinking => {
            config.tool_choice = None;
            let why = if refused {
                "the model cannot be forced to use a tool"
            } else {
                "no tool can be forced while thinking"
            };
            draft.notices.push("rewritten", "tool_choice", format!("{why}: it is auto"));
        }
        _ => {}
    }
}

/// `strict` is kept only where the catalog knows that schemas are enforced, and not for Claude's adaptive generation,
/// whose first models refuse the member on Converse although they enforce schemas for answers.
///
/// Source: `bedrock.md` §6.1 ("toolSpec.strict rejected on Converse", Opus 4.7 and 4.8).
pub(super) fn drop_strict(draft: &mut Draft<'_>) {
    let Some(model) = draft.model else { return };
    let adaptive = draft.reasoning().is_some_and(|reasoning| reasoning.mode == ReasoningMode::Adaptive);
    if model.capabilities.structured_output == Some(true) && !adaptive {
        return;
    }
    let mut dropped = false;
    for tool in draft.request.tool_config.iter_mut().flat_map(|config| &mut config.tools) {
        if let Tool::Spec(spec) = tool {
            dropped |= spec.strict.take() == Some(true);
        }
    }
    if dropped {
        draft.notices.dropped("tools[].strict", "not known to be taken by this model");
    }
}

/// One call at a time: Claude's native `tool_choice` says it, beside the tools of Converse; no other model has a word
/// for it, and neither has Converse. A forced choice stands in Converse's own place, and the two cannot stand together.
///
/// Sources: public requests that the service took (BerriAI/litellm#34347) and refused (BerriAI/litellm#36536).
pub(super) fn allow_one_call_at_a_time(draft: &mut Draft<'_>) {
    #[derive(Serialize)]
    struct OneAtATime {
        r#type: &'static str,
        disable_parallel_tool_use: bool,
    }
    let Some(config) = draft.request.tool_config.as_ref() else { return };
    if draft.intent.parallel_tool_calls != Some(false) {
        return;
    }
    let choice = OneAtATime { r#type: "auto", disable_parallel_tool_use: true };
    let why = match (draft.family(), &config.tool_choice) {
        (Family::Anthropic, None) => return draft.fields.set("tool_choice", &choice),
        (Family::Anthropic, Some(_)) => "it cannot stand beside a forced choice in Converse",
        _ => "Converse cannot limit an answer to one tool call",
    };
    draft.notices.dropped("parallel_tool_calls", why);
}

/// Claude's own tools (computer, bash, text editor, memory) go in its native `tools`.
///
/// Source: Amazon Bedrock User Guide, "Computer use" with Converse (`additionalModelRequestFields.tools`).
pub(super) fn place_native_tools(draft: &mut Draft<'_>) {
    let tools = std::mem::take(&mut draft.intent.native_tools);
    match draft.family() {
        _ if tools.is_empty() => {}
        Family::Anthropic | Family::Unknown => draft.fields.set("tools", &tools),
        _ => draft
            .notices
            .dropped("tools[]", "tools that only Claude knows (computer, bash, text editor, memory)"),
    }
}
