//! Converse events as the events of a streamed response.

use bytes::BytesMut;
use serde::Serialize;

use super::items::{COMPLETED, Item, Part, Summary, enclose};
use super::request::Echo;
use super::response::{Ending, Response, error_code};
use super::tools::text_of;
use crate::Json;
use crate::bedrock::{
    BedrockError, BlockDelta, BlockStart, ContentBlock, ContentBlockStart, Extension, MessageStop,
    OtherMember, ReasoningContent, ReasoningDelta, ReasoningText, StreamEvent, StreamMetadata, ToolResult,
    ToolResultBlock, ToolUse,
};
use crate::citing::Annotation;
use crate::dialect::{Answer, Truncated, to_vec};
use crate::formed::AnswerStream;
use crate::sse;

/// Writes one answer's events into a buffer that the caller reuses.
///
/// An item ends when the next one begins or the answer ends, so that its status is known when it is said.
#[derive(Debug)]
pub struct StreamWriter {
    answer: Answer,
    echo: Echo,
    sequence: u64,
    started: bool,
    /// The items that are whole.
    output: Vec<Item>,
    open: Option<Open>,
    stop: Option<MessageStop>,
    metadata: bool,
    /// Makes text of the call that is the answer.
    formed: Option<AnswerStream>,
    /// The whole response, where it is to be stored.
    whole: Option<Vec<u8>>,
}

/// What is being said, and at which of Bedrock's indexes.
#[derive(Debug)]
struct Open {
    at: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Its last part is open; [`Open::at`] is the part's.
    Message(Item),
    Reasoning {
        item: Item,
        text: String,
        signature: Option<String>,
        redacted: Option<String>,
    },
    Call(Item),
    /// Its text is known when its arguments are whole.
    CustomCall {
        item: Item,
        arguments: String,
    },
    /// Gathered here until it is whole.
    ServerTool {
        call: ToolUse,
        input: String,
    },
    ServerResult(ToolResult),
}

impl StreamWriter {
    /// A writer for one answer.
    pub fn new(answer: Answer, echo: Echo) -> Self {
        let formed = answer.names.answer().map(AnswerStream::new);
        Self {
            answer,
            echo,
            sequence: 0,
            started: false,
            output: Vec::new(),
            open: None,
            stop: None,
            metadata: false,
            formed,
            whole: None,
        }
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
            StreamEvent::MessageStart(_) => self.begin(out),
            StreamEvent::ContentBlockStart(start) => self.start(start, out),
            StreamEvent::ContentBlockDelta(delta) => self.delta(delta.content_block_index, &delta.delta, out),
            StreamEvent::ContentBlockStop(_) | StreamEvent::Other { .. } => {}
            StreamEvent::MessageStop(stop) => {
                self.close(Ending::of(&stop.stop_reason).item_status(), out);
                self.stop = Some(stop.clone());
            }
            StreamEvent::Metadata(metadata) => {
                self.metadata = true;
                self.end(metadata, out);
            }
        }
    }

    /// Checks that the stream was complete; an incomplete one is refused and nothing is written.
    pub fn finish(&mut self, _: &mut BytesMut) -> Result<(), Truncated> {
        if self.stop.is_some() && self.metadata {
            return Ok(());
        }
        Err(Truncated { stopped: self.stop.is_some(), metadata: self.metadata })
    }

    /// The response as the last event of a complete stream stated it.
    pub fn response(&self) -> Option<&[u8]> {
        self.whole.as_deref()
    }

    /// Ends the stream with `response.failed` and `error`, so that no client takes it for complete.
    pub fn error(&mut self, error: &BedrockError, out: &mut BytesMut) {
        let response = Response::failed(&self.answer, &self.echo, &self.output, error);
        write(&mut self.sequence, "response.failed", &Whole { response }, out);
        write_error(&mut self.sequence, error, out);
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        for name in ["response.created", "response.in_progress"] {
            let response = Response::begun(&self.answer, &self.echo, &[]);
            write(&mut self.sequence, name, &Whole { response }, out);
        }
    }

    fn end(&mut self, metadata: &StreamMetadata, out: &mut BytesMut) {
        let Some(MessageStop { stop_reason: reason, additional_model_response_fields: fields }) = &self.stop
        else {
            return;
        };
        let usage = metadata.usage.clone().unwrap_or_default();
        let bedrock = Extension::of_stream(fields.as_ref(), metadata);
        let ended = Response::ended(&self.answer, &self.echo, &self.output, reason, &usage);
        let response = ended.beside(bedrock);
        if self.echo.store {
            self.whole = Some(to_vec(&response));
        }
        write(&mut self.sequence, Ending::of(reason).event(), &Whole { response }, out);
    }

    fn start(&mut self, start: &ContentBlockStart, out: &mut BytesMut) {
        let at = start.content_block_index;
        match &start.start {
            BlockStart::ToolUse(tool) if tool.runs_on_bedrock() => {
                self.gather(at, Kind::ServerTool { call: tool.begun(), input: String::new() }, out);
            }
            BlockStart::ToolUse(tool) => {
                self.close(COMPLETED, out);
                let index = self.output.len();
                let item = Item::call(&self.answer, index, tool.tool_use_id.clone(), &tool.name);
                self.added(&item, out);
                let kind = match item {
                    Item::CustomToolCall { .. } => Kind::CustomCall { item, arguments: String::new() },
                    _ => Kind::Call(item),
                };
                self.open = Some(Open { at, kind });
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
            BlockDelta::Text(text) => self.text(at, text, out),
            BlockDelta::ToolUse(piece) => self.arguments(&piece.input, out),
            BlockDelta::Reasoning(reasoning) => self.reasoning(at, reasoning, out),
            BlockDelta::Citation(citation) => {
                let citation = self.answer.names.cited(citation).into_owned();
                if let Some(part) = self.part(at, out) {
                    part.citations.push(citation);
                }
            }
            BlockDelta::ToolResult(pieces) => self.server_result(pieces, out),
            BlockDelta::Image(image) => self.foreign("image", image, out),
            BlockDelta::Other(other) => self.foreign(&other.key, &other.value, out),
        }
    }

    fn text(&mut self, at: usize, delta: &str, out: &mut BytesMut) {
        let Some(part) = self.part(at, out) else { return };
        part.text.push_str(delta);
        let output_index = self.output.len();
        let Some(Open { kind: Kind::Message(item @ Item::Message { content, .. }), .. }) = &self.open else {
            return;
        };
        let content_index = content.len().saturating_sub(1);
        let event = TextDelta { item_id: item.id(), output_index, content_index, delta, logprobs: [] };
        write(&mut self.sequence, "response.output_text.delta", &event, out);
    }

    /// The part of a message for Bedrock's block `at`, begun when it is not there.
    fn part(&mut self, at: usize, out: &mut BytesMut) -> Option<&mut Part> {
        match &mut self.open {
            Some(Open { at: open, kind: Kind::Message(_) }) if *open == at => {}
            Some(Open { at: open, kind: Kind::Message(item) }) => {
                part_done(&mut self.sequence, item, self.output.len(), out);
                *open = at;
                part_added(&mut self.sequence, item, self.output.len(), out);
            }
            _ => {
                self.close(COMPLETED, out);
                let mut item = Item::message(&self.answer, self.output.len());
                self.added(&item, out);
                part_added(&mut self.sequence, &mut item, self.output.len(), out);
                self.open = Some(Open { at, kind: Kind::Message(item) });
            }
        }
        match &mut self.open {
            Some(Open { kind: Kind::Message(Item::Message { content, .. }), .. }) => content.last_mut(),
            _ => None,
        }
    }

    fn arguments(&mut self, delta: &str, out: &mut BytesMut) {
        match &mut self.open {
            Some(Open { kind: Kind::ServerTool { input, .. }, .. }) => input.push_str(delta),
            Some(Open { kind: Kind::CustomCall { arguments, .. }, .. }) => arguments.push_str(delta),
            Some(Open { kind: Kind::Call(Item::FunctionCall { id, arguments, .. }), .. })
                if !delta.is_empty() =>
            {
                arguments.push_str(delta);
                let event = ArgumentsDelta { item_id: id, output_index: self.output.len(), delta };
                write(&mut self.sequence, "response.function_call_arguments.delta", &event, out);
            }
            _ => {}
        }
    }

    fn reasoning(&mut self, at: usize, delta: &ReasoningDelta<'_>, out: &mut BytesMut) {
        if let ReasoningDelta::Other(other) = delta {
            return self.foreign(&other.key, &other.value, out);
        }
        if !matches!(&self.open, Some(Open { at: open, kind: Kind::Reasoning { .. } }) if *open == at) {
            self.close(COMPLETED, out);
            let item = Item::reasoning(&self.answer, self.output.len());
            self.added(&item, out);
            let kind = Kind::Reasoning { item, text: String::new(), signature: None, redacted: None };
            self.open = Some(Open { at, kind });
        }
        let output_index = self.output.len();
        let Some(Open { kind: Kind::Reasoning { item, text, signature, redacted }, .. }) = &mut self.open
        else {
            return;
        };
        match delta {
            ReasoningDelta::Text(delta) if !delta.is_empty() => {
                let place = SummaryPlace { item_id: item.id(), output_index, summary_index: 0 };
                if text.is_empty() {
                    let part = Summary { text: String::new() };
                    let event = SummaryPart { place, part: &part };
                    write(&mut self.sequence, "response.reasoning_summary_part.added", &event, out);
                }
                text.push_str(delta);
                let event = SummaryDelta { place, delta };
                write(&mut self.sequence, "response.reasoning_summary_text.delta", &event, out);
            }
            ReasoningDelta::Text(_) | ReasoningDelta::Other(_) => {}
            ReasoningDelta::Signature(piece) => signature.get_or_insert_default().push_str(piece),
            ReasoningDelta::Redacted(data) => redacted.get_or_insert_default().push_str(data),
        }
    }

    fn server_result(&mut self, pieces: &Json, out: &mut BytesMut) {
        let blocks = serde_json::from_str::<Vec<ToolResultBlock>>(pieces.get());
        if let (Some(Open { kind: Kind::ServerResult(result), .. }), Ok(blocks)) = (&mut self.open, blocks) {
            return result.content.extend(blocks);
        }
        self.foreign("toolResult", pieces, out);
    }

    fn gather(&mut self, at: usize, kind: Kind, out: &mut BytesMut) {
        self.close(COMPLETED, out);
        self.open = Some(Open { at, kind });
    }

    fn foreign(&mut self, key: &str, value: &Json, out: &mut BytesMut) {
        self.close(COMPLETED, out);
        let member = OtherMember { key: key.to_owned(), value: value.clone() };
        self.whole(ContentBlock::Other(member), out);
    }

    /// An item that arrives whole.
    fn whole(&mut self, block: ContentBlock, out: &mut BytesMut) {
        let item = Item::block(&self.answer, self.output.len(), block);
        self.added(&item, out);
        self.done(item, out);
    }

    /// Ends what is being said, if anything is.
    fn close(&mut self, status: &'static str, out: &mut BytesMut) {
        let Some(Open { kind, .. }) = self.open.take() else { return };
        let output_index = self.output.len();
        let mut item = match kind {
            Kind::Message(mut item) => {
                part_done(&mut self.sequence, &mut item, output_index, out);
                item
            }
            Kind::Reasoning { mut item, text, signature, redacted } => {
                reasoning_done(&mut self.sequence, &item, output_index, &text, out);
                enclose(reasoning_block(text, signature, redacted), &mut item);
                item
            }
            Kind::Call(mut item) => {
                arguments_done(&mut self.sequence, &mut item, output_index, out);
                item
            }
            Kind::CustomCall { mut item, arguments } => {
                custom_done(&mut self.sequence, &mut item, output_index, &arguments, out);
                item
            }
            Kind::ServerTool { mut call, input } => {
                if let Ok(input) = Json::parse(input) {
                    call.input = input;
                }
                return self.whole(ContentBlock::ToolUse(call), out);
            }
            Kind::ServerResult(result) => return self.whole(ContentBlock::ToolResult(result), out),
        };
        item.end(status);
        self.done(item, out);
    }

    fn added(&mut self, item: &Item, out: &mut BytesMut) {
        self.begin(out);
        let event = ItemEvent { output_index: self.output.len(), item };
        write(&mut self.sequence, "response.output_item.added", &event, out);
    }

    fn done(&mut self, item: Item, out: &mut BytesMut) {
        let event = ItemEvent { output_index: self.output.len(), item: &item };
        write(&mut self.sequence, "response.output_item.done", &event, out);
        self.output.push(item);
    }
}

fn reasoning_block(text: String, signature: Option<String>, redacted: Option<String>) -> ReasoningContent {
    match redacted {
        Some(data) => ReasoningContent::Redacted(data),
        None => ReasoningContent::Text(ReasoningText { text, signature }),
    }
}

fn part_added(sequence: &mut u64, item: &mut Item, output_index: usize, out: &mut BytesMut) {
    let Item::Message { id, content, .. } = item else { return };
    content.push(Part::default());
    let content_index = content.len() - 1;
    let event = PartEvent { item_id: id, output_index, content_index, part: &content[content_index] };
    write(sequence, "response.content_part.added", &event, out);
}

fn part_done(sequence: &mut u64, item: &mut Item, output_index: usize, out: &mut BytesMut) {
    let Item::Message { id: item_id, content, .. } = item else { return };
    let content_index = content.len().saturating_sub(1);
    let Some(part) = content.last_mut() else { return };
    for (annotation_index, annotation) in part.annotate().iter().enumerate() {
        let event = AnnotationAdded { item_id, output_index, content_index, annotation_index, annotation };
        write(sequence, "response.output_text.annotation.added", &event, out);
    }
    let event = TextDone { item_id, output_index, content_index, text: &part.text, logprobs: [] };
    write(sequence, "response.output_text.done", &event, out);
    let event = PartEvent { item_id, output_index, content_index, part };
    write(sequence, "response.content_part.done", &event, out);
}

fn reasoning_done(sequence: &mut u64, item: &Item, output_index: usize, text: &str, out: &mut BytesMut) {
    if text.is_empty() {
        return;
    }
    let place = SummaryPlace { item_id: item.id(), output_index, summary_index: 0 };
    write(sequence, "response.reasoning_summary_text.done", &SummaryDone { place, text }, out);
    let part = Summary { text: text.to_owned() };
    write(sequence, "response.reasoning_summary_part.done", &SummaryPart { place, part: &part }, out);
}

fn arguments_done(sequence: &mut u64, item: &mut Item, output_index: usize, out: &mut BytesMut) {
    let Item::FunctionCall { id: item_id, name, arguments, .. } = item else { return };
    if arguments.is_empty() {
        "{}".clone_into(arguments);
        let event = ArgumentsDelta { item_id, output_index, delta: arguments };
        write(sequence, "response.function_call_arguments.delta", &event, out);
    }
    let event = ArgumentsDone { item_id, output_index, name, arguments };
    write(sequence, "response.function_call_arguments.done", &event, out);
}

fn custom_done(
    sequence: &mut u64,
    item: &mut Item,
    output_index: usize,
    arguments: &str,
    out: &mut BytesMut,
) {
    let Item::CustomToolCall { id: item_id, input, .. } = item else { return };
    *input = text_of(arguments);
    let event = ArgumentsDelta { item_id, output_index, delta: input };
    write(sequence, "response.custom_tool_call_input.delta", &event, out);
    let event = InputDone { item_id, output_index, input };
    write(sequence, "response.custom_tool_call_input.done", &event, out);
}

fn write<T: Serialize>(sequence: &mut u64, name: &'static str, body: &T, out: &mut BytesMut) {
    sse::write(out, Some(name), &Event { kind: name, sequence_number: *sequence, body });
    *sequence += 1;
}

/// Says that the stream failed.
pub(crate) fn write_error(sequence: &mut u64, error: &BedrockError, out: &mut BytesMut) {
    let (code, message) = (error_code(error.status), error.message.as_str());
    let nested = ErrorBody { r#type: code, code, message, param: None };
    write(sequence, "error", &ErrorEvent { code, message, param: None, error: nested }, out);
}

#[derive(Serialize)]
struct Event<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    #[serde(flatten)]
    body: &'a T,
}

#[derive(Serialize)]
struct Whole<'a> {
    response: Response<'a>,
}

#[derive(Serialize)]
struct ItemEvent<'a> {
    output_index: usize,
    item: &'a Item,
}

#[derive(Serialize)]
struct PartEvent<'a> {
    item_id: &'a str,
    output_index: usize,
    content_index: usize,
    part: &'a Part,
}

#[derive(Serialize)]
struct TextDelta<'a> {
    item_id: &'a str,
    output_index: usize,
    content_index: usize,
    delta: &'a str,
    logprobs: [(); 0],
}

#[derive(Serialize)]
struct TextDone<'a> {
    item_id: &'a str,
    output_index: usize,
    content_index: usize,
    text: &'a str,
    logprobs: [(); 0],
}

#[derive(Serialize)]
struct AnnotationAdded<'a> {
    item_id: &'a str,
    output_index: usize,
    content_index: usize,
    annotation_index: usize,
    annotation: &'a Annotation,
}

#[derive(Serialize)]
struct ArgumentsDelta<'a> {
    item_id: &'a str,
    output_index: usize,
    delta: &'a str,
}

#[derive(Serialize)]
struct ArgumentsDone<'a> {
    item_id: &'a str,
    output_index: usize,
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct InputDone<'a> {
    item_id: &'a str,
    output_index: usize,
    input: &'a str,
}

#[derive(Clone, Copy, Serialize)]
struct SummaryPlace<'a> {
    item_id: &'a str,
    output_index: usize,
    summary_index: usize,
}

#[derive(Serialize)]
struct SummaryPart<'a> {
    #[serde(flatten)]
    place: SummaryPlace<'a>,
    part: &'a Summary,
}

#[derive(Serialize)]
struct SummaryDelta<'a> {
    #[serde(flatten)]
    place: SummaryPlace<'a>,
    delta: &'a str,
}

#[derive(Serialize)]
struct SummaryDone<'a> {
    #[serde(flatten)]
    place: SummaryPlace<'a>,
    text: &'a str,
}

/// `error` is where OpenAI's SDKs look; the members beside it are OpenAI's documented form.
#[derive(Serialize)]
struct ErrorEvent<'a> {
    code: &'static str,
    message: &'a str,
    param: Option<()>,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    r#type: &'static str,
    code: &'static str,
    message: &'a str,
    param: Option<()>,
}
