//! A Chat Completions request in the canonical form.

use std::collections::BTreeMap;

use outcrop_texts as texts;

use super::conversation::Conversation;
use super::request::{
    AllowedTools, Function, JsonSchema, Reasoning, Request, ResponseFormat, StreamOptions, Tool as ChatTool,
    ToolChoice as ChatChoice,
};
use crate::bedrock::{
    ConverseRequest, Empty, InferenceConfig, InputSchema, NamedTool, ServiceTier, Text, Tool, ToolChoice,
    ToolConfig, ToolSpec,
};
use crate::dialect::{AnswerForm, AnswerSchema, Head, Intent, ReasoningIntent, RequestError, Translated};
use crate::shape::{self, TextOr, Thinking, fits_request_metadata};
use crate::{Json, Notices};

/// A Chat Completions request that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The conversation, the intent, and what could not be carried.
    pub translated: Translated,
    /// `stream_options.include_usage`: the last chunk of a stream states the usage.
    pub include_usage: bool,
}

/// Reads a Chat Completions request; [`RequestError`] when it breaks a rule or asks for what cannot be carried.
///
/// Members that Converse has no counterpart for are answered with a notice, known or not. Refused are only requests
/// whose answer would be another than the one asked for: several choices, pictures by address, deprecated functions.
pub fn translate(body: &[u8]) -> Result<ChatRequest, RequestError> {
    Reading::of(body)?.translate()
}

/// A body that was read and is not yet understood: its head tells where it goes, before anybody knows whether it must be
/// translated at all.
#[derive(Debug)]
pub struct Reading<'a>(Request<'a>);

impl<'a> Reading<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// It has not the shape of a request.
    pub fn of(body: &'a [u8]) -> Result<Self, RequestError> {
        RequestError::read(body).map(Self)
    }

    /// Model and stream flag.
    ///
    /// # Errors
    /// There is no model.
    pub fn head(&self) -> Result<Head<'a>, RequestError> {
        Head::stated(self.0.model.clone(), self.0.stream)
    }

    /// The request in the canonical form, as [`translate`] makes it.
    ///
    /// # Errors
    /// Those of [`translate`].
    pub fn translate(self) -> Result<ChatRequest, RequestError> {
        understand(self.0)
    }
}

fn understand(request: Request<'_>) -> Result<ChatRequest, RequestError> {
    let mut notices = Notices::default();
    refuse(&request)?;
    note_uncarried(&request, &mut notices);
    let Request {
        messages,
        stream_options,
        max_tokens,
        max_completion_tokens,
        temperature,
        top_p,
        top_k,
        stop,
        tools,
        tool_choice,
        parallel_tool_calls,
        response_format,
        reasoning_effort,
        reasoning,
        thinking,
        service_tier,
        user,
        metadata,
        unknown,
        // In the URL and in the head.
        model: _,
        stream: _,
        // Answered by `refuse` and `note_uncarried`.
        functions: _,
        function_call: _,
        n: _,
        seed: _,
        logprobs: _,
        top_logprobs: _,
        logit_bias: _,
        presence_penalty: _,
        frequency_penalty: _,
        store: _,
        modalities: _,
    } = request;
    notices.unknown("", unknown);
    let mut intent = Intent { top_k: shape::top_k(top_k), parallel_tool_calls, ..Intent::default() };
    intent.reasoning_display =
        thinking.as_ref().and_then(|thinking| thinking.display.as_ref()).map(|text| text.to_string());
    intent.reasoning = reasoning_intent(thinking, reasoning_effort, reasoning, &mut notices);
    intent.answer = answer_form(response_format)?;
    let Conversation { system, messages } = Conversation::read(messages.unwrap_or_default(), &mut notices)?;
    let tool_config = tool_config(tools.unwrap_or_default(), tool_choice, &mut intent, &mut notices)?;
    let config = InferenceConfig {
        max_tokens: max_completion_tokens.or(max_tokens),
        temperature,
        top_p,
        stop_sequences: stop.map(stop_sequences).unwrap_or_default(),
    };
    let request = ConverseRequest {
        messages,
        system,
        inference_config: (!config.is_empty()).then_some(config),
        tool_config,
        request_metadata: request_metadata(user, metadata, &mut notices),
        service_tier: service_tier.and_then(|tier| bedrock_tier(&tier, &mut notices)),
        ..ConverseRequest::default()
    };
    let include_usage = stream_options.is_some_and(|options| wants_usage(options, &mut notices));
    Ok(ChatRequest { translated: Translated { request, intent, notices }, include_usage })
}

/// Requests whose answer would not be the one asked for.
fn refuse(request: &Request<'_>) -> Result<(), RequestError> {
    if request.messages.as_ref().is_none_or(Vec::is_empty) {
        return Err(RequestError::missing("messages"));
    }
    if request.n.is_some_and(|n| n != 1) {
        return Err(RequestError::at("n", texts::SEVERAL_ANSWERS));
    }
    if request.functions.is_some() {
        return Err(RequestError::at("functions", texts::FUNCTIONS));
    }
    Ok(())
}

/// Members that are known and have no counterpart; a value that asks for nothing is no loss.
fn note_uncarried(request: &Request<'_>, notices: &mut Notices) {
    notices.unsupported("seed", request.seed);
    notices.unsupported("logprobs", request.logprobs.filter(|wanted| *wanted));
    notices.unsupported("top_logprobs", request.top_logprobs.filter(|wanted| *wanted > 0));
    notices.unsupported("logit_bias", request.logit_bias);
    notices.unsupported("presence_penalty", request.presence_penalty.filter(|penalty| *penalty != 0.0));
    notices.unsupported("frequency_penalty", request.frequency_penalty.filter(|penalty| *penalty != 0.0));
    notices.unsupported("store", request.store.filter(|wanted| *wanted));
    notices.unsupported("function_call", request.function_call);
    let more_than_text = request.modalities.iter().flatten().any(|modality| **modality != *"text");
    notices.unsupported("modalities", more_than_text.then_some(()));
}

fn wants_usage(options: StreamOptions, notices: &mut Notices) -> bool {
    let StreamOptions { include_usage, include_obfuscation: _, unknown } = options;
    notices.unknown("stream_options", unknown);
    include_usage.unwrap_or(false)
}

/// `stop`: one text or several.
fn stop_sequences(stop: TextOr<'_, Vec<Text<'_>>>) -> Vec<String> {
    match stop {
        TextOr::Text(text) => vec![text.into_owned()],
        TextOr::Else(texts) => texts.into_iter().map(|text| text.0.into_owned()).collect(),
    }
}

/// Anthropic's word wins over OpenAI's, OpenAI's over OpenRouter's.
fn reasoning_intent(
    thinking: Option<Thinking<'_>>,
    effort: Option<Text<'_>>,
    reasoning: Option<Reasoning<'_>>,
    notices: &mut Notices,
) -> Option<ReasoningIntent> {
    let effort = effort.map(|effort| effort.0.into_owned());
    if let Some(mut thinking) = thinking {
        notices.unknown("thinking", std::mem::take(&mut thinking.unknown));
        return thinking.intent(effort);
    }
    let word = effort.or_else(|| Some(reasoning.as_ref()?.effort.as_ref()?.to_string()));
    match (word, reasoning) {
        (Some(word), _) if word == "none" => Some(ReasoningIntent::Off),
        (Some(word), _) => Some(ReasoningIntent::Effort(word)),
        (None, Some(Reasoning { max_tokens: Some(budget), .. })) => Some(ReasoningIntent::Budget(budget)),
        (None, Some(Reasoning { enabled: Some(false), .. })) => Some(ReasoningIntent::Off),
        (None, Some(Reasoning { enabled: Some(true), .. })) => {
            Some(ReasoningIntent::Adaptive { effort: None })
        }
        _ => None,
    }
}

fn answer_form(format: Option<ResponseFormat<'_>>) -> Result<Option<AnswerForm>, RequestError> {
    let Some(ResponseFormat { kind, json_schema, unknown: _ }) = format else { return Ok(None) };
    match kind.as_deref() {
        Some("json_object") => Ok(Some(AnswerForm::AnyJson)),
        Some("json_schema") => {
            let JsonSchema { name, description, schema, strict: _, unknown: _ } =
                json_schema.unwrap_or_default();
            let schema = schema.ok_or_else(|| RequestError::missing("response_format.json_schema.schema"))?;
            let [name, description] = [name, description].map(|text| text.map(|text| text.0.into_owned()));
            Ok(Some(AnswerForm::Schema(AnswerSchema { schema, name, description })))
        }
        Some("text") | None => Ok(None),
        Some(_) => Err(RequestError::at("response_format.type", texts::RESPONSE_FORMAT)),
    }
}

fn tool_config(
    tools: Vec<ChatTool<'_>>,
    choice: Option<TextOr<'_, ChatChoice<'_>>>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<Option<ToolConfig>, RequestError> {
    let mut config = ToolConfig::default();
    for (index, tool) in tools.into_iter().enumerate() {
        add_tool(tool, index, &mut config.tools, notices)?;
    }
    config.tool_choice = choice.map(|choice| tool_choice(choice, intent, notices)).transpose()?.flatten();
    Ok((!config.tools.is_empty()).then_some(config))
}

fn add_tool(
    tool: ChatTool<'_>,
    index: usize,
    tools: &mut Vec<Tool>,
    notices: &mut Notices,
) -> Result<(), RequestError> {
    let ChatTool { kind, function, cache_control, unknown } = tool;
    let (Some("function") | None, Some(function)) = (kind.as_deref(), function) else {
        let kind = kind.as_deref().unwrap_or("none");
        notices.push(
            "dropped",
            format!("tools[{index}]"),
            format!("tools of type `{kind}` do not run on Bedrock"),
        );
        return Ok(());
    };
    let Function { name, description, parameters, strict, unknown: more } = function;
    notices.unknown("tools[]", unknown);
    notices.unknown("tools[].function", more);
    let name = name.ok_or_else(|| RequestError::missing(format!("tools[{index}].function.name")))?;
    tools.push(Tool::Spec(ToolSpec {
        name: name.0.into_owned(),
        description: description.filter(|text| !text.is_empty()),
        input_schema: InputSchema { json: parameters.unwrap_or_else(no_arguments) },
        strict,
    }));
    if let Some(control) = cache_control {
        tools.push(Tool::CachePoint(control.cache_point()));
    }
    Ok(())
}

/// The schema of a tool that takes nothing; Converse requires one.
pub(crate) fn no_arguments() -> Json {
    Json::parse(r#"{"type":"object","properties":{}}"#).expect("the text is JSON")
}

fn tool_choice(
    choice: TextOr<'_, ChatChoice<'_>>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<Option<ToolChoice>, RequestError> {
    let wrong = || RequestError::at("tool_choice", texts::TOOL_CHOICE);
    let word = match choice {
        TextOr::Text(word) => word,
        TextOr::Else(ChatChoice { function: Some(function), .. }) => {
            let name = function.name.ok_or_else(wrong)?.0.into_owned();
            return Ok(Some(ToolChoice::Tool(NamedTool { name })));
        }
        TextOr::Else(ChatChoice { allowed_tools: Some(AllowedTools { mode, .. }), .. }) => {
            notices.push(
                "dropped",
                "tool_choice.allowed_tools",
                "Bedrock cannot narrow the tools, all stay on offer",
            );
            mode.ok_or_else(wrong)?.0
        }
        TextOr::Else(_) => return Err(wrong()),
    };
    match word.as_ref() {
        "auto" => Ok(Some(ToolChoice::Auto(Empty {}))),
        "required" | "any" => Ok(Some(ToolChoice::Any(Empty {}))),
        "none" => {
            intent.no_tool_calls = true;
            Ok(None)
        }
        _ => Err(wrong()),
    }
}

/// `user` and `metadata` appear in AWS's invocation log as `requestMetadata`, as far as its rules let them.
pub(crate) fn request_metadata(
    user: Option<Text<'_>>,
    metadata: Option<Json>,
    notices: &mut Notices,
) -> BTreeMap<String, String> {
    /// botocore 1.43.11, `RequestMetadata`.
    const MOST: usize = 16;
    let mut pairs = BTreeMap::new();
    if let Some(Text(user)) = user {
        pairs.insert("user".to_owned(), user.into_owned());
    }
    if let Some(metadata) = metadata {
        match serde_json::from_str::<BTreeMap<String, String>>(metadata.get()) {
            Ok(metadata) => pairs.extend(metadata),
            Err(_) => notices.dropped("metadata", "only texts can be carried as request metadata"),
        }
    }
    let (fitting, unfit): (BTreeMap<_, _>, BTreeMap<_, _>) =
        pairs.into_iter().partition(|(key, value)| fits_request_metadata(key, value));
    let surplus = fitting.keys().skip(MOST).chain(unfit.keys());
    for key in surplus {
        let field = if key == "user" { key.clone() } else { format!("metadata.{key}") };
        notices.dropped(
            field,
            "it breaks the rules of Bedrock's request metadata (16 pairs, 256 plain characters each)",
        );
    }
    fitting.into_iter().take(MOST).collect()
}

/// OpenAI's tiers in Bedrock's words; `auto` is Bedrock's default.
pub(crate) fn bedrock_tier(tier: &str, notices: &mut Notices) -> Option<ServiceTier> {
    match tier {
        "auto" => None,
        "default" | "flex" | "priority" | "reserved" => Some(ServiceTier { tier: tier.to_owned() }),
        _ => {
            notices.push(
                "dropped",
                "service_tier",
                "Bedrock has the tiers default, flex, priority and reserved",
            );
            None
        }
    }
}
