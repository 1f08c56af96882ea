//! The answer of `Converse`.

use outcrop_catalog::price::TokenCounts;
use serde::{Deserialize, Serialize};

use super::{Message, StopReason};
use crate::Json;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConverseResponse {
    /// What the model said.
    pub output: Output,
    /// Why it stopped.
    pub stop_reason: StopReason,
    /// What it used.
    #[serde(default)]
    pub usage: Usage,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// The fields asked for by pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_model_response_fields: Option<Json>,
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

wire_union! {
    /// What the model said.
    pub enum Output {
        /// A message.
        "message" => Message(Message),
    }
}

/// Tokens used. `input_tokens` excludes what was read from or written to the cache; `total_tokens` includes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Fresh input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// All tokens.
    pub total_tokens: u64,
    /// Read from the prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_input_tokens: Option<u64>,
    /// Written to the prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_input_tokens: Option<u64>,
    /// Cache writes by time to live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_details: Option<Vec<CacheDetail>>,
    /// What tools that Bedrock ran itself used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_tool_usage: Option<Json>,
}

impl Usage {
    /// The counts as prices need them; writes without detail count as five-minute writes (Bedrock's default TTL).
    pub fn token_counts(&self) -> TokenCounts {
        let written = self.cache_write_input_tokens.unwrap_or(0);
        let hour: u64 = self
            .cache_details
            .iter()
            .flatten()
            .filter(|detail| detail.ttl.as_deref() == Some("1h"))
            .fold(0, |sum, detail| sum.saturating_add(detail.input_tokens));
        TokenCounts {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_read: self.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m: written.saturating_sub(hour),
            cache_write_1h: hour.min(written),
        }
    }
}

/// Cache writes of one time to live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheDetail {
    /// `5m` or `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// Tokens written.
    #[serde(default)]
    pub input_tokens: u64,
}

/// How long an answer took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Milliseconds, as Bedrock measured them.
    pub latency_ms: u64,
}
