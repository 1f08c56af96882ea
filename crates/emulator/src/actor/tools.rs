//! Which tools are called, and with what.

use outcrop_wire::bedrock::{ToolChoice, ToolSpec};
use serde_json::Value;

use super::arguments;
use super::reading::Question;
use crate::prompt::{Block, Prompt};

/// The tools to call now: forced ones; else, for a new question, those that its text names, in its order.
pub(super) fn wanted<'a>(prompt: &'a Prompt, question: &Question) -> Vec<&'a ToolSpec> {
    let mut calls = match prompt.tool_choice() {
        Some(ToolChoice::Tool(named)) => {
            prompt.tools().filter(|tool| tool.name == named.name).take(1).collect()
        }
        Some(ToolChoice::Any(_)) => {
            let mut named = question.tools_named(prompt.tools());
            if named.is_empty() {
                named.extend(prompt.tools().next());
            }
            named
        }
        _ if !question.tool_results.is_empty() || question.repeat_after_me().is_some() => Vec::new(),
        _ => question.tools_named(prompt.tools()),
    };
    if !prompt.several_calls {
        calls.truncate(1);
    }
    calls
}

/// A call with arguments that satisfy the tool's schema.
pub(super) fn call(tool: &ToolSpec, question: &Question, id: String) -> Block {
    let schema = serde_json::from_str(tool.input_schema.json.get()).unwrap_or(Value::Bool(true));
    Block::ToolUse { id, name: tool.name.clone(), input: arguments::satisfy(&schema, &question.text) }
}
