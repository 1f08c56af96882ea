//! Messages and their content blocks.

use serde::{Deserialize, Serialize};

use super::Role;
use crate::{Json, JsonText};

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: Vec<ContentBlock>,
}

wire_union! {
    /// A part of a message.
    pub enum ContentBlock {
        /// Plain text.
        "text" => Text(JsonText),
        /// A picture.
        "image" => Image(Media),
        /// A document.
        "document" => Document(Document),
        /// A video.
        "video" => Video(Media),
        /// A sound recording.
        "audio" => Audio(Media),
        /// The model asks for a tool to be run.
        "toolUse" => ToolUse(ToolUse),
        /// What the tool answered.
        "toolResult" => ToolResult(ToolResult),
        /// Text marked for the guardrail.
        "guardContent" => GuardContent(Json),
        /// Everything before this point may be cached.
        "cachePoint" => CachePoint(CachePoint),
        /// What the model thought before it answered.
        "reasoningContent" => Reasoning(ReasoningContent),
        /// Text with its sources.
        "citationsContent" => Citations(CitationsContent),
        /// A search result to be cited.
        "searchResult" => SearchResult(Json),
    }
}

wire_union! {
    /// A part of the system prompt.
    pub enum SystemBlock {
        /// Plain text.
        "text" => Text(JsonText),
        /// Text marked for the guardrail.
        "guardContent" => GuardContent(Json),
        /// Everything before this point may be cached.
        "cachePoint" => CachePoint(CachePoint),
    }
}

/// A picture, video or recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// `png`, `jpeg`, `gif`, `webp`; `mp4`, …; `mp3`, ….
    pub format: String,
    /// Where the bytes are.
    pub source: MediaSource,
}

wire_union! {
    /// Where the bytes of a picture, video or recording are.
    pub enum MediaSource {
        /// Here, in base64; never decoded by the gateway.
        "bytes" => Bytes(String),
        /// In S3.
        "s3Location" => S3(Json),
    }
}

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// `pdf`, `csv`, `doc`, `docx`, `xls`, `xlsx`, `html`, `txt`, `md`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Its name: unique in the request, letters, digits, blanks, hyphens, brackets.
    pub name: String,
    /// Where it is.
    pub source: DocumentSource,
    /// How it relates to the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// `{"enabled": true}` to have it cited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citations: Option<Json>,
}

wire_union! {
    /// Where a document is.
    pub enum DocumentSource {
        /// Here, in base64.
        "bytes" => Bytes(String),
        /// In S3.
        "s3Location" => S3(Json),
        /// Here, as text.
        "text" => Text(String),
        /// Here, as a list of text blocks.
        "content" => Content(Json),
    }
}

/// A call the model asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolUse {
    /// The id that the result must name.
    pub tool_use_id: String,
    /// The tool.
    pub name: String,
    /// Its arguments, as the model wrote them.
    pub input: Json,
    /// `server_tool_use` for tools that Bedrock runs itself.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub tool_type: Option<String>,
}

impl ToolUse {
    /// Whether Bedrock runs the tool itself, so that the client must not.
    pub fn runs_on_bedrock(&self) -> bool {
        runs_on_bedrock(self.tool_type.as_deref())
    }
}

/// Whether a tool of this `type` is one that Bedrock runs itself.
pub(super) fn runs_on_bedrock(tool_type: Option<&str>) -> bool {
    tool_type == Some("server_tool_use")
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The id of the call.
    pub tool_use_id: String,
    /// The answer.
    pub content: Vec<ToolResultBlock>,
    /// `success` or `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Set for tools that Bedrock runs itself.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub tool_type: Option<String>,
}

wire_union! {
    /// A part of a tool's answer.
    pub enum ToolResultBlock {
        /// A JSON object.
        "json" => Json(Json),
        /// Plain text.
        "text" => Text(JsonText),
        /// A picture.
        "image" => Image(Media),
        /// A document.
        "document" => Document(Document),
        /// A video.
        "video" => Video(Media),
        /// A search result to be cited.
        "searchResult" => SearchResult(Json),
    }
}

/// A point up to which the prompt may be cached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachePoint {
    /// Always `default` today.
    #[serde(rename = "type")]
    pub point_type: String,
    /// `5m` (the default) or `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

impl CachePoint {
    /// A point with the given time to live; `None` is the model's default of five minutes.
    pub fn with_ttl(ttl: Option<String>) -> Self {
        Self { point_type: "default".to_owned(), ttl }
    }
}

wire_union! {
    /// What the model thought.
    pub enum ReasoningContent {
        /// In words, with the signature that must come back unchanged.
        "reasoningText" => Text(ReasoningText),
        /// Encrypted (base64); must come back unchanged.
        "redactedContent" => Redacted(String),
    }
}

/// Reasoning in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningText {
    /// The words.
    pub text: String,
    /// Proof that the model wrote them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Text with its sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CitationsContent {
    /// The text.
    #[serde(default)]
    pub content: Vec<CitedText>,
    /// The sources, as they came.
    #[serde(default)]
    pub citations: Vec<Json>,
}

impl CitationsContent {
    /// The text alone.
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|piece| match piece {
            CitedText::Text(text) => Some(text.to_str()),
            CitedText::Other(_) => None,
        });
        texts.collect()
    }
}

wire_union! {
    /// A piece of cited text.
    pub enum CitedText {
        /// The text.
        "text" => Text(JsonText),
    }
}
