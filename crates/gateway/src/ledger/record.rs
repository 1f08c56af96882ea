//! One invocation, as it is remembered.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use outcrop_catalog::Resolution;
use outcrop_catalog::price::TokenCounts;

/// One invocation.
#[derive(Debug, Clone)]
pub struct Record {
    /// Our id of the request, as in `outcrop-request-id`.
    pub gateway_request_id: String,
    /// When it began.
    pub timestamp: SystemTime,
    /// The span of the caller, as its `traceparent` says; not kept in the ledger's file.
    pub trace_parent: Option<HeaderValue>,
    /// AWS's id of the request.
    pub request_id: Option<String>,
    /// `Converse`, `ConverseStream`, `InvokeModel`, ….
    pub operation: &'static str,
    /// What the identifier resolved to: target, profile, model, Region, price.
    pub resolution: Arc<Resolution>,
    /// The name of the caller's key.
    pub identity: Option<String>,
    /// The account that was called, by its name in the configuration; `None` for the gateway's own.
    pub account: Option<Arc<str>>,
    /// The end user, where the client names one.
    pub user: Option<String>,
    /// The HTTP status the client got.
    pub status: u16,
    /// AWS's name of the error.
    pub error_code: Option<String>,
    /// Why the model stopped.
    pub stop_reason: Option<String>,
    /// Tokens used.
    pub tokens: TokenCounts,
    /// How sure the tokens are.
    pub usage: UsageKind,
    /// `chat-completions`, `messages`, `bedrock`.
    pub dialect: &'static str,
    /// `relay` or `translate`.
    pub lane: &'static str,
    /// Time to the first event of a stream.
    pub first_event: Option<Duration>,
    /// Time to the end.
    pub latency: Duration,
    /// What was repaired.
    pub notices: Vec<String>,
}

#[cfg(test)]
impl Record {
    /// Of a call of Nova that used nothing.
    pub(crate) fn example(id: &str) -> Self {
        let context = outcrop_catalog::Context { region: "us-east-1".to_owned() };
        let resolution = outcrop_catalog::Catalog::built_in().resolve("us.amazon.nova-lite-v1:0", &context);
        Self {
            gateway_request_id: id.to_owned(),
            timestamp: SystemTime::UNIX_EPOCH,
            trace_parent: None,
            request_id: None,
            operation: "Converse",
            resolution: Arc::new(resolution.expect("a profile of the built-in catalog")),
            identity: None,
            account: None,
            user: None,
            status: 200,
            error_code: None,
            stop_reason: None,
            tokens: TokenCounts::default(),
            usage: UsageKind::None,
            dialect: "bedrock",
            lane: "relay",
            first_event: None,
            latency: Duration::ZERO,
            notices: Vec::new(),
        }
    }
}

impl Record {
    /// US dollars; `None` when a price is unknown, zero when nothing was used.
    pub fn cost_usd(&self) -> Option<f64> {
        if self.tokens == TokenCounts::default() {
            return Some(0.0);
        }
        self.resolution.price.as_ref()?.cost(self.tokens)
    }
}

/// How sure the token counts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageKind {
    /// Bedrock said so.
    Exact,
    /// The stream ended, or the client left, before Bedrock said; counts are what was seen.
    Estimated,
    /// Nothing was generated.
    None,
}

impl UsageKind {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Estimated => "estimated",
            Self::None => "none",
        }
    }
}
