//! The body of `Converse` and `ConverseStream`. The model is in the URL, never in the body.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CachePoint, Empty, Message, SystemBlock};
use crate::{Json, JsonText};

/// What a conversation asks of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConverseRequest {
    /// The turns so far.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// The system prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<SystemBlock>,
    /// Parameters common to all models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_config: Option<InferenceConfig>,
    /// The tools on offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_config: Option<ToolConfig>,
    /// The guardrail to apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrail_config: Option<GuardrailConfig>,
    /// Parameters of this model alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_model_request_fields: Option<Json>,
    /// Values for a prompt of prompt management.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_variables: Option<Json>,
    /// JSON pointers into the model's own answer to return as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_model_response_field_paths: Vec<String>,
    /// Pairs that appear in the invocation log.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_metadata: BTreeMap<String, String>,
    /// Standard or optimised latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance_config: Option<PerformanceConfig>,
    /// The service tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<ServiceTier>,
    /// Structured output and effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<OutputConfig>,
}

impl ConverseRequest {
    /// The body that is sent; `length` is about how long it will be.
    pub fn to_body(&self, length: usize) -> Vec<u8> {
        /// Converse's own words are longer than others.
        const MORE: usize = 4;
        let mut body = Vec::with_capacity(length + length / MORE);
        serde_json::to_writer(&mut body, self)
            .expect("a Converse request holds string keys only, so it is JSON");
        body
    }
}

/// Parameters common to all models.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InferenceConfig {
    /// The most tokens the answer may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Texts that end the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
}

impl InferenceConfig {
    /// Whether nothing is set, so that the member can be left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The tools on offer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolConfig {
    /// At least one.
    pub tools: Vec<Tool>,
    /// Which must or may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
}

wire_union! {
    /// One tool, or a cache point between tools.
    pub enum Tool {
        /// A tool that the client runs.
        "toolSpec" => Spec(ToolSpec),
        /// A tool that Bedrock runs.
        "systemTool" => System(Json),
        /// Everything before this point may be cached.
        "cachePoint" => CachePoint(CachePoint),
    }
}

/// A tool that the client runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolSpec {
    /// `[a-zA-Z0-9_-]{1,64}`.
    pub name: String,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<JsonText>,
    /// What it takes.
    pub input_schema: InputSchema,
    /// Arguments must fit the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// A tool's JSON schema, carried as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputSchema {
    /// The schema.
    pub json: Json,
}

wire_union! {
    /// Which tool must or may be used.
    pub enum ToolChoice {
        /// The model decides.
        "auto" => Auto(Empty),
        /// One of them must be used.
        "any" => Any(Empty),
        /// This one must be used.
        "tool" => Tool(NamedTool),
    }
}

/// A tool by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedTool {
    /// The name.
    pub name: String,
}

/// The guardrail to apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailConfig {
    /// Id or ARN.
    pub guardrail_identifier: String,
    /// A number as text, or `DRAFT`.
    pub guardrail_version: String,
    /// `enabled`, `disabled`, `enabled_full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// `sync` or `async`; streams only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_processing_mode: Option<String>,
}

/// Standard or optimised latency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerformanceConfig {
    /// `standard` or `optimized`.
    pub latency: String,
}

/// The service tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTier {
    /// `priority`, `default`, `flex`, `reserved`.
    #[serde(rename = "type")]
    pub tier: String,
}

/// Structured output and effort.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputConfig {
    /// The answer's form: `{type: json_schema, structure: {jsonSchema: {schema, name, description}}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_format: Option<Json>,
    /// `low`, `medium`, `high`, `xhigh`, `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
}
