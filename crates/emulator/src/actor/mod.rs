//! The default actor: deterministic and model-like, in ways a test can rely on.
//!
//! "repeat after me: X" answers X; a tool that is asked for by name, or forced, is called with arguments that satisfy its
//! schema; after a tool result the answer holds the result; with thinking on it thinks first; "count to N" counts. Token
//! limits and stop sequences are honoured. The same question always gets the same words.

mod arguments;
mod documents;
mod reading;
mod script;
mod seal;
mod tools;
mod upstream;
mod voice;

use outcrop_wire::bedrock::StopReason;

use self::documents::Passage;
use self::reading::Question;
use crate::cache::Cached;
use crate::prompt::{Block, Prompt, Turn};
use crate::tokens;

/// Answers a prompt. `think` puts reasoning first; `new_id` makes ids for tool calls.
pub(crate) fn act(prompt: &Prompt, think: bool, mut new_id: impl FnMut() -> String) -> Turn {
    let question = Question::read(&prompt.request);
    let mut blocks = Vec::new();
    if think && question.wants_redacted_reasoning() {
        blocks.push(Block::Redacted(seal::redacted(&question.text)));
    } else if think {
        blocks.push(reasoning(&question));
    }
    let calls = tools::wanted(prompt, &question);
    if calls.is_empty() {
        blocks.extend(answer(prompt, &question));
    }
    blocks.extend(calls.into_iter().map(|tool| tools::call(tool, &question, new_id())));
    let mut turn = Limits::of(prompt).apply(blocks, tokens::of_request(&prompt.request));
    if let (StopReason::EndTurn, Some(reason)) = (&turn.stop_reason, question.stop_reason()) {
        turn.stop_reason = reason;
    }
    turn
}

/// Words, and what they cite when a document wants to be cited.
fn answer(prompt: &Prompt, question: &Question) -> Vec<Block> {
    match &question.passage {
        Some(Passage { words, citation }) if prompt.answer_schema.is_none() => vec![
            Block::Text("According to the document, ".to_owned()),
            Block::Cited { text: words.clone(), citation: citation.clone() },
        ],
        _ => vec![Block::Text(words(prompt, question))],
    }
}

pub(crate) use script::Script;
pub(crate) use seal::{is_genuine, is_genuine_redacted};
pub(crate) use upstream::Upstream;
pub(crate) use voice::Voice;

fn reasoning(question: &Question) -> Block {
    let text = if question.tool_results.is_empty() {
        format!("The user says: {}. I think about what that asks for, and answer it.", quoted(&question.text))
    } else {
        "The tool has answered. I give its result to the user.".to_owned()
    };
    Block::Reasoning { signature: seal::sign(&text), text }
}

fn words(prompt: &Prompt, question: &Question) -> String {
    if let Some(schema) = &prompt.answer_schema {
        return arguments::satisfy(schema, &question.text).to_string();
    }
    if !question.tool_results.is_empty() {
        return format!("The tool answered: {}", question.tool_results.join("\n"));
    }
    if let Some(text) = question.repeat_after_me() {
        return text.to_owned();
    }
    if let Some(last) = question.count_to() {
        let numbers: Vec<String> = (1..=last).map(|n| n.to_string()).collect();
        return numbers.join(", ");
    }
    let mut sentences: Vec<String> =
        question.attachments.iter().map(|seen| format!("I received {seen}.")).collect();
    if !question.text.trim().is_empty() {
        sentences.push(format!(
            "You said: {}. This is the local emulator, so here is a short and always equal answer.",
            quoted(&question.text)
        ));
    }
    sentences.join(" ")
}

/// The question in quotation marks, shortened.
fn quoted(text: &str) -> String {
    /// Enough to recognise a question, not enough to send a document back.
    const SHOWN: usize = 200;
    let text = text.trim().trim_end_matches('.');
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("“{}…”", &text[..end]),
        None => format!("“{text}”"),
    }
}

/// What ends an answer early.
struct Limits<'a> {
    max_tokens: u64,
    stop_sequences: &'a [String],
}

impl<'a> Limits<'a> {
    fn of(prompt: &'a Prompt) -> Self {
        Self { max_tokens: prompt.max_tokens().unwrap_or(u64::MAX), stop_sequences: prompt.stop_sequences() }
    }

    /// Cuts the blocks where a stop sequence or the token limit says so, whichever comes first.
    fn apply(&self, blocks: Vec<Block>, input_tokens: u64) -> Turn {
        let mut turn = Turn {
            blocks: Vec::new(),
            stop_reason: StopReason::EndTurn,
            stop_sequence: None,
            input_tokens,
            cached: Cached::default(),
            output_tokens: 0,
            fault: None,
        };
        for block in blocks {
            let room = self.max_tokens - turn.output_tokens;
            let (block, stopped_by) = self.until_stop_sequence(block);
            let (block, used, is_cut) = within(block, room);
            turn.output_tokens += used;
            turn.blocks.extend(block);
            if is_cut {
                turn.stop_reason = StopReason::MaxTokens;
                return turn;
            }
            if let Some(sequence) = stopped_by {
                turn.stop_reason = StopReason::StopSequence;
                turn.stop_sequence = Some(sequence);
                return turn;
            }
        }
        if turn.blocks.iter().any(|block| matches!(block, Block::ToolUse { .. })) {
            turn.stop_reason = StopReason::ToolUse;
        }
        turn
    }

    fn until_stop_sequence(&self, block: Block) -> (Block, Option<String>) {
        let (Block::Text(text) | Block::Cited { text, .. }) = &block else { return (block, None) };
        let first = self
            .stop_sequences
            .iter()
            .filter(|sequence| !sequence.is_empty())
            .filter_map(|sequence| Some((text.find(sequence.as_str())?, sequence)))
            .min_by_key(|(at, _)| *at);
        match first {
            Some((at, sequence)) => (Block::Text(text[..at].to_owned()), Some(sequence.clone())),
            None => (block, None),
        }
    }
}

/// The block within `room` tokens, what it uses, and whether it had to be cut. A tool call is whole or not there.
fn within(block: Block, room: u64) -> (Option<Block>, u64, bool) {
    let cut = |text: &str| -> String {
        tokens::split(text).take(usize::try_from(room).unwrap_or(usize::MAX)).collect()
    };
    let used = match &block {
        Block::Reasoning { text, .. } | Block::Text(text) | Block::Cited { text, .. } => tokens::count(text),
        Block::Redacted(data) => tokens::count(data),
        Block::ToolUse { name, input, .. } => tokens::count(name) + tokens::count(&input.to_string()),
    };
    if used <= room {
        return (Some(block), used, false);
    }
    let kept = match block {
        Block::Reasoning { text, .. } => {
            let text = cut(&text);
            Some(Block::Reasoning { signature: seal::sign(&text), text })
        }
        Block::Text(text) | Block::Cited { text, .. } => Some(Block::Text(cut(&text))),
        Block::ToolUse { .. } | Block::Redacted(_) => None,
    };
    (kept, room, true)
}
