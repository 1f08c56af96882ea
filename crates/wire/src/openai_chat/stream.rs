//! Converse events as `chat.completion.chunk`s.

use bytes::BytesMut;
use serde::Serialize;

use super::response::{ChatUsage, PageAnnotation, ReasoningDetail, finish_reason};
use crate::Json;
use crate::bedrock::{
    BedrockError, BlockDelta, BlockStart, ContentBlock, ContentBlockStart, Extension, MessageStop,
    OtherMember, ReasoningDelta, ReasoningText, StreamEvent, StreamMetadata, ToolResult, ToolResultBlock,
    ToolUse, Usage,
};
use crate::dialect::{Answer, Dialect, Truncated, error_body};
use crate::formed::AnswerStream;
use crate::sse;

/// Writes one answer's events into a buffer that the caller reuses.
#[derive(Debug)]
pub struct StreamWriter {
    answer: Answer,
    /// `data: {"id":…,"object":…,"created":…,"model":…,` — the same in every chunk.
    prefix: Vec<u8>,
    include_usage: bool,
    tool_calls: usize,
    reasoning_details: usize,
    /// Blocks that are not yet whole, by Bedrock's index; one at a time in practice.
    open: Vec<(usize, OpenBlock)>,
    /// Reasoning blocks that are not yet whole, likewise.
    reasoning: Vec<(usize, ReasoningText)>,
    text: Cited,
    /// Said together with what Bedrock says last, so that no client takes a cut stream for complete.
    stop: Option<MessageStop>,
    metadata: bool,
    /// Makes text of the call that is the answer.
    formed: Option<AnswerStream>,
}

/// The text block that is being said, for the annotations that say where it stands.
#[derive(Debug, Default)]
struct Cited {
    /// Bedrock's index.
    at: usize,
    /// The characters said before it, and all.
    start: usize,
    end: usize,
    citations: Vec<Json>,
}

impl Cited {
    fn hear(&mut self, at: usize, text: &str) {
        if at != self.at {
            *self = Self { at, start: self.end, end: self.end, citations: Vec::new() };
        }
        self.end += text.chars().count();
    }
}

/// What must be known of a block until it ends.
#[derive(Debug)]
enum OpenBlock {
    Tool { index: usize, has_arguments: bool },
    ServerTool { call: ToolUse, input: String },
    ServerResult(ToolResult),
}

impl StreamWriter {
    /// A writer for one answer; with `include_usage` (`stream_options.include_usage`) the last chunk states the usage.
    pub fn new(answer: Answer, include_usage: bool) -> Self {
        let formed = answer.names.answer().map(AnswerStream::new);
        let head = Head {
            id: &answer.id,
            object: "chat.completion.chunk",
            created: answer.created,
            model: &answer.model,
        };
        let mut prefix = b"data: ".to_vec();
        prefix.extend(crate::dialect::to_vec(&head));
        prefix.pop();
        Self {
            answer,
            prefix,
            include_usage,
            tool_calls: 0,
            reasoning_details: 0,
            open: Vec::new(),
            reasoning: Vec::new(),
            text: Cited::default(),
            stop: None,
            metadata: false,
            formed,
        }
    }

    /// Appends the chunks that an event makes; some make none.
    pub fn event(&mut self, event: &StreamEvent<'_>, out: &mut BytesMut) {
        let Some(formed) = &mut self.formed else { return self.write(event, out) };
        for event in formed.unfold(event) {
            self.write(&event, out);
        }
    }

    fn write(&mut self, event: &StreamEvent<'_>, out: &mut BytesMut) {
        match event {
            StreamEvent::MessageStart(_) => {
                self.chunk(&Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, out);
            }
            StreamEvent::ContentBlockStart(start) => self.start(start, out),
            StreamEvent::ContentBlockDelta(delta) => self.delta(delta.content_block_index, &delta.delta, out),
            StreamEvent::ContentBlockStop(stop) => self.stop(stop.content_block_index, out),
            StreamEvent::MessageStop(stop) => self.stop = Some(stop.clone()),
            StreamEvent::Metadata(metadata) => {
                self.metadata = true;
                self.finish_chunk(metadata, out);
                if self.include_usage {
                    self.usage_chunk(&metadata.usage.clone().unwrap_or_default(), out);
                }
            }
            StreamEvent::Other { .. } => {}
        }
    }

    /// Ends a complete stream with `data: [DONE]`; an incomplete one is refused and nothing is written.
    pub fn finish(&mut self, out: &mut BytesMut) -> Result<(), Truncated> {
        if self.stop.is_none() || !self.metadata {
            return Err(Truncated { stopped: self.stop.is_some(), metadata: self.metadata });
        }
        out.extend_from_slice(sse::DONE);
        Ok(())
    }

    /// Ends the stream with an error: `data: {"error":…}` and no `[DONE]`, so that no client takes it for complete.
    pub fn error(&mut self, error: &BedrockError, out: &mut BytesMut) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&error_body(
            Dialect::ChatCompletions,
            error.status,
            error,
            &self.answer.id,
            None,
        ));
        out.extend_from_slice(b"\n\n");
    }

    fn start(&mut self, start: &ContentBlockStart, out: &mut BytesMut) {
        let at = start.content_block_index;
        match &start.start {
            BlockStart::ToolUse(tool) if tool.runs_on_bedrock() => {
                self.open.push((at, OpenBlock::ServerTool { call: tool.begun(), input: String::new() }));
            }
            BlockStart::ToolUse(tool) => {
                let index = self.tool_calls;
                self.tool_calls += 1;
                self.open.push((at, OpenBlock::Tool { index, has_arguments: false }));
                let function =
                    FunctionDelta { name: Some(self.answer.names.original(&tool.name)), arguments: "" };
                let call =
                    ToolCallDelta { index, id: Some(&tool.tool_use_id), r#type: Some("function"), function };
                self.chunk(&Delta { tool_calls: Some([call]), ..Delta::default() }, out);
            }
            BlockStart::ToolResult(result) => {
                self.open.push((at, OpenBlock::ServerResult(result.begun())));
            }
            BlockStart::Image(image) => self.foreign("image", image, out),
            BlockStart::Other(other) => self.foreign(&other.key, &other.value, out),
        }
    }

    fn delta(&mut self, at: usize, delta: &BlockDelta<'_>, out: &mut BytesMut) {
        match delta {
            BlockDelta::Text(text) => {
                self.text.hear(at, text);
                self.chunk(&Delta { content: Some(text), ..Delta::default() }, out);
            }
            BlockDelta::ToolUse(piece) => self.arguments(at, &piece.input, out),
            BlockDelta::Reasoning(reasoning) => self.reasoning(at, reasoning, out),
            BlockDelta::Citation(citation) => {
                let citation = self.answer.names.cited(citation);
                self.chunk(&Delta { citations: Some([&citation]), ..Delta::default() }, out);
                let citation = citation.into_owned();
                self.text.hear(at, "");
                self.text.citations.push(citation);
            }
            BlockDelta::ToolResult(pieces) => self.server_result(at, pieces, out),
            BlockDelta::Image(image) => self.foreign("image", image, out),
            BlockDelta::Other(other) => self.foreign(&other.key, &other.value, out),
        }
    }

    fn arguments(&mut self, at: usize, piece: &str, out: &mut BytesMut) {
        let index = match self.open_block(at) {
            Some(OpenBlock::Tool { index, has_arguments }) => {
                *has_arguments |= !piece.is_empty();
                *index
            }
            Some(OpenBlock::ServerTool { input, .. }) => return input.push_str(piece),
            _ => return,
        };
        if !piece.is_empty() {
            self.arguments_chunk(index, piece, out);
        }
    }

    fn reasoning(&mut self, at: usize, delta: &ReasoningDelta<'_>, out: &mut BytesMut) {
        match delta {
            ReasoningDelta::Text(piece) => {
                self.open_reasoning(at).text.push_str(piece);
                self.chunk(&Delta { reasoning_content: Some(piece), ..Delta::default() }, out);
            }
            ReasoningDelta::Signature(piece) => {
                self.open_reasoning(at).signature.get_or_insert_default().push_str(piece);
            }
            ReasoningDelta::Redacted(data) => {
                let detail = ReasoningDetail::encrypted(self.reasoning_details, data.0.to_string());
                self.reasoning_detail(detail, out);
            }
            ReasoningDelta::Other(other) => self.foreign(&other.key, &other.value, out),
        }
    }

    fn server_result(&mut self, at: usize, pieces: &Json, out: &mut BytesMut) {
        match (self.open_block(at), serde_json::from_str::<Vec<ToolResultBlock>>(pieces.get())) {
            (Some(OpenBlock::ServerResult(result)), Ok(blocks)) => result.content.extend(blocks),
            _ => self.foreign("toolResult", pieces, out),
        }
    }

    fn stop(&mut self, at: usize, out: &mut BytesMut) {
        self.annotate(at, out);
        if let Some(position) = self.reasoning.iter().position(|(index, _)| *index == at) {
            let (_, ReasoningText { text, signature }) = self.reasoning.swap_remove(position);
            if let Some(signature) = signature {
                self.reasoning_detail(ReasoningDetail::text(self.reasoning_details, text, signature), out);
            }
        }
        let Some(position) = self.open.iter().position(|(index, _)| *index == at) else { return };
        match self.open.swap_remove(position).1 {
            OpenBlock::Tool { index, has_arguments: false } => self.arguments_chunk(index, "{}", out),
            OpenBlock::Tool { .. } => {}
            OpenBlock::ServerTool { mut call, input } => {
                if let Ok(input) = Json::parse(input) {
                    call.input = input;
                }
                self.foreign_block(ContentBlock::ToolUse(call), out);
            }
            OpenBlock::ServerResult(result) => self.foreign_block(ContentBlock::ToolResult(result), out),
        }
    }

    /// Says which characters of the answer the pages support that its block cited.
    fn annotate(&mut self, at: usize, out: &mut BytesMut) {
        if self.text.at != at {
            return;
        }
        let Cited { start, end, .. } = self.text;
        for citation in std::mem::take(&mut self.text.citations) {
            if let Some(annotation) = PageAnnotation::of(&citation, start, end) {
                self.chunk(&Delta { annotations: Some([annotation]), ..Delta::default() }, out);
            }
        }
    }

    fn open_block(&mut self, at: usize) -> Option<&mut OpenBlock> {
        self.open.iter_mut().find(|(index, _)| *index == at).map(|(_, block)| block)
    }

    /// The reasoning block at this index, opened at its first delta.
    fn open_reasoning(&mut self, at: usize) -> &mut ReasoningText {
        let position = self.reasoning.iter().position(|(index, _)| *index == at).unwrap_or_else(|| {
            self.reasoning.push((at, ReasoningText { text: String::new(), signature: None }));
            self.reasoning.len() - 1
        });
        &mut self.reasoning[position].1
    }

    fn reasoning_detail(&mut self, detail: ReasoningDetail, out: &mut BytesMut) {
        self.reasoning_details += 1;
        self.chunk(&Delta { reasoning_details: Some([detail]), ..Delta::default() }, out);
    }

    fn arguments_chunk(&mut self, index: usize, arguments: &str, out: &mut BytesMut) {
        let function = FunctionDelta { name: None, arguments };
        let call = ToolCallDelta { index, id: None, r#type: None, function };
        self.chunk(&Delta { tool_calls: Some([call]), ..Delta::default() }, out);
    }

    fn foreign(&self, key: &str, value: &Json, out: &mut BytesMut) {
        let member = OtherMember { key: key.to_owned(), value: value.clone() };
        self.foreign_block(ContentBlock::Other(member), out);
    }

    fn foreign_block(&self, block: ContentBlock, out: &mut BytesMut) {
        self.chunk(&Delta { bedrock_blocks: Some([block]), ..Delta::default() }, out);
    }

    fn chunk(&self, delta: &Delta<'_>, out: &mut BytesMut) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(br#","choices":[{"index":0,"delta":"#);
        sse::write_json(out, delta);
        out.extend_from_slice(br#","logprobs":null,"finish_reason":null}]"#);
        self.end_chunk(out);
    }

    fn finish_chunk(&self, metadata: &StreamMetadata, out: &mut BytesMut) {
        let Some(MessageStop { stop_reason: reason, additional_model_response_fields: fields }) = &self.stop
        else {
            return;
        };
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(br#","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"#);
        sse::write_json(out, finish_reason(reason));
        out.extend_from_slice(br#","native_finish_reason":"#);
        sse::write_json(out, reason.as_str());
        out.extend_from_slice(b"}]");
        let extension = Extension::of_stream(fields.as_ref(), metadata);
        if !extension.is_empty() {
            out.extend_from_slice(br#","bedrock":"#);
            sse::write_json(out, &extension);
        }
        self.end_chunk(out);
    }

    fn usage_chunk(&self, usage: &Usage, out: &mut BytesMut) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(br#","choices":[],"usage":"#);
        sse::write_json(out, &ChatUsage::of(usage));
        out.extend_from_slice(b"}\n\n");
    }

    /// With usage asked for, every chunk but the last says `"usage":null`, as OpenAI's reference has it.
    fn end_chunk(&self, out: &mut BytesMut) {
        let end: &[u8] = if self.include_usage { b",\"usage\":null}\n\n" } else { b"}\n\n" };
        out.extend_from_slice(end);
    }
}

#[derive(Serialize)]
struct Head<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<[ReasoningDetail; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[ToolCallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<[PageAnnotation; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    citations: Option<[&'a Json; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bedrock_blocks: Option<[ContentBlock; 1]>,
}

#[derive(Serialize)]
struct ToolCallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}
