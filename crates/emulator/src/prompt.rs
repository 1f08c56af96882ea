//! One canonical question and one canonical answer, whatever the dialect.

use outcrop_wire::bedrock::{ConverseRequest, StopReason, ToolChoice, ToolSpec};
use serde_json::Value;

use crate::cache::Cached;
use crate::fault::Fault;

/// What a caller asks, read from any body. The canonical form is Bedrock's own `Converse`.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// Messages, system prompt, tools and common parameters.
    pub(crate) request: ConverseRequest,
    /// The model is asked to think first.
    pub(crate) thinking: Thinking,
    /// The JSON schema that the answer must fit.
    pub(crate) answer_schema: Option<Value>,
    /// Several tools may be called at once.
    pub(crate) several_calls: bool,
    /// The members for this model alone: `additionalModelRequestFields`, or its whole own body.
    pub(crate) fields: Value,
    /// How many bytes the request had.
    pub(crate) request_bytes: usize,
}

impl Prompt {
    /// A question that asks for no special form of answer.
    pub(crate) fn plain(request: ConverseRequest, thinking: Thinking) -> Self {
        Self {
            request,
            thinking,
            answer_schema: None,
            several_calls: true,
            fields: Value::Null,
            request_bytes: 0,
        }
    }

    /// The same with the members for this model alone.
    pub(crate) fn with_fields(self, fields: Value) -> Self {
        Self { fields, ..self }
    }

    /// The tools that the caller runs, in order.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &ToolSpec> {
        use outcrop_wire::bedrock::Tool;
        self.request.tool_config.iter().flat_map(|config| &config.tools).filter_map(|tool| match tool {
            Tool::Spec(spec) => Some(spec),
            _ => None,
        })
    }

    /// Which tool must be used, if the caller says so.
    pub(crate) fn tool_choice(&self) -> Option<&ToolChoice> {
        self.request.tool_config.as_ref()?.tool_choice.as_ref()
    }

    /// The limit on the answer.
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        self.request.inference_config.as_ref()?.max_tokens
    }

    /// The texts that end the answer.
    pub(crate) fn stop_sequences(&self) -> &[String] {
        self.request.inference_config.as_ref().map_or(&[], |config| &config.stop_sequences)
    }
}

/// How the caller asks for reasoning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// Not mentioned.
    Unset,
    /// Turned off in words.
    Off,
    /// Claude: `thinking: {type: enabled, budget_tokens}`.
    Budget(Option<u64>),
    /// Claude: `thinking: {type: adaptive}`.
    Adaptive,
    /// Nova's `reasoningConfig`, `reasoning_effort`, and the like.
    Effort(String),
}

impl Thinking {
    /// The caller turned reasoning on.
    pub(crate) fn is_on(&self) -> bool {
        matches!(self, Self::Budget(_) | Self::Adaptive | Self::Effort(_))
    }
}

/// What the model says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    /// In order.
    pub(crate) blocks: Vec<Block>,
    /// Why it ended.
    pub(crate) stop_reason: StopReason,
    /// The sequence that ended it, for [`StopReason::StopSequence`].
    pub(crate) stop_sequence: Option<String>,
    /// Tokens in, without those that the cache read or wrote.
    pub(crate) input_tokens: u64,
    /// Tokens in that the cache read or wrote.
    pub(crate) cached: Cached,
    /// Tokens out.
    pub(crate) output_tokens: u64,
    /// What goes wrong with it, where a script says so.
    pub(crate) fault: Option<Fault>,
}

impl Turn {
    /// All words of the answer, for shapes that have nothing else.
    pub(crate) fn text(&self) -> String {
        let words = |block: &Block| match block {
            Block::Text(text) | Block::Cited { text, .. } => Some(text.clone()),
            Block::Reasoning { .. } | Block::Redacted(_) | Block::ToolUse { .. } => None,
        };
        self.blocks.iter().filter_map(words).collect()
    }
}

/// A part of what the model says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    /// What it thought, with the proof that it did.
    Reasoning { text: String, signature: String },
    /// What it thought, encrypted (base64).
    Redacted(String),
    /// Words.
    Text(String),
    /// Words out of a document.
    Cited { text: String, citation: Citation },
    /// A tool to be run.
    ToolUse { id: String, name: String, input: Value },
}

/// Where cited words come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Citation {
    /// The document's name.
    pub(crate) title: String,
    /// Which document of the request, from 0.
    pub(crate) document: usize,
    /// Where the words begin in it, in characters.
    pub(crate) start: usize,
    /// Where they end.
    pub(crate) end: usize,
    /// The words themselves.
    pub(crate) source: String,
}
