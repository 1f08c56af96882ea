//! Chat Completions' answers as Converse's events. A whole answer is read as a stream of one piece, so that the two agree.

use std::collections::VecDeque;

use outcrop_texts as texts;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chat_calls::Calls;
use super::whole::Whole;
use crate::Json;
use crate::bedrock::{
    BedrockError, BlockDelta, BlockStart, ContentBlockDelta, ContentBlockStart, ContentBlockStop,
    ConverseResponse, MessageStart, MessageStop, ReasoningDelta, Role, ServiceTier, StopReason, StreamEvent,
    StreamMetadata, Text, ToolUseDelta, ToolUseStart, Usage,
};
use crate::dialect::{Dialect, Truncated};
use crate::relayed;
use crate::shape::TextOr;

/// Reads a `chat.completion`.
pub(super) fn read_answer(body: &[u8]) -> Result<ConverseResponse, BedrockError> {
    let mut said = Said::default();
    let mut whole = Whole::default();
    let mut hear = |event: &StreamEvent<'_>| whole.hear(event);
    said.event(body, &mut hear)?;
    said.done(&mut hear)?;
    Ok(whole.into_response())
}

/// What a stream has said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    begun: bool,
    open: Option<Open>,
    /// The index of the next block.
    next: usize,
    calls: Calls,
    /// What waits until the open call is whole.
    held: VecDeque<Held>,
    held_bytes: usize,
    inline: Inline,
    refused: bool,
    stop: Option<StopReason>,
    usage: Option<Usage>,
    tier: Option<String>,
    done: bool,
}

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Reasoning,
    /// By its place among the calls.
    Call(usize),
}

/// A block, or a piece of one, that waits for its turn.
#[derive(Debug)]
enum Held {
    Text(String),
    Reasoning(String),
    Citation(Json),
    Call { at: usize, start: ToolUseStart, arguments: String },
}

/// Arguments that never end must not hold back any amount of what follows them. No model's answer is as long.
const MOST_HELD: usize = 16 * 1024 * 1024;

/// Reasoning in the text itself: gpt-oss puts it into tags before its answer on the runtime's path (reference `bedrock.md`
/// §2.5).
#[derive(Debug)]
enum Inline {
    /// What has come may be the beginning of the tag.
    Undecided(String),
    /// Within the tags; what is held may be the beginning of the closing one.
    Within(String),
    /// No tag, or after it.
    Over,
}

impl Default for Inline {
    fn default() -> Self {
        Self::Undecided(String::new())
    }
}

const BEGIN: &str = "<reasoning>";
const END: &str = "</reasoning>";

impl Said {
    /// Hears the data of one event, or a whole answer.
    pub(super) fn event(
        &mut self,
        data: &[u8],
        hear: &mut impl FnMut(&StreamEvent<'_>),
    ) -> Result<(), BedrockError> {
        if data == b"[DONE]" {
            return self.done(hear);
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data)
            .map_err(|error| BedrockError::cut(texts::event_unreadable(error)))?;
        if chunk.tells_of_failure() {
            return Err(BedrockError::from_event(data));
        }
        let Chunk { choices, usage, service_tier, kind: _, error: _ } = chunk;
        if let Some(usage) = usage.and_then(|stated| relayed::usage(Dialect::ChatCompletions, stated)) {
            self.usage = Some(usage);
        }
        if let Some(tier) = service_tier {
            self.tier = Some(tier.0.into_owned());
        }
        // One answer is asked for: no other is anybody's.
        for choice in choices.into_iter().flatten().filter(|choice| choice.index.unwrap_or(0) == 0) {
            self.choice(choice, hear)?;
        }
        if self.held_bytes > MOST_HELD {
            return Err(BedrockError::cut(texts::ENDLESS_ARGUMENTS));
        }
        Ok(())
    }

    /// The stream has ended; without `[DONE]` it is whole when it has said everything else.
    pub(super) fn finish(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) -> Result<(), BedrockError> {
        if self.done {
            return Ok(());
        }
        if self.stop.is_none() || self.usage.is_none() {
            return Err(Truncated { stopped: self.stop.is_some(), metadata: false }.into());
        }
        self.done(hear)
    }

    /// Nothing more is to come: the endpoint says so, or the answer is whole.
    fn done(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) -> Result<(), BedrockError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        // Some servers end a list of calls without a reason.
        let stop = self.stop.take().or_else(|| self.begun.then_some(StopReason::EndTurn));
        let stop = stop.ok_or(Truncated { stopped: false, metadata: false })?;
        self.release(hear);
        self.let_go(hear);
        let stop_reason = match stop {
            StopReason::EndTurn if !self.calls.is_empty() => StopReason::ToolUse,
            StopReason::EndTurn if self.refused => StopReason::ContentFiltered,
            stop => stop,
        };
        hear(&StreamEvent::MessageStop(MessageStop { stop_reason, additional_model_response_fields: None }));
        let tier = self.tier.take().map(|tier| ServiceTier { tier });
        hear(&StreamEvent::Metadata(Box::new(StreamMetadata {
            usage: self.usage.take(),
            metrics: None,
            trace: None,
            performance_config: None,
            service_tier: tier.map(|tier| Json::of(&tier).expect("a word is JSON")),
        })));
        Ok(())
    }

    fn choice(
        &mut self,
        choice: Choice<'_>,
        hear: &mut impl FnMut(&StreamEvent<'_>),
    ) -> Result<(), BedrockError> {
        let Choice { index: _, delta, message, finish_reason } = choice;
        if !std::mem::replace(&mut self.begun, true) {
            hear(&StreamEvent::MessageStart(MessageStart { role: Role::Assistant }));
        }
        if let Some(said) = delta.or(message) {
            self.said(said, hear)?;
        }
        if let Some(reason) = finish_reason {
            self.stop = Some(stop_reason(&reason));
        }
        Ok(())
    }

    fn said(
        &mut self,
        said: Message<'_>,
        hear: &mut impl FnMut(&StreamEvent<'_>),
    ) -> Result<(), BedrockError> {
        let Message { content, reasoning, reasoning_content, refusal, tool_calls, annotations } = said;
        if let Some(piece) = reasoning.or(reasoning_content).filter(|piece| !piece.is_empty()) {
            self.release(hear);
            self.reasoning(&piece, hear);
        }
        match content {
            Some(TextOr::Text(piece)) => self.text(&piece, hear),
            Some(TextOr::Else(parts)) => {
                for piece in parts.iter().filter_map(|part| part.text.as_deref()) {
                    self.text(piece, hear);
                }
            }
            None => {}
        }
        if let Some(piece) = refusal.filter(|piece| !piece.is_empty()) {
            self.refused = true;
            self.release(hear);
            self.plain(&piece, hear);
        }
        for annotation in annotations.iter().flatten() {
            self.annotation(annotation, hear);
        }
        for (at, call) in tool_calls.into_iter().flatten().enumerate() {
            self.call(call, at as u64, hear)?;
        }
        Ok(())
    }

    /// A piece of text, which may hold reasoning in tags.
    fn text(&mut self, piece: &str, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        match &mut self.inline {
            Inline::Over => self.plain(piece, hear),
            Inline::Undecided(held) => {
                held.push_str(piece);
                if BEGIN.starts_with(held.as_str()) && held.len() < BEGIN.len() {
                    return;
                }
                let held = std::mem::take(held);
                match held.strip_prefix(BEGIN) {
                    Some(rest) => {
                        self.inline = Inline::Within(String::new());
                        self.text(rest, hear);
                    }
                    None => {
                        self.inline = Inline::Over;
                        self.plain(&held, hear);
                    }
                }
            }
            Inline::Within(held) => {
                held.push_str(piece);
                let held = std::mem::take(held);
                match held.split_once(END) {
                    Some((thought, rest)) => {
                        self.inline = Inline::Over;
                        self.reasoning(thought, hear);
                        self.plain(rest, hear);
                    }
                    None => {
                        let (thought, kept) = held.split_at(held.len() - begun_end(&held));
                        self.inline = Inline::Within(kept.to_owned());
                        self.reasoning(thought, hear);
                    }
                }
            }
        }
    }

    /// What was held back is what it is: nothing follows that could make a tag of it.
    fn release(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        match std::mem::replace(&mut self.inline, Inline::Over) {
            Inline::Undecided(held) => self.plain(&held, hear),
            Inline::Within(held) => self.reasoning(&held, hear),
            Inline::Over => {}
        }
    }

    fn plain(&mut self, piece: &str, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        if piece.is_empty() {
            return;
        }
        if self.is_busy() {
            return self.hold(Held::Text(piece.to_owned()), piece.len());
        }
        self.open(Open::Text, hear);
        self.delta(BlockDelta::Text(Text(piece.into())), hear);
    }

    fn reasoning(&mut self, piece: &str, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        if piece.is_empty() {
            return;
        }
        if self.is_busy() {
            return self.hold(Held::Reasoning(piece.to_owned()), piece.len());
        }
        self.open(Open::Reasoning, hear);
        self.delta(BlockDelta::Reasoning(ReasoningDelta::Text(Text(piece.into()))), hear);
    }

    /// A source on the web, in the words of Converse's `CitationsDelta` (botocore 1.44.5).
    fn annotation(&mut self, annotation: &Annotation<'_>, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        #[derive(serde::Serialize)]
        struct Citation<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a str>,
            location: Location<'a>,
        }
        #[derive(serde::Serialize)]
        struct Location<'a> {
            web: Web<'a>,
        }
        #[derive(serde::Serialize)]
        struct Web<'a> {
            url: &'a str,
        }
        let Some(UrlCitation { url, title }) = &annotation.url_citation else { return };
        let citation = Citation { title: title.as_deref(), location: Location { web: Web { url } } };
        let citation = Json::of(&citation).expect("texts are JSON");
        self.release(hear);
        self.cite(citation, hear);
    }

    fn cite(&mut self, citation: Json, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        if self.is_busy() {
            let bytes = citation.get().len();
            return self.hold(Held::Citation(citation), bytes);
        }
        self.open(Open::Text, hear);
        self.delta(BlockDelta::Citation(citation), hear);
    }

    /// A call begins, or its arguments go on. Whole answers do not number their calls, their order does.
    fn call(
        &mut self,
        call: Call<'_>,
        at: u64,
        hear: &mut impl FnMut(&StreamEvent<'_>),
    ) -> Result<(), BedrockError> {
        let Call { index, id, function } = call;
        let index = index.unwrap_or(at);
        let id = id.filter(|id| !id.is_empty());
        let Function { name, arguments } = function.unwrap_or_default();
        let name = name.filter(|name| !name.is_empty());
        let at = match self.calls.position(index, id.as_deref(), name.is_some()) {
            Some(at) => at,
            None => {
                let name = name.ok_or_else(|| BedrockError::cut(texts::NAMELESS_CALL))?;
                let at = self.calls.add(index, id.as_deref());
                // Some servers number their calls and name them no further.
                let tool_use_id = id.map_or_else(|| format!("call_{index}"), |id| id.0.into_owned());
                let start = ToolUseStart { tool_use_id, name: name.0.into_owned(), tool_type: None };
                self.release(hear);
                self.begin_call(at, start, hear);
                at
            }
        };
        match arguments.filter(|arguments| !arguments.is_empty()) {
            Some(input) => self.go_on(at, input, hear),
            None => Ok(()),
        }
    }

    fn begin_call(&mut self, at: usize, start: ToolUseStart, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        if self.is_busy() {
            let bytes = start.name.len();
            return self.hold(Held::Call { at, start, arguments: String::new() }, bytes);
        }
        self.open(Open::Call(at), hear);
        hear(&StreamEvent::ContentBlockStart(ContentBlockStart {
            content_block_index: self.next - 1,
            start: BlockStart::ToolUse(start),
        }));
    }

    /// The next piece of a call's arguments.
    fn go_on(
        &mut self,
        at: usize,
        input: Text<'_>,
        hear: &mut impl FnMut(&StreamEvent<'_>),
    ) -> Result<(), BedrockError> {
        self.calls.arguments(at).push(&input);
        if self.open == Some(Open::Call(at)) {
            self.delta(BlockDelta::ToolUse(ToolUseDelta { input }), hear);
            self.go_through_held(hear);
            return Ok(());
        }
        let waiting = self.held.iter_mut().find_map(|held| match held {
            Held::Call { at: held, arguments, .. } if *held == at => Some(arguments),
            _ => None,
        });
        match waiting {
            Some(arguments) => {
                arguments.push_str(&input);
                self.held_bytes += input.len();
                Ok(())
            }
            None if input.trim().is_empty() => Ok(()),
            None => Err(BedrockError::cut(texts::LATE_ARGUMENTS)),
        }
    }

    /// Whether a call is open whose arguments are not whole.
    fn is_busy(&self) -> bool {
        matches!(self.open, Some(Open::Call(at)) if !self.calls.is_whole(at))
    }

    fn hold(&mut self, held: Held, bytes: usize) {
        self.held_bytes += bytes;
        match (self.held.back_mut(), held) {
            (Some(Held::Text(text)), Held::Text(piece)) => text.push_str(&piece),
            (Some(Held::Reasoning(text)), Held::Reasoning(piece)) => text.push_str(&piece),
            (_, held) => self.held.push_back(held),
        }
    }

    /// Tells what has waited, as far as no call that is not whole stands in its way.
    fn go_through_held(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        while !self.is_busy() && self.tell_next(hear) {}
    }

    /// Tells the first of what has waited; false when nothing has.
    fn tell_next(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) -> bool {
        let Some(held) = self.held.pop_front() else {
            self.held_bytes = 0;
            return false;
        };
        match held {
            Held::Text(text) => self.plain(&text, hear),
            Held::Reasoning(text) => self.reasoning(&text, hear),
            Held::Citation(citation) => self.cite(citation, hear),
            Held::Call { at, start, arguments } => {
                self.begin_call(at, start, hear);
                if !arguments.is_empty() {
                    let input = Text(arguments.into());
                    self.delta(BlockDelta::ToolUse(ToolUseDelta { input }), hear);
                }
            }
        }
        true
    }

    /// Nothing more is to come: whatever waits is told, be the call before it whole or not.
    fn let_go(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        loop {
            self.close(hear);
            if !self.tell_next(hear) {
                return;
            }
        }
    }

    fn open(&mut self, block: Open, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        if self.open != Some(block) {
            self.close(hear);
            self.open = Some(block);
            self.next += 1;
        }
    }

    fn close(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        if self.open.take().is_some() {
            let content_block_index = self.next - 1;
            hear(&StreamEvent::ContentBlockStop(ContentBlockStop { content_block_index }));
        }
    }

    /// A piece of the open block.
    fn delta(&mut self, delta: BlockDelta<'_>, hear: &mut impl FnMut(&StreamEvent<'_>)) {
        let content_block_index = self.next - 1;
        hear(&StreamEvent::ContentBlockDelta(ContentBlockDelta { content_block_index, delta }));
    }
}

/// How many bytes at the end may be the beginning of the closing tag.
fn begun_end(held: &str) -> usize {
    (1..END.len()).rev().find(|length| held.ends_with(&END[..*length])).unwrap_or(0)
}

/// Source: OpenAI's API reference, `finish_reason`.
fn stop_reason(word: &str) -> StopReason {
    match word {
        "stop" => StopReason::EndTurn,
        "length" => StopReason::MaxTokens,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "content_filter" => StopReason::ContentFiltered,
        other => StopReason::Other(other.to_owned()),
    }
}

/// A chunk of a stream, or a whole answer.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Chunk<'_> {
    fn tells_of_failure(&self) -> bool {
        self.kind.as_deref() == Some("error") || self.error.is_some_and(|error| error.get() != "null")
    }
}

#[derive(Deserialize)]
struct Choice<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    delta: Option<Message<'a>>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<TextOr<'a, Vec<Part<'a>>>>,
    /// bedrock-mantle's word for it (AWS's own models behind it say the same; brainlid/langchain#521).
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    /// The word of DeepSeek and of many servers.
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow)]
    annotations: Option<Vec<Annotation<'a>>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Default, Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    url_citation: Option<UrlCitation<'a>>,
}

#[derive(Deserialize)]
struct UrlCitation<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}
