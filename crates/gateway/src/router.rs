//! Which endpoint a path names.

use std::borrow::Cow;

use http::Method;
use outcrop_wire::dialect::Dialect;
use percent_encoding::percent_decode_str;

use crate::stored::Part;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/responses`.
    Responses,
    /// `GET` and `DELETE /v1/responses/{id}`, `GET /v1/responses/{id}/input_items`.
    StoredResponse { id: Cow<'a, str>, part: Part },
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `POST /model/{id}/…`: the model, percent-decoded once, and AWS's operation.
    Model { id: Cow<'a, str>, operation: Operation },
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{id}`: the identifier, percent-decoded once; an ARN may hold slashes.
    ModelNamed(Cow<'a, str>),
    /// The control plane's paths, handed on as they are.
    Control,
    /// `GET /healthz`.
    Health,
    /// `GET /readyz`.
    Ready,
    /// `GET /metrics`.
    Metrics,
    /// `GET /` and `HEAD /`.
    Root,
}

/// AWS's operations on a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Converse,
    ConverseStream,
    InvokeModel,
    InvokeModelWithResponseStream,
    CountTokens,
    /// AWS's own Chat Completions; this and what follows have paths of their own and may stream.
    ChatCompletions,
    /// AWS's own Responses.
    Responses,
    /// AWS's own Messages.
    Messages,
    /// `count_tokens` of AWS's own Messages.
    CountMessages,
}

/// Why a path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unroutable {
    /// There is no such path.
    Path,
    /// The path takes these methods only.
    Method(&'static [Method]),
}

/// Finds the endpoint of a method and a path as received (percent-encoded).
pub(crate) fn route<'a>(method: &Method, path: &'a str) -> Result<Endpoint<'a>, Unroutable> {
    let (endpoint, allowed) = match path {
        "/v1/chat/completions" | "/openai/v1/chat/completions" => {
            (Endpoint::ChatCompletions, &[Method::POST][..])
        }
        "/v1/responses" | "/openai/v1/responses" => (Endpoint::Responses, &[Method::POST][..]),
        "/v1/embeddings" | "/openai/v1/embeddings" => (Endpoint::Embeddings, &[Method::POST][..]),
        "/v1/messages" | "/anthropic/v1/messages" => (Endpoint::Messages, &[Method::POST][..]),
        "/v1/messages/count_tokens" | "/anthropic/v1/messages/count_tokens" => {
            (Endpoint::CountTokens, &[Method::POST][..])
        }
        "/v1/models" | "/openai/v1/models" | "/anthropic/v1/models" => (Endpoint::Models, &[Method::GET][..]),
        "/healthz" => (Endpoint::Health, &[Method::GET, Method::HEAD][..]),
        "/readyz" => (Endpoint::Ready, &[Method::GET, Method::HEAD][..]),
        "/metrics" => (Endpoint::Metrics, &[Method::GET][..]),
        "/" => (Endpoint::Root, &[Method::GET, Method::HEAD][..]),
        _ if path.contains("/v1/responses/") => {
            let (endpoint, part) = stored_response(path).ok_or(Unroutable::Path)?;
            let whole = &[Method::GET, Method::DELETE][..];
            (endpoint, if part == Part::Response { whole } else { &[Method::GET][..] })
        }
        _ if is_control(path) => return Ok(Endpoint::Control),
        _ if path.contains("/v1/models/") => (model_named(path).ok_or(Unroutable::Path)?, &[Method::GET][..]),
        _ => (model(path).ok_or(Unroutable::Path)?, &[Method::POST][..]),
    };
    if allowed.contains(method) { Ok(endpoint) } else { Err(Unroutable::Method(allowed)) }
}

/// The dialect errors are written in, for any path.
pub(crate) fn dialect(path: &str) -> Dialect {
    if path.starts_with("/v1/messages") || path.starts_with("/anthropic/") {
        Dialect::Messages
    } else if path.starts_with("/v1/") || path.starts_with("/openai/") {
        Dialect::ChatCompletions
    } else {
        Dialect::Bedrock
    }
}

impl Operation {
    pub(crate) const ALL: [Self; 9] = [
        Self::Converse,
        Self::ConverseStream,
        Self::InvokeModel,
        Self::InvokeModelWithResponseStream,
        Self::CountTokens,
        Self::ChatCompletions,
        Self::Responses,
        Self::Messages,
        Self::CountMessages,
    ];

    /// AWS's name, as in the invocation log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Converse => "Converse",
            Self::ConverseStream => "ConverseStream",
            Self::InvokeModel => "InvokeModel",
            Self::InvokeModelWithResponseStream => "InvokeModelWithResponseStream",
            Self::CountTokens | Self::CountMessages => "CountTokens",
            Self::ChatCompletions => "ChatCompletions",
            Self::Responses => "Responses",
            Self::Messages => "Messages",
        }
    }

    /// The last segment of its path under `/model/{id}`; `None` for AWS's own dialects.
    pub(crate) fn segment(self) -> Option<&'static str> {
        match self {
            Self::Converse => Some("converse"),
            Self::ConverseStream => Some("converse-stream"),
            Self::InvokeModel => Some("invoke"),
            Self::InvokeModelWithResponseStream => Some("invoke-with-response-stream"),
            Self::CountTokens => Some("count-tokens"),
            Self::ChatCompletions | Self::Responses | Self::Messages | Self::CountMessages => None,
        }
    }

    /// Whether the answer is one of Bedrock's event streams.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::ConverseStream | Self::InvokeModelWithResponseStream)
    }

    fn from_segment(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.segment() == Some(segment))
    }
}

/// `/model/{id}/{operation}`; a raw ARN may hold slashes, so the operation is what follows the last one.
fn model(path: &str) -> Option<Endpoint<'_>> {
    let (id, segment) = path.strip_prefix("/model/")?.rsplit_once('/')?;
    let id = percent_decode_str(id).decode_utf8().ok().filter(|id| !id.is_empty())?;
    Some(Endpoint::Model { id, operation: Operation::from_segment(segment)? })
}

/// `/v1/responses/{id}` and `/v1/responses/{id}/input_items`.
fn stored_response(path: &str) -> Option<(Endpoint<'_>, Part)> {
    const PLACES: [&str; 2] = ["/v1/responses/", "/openai/v1/responses/"];
    let rest = PLACES.into_iter().find_map(|place| path.strip_prefix(place))?;
    let (id, part) = match rest.strip_suffix("/input_items") {
        Some(id) => (id, Part::InputItems),
        None => (rest, Part::Response),
    };
    let id = percent_decode_str(id).decode_utf8().ok().filter(|id| !id.is_empty() && !id.contains('/'))?;
    Some((Endpoint::StoredResponse { id, part }, part))
}

/// `/v1/models/{id}`, at each of the places of the list.
fn model_named(path: &str) -> Option<Endpoint<'_>> {
    const PLACES: [&str; 3] = ["/v1/models/", "/openai/v1/models/", "/anthropic/v1/models/"];
    let id = PLACES.into_iter().find_map(|place| path.strip_prefix(place))?;
    let id = percent_decode_str(id).decode_utf8().ok().filter(|id| !id.is_empty())?;
    Some(Endpoint::ModelNamed(id))
}

fn is_control(path: &str) -> bool {
    const PREFIXES: [&str; 9] = [
        "/inference-profiles",
        "/foundation-models",
        "/foundation-model-availability",
        "/list-foundation-model-agreement-offers",
        "/tagResource",
        "/untagResource",
        "/listTagsForResource",
        "/logging/modelinvocations",
        "/guardrail/",
    ];
    PREFIXES.iter().any(|prefix| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> Result<Endpoint<'_>, Unroutable> {
        route(&Method::POST, path)
    }

    #[test]
    fn an_arn_is_one_model_however_it_is_written() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456";
        let expected = Ok(Endpoint::Model { id: arn.into(), operation: Operation::ConverseStream });
        for written in [arn.to_owned(), arn.replace('/', "%2F"), arn.replace(':', "%3A").replace('/', "%2f")]
        {
            assert_eq!(post(&format!("/model/{written}/converse-stream")), expected, "{written}");
        }
    }

    #[test]
    fn what_is_no_path_or_method_is_said_apart() {
        assert_eq!(post("/v1/models"), Err(Unroutable::Method(&[Method::GET])));
        assert_eq!(post("/v2/chat"), Err(Unroutable::Path));
        assert_eq!(post("/model//converse"), Err(Unroutable::Path));
        assert_eq!(post("/model/x/destroy"), Err(Unroutable::Path));
        assert_eq!(post("/model/%ff/converse"), Err(Unroutable::Path));
        assert_eq!(route(&Method::GET, "/inference-profiles/abc"), Ok(Endpoint::Control));
        assert_eq!(route(&Method::GET, "/inference-profiles-of-others"), Err(Unroutable::Path));
    }
}
