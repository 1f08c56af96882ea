//! Which operation a request asks for: method and path, as received.
//!
//! Identifiers may hold raw `:` and `/` (ARNs) or be percent-encoded; so the path is cut at its known ends, and only what
//! is between them is decoded.

use std::borrow::Cow;

use http::Method;
use outcrop_wire::bedrock::ErrorKind;
use percent_encoding::percent_decode_str;

use crate::failure::Failure;

/// An operation and what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Runtime { kind: Runtime, model: String },
    CreateInferenceProfile,
    ListInferenceProfiles,
    GetInferenceProfile(String),
    DeleteInferenceProfile(String),
    ListFoundationModels,
    GetFoundationModel(String),
    TagResource,
    UntagResource,
    ListTagsForResource,
}

/// The operations that invoke a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    Converse,
    ConverseStream,
    InvokeModel,
    InvokeModelWithResponseStream,
    CountTokens,
}

impl Runtime {
    /// AWS's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Converse => "Converse",
            Self::ConverseStream => "ConverseStream",
            Self::InvokeModel => "InvokeModel",
            Self::InvokeModelWithResponseStream => "InvokeModelWithResponseStream",
            Self::CountTokens => "CountTokens",
        }
    }

    fn of_suffix(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "converse" => Self::Converse,
            "converse-stream" => Self::ConverseStream,
            "invoke" => Self::InvokeModel,
            "invoke-with-response-stream" => Self::InvokeModelWithResponseStream,
            "count-tokens" => Self::CountTokens,
            _ => return None,
        })
    }
}

impl Operation {
    /// Reads method and raw path.
    ///
    /// # Errors
    /// 404 `UnknownOperationException` when there is no such operation.
    pub(crate) fn of(method: &Method, raw_path: &str) -> Result<Self, Failure> {
        let unknown = || {
            let text = format!("The emulator has no operation {method} {raw_path}.");
            Failure::new(ErrorKind::UnknownOperation, text)
        };
        let found = match *method {
            Method::POST => post(raw_path),
            Method::GET => get(raw_path),
            Method::DELETE => tail(raw_path, "/inference-profiles/").map(Self::DeleteInferenceProfile),
            _ => None,
        };
        found.ok_or_else(unknown)
    }
}

fn post(path: &str) -> Option<Operation> {
    Some(match path {
        "/inference-profiles" => Operation::CreateInferenceProfile,
        "/tagResource" => Operation::TagResource,
        "/untagResource" => Operation::UntagResource,
        "/listTagsForResource" => Operation::ListTagsForResource,
        _ => {
            let (model, suffix) = path.strip_prefix("/model/")?.rsplit_once('/')?;
            Operation::Runtime { kind: Runtime::of_suffix(suffix)?, model: decoded(model)? }
        }
    })
}

fn get(path: &str) -> Option<Operation> {
    match path {
        "/inference-profiles" => Some(Operation::ListInferenceProfiles),
        "/foundation-models" => Some(Operation::ListFoundationModels),
        _ => tail(path, "/inference-profiles/")
            .map(Operation::GetInferenceProfile)
            .or_else(|| tail(path, "/foundation-models/").map(Operation::GetFoundationModel)),
    }
}

fn tail(path: &str, prefix: &str) -> Option<String> {
    decoded(path.strip_prefix(prefix)?)
}

/// The decoded identifier; `None` when it is empty or no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text: Cow<'_, str> = percent_decode_str(text).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

/// The pairs of a query, decoded; unknown keys are for the operation to ignore, as AWS does.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        (text(name), text(value))
    })
}
