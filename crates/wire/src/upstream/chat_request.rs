//! A Converse request as Chat Completions.

use std::borrow::Cow;

use outcrop_texts as texts;
use serde::{Serialize, Serializer};

use super::bedrock_only::{SearchResult, guarded_text, named_text};
use super::fields::Fields;
use super::{Ask, Asked, Calls, Place};
use crate::bedrock::{
    CitedText, ContentBlock, ConverseRequest, Document, DocumentSource, InferenceConfig, Media, MediaSource,
    Message, NamedTool, OutputConfig, ReasoningContent, Role, ServiceTier, SystemBlock, Tool, ToolChoice,
    ToolConfig, ToolResult, ToolResultBlock, ToolSpec, ToolUse,
};
use crate::dialect::{RequestError, to_vec};
use crate::{Json, JsonText, Notices};

/// Writes the request; see the module above.
pub(super) fn write(
    request: &ConverseRequest,
    ask: &Ask<'_>,
    notices: &mut Notices,
) -> Result<Asked, RequestError> {
    let ConverseRequest {
        messages,
        system,
        inference_config,
        tool_config,
        guardrail_config: _,
        additional_model_request_fields,
        prompt_variables: _,
        additional_model_response_field_paths,
        request_metadata,
        performance_config: _,
        service_tier,
        output_config,
    } = request;
    if !additional_model_response_field_paths.is_empty() {
        notices.dropped("additionalModelResponseFieldPaths", "the answer is another than Converse's");
    }
    let user = super::user(request_metadata, notices);
    let no_config = InferenceConfig::default();
    let InferenceConfig { max_tokens, temperature, top_p, stop_sequences } =
        inference_config.as_ref().unwrap_or(&no_config);
    let OutputConfig { text_format, effort } = output_config.clone().unwrap_or_default();
    let Calls { parallel, forbidden } = ask.calls;
    let (tools, tool_choice) = offered(tool_config.as_ref(), forbidden, notices);
    let format = text_format.as_ref().and_then(|format| super::Form::read(format, notices));
    let body = to_vec(&Body {
        model: ask.model,
        messages: Turns::read(system, messages, notices)?,
        max_completion_tokens: *max_tokens,
        temperature: *temperature,
        top_p: *top_p,
        stop: stop_sequences,
        parallel_tool_calls: parallel.filter(|_| !tools.is_empty()),
        tools,
        tool_choice,
        response_format: format.as_ref().map(ResponseFormat::of),
        reasoning_effort: effort,
        service_tier: service_tier.as_ref().and_then(|tier| tier_word(tier, notices)),
        user,
        stream: ask.stream.then_some(true),
        stream_options: ask.stream.then_some(StreamOptions { include_usage: true }),
    });
    const OURS: [&str; 6] = ["model", "messages", "tools", "stream", "stream_options", "n"];
    let fields = Fields::read(additional_model_request_fields.as_ref(), notices);
    let body = fields.merge(body, &OURS, notices);
    Ok(Asked { body, betas: None })
}

/// Source: OpenAI's API reference, "Create chat completion". `max_completion_tokens`: reference `bedrock.md` §2.5.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "json_schema", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonSchema {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a Json,
        strict: bool,
    },
}

impl<'a> ResponseFormat<'a> {
    fn of(form: &'a super::Form) -> Self {
        /// OpenAI requires a name, Converse does not.
        const NAMELESS: &str = "answer";
        let super::Form { schema, name, description } = form;
        let name = name.as_deref().map_or(Cow::Borrowed(NAMELESS), fitting_name);
        Self::JsonSchema { name, description: description.as_deref(), schema, strict: true }
    }
}

/// OpenAI's names have letters, digits, `_` and `-`, and 64 of them at most (API reference, `json_schema.name`); Converse
/// has no rule for them, and nobody sees them again.
fn fitting_name(name: &str) -> Cow<'_, str> {
    const LONGEST: usize = 64;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.len() <= LONGEST && name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    let name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).take(LONGEST).collect();
    if name.is_empty() { Cow::Borrowed("answer") } else { Cow::Owned(name) }
}

#[derive(Serialize)]
struct Function<'a> {
    r#type: &'static str,
    function: FunctionSpec<'a>,
}

#[derive(Serialize)]
struct FunctionSpec<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a JsonText>,
    parameters: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named { r#type: &'static str, function: Named<'a> },
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

/// OpenAI's tiers (API reference, `service_tier`); those of both have one name.
fn tier_word<'a>(tier: &'a ServiceTier, notices: &mut Notices) -> Option<&'a str> {
    const TIERS: [&str; 3] = ["default", "flex", "priority"];
    let known = TIERS.contains(&tier.tier.as_str());
    if !known {
        notices.dropped("service_tier", "Chat Completions, which the model speaks, has no such tier");
    }
    known.then_some(tier.tier.as_str())
}

/// The tools on offer, and which of them must or may be called.
fn offered<'a>(
    config: Option<&'a ToolConfig>,
    forbidden: bool,
    notices: &mut Notices,
) -> (Vec<Function<'a>>, Option<Choice<'a>>) {
    let Some(ToolConfig { tools, tool_choice }) = config else { return (Vec::new(), None) };
    let functions: Vec<_> = tools.iter().filter_map(|tool| function(tool, notices)).collect();
    let choice = match tool_choice {
        _ if functions.is_empty() => None,
        _ if forbidden => Some(Choice::Word("none")),
        Some(ToolChoice::Auto(_)) => Some(Choice::Word("auto")),
        Some(ToolChoice::Any(_)) => Some(Choice::Word("required")),
        Some(ToolChoice::Tool(NamedTool { name })) => {
            Some(Choice::Named { r#type: "function", function: Named { name } })
        }
        Some(ToolChoice::Other(other)) => {
            notices.dropped(format!("toolConfig.toolChoice.{}", other.key), NO_WORD);
            None
        }
        None => None,
    };
    (functions, choice)
}

fn function<'a>(tool: &'a Tool, notices: &mut Notices) -> Option<Function<'a>> {
    match tool {
        Tool::Spec(ToolSpec { name, description, input_schema, strict }) => Some(Function {
            r#type: "function",
            function: FunctionSpec {
                name,
                description: description.as_ref(),
                parameters: &input_schema.json,
                strict: *strict,
            },
        }),
        Tool::CachePoint(_) => {
            notices.dropped("toolConfig.tools[].cachePoint", CACHES_BY_ITSELF);
            None
        }
        Tool::System(_) => {
            notices.dropped("toolConfig.tools[].systemTool", "Converse alone runs tools itself");
            None
        }
        Tool::Other(other) => {
            notices.dropped(format!("toolConfig.tools[].{}", other.key), NO_WORD);
            None
        }
    }
}

const NO_WORD: &str = "Chat Completions, which the model speaks, has no word for it";
const CACHES_BY_ITSELF: &str = "the endpoint caches prompts by itself and takes no cache points";

/// A turn.
#[derive(Default, Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl<'a> },
    InputAudio { input_audio: InputAudio<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: DataUrl<'a>,
}

#[derive(Serialize)]
struct InputAudio<'a> {
    data: &'a str,
    format: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    filename: String,
    file_data: DataUrl<'a>,
}

/// Base64 as a URL; written without a copy of its own.
struct DataUrl<'a> {
    media_type: Cow<'a, str>,
    data: &'a str,
}

impl Serialize for DataUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("data:{};base64,{}", self.media_type, self.data))
    }
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: CalledFunction<'a>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// The turns under construction.
struct Turns<'a, 'n> {
    out: Vec<Turn<'a>>,
    notices: &'n mut Notices,
}

impl<'a, 'n> Turns<'a, 'n> {
    fn read(
        system: &'a [SystemBlock],
        messages: &'a [Message],
        notices: &'n mut Notices,
    ) -> Result<Vec<Turn<'a>>, RequestError> {
        let mut turns = Self { out: Vec::with_capacity(messages.len() + 1), notices };
        turns.system(system);
        for (index, message) in messages.iter().enumerate() {
            match &message.role {
                Role::Assistant => turns.assistant(message),
                Role::User => turns.user("user", message, index)?,
                Role::System => turns.user("system", message, index)?,
                Role::Other(role) => {
                    let path = format!("messages[{index}].role");
                    return Err(RequestError::at(path, texts::unknown_role(role)));
                }
            }
        }
        Ok(turns.out)
    }

    fn system(&mut self, blocks: &'a [SystemBlock]) {
        let mut parts = Vec::with_capacity(blocks.len());
        for block in blocks {
            match block {
                SystemBlock::Text(text) => parts.push(Part::Text { text: text.into() }),
                SystemBlock::GuardContent(guarded) => parts.extend(self.guarded("system[]", guarded)),
                SystemBlock::CachePoint(_) => self.notices.dropped("system[].cachePoint", CACHES_BY_ITSELF),
                SystemBlock::Other(other) => self.notices.dropped(format!("system[].{}", other.key), NO_WORD),
            }
        }
        if !parts.is_empty() {
            self.out.push(Turn { role: "system", content: Some(content(parts)), ..Turn::default() });
        }
    }

    /// A turn of the user (or of the system, in mid-conversation): first what tools answered, then the rest.
    fn user(&mut self, role: &'static str, message: &'a Message, index: usize) -> Result<(), RequestError> {
        let mut parts = Vec::with_capacity(message.content.len());
        for (at, block) in message.content.iter().enumerate() {
            let place = Place { message: index, block: at };
            match block {
                ContentBlock::ToolResult(result) if result.tool_type.is_none() => {
                    self.result(result, place, &mut parts)?;
                }
                block => parts.extend(self.part(block, place)?),
            }
        }
        if !parts.is_empty() {
            self.out.push(Turn { role, content: Some(content(parts)), ..Turn::default() });
        }
        Ok(())
    }

    /// What a tool answered is a turn of its own, of text alone; its pictures stand in the turn of the user that follows.
    fn result(
        &mut self,
        result: &'a ToolResult,
        place: Place,
        after: &mut Vec<Part<'a>>,
    ) -> Result<(), RequestError> {
        let ToolResult { tool_use_id, content: blocks, status, tool_type: _ } = result;
        let mut texts = Vec::with_capacity(blocks.len());
        if status.as_deref() == Some("error") {
            texts.push(Part::Text { text: Cow::Borrowed("The tool failed:") });
            let done = "Chat Completions has no status for it, so it is said in words";
            self.notices.push("rewritten", "messages[].content[].toolResult.status", done);
        }
        for block in blocks {
            let part = match block {
                ToolResultBlock::Text(text) => Some(Part::Text { text: text.into() }),
                ToolResultBlock::Json(json) => Some(Part::Text { text: json.get().into() }),
                ToolResultBlock::SearchResult(found) => self.found(found),
                ToolResultBlock::Image(image) => Some(picture(image, place)?),
                ToolResultBlock::Document(document) => Some(self.document(document, place)?),
                ToolResultBlock::Video(_) => return Err(no_video(place)),
                ToolResultBlock::Other(other) => {
                    let field = format!("messages[].content[].toolResult.content[].{}", other.key);
                    self.notices.dropped(field, NO_WORD);
                    None
                }
            };
            match part {
                Some(text @ Part::Text { .. }) => texts.push(text),
                Some(part) => {
                    let done =
                        "tools answer in text there, so it stands in the turn of the user that follows";
                    self.notices.push("rewritten", place.to_string(), done);
                    after.push(part);
                }
                None => {}
            }
        }
        let content = Some(content(texts));
        self.out.push(Turn { role: "tool", content, tool_call_id: Some(tool_use_id), ..Turn::default() });
        Ok(())
    }

    fn part(&mut self, block: &'a ContentBlock, place: Place) -> Result<Option<Part<'a>>, RequestError> {
        Ok(match block {
            ContentBlock::Text(text) => Some(Part::Text { text: text.into() }),
            ContentBlock::Image(image) => Some(picture(image, place)?),
            ContentBlock::Audio(audio) => Some(sound(audio, place)?),
            ContentBlock::Document(document) => Some(self.document(document, place)?),
            ContentBlock::Video(_) => return Err(no_video(place)),
            ContentBlock::GuardContent(guarded) => self.guarded("messages[].content[]", guarded),
            ContentBlock::SearchResult(found) => self.found(found),
            ContentBlock::CachePoint(_) => {
                self.notices.dropped("messages[].content[].cachePoint", CACHES_BY_ITSELF);
                None
            }
            other => {
                self.unsayable(other);
                None
            }
        })
    }

    /// A turn of the model: its words as one text, as the endpoint itself writes them.
    fn assistant(&mut self, message: &'a Message) {
        let mut turn = Turn { role: "assistant", ..Turn::default() };
        let mut said: Option<Cow<'a, str>> = None;
        for block in &message.content {
            match block {
                ContentBlock::Text(text) => add(&mut said, text),
                ContentBlock::Citations(cited) => {
                    for piece in &cited.content {
                        if let CitedText::Text(text) = piece {
                            add(&mut said, text);
                        }
                    }
                    if !cited.citations.is_empty() {
                        let why = "Chat Completions takes no sources back";
                        self.notices.dropped("messages[].content[].citationsContent.citations", why);
                    }
                }
                ContentBlock::ToolUse(ToolUse { tool_use_id, name, input, tool_type: None }) => {
                    let function = CalledFunction { name, arguments: input.get() };
                    turn.tool_calls.push(Call { id: tool_use_id, r#type: "function", function });
                }
                ContentBlock::Reasoning(reasoning) => self.reasoning(reasoning, &mut turn.reasoning),
                ContentBlock::CachePoint(_) => {
                    self.notices.dropped("messages[].content[].cachePoint", CACHES_BY_ITSELF);
                }
                other => self.unsayable(other),
            }
        }
        if said.is_some() || !turn.tool_calls.is_empty() {
            turn.content = said.map(Content::Text);
            self.out.push(turn);
        }
    }

    fn reasoning(&mut self, reasoning: &'a ReasoningContent, said: &mut Option<Cow<'a, str>>) {
        match reasoning {
            ReasoningContent::Text(text) => {
                add(said, &text.text);
                if text.signature.is_some() {
                    let why = "the model takes back its words alone";
                    self.notices
                        .dropped("messages[].content[].reasoningContent.reasoningText.signature", why);
                }
            }
            ReasoningContent::Redacted(_) | ReasoningContent::Other(_) => {
                let why = "another model's encrypted reasoning means nothing to this one";
                self.notices.dropped("messages[].content[].reasoningContent.redactedContent", why);
            }
        }
    }

    fn guarded(&mut self, parent: &str, guarded: &Json) -> Option<Part<'static>> {
        let field = format!("{parent}.guardContent");
        let Some(text) = guarded_text(guarded) else {
            self.notices.dropped(field, NO_WORD);
            return None;
        };
        self.notices.push("rewritten", field, "sent as plain text: there is no guardrail on this endpoint");
        Some(Part::Text { text: text.into() })
    }

    fn found(&mut self, found: &Json) -> Option<Part<'static>> {
        let field = "messages[].content[].searchResult";
        let Some(result) = SearchResult::read(found) else {
            self.notices.dropped(field, NO_WORD);
            return None;
        };
        self.notices.push("rewritten", field, "sent as text: it cannot be cited there");
        Some(Part::Text { text: result.to_text().into() })
    }

    /// Words go as words, which any model reads; anything else as a file.
    fn document(&mut self, document: &'a Document, place: Place) -> Result<Part<'a>, RequestError> {
        let Document { format, name, source, context, citations } = document;
        if citations.is_some() {
            self.notices.dropped(format!("{place}.document.citations"), "nothing is cited there");
        }
        let format = format.as_deref().unwrap_or("txt");
        let context = context.as_deref();
        let words = match source {
            DocumentSource::Text(text) => Some(Cow::Borrowed(text.as_str())),
            DocumentSource::Content(blocks) => Some(super::texts_of(blocks).join("\n\n").into()),
            DocumentSource::Bytes(data) if super::is_text(format) => super::words_of(data).map(Cow::Owned),
            DocumentSource::Bytes(_) => None,
            DocumentSource::S3(_) | DocumentSource::Other(_) => return Err(not_here(place)),
        };
        if let Some(words) = words {
            let done = "sent as text with its name around it";
            self.notices.push("rewritten", format!("{place}.document"), done);
            return Ok(Part::Text { text: named_text(name, context, &words).into() });
        }
        if context.is_some() {
            self.notices.dropped(format!("{place}.document.context"), NO_WORD);
        }
        let DocumentSource::Bytes(data) = source else { return Err(not_here(place)) };
        let file_data = DataUrl { media_type: super::document_type(format).into(), data };
        Ok(Part::File { file: File { filename: format!("{name}.{format}"), file_data } })
    }

    fn unsayable(&mut self, block: &ContentBlock) {
        self.notices.dropped(format!("messages[].content[].{}", super::member(block)), NO_WORD);
    }
}

/// One text as a text, anything else in parts.
fn content(mut parts: Vec<Part<'_>>) -> Content<'_> {
    match parts.as_mut_slice() {
        [] => Content::Text(Cow::Borrowed("")),
        [Part::Text { text }] => Content::Text(std::mem::take(text)),
        _ => Content::Parts(parts),
    }
}

fn add<'a>(said: &mut Option<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) {
    let text = text.into();
    match said {
        Some(said) => said.to_mut().push_str(&text),
        None => *said = Some(text),
    }
}

fn picture<'a>(image: &'a Media, place: Place) -> Result<Part<'a>, RequestError> {
    let media_type = format!("image/{}", image.format).into();
    Ok(Part::ImageUrl {
        image_url: ImageUrl { url: DataUrl { media_type, data: bytes(&image.source, place)? } },
    })
}

/// Source: OpenAI's API reference, `input_audio.format`.
fn sound<'a>(audio: &'a Media, place: Place) -> Result<Part<'a>, RequestError> {
    const FORMATS: [&str; 2] = ["wav", "mp3"];
    let Media { format, source } = audio;
    if !FORMATS.contains(&format.as_str()) {
        return Err(super::no_media(place, &format!("sounds in {format} form"), "Chat Completions"));
    }
    Ok(Part::InputAudio { input_audio: InputAudio { data: bytes(source, place)?, format } })
}

fn bytes(source: &MediaSource, place: Place) -> Result<&str, RequestError> {
    match source {
        MediaSource::Bytes(data) => Ok(data),
        MediaSource::S3(_) | MediaSource::Other(_) => Err(not_here(place)),
    }
}

fn not_here(place: Place) -> RequestError {
    super::not_here(place, "Chat Completions")
}

fn no_video(place: Place) -> RequestError {
    super::no_media(place, "videos", "Chat Completions")
}
