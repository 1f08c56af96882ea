//! Every string AWS accepts as a model id, parsed once.
//!
//! The grammar is our own (reference `bedrock.md` §1.9, §3): AWS's published patterns let almost any token pass and yet
//! refuse ids that the service accepts. Whether the first part of `us.anthropic.…` is a geography or a publisher cannot be
//! told from the text alone (`deepseek.v3.2`); the caller's [`Vocabulary`] decides.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use outcrop_texts::{self as texts, Text};
use percent_encoding::percent_decode_str;
use serde::Serialize;

/// A parsed identifier. Printing it gives the text back, percent-decoded.
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
    /// Parses a model id, profile id or ARN; it may be percent-encoded, once.
    ///
    /// A publisher that the vocabulary lacks is accepted (AWS adds some every year), a geography is not: `ap.anthropic.…`
    /// is a slip that AWS refuses. A profile of a new geography can be named by its ARN.
    ///
    /// # Errors
    /// For text that AWS can only refuse; the message quotes it, the hint says how it should look.
    pub fn parse(text: &str, vocabulary: &Vocabulary) -> Result<Self, IdentifierError> {
        let text = decoded(text)?;
        check_characters(&text)?;
        if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("arn:")) {
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
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(IdentifierError(texts::capitals(text)));
        }
        let Some((first, rest)) = text.split_once('.').filter(|(_, rest)| is_model_name(rest)) else {
            return Err(IdentifierError(texts::no_model_id(text)));
        };
        let publisher = rest.split_once('.').map(|(publisher, _)| publisher);
        if vocabulary.publishers.contains(first) {
            Ok(Self::Model(text.to_owned()))
        } else if vocabulary.geographies.contains(first) {
            Self::of_geography(text, first, rest, publisher)
        } else if publisher.is_some_and(|publisher| vocabulary.publishers.contains(publisher)) {
            Err(IdentifierError(texts::no_geography(first, text)))
        } else if is_publisher(first) && rest.starts_with(|c: char| c.is_ascii_lowercase()) {
            Ok(Self::Model(text.to_owned()))
        } else {
            Err(IdentifierError(texts::no_publisher(text)))
        }
    }

    fn of_geography(
        text: &str,
        geography: &str,
        model: &str,
        publisher: Option<&str>,
    ) -> Result<Self, IdentifierError> {
        if !publisher.is_some_and(is_publisher) {
            return Err(IdentifierError(texts::publisher_left_out(text, geography)));
        }
        Ok(Self::SystemProfile { geography: geography.to_owned(), model: model.to_owned() })
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(id) => f.write_str(id),
            Self::SystemProfile { geography, model } => write!(f, "{geography}.{model}"),
            Self::Arn(arn) => arn.fmt(f),
        }
    }
}

/// The longest model id AWS's API takes (botocore 1.44.5, `modelId`).
const MAX_LEN: usize = 2048;

fn decoded(text: &str) -> Result<Cow<'_, str>, IdentifierError> {
    if text.len() > 3 * MAX_LEN {
        return Err(too_long());
    }
    percent_decode_str(text).decode_utf8().map_err(|_| IdentifierError(texts::IDENTIFIER_NOT_UTF8))
}

fn too_long() -> IdentifierError {
    IdentifierError(texts::identifier_too_long(MAX_LEN))
}

/// What passes is short, printable ASCII, so that messages may quote it.
fn check_characters(text: &str) -> Result<(), IdentifierError> {
    if text.is_empty() {
        return Err(IdentifierError(texts::IDENTIFIER_EMPTY));
    }
    if text.len() > MAX_LEN {
        return Err(too_long());
    }
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "-:._/".contains(c);
    let Some(illegal) = text.chars().find(|c| !is_legal(*c)) else { return Ok(()) };
    let said = texts::identifier_holds(format_args!("{illegal:?}"));
    Err(IdentifierError(if text.trim() != text {
        said.with_hint(texts::TRIM_IT)
    } else if illegal == '%' {
        said.with_hint(texts::ENCODE_ONCE)
    } else {
        said
    }))
}

/// `name`, `name-v1:0`, `name-v1:0:256k`; a dot may stand inside (`deepseek.v3.2`), no part is empty.
///
/// Source: `BedrockModelId` of AWS's API (reference `bedrock.md` §1.2), without its bounds on length.
fn is_model_name(text: &str) -> bool {
    text.split(':').count() <= 3 && text.split([':', '.']).all(|part| !part.is_empty()) && !text.contains('/')
}

/// One word: all publishers of Bedrock are, and the ids of other services that look alike are not (`gpt-4.1`).
fn is_publisher(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
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
    /// AWS's word before the slash; a prompt router has two words.
    resource_type: String,
    /// What follows the slash: a model id, a profile id, a deployment's id.
    pub id: String,
}

impl Arn {
    /// Parses an ARN, not percent-encoded.
    ///
    /// # Errors
    /// For text that is no ARN, or the ARN of something that cannot be named as a model.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        check_characters(text)?;
        let wrong = |why: Text| IdentifierError(texts::no_arn(text, &why).with_hint_of(&why));
        let looks_otherwise = |why: Text| wrong(why.with_hint(texts::ARNS));
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &[scheme, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(looks_otherwise(texts::ARN_PARTS));
        };
        if scheme != "arn" || !is_partition(partition) {
            return Err(looks_otherwise(texts::ARN_PARTITION));
        }
        if !is_region(region) {
            return Err(wrong(texts::ARN_REGION));
        }
        if !is_account(account) {
            return Err(looks_otherwise(texts::ARN_ACCOUNT));
        }
        let (resource_type, id) =
            resource.split_once('/').ok_or_else(|| looks_otherwise(texts::ARN_ENDING))?;
        let kind = Kind::of_resource(service, resource_type)
            .ok_or_else(|| wrong(texts::ARN_KIND.with_hint(misspelt(service, resource_type))))?;
        check_owner(kind, account, partition).map_err(wrong)?;
        if !is_resource_id(kind, id) {
            return Err(wrong(texts::ARN_ID));
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

    /// Parses an ARN that may be percent-encoded, once.
    ///
    /// # Errors
    /// As [`Arn::parse`].
    pub fn parse_encoded(text: &str) -> Result<Self, IdentifierError> {
        Self::parse(&decoded(text)?)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, kind, resource_type, id } = self;
        let service = if *kind == Kind::Endpoint { "sagemaker" } else { "bedrock" };
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource_type}/{id}")
    }
}

/// A service or a kind of resource that is nearly right is named.
fn misspelt(service: &str, resource_type: &str) -> Text {
    let near = |text: &str, known: &[&'static str]| {
        let nearest = known.iter().min_by_key(|word| strsim::osa_distance(word, text)).copied();
        nearest.filter(|word| *word != text && strsim::osa_distance(word, text) <= MAX_SLIPS)
    };
    match (near(service, &["bedrock", "sagemaker"]), near(resource_type, &RESOURCES)) {
        (Some(meant), _) => texts::other_service(meant, service),
        (None, Some(meant)) => texts::other_resource(meant, resource_type),
        (None, None) => texts::ARNS,
    }
}

/// More wrong letters than this make another word.
const MAX_SLIPS: usize = 3;

/// AWS's words for what can be invoked.
const RESOURCES: [&str; 12] = [
    "foundation-model",
    "inference-profile",
    "application-inference-profile",
    "provisioned-model",
    "custom-model",
    "custom-model-deployment",
    "imported-model",
    "prompt",
    "prompt-router",
    "default-prompt-router",
    "async-invoke",
    "endpoint",
];

/// `aws` or `aws-…` (reference `bedrock.md` §3).
fn is_partition(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("aws") else { return false };
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(is_word)
}

/// AWS's own bound for a Region in its patterns.
const MAX_REGION_LEN: usize = 20;

/// Empty is legal: the ARNs inside global profiles have no Region.
fn is_region(text: &str) -> bool {
    text.len() <= MAX_REGION_LEN
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Empty is legal here: whether an account is needed depends on the kind.
fn is_account(text: &str) -> bool {
    text.is_empty() || (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()))
}

/// A foundation model belongs to nobody, everything else to an account.
fn check_owner(kind: Kind, account: &str, partition: &str) -> Result<(), Text> {
    match (kind, account.is_empty()) {
        (Kind::FoundationModel, false) => Err(texts::ARN_OF_NO_ACCOUNT),
        (Kind::FoundationModel, true) => Ok(()),
        (_, true) => Err(texts::ARN_LACKS_ACCOUNT),
        (Kind::Endpoint, false) if partition != "aws" => Err(texts::ARN_OF_SAGEMAKER),
        _ => Ok(()),
    }
}

/// Only a custom model's id has a slash: `imported/…` or `BASE-MODEL/…`.
fn is_resource_id(kind: Kind, id: &str) -> bool {
    match (kind, id.split_once('/')) {
        (Kind::CustomModel, Some((first, second))) => {
            !first.is_empty() && !second.is_empty() && !second.contains('/')
        }
        (Kind::FoundationModel, None) => is_model_name(id),
        (_, None) => !id.is_empty(),
        (_, Some(_)) => false,
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
#[error("{0}")]
pub struct IdentifierError(pub Text);
