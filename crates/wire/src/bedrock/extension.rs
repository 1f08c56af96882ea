//! The vendor extension `bedrock` of an answer: what Bedrock says beside it, for dialects that have no words for it.

use serde::Serialize;

use super::{CacheDetail, ConverseResponse, Metrics, StreamMetadata, Usage};
use crate::Json;

/// What Bedrock says beside an answer: the member `bedrock` of an answer in any other dialect, whole or streamed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension<'a> {
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<&'a Metrics>,
    /// What the guardrail or the prompt router did.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Json>,
    /// The fields asked for by pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<&'a Json>,
    /// The latency setting that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_config: Option<&'a Json>,
    /// The tier that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a Json>,
    /// Cache writes by time to live.
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_details: Option<&'a [CacheDetail]>,
    /// What tools that Bedrock ran itself used.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_usage: Option<&'a Json>,
}

impl<'a> Extension<'a> {
    /// Beside a whole answer.
    pub fn of_response(response: &'a ConverseResponse) -> Self {
        let ConverseResponse {
            output: _,
            stop_reason: _,
            usage,
            metrics,
            additional_model_response_fields,
            trace,
            performance_config,
            service_tier,
        } = response;
        Self {
            metrics: metrics.as_ref(),
            trace: trace.as_ref(),
            additional_model_response_fields: additional_model_response_fields.as_ref(),
            performance_config: performance_config.as_ref(),
            service_tier: service_tier.as_ref(),
            ..Self::of_usage(Some(usage))
        }
    }

    /// Beside a stream: its last event, and the fields that came with its stop reason.
    pub fn of_stream(fields: Option<&'a Json>, metadata: &'a StreamMetadata) -> Self {
        let StreamMetadata { usage, metrics, trace, performance_config, service_tier } = metadata;
        Self {
            metrics: metrics.as_ref(),
            trace: trace.as_ref(),
            additional_model_response_fields: fields,
            performance_config: performance_config.as_ref(),
            service_tier: service_tier.as_ref(),
            ..Self::of_usage(usage.as_ref())
        }
    }

    fn of_usage(usage: Option<&'a Usage>) -> Self {
        let details = usage.and_then(|usage| usage.cache_details.as_deref());
        let tools = usage.and_then(|usage| usage.server_tool_usage.as_ref());
        Self {
            cache_details: details.filter(|details| !details.is_empty()),
            server_tool_usage: tools.filter(|tools| tools.get() != "{}"),
            ..Self::default()
        }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
