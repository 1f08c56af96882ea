//! The events of `ConverseStream`, borrowed from the frame they came in.

use serde::{Deserialize, Serialize};

use super::content::runs_on_bedrock;
use super::{Metrics, Role, StopReason, Text, ToolResult, ToolUse, Usage};
use crate::Json;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent<'a> {
    /// `messageStart`.
    MessageStart(MessageStart),
    /// `contentBlockStart`; text blocks have none.
    ContentBlockStart(ContentBlockStart),
    /// `contentBlockDelta`.
    ContentBlockDelta(ContentBlockDelta<'a>),
    /// `contentBlockStop`.
    ContentBlockStop(ContentBlockStop),
    /// `messageStop`.
    MessageStop(MessageStop),
    /// `metadata`: the last event.
    Metadata(Box<StreamMetadata>),
    /// An event this version does not know.
    Other {
        /// Its `:event-type`.
        event_type: &'a str,
        /// Its payload, as it came.
        payload: &'a [u8],
    },
}

impl<'a> StreamEvent<'a> {
    /// Reads the payload of an event of the given `:event-type`.
    pub fn parse(event_type: &'a str, payload: &'a [u8]) -> Result<Self, serde_json::Error> {
        Ok(match event_type {
            "messageStart" => Self::MessageStart(serde_json::from_slice(payload)?),
            "contentBlockStart" => Self::ContentBlockStart(serde_json::from_slice(payload)?),
            "contentBlockDelta" => Self::ContentBlockDelta(serde_json::from_slice(payload)?),
            "contentBlockStop" => Self::ContentBlockStop(serde_json::from_slice(payload)?),
            "messageStop" => Self::MessageStop(serde_json::from_slice(payload)?),
            "metadata" => Self::Metadata(serde_json::from_slice(payload)?),
            _ => Self::Other { event_type, payload },
        })
    }
}

/// The message begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageStart {
    /// Always `assistant`.
    pub role: Role,
}

/// A block begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentBlockStart {
    /// Which block.
    pub content_block_index: usize,
    /// What it is.
    pub start: BlockStart,
}

wire_union! {
    /// What kind of block begins.
    pub enum BlockStart {
        /// A tool call.
        "toolUse" => ToolUse(ToolUseStart),
        /// The result of a tool that Bedrock ran.
        "toolResult" => ToolResult(ToolResultStart),
        /// A picture.
        "image" => Image(Json),
    }
}

/// A tool call begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolUseStart {
    /// The call's id.
    pub tool_use_id: String,
    /// The tool.
    pub name: String,
    /// `server_tool_use` for tools that Bedrock runs itself.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub tool_type: Option<String>,
}

impl ToolUseStart {
    /// Whether Bedrock runs the tool itself, so that the client must not.
    pub fn runs_on_bedrock(&self) -> bool {
        runs_on_bedrock(self.tool_type.as_deref())
    }

    /// The call as far as it is known: its arguments come in pieces.
    pub fn begun(&self) -> ToolUse {
        let Self { tool_use_id, name, tool_type } = self.clone();
        ToolUse { tool_use_id, name, input: Json::empty_object(), tool_type }
    }
}

/// The result of a tool that Bedrock ran begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResultStart {
    /// The call's id.
    pub tool_use_id: String,
    /// `success` or `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Which tool.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub tool_type: Option<String>,
}

impl ToolResultStart {
    /// The result as far as it is known: its content comes in pieces.
    pub fn begun(&self) -> ToolResult {
        let Self { tool_use_id, status, tool_type } = self.clone();
        ToolResult { tool_use_id, content: Vec::new(), status, tool_type }
    }
}

/// A piece of a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentBlockDelta<'a> {
    /// Which block.
    pub content_block_index: usize,
    /// The piece.
    #[serde(borrow)]
    pub delta: BlockDelta<'a>,
}

wire_union! {
    /// A piece of a block.
    pub enum BlockDelta<'a> {
        /// Text.
        "text" => Text(Text<'a>),
        /// Text of a tool call's JSON arguments.
        "toolUse" => ToolUse(ToolUseDelta<'a>),
        /// Results of a tool that Bedrock ran.
        "toolResult" => ToolResult(Json),
        /// Reasoning.
        "reasoningContent" => Reasoning(ReasoningDelta<'a>),
        /// A source.
        "citation" => Citation(Json),
        /// A picture.
        "image" => Image(Json),
    }
}

/// A piece of a tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolUseDelta<'a> {
    /// A piece of the JSON text of its arguments.
    #[serde(borrow)]
    pub input: Text<'a>,
}

wire_union! {
    /// A piece of reasoning.
    pub enum ReasoningDelta<'a> {
        /// Words.
        "text" => Text(Text<'a>),
        /// Encrypted reasoning, base64.
        "redactedContent" => Redacted(Text<'a>),
        /// The signature over all of it.
        "signature" => Signature(Text<'a>),
    }
}

/// A block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentBlockStop {
    /// Which block.
    pub content_block_index: usize,
}

/// The message ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageStop {
    /// Why.
    pub stop_reason: StopReason,
    /// The fields asked for by pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_model_response_fields: Option<Json>,
}

/// Usage and traces; the last event of a complete stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamMetadata {
    /// What was used; `None` when Bedrock left it out.
    pub usage: Option<Usage>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// Guardrail and prompt-router traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Json>,
    /// The latency setting that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance_config: Option<Json>,
    /// The tier that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Json>,
}
