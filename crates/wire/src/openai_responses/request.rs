//! The shape of a Responses request, member by member.
//!
//! Source: OpenAI's API reference, "Create a model response", and recorded requests.

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::bedrock::{ContentBlock, Text};
use crate::shape::{Kept, TextOr};
use crate::{Json, JsonText};

request_shape! {
    /// The body.
    struct Request<'a> {
        "model" => model: Text<'a>,
        "stream" => stream: bool,
        "input" => input: TextOr<'a, Vec<Item<'a>>>,
        "instructions" => instructions: Text<'a>,
        "max_output_tokens" => max_output_tokens: u64,
        "temperature" => temperature: Kept<f64>,
        "top_p" => top_p: Kept<f64>,
        "tools" => tools: Kept<Vec<Tool<'a>>>,
        "tool_choice" => tool_choice: Kept<TextOr<'a, ToolChoice<'a>>>,
        "parallel_tool_calls" => parallel_tool_calls: bool,
        "reasoning" => reasoning: Kept<Reasoning<'a>>,
        "text" => text: Kept<TextConfig<'a>>,
        "metadata" => metadata: Json,
        "user" => user: Text<'a>,
        "safety_identifier" => safety_identifier: Text<'a>,
        "service_tier" => service_tier: Text<'a>,
        "previous_response_id" => previous_response_id: IgnoredAny,
        "conversation" => conversation: IgnoredAny,
        "prompt" => prompt: IgnoredAny,
        "background" => background: bool,
        "store" => store: bool,
        "include" => include: Vec<Text<'a>>,
        "truncation" => truncation: Text<'a>,
        "top_logprobs" => top_logprobs: u64,
        "stream_options" => stream_options: IgnoredAny,
        "prompt_cache_key" => prompt_cache_key: IgnoredAny,
    }
}

request_shape! {
    /// One item of the input, whatever its kind.
    struct Item<'a> {
        "type" => kind: Text<'a>,
        "id" => id: IgnoredAny,
        "status" => status: IgnoredAny,
        "phase" => phase: IgnoredAny,
        "role" => role: Text<'a>,
        "content" => content: &'a RawValue,
        "call_id" => call_id: Text<'a>,
        "name" => name: Text<'a>,
        "arguments" => arguments: Json,
        "output" => output: &'a RawValue,
        "summary" => summary: Vec<Part<'a>>,
        "encrypted_content" => encrypted_content: Text<'a>,
        "block" => block: ContentBlock,
        "namespace" => namespace: Text<'a>,
        "input" => input: Text<'a>,
    }
}

request_shape! {
    /// A part of an item's content.
    struct Part<'a> {
        "type" => kind: Text<'a>,
        "text" => text: JsonText,
        "refusal" => refusal: JsonText,
        "image_url" => image_url: Text<'a>,
        "detail" => detail: Text<'a>,
        "file_data" => file_data: Text<'a>,
        "filename" => filename: Text<'a>,
        "file_id" => file_id: IgnoredAny,
        "file_url" => file_url: IgnoredAny,
        "annotations" => annotations: Vec<IgnoredAny>,
        "citations" => citations: Vec<Json>,
        "logprobs" => logprobs: Vec<IgnoredAny>,
    }
}

request_shape! {
    /// A tool on offer.
    struct Tool<'a> {
        "type" => kind: Text<'a>,
        "name" => name: Text<'a>,
        "description" => description: JsonText,
        "parameters" => parameters: Json,
        "strict" => strict: bool,
        "format" => format: ToolFormat<'a>,
        "tools" => tools: Vec<Tool<'a>>,
        "defer_loading" => defer_loading: IgnoredAny,
    }
}

request_shape! {
    /// `format` of a custom tool.
    struct ToolFormat<'a> {
        "type" => kind: Text<'a>,
        "syntax" => syntax: Text<'a>,
        "definition" => definition: Text<'a>,
    }
}

request_shape! {
    /// `tool_choice` as an object.
    struct ToolChoice<'a> {
        "type" => kind: Text<'a>,
        "name" => name: Text<'a>,
        "mode" => mode: Text<'a>,
        "tools" => tools: IgnoredAny,
    }
}

request_shape! {
    /// `reasoning`.
    struct Reasoning<'a> {
        "effort" => effort: Text<'a>,
        "summary" => summary: IgnoredAny,
        "generate_summary" => generate_summary: IgnoredAny,
    }
}

request_shape! {
    /// `text`.
    struct TextConfig<'a> {
        "format" => format: Format<'a>,
        "verbosity" => verbosity: Text<'a>,
    }
}

request_shape! {
    /// `text.format`.
    struct Format<'a> {
        "type" => kind: Text<'a>,
        "name" => name: Text<'a>,
        "description" => description: Text<'a>,
        "schema" => schema: Json,
        "strict" => strict: IgnoredAny,
    }
}

/// What a response repeats of its request, as the client wrote it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Echo {
    pub(super) instructions: Option<String>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) metadata: Option<Json>,
    #[serde(serialize_with = "or_true")]
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) reasoning: Option<Json>,
    pub(super) temperature: Option<Json>,
    pub(super) text: Option<Json>,
    #[serde(serialize_with = "or_auto")]
    pub(super) tool_choice: Option<Json>,
    #[serde(serialize_with = "or_none")]
    pub(super) tools: Option<Json>,
    pub(super) top_p: Option<Json>,
    pub(super) user: Option<String>,
    /// The stored response that this one continues.
    pub previous_response_id: Option<String>,
    /// Whether this response is stored.
    pub store: bool,
}

/// OpenAI's defaults for what its clients expect to be there.
fn or_true<S: serde::Serializer>(value: &Option<bool>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(value.unwrap_or(true))
}

fn or_auto<S: serde::Serializer>(value: &Option<Json>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_str("auto"),
    }
}

fn or_none<S: serde::Serializer>(value: &Option<Json>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => [(); 0].serialize(serializer),
    }
}
