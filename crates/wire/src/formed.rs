//! An answer whose form was asked for, from a model that does not enforce one: it was made to call a tool with that
//! form, and the arguments of the call are the answer.
//!
//! Nobody but [`crate::family`], which offers the tool, and this module know of it: before an answer is written in any
//! dialect, whole or streamed, the call becomes the text that the client waits for. Text that the model says beside it is
//! no part of the answer and becomes reasoning, so that the answer is JSON and nothing is lost.

use std::borrow::Cow;

use crate::Json;
use crate::bedrock::{
    BlockDelta, BlockStart, ContentBlock, ContentBlockDelta, ContentBlockStart, ContentBlockStop,
    ConverseResponse, MessageStop, Output, ReasoningContent, ReasoningDelta, ReasoningText, StopReason,
    StreamEvent, Text, ToolUse,
};
use crate::envelope::Members;

/// The tool whose arguments are the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerTool {
    /// As Bedrock knows it.
    pub name: String,
    /// The answer is the one member [`AnswerTool::MEMBER`] of the arguments: tools take objects only.
    pub wrapped: bool,
}

impl AnswerTool {
    /// The member that holds an answer which is no object.
    pub const MEMBER: &str = "answer";

    fn is_called_by(&self, call: &ToolUse) -> bool {
        call.tool_type.is_none() && call.name == self.name
    }

    /// The answer that arguments hold; they themselves where they are not as they should be.
    fn answer<'a>(&self, arguments: &'a str) -> &'a str {
        let arguments = arguments.trim();
        if arguments.is_empty() {
            return "{}";
        }
        if !self.wrapped {
            return arguments;
        }
        let members = serde_json::from_str::<Members<'a>>(arguments);
        let answer = members
            .ok()
            .and_then(|Members(members)| members.into_iter().find(|(key, _)| key == Self::MEMBER));
        answer.map_or(arguments, |(_, value)| value.get())
    }

    /// The response with the call as text; unchanged where the tool was not called.
    pub(crate) fn unfold(&self, mut response: ConverseResponse) -> ConverseResponse {
        let Output::Message(message) = &mut response.output else { return response };
        let is_answer =
            |block: &ContentBlock| matches!(block, ContentBlock::ToolUse(call) if self.is_called_by(call));
        let Some(at) = message.content.iter().position(is_answer) else { return response };
        let blocks = std::mem::take(&mut message.content).into_iter().enumerate();
        message.content = blocks.map(|(index, block)| self.block(block, index == at)).collect();
        if !message.content.iter().any(calls_client) && response.stop_reason == StopReason::ToolUse {
            response.stop_reason = StopReason::EndTurn;
        }
        response
    }

    fn block(&self, block: ContentBlock, is_answer: bool) -> ContentBlock {
        match block {
            ContentBlock::ToolUse(call) if is_answer => {
                ContentBlock::Text(self.answer(call.input.get()).into())
            }
            ContentBlock::ToolUse(call) if self.is_called_by(&call) => aside(self.answer(call.input.get())),
            ContentBlock::Text(text) => aside(&text.to_str()),
            block => block,
        }
    }
}

fn calls_client(block: &ContentBlock) -> bool {
    matches!(block, ContentBlock::ToolUse(call) if call.tool_type.is_none())
}

/// What was said beside the answer.
fn aside(text: &str) -> ContentBlock {
    ContentBlock::Reasoning(ReasoningContent::Text(ReasoningText { text: text.to_owned(), signature: None }))
}

/// The events of an answer whose form was asked for, with the call as text.
#[derive(Debug)]
pub(crate) struct AnswerStream {
    tool: AnswerTool,
    answer: Option<Answering>,
    /// Text that came before it is known whether the tool is called: by index, and whether the block has ended.
    held: Vec<(usize, String, bool)>,
    calls_client: bool,
}

/// The call that is the answer.
#[derive(Debug)]
struct Answering {
    index: usize,
    /// Arguments that are not yet written.
    arguments: String,
    begun: bool,
}

impl AnswerStream {
    pub(crate) fn new(tool: &AnswerTool) -> Self {
        Self { tool: tool.clone(), answer: None, held: Vec::new(), calls_client: false }
    }

    /// The events that the writer of a dialect is to see for one of Bedrock's.
    pub(crate) fn unfold<'e>(&mut self, event: &StreamEvent<'e>) -> Vec<StreamEvent<'e>> {
        match event {
            StreamEvent::ContentBlockStart(start) => self.start(start, event),
            StreamEvent::ContentBlockDelta(delta) => self.delta(delta, event),
            StreamEvent::ContentBlockStop(stop) => self.stop(stop.content_block_index, event),
            StreamEvent::MessageStop(stop) => {
                let mut events = self.release();
                events.push(StreamEvent::MessageStop(self.message_stop(stop)));
                events
            }
            StreamEvent::MessageStart(_) | StreamEvent::Metadata(_) | StreamEvent::Other { .. } => {
                vec![event.clone()]
            }
        }
    }

    fn start<'e>(&mut self, start: &ContentBlockStart, event: &StreamEvent<'e>) -> Vec<StreamEvent<'e>> {
        let called = match &start.start {
            BlockStart::ToolUse(call) if !call.runs_on_bedrock() => Some(&call.name),
            _ => None,
        };
        if called == Some(&self.tool.name) && self.answer.is_none() {
            let index = start.content_block_index;
            self.answer = Some(Answering { index, arguments: String::new(), begun: false });
            return self.release();
        }
        self.calls_client |= called.is_some();
        let mut events = self.release();
        events.push(event.clone());
        events
    }

    fn delta<'e>(&mut self, delta: &ContentBlockDelta<'e>, event: &StreamEvent<'e>) -> Vec<StreamEvent<'e>> {
        let index = delta.content_block_index;
        match (&delta.delta, &mut self.answer) {
            (BlockDelta::ToolUse(piece), Some(answer)) if answer.index == index => {
                if self.tool.wrapped {
                    answer.arguments.push_str(&piece.input);
                    return Vec::new();
                }
                answer.begun |= !piece.input.is_empty();
                vec![text(index, piece.input.0.clone())]
            }
            (BlockDelta::Text(piece), Some(_)) => vec![aside_delta(index, piece.0.clone())],
            (BlockDelta::Text(piece), None) => {
                self.hold(index, piece);
                Vec::new()
            }
            _ => {
                let mut events = self.release();
                events.push(event.clone());
                events
            }
        }
    }

    fn stop<'e>(&mut self, index: usize, event: &StreamEvent<'e>) -> Vec<StreamEvent<'e>> {
        if let Some(held) = self.held.iter_mut().find(|(at, ..)| *at == index) {
            held.2 = true;
            return Vec::new();
        }
        let unwritten = self.answer.as_mut().filter(|answer| answer.index == index && !answer.begun);
        let last = unwritten.map(|answer| {
            answer.begun = true;
            text(index, Cow::Owned(self.tool.answer(&answer.arguments).to_owned()))
        });
        last.into_iter().chain([event.clone()]).collect()
    }

    fn hold(&mut self, index: usize, piece: &str) {
        match self.held.last_mut() {
            Some((at, text, false)) if *at == index => text.push_str(piece),
            _ => self.held.push((index, piece.to_owned(), false)),
        }
    }

    /// What was held, as reasoning where the tool was called, else as the text that it was.
    fn release(&mut self) -> Vec<StreamEvent<'static>> {
        let is_aside = self.answer.is_some();
        let mut events = Vec::new();
        for (index, held, ended) in std::mem::take(&mut self.held) {
            let held = Cow::Owned(held);
            events.push(if is_aside { aside_delta(index, held) } else { text(index, held) });
            if ended {
                events.push(StreamEvent::ContentBlockStop(ContentBlockStop { content_block_index: index }));
            }
        }
        events
    }

    fn message_stop(&self, stop: &MessageStop) -> MessageStop {
        let is_answer =
            self.answer.is_some() && !self.calls_client && stop.stop_reason == StopReason::ToolUse;
        let stop_reason = if is_answer { StopReason::EndTurn } else { stop.stop_reason.clone() };
        MessageStop { stop_reason, ..stop.clone() }
    }
}

fn text(index: usize, text: Cow<'_, str>) -> StreamEvent<'_> {
    let delta = BlockDelta::Text(Text(text));
    StreamEvent::ContentBlockDelta(ContentBlockDelta { content_block_index: index, delta })
}

fn aside_delta(index: usize, text: Cow<'_, str>) -> StreamEvent<'_> {
    let delta = BlockDelta::Reasoning(ReasoningDelta::Text(Text(text)));
    StreamEvent::ContentBlockDelta(ContentBlockDelta { content_block_index: index, delta })
}

/// A schema as a tool takes it: an object, with anything else in one member.
pub(crate) fn tool_schema(schema: &Json) -> (Json, bool) {
    let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(schema.get()) else {
        return (wrapped(schema, ""), true);
    };
    let kind = members.iter().find(|(key, _)| key == "type").map(|(_, value)| value.get());
    let is_object =
        kind == Some(r#""object""#) || kind.is_none() && members.iter().any(|(key, _)| key == "properties");
    if is_object && kind.is_some() {
        return (schema.clone(), false);
    }
    if is_object {
        let (body, _) = crate::envelope::with_member(schema.get().as_bytes(), "type", &"object")
            .expect("an object takes another member");
        let body = String::from_utf8(body).ok().and_then(|body| Json::parse(body).ok());
        return (body.unwrap_or_else(|| schema.clone()), false);
    }
    // References are to the root, so what they refer to moves there.
    let definitions = members.iter().filter(|(key, _)| key == "$defs" || key == "definitions");
    let definitions: String =
        definitions.map(|(key, value)| format!(r#","{key}":{}"#, value.get())).collect();
    (wrapped(schema, &definitions), true)
}

fn wrapped(schema: &Json, definitions: &str) -> Json {
    let member = AnswerTool::MEMBER;
    let schema = schema.get();
    let object = format!(
        r#"{{"type":"object","properties":{{"{member}":{schema}}},"required":["{member}"]{definitions}}}"#
    );
    Json::parse(object).expect("JSON around JSON is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(wrapped: bool) -> AnswerTool {
        AnswerTool { name: "give_answer".to_owned(), wrapped }
    }

    fn response(content: &str, stop: &str) -> ConverseResponse {
        let body = format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":{content}}}}},"stopReason":"{stop}","usage":{{}}}}"#
        );
        serde_json::from_str(&body).unwrap()
    }

    fn unfolded(tool: &AnswerTool, content: &str) -> (String, StopReason) {
        let response = tool.unfold(response(content, "tool_use"));
        let Output::Message(message) = response.output else { panic!("no message") };
        (serde_json::to_string(&message.content).unwrap(), response.stop_reason)
    }

    const CALL: &str = r#"{"toolUse":{"toolUseId":"t","name":"give_answer","input":{"answer":[1.50]}}}"#;
    const OTHER: &str = r#"{"toolUse":{"toolUseId":"u","name":"look_up","input":{}}}"#;

    #[test]
    fn the_call_is_the_answer_and_what_was_said_beside_it_is_reasoning() {
        let (content, stop) = unfolded(&tool(false), &format!(r#"[{{"text":"Here it is:"}},{CALL}]"#));
        assert_eq!(
            content,
            r#"[{"reasoningContent":{"reasoningText":{"text":"Here it is:"}}},{"text":"{\"answer\":[1.50]}"}]"#
        );
        assert_eq!(stop, StopReason::EndTurn);
        assert_eq!(unfolded(&tool(true), &format!("[{CALL}]")).0, r#"[{"text":"[1.50]"}]"#);
        let (content, stop) = unfolded(&tool(false), &format!("[{CALL},{OTHER},{CALL}]"));
        assert!(content.contains("look_up") && content.matches("reasoningText").count() == 1, "{content}");
        assert_eq!(stop, StopReason::ToolUse);
        let plain = r#"[{"text":"I will not."}]"#;
        assert_eq!(unfolded(&tool(false), plain), (plain.to_owned(), StopReason::ToolUse));
    }

    /// What a stream says block by block, however it is cut, is what the whole answer says.
    #[test]
    fn a_stream_says_the_same() {
        let scripts = [
            (
                "before",
                vec![
                    ("t0", "Here "),
                    ("t0", "it is:"),
                    ("stop0", ""),
                    ("answer1", ""),
                    ("a1", "{\"answer\""),
                    ("a1", ":[1]}"),
                    ("stop1", ""),
                ],
            ),
            ("empty", vec![("answer0", ""), ("stop0", "")]),
            (
                "after",
                vec![
                    ("answer0", ""),
                    ("a0", "{\"answer\":1}"),
                    ("stop0", ""),
                    ("t1", "Done."),
                    ("stop1", ""),
                ],
            ),
            ("other", vec![("t0", "I look it up."), ("stop0", ""), ("other1", ""), ("stop1", "")]),
            ("refused", vec![("t0", "No"), ("t0", "."), ("stop0", "")]),
        ];
        let expected = |name: &str, wrapped: bool| match (name, wrapped) {
            ("before", false) => "R:Here it is: T:{\"answer\":[1]} end_turn",
            ("before", true) => "R:Here it is: T:[1] end_turn",
            ("empty", _) => "T:{} end_turn",
            ("after", false) => "T:{\"answer\":1} R:Done. end_turn",
            ("after", true) => "T:1 R:Done. end_turn",
            ("other", _) => "T:I look it up. C tool_use",
            _ => "T:No. tool_use",
        };
        for (name, script) in &scripts {
            for wrapped in [false, true] {
                assert_eq!(said(&tool(wrapped), script), expected(name, wrapped), "{name} {wrapped}");
            }
        }
    }

    fn said(tool: &AnswerTool, script: &[(&str, &str)]) -> String {
        let mut stream = AnswerStream::new(tool);
        let mut said = String::new();
        let mut last = None;
        let mut hear = |event: StreamEvent<'_>| {
            for event in stream.unfold(&event) {
                let (kind, text) = match event {
                    StreamEvent::ContentBlockDelta(ContentBlockDelta {
                        delta: BlockDelta::Text(text),
                        ..
                    }) => ("T:", text.0.into_owned()),
                    StreamEvent::ContentBlockDelta(ContentBlockDelta {
                        delta: BlockDelta::Reasoning(ReasoningDelta::Text(text)),
                        ..
                    }) => ("R:", text.0.into_owned()),
                    StreamEvent::ContentBlockStart(_) => ("C", String::new()),
                    StreamEvent::ContentBlockStop(_) => {
                        last = None;
                        said.push(' ');
                        continue;
                    }
                    StreamEvent::MessageStop(stop) => ("", stop.stop_reason.as_str().to_owned()),
                    _ => continue,
                };
                if last != Some(kind) {
                    said.push_str(kind);
                }
                last = Some(kind);
                said.push_str(&text);
            }
        };
        for (what, piece) in script {
            let index = what.chars().last().unwrap().to_digit(10).unwrap() as usize;
            let name = if what.starts_with("answer") { &tool.name } else { "look_up" };
            let (kind, payload) = match what.trim_end_matches(|c: char| c.is_ascii_digit()) {
                "t" => (
                    "contentBlockDelta",
                    serde_json::json!({"contentBlockIndex": index, "delta": {"text": piece}}),
                ),
                "a" => (
                    "contentBlockDelta",
                    serde_json::json!({"contentBlockIndex": index, "delta": {"toolUse": {"input": piece}}}),
                ),
                "stop" => ("contentBlockStop", serde_json::json!({"contentBlockIndex": index})),
                _ => (
                    "contentBlockStart",
                    serde_json::json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": "t", "name": name}}}),
                ),
            };
            let payload = payload.to_string();
            hear(StreamEvent::parse(kind, payload.as_bytes()).unwrap());
        }
        hear(StreamEvent::parse("messageStop", br#"{"stopReason":"tool_use"}"#).unwrap());
        said
    }

    #[test]
    fn a_tool_takes_an_object() {
        let schema = |text: &str| {
            let (schema, wrapped) = tool_schema(&Json::parse(text).unwrap());
            (schema.get().to_owned(), wrapped)
        };
        let object = r#"{"type":"object","properties":{}}"#;
        assert_eq!(schema(object), (object.to_owned(), false));
        assert_eq!(
            schema(r#"{"properties":{}}"#),
            (r#"{"properties":{},"type":"object"}"#.to_owned(), false)
        );
        let (list, wrapped) = schema(r##"{"type":"array","items":{"$ref":"#/$defs/a"},"$defs":{"a":{}}}"##);
        assert!(
            wrapped && list.starts_with(r#"{"type":"object","properties":{"answer":{"type":"array""#),
            "{list}"
        );
        assert!(list.ends_with(r#""required":["answer"],"$defs":{"a":{}}}"#), "{list}");
        for odd in ["true", "3", "[]", "null"] {
            assert!(schema(odd).1, "{odd}");
        }
    }
}
