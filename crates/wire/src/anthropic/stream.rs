//! Converse events as the Messages API's events.

use bytes::BytesMut;
use serde::Serialize;

use super::citation::citation;
use super::response::{Block, MessageBody, MessagesUsage, stop_sequence, stop_word};
use crate::Json;
use crate::bedrock::{
    BedrockError, BlockDelta, BlockStart, ContentBlock, ContentBlockStart, Extension, MessageStop,
    OtherMember, ReasoningDelta, StreamEvent, StreamMetadata, ToolResult, ToolResultBlock, ToolUse, Usage,
};
use crate::dialect::{Answer, Dialect, Truncated, error_body};
use crate::formed::AnswerStream;
use crate::sse;

/// Writes one answer's events into a buffer that the caller reuses.
///
/// Converse opens no text and no reasoning blocks; they are opened here, at their first delta. The usage is known only
/// at the end: `message_start` says zero, `message_delta` says all of it, as its fields are cumulative.
#[derive(Debug)]
pub struct StreamWriter {
    answer: Answer,
    started: bool,
    open: Option<Open>,
    /// The index of the next block the client sees.
    next: usize,
    stop: Option<MessageStop>,
    metadata: bool,
    /// Makes text of the call that is the answer.
    formed: Option<AnswerStream>,
}

/// The block that is open: Bedrock's index and what it is.
#[derive(Debug)]
struct Open {
    at: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Open on the client's side.
    Text,
    Thinking,
    Tool,
    /// Gathered here until it is whole.
    ServerTool {
        call: ToolUse,
        input: String,
    },
    ServerResult(ToolResult),
}

impl Kind {
    fn is_gathered(&self) -> bool {
        matches!(self, Self::ServerTool { .. } | Self::ServerResult(_))
    }
}

impl StreamWriter {
    /// A writer for one answer.
    pub fn new(answer: Answer) -> Self {
        let formed = answer.names.answer().map(AnswerStream::new);
        Self { answer, started: false, open: None, next: 0, stop: None, metadata: false, formed }
    }

    /// Appends the events that an event makes; some make none.
    pub fn event(&mut self, event: &StreamEvent<'_>, out: &mut BytesMut) {
        let Some(formed) = &mut self.formed else { return self.write(event, out) };
        for event in formed.unfold(event) {
            self.write(&event, out);
        }
    }

    fn write(&mut self, event: &StreamEvent<'_>, out: &mut BytesMut) {
        match event {
            StreamEvent::MessageStart(_) => self.message_start(out),
            StreamEvent::ContentBlockStart(start) => self.block_start(start, out),
            StreamEvent::ContentBlockDelta(delta) => self.delta(delta.content_block_index, &delta.delta, out),
            StreamEvent::ContentBlockStop(stop) => {
                if self.open.as_ref().is_some_and(|open| open.at == stop.content_block_index) {
                    self.close(out);
                }
            }
            StreamEvent::MessageStop(stop) => {
                self.close(out);
                self.stop = Some(stop.clone());
            }
            StreamEvent::Metadata(metadata) => {
                self.metadata = true;
                self.message_delta(metadata, out);
            }
            StreamEvent::Other { .. } => {}
        }
    }

    /// Ends a complete stream with `message_stop`; an incomplete one is refused and nothing is written.
    pub fn finish(&mut self, out: &mut BytesMut) -> Result<(), Truncated> {
        if self.stop.is_none() || !self.metadata {
            return Err(Truncated { stopped: self.stop.is_some(), metadata: self.metadata });
        }
        sse::write(out, Some("message_stop"), &Event { kind: "message_stop" });
        Ok(())
    }

    /// Ends the stream with `event: error` and no `message_stop`, so that no client takes it for complete.
    pub fn error(&mut self, error: &BedrockError, request_id: &str, out: &mut BytesMut) {
        let body = error_body(Dialect::Messages, error.status, error, request_id, None);
        sse::write_raw(out, "error", &body);
    }

    fn message_start(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let message = MessageBody {
            id: &self.answer.id,
            kind: "message",
            role: "assistant",
            model: &self.answer.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: MessagesUsage::of(&Usage::default()),
            bedrock: Extension::default(),
        };
        sse::write(out, Some("message_start"), &MessageStart { kind: "message_start", message });
    }

    fn message_delta(&mut self, metadata: &StreamMetadata, out: &mut BytesMut) {
        let Some(MessageStop { stop_reason, additional_model_response_fields: fields }) = &self.stop else {
            return;
        };
        let sequence = stop_sequence(fields.as_ref());
        let delta = StopDelta { stop_reason: stop_word(stop_reason), stop_sequence: sequence.as_deref() };
        let usage = MessagesUsage::of(metadata.usage.as_ref().unwrap_or(&Usage::default()));
        let bedrock = Extension::of_stream(fields.as_ref(), metadata);
        let event = MessageDelta { kind: "message_delta", delta, usage, bedrock };
        sse::write(out, Some("message_delta"), &event);
    }

    fn block_start(&mut self, start: &ContentBlockStart, out: &mut BytesMut) {
        let at = start.content_block_index;
        match &start.start {
            BlockStart::ToolUse(tool) if tool.runs_on_bedrock() => {
                self.gather(at, Kind::ServerTool { call: tool.begun(), input: String::new() }, out);
            }
            BlockStart::ToolUse(tool) => {
                let block = Block::ToolUse {
                    id: tool.tool_use_id.clone(),
                    name: self.answer.names.original(&tool.name).to_owned(),
                    input: Json::empty_object(),
                };
                self.open(at, Kind::Tool, &block, out);
            }
            BlockStart::ToolResult(result) => {
                self.gather(at, Kind::ServerResult(result.begun()), out);
            }
            BlockStart::Image(image) => self.foreign("image", image, out),
            BlockStart::Other(other) => self.foreign(&other.key, &other.value, out),
        }
    }

    fn delta(&mut self, at: usize, delta: &BlockDelta<'_>, out: &mut BytesMut) {
        match delta {
            BlockDelta::Text(text) => {
                self.ensure_text(at, out);
                self.write_delta(&DeltaKind::Text { text }, out);
            }
            BlockDelta::ToolUse(piece) => match &mut self.open {
                Some(Open { kind: Kind::ServerTool { input, .. }, .. }) => input.push_str(&piece.input),
                Some(Open { kind: Kind::Tool, .. }) => {
                    self.write_delta(&DeltaKind::InputJson { partial_json: &piece.input }, out);
                }
                _ => {}
            },
            BlockDelta::Reasoning(reasoning) => self.reasoning(at, reasoning, out),
            BlockDelta::Citation(raw) => {
                self.ensure_text(at, out);
                self.write_delta(
                    &DeltaKind::Citations { citation: citation(&self.answer.names.cited(raw)) },
                    out,
                );
            }
            BlockDelta::ToolResult(pieces) => self.server_result(pieces, out),
            BlockDelta::Image(image) => self.foreign("image", image, out),
            BlockDelta::Other(other) => self.foreign(&other.key, &other.value, out),
        }
    }

    fn reasoning(&mut self, at: usize, delta: &ReasoningDelta<'_>, out: &mut BytesMut) {
        match delta {
            ReasoningDelta::Text(thinking) => {
                self.ensure_thinking(at, out);
                self.write_delta(&DeltaKind::Thinking { thinking }, out);
            }
            ReasoningDelta::Signature(signature) => {
                self.ensure_thinking(at, out);
                self.write_delta(&DeltaKind::Signature { signature }, out);
            }
            ReasoningDelta::Redacted(data) => {
                self.whole(&Block::RedactedThinking { data: data.0.to_string() }, out)
            }
            ReasoningDelta::Other(other) => self.foreign(&other.key, &other.value, out),
        }
    }

    fn server_result(&mut self, pieces: &Json, out: &mut BytesMut) {
        let blocks = serde_json::from_str::<Vec<ToolResultBlock>>(pieces.get());
        if let (Some(Open { kind: Kind::ServerResult(result), .. }), Ok(blocks)) = (&mut self.open, blocks) {
            return result.content.extend(blocks);
        }
        self.foreign("toolResult", pieces, out);
    }

    fn ensure_text(&mut self, at: usize, out: &mut BytesMut) {
        if !matches!(&self.open, Some(Open { at: open, kind: Kind::Text }) if *open == at) {
            self.open(at, Kind::Text, &Block::Text { text: String::new(), citations: Vec::new() }, out);
        }
    }

    fn ensure_thinking(&mut self, at: usize, out: &mut BytesMut) {
        if !matches!(&self.open, Some(Open { at: open, kind: Kind::Thinking }) if *open == at) {
            let block = Block::Thinking { thinking: String::new(), signature: String::new() };
            self.open(at, Kind::Thinking, &block, out);
        }
    }

    fn open(&mut self, at: usize, kind: Kind, block: &Block, out: &mut BytesMut) {
        self.close(out);
        self.write_start(block, out);
        self.open = Some(Open { at, kind });
    }

    /// Opens a block that the client gets when it is whole.
    fn gather(&mut self, at: usize, kind: Kind, out: &mut BytesMut) {
        self.close(out);
        self.open = Some(Open { at, kind });
    }

    /// Closes what is open, if anything is.
    fn close(&mut self, out: &mut BytesMut) {
        let Some(Open { kind, .. }) = self.open.take() else { return };
        match kind {
            Kind::Text | Kind::Thinking | Kind::Tool => self.write_stop(out),
            Kind::ServerTool { mut call, input } => {
                if let Ok(input) = Json::parse(input) {
                    call.input = input;
                }
                self.whole(&Block::Bedrock { block: ContentBlock::ToolUse(call) }, out);
            }
            Kind::ServerResult(result) => {
                self.whole(&Block::Bedrock { block: ContentBlock::ToolResult(result) }, out);
            }
        }
    }

    fn foreign(&mut self, key: &str, value: &Json, out: &mut BytesMut) {
        let member = OtherMember { key: key.to_owned(), value: value.clone() };
        self.whole(&Block::Bedrock { block: ContentBlock::Other(member) }, out);
    }

    /// A block that arrives whole, between the others.
    fn whole(&mut self, block: &Block, out: &mut BytesMut) {
        if self.open.as_ref().is_some_and(|open| !open.kind.is_gathered()) {
            self.close(out);
        }
        self.write_start(block, out);
        self.write_stop(out);
    }

    fn write_start(&mut self, block: &Block, out: &mut BytesMut) {
        self.message_start(out);
        let event = BlockStartEvent { kind: "content_block_start", index: self.next, content_block: block };
        sse::write(out, Some("content_block_start"), &event);
    }

    fn write_delta(&self, delta: &DeltaKind<'_>, out: &mut BytesMut) {
        let event = BlockDeltaEvent { kind: "content_block_delta", index: self.next, delta };
        sse::write(out, Some("content_block_delta"), &event);
    }

    fn write_stop(&mut self, out: &mut BytesMut) {
        sse::write(
            out,
            Some("content_block_stop"),
            &BlockStopEvent { kind: "content_block_stop", index: self.next },
        );
        self.next += 1;
    }
}

#[derive(Serialize)]
struct Event {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct MessageStart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: MessageBody<'a>,
}

#[derive(Serialize)]
struct MessageDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delta: StopDelta<'a>,
    usage: MessagesUsage,
    #[serde(skip_serializing_if = "Extension::is_empty")]
    bedrock: Extension<'a>,
}

#[derive(Serialize)]
struct StopDelta<'a> {
    stop_reason: &'a str,
    stop_sequence: Option<&'a str>,
}

#[derive(Serialize)]
struct BlockStartEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: usize,
    content_block: &'a Block,
}

#[derive(Serialize)]
struct BlockDeltaEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: usize,
    delta: &'a DeltaKind<'a>,
}

#[derive(Serialize)]
struct BlockStopEvent {
    #[serde(rename = "type")]
    kind: &'static str,
    index: usize,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum DeltaKind<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
    #[serde(rename = "citations_delta")]
    Citations { citation: Json },
}
