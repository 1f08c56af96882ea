//! The turns of a Chat Completions request.

use outcrop_texts as texts;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::request::{
    File, FunctionCall, ImageUrl, InputAudio, Message as ChatMessage, Part, ReasoningDetail, ToolCall,
};
use crate::bedrock::{
    CachePoint, CitationsContent, CitedText, ContentBlock, Message, ReasoningContent, ReasoningText, Role,
    SystemBlock, Text, ToolResult, ToolResultBlock, ToolUse,
};
use crate::dialect::RequestError;
use crate::media::{self, DataUrl};
use crate::place::Place;
use crate::shape::{Content, TextOr};
use crate::{Json, Notices};

/// A conversation in the canonical form: `system` and `developer` turns are the system prompt, in their order.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) system: Vec<SystemBlock>,
    pub(super) messages: Vec<Message>,
}

impl Conversation {
    pub(super) fn read(turns: Vec<ChatMessage<'_>>, notices: &mut Notices) -> Result<Self, RequestError> {
        let mut conversation = Self { system: Vec::new(), messages: Vec::with_capacity(turns.len()) };
        for (index, turn) in turns.into_iter().enumerate() {
            Turn { path: MESSAGES.item(index), notices }.read(turn, &mut conversation)?;
        }
        Ok(conversation)
    }
}

const MESSAGES: Place<'_> = Place::Named("messages");

/// One turn being read.
struct Turn<'n> {
    path: Place<'n>,
    notices: &'n mut Notices,
}

impl Turn<'_> {
    fn read(mut self, turn: ChatMessage<'_>, conversation: &mut Conversation) -> Result<(), RequestError> {
        let turn = self.note_uncarried(turn)?;
        let role = turn.role.ok_or_else(|| RequestError::missing(self.at("role")))?;
        let point = turn.cache_control.as_ref().map(|control| control.cache_point());
        let (role, mut content) = match role.as_ref() {
            "system" | "developer" => return self.system(turn.content, point, conversation),
            "user" => (Role::User, self.content(turn.content)?),
            "assistant" => {
                let mut content =
                    self.reasoning(turn.reasoning_details, turn.reasoning_content.or(turn.reasoning))?;
                content.extend(self.cited(turn.content, turn.annotations, turn.citations)?);
                content.extend(turn.refusal.map(ContentBlock::Text));
                content.extend(turn.bedrock_blocks.unwrap_or_default());
                self.tool_calls(turn.tool_calls.unwrap_or_default(), &mut content)?;
                (Role::Assistant, content)
            }
            "tool" => (Role::User, vec![self.tool_result(turn.tool_call_id, turn.content)?]),
            _ => {
                return Err(RequestError::at(self.at("role"), texts::CHAT_ROLE));
            }
        };
        content.extend(point.map(ContentBlock::CachePoint));
        conversation.messages.push(Message { role, content });
        Ok(())
    }

    fn at<'p>(&'p self, member: &'p str) -> Place<'p> {
        self.path.member(member)
    }

    /// What an answer said about itself and comes back as an echo is no loss; the rest is said once.
    fn note_uncarried<'a>(&mut self, mut turn: ChatMessage<'a>) -> Result<ChatMessage<'a>, RequestError> {
        self.notices.unknown("messages[]", std::mem::take(&mut turn.unknown));
        if turn.name.take().is_some() {
            self.notices.dropped("messages[].name", "Converse does not name who speaks");
        }
        if turn.audio.take().is_some() {
            self.notices.dropped("messages[].audio", "Bedrock does not know OpenAI's stored recordings");
        }
        match turn.function_call {
            Some(_) => Err(RequestError::at(self.at("function_call"), texts::FUNCTION_CALL)),
            None => Ok(turn),
        }
    }

    fn system(
        self,
        content: Option<&RawValue>,
        point: Option<CachePoint>,
        conversation: &mut Conversation,
    ) -> Result<(), RequestError> {
        if !conversation.messages.is_empty() {
            self.notices.push(
                "rewritten",
                self.path,
                "Converse takes instructions before the conversation only: moved there",
            );
        }
        for block in self.texts(content)? {
            conversation.system.push(match block {
                ContentBlock::CachePoint(point) => SystemBlock::CachePoint(point),
                ContentBlock::Text(text) => SystemBlock::Text(text),
                _ => {
                    return Err(RequestError::at(self.at("content"), texts::SYSTEM_IS_TEXT));
                }
            });
        }
        conversation.system.extend(point.map(SystemBlock::CachePoint));
        Ok(())
    }

    /// The content of a turn whose parts are all text (a system prompt); others are found out by the caller.
    fn texts(&self, content: Option<&RawValue>) -> Result<Vec<ContentBlock>, RequestError> {
        let Some(content) = content else { return Ok(Vec::new()) };
        let parts = match self.said(content)? {
            Content::Text(text) => return Ok(vec![ContentBlock::Text(text)]),
            Content::Parts(parts) => parts,
        };
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let text =
                part.text.ok_or_else(|| RequestError::at(self.at("content"), texts::SYSTEM_IS_TEXT))?;
            blocks.push(ContentBlock::Text(text));
            blocks.extend(part.cache_control.map(|control| ContentBlock::CachePoint(control.cache_point())));
        }
        Ok(blocks)
    }

    fn said<'a>(&self, content: &'a RawValue) -> Result<Content<Part<'a>>, RequestError> {
        Content::read(content, self.at("content"))
    }

    fn content(&mut self, content: Option<&RawValue>) -> Result<Vec<ContentBlock>, RequestError> {
        let Some(content) = content else { return Ok(Vec::new()) };
        let parts = match self.said(content)? {
            Content::Text(text) => return Ok(vec![ContentBlock::Text(text)]),
            Content::Parts(parts) => parts,
        };
        let turn = self.path;
        let content = turn.member("content");
        let mut blocks = Vec::with_capacity(parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            let point = part.cache_control.as_ref().map(|control| control.cache_point());
            blocks.push(self.part(part, content.item(index))?);
            blocks.extend(point.map(ContentBlock::CachePoint));
        }
        Ok(blocks)
    }

    /// What an answer said, with its sources; the annotations of ours say them once more, those of others have no counterpart.
    fn cited(
        &mut self,
        content: Option<&RawValue>,
        annotations: Option<Vec<IgnoredAny>>,
        citations: Option<Vec<Json>>,
    ) -> Result<Vec<ContentBlock>, RequestError> {
        let mut blocks = self.content(content)?;
        let citations = citations.unwrap_or_default();
        match blocks.as_mut_slice() {
            _ if citations.is_empty() => {
                if annotations.is_some_and(|list| !list.is_empty()) {
                    self.notices.dropped("messages[].annotations", "Converse has no counterpart for them");
                }
            }
            [ContentBlock::Text(text)] => {
                let content = vec![CitedText::Text(std::mem::take(text))];
                blocks = vec![ContentBlock::Citations(CitationsContent { content, citations })];
            }
            _ => {
                self.notices.dropped("messages[].citations", "which of several texts they are of is not said")
            }
        }
        Ok(blocks)
    }

    fn part(&mut self, part: Part<'_>, path: Place<'_>) -> Result<ContentBlock, RequestError> {
        let Part { kind, text, refusal, image_url, input_audio, file, cache_control: _, unknown } = part;
        self.notices.unknown("messages[].content[]", unknown);
        let member = |name| path.member(name);
        match kind.as_deref() {
            Some("text") | None => {
                text.map(ContentBlock::Text).ok_or_else(|| RequestError::missing(member("text")))
            }
            Some("refusal") => {
                refusal.map(ContentBlock::Text).ok_or_else(|| RequestError::missing(member("refusal")))
            }
            Some("image_url") => {
                let image = image_url.ok_or_else(|| RequestError::missing(member("image_url")))?;
                self.image(image, member("image_url"))
            }
            Some("input_audio") => {
                let InputAudio { data, format, unknown: _ } = input_audio.unwrap_or_default();
                let data = data.ok_or_else(|| RequestError::missing(member("input_audio.data")))?;
                let format = format.ok_or_else(|| RequestError::missing(member("input_audio.format")))?;
                media::audio(&format, &data, member("input_audio.data")).map(ContentBlock::Audio)
            }
            Some("file") => self.file(file.unwrap_or_default(), member("file")),
            Some(other) => {
                let text = texts::foreign_content(other).with_hint(texts::CHAT_CONTENT);
                Err(RequestError::at(member("type"), text))
            }
        }
    }

    fn image(
        &mut self,
        image: TextOr<'_, ImageUrl<'_>>,
        path: Place<'_>,
    ) -> Result<ContentBlock, RequestError> {
        let (url, path) = match image {
            TextOr::Text(url) => (url, path),
            TextOr::Else(ImageUrl { url, detail, unknown }) => {
                self.notices.unknown("messages[].content[].image_url", unknown);
                if detail.is_some_and(|detail| *detail != *"auto") {
                    self.notices.dropped(
                        "messages[].content[].image_url.detail",
                        "Bedrock has no counterpart for it",
                    );
                }
                (url.ok_or_else(|| RequestError::missing(path.member("url")))?.0, path.member("url"))
            }
        };
        let DataUrl { media_type, data } =
            DataUrl::parse(&url).ok_or_else(|| media::remote_image(&url, path))?;
        media::image(media_type, data, path, self.notices).map(ContentBlock::Image)
    }

    fn file(&mut self, file: File<'_>, path: Place<'_>) -> Result<ContentBlock, RequestError> {
        let File { file_data, filename, file_id, unknown } = file;
        self.notices.unknown("messages[].content[].file", unknown);
        let Some(file_data) = file_data else {
            let why = if file_id.is_some() { texts::STORED_FILE } else { texts::missing("file_data") };
            return Err(RequestError::at(path, why.with_hint(texts::SEND_THE_FILE)));
        };
        let path = path.member("file_data");
        let (media_type, data) = match DataUrl::parse(&file_data) {
            Some(DataUrl { media_type, data }) => (media_type, data),
            None => ("application/octet-stream", file_data.0.as_ref()),
        };
        media::document(media_type, filename.as_deref(), data, path).map(ContentBlock::Document)
    }

    /// Reasoning that comes back: with its proof where the client kept it, as mere words where it did not.
    fn reasoning(
        &self,
        details: Option<Vec<ReasoningDetail<'_>>>,
        words: Option<Text<'_>>,
    ) -> Result<Vec<ContentBlock>, RequestError> {
        let details = details.unwrap_or_default();
        let mut blocks = Vec::with_capacity(details.len());
        for detail in details {
            match (detail.kind.as_deref(), detail.text, detail.data) {
                (Some("reasoning.encrypted"), _, Some(data)) => {
                    blocks.push(ContentBlock::Reasoning(ReasoningContent::Redacted(data.0.into_owned())));
                }
                (_, text, _) if text.is_some() || detail.signature.is_some() => {
                    blocks.push(reasoning_block(text, detail.signature));
                }
                _ => {}
            }
        }
        if blocks.is_empty() {
            blocks.extend(
                words.filter(|words| !words.is_empty()).map(|words| reasoning_block(Some(words), None)),
            );
        }
        Ok(blocks)
    }

    fn tool_calls(
        &mut self,
        calls: Vec<ToolCall<'_>>,
        blocks: &mut Vec<ContentBlock>,
    ) -> Result<(), RequestError> {
        let list = self.path.member("tool_calls");
        for (index, call) in calls.into_iter().enumerate() {
            let path = list.item(index);
            let ToolCall { id, kind: _, index: _, function, unknown } = call;
            self.notices.unknown("messages[].tool_calls[]", unknown);
            let FunctionCall { name, arguments, unknown: _ } =
                function.ok_or_else(|| RequestError::missing(path.member("function")))?;
            blocks.push(ContentBlock::ToolUse(ToolUse {
                tool_use_id: id.ok_or_else(|| RequestError::missing(path.member("id")))?.0.into_owned(),
                name: name.ok_or_else(|| RequestError::missing(path.member("function.name")))?.0.into_owned(),
                input: tool_arguments(
                    arguments.as_deref().unwrap_or_default(),
                    path.member("function.arguments"),
                    self.notices,
                ),
                tool_type: None,
            }));
        }
        Ok(())
    }

    fn tool_result(
        &mut self,
        id: Option<Text<'_>>,
        content: Option<&RawValue>,
    ) -> Result<ContentBlock, RequestError> {
        let tool_use_id = id.ok_or_else(|| RequestError::missing(self.at("tool_call_id")))?.0.into_owned();
        let mut result = ToolResult { tool_use_id, content: Vec::new(), status: None, tool_type: None };
        for block in self.content(content)? {
            result.content.push(match block {
                ContentBlock::Text(text) => ToolResultBlock::Text(text),
                ContentBlock::Image(image) => ToolResultBlock::Image(image),
                ContentBlock::Document(document) => ToolResultBlock::Document(document),
                ContentBlock::CachePoint(_) => {
                    self.notices
                        .dropped("messages[].content[].cache_control", "not possible inside a tool result");
                    continue;
                }
                _ => {
                    return Err(RequestError::at(self.at("content"), texts::TOOL_ANSWER));
                }
            });
        }
        Ok(ContentBlock::ToolResult(result))
    }
}

fn reasoning_block(text: Option<Text<'_>>, signature: Option<Text<'_>>) -> ContentBlock {
    let text = text.map(|text| text.0.into_owned()).unwrap_or_default();
    let signature =
        signature.map(|signature| signature.0.into_owned()).filter(|signature| !signature.is_empty());
    ContentBlock::Reasoning(ReasoningContent::Text(ReasoningText { text, signature }))
}

/// The arguments of a call. Converse takes an object only, so text that is none (a model's slip in the history)
/// is kept inside one.
pub(crate) fn tool_arguments(text: &str, path: Place<'_>, notices: &mut Notices) -> Json {
    let text = text.trim();
    if text.is_empty() {
        return Json::empty_object();
    }
    match Json::parse(text) {
        Ok(json) if json.is_object() => json,
        _ => {
            notices.push("rewritten", path, "not a JSON object; sent as {\"arguments\": …}");
            let kept = std::collections::BTreeMap::from([("arguments", text)]);
            Json::of(&kept).expect("a map of texts is JSON")
        }
    }
}
