//! The shape of a Messages request, member by member.
//!
//! Source: Anthropic's API reference, "Create a Message", its beta members included.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::bedrock::{ContentBlock, Text};
use crate::shape::{CacheControl, TextOr, Thinking};
use crate::{Json, JsonText};

request_shape! {
    /// The body.
    struct Request<'a> {
        "model" => model: IgnoredAny,
        "stream" => stream: IgnoredAny,
        "anthropic_version" => anthropic_version: IgnoredAny,
        "messages" => messages: Vec<Message<'a>>,
        "max_tokens" => max_tokens: u64,
        "system" => system: &'a RawValue,
        "temperature" => temperature: f64,
        "top_p" => top_p: f64,
        "top_k" => top_k: i64,
        "stop_sequences" => stop_sequences: Vec<String>,
        "tools" => tools: Vec<Json>,
        "tool_choice" => tool_choice: ToolChoice<'a>,
        "thinking" => thinking: Thinking<'a>,
        "output_config" => output_config: OutputConfig<'a>,
        "output_format" => output_format: OutputFormat<'a>,
        "metadata" => metadata: Metadata<'a>,
        "service_tier" => service_tier: Text<'a>,
        "anthropic_beta" => anthropic_beta: Vec<String>,
        "cache_control" => cache_control: CacheControl<'a>,
    }
}

request_shape! {
    /// One turn.
    struct Message<'a> {
        "role" => role: Text<'a>,
        "content" => content: &'a RawValue,
    }
}

request_shape! {
    /// A part of the system prompt.
    struct SystemPart<'a> {
        "type" => kind: Text<'a>,
        "text" => text: JsonText,
        "cache_control" => cache_control: CacheControl<'a>,
    }
}

request_shape! {
    /// A content block of any type; each type sets its own members.
    struct Part<'a> {
        "type" => kind: Text<'a>,
        "cache_control" => cache_control: CacheControl<'a>,
        "text" => text: JsonText,
        "source" => source: TextOr<'a, Source<'a>>,
        "title" => title: Text<'a>,
        "context" => context: Text<'a>,
        "citations" => citations: Json,
        "content" => content: &'a RawValue,
        "thinking" => thinking: Text<'a>,
        "signature" => signature: Text<'a>,
        "data" => data: Text<'a>,
        "id" => id: Text<'a>,
        "name" => name: Text<'a>,
        "input" => input: Json,
        "tool_use_id" => tool_use_id: Text<'a>,
        "is_error" => is_error: bool,
        "block" => block: ContentBlock,
        "caller" => caller: IgnoredAny,
    }
}

request_shape! {
    /// Where the bytes of a picture or document are.
    struct Source<'a> {
        "type" => kind: Text<'a>,
        "media_type" => media_type: Text<'a>,
        "data" => data: Text<'a>,
        "url" => url: Text<'a>,
        "file_id" => file_id: Text<'a>,
        "content" => content: TextOr<'a, Vec<Part<'a>>>,
    }
}

request_shape! {
    /// A tool on offer.
    struct Tool<'a> {
        "type" => kind: Text<'a>,
        "name" => name: Text<'a>,
        "description" => description: JsonText,
        "input_schema" => input_schema: Json,
        "strict" => strict: bool,
        "cache_control" => cache_control: CacheControl<'a>,
    }
}

request_shape! {
    /// `tool_choice`.
    struct ToolChoice<'a> {
        "type" => kind: Text<'a>,
        "name" => name: Text<'a>,
        "disable_parallel_tool_use" => disable_parallel_tool_use: bool,
    }
}

request_shape! {
    /// `output_config`.
    struct OutputConfig<'a> {
        "effort" => effort: Text<'a>,
        "format" => format: OutputFormat<'a>,
    }
}

request_shape! {
    /// `output_config.format`, in beta `output_format`.
    struct OutputFormat<'a> {
        "type" => kind: Text<'a>,
        "schema" => schema: Json,
    }
}

request_shape! {
    /// `metadata`.
    struct Metadata<'a> {
        "user_id" => user_id: Text<'a>,
    }
}
