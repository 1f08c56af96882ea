//! What a model can do. Facts live in `data/models.json`; this file is their shape.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Surface;

/// One foundation model.
///
/// Every field that can be unknown is an `Option`: unknown is `None`, never a guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    /// The id AWS uses, without geography prefix: `anthropic.claude-sonnet-4-5-20250929-v1:0`.
    pub id: String,
    /// The name people use: `Claude Sonnet 4.5`.
    pub name: Option<String>,
    /// Who made it: `Anthropic`, `Amazon`, `Meta`.
    pub publisher: Option<String>,
    /// AWS's modality words for what goes in: `TEXT`, `IMAGE`, `VIDEO`, `SPEECH`, ….
    #[serde(default)]
    pub input_modalities: Vec<String>,
    /// AWS's modality words for what comes out: `TEXT`, `EMBEDDING`, ….
    #[serde(default)]
    pub output_modalities: Vec<String>,
    /// What the model can do.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Which sampling parameters it takes, and in what range.
    #[serde(default)]
    pub parameters: Parameters,
    /// Token limits.
    #[serde(default)]
    pub limits: Limits,
    /// `ACTIVE`, `LEGACY`, or `RETIRED` for a model that is no longer served.
    pub lifecycle: Option<String>,
    /// Regions (source Regions) where the bare id may be invoked on demand.
    #[serde(default)]
    pub on_demand: Vec<String>,
    /// Regions where it can be invoked through an inference profile only.
    #[serde(default)]
    pub profile_only: Vec<String>,
    /// Which family's request shape its native body has: `anthropic`, `nova`, `llama`, ….
    pub family: Option<String>,
    /// The sizes its vectors can have; a single one cannot be chosen. Empty when unknown, and for what makes no vectors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embedding_dimensions: Vec<u32>,
    /// The fewest tokens an answer may be limited to, where it is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_output_tokens: Option<u64>,
    /// The beginning of an answer cannot be given: the last turn must be the user's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuses_prefill: bool,
    /// What becomes of Anthropic's beta features by their names. One that is not here is unknown: nobody says whether Bedrock takes it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub betas: BTreeMap<String, Beta>,
    /// The endpoint that serves it, where its modalities do not tell; see [`Model::surface`].
    pub surface: Option<Surface>,
    /// The paths of AWS's OpenAI- and Anthropic-style APIs that serve it: `/v1/chat/completions`, `/anthropic/v1/messages`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

impl Model {
    /// A model of which nothing but the id is known.
    pub fn unknown(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: None,
            publisher: None,
            input_modalities: Vec::new(),
            output_modalities: Vec::new(),
            capabilities: Capabilities::default(),
            parameters: Parameters::default(),
            limits: Limits::default(),
            lifecycle: None,
            on_demand: Vec::new(),
            profile_only: Vec::new(),
            family: None,
            surface: None,
            routes: Vec::new(),
            embedding_dimensions: Vec::new(),
            min_output_tokens: None,
            refuses_prefill: false,
            betas: BTreeMap::new(),
        }
    }

    /// The endpoint that serves it. Unless the data say otherwise, text is Converse's; embeddings, pictures and sound are
    /// InvokeModel's.
    pub fn surface(&self) -> Surface {
        let is_text = self.output_modalities.is_empty()
            || self.output_modalities.iter().any(|modality| modality == "TEXT");
        self.surface.unwrap_or(if is_text { Surface::RuntimeConverse } else { Surface::RuntimeInvoke })
    }
}

/// What becomes of a beta feature that a client names in `anthropic-beta` or `anthropic_beta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beta {
    /// InvokeModel and Converse take it.
    Accepted,
    /// InvokeModel takes it, Converse does not.
    InvokeOnly,
    /// Bedrock answers "invalid beta flag".
    Refused,
    /// InvokeModel has other names for what it stands for, and refuses its own; Converse refuses it.
    Renamed(Vec<String>),
}

/// What a model can do, as `explain --json` prints it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capabilities {
    /// Answers can be streamed.
    pub streaming: Option<bool>,
    /// Tools can be offered.
    pub tools: Option<bool>,
    /// A tool can be forced (`any` or a named tool).
    pub forced_tools: Option<bool>,
    /// Images can be sent.
    pub images: Option<bool>,
    /// Documents can be sent.
    pub documents: Option<bool>,
    /// Video can be sent.
    pub video: Option<bool>,
    /// How the model reasons; `None` when unknown.
    pub reasoning: Option<Reasoning>,
    /// Prompt-caching rules; `None` when unknown.
    pub prompt_caching: Option<PromptCaching>,
    /// A JSON schema for the answer is enforced natively.
    pub structured_output: Option<bool>,
}

/// How a model reasons before it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reasoning {
    /// How reasoning is asked for.
    pub mode: ReasoningMode,
    /// The smallest budget in tokens, for [`ReasoningMode::Budget`].
    pub min_budget: Option<u32>,
    /// Reasoning cannot be turned off.
    #[serde(default)]
    pub always_on: bool,
    /// The effort levels it takes, weakest first.
    #[serde(default)]
    pub efforts: Vec<String>,
}

/// How reasoning is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasoningMode {
    /// The model does not reason.
    None,
    /// Claude 3.7 to 4.5: `thinking: {type: enabled, budget_tokens}`.
    Budget,
    /// Claude Opus/Sonnet 4.6: both budget and adaptive are taken.
    BudgetOrAdaptive,
    /// Claude 4.7 and later: `thinking: {type: adaptive}` with `output_config.effort`.
    Adaptive,
    /// Nova 2: `reasoningConfig: {type: enabled, maxReasoningEffort}`.
    NovaEffort,
    /// gpt-oss, DeepSeek 3.x, Qwen and others: `reasoning_effort` as a plain field.
    Effort,
    /// The model always reasons and takes no setting (DeepSeek R1).
    Fixed,
}

/// Prompt-caching rules of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromptCaching {
    /// Explicit cache points are taken.
    pub supported: bool,
    /// Prefixes shorter than this many tokens are not cached.
    pub min_tokens: Option<u32>,
    /// At most this many cache points in one request.
    pub max_points: Option<u32>,
    /// `5m`, `1h`.
    #[serde(default)]
    pub ttls: Vec<String>,
}

/// Which sampling parameters a model takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    /// `temperature`.
    pub temperature: Option<ParameterRule>,
    /// `top_p`.
    pub top_p: Option<ParameterRule>,
    /// `top_k`.
    pub top_k: Option<ParameterRule>,
    /// Stop sequences; `max` is how many.
    pub stop_sequences: Option<ParameterRule>,
    /// Groups of parameters of which one at most may be sent: `["temperature", "topP"]`.
    #[serde(default)]
    pub conflicts: Vec<Vec<String>>,
}

/// One parameter's rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParameterRule {
    /// The model takes it at all.
    pub allowed: bool,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// The only value taken while the model reasons; `Some(None)` is written as "rejected while thinking".
    pub while_reasoning: Option<WhileReasoning>,
}

/// What becomes of a parameter while the model reasons.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhileReasoning {
    /// Only this value is accepted (Claude: temperature 1).
    Only(f64),
    /// At least this value (Claude: top_p 0.95).
    AtLeast(f64),
    /// The parameter is refused.
    Rejected,
}

/// Token limits of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// The context window in tokens.
    pub context_tokens: Option<u64>,
    /// The most tokens one answer may have.
    pub max_output_tokens: Option<u64>,
}
