//! LibreChat's `librechat.yaml`, as far as it concerns Bedrock: `endpoints.bedrock`.
//!
//! Field by field LibreChat's meaning (v0.8.8-rc1, `bedrockEndpointSchema`), with two differences that are meant: an unknown key under
//! `endpoints.bedrock` is an error (LibreChat drops it without a word), and a variable without a value is an error (LibreChat
//! sends the text `${VAR}` to AWS). The rest of the file belongs to the chat application and is not read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::yaml::Named;

/// The file. Keys outside `endpoints.bedrock` are the chat application's.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(title = "librechat.yaml")]
pub struct LibreChat {
    /// The chat application's providers.
    #[serde(default)]
    pub endpoints: Endpoints,
}

/// `endpoints`; other providers are not read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Endpoints {
    /// Amazon Bedrock.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Bedrock")]
    pub bedrock: Option<Bedrock>,
}

/// `endpoints.bedrock`.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "what is the chat application's business is checked for its type only")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bedrock {
    /// What the model selector offers, in order.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub models: Option<Vec<Spanned<String>>>,
    /// The identifier a client chooses → the profile ARN that is invoked instead. `${VAR}` is allowed in the ARN.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub inference_profiles: Option<Named<Spanned<String>>>,
    /// The Regions a person may choose from.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub available_regions: Option<Vec<Spanned<String>>>,
    /// The guardrail for every request.
    #[serde(default)]
    #[schemars(with = "Option<Guardrail>")]
    pub guardrail_config: Option<Spanned<Guardrail>>,
    /// Milliseconds between visible chunks. The chat application's business.
    #[serde(default)]
    #[schemars(with = "Option<f64>", range(min = 0.0))]
    pub stream_rate: Option<Spanned<f64>>,
    /// How titles are made. The chat application's business.
    #[serde(default)]
    pub title_method: Option<TitleMethod>,
    /// When titles are made. The chat application's business.
    #[serde(default)]
    pub title_timing: Option<TitleTiming>,
    // From here on every field is the chat application's business: its type is checked and its value is left alone.
    #[serde(default)]
    pub title_convo: Option<bool>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub title_model: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub title_prompt: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub title_prompt_template: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub title_endpoint: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub headers: Option<BTreeMap<String, Spanned<String>>>,
    #[serde(default, rename = "baseURL")]
    #[schemars(with = "Option<String>")]
    pub base_url: Option<Spanned<String>>,
    #[serde(default)]
    pub activity_label: Option<bool>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub activity_model: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub activity_endpoint: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub activity_prompt: Option<Spanned<String>>,
    #[serde(default)]
    pub activity_max_per_run: Option<u64>,
    #[serde(default)]
    pub activity_char_limit: Option<u64>,
    #[serde(default)]
    pub activity_phase_label: Option<bool>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub activity_phase_model: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub activity_phase_endpoint: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub activity_phase_prompt: Option<Spanned<String>>,
    #[serde(default)]
    pub activity_phase_max_per_run: Option<u64>,
    #[serde(default)]
    pub reasoning_label: Option<bool>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub reasoning_label_model: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub reasoning_label_endpoint: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub reasoning_label_prompt: Option<Spanned<String>>,
    #[serde(default)]
    pub reasoning_label_min_chars: Option<u64>,
    #[serde(default)]
    pub reasoning_label_update_chars: Option<u64>,
    #[serde(default)]
    pub reasoning_label_update_interval_ms: Option<u64>,
    #[serde(default)]
    pub reasoning_label_max_per_run: Option<u64>,
    #[serde(default)]
    pub max_tool_result_chars: Option<f64>,
}

impl Bedrock {
    /// The texts that are the chat application's business, by key: that they are texts is all there is to check.
    pub fn foreign_texts(&self) -> Vec<(String, &Spanned<String>)> {
        let texts = [
            ("titleModel", &self.title_model),
            ("titlePrompt", &self.title_prompt),
            ("titlePromptTemplate", &self.title_prompt_template),
            ("titleEndpoint", &self.title_endpoint),
            ("baseURL", &self.base_url),
            ("activityModel", &self.activity_model),
            ("activityEndpoint", &self.activity_endpoint),
            ("activityPrompt", &self.activity_prompt),
            ("activityPhaseModel", &self.activity_phase_model),
            ("activityPhaseEndpoint", &self.activity_phase_endpoint),
            ("activityPhasePrompt", &self.activity_phase_prompt),
            ("reasoningLabelModel", &self.reasoning_label_model),
            ("reasoningLabelEndpoint", &self.reasoning_label_endpoint),
            ("reasoningLabelPrompt", &self.reasoning_label_prompt),
        ];
        let headers = self.headers.iter().flatten().map(|(name, text)| (format!("headers.{name}"), text));
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.as_ref()?)));
        texts.chain(headers).collect()
    }
}

/// `guardrailConfig`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guardrail {
    /// Id or ARN; `${VAR}` is allowed.
    #[schemars(with = "String")]
    pub guardrail_identifier: Spanned<String>,
    /// `DRAFT` or a number in quotes; `${VAR}` is allowed.
    #[schemars(with = "String")]
    pub guardrail_version: Spanned<String>,
    /// Whether the guardrail's reasoning is returned.
    #[serde(default)]
    pub trace: Option<Trace>,
    /// Whether a stream waits for the guardrail.
    #[serde(default)]
    pub stream_processing_mode: Option<StreamProcessing>,
}

/// `guardrailConfig.trace`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    Enabled,
    Disabled,
    EnabledFull,
}

impl Trace {
    /// As it is written, and as Converse takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::EnabledFull => "enabled_full",
        }
    }
}

/// `guardrailConfig.streamProcessingMode`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamProcessing {
    Sync,
    Async,
}

impl StreamProcessing {
    /// As it is written, and as Converse takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
        }
    }
}

/// `titleMethod`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TitleMethod {
    Completion,
    Functions,
    Structured,
}

/// `titleTiming`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TitleTiming {
    Immediate,
    Final,
}

/// A key that is written must have a value: `bedrock:` alone is a mistake, not an empty section.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
