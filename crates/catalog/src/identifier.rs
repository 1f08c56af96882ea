//! Every string AWS accepts as a model id, parsed once.
//!
//! The grammar is our own (reference `bedrock.md` §1.9, §3): AWS's published patterns let almost any token pass and yet
//! refuse ids that the service accepts. Whether the first part of `us.anthropic.…` is a geography or a publisher cannot be
//! told from the text alone (`deepseek.v3.2`); the caller's [`Vocabulary`] decides.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::Serialize;

/// A parsed identifier. Printing it gives the text back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// `anthropic.claude-opus-5-5`, `amazon.nova-lite-v1:0`, `amazon.nova-2-lite-v1:0:256k`.
    Model(String),
    /// `us.anthropic.claude-sonnet-4-5-20250929-v1:0`.
    SystemProfile {
        /// `us`, without the dot.
        geography: String,
        /// What follows the dot.
        model: String,
    },
    /// An ARN.
    Arn(Arn),
}

impl Identifier {
    /// Parses a model id, profile id or ARN; an ARN may be percent-encoded (once).
    pub fn parse(text: &str, vocabulary: &Vocabulary) -> Result<Self, IdentifierError> {
        let text = decoded(text)?;
        if text.is_empty() {
            return Err(IdentifierError::new("the identifier is empty"));
        }
        if text.len() > MAX_LEN {
            return Err(IdentifierError::new(format!("the identifier is longer than {MAX_LEN} characters")));
        }
        if text.starts_with("arn:") {
            return Arn::parse(&text).map(Self::Arn);
        }
        Self::parse_id(&text, vocabulary)
    }

    /// What kind of thing it names.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Model(_) => Kind::FoundationModel,
            Self::SystemProfile { .. } => Kind::InferenceProfile,
            Self::Arn(arn) => arn.kind,
        }
    }

    fn parse_id(text: &str, vocabulary: &Vocabulary) -> Result<Self, IdentifierError> {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-:._".contains(&byte);
        if let Some(illegal) = text.chars().find(|c| !c.is_ascii() || !is_legal(*c as u8)) {
            return Err(IdentifierError::new(format!("`{text}` holds {illegal:?}, which no model id has")));
        }
        let Some((first, rest)) =
            text.split_once('.').filter(|(first, rest)| !first.is_empty() && !rest.is_empty())
        else {
            return Err(IdentifierError::new(format!(
                "`{text}` is no model id: those look like publisher.model"
            )));
        };
        if vocabulary.publishers.contains(first) {
            return Ok(Self::Model(text.to_owned()));
        }
        let publisher = rest.split('.').next().unwrap_or_default();
        if vocabulary.publishers.contains(publisher) {
            return Ok(Self::SystemProfile { geography: first.to_owned(), model: rest.to_owned() });
        }
        Err(IdentifierError::new(format!(
            "`{text}` begins with neither a publisher nor a geography that Bedrock has"
        )))
    }
}

/// The longest model id AWS's API takes (botocore 1.44.5, `modelId`).
const MAX_LEN: usize = 2048;

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(id) => f.write_str(id),
            Self::SystemProfile { geography, model } => write!(f, "{geography}.{model}"),
            Self::Arn(arn) => arn.fmt(f),
        }
    }
}

/// The words that tell a publisher from a geography; from data, because both sets are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// `anthropic`, `amazon`, …: first parts of model ids.
    pub publishers: BTreeSet<String>,
    /// `us`, `eu`, `global`, `us-gov`, …: first parts of profile ids.
    pub geographies: BTreeSet<String>,
}

/// An Amazon Resource Name of something that can be invoked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-us-gov`, `aws-cn`, ….
    pub partition: String,
    /// Empty in the foundation-model ARNs of global profiles.
    pub region: String,
    /// Twelve digits; empty for foundation models.
    pub account: String,
    /// What it names.
    pub kind: Kind,
    /// AWS's word before the slash; two kinds have two words each.
    resource_type: String,
    /// What follows the slash: a model id, a profile id, a deployment's id.
    pub id: String,
}

impl Arn {
    /// Parses an ARN, not percent-encoded.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let wrong = |why: &str| IdentifierError::new(format!("`{text}` is no ARN Bedrock can invoke: {why}"));
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (arn, partition, service, region, account, resource) =
            (part(), part(), part(), part(), part(), part());
        if arn != "arn" || !is_partition(partition) {
            return Err(wrong("it does not begin with arn:aws:"));
        }
        if region.len() > MAX_REGION_LEN
            || !region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(wrong("the Region is not one"));
        }
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if !account.is_empty() && !is_account {
            return Err(wrong("the account is not twelve digits"));
        }
        let (resource_type, id) =
            resource.split_once('/').ok_or_else(|| wrong("the resource lacks type/id"))?;
        let kind = Kind::of_resource(service, resource_type)
            .ok_or_else(|| wrong("the resource is not of a kind that can be invoked"))?;
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-:._/".contains(&byte);
        if id.is_empty() || !id.bytes().all(is_legal) {
            return Err(wrong("the id after the slash is empty or holds characters that no id has"));
        }
        if account.is_empty() != (kind == Kind::FoundationModel) {
            let why = if account.is_empty() {
                "it lacks the account"
            } else {
                "a foundation model belongs to no account"
            };
            return Err(wrong(why));
        }
        Ok(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            kind,
            resource_type: resource_type.to_owned(),
            id: id.to_owned(),
        })
    }
}

/// AWS's own bound for a Region in its patterns.
const MAX_REGION_LEN: usize = 20;

fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    rest.is_some_and(|rest| {
        rest.is_empty()
            || (rest.starts_with('-')
                && rest.len() > 1
                && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    })
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, kind, resource_type, id } = self;
        let service = if *kind == Kind::Endpoint { "sagemaker" } else { "bedrock" };
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource_type}/{id}")
    }
}

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

impl Kind {
    fn of_resource(service: &str, resource_type: &str) -> Option<Self> {
        Some(match (service, resource_type) {
            ("bedrock", "foundation-model") => Self::FoundationModel,
            ("bedrock", "inference-profile") => Self::InferenceProfile,
            ("bedrock", "application-inference-profile") => Self::ApplicationInferenceProfile,
            ("bedrock", "provisioned-model") => Self::ProvisionedModel,
            ("bedrock", "custom-model") => Self::CustomModel,
            ("bedrock", "custom-model-deployment") => Self::CustomModelDeployment,
            ("bedrock", "imported-model") => Self::ImportedModel,
            ("bedrock", "prompt") => Self::Prompt,
            ("bedrock", "prompt-router" | "default-prompt-router") => Self::PromptRouter,
            ("bedrock", "async-invoke") => Self::AsyncInvoke,
            ("sagemaker", "endpoint") => Self::Endpoint,
            _ => return None,
        })
    }
}

/// Why a string is no identifier, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IdentifierError {
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl IdentifierError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, IdentifierError> {
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| IdentifierError::new("the identifier is percent-encoded, but not as UTF-8"))
}
