//! A whole Converse answer as a `message`.

use serde::Serialize;

use super::citation::citation;
use crate::Json;
use crate::bedrock::{
    CitationsContent, ContentBlock, ConverseResponse, Extension, Output, ReasoningContent, StopReason, Usage,
};
use crate::dialect::{Answer, to_vec};

/// The `message` body of an answer.
pub fn render_response(response: ConverseResponse, answer: &Answer) -> Vec<u8> {
    let mut response = answer.names.unfold(response);
    let blocks = match &mut response.output {
        Output::Message(message) => std::mem::take(&mut message.content),
        Output::Other(_) => Vec::new(),
    };
    let ConverseResponse { stop_reason, usage, additional_model_response_fields, .. } = &response;
    to_vec(&MessageBody {
        id: &answer.id,
        kind: "message",
        role: "assistant",
        model: &answer.model,
        content: blocks.into_iter().map(|block| Block::of(block, answer)).collect(),
        stop_reason: Some(stop_word(stop_reason)),
        stop_sequence: stop_sequence(additional_model_response_fields.as_ref()),
        usage: MessagesUsage::of(usage),
        bedrock: Extension::of_response(&response),
    })
}

/// The Messages API's word for a stop reason; see the module's documentation for the rest.
pub(super) fn stop_word(reason: &StopReason) -> &str {
    match reason {
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => "refusal",
        StopReason::EndTurn
        | StopReason::ToolUse
        | StopReason::MaxTokens
        | StopReason::StopSequence
        | StopReason::MalformedModelOutput
        | StopReason::MalformedToolUse
        | StopReason::ModelContextWindowExceeded
        | StopReason::Other(_) => reason.as_str(),
    }
}

/// The sequence that ended the answer, where the model was asked for it ([`crate::family`] asks Claude).
pub(super) fn stop_sequence(fields: Option<&Json>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Fields {
        stop_sequence: Option<String>,
    }
    serde_json::from_str::<Fields>(fields?.get()).ok()?.stop_sequence
}

#[derive(Serialize)]
pub(super) struct MessageBody<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block>,
    pub(super) stop_reason: Option<&'a str>,
    pub(super) stop_sequence: Option<String>,
    pub(super) usage: MessagesUsage,
    #[serde(skip_serializing_if = "Extension::is_empty")]
    pub(super) bedrock: Extension<'a>,
}

/// A content block of an answer.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    Text {
        text: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Json>,
    },
    Thinking {
        thinking: String,
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: String,
        input: Json,
    },
    #[serde(rename = "bedrock_block")]
    Bedrock {
        block: ContentBlock,
    },
}

impl Block {
    fn of(block: ContentBlock, answer: &Answer) -> Self {
        match block {
            ContentBlock::Text(text) => Self::Text { text: text.into(), citations: Vec::new() },
            ContentBlock::Reasoning(ReasoningContent::Text(reasoning)) => Self::Thinking {
                thinking: reasoning.text,
                signature: reasoning.signature.unwrap_or_default(),
            },
            ContentBlock::Reasoning(ReasoningContent::Redacted(data)) => Self::RedactedThinking { data },
            ContentBlock::ToolUse(call) if !call.runs_on_bedrock() => Self::ToolUse {
                id: call.tool_use_id,
                name: answer.names.original(&call.name).to_owned(),
                input: call.input,
            },
            ContentBlock::Citations(cited) => Self::cited(cited),
            block => Self::Bedrock { block },
        }
    }

    fn cited(cited: CitationsContent) -> Self {
        Self::Text { text: cited.text(), citations: cited.citations.iter().map(citation).collect() }
    }
}

/// Anthropic's usage: `input_tokens` excludes what was read from or written to the cache, as Bedrock's does.
#[derive(Serialize)]
pub(super) struct MessagesUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

impl MessagesUsage {
    pub(super) fn of(usage: &Usage) -> Self {
        let counts = usage.token_counts();
        Self {
            input_tokens: usage.input_tokens,
            cache_creation_input_tokens: usage.cache_write_input_tokens.unwrap_or(0),
            cache_read_input_tokens: usage.cache_read_input_tokens.unwrap_or(0),
            cache_creation: usage.cache_write_input_tokens.map(|_| CacheCreation {
                ephemeral_5m_input_tokens: counts.cache_write_5m,
                ephemeral_1h_input_tokens: counts.cache_write_1h,
            }),
            output_tokens: usage.output_tokens,
        }
    }
}
