//! A Messages request in the canonical form.

use std::collections::BTreeMap;

use outcrop_texts as texts;
use serde_json::value::RawValue;

use super::conversation;
use super::request::{
    Metadata, OutputConfig, OutputFormat, Request, SystemPart, Tool as ClaudeTool, ToolChoice as ClaudeChoice,
};
use crate::bedrock::{
    CachePoint, ContentBlock, ConverseRequest, Empty, InferenceConfig, InputSchema, Message, NamedTool,
    ServiceTier, SystemBlock, Tool, ToolChoice, ToolConfig, ToolSpec,
};
use crate::dialect::{AnswerForm, AnswerSchema, Intent, RequestError, Translated};
use crate::envelope::beta_list;
use crate::place::Place;
use crate::shape::{self, Content, fits_request_metadata};
use crate::{Json, Notices};

/// Reads a Messages request; `beta_headers` are the values of its `anthropic-beta` headers.
///
/// [`RequestError`] when it breaks a rule or asks for what cannot be carried: pictures and documents by address or file
/// id. Tools and blocks that only Anthropic's servers run or read are left out with a notice.
pub fn translate(body: &[u8], beta_headers: &[&str]) -> Result<Translated, RequestError> {
    let request: Request<'_> = RequestError::read(body)?;
    let mut notices = Notices::default();
    let Request {
        model: _,
        stream: _,
        anthropic_version: _,
        messages,
        max_tokens,
        system,
        temperature,
        top_p,
        top_k,
        stop_sequences,
        tools,
        tool_choice,
        thinking,
        output_config,
        output_format,
        metadata,
        service_tier,
        anthropic_beta,
        cache_control,
        unknown,
    } = request;
    notices.unknown("", unknown);
    let max_tokens = max_tokens.ok_or_else(|| RequestError::at("max_tokens", texts::NO_LIMIT))?;
    let turns =
        messages.filter(|turns| !turns.is_empty()).ok_or_else(|| RequestError::missing("messages"))?;
    let mut intent = Intent {
        top_k: shape::top_k(top_k),
        betas: betas(anthropic_beta, beta_headers),
        ..Intent::default()
    };
    let OutputConfig { effort, format, unknown } = output_config.unwrap_or_default();
    notices.unknown("output_config", unknown);
    intent.answer = answer_form(format.or(output_format))?;
    intent.effort = effort.map(|effort| effort.0.into_owned());
    if let Some(mut thinking) = thinking {
        notices.unknown("thinking", std::mem::take(&mut thinking.unknown));
        intent.reasoning = Some(thinking.intent(intent.effort.clone()).ok_or_else(wrong_thinking)?);
        intent.reasoning_display = thinking.display.map(|display| display.0.into_owned());
    }
    let mut messages = conversation::read(turns, &mut notices)?;
    if let Some(control) = cache_control {
        cache_whole_prompt(&mut messages, control.cache_point());
    }
    let config = InferenceConfig {
        max_tokens: Some(max_tokens),
        temperature,
        top_p,
        stop_sequences: stop_sequences.unwrap_or_default(),
    };
    let request = ConverseRequest {
        messages,
        system: system.map(|system| system_blocks(system, &mut notices)).transpose()?.unwrap_or_default(),
        inference_config: Some(config),
        tool_config: tool_config(tools.unwrap_or_default(), tool_choice, &mut intent, &mut notices)?,
        request_metadata: metadata
            .map(|metadata| request_metadata(metadata, &mut notices))
            .unwrap_or_default(),
        service_tier: service_tier.and_then(|tier| bedrock_tier(&tier, &mut notices)),
        ..ConverseRequest::default()
    };
    Ok(Translated { request, intent, notices })
}

/// The body's own list first, then what the headers add.
fn betas(body: Option<Vec<String>>, headers: &[&str]) -> Vec<String> {
    let mut betas = body.unwrap_or_default();
    for beta in beta_list(headers) {
        if !betas.iter().any(|present| present == beta) {
            betas.push(beta.to_owned());
        }
    }
    betas
}

fn wrong_thinking() -> RequestError {
    RequestError::at("thinking.type", texts::THINKING)
}

fn answer_form(format: Option<OutputFormat<'_>>) -> Result<Option<AnswerForm>, RequestError> {
    let Some(OutputFormat { kind: _, schema, unknown: _ }) = format else { return Ok(None) };
    let schema = schema.ok_or_else(|| RequestError::missing("output_config.format.schema"))?;
    Ok(Some(AnswerForm::Schema(AnswerSchema { schema, name: None, description: None })))
}

/// Top-level `cache_control` caches everything up to the last block of the conversation.
fn cache_whole_prompt(messages: &mut [Message], point: CachePoint) {
    if let Some(message) = messages.last_mut()
        && !matches!(message.content.last(), Some(ContentBlock::CachePoint(_)))
    {
        message.content.push(ContentBlock::CachePoint(point));
    }
}

fn system_blocks(system: &RawValue, notices: &mut Notices) -> Result<Vec<SystemBlock>, RequestError> {
    let parts = match Content::read(system, Place::Named("system"))? {
        Content::Text(text) => return Ok(vec![SystemBlock::Text(text)]),
        Content::Parts(parts) => parts,
    };
    let mut blocks = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let SystemPart { kind: _, text, cache_control, unknown } = part;
        notices.unknown("system[]", unknown);
        let text = text.ok_or_else(|| RequestError::missing(format!("system[{index}].text")))?;
        blocks.push(SystemBlock::Text(text));
        blocks.extend(cache_control.map(|control| SystemBlock::CachePoint(control.cache_point())));
    }
    Ok(blocks)
}

fn tool_config(
    tools: Vec<Json>,
    choice: Option<ClaudeChoice<'_>>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<Option<ToolConfig>, RequestError> {
    let mut config = ToolConfig::default();
    for (index, tool) in tools.into_iter().enumerate() {
        add_tool(tool, index, &mut config.tools, intent, notices)?;
    }
    config.tool_choice = choice.map(|choice| tool_choice(choice, intent, notices)).transpose()?.flatten();
    Ok((!config.tools.is_empty()).then_some(config))
}

const TOOLS: Place<'_> = Place::Named("tools");

fn add_tool(
    raw: Json,
    index: usize,
    tools: &mut Vec<Tool>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<(), RequestError> {
    let path = TOOLS.item(index);
    let tool: ClaudeTool<'_> = serde_json::from_str(raw.get())
        .map_err(|error| RequestError::at(path, texts::unreadable(path, error)))?;
    match tool.kind.as_deref() {
        None | Some("custom") => {}
        Some(kind) if runs_on_anthropics_servers(kind) => {
            notices.push(
                "dropped",
                path,
                format!("`{kind}` runs on Anthropic's own servers, not on Bedrock"),
            );
            return Ok(());
        }
        Some(_) => {
            intent.native_tools.push(raw);
            return Ok(());
        }
    }
    let ClaudeTool { kind: _, name, description, input_schema, strict, cache_control, unknown } = tool;
    notices.unknown("tools[]", unknown);
    tools.push(Tool::Spec(ToolSpec {
        name: name.ok_or_else(|| RequestError::missing(path.member("name")))?.0.into_owned(),
        description: description.filter(|text| !text.is_empty()),
        input_schema: InputSchema {
            json: input_schema.ok_or_else(|| RequestError::missing(path.member("input_schema")))?,
        },
        strict,
    }));
    tools.extend(cache_control.map(|control| Tool::CachePoint(control.cache_point())));
    Ok(())
}

/// Anthropic's server tools, by the name before the date in their type (`web_search_20250305`).
///
/// Source: Anthropic's tool reference, "Server tools"; `bedrock.md` §6.1 (dropped betas).
fn runs_on_anthropics_servers(kind: &str) -> bool {
    const SERVER_TOOLS: [&str; 6] =
        ["web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_", "mcp_toolset"];
    SERVER_TOOLS.iter().any(|tool| kind.starts_with(tool))
}

fn tool_choice(
    choice: ClaudeChoice<'_>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<Option<ToolChoice>, RequestError> {
    let ClaudeChoice { kind, name, disable_parallel_tool_use, unknown } = choice;
    notices.unknown("tool_choice", unknown);
    intent.parallel_tool_calls = disable_parallel_tool_use.map(|disabled| !disabled);
    match kind.as_deref() {
        Some("auto") => Ok(Some(ToolChoice::Auto(Empty {}))),
        Some("any") => Ok(Some(ToolChoice::Any(Empty {}))),
        Some("tool") => {
            let name = name.ok_or_else(|| RequestError::missing("tool_choice.name"))?.0.into_owned();
            Ok(Some(ToolChoice::Tool(NamedTool { name })))
        }
        Some("none") => {
            intent.no_tool_calls = true;
            Ok(None)
        }
        _ => Err(RequestError::at("tool_choice.type", texts::CLAUDE_TOOL_CHOICE)),
    }
}

/// `metadata.user_id` appears in AWS's invocation log as `requestMetadata.user_id`, where its rules let it.
fn request_metadata(metadata: Metadata<'_>, notices: &mut Notices) -> BTreeMap<String, String> {
    let Metadata { user_id, unknown } = metadata;
    notices.unknown("metadata", unknown);
    let Some(user_id) = user_id else { return BTreeMap::new() };
    if !fits_request_metadata("user_id", &user_id) {
        notices.dropped(
            "metadata.user_id",
            "it breaks the rules of Bedrock's request metadata (at most 256 plain characters)",
        );
        return BTreeMap::new();
    }
    BTreeMap::from([("user_id".to_owned(), user_id.0.into_owned())])
}

/// Anthropic's tiers in Bedrock's words; `auto` is Bedrock's default.
fn bedrock_tier(tier: &str, notices: &mut Notices) -> Option<ServiceTier> {
    match tier {
        "auto" => None,
        "standard_only" => Some(ServiceTier { tier: "default".to_owned() }),
        _ => {
            notices.push("dropped", "service_tier", "the Messages API has the tiers auto and standard_only");
            None
        }
    }
}
