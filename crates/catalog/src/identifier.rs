//! Every string AWS accepts as a model id, parsed once.

use serde::Serialize;

/// What kind of thing an identifier names. AWS's resource word, or `alias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A bare model id or a foundation-model ARN.
    FoundationModel,
    /// A system-defined profile, by id or ARN.
    InferenceProfile,
    /// A profile made in an account.
    ApplicationInferenceProfile,
    /// Provisioned throughput.
    ProvisionedModel,
    /// A custom model.
    CustomModel,
    /// A deployment of a custom model.
    CustomModelDeployment,
    /// An imported model.
    ImportedModel,
    /// A prompt of prompt management.
    Prompt,
    /// A prompt router.
    PromptRouter,
    /// An asynchronous invocation.
    AsyncInvoke,
    /// A SageMaker (marketplace) endpoint.
    Endpoint,
    /// A friendly name from the configuration.
    Alias,
}

/// A parsed identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identifier;

/// Why a string is no identifier, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IdentifierError {
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}
