//! The shape of a Chat Completions request, member by member.
//!
//! Source: OpenAI's API reference, "Create chat completion". `reasoning`, `reasoning_details`, `thinking`, `top_k` and
//! `cache_control` are additions that clients of OpenRouter and LiteLLM send.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::bedrock::{ContentBlock, Text};
use crate::shape::{CacheControl, TextOr, Thinking};
use crate::{Json, JsonText};

request_shape! {
    /// The body.
    struct Request<'a> {
        "model" => model: Text<'a>,
        "stream" => stream: bool,
        "messages" => messages: Vec<Message<'a>>,
        "stream_options" => stream_options: StreamOptions,
        "max_tokens" => max_tokens: u64,
        "max_completion_tokens" => max_completion_tokens: u64,
        "temperature" => temperature: f64,
        "top_p" => top_p: f64,
        "top_k" => top_k: i64,
        "stop" => stop: TextOr<'a, Vec<Text<'a>>>,
        "tools" => tools: Vec<Tool<'a>>,
        "tool_choice" => tool_choice: TextOr<'a, ToolChoice<'a>>,
        "parallel_tool_calls" => parallel_tool_calls: bool,
        "functions" => functions: IgnoredAny,
        "function_call" => function_call: IgnoredAny,
        "response_format" => response_format: ResponseFormat<'a>,
        "reasoning_effort" => reasoning_effort: Text<'a>,
        "reasoning" => reasoning: Reasoning<'a>,
        "thinking" => thinking: Thinking<'a>,
        "service_tier" => service_tier: Text<'a>,
        "user" => user: Text<'a>,
        "metadata" => metadata: Json,
        "n" => n: u64,
        "seed" => seed: IgnoredAny,
        "logprobs" => logprobs: bool,
        "top_logprobs" => top_logprobs: u64,
        "logit_bias" => logit_bias: IgnoredAny,
        "presence_penalty" => presence_penalty: f64,
        "frequency_penalty" => frequency_penalty: f64,
        "store" => store: bool,
        "modalities" => modalities: Vec<Text<'a>>,
    }
}

request_shape! {
    /// `stream_options`.
    struct StreamOptions {
        "include_usage" => include_usage: bool,
        "include_obfuscation" => include_obfuscation: IgnoredAny,
    }
}

request_shape! {
    /// One turn.
    struct Message<'a> {
        "role" => role: Text<'a>,
        "content" => content: &'a RawValue,
        "tool_calls" => tool_calls: Vec<ToolCall<'a>>,
        "tool_call_id" => tool_call_id: Text<'a>,
        "refusal" => refusal: JsonText,
        "reasoning_content" => reasoning_content: Text<'a>,
        "reasoning" => reasoning: Text<'a>,
        "reasoning_details" => reasoning_details: Vec<ReasoningDetail<'a>>,
        "bedrock_blocks" => bedrock_blocks: Vec<ContentBlock>,
        "cache_control" => cache_control: CacheControl<'a>,
        "annotations" => annotations: Vec<IgnoredAny>,
        "citations" => citations: Vec<Json>,
        "name" => name: IgnoredAny,
        "audio" => audio: IgnoredAny,
        "function_call" => function_call: IgnoredAny,
    }
}

request_shape! {
    /// A part of a turn's content.
    struct Part<'a> {
        "type" => kind: Text<'a>,
        "text" => text: JsonText,
        "refusal" => refusal: JsonText,
        "image_url" => image_url: TextOr<'a, ImageUrl<'a>>,
        "input_audio" => input_audio: InputAudio<'a>,
        "file" => file: File<'a>,
        "cache_control" => cache_control: CacheControl<'a>,
    }
}

request_shape! {
    /// `image_url`.
    struct ImageUrl<'a> {
        "url" => url: Text<'a>,
        "detail" => detail: Text<'a>,
    }
}

request_shape! {
    /// `input_audio`.
    struct InputAudio<'a> {
        "data" => data: Text<'a>,
        "format" => format: Text<'a>,
    }
}

request_shape! {
    /// `file`.
    struct File<'a> {
        "file_data" => file_data: Text<'a>,
        "filename" => filename: Text<'a>,
        "file_id" => file_id: Text<'a>,
    }
}

request_shape! {
    /// A call in an assistant's turn.
    struct ToolCall<'a> {
        "id" => id: Text<'a>,
        "type" => kind: Text<'a>,
        "index" => index: IgnoredAny,
        "function" => function: FunctionCall<'a>,
    }
}

request_shape! {
    /// The function that is called.
    struct FunctionCall<'a> {
        "name" => name: Text<'a>,
        "arguments" => arguments: Text<'a>,
    }
}

request_shape! {
    /// A reasoning block as [`super`] documents it.
    struct ReasoningDetail<'a> {
        "type" => kind: Text<'a>,
        "text" => text: Text<'a>,
        "signature" => signature: Text<'a>,
        "data" => data: Text<'a>,
        "id" => id: IgnoredAny,
        "index" => index: IgnoredAny,
        "format" => format: IgnoredAny,
    }
}

request_shape! {
    /// A tool on offer.
    struct Tool<'a> {
        "type" => kind: Text<'a>,
        "function" => function: Function<'a>,
        "cache_control" => cache_control: CacheControl<'a>,
    }
}

request_shape! {
    /// A function on offer.
    struct Function<'a> {
        "name" => name: Text<'a>,
        "description" => description: JsonText,
        "parameters" => parameters: Json,
        "strict" => strict: bool,
    }
}

request_shape! {
    /// `tool_choice` as an object.
    struct ToolChoice<'a> {
        "type" => kind: Text<'a>,
        "function" => function: FunctionCall<'a>,
        "allowed_tools" => allowed_tools: AllowedTools<'a>,
    }
}

request_shape! {
    /// `tool_choice.allowed_tools`.
    struct AllowedTools<'a> {
        "mode" => mode: Text<'a>,
        "tools" => tools: Vec<Tool<'a>>,
    }
}

request_shape! {
    /// `response_format`.
    struct ResponseFormat<'a> {
        "type" => kind: Text<'a>,
        "json_schema" => json_schema: JsonSchema<'a>,
    }
}

request_shape! {
    /// `response_format.json_schema`.
    struct JsonSchema<'a> {
        "name" => name: Text<'a>,
        "description" => description: Text<'a>,
        "schema" => schema: Json,
        "strict" => strict: IgnoredAny,
    }
}

request_shape! {
    /// OpenRouter's `reasoning`.
    struct Reasoning<'a> {
        "effort" => effort: Text<'a>,
        "max_tokens" => max_tokens: u32,
        "enabled" => enabled: bool,
    }
}
