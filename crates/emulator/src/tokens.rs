//! A simple token counter, the same for usage, limits and `CountTokens`.
//!
//! A token is a run of letters and digits of at most [`LONGEST`] characters with the blank before it, or a single other
//! character. English text comes to about four characters a token, which is the rule of thumb for real models; real
//! counts differ from model to model, and no test should rely on them.

use outcrop_wire::bedrock::{
    ContentBlock, ConverseRequest, ReasoningContent, SystemBlock, Tool, ToolResultBlock,
};

/// Longer runs are cut into pieces of this many characters.
const LONGEST: usize = 6;
/// What a message costs beyond its content (role and separators).
pub(crate) const PER_MESSAGE: u64 = 4;
/// A picture, document or recording is not looked into: about what a large picture costs with real models.
const PER_ATTACHMENT: u64 = 1_600;

/// The tokens of a text, in order; joined they give the text again.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (token, after) = rest.split_at(first_token(rest)?);
        rest = after;
        Some(token)
    })
}

/// How many tokens a text has.
pub(crate) fn count(text: &str) -> u64 {
    split(text).count() as u64
}

/// The length in bytes of the first token; `None` at the end.
fn first_token(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let lead = if first == ' ' { 1 } else { 0 };
    let word: usize =
        text[lead..].chars().take(LONGEST).take_while(|c| c.is_alphanumeric()).map(char::len_utf8).sum();
    Some(if word > 0 { lead + word } else { first.len_utf8() })
}

/// The input tokens of a request: system prompt, messages and tools.
pub(crate) fn of_request(request: &ConverseRequest) -> u64 {
    let system: u64 = request.system.iter().map(of_system).sum();
    let messages: u64 = request
        .messages
        .iter()
        .map(|message| PER_MESSAGE + message.content.iter().map(of_block).sum::<u64>())
        .sum();
    let tools: u64 = request.tool_config.iter().flat_map(|config| &config.tools).map(of_tool).sum();
    system + messages + tools
}

/// A part of the system prompt.
pub(crate) fn of_system(block: &SystemBlock) -> u64 {
    match block {
        SystemBlock::Text(text) => count(&text.to_str()),
        SystemBlock::GuardContent(json) => count(json.get()),
        SystemBlock::CachePoint(_) | SystemBlock::Other(_) => 0,
    }
}

/// A block of a message.
pub(crate) fn of_block(block: &ContentBlock) -> u64 {
    match block {
        ContentBlock::Text(text) => count(&text.to_str()),
        ContentBlock::Image(_)
        | ContentBlock::Document(_)
        | ContentBlock::Video(_)
        | ContentBlock::Audio(_) => PER_ATTACHMENT,
        ContentBlock::ToolUse(call) => count(&call.name) + count(call.input.get()),
        ContentBlock::ToolResult(result) => result.content.iter().map(of_result).sum(),
        ContentBlock::Reasoning(ReasoningContent::Text(text)) => count(&text.text),
        ContentBlock::GuardContent(json) | ContentBlock::SearchResult(json) => count(json.get()),
        ContentBlock::Citations(cited) => cited.citations.iter().map(|json| count(json.get())).sum(),
        ContentBlock::Reasoning(_) | ContentBlock::CachePoint(_) | ContentBlock::Other(_) => 0,
    }
}

fn of_result(block: &ToolResultBlock) -> u64 {
    match block {
        ToolResultBlock::Json(json) | ToolResultBlock::SearchResult(json) => count(json.get()),
        ToolResultBlock::Text(text) => count(&text.to_str()),
        ToolResultBlock::Image(_) | ToolResultBlock::Document(_) | ToolResultBlock::Video(_) => {
            PER_ATTACHMENT
        }
        ToolResultBlock::Other(_) => 0,
    }
}

/// A tool.
pub(crate) fn of_tool(tool: &Tool) -> u64 {
    match tool {
        Tool::Spec(spec) => {
            count(&spec.name)
                + spec.description.as_ref().map_or(0, |text| count(&text.to_str()))
                + count(spec.input_schema.json.get())
        }
        Tool::System(json) => count(json.get()),
        Tool::CachePoint(_) | Tool::Other(_) => 0,
    }
}
