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
            return Err(IdentifierError::new(format!(
                "`{text}` is no model id: those have small letters only"
            )));
        }
        let Some((first, rest)) = text.split_once('.').filter(|(_, rest)| is_model_name(rest)) else {
            return Err(IdentifierError::new(format!(
                "`{text}` is no model id: those look like publisher.model or geography.publisher.model"
            )));
        };
        let publisher = rest.split_once('.').map(|(publisher, _)| publisher);
        if vocabulary.publishers.contains(first) {
            Ok(Self::Model(text.to_owned()))
        } else if vocabulary.geographies.contains(first) {
            Self::of_geography(text, first, rest, publisher)
        } else if publisher.is_some_and(|publisher| vocabulary.publishers.contains(publisher)) {
            Err(IdentifierError::new(format!(
                "`{first}.` in `{text}` is no geography that Bedrock has profiles for"
            )))
        } else if is_publisher(first) && rest.starts_with(|c: char| c.is_ascii_lowercase()) {
            Ok(Self::Model(text.to_owned()))
        } else {
            Err(IdentifierError::new(format!(
                "`{text}` does not begin with the publisher of a model, as Bedrock's ids do"
            )))
        }
    }

    fn of_geography(
        text: &str,
        geography: &str,
        model: &str,
        publisher: Option<&str>,
    ) -> Result<Self, IdentifierError> {
        if !publisher.is_some_and(is_publisher) {
            return Err(IdentifierError::new(format!(
                "`{text}` lacks the publisher: profile ids look like {geography}.publisher.model"
            )));
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
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| IdentifierError::new("the identifier is percent-encoded, but not as UTF-8"))
}

fn too_long() -> IdentifierError {
    IdentifierError::new(format!("the identifier is longer than {MAX_LEN} characters"))
}

/// What passes is short, printable ASCII, so that messages may quote it.
fn check_characters(text: &str) -> Result<(), IdentifierError> {
    if text.is_empty() {
        return Err(IdentifierError::new("the identifier is empty"));
    }
    if text.len() > MAX_LEN {
        return Err(too_long());
    }
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "-:._/".contains(c);
    let Some(illegal) = text.chars().find(|c| !is_legal(*c)) else { return Ok(()) };
    let error =
        IdentifierError::new(format!("the identifier holds {illegal:?}, which no model id or ARN has"));
    Err(if text.trim() != text {
        error.hint("remove the spaces and line ends around it")
    } else if illegal == '%' {
        error.hint("percent-encode it once, not twice")
    } else {
        error
    })
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
        let wrong =
            |why: &str| IdentifierError::new(format!("`{text}` is no ARN that Bedrock can invoke: {why}"));
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &[scheme, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(wrong("it has too few parts").hint(EXAMPLES));
        };
        if scheme != "arn" || !is_partition(partition) {
            return Err(wrong("it does not begin with arn:aws: or another partition of AWS").hint(EXAMPLES));
        }
        if !is_region(region) {
            return Err(wrong("its Region is none").hint("Regions look like us-east-1"));
        }
        if !is_account(account) {
            return Err(wrong("its account is not twelve digits").hint(EXAMPLES));
        }
        let (resource_type, id) =
            resource.split_once('/').ok_or_else(|| wrong("it does not end in type/id").hint(EXAMPLES))?;
        let kind = Kind::of_resource(service, resource_type).ok_or_else(|| {
            misspelt(wrong("a resource of this kind cannot be invoked"), service, resource_type)
        })?;
        check_owner(kind, account, partition).map_err(|(why, hint)| wrong(why).hint(hint))?;
        if !is_resource_id(kind, id) {
            return Err(wrong("the id after the slash is malformed"));
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
fn misspelt(error: IdentifierError, service: &str, resource_type: &str) -> IdentifierError {
    let near = |text: &str, known: &[&'static str]| {
        let nearest = known.iter().min_by_key(|word| strsim::osa_distance(word, text)).copied();
        nearest.filter(|word| *word != text && strsim::osa_distance(word, text) <= MAX_SLIPS)
    };
    match (near(service, &["bedrock", "sagemaker"]), near(resource_type, &RESOURCES)) {
        (Some(meant), _) => error.hint(&format!("did you mean the service {meant}, not {service}?")),
        (None, Some(meant)) => error.hint(&format!("did you mean {meant}/, not {resource_type}/?")),
        (None, None) => error.hint(EXAMPLES),
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

const EXAMPLES: &str = "ARNs look like arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456 or arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";

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
fn check_owner(kind: Kind, account: &str, partition: &str) -> Result<(), (&'static str, &'static str)> {
    match (kind, account.is_empty()) {
        (Kind::FoundationModel, false) => Err((
            "a foundation model belongs to no account",
            "leave the account empty: arn:aws:bedrock:REGION::foundation-model/ID",
        )),
        (Kind::FoundationModel, true) => Ok(()),
        (_, true) => Err((
            "it lacks the account",
            "the twelve digits stand after the Region: arn:aws:bedrock:REGION:ACCOUNT:…",
        )),
        (Kind::Endpoint, false) if partition != "aws" => Err((
            "Bedrock reaches SageMaker endpoints in the partition aws only",
            "see the table of targets in AWS's InvokeModel reference",
        )),
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

    fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }
}
