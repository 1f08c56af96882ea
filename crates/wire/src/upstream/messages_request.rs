//! A Converse request as Messages.

use std::borrow::Cow;

use outcrop_texts as texts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::bedrock_only::{SearchResult, guarded_text};
use super::fields::Fields;
use super::{Ask, Asked, Calls, Form, Place};
use crate::anthropic::citation;
use crate::bedrock::{
    CachePoint, CitedText, ContentBlock, ConverseRequest, Document, DocumentSource, InferenceConfig, Media,
    MediaSource, Message, NamedTool, OutputConfig, ReasoningContent, ReasoningText, Role, ServiceTier,
    SystemBlock, Tool, ToolChoice, ToolConfig, ToolResult, ToolResultBlock, ToolSpec, ToolUse,
};
use crate::dialect::{RequestError, to_vec};
use crate::envelope::{Envelope, Members};
use crate::family::messages_id;
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
    if additional_model_response_field_paths.iter().any(|path| path != STOP_SEQUENCE) {
        notices.dropped("additionalModelResponseFieldPaths", "the answer is another than Converse's");
    }
    let mut fields = Fields::read(additional_model_request_fields.as_ref(), notices);
    let betas: Vec<String> = fields.take("anthropic_beta").and_then(read).unwrap_or_default();
    let native: Vec<&RawValue> = fields.take("tools").and_then(read).unwrap_or_default();
    let no_config = InferenceConfig::default();
    let InferenceConfig { max_tokens, temperature, top_p, stop_sequences } =
        inference_config.as_ref().unwrap_or(&no_config);
    let OutputConfig { text_format, effort } = output_config.clone().unwrap_or_default();
    let form = text_format.as_ref().and_then(|format| Form::read(format, notices));
    if let Some(Form { schema: _, name, description }) = &form {
        for (member, _) in
            [("name", name), ("description", description)].iter().filter(|(_, it)| it.is_some())
        {
            notices.dropped(format!("outputConfig.textFormat.structure.jsonSchema.{member}"), NO_WORD);
        }
    }
    let mut tools = tools(tool_config.as_ref(), notices);
    tools.extend(native.into_iter().map(Offer::Native));
    let body = to_vec(&Body {
        model: ask.model,
        max_tokens: max_tokens.unwrap_or_else(|| default_limit(notices)),
        system: system_blocks(system, notices),
        messages: Turns { notices }.read(messages)?,
        temperature: *temperature,
        top_p: *top_p,
        stop_sequences,
        tool_choice: tool_choice(tool_config.as_ref(), ask.calls, tools.is_empty(), notices),
        tools,
        output_config: output(effort.as_deref(), form.as_ref(), fields.take("output_config"), notices),
        service_tier: service_tier.as_ref().and_then(|tier| tier_word(tier, notices)),
        metadata: super::user(request_metadata, notices).map(|user_id| Metadata { user_id }),
        stream: ask.stream.then_some(true),
    });
    let body = fields.merge(body, &["model", "messages", "system", "stream"], notices);
    Ok(Asked { body, betas: (!betas.is_empty()).then(|| betas.join(",")) })
}

/// What [`crate::family`] asks of Claude on Converse; Messages' answers say it by themselves.
const STOP_SEQUENCE: &str = "/stop_sequence";

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Source: Anthropic's API reference, "Create a Message".
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Offer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// A block, and whether everything up to it may be cached.
#[derive(Serialize)]
struct Block<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl<'a>>,
}

#[derive(Serialize)]
struct CacheControl<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
}

impl<'a> CacheControl<'a> {
    fn of(point: &'a CachePoint) -> Self {
        Self { r#type: "ephemeral", ttl: point.ttl.as_deref() }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Json>,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        title: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<&'a Json>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: &'a Json,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        is_error: Option<bool>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    SearchResult {
        source: String,
        title: String,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Json>,
    },
}

impl<'a> Kind<'a> {
    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), citations: Vec::new() }
    }
}

impl Block<'_> {
    fn is_reasoning(&self) -> bool {
        matches!(self.kind, Kind::Thinking { .. } | Kind::RedactedThinking { .. })
    }
}

impl<'a> From<Kind<'a>> for Block<'a> {
    fn from(kind: Kind<'a>) -> Self {
        Self { kind, cache_control: None }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Source<'a> {
    Base64 { media_type: String, data: &'a str },
    Text { media_type: &'static str, data: Cow<'a, str> },
    Content { content: Vec<Block<'a>> },
}

/// A tool on offer: a function, or one of Claude's own as it came.
#[derive(Serialize)]
#[serde(untagged)]
enum Offer<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a JsonText>,
        input_schema: &'a Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    Native(&'a RawValue),
}

#[derive(Serialize)]
struct Choice<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

/// Messages has no default for it, and the catalog knows no limit of this model.
fn default_limit(notices: &mut Notices) -> u64 {
    /// Within the limit of every Claude there has been (reference `bedrock.md` §6.1).
    const LIMIT: u64 = 4_096;
    let detail = format!("{LIMIT}: the model's API has no default, and its limit is not known");
    notices.push("defaulted", "max_tokens", detail);
    LIMIT
}

const NO_WORD: &str = "Messages, which the model speaks, has no word for it";
const NOTHING_BEFORE: &str = "there is nothing before it that could be cached";

fn system_blocks<'a>(blocks: &'a [SystemBlock], notices: &mut Notices) -> Vec<Block<'a>> {
    let mut out: Vec<Block<'a>> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match block {
            SystemBlock::Text(text) => out.push(Kind::text(text).into()),
            SystemBlock::GuardContent(guarded) => out.extend(self::guarded("system[]", guarded, notices)),
            SystemBlock::CachePoint(point) => cache(&mut out, point, "system[]", notices),
            SystemBlock::Other(other) => notices.dropped(format!("system[].{}", other.key), NO_WORD),
        }
    }
    out
}

/// Everything up to the block before the point may be cached. Reasoning takes no mark of its own (Anthropic's documentation,
/// "Prompt caching"): the block before it has the nearest.
fn cache<'a>(blocks: &mut [Block<'a>], point: &'a CachePoint, parent: &str, notices: &mut Notices) {
    match blocks.iter_mut().rfind(|block| !block.is_reasoning()) {
        Some(block) => block.cache_control = Some(CacheControl::of(point)),
        None => notices.dropped(format!("{parent}.cachePoint"), NOTHING_BEFORE),
    }
}

fn guarded(parent: &str, guarded: &Json, notices: &mut Notices) -> Option<Block<'static>> {
    let field = format!("{parent}.guardContent");
    let Some(text) = guarded_text(guarded) else {
        notices.dropped(field, NO_WORD);
        return None;
    };
    notices.push("rewritten", field, "sent as plain text: there is no guardrail on this endpoint");
    Some(Kind::text(text).into())
}

fn tools<'a>(config: Option<&'a ToolConfig>, notices: &mut Notices) -> Vec<Offer<'a>> {
    let mut offers = Vec::new();
    for tool in config.into_iter().flat_map(|config| &config.tools) {
        match tool {
            Tool::Spec(ToolSpec { name, description, input_schema, strict }) => {
                offers.push(Offer::Function {
                    name,
                    description: description.as_ref(),
                    input_schema: &input_schema.json,
                    strict: *strict,
                    cache_control: None,
                });
            }
            Tool::CachePoint(point) => match offers.last_mut() {
                Some(Offer::Function { cache_control, .. }) => *cache_control = Some(CacheControl::of(point)),
                _ => notices.dropped("toolConfig.tools[].cachePoint", NOTHING_BEFORE),
            },
            Tool::System(_) => {
                notices.dropped("toolConfig.tools[].systemTool", "Converse alone runs tools itself");
            }
            Tool::Other(other) => notices.dropped(format!("toolConfig.tools[].{}", other.key), NO_WORD),
        }
    }
    offers
}

fn tool_choice<'a>(
    config: Option<&'a ToolConfig>,
    calls: Calls,
    nothing_offered: bool,
    notices: &mut Notices,
) -> Option<Choice<'a>> {
    if nothing_offered {
        return None;
    }
    let Calls { parallel, forbidden } = calls;
    let choice = |kind, name| {
        Some(Choice { r#type: kind, name, disable_parallel_tool_use: parallel.map(|parallel| !parallel) })
    };
    if forbidden {
        return Some(Choice { r#type: "none", name: None, disable_parallel_tool_use: None });
    }
    match config.and_then(|config| config.tool_choice.as_ref()) {
        Some(ToolChoice::Any(_)) => choice("any", None),
        Some(ToolChoice::Tool(NamedTool { name })) => choice("tool", Some(name.as_str())),
        Some(ToolChoice::Auto(_)) => choice("auto", None),
        Some(ToolChoice::Other(other)) => {
            notices.dropped(format!("toolConfig.toolChoice.{}", other.key), NO_WORD);
            None
        }
        None => parallel.and_then(|_| choice("auto", None)),
    }
}

/// Effort and form of the answer; what the client itself wrote in Claude's words stays.
fn output(
    effort: Option<&str>,
    form: Option<&Form>,
    native: Option<&RawValue>,
    notices: &mut Notices,
) -> Option<Json> {
    #[derive(Serialize)]
    struct Format<'a> {
        r#type: &'static str,
        schema: &'a Json,
    }
    let Members(native) = native.and_then(read).unwrap_or(Members(Vec::new()));
    let format = form.map(|form| to_vec(&Format { r#type: "json_schema", schema: &form.schema }));
    let ours = [("effort", effort.map(to_vec)), ("format", format)];
    let mut out = Envelope::with_capacity(64);
    for (key, value) in &native {
        out.member(key, value.get().as_bytes());
    }
    for (key, value) in ours {
        match (value, native.iter().any(|(known, _)| known == key)) {
            (Some(value), false) => out.member(key, &value),
            (Some(_), true) => {
                notices.dropped(format!("outputConfig.{key}"), "additionalModelRequestFields says it, too");
            }
            (None, _) => {}
        }
    }
    let out = String::from_utf8(out.finish()).expect("JSON is text");
    (out != "{}").then(|| Json::parse(out).expect("an object of members that are JSON"))
}

/// Anthropic's tiers (API reference, "Service tiers").
fn tier_word(tier: &ServiceTier, notices: &mut Notices) -> Option<&'static str> {
    if tier.tier == "default" {
        return Some("standard_only");
    }
    notices.dropped("service_tier", "Messages, which the model speaks, knows the standard tier only");
    None
}

/// The turns under construction.
struct Turns<'n> {
    notices: &'n mut Notices,
}

impl Turns<'_> {
    fn read<'a>(mut self, messages: &'a [Message]) -> Result<Vec<Turn<'a>>, RequestError> {
        let mut turns = Vec::with_capacity(messages.len());
        for (index, Message { role, content }) in messages.iter().enumerate() {
            let role = match role {
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::System => "system",
                Role::Other(role) => {
                    let path = format!("messages[{index}].role");
                    return Err(RequestError::at(path, texts::unknown_role(role)));
                }
            };
            let mut blocks = Vec::with_capacity(content.len());
            for (at, block) in content.iter().enumerate() {
                self.add(block, Place { message: index, block: at }, &mut blocks)?;
            }
            if !blocks.is_empty() {
                turns.push(Turn { role, content: blocks });
            }
        }
        Ok(turns)
    }

    fn add<'a>(
        &mut self,
        block: &'a ContentBlock,
        place: Place,
        out: &mut Vec<Block<'a>>,
    ) -> Result<(), RequestError> {
        let kind = match block {
            ContentBlock::CachePoint(point) => {
                cache(out, point, "messages[].content[]", self.notices);
                return Ok(());
            }
            ContentBlock::GuardContent(guarded) => {
                out.extend(self::guarded("messages[].content[]", guarded, self.notices));
                return Ok(());
            }
            ContentBlock::Text(text) => Some(Kind::text(text)),
            ContentBlock::Image(image) => Some(picture(image, place)?),
            ContentBlock::Document(document) => Some(self.document(document, place)?),
            ContentBlock::Video(_) => return Err(no_media(place, "videos")),
            ContentBlock::Audio(_) => return Err(no_media(place, "sounds")),
            ContentBlock::ToolUse(ToolUse { tool_use_id, name, input, tool_type: None }) => {
                Some(Kind::ToolUse { id: messages_id(tool_use_id), name, input })
            }
            ContentBlock::ToolResult(result) if result.tool_type.is_none() => {
                Some(self.result(result, place)?)
            }
            ContentBlock::Reasoning(reasoning) => self.reasoning(reasoning),
            ContentBlock::Citations(cited) => {
                let text = cited.content.iter().filter_map(|piece| match piece {
                    CitedText::Text(text) => Some(text.to_str()),
                    CitedText::Other(_) => None,
                });
                let citations = cited.citations.iter().map(citation).collect();
                Some(Kind::Text { text: text.collect::<String>().into(), citations })
            }
            ContentBlock::SearchResult(found) => self.found(found),
            ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_) | ContentBlock::Other(_) => {
                let field = format!("messages[].content[].{}", super::member(block));
                self.notices.dropped(field, NO_WORD);
                None
            }
        };
        out.extend(kind.map(Block::from));
        Ok(())
    }

    fn result<'a>(&mut self, result: &'a ToolResult, place: Place) -> Result<Kind<'a>, RequestError> {
        let ToolResult { tool_use_id, content, status, tool_type: _ } = result;
        let mut blocks = Vec::with_capacity(content.len());
        for block in content {
            let kind = match block {
                ToolResultBlock::Text(text) => Some(Kind::text(text)),
                ToolResultBlock::Json(json) => Some(Kind::text(json.get())),
                ToolResultBlock::Image(image) => Some(picture(image, place)?),
                ToolResultBlock::Document(document) => Some(self.document(document, place)?),
                ToolResultBlock::SearchResult(found) => self.found(found),
                ToolResultBlock::Video(_) => return Err(no_media(place, "videos")),
                ToolResultBlock::Other(other) => {
                    let field = format!("messages[].content[].toolResult.content[].{}", other.key);
                    self.notices.dropped(field, NO_WORD);
                    None
                }
            };
            blocks.extend(kind.map(Block::from));
        }
        let is_error = (status.as_deref() == Some("error")).then_some(true);
        Ok(Kind::ToolResult { tool_use_id: messages_id(tool_use_id), content: blocks, is_error })
    }

    fn reasoning<'a>(&mut self, reasoning: &'a ReasoningContent) -> Option<Kind<'a>> {
        match reasoning {
            ReasoningContent::Text(ReasoningText { text, signature: Some(signature) }) => {
                Some(Kind::Thinking { thinking: text, signature })
            }
            ReasoningContent::Redacted(data) => Some(Kind::RedactedThinking { data }),
            ReasoningContent::Text(_) | ReasoningContent::Other(_) => {
                let why = "Claude takes back signed reasoning only";
                self.notices.dropped("messages[].content[].reasoningContent", why);
                None
            }
        }
    }

    fn found(&mut self, found: &Json) -> Option<Kind<'static>> {
        let Some(result) = SearchResult::read(found) else {
            self.notices.dropped("messages[].content[].searchResult", NO_WORD);
            return None;
        };
        let content = result.texts().map(|text| Kind::text(text.to_owned()).into()).collect();
        let SearchResult { source, title, citations, .. } = result;
        Some(Kind::SearchResult { source, title, content, citations })
    }

    fn document<'a>(&mut self, document: &'a Document, place: Place) -> Result<Kind<'a>, RequestError> {
        let Document { format, name, source, context, citations } = document;
        let format = format.as_deref().unwrap_or("txt");
        let source = match source {
            DocumentSource::Text(text) => plain(Cow::Borrowed(text)),
            DocumentSource::Content(blocks) => Source::Content { content: texts(blocks) },
            DocumentSource::Bytes(data) if format == "pdf" => {
                Source::Base64 { media_type: super::document_type(format), data }
            }
            DocumentSource::Bytes(data) if super::is_text(format) => {
                let words = super::words_of(data)
                    .ok_or_else(|| RequestError::at(place.to_string(), texts::NO_TEXT_DOCUMENT))?;
                plain(Cow::Owned(words))
            }
            DocumentSource::Bytes(_) => return Err(no_media(place, &format!("documents in {format} form"))),
            DocumentSource::S3(_) | DocumentSource::Other(_) => return Err(super::not_here(place, LANGUAGE)),
        };
        let (context, citations) = (context.as_deref(), citations.as_ref());
        Ok(Kind::Document { source, title: name, context, citations })
    }
}

const LANGUAGE: &str = "Messages";

fn plain(data: Cow<'_, str>) -> Source<'_> {
    Source::Text { media_type: "text/plain", data }
}

fn texts(blocks: &Json) -> Vec<Block<'static>> {
    super::texts_of(blocks).into_iter().map(|text| Kind::text(text).into()).collect()
}

fn picture<'a>(image: &'a Media, place: Place) -> Result<Kind<'a>, RequestError> {
    match &image.source {
        MediaSource::Bytes(data) => {
            Ok(Kind::Image { source: Source::Base64 { media_type: format!("image/{}", image.format), data } })
        }
        MediaSource::S3(_) | MediaSource::Other(_) => Err(super::not_here(place, LANGUAGE)),
    }
}

fn no_media(place: Place, what: &str) -> RequestError {
    super::no_media(place, what, LANGUAGE)
}
