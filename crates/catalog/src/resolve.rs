//! Identifier → everything a request needs to know, with the reason for each step.

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_texts::Text;
use serde::{Deserialize, Serialize};

use crate::draft::Draft;
use crate::{Catalog, Kind, Model, Price, ProfileType, Refused, Verdict};

impl Catalog {
    /// Resolves any identifier a client wrote: alias, model id, profile id or ARN (raw or percent-encoded).
    ///
    /// # Errors
    /// [`ResolveError::Unknown`] for what is no identifier and no alias. An ARN or id that AWS might know is not
    /// refused: what is not known of it is `None`. [`ResolveError::Residency`] for a call that the policy does not allow.
    pub fn resolve(&self, identifier: &str, context: &Context) -> Result<Resolution, ResolveError> {
        let mut draft = Draft::new(self, identifier, context);
        let meant = draft.follow_aliases()?;
        match self.configured_target(&meant) {
            Some((source, target)) => draft.through(target, &meant, source)?,
            None => draft.named(&meant)?,
        }
        draft.finish()
    }

    /// An identifier nothing knows, taken at its word: for clients that speak Bedrock themselves, AWS is to judge.
    ///
    /// # Errors
    /// The error itself where it is no [`ResolveError::Unknown`]; [`ResolveError::Residency`] under a policy.
    pub fn verbatim(
        &self,
        identifier: &str,
        context: &Context,
        error: ResolveError,
    ) -> Result<Resolution, ResolveError> {
        match error {
            ResolveError::Unknown(why) => Draft::new(self, identifier, context).verbatim(&why),
            refused @ ResolveError::Residency(_) => Err(refused),
        }
    }
}

/// What the caller knows that the catalog does not.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The Region to call from when the identifier does not name one itself.
    pub region: String,
}

/// Everything a request needs to know about the identifier it names.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// What the client wrote.
    pub identifier: String,
    /// What it names.
    pub kind: Kind,
    /// The `modelId` to put in the invoke URL, not yet percent-encoded.
    pub target: String,
    /// The endpoint that serves it.
    pub surface: Surface,
    /// The underlying model; `None` when nothing tells.
    pub model: Option<Arc<Model>>,
    /// The profile used.
    pub profile: Option<ResolvedProfile>,
    /// The Region the call is sent to.
    pub source_region: String,
    /// Where the call may be processed; empty when unknown.
    pub destination_regions: Vec<String>,
    /// Prices of the target as called.
    pub price: Option<Price>,
    /// What the policy says; `None` without one.
    pub residency: Option<Verdict>,
    /// Each step with its source.
    pub why: Vec<Why>,
    /// What a person should know: a contradiction, a retired model, a missing mapping.
    pub notices: Vec<String>,
    /// AWS must be asked what stands behind the ARN (`GetInferenceProfile` and others) before the model is known.
    pub needs_lookup: bool,
}

/// Which AWS endpoint serves an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// `Converse` on bedrock-runtime.
    RuntimeConverse,
    /// `InvokeModel` on bedrock-runtime (embeddings and others Converse does not serve).
    RuntimeInvoke,
    /// The OpenAI-style paths of bedrock-runtime.
    RuntimeOpenai,
    /// The mantle endpoint.
    Mantle,
}

/// One step of the reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// What was decided: `target`, `model`, `sourceRegion`, `price`, ….
    pub step: String,
    /// Where the fact comes from, in words: `built-in catalog`, `BEDROCK_INFERENCE_PROFILE_MAPPINGS`, `librechat.yaml`.
    pub source: String,
    /// The fact.
    pub detail: String,
}

/// The profile an invocation goes through.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResolvedProfile {
    /// Its ARN; `None` for a system profile whose account is unknown.
    pub arn: Option<String>,
    /// Its id: `us.anthropic.…` or the twelve characters of an application profile.
    pub id: String,
    /// Its name, where known.
    pub name: Option<String>,
    /// System-defined or application.
    #[serde(rename = "type")]
    pub profile_type: ProfileType,
    /// Tags, where known.
    pub tags: BTreeMap<String, String>,
}

/// Why an identifier cannot be resolved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResolveError {
    /// It is no model, profile, ARN or alias that anything knows.
    #[error("{0}")]
    Unknown(Text),
    /// The policy does not allow it.
    #[error("{}", .0.text)]
    Residency(Box<Refused>),
}

impl ResolveError {
    /// What is wrong, with what was probably meant, or may be called instead.
    pub fn text(&self) -> &Text {
        match self {
            Self::Unknown(text) => text,
            Self::Residency(refused) => &refused.text,
        }
    }

    /// The way out of it.
    pub fn hint(&self) -> Option<&str> {
        self.text().hint()
    }
}
