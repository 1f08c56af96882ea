//! Conversations that Converse would refuse although their meaning is clear: each repair is one rule, and is said.

use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use crate::bedrock::{ContentBlock, Message, Role, Tool, ToolResult, ToolResultBlock};

/// A conversation starts with a person: an answer that stands first gets a turn before it.
///
/// Source: Converse API reference, `messages` ("A conversation must start with a user message").
pub(super) fn open_with_a_user_turn(draft: &mut Draft<'_>) {
    let messages = &mut draft.request.messages;
    let opening = match messages.first() {
        Some(first) if first.role == Role::User => return,
        Some(_) => "(The conversation begins with an answer.)",
        None => "(The conversation is empty.)",
    };
    let opening = ContentBlock::Text(opening.into());
    messages.insert(0, Message { role: Role::User, content: vec![opening] });
    draft.notices.push(
        "rewritten",
        "messages",
        "Converse wants a conversation to start with a user turn; one was put first",
    );
}

/// A prefilled answer becomes a turn that asks to go on, where the model refuses to be prefilled.
///
/// Source: `bedrock.md` §6.1 (no prefill from Opus 4.6 and Sonnet 4.6 on).
pub(super) fn ask_to_go_on(draft: &mut Draft<'_>) {
    let refuses = draft.model.is_some_and(|model| model.refuses_prefill);
    let prefilled = draft.request.messages.last().is_some_and(|last| last.role == Role::Assistant);
    if !refuses || !prefilled {
        return;
    }
    let (go_on, notice) = GO_ON;
    let content = vec![ContentBlock::Text(go_on.into())];
    draft.request.messages.push(Message { role: Role::User, content });
    draft.notices.push("rewritten", "messages", notice);
}

/// What a model is asked that does not take the beginning of its answer, and what is said of it.
pub(super) const GO_ON: (&str, &str) = (
    "Go on exactly where your last message ends.",
    "the model does not take the beginning of its answer; it was asked to go on from there",
);

/// Every call has its result in the next turn, and every result its call in the turn before: a missing result is said to
/// be missing, a result that answers nothing becomes plain content, and what the system says between the two is said after
/// them.
///
/// Source: `reliability.md` §1.4; the service's words ("Expected toolResult blocks at …").
pub(super) fn pair_calls_and_results(draft: &mut Draft<'_>) {
    let mut pairing =
        Pairing { paired: Vec::with_capacity(draft.request.messages.len()), ..Pairing::default() };
    for message in std::mem::take(&mut draft.request.messages) {
        pairing.take(message);
    }
    pairing.answer_for_nobody();
    let Pairing { paired, waiting: _, held: _, orphans, missing, moved } = pairing;
    draft.request.messages = paired;
    if orphans {
        draft.notices.push("rewritten", "messages[]", "tool results without their call were sent as text");
    }
    if missing {
        draft.notices.push("rewritten", "messages[]", "tool calls without a result got one that says so");
    }
    if moved {
        let done = "a turn of the system between a tool call and its result was put after the two";
        draft.notices.push("rewritten", "messages[]", done);
    }
}

/// A conversation whose calls are being paired with their results.
#[derive(Default)]
struct Pairing {
    paired: Vec<Message>,
    /// Calls of the last turn that have no result yet.
    waiting: Vec<String>,
    /// What the system said meanwhile.
    held: Vec<Message>,
    orphans: bool,
    missing: bool,
    moved: bool,
}

impl Pairing {
    fn take(&mut self, mut message: Message) {
        match message.role {
            Role::System if !self.waiting.is_empty() => {
                self.moved = true;
                return self.held.push(message);
            }
            Role::User => {
                self.orphans |= free_orphans(&mut message.content, &mut self.waiting);
                let unanswered = std::mem::take(&mut self.waiting);
                self.missing |= !unanswered.is_empty();
                message.content.splice(0..0, unanswered.into_iter().map(missing_result));
            }
            _ => self.answer_for_nobody(),
        }
        self.waiting.extend(calls(&message));
        self.paired.push(message);
        if self.waiting.is_empty() {
            self.paired.append(&mut self.held);
        }
    }

    /// Nobody has answered what waits, and nobody will.
    fn answer_for_nobody(&mut self) {
        if !self.waiting.is_empty() {
            self.missing = true;
            let content = std::mem::take(&mut self.waiting).into_iter().map(missing_result).collect();
            self.paired.push(Message { role: Role::User, content });
        }
        self.paired.append(&mut self.held);
    }
}

/// Turns results that nobody waits for into plain content; whether there were any.
fn free_orphans(content: &mut Vec<ContentBlock>, waiting: &mut Vec<String>) -> bool {
    let mut orphans = false;
    let mut freed = Vec::with_capacity(content.len());
    for block in std::mem::take(content) {
        match block {
            ContentBlock::ToolResult(result) if result.tool_type.is_none() => {
                match waiting.iter().position(|id| *id == result.tool_use_id) {
                    Some(at) => {
                        waiting.remove(at);
                        freed.push(ContentBlock::ToolResult(result));
                    }
                    None => {
                        orphans = true;
                        freed.extend(plain(result));
                    }
                }
            }
            block => freed.push(block),
        }
    }
    *content = freed;
    orphans
}

/// What a result says, without being one.
fn plain(result: ToolResult) -> Vec<ContentBlock> {
    let mut blocks = vec![ContentBlock::Text(format!("(A tool's result, {}:)", result.tool_use_id).into())];
    blocks.extend(result.content.into_iter().map(|block| match block {
        ToolResultBlock::Text(text) => ContentBlock::Text(text),
        ToolResultBlock::Json(json) => ContentBlock::Text(json.get().into()),
        ToolResultBlock::Image(image) => ContentBlock::Image(image),
        ToolResultBlock::Document(document) => ContentBlock::Document(document),
        ToolResultBlock::Video(video) => ContentBlock::Video(video),
        ToolResultBlock::SearchResult(found) => ContentBlock::SearchResult(found),
        ToolResultBlock::Other(other) => ContentBlock::Other(other),
    }));
    blocks
}

fn calls(message: &Message) -> impl Iterator<Item = String> + '_ {
    message.content.iter().filter_map(|block| match block {
        ContentBlock::ToolUse(call) if call.tool_type.is_none() => Some(call.tool_use_id.clone()),
        _ => None,
    })
}

fn missing_result(tool_use_id: String) -> ContentBlock {
    let text = ToolResultBlock::Text("(The result is not part of this conversation.)".into());
    ContentBlock::ToolResult(ToolResult {
        tool_use_id,
        content: vec![text],
        status: Some("error".to_owned()),
        tool_type: None,
    })
}

/// An id names one call: a second call of the same id, and its result, get another.
///
/// Source: `bedrock.md` §2.5 (some surfaces number the calls of each answer anew).
pub(super) fn tell_calls_apart(draft: &mut Draft<'_>) {
    let blocks = draft.request.messages.iter().flat_map(|message| &message.content);
    if all_differ(blocks.filter_map(|block| match block {
        ContentBlock::ToolUse(call) => Some(call.tool_use_id.as_str()),
        _ => None,
    })) {
        return;
    }
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    for block in draft.request.messages.iter_mut().flat_map(|message| &mut message.content) {
        match block {
            ContentBlock::ToolUse(call) => {
                let original = call.tool_use_id.clone();
                let mut number = 2;
                while !used.insert(call.tool_use_id.clone()) {
                    let kept: String = original.chars().take(LONGEST_BASE).collect();
                    call.tool_use_id = format!("{kept}-{number}");
                    number += 1;
                }
                renamed.insert(original, call.tool_use_id.clone());
            }
            ContentBlock::ToolResult(result) => {
                if let Some(id) = renamed.get(&result.tool_use_id) {
                    result.tool_use_id.clone_from(id);
                }
            }
            _ => {}
        }
    }
}

/// Leaves room for a number within Converse's 64 characters.
const LONGEST_BASE: usize = 58;

/// A tool is declared once: of those of one name the first stays.
///
/// Source: the service's words ("tools: Tool names must be unique.").
pub(super) fn declare_tools_once(draft: &mut Draft<'_>) {
    let Some(config) = &mut draft.request.tool_config else { return };
    if all_differ(config.tools.iter().filter_map(|tool| match tool {
        Tool::Spec(spec) => Some(spec.name.as_str()),
        _ => None,
    })) {
        return;
    }
    let mut names: BTreeSet<String> = BTreeSet::new();
    config.tools.retain(|tool| !matches!(tool, Tool::Spec(spec) if !names.insert(spec.name.clone())));
    draft.notices.dropped("tools[]", "a tool of the same name was declared before; the first one stays");
}

/// Whether no name is there twice, which is what nearly all requests are like.
fn all_differ<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = BTreeSet::new();
    names.all(|name| seen.insert(name))
}
