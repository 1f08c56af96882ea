//! The turns of a Messages request.

use outcrop_texts as texts;
use serde_json::value::RawValue;

use super::citation::cited_source;
use super::request::{Message as ClaudeMessage, Part, Source};
use crate::bedrock::{
    CitationsContent, CitedText, ContentBlock, Document, DocumentSource, Message, ReasoningContent,
    ReasoningText, Role, Text, ToolResult, ToolResultBlock, ToolUse,
};
use crate::dialect::RequestError;
use crate::media;
use crate::place::Place;
use crate::shape::{Content, TextOr};
use crate::{Json, JsonText, Notices};

/// The turns in the canonical form.
pub(super) fn read(
    turns: Vec<ClaudeMessage<'_>>,
    notices: &mut Notices,
) -> Result<Vec<Message>, RequestError> {
    let mut messages = Vec::with_capacity(turns.len());
    for (index, turn) in turns.into_iter().enumerate() {
        let path = MESSAGES.item(index);
        let ClaudeMessage { role, content, unknown } = turn;
        notices.unknown("messages[]", unknown);
        let role = match role.as_deref() {
            Some(word @ ("user" | "assistant" | "system")) => Role::from(word),
            _ => {
                return Err(RequestError::at(path.member("role"), texts::MESSAGES_ROLE));
            }
        };
        let path = path.member("content");
        let content = Content::read(content.ok_or_else(|| RequestError::missing(path))?, path)?;
        if role != Role::Assistant {
            refuse_own_blocks(&content, path)?;
        }
        let content = blocks(content, path, notices)?;
        messages.push(Message { role, content });
    }
    Ok(messages)
}

const MESSAGES: Place<'_> = Place::Named("messages");

/// `bedrock_block` is what an answer said and comes back; it is no way for a person to say what Bedrock should fetch.
fn refuse_own_blocks(content: &Content<Part<'_>>, path: Place<'_>) -> Result<(), RequestError> {
    let Content::Parts(parts) = content else { return Ok(()) };
    match parts.iter().position(|part| part.kind.as_deref() == Some("bedrock_block")) {
        Some(at) => Err(RequestError::at(path.item(at).member("type"), texts::BEDROCK_BLOCK)),
        None => Ok(()),
    }
}

fn blocks(
    content: Content<Part<'_>>,
    path: Place<'_>,
    notices: &mut Notices,
) -> Result<Vec<ContentBlock>, RequestError> {
    let parts = match content {
        Content::Text(text) => return Ok(vec![ContentBlock::Text(text)]),
        Content::Parts(parts) => parts,
    };
    let mut blocks = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let point = part.cache_control.as_ref().map(|control| control.cache_point());
        blocks.extend(Block { path: path.item(index), notices }.read(part)?);
        blocks.extend(point.map(ContentBlock::CachePoint));
    }
    Ok(blocks)
}

/// One block being read.
struct Block<'n> {
    path: Place<'n>,
    notices: &'n mut Notices,
}

impl Block<'_> {
    /// The block in the canonical form; `None` for one that only Anthropic's servers can read.
    fn read(mut self, mut part: Part<'_>) -> Result<Option<ContentBlock>, RequestError> {
        self.notices.unknown("messages[].content[]", std::mem::take(&mut part.unknown));
        if part.caller.take().is_some() {
            self.notices.dropped("messages[].content[].caller", "Bedrock has no counterpart for it");
        }
        let kind = part.kind.take();
        Ok(Some(match kind.as_deref() {
            Some("text") => {
                cited_text(part.text.ok_or_else(|| self.missing("text"))?, part.citations.as_ref())
            }
            Some("image") => self.image(part.source)?,
            Some("document") => ContentBlock::Document(self.document(part)?),
            Some("thinking") => ContentBlock::Reasoning(ReasoningContent::Text(ReasoningText {
                text: self.needed("thinking", part.thinking)?,
                signature: part.signature.map(|text| text.0.into_owned()).filter(|text| !text.is_empty()),
            })),
            Some("redacted_thinking") => {
                ContentBlock::Reasoning(ReasoningContent::Redacted(self.needed("data", part.data)?))
            }
            Some("tool_use") => ContentBlock::ToolUse(ToolUse {
                tool_use_id: self.needed("id", part.id)?,
                name: self.needed("name", part.name)?,
                input: part.input.filter(Json::is_object).ok_or_else(|| self.missing("input"))?,
                tool_type: None,
            }),
            Some("tool_result") => ContentBlock::ToolResult(self.tool_result(part)?),
            Some("search_result") => ContentBlock::SearchResult(self.search_result(part)?),
            Some("bedrock_block") => part.block.ok_or_else(|| self.missing("block"))?,
            Some(kind) if is_server_block(kind) => {
                let why = format!("`{kind}` can be read by Anthropic's own servers only");
                self.notices.push("dropped", self.path, why);
                return Ok(None);
            }
            Some(kind) => {
                let kind: String = kind.chars().take(60).collect();
                return Err(RequestError::at(self.at("type"), texts::foreign_content(kind)));
            }
            None => return Err(self.missing("type")),
        }))
    }

    fn at<'p>(&'p self, member: &'p str) -> Place<'p> {
        self.path.member(member)
    }

    fn missing(&self, member: &str) -> RequestError {
        RequestError::missing(self.at(member))
    }

    fn needed(&self, member: &str, text: Option<Text<'_>>) -> Result<String, RequestError> {
        text.map(|text| text.0.into_owned()).ok_or_else(|| self.missing(member))
    }

    fn source<'a>(&self, source: Option<TextOr<'a, Source<'a>>>) -> Result<Source<'a>, RequestError> {
        match source {
            Some(TextOr::Else(source)) => Ok(source),
            _ => Err(self.missing("source")),
        }
    }

    fn image(&mut self, source: Option<TextOr<'_, Source<'_>>>) -> Result<ContentBlock, RequestError> {
        let source = self.source(source)?;
        let block = self.path;
        let path = block.member("source");
        match (source.kind.as_deref(), &source.url, &source.data) {
            (Some("url"), Some(url), _) => Err(media::remote_image(url, path)),
            (Some("base64"), _, Some(data)) => {
                let media_type = source.media_type.as_deref().unwrap_or_default();
                media::image(media_type, data, path, self.notices).map(ContentBlock::Image)
            }
            _ => Err(not_here(&source, path)),
        }
    }

    fn document(&mut self, part: Part<'_>) -> Result<Document, RequestError> {
        let source = self.source(part.source)?;
        let path = self.at("source");
        let title = part.title.as_deref();
        let mut document = match (source.kind.as_deref(), source.data.as_ref(), source.content) {
            (Some("text"), Some(text), _) => media::text_document(title, text),
            (Some("base64"), Some(data), _) => {
                media::document(source.media_type.as_deref().unwrap_or_default(), title, data, path)?
            }
            (Some("content"), _, Some(TextOr::Text(text))) => media::text_document(title, &text),
            (Some("content"), _, Some(TextOr::Else(parts))) => {
                media::new_document(None, title, DocumentSource::Content(text_list(parts, path)?))
            }
            (_, _, content) => return Err(not_here(&Source { content, ..source }, path)),
        };
        document.context = part.context.map(|context| context.0.into_owned());
        document.citations = part.citations;
        Ok(document)
    }

    fn tool_result(&mut self, part: Part<'_>) -> Result<ToolResult, RequestError> {
        let tool_use_id = self.needed("tool_use_id", part.tool_use_id)?;
        let block = self.path;
        let path = block.member("content");
        let content = part
            .content
            .map(|raw| Content::read(raw, path))
            .transpose()?
            .unwrap_or(Content::Parts(Vec::new()));
        let mut result = ToolResult { tool_use_id, content: Vec::new(), status: None, tool_type: None };
        result.status = part.is_error.filter(|failed| *failed).map(|_| "error".to_owned());
        let content = without_references(content, path, self.notices);
        refuse_nested_calls(&content, path)?;
        for block in blocks(content, path, self.notices)? {
            result.content.push(match block {
                ContentBlock::Text(text) => ToolResultBlock::Text(text),
                ContentBlock::Citations(cited) => {
                    let why = "not possible inside a tool result; the text stays";
                    self.notices.dropped("messages[].content[].content[].citations", why);
                    ToolResultBlock::Text(cited.text().into())
                }
                ContentBlock::Image(image) => ToolResultBlock::Image(image),
                ContentBlock::Document(document) => ToolResultBlock::Document(document),
                ContentBlock::SearchResult(found) => ToolResultBlock::SearchResult(found),
                ContentBlock::CachePoint(_) => {
                    self.notices.dropped(
                        "messages[].content[].content[].cache_control",
                        "not possible inside a tool result; put it on the result itself",
                    );
                    continue;
                }
                _ => {
                    return Err(RequestError::at(path, texts::CLAUDE_TOOL_ANSWER));
                }
            });
        }
        Ok(result)
    }

    fn search_result(&self, part: Part<'_>) -> Result<Json, RequestError> {
        let source = match part.source {
            Some(TextOr::Text(source)) => source.into_owned(),
            _ => return Err(self.missing("source")),
        };
        let path = self.at("content");
        let content = match part.content.map(|raw| Content::read(raw, path)).transpose()? {
            Some(Content::Parts(parts)) => text_list(parts, path)?,
            _ => return Err(self.missing("content")),
        };
        let title = self.needed("title", part.title)?;
        Ok(Json::of(&SearchResult { source, title, content, citations: part.citations })
            .expect("texts and raw JSON are JSON"))
    }
}

/// Text, with its sources where it has any.
fn cited_text(text: JsonText, citations: Option<&Json>) -> ContentBlock {
    let citations = citations.and_then(|list| serde_json::from_str::<Vec<&RawValue>>(list.get()).ok());
    match citations.filter(|citations| !citations.is_empty()) {
        None => ContentBlock::Text(text),
        Some(citations) => ContentBlock::Citations(CitationsContent {
            content: vec![CitedText::Text(text)],
            citations: citations.into_iter().map(cited_source).collect(),
        }),
    }
}

/// Converse's `searchResult` (botocore 1.43.11, `SearchResultBlock`).
#[derive(serde::Serialize)]
struct SearchResult {
    source: String,
    title: String,
    content: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    citations: Option<Json>,
}

/// `[{"text": …}]`, as search results and documents made of text have it.
fn text_list(parts: Vec<Part<'_>>, path: Place<'_>) -> Result<Json, RequestError> {
    #[derive(serde::Serialize)]
    struct Piece<'a> {
        text: &'a JsonText,
    }
    let text_only = || RequestError::at(path, texts::TEXT_ONLY);
    let pieces: Result<Vec<Piece<'_>>, RequestError> = parts
        .iter()
        .map(|part| part.text.as_ref().map(|text| Piece { text }).ok_or_else(text_only))
        .collect();
    Ok(Json::of(&pieces?).expect("texts are JSON"))
}

/// A result holds no results: found out before it is read, so that no depth of them is followed.
fn refuse_nested_calls(content: &Content<Part<'_>>, path: Place<'_>) -> Result<(), RequestError> {
    let Content::Parts(parts) = content else { return Ok(()) };
    let known = |part: &Part<'_>| {
        matches!(part.kind.as_deref(), Some("text" | "image" | "document" | "search_result") | None)
    };
    match parts.iter().position(|part| !known(part)) {
        Some(at) => Err(RequestError::at(path.item(at).member("type"), texts::CLAUDE_TOOL_ANSWER)),
        None => Ok(()),
    }
}

/// Tool references are Anthropic's own tool search talking to itself.
fn without_references<'a>(
    content: Content<Part<'a>>,
    path: Place<'_>,
    notices: &mut Notices,
) -> Content<Part<'a>> {
    match content {
        Content::Text(text) => Content::Text(text),
        Content::Parts(mut parts) => {
            let before = parts.len();
            parts.retain(|part| part.kind.as_deref() != Some("tool_reference"));
            if parts.len() < before {
                notices.push("dropped", path, "`tool_reference` can be read by Anthropic's own servers only");
            }
            Content::Parts(parts)
        }
    }
}

/// Why a source is refused whose bytes are not in the request.
fn not_here(source: &Source<'_>, path: Place<'_>) -> RequestError {
    let kind = source.kind.as_deref().unwrap_or("none");
    let kind: String = kind.chars().take(60).collect();
    RequestError::at(path, texts::source_elsewhere(kind))
}

/// Blocks that Anthropic's server tools leave in a conversation.
fn is_server_block(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "mcp_tool_use" | "mcp_tool_result" | "compaction" | "fallback")
        || kind.ends_with("_tool_result")
}
