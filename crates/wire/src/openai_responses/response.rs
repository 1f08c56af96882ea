//! A whole Converse answer as a `response`.

use serde::Serialize;

use super::items::{COMPLETED, INCOMPLETE, Item, items};
use super::request::Echo;
use crate::bedrock::{BedrockError, ConverseResponse, Extension, Output, StopReason, Usage};
use crate::dialect::{Answer, to_vec};

/// The `response` body of an answer.
pub fn render_response(response: ConverseResponse, answer: &Answer, echo: &Echo) -> Vec<u8> {
    let mut response = answer.names.unfold(response);
    let blocks = match &mut response.output {
        Output::Message(message) => std::mem::take(&mut message.content),
        Output::Other(_) => Vec::new(),
    };
    let ConverseResponse { stop_reason, usage, .. } = &response;
    let end = Ending::of(stop_reason);
    let items = items(blocks, answer, end.item_status());
    let bedrock = Extension::of_response(&response);
    to_vec(&Response::ended(answer, echo, &items, stop_reason, usage).beside(bedrock))
}

/// How an answer ended, in OpenAI's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    /// With the reason.
    Incomplete(&'static str),
    Failed,
}

impl Ending {
    pub(super) fn of(reason: &StopReason) -> Self {
        match reason {
            StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse | StopReason::Other(_) => {
                Self::Completed
            }
            StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => {
                Self::Incomplete("max_output_tokens")
            }
            StopReason::GuardrailIntervened | StopReason::ContentFiltered => {
                Self::Incomplete("content_filter")
            }
            StopReason::MalformedModelOutput | StopReason::MalformedToolUse => Self::Failed,
        }
    }

    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed => "failed",
        }
    }

    /// The last event of a stream that ended so.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Completed => "response.completed",
            Self::Incomplete(_) => "response.incomplete",
            Self::Failed => "response.failed",
        }
    }

    /// The status of the item that was being said.
    pub(super) fn item_status(self) -> &'static str {
        if self == Self::Completed { COMPLETED } else { INCOMPLETE }
    }
}

/// The `response` object, in any state.
#[derive(Serialize)]
pub(super) struct Response<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<ResponseError>,
    incomplete_details: Option<IncompleteDetails>,
    model: &'a str,
    output: &'a [Item],
    truncation: &'static str,
    usage: Option<ResponseUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    native_stop_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Extension::is_empty")]
    bedrock: Extension<'a>,
    #[serde(flatten)]
    echo: &'a Echo,
}

#[derive(Serialize)]
struct ResponseError {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct IncompleteDetails {
    reason: &'static str,
}

impl<'a> Response<'a> {
    /// While it is being said.
    pub(super) fn begun(answer: &'a Answer, echo: &'a Echo, output: &'a [Item]) -> Self {
        Self {
            id: &answer.id,
            object: "response",
            created_at: answer.created,
            status: "in_progress",
            background: false,
            error: None,
            incomplete_details: None,
            model: &answer.model,
            output,
            truncation: "disabled",
            usage: None,
            native_stop_reason: None,
            bedrock: Extension::default(),
            echo,
        }
    }

    /// When it is whole.
    pub(super) fn ended(
        answer: &'a Answer,
        echo: &'a Echo,
        output: &'a [Item],
        reason: &'a StopReason,
        usage: &Usage,
    ) -> Self {
        let end = Ending::of(reason);
        let mut response = Self::begun(answer, echo, output);
        response.status = end.status();
        response.usage = Some(ResponseUsage::of(usage));
        response.native_stop_reason = Some(reason.as_str());
        match end {
            Ending::Completed => {}
            Ending::Incomplete(reason) => response.incomplete_details = Some(IncompleteDetails { reason }),
            Ending::Failed => {
                let message = format!("the model's output could not be parsed ({reason})");
                response.error = Some(ResponseError { code: "server_error", message });
            }
        }
        response
    }

    /// With what Bedrock says beside it.
    pub(super) fn beside(self, bedrock: Extension<'a>) -> Self {
        Self { bedrock, ..self }
    }

    /// When it broke off.
    pub(super) fn failed(
        answer: &'a Answer,
        echo: &'a Echo,
        output: &'a [Item],
        error: &BedrockError,
    ) -> Self {
        let error = ResponseError { code: error_code(error.status), message: error.message.clone() };
        Self { status: "failed", error: Some(error), ..Self::begun(answer, echo, output) }
    }
}

/// OpenAI's `code` of a failed response.
pub(super) fn error_code(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_exceeded",
        400..=499 if status != 408 && status != 424 => "invalid_prompt",
        _ => "server_error",
    }
}

/// OpenAI's usage: `input_tokens` counts what was read from and written to the cache as well.
#[derive(Serialize)]
pub(super) struct ResponseUsage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl ResponseUsage {
    fn of(usage: &Usage) -> Self {
        let cached_tokens = usage.cache_read_input_tokens.unwrap_or(0);
        let cache_write_tokens = usage.cache_write_input_tokens.unwrap_or(0);
        let input_tokens =
            usage.input_tokens.saturating_add(cached_tokens).saturating_add(cache_write_tokens);
        Self {
            input_tokens,
            input_tokens_details: InputDetails { cached_tokens, cache_write_tokens },
            output_tokens: usage.output_tokens,
            output_tokens_details: OutputDetails { reasoning_tokens: 0 },
            total_tokens: input_tokens.saturating_add(usage.output_tokens),
        }
    }
}
