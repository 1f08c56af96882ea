//! Converse's own answers, for clients of Bedrock whose model was asked in another language: whole, or as an event stream.

use bytes::BytesMut;
use serde::Serialize;

use crate::bedrock::{
    BedrockError, BlockDelta, BlockStart, ContentBlock, ContentBlockDelta, ContentBlockStart,
    ConverseResponse, Metrics, Output, StreamEvent, StreamMetadata,
};
use crate::dialect::{Answer, Names, Truncated, to_vec};
use crate::eventstream;
use crate::formed::AnswerStream;

/// The body that `Converse` answers with. Its shape requires the time it took, in milliseconds (botocore 1.44.5,
/// `ConverseResponse`).
pub fn render_response(response: ConverseResponse, answer: &Answer, latency_ms: u64) -> Vec<u8> {
    let mut response = answer.names.unfold(response);
    if let Output::Message(message) = &mut response.output {
        for block in &mut message.content {
            if let ContentBlock::ToolUse(call) = block {
                rename(&mut call.name, &answer.names);
            }
        }
    }
    response.metrics.get_or_insert(Metrics { latency_ms });
    to_vec(&response)
}

fn rename(name: &mut String, names: &Names) {
    let original = names.original(name);
    if original != name {
        *name = original.to_owned();
    }
}

/// Writes the frames of `ConverseStream`.
#[derive(Debug)]
pub struct StreamWriter {
    answer: Answer,
    formed: Option<AnswerStream>,
    stopped: bool,
    metadata: bool,
    /// The payload under construction; reused.
    payload: Vec<u8>,
}

impl StreamWriter {
    /// A writer for one answer.
    pub fn new(answer: Answer) -> Self {
        let formed = answer.names.answer().map(AnswerStream::new);
        Self { answer, formed, stopped: false, metadata: false, payload: Vec::new() }
    }

    /// Appends the frames of an event; `latency_ms` is the time that the answer has taken.
    pub fn event(&mut self, event: &StreamEvent<'_>, latency_ms: u64, out: &mut BytesMut) {
        let Some(formed) = &mut self.formed else { return self.write(event, latency_ms, out) };
        for event in formed.unfold(event) {
            self.write(&event, latency_ms, out);
        }
    }

    fn write(&mut self, event: &StreamEvent<'_>, latency_ms: u64, out: &mut BytesMut) {
        match event {
            StreamEvent::MessageStart(start) => self.frame("messageStart", start, out),
            StreamEvent::ContentBlockStart(start) => self.start(start, out),
            StreamEvent::ContentBlockDelta(ContentBlockDelta {
                content_block_index,
                delta: BlockDelta::Citation(citation),
            }) => {
                let delta = BlockDelta::Citation(self.answer.names.cited(citation).into_owned());
                let content_block_index = *content_block_index;
                self.frame("contentBlockDelta", &ContentBlockDelta { content_block_index, delta }, out);
            }
            StreamEvent::ContentBlockDelta(delta) => self.frame("contentBlockDelta", delta, out),
            StreamEvent::ContentBlockStop(stop) => self.frame("contentBlockStop", stop, out),
            StreamEvent::MessageStop(stop) => {
                self.stopped = true;
                self.frame("messageStop", stop, out);
            }
            StreamEvent::Metadata(metadata) => {
                self.metadata = true;
                let mut metadata = StreamMetadata::clone(metadata);
                metadata.metrics.get_or_insert(Metrics { latency_ms });
                self.frame("metadata", &metadata, out);
            }
            StreamEvent::Other { event_type, payload } => eventstream::write_event(event_type, payload, out),
        }
    }

    fn start(&mut self, start: &ContentBlockStart, out: &mut BytesMut) {
        let mut start = start.clone();
        if let BlockStart::ToolUse(call) = &mut start.start {
            rename(&mut call.name, &self.answer.names);
        }
        self.frame("contentBlockStart", &start, out);
    }

    fn frame<T: Serialize>(&mut self, event_type: &str, payload: &T, out: &mut BytesMut) {
        self.payload.clear();
        serde_json::to_writer(&mut self.payload, payload)
            .expect("our own values hold string keys only, and memory does not fail");
        eventstream::write_event(event_type, &self.payload, out);
    }

    /// Checks that the stream was complete; its last event has ended it already.
    ///
    /// # Errors
    /// An incomplete one.
    pub fn finish(&mut self) -> Result<(), Truncated> {
        let Self { stopped, metadata, .. } = *self;
        if stopped && metadata { Ok(()) } else { Err(Truncated { stopped, metadata }) }
    }

    /// Ends the stream with an exception: boto3 does not notice a cut stream by itself.
    pub fn error(&mut self, error: &BedrockError, out: &mut BytesMut) {
        eventstream::write_exception(error.kind.stream_exception(false), error.body().as_bytes(), out);
    }
}
