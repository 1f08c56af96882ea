//! A Responses request in the canonical form.

use outcrop_texts as texts;

use super::conversation::Conversation;
use super::request::{Echo, Format, Reasoning, Request, TextConfig};
use super::tools::Tools;
use crate::Notices;
use crate::bedrock::{ConverseRequest, InferenceConfig};
use crate::dialect::{
    AnswerForm, AnswerSchema, DeclaredTools, Head, Intent, ReasoningIntent, RequestError, Translated,
};
use crate::openai_chat::{bedrock_tier, request_metadata};
use crate::shape::Kept;

/// A Responses request that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponsesRequest {
    /// The conversation, the intent, and what could not be carried.
    pub translated: Translated,
    /// What the response repeats of it.
    pub echo: Echo,
    /// Tools that are no plain functions to the client ([`crate::dialect::Names::declare`]).
    pub declared: DeclaredTools,
}

/// Reads a Responses request; [`RequestError`] when it breaks a rule, or leans on what OpenAI has stored.
pub fn translate(body: &[u8]) -> Result<ResponsesRequest, RequestError> {
    Reading::of(body)?.translate()
}

/// A body that was read and is not yet understood, as [`crate::openai_chat::Reading`] is.
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
    pub fn translate(self) -> Result<ResponsesRequest, RequestError> {
        understand(self.0)
    }
}

fn understand(request: Request<'_>) -> Result<ResponsesRequest, RequestError> {
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
        store,
        unknown,
        // In the URL and in the head.
        model: _,
        stream: _,
        // Answered by `refuse` and `note_uncarried`.
        previous_response_id: _,
        conversation: _,
        prompt: _,
        background: _,
        include: _,
        truncation: _,
        top_logprobs: _,
        // About the transport to OpenAI alone, or hints to its cache: nothing of the answer depends on them.
        stream_options: _,
        prompt_cache_key: _,
    } = request;
    notices.unknown("", unknown);
    let input = input.ok_or_else(|| RequestError::missing("input"))?;
    let (tools, tools_json) = Kept::split(tools);
    let (tool_choice, tool_choice_json) = Kept::split(tool_choice);
    let (reasoning, reasoning_json) = Kept::split(reasoning);
    let (text, text_json) = Kept::split(text);
    let (temperature, temperature_json) = Kept::split(temperature);
    let (top_p, top_p_json) = Kept::split(top_p);
    let echo = Echo {
        instructions: instructions.as_ref().map(|text| text.to_string()),
        max_output_tokens,
        metadata: metadata.clone(),
        parallel_tool_calls,
        reasoning: reasoning_json,
        temperature: temperature_json,
        text: text_json,
        tool_choice: tool_choice_json,
        tools: tools_json,
        top_p: top_p_json,
        user: user.as_ref().map(|text| text.to_string()),
        previous_response_id: None,
        // OpenAI's default.
        store: store.unwrap_or(true),
    };
    let tools = Tools::read(tools.unwrap_or_default(), &mut notices)?;
    let Conversation { system, messages } = Conversation::read(input, instructions, &tools, &mut notices)?;
    let mut intent = Intent { parallel_tool_calls, ..Intent::default() };
    intent.reasoning = reasoning.and_then(|reasoning| reasoning_intent(reasoning, &mut notices));
    intent.answer = answer_form(text, &mut notices)?;
    let (tool_config, declared) = tools.config(tool_choice, &mut intent, &mut notices)?;
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
    Ok(ResponsesRequest { translated: Translated { request, intent, notices }, echo, declared })
}

fn reasoning_intent(reasoning: Reasoning<'_>, notices: &mut Notices) -> Option<ReasoningIntent> {
    let Reasoning { effort, summary: _, generate_summary: _, unknown } = reasoning;
    notices.unknown("reasoning", unknown);
    match effort?.0.into_owned() {
        word if word == "none" => Some(ReasoningIntent::Off),
        word => Some(ReasoningIntent::Effort(word)),
    }
}

/// Requests that mean something only together with what OpenAI has stored, or that are to run without a listener.
fn refuse(request: &Request<'_>) -> Result<(), RequestError> {
    let stored = [
        ("previous_response_id", request.previous_response_id.is_some()),
        ("conversation", request.conversation.is_some()),
        ("prompt", request.prompt.is_some()),
    ];
    if let Some((member, _)) = stored.into_iter().find(|(_, asked)| *asked) {
        return Err(RequestError::at(member, texts::stored(member)));
    }
    if request.background == Some(true) {
        return Err(RequestError::at("background", texts::BACKGROUND));
    }
    Ok(())
}

/// Members that are known and have no counterpart; a value that asks for nothing is no loss.
fn note_uncarried(request: &Request<'_>, notices: &mut Notices) {
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
        Some(_) => Err(RequestError::at("text.format.type", texts::TEXT_FORMAT)),
    }
}
