//! Counting the tokens of a request: Anthropic's `count_tokens` in the words of Bedrock's `CountTokens`.
//!
//! Source: botocore 1.44.5, `CountTokensInput`; reference `bedrock.md` §2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::Json;
use crate::bedrock::{ConverseRequest, Message, SystemBlock, ToolConfig};
use crate::dialect::to_vec;

/// The body of `CountTokens` for a native InvokeModel body.
pub fn of_invoke_model(body: &[u8]) -> Vec<u8> {
    to_vec(&Body { input: Input::InvokeModel { body: STANDARD.encode(body) } })
}

/// The body of `CountTokens` for a Converse request; what does not count (sampling, metadata, tiers) has no place in it.
pub fn of_converse(request: &ConverseRequest) -> Vec<u8> {
    to_vec(&Body {
        input: Input::Converse {
            messages: &request.messages,
            system: &request.system,
            tool_config: request.tool_config.as_ref(),
            additional_model_request_fields: request.additional_model_request_fields.as_ref(),
        },
    })
}

/// Anthropic's answer to `count_tokens`, of Bedrock's; an error when Bedrock's holds no count.
pub fn render_response(body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let Counted { input_tokens } = serde_json::from_slice(body)?;
    Ok(to_vec(&Count { input_tokens }))
}

#[derive(Serialize)]
struct Body<'a> {
    input: Input<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Input<'a> {
    InvokeModel {
        body: String,
    },
    Converse {
        messages: &'a [Message],
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        system: &'a [SystemBlock],
        #[serde(skip_serializing_if = "Option::is_none")]
        tool_config: Option<&'a ToolConfig>,
        #[serde(skip_serializing_if = "Option::is_none")]
        additional_model_request_fields: Option<&'a Json>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    input_tokens: u64,
}

#[derive(Serialize)]
struct Count {
    input_tokens: u64,
}
