//! A record of AWS's invocation log: the few members that matter, whatever else is in it.
//!
//! AWS's own form nests token counts in `input` and `output` (reference `bedrock.md` §7.1); a flat one is told in guides and
//! by tools that flatten JSON. Both are read. Bodies are passed over without being kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One invocation, borrowed from its line where that can be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    #[serde(borrow, default)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    operation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    model_id: Cow<'a, str>,
    #[serde(borrow, default)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    inference_region: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error_code: Option<Cow<'a, str>>,
    #[serde(default)]
    input: Option<Input>,
    #[serde(default)]
    output: Option<Output>,
    #[serde(default)]
    input_token_count: Option<u64>,
    #[serde(default)]
    output_token_count: Option<u64>,
    #[serde(default)]
    cache_read_input_token_count: Option<u64>,
    #[serde(default)]
    cache_write_input_token_count: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(default)]
    input_token_count: Option<u64>,
    #[serde(default)]
    cache_read_input_token_count: Option<u64>,
    #[serde(default)]
    cache_write_input_token_count: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    #[serde(default)]
    output_token_count: Option<u64>,
}

/// One invocation, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    /// ISO 8601.
    pub timestamp: Option<&'a str>,
    /// AWS's id of the request.
    pub request_id: Option<&'a str>,
    /// `Converse`, `InvokeModel`, …
    pub operation: Option<&'a str>,
    /// What the caller wrote, or its ARN.
    pub model_id: &'a str,
    /// Where it was called.
    pub region: Option<&'a str>,
    /// Where it was processed.
    pub inference_region: Option<&'a str>,
    /// Of an invocation that failed.
    pub error_code: Option<&'a str>,
    /// Without those that the cache read or wrote.
    pub input_token_count: Option<u64>,
    /// Tokens out.
    pub output_token_count: Option<u64>,
    /// Read from the cache.
    pub cache_read_input_token_count: Option<u64>,
    /// Written to the cache.
    pub cache_write_input_token_count: Option<u64>,
}

impl<'a> Line<'a> {
    /// Reads a line; `None` when it is no record of an invocation.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// The members in one form, whichever the line has.
    pub fn record(&self) -> Record<'_> {
        let (input, output) = (self.input.as_ref(), self.output.as_ref());
        Record {
            timestamp: self.timestamp.as_deref(),
            request_id: self.request_id.as_deref(),
            operation: self.operation.as_deref(),
            model_id: &self.model_id,
            region: self.region.as_deref(),
            inference_region: self.inference_region.as_deref(),
            error_code: self.error_code.as_deref(),
            input_token_count: input.and_then(|it| it.input_token_count).or(self.input_token_count),
            output_token_count: output.and_then(|it| it.output_token_count).or(self.output_token_count),
            cache_read_input_token_count: input
                .and_then(|it| it.cache_read_input_token_count)
                .or(self.cache_read_input_token_count),
            cache_write_input_token_count: input
                .and_then(|it| it.cache_write_input_token_count)
                .or(self.cache_write_input_token_count),
        }
    }
}

impl Record<'_> {
    /// Whether it was invoked by this identifier: the same words, or the id at the end of an ARN.
    pub fn is_of(&self, identifier: &str) -> bool {
        self.model_id == identifier
            || id_of(self.model_id) == identifier
            || (identifier.starts_with("arn:") && id_of(identifier) == self.model_id)
    }

    /// When it was, if the record says so in a way that can be read.
    pub fn time(&self) -> Option<jiff::Timestamp> {
        self.timestamp?.parse().ok()
    }
}

/// The id at the end of an ARN.
pub fn id_of(identifier: &str) -> &str {
    match identifier.strip_prefix("arn:") {
        Some(arn) => arn.split_once('/').map_or(identifier, |(_, id)| id),
        None => identifier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nested_and_the_flat_form_say_the_same() {
        let nested = br#"{"schemaType":"ModelInvocationLog","timestamp":"2026-04-19T23:57:01Z","requestId":"a","operation":"Converse",
            "modelId":"arn:aws:bedrock:us-east-1:1:application-inference-profile/abc","inferenceRegion":"us-west-2",
            "input":{"inputContentType":"application/json","inputBodyJson":{"messages":[{"a":"\u00e4"}]},"inputTokenCount":1,
            "cacheReadInputTokenCount":129709},"output":{"outputBodyJson":[1,2],"outputTokenCount":7},"newMember":{}}"#;
        let flat = br#"{"timestamp":"2026-04-19T23:57:01Z","requestId":"a","operation":"Converse",
            "modelId":"arn:aws:bedrock:us-east-1:1:application-inference-profile/abc","inferenceRegion":"us-west-2",
            "inputTokenCount":1,"cacheReadInputTokenCount":129709,"outputTokenCount":7}"#;
        let (nested, flat) = (Line::parse(nested).unwrap(), Line::parse(flat).unwrap());
        assert_eq!(nested.record(), flat.record());
        assert_eq!(flat.record().output_token_count, Some(7));
        assert!(flat.record().is_of("abc") && !flat.record().is_of("ab"));
        assert!(flat.record().is_of("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"));
    }

    #[test]
    fn what_is_no_record_is_none() {
        for line in [&b""[..], b"{}", b"[]", b"hello", b"{\"modelId\":1}", b"\xff", b"{\"modelId\":\"a\""] {
            assert_eq!(Line::parse(line), None);
        }
    }
}
