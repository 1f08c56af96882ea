//! Bedrock's own wire types, which are also the canonical form of a conversation.
//!
//! Liberal by design: every union ends in `Other`, every string enum in `Other(String)`, unknown members of structs are
//! ignored, because the service returns more than its published model says (reference `bedrock.md` §1.9). Shapes:
//! botocore 1.44.5, service `bedrock-runtime`.

mod content;
mod error;
mod extension;
mod request;
mod response;
mod stream;
mod words;

pub use content::{
    CachePoint, CitationsContent, CitedText, ContentBlock, Document, DocumentSource, Media, MediaSource,
    Message, ReasoningContent, ReasoningText, SystemBlock, ToolResult, ToolResultBlock, ToolUse,
};
pub use error::{BedrockError, ErrorKind};
pub use extension::Extension;
pub use request::{
    ConverseRequest, GuardrailConfig, InferenceConfig, InputSchema, NamedTool, OutputConfig,
    PerformanceConfig, ServiceTier, Tool, ToolChoice, ToolConfig, ToolSpec,
};
pub use response::{CacheDetail, ConverseResponse, Metrics, Output, Usage};
pub use stream::{
    BlockDelta, BlockStart, ContentBlockDelta, ContentBlockStart, ContentBlockStop, MessageStart,
    MessageStop, ReasoningDelta, StreamEvent, StreamMetadata, ToolResultStart, ToolUseDelta, ToolUseStart,
};
pub use words::{Role, StopReason};

pub use crate::union::Text;

/// A union member this version does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherMember {
    /// The member's name.
    pub key: String,
    /// Its value, as it came.
    pub value: crate::Json,
}

/// `{}`: a member whose presence is its meaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Empty {}
