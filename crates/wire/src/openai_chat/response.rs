//! A whole Converse answer as a `chat.completion`.

use serde::Serialize;

use crate::Json;
use crate::bedrock::{
    CitedText, ContentBlock, ConverseResponse, Extension, Output, ReasoningContent, StopReason, ToolUse,
    Usage,
};
use crate::citing::{Annotation, UrlCitation};
use crate::dialect::{Answer, to_vec};

/// The `chat.completion` body of an answer.
pub fn render_response(response: ConverseResponse, answer: &Answer) -> Vec<u8> {
    let mut response = answer.names.unfold(response);
    let blocks = match &mut response.output {
        Output::Message(message) => std::mem::take(&mut message.content),
        Output::Other(_) => Vec::new(),
    };
    let ConverseResponse { output: _, stop_reason, usage, service_tier, .. } = &response;
    let choice = Choice {
        index: 0,
        message: ChatMessage::of(blocks, answer),
        logprobs: None,
        finish_reason: finish_reason(stop_reason),
        native_finish_reason: stop_reason.as_str(),
    };
    to_vec(&Completion {
        id: &answer.id,
        object: "chat.completion",
        created: answer.created,
        model: &answer.model,
        choices: [choice],
        usage: ChatUsage::of(usage),
        service_tier: service_tier.as_ref().and_then(tier_word),
        bedrock: Extension::of_response(&response),
    })
}

/// OpenAI's word for a stop reason; see the table in the module's documentation for `error`.
pub(super) fn finish_reason(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn | StopReason::StopSequence | StopReason::Other(_) => "stop",
        StopReason::ToolUse => "tool_calls",
        StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => "length",
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => "content_filter",
        StopReason::MalformedModelOutput | StopReason::MalformedToolUse => "error",
    }
}

/// `type` of Bedrock's `serviceTier`.
pub(super) fn tier_word(tier: &Json) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Tier {
        r#type: String,
    }
    serde_json::from_str::<Tier>(tier.get()).ok().map(|tier| tier.r#type)
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: ChatUsage,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
    #[serde(skip_serializing_if = "Extension::is_empty")]
    bedrock: Extension<'a>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: ChatMessage,
    logprobs: Option<()>,
    finish_reason: &'static str,
    native_finish_reason: &'a str,
}

#[derive(Serialize)]
struct ChatMessage {
    role: &'static str,
    content: Option<String>,
    refusal: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<ReasoningDetail>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<PageAnnotation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bedrock_blocks: Vec<ContentBlock>,
}

impl ChatMessage {
    fn of(blocks: Vec<ContentBlock>, answer: &Answer) -> Self {
        let mut message = Self {
            role: "assistant",
            content: None,
            refusal: None,
            reasoning_content: None,
            reasoning_details: Vec::new(),
            tool_calls: Vec::new(),
            annotations: Vec::new(),
            citations: Vec::new(),
            bedrock_blocks: Vec::new(),
        };
        for block in blocks {
            message.add(block, answer);
        }
        if message.tool_calls.is_empty() {
            message.content.get_or_insert_default();
        }
        message
    }

    fn add(&mut self, block: ContentBlock, answer: &Answer) {
        match block {
            ContentBlock::Text(text) => self.add_text(&text.to_str()),
            ContentBlock::Reasoning(ReasoningContent::Text(reasoning)) => {
                self.reasoning_content.get_or_insert_default().push_str(&reasoning.text);
                if let Some(signature) = reasoning.signature {
                    let index = self.reasoning_details.len();
                    self.reasoning_details.push(ReasoningDetail::text(index, reasoning.text, signature));
                }
            }
            ContentBlock::Reasoning(ReasoningContent::Redacted(data)) => {
                let index = self.reasoning_details.len();
                self.reasoning_details.push(ReasoningDetail::encrypted(index, data));
            }
            ContentBlock::ToolUse(call) if !call.runs_on_bedrock() => {
                self.tool_calls.push(ToolCall::of(call, answer));
            }
            ContentBlock::Citations(cited) => {
                let start = self.said();
                for piece in &cited.content {
                    if let CitedText::Text(text) = piece {
                        self.add_text(&text.to_str());
                    }
                }
                let end = self.said();
                let pages =
                    cited.citations.iter().filter_map(|citation| PageAnnotation::of(citation, start, end));
                self.annotations.extend(pages);
                self.citations.extend(cited.citations);
            }
            other => self.bedrock_blocks.push(other),
        }
    }

    /// How many characters the text has.
    fn said(&self) -> usize {
        self.content.as_deref().map_or(0, |text| text.chars().count())
    }

    fn add_text(&mut self, text: &str) {
        self.content.get_or_insert_default().push_str(text);
    }
}

/// A page that the answer cites, which is all that Chat Completions have a word for.
#[derive(Serialize)]
pub(super) struct PageAnnotation {
    r#type: &'static str,
    url_citation: UrlCitation,
}

impl PageAnnotation {
    pub(super) fn of(citation: &Json, start: usize, end: usize) -> Option<Self> {
        match Annotation::of(citation, start, end)? {
            Annotation::UrlCitation(url_citation) => Some(Self { r#type: "url_citation", url_citation }),
            Annotation::FileCitation { .. } => None,
        }
    }
}

/// A reasoning block that must come back unchanged.
#[derive(Serialize)]
pub(super) struct ReasoningDetail {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    index: usize,
}

impl ReasoningDetail {
    pub(super) fn text(index: usize, text: String, signature: String) -> Self {
        Self { r#type: "reasoning.text", text: Some(text), signature: Some(signature), data: None, index }
    }

    pub(super) fn encrypted(index: usize, data: String) -> Self {
        Self { r#type: "reasoning.encrypted", text: None, signature: None, data: Some(data), index }
    }
}

#[derive(Serialize)]
struct ToolCall {
    id: String,
    r#type: &'static str,
    function: FunctionCall,
}

#[derive(Serialize)]
struct FunctionCall {
    name: String,
    arguments: String,
}

impl ToolCall {
    fn of(call: ToolUse, answer: &Answer) -> Self {
        let function = FunctionCall {
            name: answer.names.original(&call.name).to_owned(),
            arguments: call.input.get().to_owned(),
        };
        Self { id: call.tool_use_id, r#type: "function", function }
    }
}

/// OpenAI's usage: `prompt_tokens` counts what was read from and written to the cache as well.
#[derive(Serialize)]
pub(super) struct ChatUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    /// OpenRouter's name; OpenAI itself does not charge for writes.
    cache_write_tokens: u64,
}

impl ChatUsage {
    pub(super) fn of(usage: &Usage) -> Self {
        let cached_tokens = usage.cache_read_input_tokens.unwrap_or(0);
        let cache_write_tokens = usage.cache_write_input_tokens.unwrap_or(0);
        let prompt_tokens =
            usage.input_tokens.saturating_add(cached_tokens).saturating_add(cache_write_tokens);
        Self {
            prompt_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: prompt_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: PromptDetails { cached_tokens, cache_write_tokens },
        }
    }
}
