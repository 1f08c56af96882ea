//! Conversations with endpoints that do not speak Converse: a Converse request is written in what they speak, and what they
//! answer is read back as Converse's answer, whole or streamed.
//!
//! A model that lives only on mantle, or only on the runtime's OpenAI-style paths, speaks Chat Completions or Messages
//! there. A client of any other dialect reaches it all the same: its dialect is read into the canonical form, written from
//! it here, and the answer takes the same way back. What the endpoint has no word for becomes a notice; what would make
//! another question of it (a video, a picture in S3) is refused.
//!
//! | Converse | Chat Completions | Messages |
//! |---|---|---|
//! | `reasoningContent` | `reasoning`, the word of bedrock-mantle's own answers; signatures and redacted parts have no place | `thinking`, `redacted_thinking` |
//! | `toolResult` | a turn of role `tool`; pictures in it move to the user's turn after it | `tool_result` |
//! | `document` | its text, or a `file` | `document` |
//! | `cachePoint` | none: the endpoint caches by itself | `cache_control` of the block before it |
//! | `citationsContent` | the text alone | `text` with `citations` |
//! | `guardContent`, `searchResult` | their text | their text; `search_result` |
//!
//! Sources: OpenAI's and Anthropic's API references; reference `bedrock.md` §2.5; the recorded answers of bedrock-mantle.

mod bedrock_only;
mod chat_calls;
mod chat_request;
mod chat_stream;
mod converse;
mod fields;
mod invoke;
mod messages_answer;
mod messages_request;
mod messages_stream;
mod unknown;
mod whole;

pub use converse::{StreamWriter, render_response};
pub use invoke::{InvokedStream, invoked, invoked_report};

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outcrop_catalog::Model;
use outcrop_texts as texts;
use serde::Deserialize;

use crate::bedrock::{
    BedrockError, ContentBlock, ConverseRequest, ConverseResponse, GuardrailConfig, PerformanceConfig,
    StreamEvent,
};
use crate::dialect::{AnswerForm, AnswerSchema, Intent, Names, RequestError, Translated};
use crate::family::{self, MOST_STOPS, ParameterPolicy, Terms};
use crate::incoming::{Incoming, data_of};
use crate::{Json, Notices, lesson};

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// OpenAI's Chat Completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
}

/// What is asked beside the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The endpoint's name of the model.
    pub model: &'a str,
    /// The answer is to be a stream.
    pub stream: bool,
    /// How tools may be called.
    pub calls: Calls,
}

/// How tools may be called, as far as Converse has no word for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Several at once.
    pub parallel: Option<bool>,
    /// None at all.
    pub forbidden: bool,
}

impl Calls {
    /// Takes out of the intent what these endpoints have words for, so that no rule of [`crate::family`] goes round it.
    pub fn take(intent: &mut Intent) -> Self {
        let forbidden = std::mem::take(&mut intent.no_tool_calls);
        Self { parallel: intent.parallel_tool_calls.take(), forbidden }
    }
}

/// A request in an endpoint's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its body.
    pub body: Vec<u8>,
    /// The value of `anthropic-beta` (Messages).
    pub betas: Option<String>,
}

/// A request as it goes to an endpoint, and what its answer needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The request.
    pub asked: Asked,
    /// Names to put back into the answer ([`crate::dialect::Answer::names`]).
    pub names: Names,
    /// What was dropped, clamped or rewritten.
    pub notices: Notices,
}

/// Makes the request that the model takes where it lives, under the name that it has there: by its rules
/// ([`crate::family`]), in the endpoint's language, and without what it has refused before.
///
/// # Errors
/// Those of [`family::apply_under`] and of [`write()`].
pub fn prepare(
    language: Language,
    mut translated: Translated,
    model: Option<&Model>,
    (name, stream): (&str, bool),
    terms: &Terms<'_>,
) -> Result<Prepared, RequestError> {
    let calls = Calls::take(&mut translated.intent);
    take_form(&mut translated);
    let family::Prepared { mut request, mut notices, names } = family::apply_under(translated, model, terms)?;
    fit_stop_sequences(language, &mut request, (name, terms.parameters), &mut notices)?;
    let ask = Ask { model: name, stream, calls };
    let Asked { body, betas } = write(language, &request, &ask, &mut notices)?;
    let named = betas.iter().flat_map(|betas| betas.split(',')).map(str::to_owned).collect();
    let named = lesson::welcome_betas(named, terms.refused, &mut notices);
    let body = lesson::leave_out_beside(body, &named, terms.refused, &mut notices);
    let betas = (!named.is_empty()).then(|| named.join(","));
    Ok(Prepared { asked: Asked { body, betas }, names, notices })
}

/// Reads a Converse request of a client of Bedrock, whose model does not speak Converse.
///
/// # Errors
/// A body that is none.
pub fn read_request(body: &[u8]) -> Result<Translated, RequestError> {
    let request: ConverseRequest = RequestError::read(body)?;
    let mut notices = Notices::default();
    unknown::note_unknown(body, &mut notices);
    Ok(Translated { request, notices, ..Translated::default() })
}

/// Writes a request.
///
/// # Errors
/// What the endpoint has no word for, and without which the request would be another: see the module.
pub fn write(
    language: Language,
    request: &ConverseRequest,
    ask: &Ask<'_>,
    notices: &mut Notices,
) -> Result<Asked, RequestError> {
    refuse_guardrail(request.guardrail_config.as_ref())?;
    note_uncarried(request.performance_config.as_ref(), request.prompt_variables.as_ref(), notices);
    match language {
        Language::Chat => chat_request::write(request, ask, notices),
        Language::Messages => messages_request::write(request, ask, notices),
    }
}

/// Reads an answer that is not streamed.
///
/// # Errors
/// One that is not what the language says.
pub fn read_answer(language: Language, body: &[u8]) -> Result<ConverseResponse, BedrockError> {
    match language {
        Language::Chat => chat_stream::read_answer(body),
        Language::Messages => messages_answer::read(body),
    }
}

/// Reads a stream of server-sent events as Converse's events.
#[derive(Debug)]
pub struct Reader {
    incoming: Incoming,
    said: Said,
}

#[derive(Debug)]
enum Said {
    Chat(Box<chat_stream::Said>),
    Messages(Box<messages_stream::Said>),
}

impl Reader {
    /// A reader of one stream.
    pub fn new(language: Language) -> Self {
        let said = match language {
            Language::Chat => Said::Chat(Box::default()),
            Language::Messages => Said::Messages(Box::default()),
        };
        Self { incoming: Incoming::default(), said }
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.incoming.push(bytes);
    }

    /// Reads the next event and hands on what it is in Converse's words, which may be nothing; false when none is whole yet.
    ///
    /// # Errors
    /// What an event says of a failure; an event that the language does not have.
    pub fn next_event(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) -> Result<bool, BedrockError> {
        let Some(event) = self.incoming.next_event()? else { return Ok(false) };
        let data = data_of(&event);
        if !data.is_empty() {
            match &mut self.said {
                Said::Chat(said) => said.event(&data, hear)?,
                Said::Messages(said) => said.event(&data, hear)?,
            }
        }
        Ok(true)
    }

    /// Hands on what is said when the stream has ended.
    ///
    /// # Errors
    /// The stream was cut.
    pub fn finish(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) -> Result<(), BedrockError> {
        if self.incoming.is_mid_event() {
            return Err(BedrockError::cut(texts::WITHIN_AN_EVENT));
        }
        match &mut self.said {
            Said::Chat(said) => said.finish(hear),
            Said::Messages(said) => said.finish(),
        }
    }
}

/// A client of Converse prescribes the form of the answer in its own words; the rules decide who keeps it.
fn take_form(translated: &mut Translated) {
    let Translated { request, intent, notices } = translated;
    let format = request.output_config.as_mut().and_then(|config| config.text_format.take());
    if let Some(Form { schema, name, description }) = format.and_then(|format| Form::read(&format, notices)) {
        intent.answer = Some(AnswerForm::Schema(AnswerSchema { schema, name, description }));
    }
}

/// Chat Completions takes four stop sequences (OpenAI's API reference, `stop`); the first ones stay.
fn fit_stop_sequences(
    language: Language,
    request: &mut ConverseRequest,
    (model, policy): (&str, ParameterPolicy),
    notices: &mut Notices,
) -> Result<(), RequestError> {
    let Some(config) = request.inference_config.as_mut().filter(|_| language == Language::Chat) else {
        return Ok(());
    };
    let asked = config.stop_sequences.len();
    if asked <= MOST_STOPS {
        return Ok(());
    }
    if policy == ParameterPolicy::Refuse {
        let (asked, allowed) = (format!("{asked} sequences long"), format!("{MOST_STOPS} at most"));
        return Err(RequestError::at("stop", texts::misfit("stop", asked, model, allowed)));
    }
    config.stop_sequences.truncate(MOST_STOPS);
    let done = format!("Chat Completions takes {MOST_STOPS} stop sequences, the first ones stay");
    notices.push("clamped", "stop", done);
    Ok(())
}

/// Where a block stands; written only when something is to be said of it.
#[derive(Debug, Clone, Copy)]
struct Place {
    message: usize,
    block: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].content[{}]", self.message, self.block)
    }
}

/// The form of the answer that `outputConfig.textFormat` prescribes.
struct Form {
    schema: Json,
    name: Option<String>,
    description: Option<String>,
}

impl Form {
    /// Converse has the schema as a text (reference `bedrock.md` §2.1).
    fn read(format: &Json, notices: &mut Notices) -> Option<Self> {
        #[derive(Deserialize)]
        struct Format {
            structure: Structure,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Structure {
            json_schema: Schema,
        }
        #[derive(Deserialize)]
        struct Schema {
            schema: String,
            name: Option<String>,
            description: Option<String>,
        }
        let form = serde_json::from_str(format.get()).ok().and_then(|Format { structure }| {
            let Schema { schema, name, description } = structure.json_schema;
            Some(Self { schema: Json::parse(schema).ok()?, name, description })
        });
        if form.is_none() {
            notices.dropped("outputConfig.textFormat", "it holds no JSON schema");
        }
        form
    }
}

/// A guardrail protects somebody: a request that cannot have it is not sent.
fn refuse_guardrail(guardrail: Option<&GuardrailConfig>) -> Result<(), RequestError> {
    match guardrail {
        None => Ok(()),
        Some(_) => Err(RequestError::at("guardrailConfig", texts::NO_GUARDRAIL)),
    }
}

fn note_uncarried(
    performance: Option<&PerformanceConfig>,
    prompt_variables: Option<&Json>,
    notices: &mut Notices,
) {
    if performance.is_some_and(|performance| performance.latency != "standard") {
        notices.dropped("performanceConfig.latency", "the model is served there with standard latency only");
    }
    if prompt_variables.is_some() {
        notices.dropped("promptVariables", "the model is no prompt of prompt management");
    }
}

/// Who asks, of the metadata; the rest is for an invocation log, which these endpoints do not have (reference `bedrock.md`
/// §2.5).
fn user<'a>(metadata: &'a BTreeMap<String, String>, notices: &mut Notices) -> Option<&'a str> {
    const NAMES: [&str; 2] = ["user", "user_id"];
    let (name, user) = NAMES.into_iter().find_map(|name| Some((name, metadata.get(name)?))).unzip();
    for key in metadata.keys().filter(|key| name != Some(key.as_str())) {
        let why = "it is for the invocation log, and this endpoint keeps none";
        notices.dropped(format!("requestMetadata.{key}"), why);
    }
    user.map(String::as_str)
}

fn not_here(place: Place, language: &str) -> RequestError {
    RequestError::at(place.to_string(), texts::data_only(language))
}

fn no_media(place: Place, what: &str, language: &str) -> RequestError {
    RequestError::at(place.to_string(), texts::no_media(language, what))
}

/// The media type of a format of Converse's documents (botocore 1.44.5, `DocumentFormat`).
fn document_type(format: &str) -> String {
    match format {
        "pdf" => "application/pdf",
        "csv" => "text/csv",
        "html" => "text/html",
        "md" => "text/markdown",
        "txt" => "text/plain",
        "doc" => "application/msword",
        "xls" => "application/vnd.ms-excel",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        other => return format!("application/{other}"),
    }
    .to_owned()
}

/// Formats of documents that are words and nothing else.
fn is_text(format: &str) -> bool {
    matches!(format, "txt" | "md" | "csv" | "html")
}

/// The words in base64; `None` where they are none.
fn words_of(data: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

/// The texts of a document that came in blocks.
fn texts_of(blocks: &Json) -> Vec<String> {
    #[derive(Deserialize)]
    struct Block {
        text: String,
    }
    let blocks: Vec<Block> = serde_json::from_str(blocks.get()).unwrap_or_default();
    blocks.into_iter().map(|block| block.text).collect()
}

/// What AWS calls a block.
fn member(block: &ContentBlock) -> &str {
    match block {
        ContentBlock::Text(_) => "text",
        ContentBlock::Image(_) => "image",
        ContentBlock::Document(_) => "document",
        ContentBlock::Video(_) => "video",
        ContentBlock::Audio(_) => "audio",
        ContentBlock::ToolUse(_) => "toolUse",
        ContentBlock::ToolResult(_) => "toolResult",
        ContentBlock::GuardContent(_) => "guardContent",
        ContentBlock::CachePoint(_) => "cachePoint",
        ContentBlock::Reasoning(_) => "reasoningContent",
        ContentBlock::Citations(_) => "citationsContent",
        ContentBlock::SearchResult(_) => "searchResult",
        ContentBlock::Other(other) => &other.key,
    }
}
