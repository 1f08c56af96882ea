//! The items of a response, made of Converse blocks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::tools::text_of;
use crate::Json;
use crate::bedrock::{ContentBlock, ReasoningContent, ReasoningText};
use crate::citing::Annotation;
use crate::dialect::{Answer, to_vec};

/// One item of `output`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item {
    Reasoning {
        id: String,
        summary: Vec<Summary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    Message {
        id: String,
        status: &'static str,
        role: &'static str,
        content: Vec<Part>,
    },
    FunctionCall {
        id: String,
        status: &'static str,
        call_id: String,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        arguments: String,
    },
    CustomToolCall {
        id: String,
        status: &'static str,
        call_id: String,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        input: String,
    },
    BedrockBlock {
        id: String,
        status: &'static str,
        block: ContentBlock,
    },
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct Summary {
    pub(super) text: String,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(tag = "type", rename = "output_text")]
pub(super) struct Part {
    pub(super) text: String,
    annotations: Vec<Annotation>,
    logprobs: [(); 0],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) citations: Vec<Json>,
}

impl Part {
    /// Says its sources in OpenAI's words, too; those that OpenAI has words for.
    pub(super) fn annotate(&mut self) -> &[Annotation] {
        let end = self.text.chars().count();
        self.annotations =
            self.citations.iter().filter_map(|citation| Annotation::of(citation, 0, end)).collect();
        &self.annotations
    }
}

/// What an item's status says before it is whole, when it is, and when the answer was cut short in it.
pub(super) const IN_PROGRESS: &str = "in_progress";
pub(super) const COMPLETED: &str = "completed";
pub(super) const INCOMPLETE: &str = "incomplete";

/// An id that is unique in the answer and has the prefix that OpenAI's clients know.
pub(super) fn item_id(prefix: &str, answer: &Answer, index: usize) -> String {
    format!("{prefix}_{}_{index}", answer.id.strip_prefix("resp_").unwrap_or(&answer.id))
}

impl Item {
    pub(super) fn message(answer: &Answer, index: usize) -> Self {
        let id = item_id("msg", answer, index);
        Self::Message { id, status: IN_PROGRESS, role: "assistant", content: Vec::new() }
    }

    pub(super) fn reasoning(answer: &Answer, index: usize) -> Self {
        Self::Reasoning { id: item_id("rs", answer, index), summary: Vec::new(), encrypted_content: None }
    }

    pub(super) fn call(answer: &Answer, index: usize, call_id: String, name: &str) -> Self {
        let (name, namespace, custom) = match answer.names.declared(name) {
            Some(tool) => (tool.name.clone(), tool.namespace.clone(), tool.custom),
            None => (answer.names.original(name).to_owned(), None, false),
        };
        let status = IN_PROGRESS;
        if custom {
            let id = item_id("ctc", answer, index);
            return Self::CustomToolCall { id, status, call_id, name, namespace, input: String::new() };
        }
        let id = item_id("fc", answer, index);
        Self::FunctionCall { id, status, call_id, name, namespace, arguments: String::new() }
    }

    pub(super) fn block(answer: &Answer, index: usize, block: ContentBlock) -> Self {
        Self::BedrockBlock { id: item_id("bb", answer, index), status: COMPLETED, block }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::Reasoning { id, .. }
            | Self::Message { id, .. }
            | Self::FunctionCall { id, .. }
            | Self::CustomToolCall { id, .. }
            | Self::BedrockBlock { id, .. } => id,
        }
    }

    /// Says how the item ended; reasoning has no status.
    pub(super) fn end(&mut self, end: &'static str) {
        match self {
            Self::Message { status, .. }
            | Self::FunctionCall { status, .. }
            | Self::CustomToolCall { status, .. } => *status = end,
            Self::Reasoning { .. } | Self::BedrockBlock { .. } => {}
        }
    }
}

/// The items of a whole answer; `end` is the status of the last one.
pub(super) fn items(blocks: Vec<ContentBlock>, answer: &Answer, end: &'static str) -> Vec<Item> {
    let mut items = Vec::with_capacity(blocks.len());
    for block in blocks {
        add(block, &mut items, answer);
    }
    let last = items.len().saturating_sub(1);
    for (index, item) in items.iter_mut().enumerate() {
        item.end(if index == last { end } else { COMPLETED });
    }
    items
}

fn add(block: ContentBlock, items: &mut Vec<Item>, answer: &Answer) {
    let index = items.len();
    match block {
        ContentBlock::Text(text) => {
            add_part(Part { text: text.into(), ..Part::default() }, items, answer);
        }
        ContentBlock::Citations(cited) => {
            let text = cited.text();
            let mut part = Part { text, citations: cited.citations, ..Part::default() };
            part.annotate();
            add_part(part, items, answer);
        }
        ContentBlock::Reasoning(reasoning @ (ReasoningContent::Text(_) | ReasoningContent::Redacted(_))) => {
            let mut item = Item::reasoning(answer, index);
            enclose(reasoning, &mut item);
            items.push(item);
        }
        ContentBlock::ToolUse(call) if !call.runs_on_bedrock() => {
            let mut item = Item::call(answer, index, call.tool_use_id, &call.name);
            match &mut item {
                Item::FunctionCall { arguments, .. } => call.input.get().clone_into(arguments),
                Item::CustomToolCall { input, .. } => *input = text_of(call.input.get()),
                _ => {}
            }
            items.push(item);
        }
        other => items.push(Item::block(answer, index, other)),
    }
}

fn add_part(part: Part, items: &mut Vec<Item>, answer: &Answer) {
    if let Some(Item::Message { content, .. }) = items.last_mut() {
        return content.push(part);
    }
    let mut item = Item::message(answer, items.len());
    if let Item::Message { content, .. } = &mut item {
        content.push(part);
    }
    items.push(item);
}

/// Marks `encrypted_content` as ours.
const OURS: &str = "bedrock:";

/// Puts a reasoning block into its item: its words to be read, the whole of it to come back.
pub(super) fn enclose(reasoning: ReasoningContent, item: &mut Item) {
    let Item::Reasoning { summary, encrypted_content, .. } = item else { return };
    if !matches!(reasoning, ReasoningContent::Text(ReasoningText { signature: None, .. })) {
        *encrypted_content = Some(format!("{OURS}{}", STANDARD.encode(to_vec(&reasoning))));
    }
    if let ReasoningContent::Text(ReasoningText { text, .. }) = reasoning
        && !text.is_empty()
    {
        *summary = vec![Summary { text }];
    }
}

/// The block that [`enclose`] put into an `encrypted_content`; `None` when it is not one of ours.
pub(super) fn reasoning_of(encrypted_content: &str) -> Option<ReasoningContent> {
    let json = STANDARD.decode(encrypted_content.strip_prefix(OURS)?).ok()?;
    serde_json::from_slice(&json).ok()
}
