//! A Responses request in the canonical form.

use super::conversation::Conversation;
use super::request::{
    Echo, Format, Request, TextConfig, Tool as ResponsesTool, ToolChoice as ResponsesChoice,
};
use crate::Notices;
use crate::bedrock::{
    ConverseRequest, Empty, InferenceConfig, InputSchema, NamedTool, Tool, ToolChoice, ToolConfig, ToolSpec,
};
use crate::dialect::{AnswerForm, AnswerSchema, Intent, ReasoningIntent, RequestError, Translated};
use crate::openai_chat::{bedrock_tier, no_arguments, request_metadata};
use crate::shape::TextOr;

/// A Responses request that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponsesRequest {
    /// The conversation, the intent, and what could not be carried.
    pub translated: Translated,
    /// What the response repeats of it.
    pub echo: Echo,
}

/// Reads a Responses request; [`RequestError`] when it breaks a rule, or leans on what OpenAI has stored.
pub fn translate(body: &[u8]) -> Result<ResponsesRequest, RequestError> {
    let request: Request<'_> = RequestError::read(body)?;
    let echo: Echo = RequestError::read(body)?;
    refuse(&request)?;
    let mut notices = Notices::default();
    note_uncarried(&request, &mut notices);
    let Request {
        input,
        instructions,
        max_output_tokens,
        temperature,
        top_p,
        tools,
        tool_choice,
        parallel_tool_calls,
        reasoning,
        text,
        metadata,
        user,
        safety_identifier,
        service_tier,
        unknown,
        // In the URL and in the head.
        model: _,
        stream: _,
        // Answered by `refuse` and `note_uncarried`.
        previous_response_id: _,
        conversation: _,
        prompt: _,
        background: _,
        store: _,
        include: _,
        truncation: _,
        top_logprobs: _,
        // About the transport to OpenAI alone, or hints to its cache: nothing of the answer depends on them.
        stream_options: _,
        prompt_cache_key: _,
    } = request;
    notices.unknown("", unknown);
    let input = input.ok_or_else(|| RequestError::missing("input"))?;
    let Conversation { system, messages } = Conversation::read(input, instructions, &mut notices)?;
    let mut intent = Intent { parallel_tool_calls, ..Intent::default() };
    intent.reasoning = reasoning.and_then(|mut reasoning| {
        notices.unknown("reasoning", std::mem::take(&mut reasoning.unknown));
        match reasoning.effort?.0.into_owned() {
            word if word == "none" => Some(ReasoningIntent::Off),
            word => Some(ReasoningIntent::Effort(word)),
        }
    });
    intent.answer = answer_form(text, &mut notices)?;
    let tool_config = tool_config(tools.unwrap_or_default(), tool_choice, &mut intent, &mut notices)?;
    let config = InferenceConfig { max_tokens: max_output_tokens, temperature, top_p, ..Default::default() };
    let request = ConverseRequest {
        messages,
        system,
        inference_config: (!config.is_empty()).then_some(config),
        tool_config,
        request_metadata: request_metadata(user.or(safety_identifier), metadata, &mut notices),
        service_tier: service_tier.and_then(|tier| bedrock_tier(&tier, &mut notices)),
        ..ConverseRequest::default()
    };
    Ok(ResponsesRequest { translated: Translated { request, intent, notices }, echo })
}

/// Requests that mean something only together with what OpenAI has stored, or that are to run without a listener.
fn refuse(request: &Request<'_>) -> Result<(), RequestError> {
    let stored = [
        ("previous_response_id", request.previous_response_id.is_some()),
        ("conversation", request.conversation.is_some()),
        ("prompt", request.prompt.is_some()),
    ];
    if let Some((member, _)) = stored.into_iter().find(|(_, asked)| *asked) {
        let message = format!("`{member}` names something stored; stored responses are not supported yet");
        return Err(RequestError::at(member, message)
            .hint("send the whole conversation in `input`, the items of earlier answers included"));
    }
    if request.background == Some(true) {
        return Err(RequestError::at("background", "responses in the background are not supported")
            .hint("leave `background` out and wait for the answer, or stream it"));
    }
    Ok(())
}

/// Members that are known and have no counterpart; a value that asks for nothing is no loss.
fn note_uncarried(request: &Request<'_>, notices: &mut Notices) {
    if request.store == Some(true) {
        notices.dropped("store", "responses are not stored");
    }
    if request.truncation.as_ref().is_some_and(|word| **word != *"disabled") {
        notices.dropped("truncation", "nothing is cut from the conversation; what is too long is refused");
    }
    notices.unsupported("top_logprobs", request.top_logprobs.filter(|wanted| *wanted > 0));
    // Always sent: there is no other way for reasoning to come back.
    let given = "reasoning.encrypted_content";
    for wanted in request.include.iter().flatten().filter(|wanted| ***wanted != *given) {
        notices.dropped(format!("include.{}", wanted.0), "Bedrock has no counterpart for it");
    }
}

fn answer_form(
    text: Option<TextConfig<'_>>,
    notices: &mut Notices,
) -> Result<Option<AnswerForm>, RequestError> {
    let Some(TextConfig { format, verbosity, unknown }) = text else { return Ok(None) };
    notices.unknown("text", unknown);
    notices.unsupported("text.verbosity", verbosity.filter(|word| **word != *"medium"));
    let Some(Format { kind, name, description, schema, strict: _, unknown }) = format else {
        return Ok(None);
    };
    notices.unknown("text.format", unknown);
    match kind.as_deref() {
        Some("text") | None => Ok(None),
        Some("json_object") => Ok(Some(AnswerForm::AnyJson)),
        Some("json_schema") => {
            let schema = schema.ok_or_else(|| RequestError::missing("text.format.schema"))?;
            let [name, description] = [name, description].map(|text| text.map(|text| text.0.into_owned()));
            Ok(Some(AnswerForm::Schema(AnswerSchema { schema, name, description })))
        }
        Some(_) => {
            let message = "`text.format.type` must be `text`, `json_object` or `json_schema`";
            Err(RequestError::at("text.format.type", message))
        }
    }
}

fn tool_config(
    tools: Vec<ResponsesTool<'_>>,
    choice: Option<TextOr<'_, ResponsesChoice<'_>>>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<Option<ToolConfig>, RequestError> {
    let mut config = ToolConfig::default();
    for (index, tool) in tools.into_iter().enumerate() {
        config.tools.extend(function(tool, index, notices)?);
    }
    config.tool_choice = choice.map(|choice| tool_choice(choice, intent, notices)).transpose()?.flatten();
    Ok((!config.tools.is_empty()).then_some(config))
}

fn function(
    tool: ResponsesTool<'_>,
    index: usize,
    notices: &mut Notices,
) -> Result<Option<Tool>, RequestError> {
    let ResponsesTool { kind, name, description, parameters, strict, unknown } = tool;
    if kind.as_deref() != Some("function") {
        let kind = kind.as_deref().unwrap_or("none");
        let why = format!("tools of type `{kind}` do not run on Bedrock");
        notices.push("dropped", format!("tools[{index}]"), why);
        return Ok(None);
    }
    notices.unknown("tools[]", unknown);
    let name = name.ok_or_else(|| RequestError::missing(&format!("tools[{index}].name")))?;
    Ok(Some(Tool::Spec(ToolSpec {
        name: name.0.into_owned(),
        description: description.map(|text| text.0.into_owned()).filter(|text| !text.is_empty()),
        input_schema: InputSchema { json: parameters.unwrap_or_else(no_arguments) },
        strict,
    })))
}

fn tool_choice(
    choice: TextOr<'_, ResponsesChoice<'_>>,
    intent: &mut Intent,
    notices: &mut Notices,
) -> Result<Option<ToolChoice>, RequestError> {
    let wrong = || {
        RequestError::at("tool_choice", "`tool_choice` must be `none`, `auto`, `required` or name a function")
    };
    let word = match choice {
        TextOr::Text(word) => word,
        TextOr::Else(ResponsesChoice { name: Some(name), kind: Some(kind), .. }) if *kind == *"function" => {
            return Ok(Some(ToolChoice::Tool(NamedTool { name: name.0.into_owned() })));
        }
        TextOr::Else(ResponsesChoice { mode: Some(mode), .. }) => {
            let why = "Bedrock cannot narrow the tools, all stay on offer";
            notices.push("dropped", "tool_choice.tools", why);
            mode.0
        }
        TextOr::Else(_) => {
            notices.push("dropped", "tool_choice", "only functions can be chosen on Bedrock");
            return Ok(None);
        }
    };
    match word.as_ref() {
        "auto" => Ok(Some(ToolChoice::Auto(Empty {}))),
        "required" => Ok(Some(ToolChoice::Any(Empty {}))),
        "none" => {
            intent.no_tool_calls = true;
            Ok(None)
        }
        _ => Err(wrong()),
    }
}
