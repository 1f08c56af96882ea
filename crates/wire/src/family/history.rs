//! The turns: what Converse asks of any conversation.

use outcrop_catalog::ReasoningMode;

use super::{Draft, Family};
use crate::bedrock::{ContentBlock, Message, ReasoningContent, Role, SystemBlock, ToolResultBlock};
use crate::{JsonText, citing};

/// Sources of earlier answers: Claude takes back those of documents. Those of search results make it fail, and no other model
/// has a use for any; the text stays.
///
/// Source: botocore 1.43.11, `CitationsContentBlock`; langchain-aws #1175 (search results).
pub(super) fn keep_sources(draft: &mut Draft<'_>) {
    let takes_back = matches!(draft.family(), Family::Anthropic | Family::Unknown);
    let mut lost = false;
    for block in draft.request.messages.iter_mut().flat_map(|message| &mut message.content) {
        let ContentBlock::Citations(cited) = block else { continue };
        let before = cited.citations.len();
        cited.citations.retain(|citation| takes_back && citing::is_of_a_document(citation));
        lost |= cited.citations.len() < before;
        let text = cited.text();
        if cited.citations.is_empty() || text.trim().is_empty() {
            *block = ContentBlock::Text(text.into());
        }
    }
    if lost {
        let why = "Claude alone takes sources back, and of documents only; the text stays";
        draft.notices.dropped("messages[].content[].citations", why);
    }
}

/// Blank text is refused anywhere; an empty block is left out silently, it says nothing.
///
/// Source: `reliability.md` §1.4 (continue #9767, opencode #17381, OpenHands #5339).
pub(super) fn drop_blank_text(draft: &mut Draft<'_>) {
    let mut dropped = false;
    let mut keep = |text: &JsonText| {
        let blank = text.is_blank();
        dropped |= blank && !text.is_empty();
        !blank
    };
    draft.request.system.retain(|block| !matches!(block, SystemBlock::Text(text) if !keep(text)));
    for message in &mut draft.request.messages {
        message.content.retain(|block| !matches!(block, ContentBlock::Text(text) if !keep(text)));
        for block in &mut message.content {
            if let ContentBlock::ToolResult(result) = block {
                result.content.retain(|block| !matches!(block, ToolResultBlock::Text(text) if !keep(text)));
            }
        }
    }
    if dropped {
        draft.notices.dropped("messages[].content", "Bedrock refuses text that is blank");
    }
}

/// Reasoning in the history that the model would refuse: any, when it does not reason itself; unsigned, for Claude.
///
/// Source: `bedrock.md` §2.1 (`reasoningText.signature`), §6.1; Anthropic's documentation, "Preserving thinking blocks".
pub(super) fn drop_unwelcome_reasoning(draft: &mut Draft<'_>) {
    let never = draft.reasoning().is_some_and(|reasoning| reasoning.mode == ReasoningMode::None);
    let signed_only = draft.family() == Family::Anthropic;
    let mut dropped = false;
    for message in &mut draft.request.messages {
        message.content.retain(|block| {
            let unwelcome = match block {
                ContentBlock::Reasoning(ReasoningContent::Text(text)) => {
                    never || signed_only && text.signature.is_none()
                }
                ContentBlock::Reasoning(_) => never,
                _ => false,
            };
            dropped |= unwelcome;
            !unwelcome
        });
    }
    if dropped {
        let why = if never { "the model does not reason" } else { "Claude takes back signed reasoning only" };
        draft.notices.dropped("messages[].reasoning", why);
    }
}

/// Turns without content are left out and neighbours of one role become one turn: Converse wants roles to alternate and
/// all results of a turn in one message.
///
/// Source: Converse API reference, `messages`; `reliability.md` §1.4 (langchain4j #1983, hydra #964).
pub(super) fn join_turns(draft: &mut Draft<'_>) {
    let mut joined: Vec<Message> = Vec::with_capacity(draft.request.messages.len());
    let mut notable = false;
    for message in std::mem::take(&mut draft.request.messages) {
        if !message.content.iter().any(|block| !matches!(block, ContentBlock::CachePoint(_))) {
            draft.notices.dropped("messages[]", "a turn without content");
            continue;
        }
        match joined.last_mut() {
            Some(last) if last.role == message.role => {
                notable |= !message.content.iter().any(is_result) && !last.content.iter().any(is_result);
                last.content.extend(message.content);
            }
            _ => joined.push(message),
        }
    }
    if notable {
        draft.notices.push(
            "rewritten",
            "messages",
            "neighbouring turns of one role were joined, Converse wants them to alternate",
        );
    }
    draft.request.messages = joined;
}

/// Tool results stand before all else in their turn, each followed by its cache point.
///
/// Source: Anthropic's documentation, "Handle tool calls" (results first in the content).
pub(super) fn put_results_first(draft: &mut Draft<'_>) {
    for message in &mut draft.request.messages {
        let first_other = message.content.iter().position(|block| !is_result_or_point(block));
        let last_result = message.content.iter().rposition(is_result);
        if first_other.zip(last_result).is_some_and(|(other, result)| other < result) {
            let mut after_result = false;
            let (results, others): (Vec<_>, Vec<_>) =
                std::mem::take(&mut message.content).into_iter().partition(|block| {
                    after_result =
                        is_result(block) || after_result && matches!(block, ContentBlock::CachePoint(_));
                    after_result
                });
            message.content = results.into_iter().chain(others).collect();
        }
    }
}

/// A request that is nothing but instructions: they become the question, as Converse needs one.
///
/// Source: Converse API reference, `messages` (a conversation starts with a user message).
pub(super) fn speak_for_a_lone_system_prompt(draft: &mut Draft<'_>) {
    let texts = |block: &SystemBlock| matches!(block, SystemBlock::Text(_));
    if !draft.request.messages.is_empty() || !draft.request.system.iter().any(texts) {
        return;
    }
    let content = std::mem::take(&mut draft.request.system).into_iter().filter_map(|block| match block {
        SystemBlock::Text(text) => Some(ContentBlock::Text(text)),
        SystemBlock::GuardContent(guarded) => Some(ContentBlock::GuardContent(guarded)),
        SystemBlock::CachePoint(_) => None,
        SystemBlock::Other(other) => Some(ContentBlock::Other(other)),
    });
    let message = Message { role: Role::User, content: content.collect() };
    draft.request.messages.push(message);
    draft.notices.push(
        "rewritten",
        "messages",
        "there is no user turn, so the system prompt was sent as one",
    );
}

fn is_result(block: &ContentBlock) -> bool {
    matches!(block, ContentBlock::ToolResult(_))
}

fn is_result_or_point(block: &ContentBlock) -> bool {
    matches!(block, ContentBlock::ToolResult(_) | ContentBlock::CachePoint(_))
}
