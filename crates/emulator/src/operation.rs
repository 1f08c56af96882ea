//! Which operation a request asks for: method and path, as received.
//!
//! Identifiers may hold raw `:` and `/` (ARNs) or be percent-encoded; so the path is cut at its known ends, and only what
//! is between them is decoded.

use std::borrow::Cow;

use http::Method;
use outcrop_wire::bedrock::ErrorKind;
use percent_encoding::percent_decode_str;

use crate::failure::Failure;
use crate::service::{self, Labels};

/// An operation and what its path names.
#[derive(Debug)]
pub(crate) enum Operation {
    Runtime {
        kind: Runtime,
        model: String,
    },
    /// One of the control plane, and what its path names.
    Control {
        operation: &'static service::Operation,
        labels: Labels,
    },
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
        runtime(method, raw_path).or_else(|| control(method, raw_path)).ok_or_else(unknown)
    }
}

fn runtime(method: &Method, path: &str) -> Option<Operation> {
    let (model, suffix) = path.strip_prefix("/model/")?.rsplit_once('/')?;
    let kind = Runtime::of_suffix(suffix).filter(|_| *method == Method::POST)?;
    Some(Operation::Runtime { kind, model: decoded(model)? })
}

fn control(method: &Method, path: &str) -> Option<Operation> {
    let (operation, labels) = service::service().route(method, path)?;
    Some(Operation::Control { operation, labels })
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
