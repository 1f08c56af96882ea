//! Who says what, and in which order.

use outcrop_wire::bedrock::{ContentBlock, Message, Role};

use super::{Case, Surface, Verdict};
use crate::failure::Failure;

pub(super) fn check(case: Case<'_>) -> Verdict {
    let messages = case.prompt.request.messages.as_slice();
    has_messages(messages, case.surface)?;
    has_no_empty_message(messages)?;
    has_no_blank_text(messages, case.surface)?;
    does_not_begin_the_answer(messages, case)
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
            if !text.to_str().trim_matches(' ').is_empty() {
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

/// Prefill, where the model refuses it, and blanks at its end, where it does not.
/// Source: public reports (anomalyco/opencode#29760); Anthropic's wording for the blanks.
fn does_not_begin_the_answer(messages: &[Message], case: Case<'_>) -> Verdict {
    let Some(last) = messages.last().filter(|message| message.role == Role::Assistant) else { return Ok(()) };
    if case.quirks.refuses_prefill {
        return Err(case.model_says(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    match last.content.last() {
        Some(ContentBlock::Text(text))
            if case.is_claude() && text.to_str().ends_with(char::is_whitespace) =>
        {
            Err(case.model_says("messages: final assistant content cannot end with trailing whitespace"))
        }
        _ => Ok(()),
    }
}
