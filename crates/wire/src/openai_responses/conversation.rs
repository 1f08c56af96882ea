//! The items of a Responses request.

use outcrop_texts as texts;
use serde_json::value::RawValue;

use super::items::reasoning_of;
use super::request::{Item, Part};
use super::tools::{Tools, text_arguments};
use crate::bedrock::{
    CitationsContent, CitedText, ContentBlock, Message, ReasoningContent, ReasoningText, Role, SystemBlock,
    Text, ToolResult, ToolResultBlock, ToolUse,
};
use crate::dialect::RequestError;
use crate::media::{self, DataUrl};
use crate::openai_chat::tool_arguments;
use crate::place::Place;
use crate::shape::{Content, TextOr};
use crate::{Json, Notices};

/// A conversation in the canonical form; items of one role that follow one another are one turn.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) system: Vec<SystemBlock>,
    pub(super) messages: Vec<Message>,
}

impl Conversation {
    pub(super) fn read(
        input: TextOr<'_, Vec<Item<'_>>>,
        instructions: Option<Text<'_>>,
        tools: &Tools,
        notices: &mut Notices,
    ) -> Result<Self, RequestError> {
        let mut conversation = Self::default();
        let instructions = instructions.filter(|text| !text.is_empty());
        conversation.system.extend(instructions.map(|text| SystemBlock::Text(text.0.into())));
        match input {
            TextOr::Text(text) => conversation.say(Role::User, vec![ContentBlock::Text(text.into())]),
            TextOr::Else(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    Reading { path: INPUT.item(index), tools, notices }.item(item, &mut conversation)?;
                }
            }
        }
        Ok(conversation)
    }

    fn say(&mut self, role: Role, content: Vec<ContentBlock>) {
        match self.messages.last_mut() {
            Some(last) if last.role == role => last.content.extend(content),
            _ => self.messages.push(Message { role, content }),
        }
    }
}

const INPUT: Place<'_> = Place::Named("input");

/// One item being read.
struct Reading<'n> {
    path: Place<'n>,
    tools: &'n Tools,
    notices: &'n mut Notices,
}

impl Reading<'_> {
    fn item(mut self, mut item: Item<'_>, conversation: &mut Conversation) -> Result<(), RequestError> {
        self.notices.unknown("input[]", std::mem::take(&mut item.unknown));
        match item.kind.as_deref().unwrap_or("message") {
            "message" => self.message(item, conversation),
            "function_call" | "custom_tool_call" => {
                let call = self.call(item)?;
                conversation.say(Role::Assistant, vec![ContentBlock::ToolUse(call)]);
                Ok(())
            }
            "function_call_output" | "custom_tool_call_output" => {
                let result = self.result(item)?;
                conversation.say(Role::User, vec![ContentBlock::ToolResult(result)]);
                Ok(())
            }
            "reasoning" => {
                conversation.say(Role::Assistant, self.reasoning(item).into_iter().collect());
                Ok(())
            }
            "bedrock_block" => {
                let block = item.block.ok_or_else(|| RequestError::missing(self.at("block")))?;
                conversation.say(Role::Assistant, vec![block]);
                Ok(())
            }
            "item_reference" => Err(RequestError::at(self.path, texts::ITEM_REFERENCE)),
            other => {
                let field = format!("{} ({other})", self.path);
                self.notices.dropped(field, "items of this type have no counterpart on Bedrock");
                Ok(())
            }
        }
    }

    fn at<'p>(&'p self, member: &'p str) -> Place<'p> {
        self.path.member(member)
    }

    fn message(&mut self, item: Item<'_>, conversation: &mut Conversation) -> Result<(), RequestError> {
        let content = item.content.ok_or_else(|| RequestError::missing(self.at("content")))?;
        let role = item.role.ok_or_else(|| RequestError::missing(self.at("role")))?;
        let content = self.content(content, "content")?;
        match role.as_ref() {
            "user" => conversation.say(Role::User, content),
            "assistant" => conversation.say(Role::Assistant, content),
            "system" | "developer" => self.system(content, conversation)?,
            _ => return Err(RequestError::at(self.at("role"), texts::RESPONSES_ROLE)),
        }
        Ok(())
    }

    fn system(
        &mut self,
        content: Vec<ContentBlock>,
        conversation: &mut Conversation,
    ) -> Result<(), RequestError> {
        if !conversation.messages.is_empty() {
            let why = "Converse takes instructions before the conversation only: moved there";
            self.notices.push("rewritten", self.path, why);
        }
        for block in content {
            let ContentBlock::Text(text) = block else {
                return Err(RequestError::at(self.at("content"), texts::SYSTEM_IS_TEXT));
            };
            conversation.system.push(SystemBlock::Text(text));
        }
        Ok(())
    }

    fn content(&mut self, content: &RawValue, member: &str) -> Result<Vec<ContentBlock>, RequestError> {
        let item = self.path;
        let list = item.member(member);
        match Content::read(content, list)? {
            Content::Text(text) => Ok(vec![ContentBlock::Text(text)]),
            Content::Parts(parts) => {
                parts.into_iter().enumerate().map(|(index, part)| self.part(part, list.item(index))).collect()
            }
        }
    }

    fn part(&mut self, part: Part<'_>, path: Place<'_>) -> Result<ContentBlock, RequestError> {
        let Part {
            kind,
            text,
            refusal,
            image_url,
            detail,
            file_data,
            filename,
            file_id,
            file_url,
            annotations,
            citations,
            logprobs,
            unknown,
        } = part;
        self.notices.unknown("input[].content[]", unknown);
        let citations = citations.unwrap_or_default();
        if logprobs.is_some_and(|list| !list.is_empty()) {
            self.notices.dropped("input[].content[].logprobs", "no model takes probabilities back");
        }
        // Those of ours say the citations once more.
        if citations.is_empty() && annotations.is_some_and(|list| !list.is_empty()) {
            self.notices.dropped("input[].content[].annotations", "Converse has no counterpart for them");
        }
        let member = |name| path.member(name);
        let stored = || RequestError::at(path, texts::FILE_ELSEWHERE);
        match kind.as_deref() {
            Some("input_text" | "output_text" | "text" | "summary_text") => {
                let text = text.ok_or_else(|| RequestError::missing(member("text")))?;
                Ok(match citations.is_empty() {
                    true => ContentBlock::Text(text),
                    false => {
                        let content = vec![CitedText::Text(text)];
                        ContentBlock::Citations(CitationsContent { content, citations })
                    }
                })
            }
            Some("refusal") => {
                let text = refusal.ok_or_else(|| RequestError::missing(member("refusal")))?;
                Ok(ContentBlock::Text(text))
            }
            Some("input_image" | "input_file") if file_id.is_some() || file_url.is_some() => Err(stored()),
            Some("input_image") => {
                if detail.is_some_and(|detail| *detail != *"auto") {
                    self.notices.dropped("input[].content[].detail", "Bedrock has no counterpart for it");
                }
                let url = image_url.ok_or_else(|| RequestError::missing(member("image_url")))?;
                let path = member("image_url");
                let DataUrl { media_type, data } =
                    DataUrl::parse(&url).ok_or_else(|| media::remote_image(&url, path))?;
                media::image(media_type, data, path, self.notices).map(ContentBlock::Image)
            }
            Some("input_file") => {
                let file = file_data.ok_or_else(|| RequestError::missing(member("file_data")))?;
                let (media_type, data) = match DataUrl::parse(&file) {
                    Some(DataUrl { media_type, data }) => (media_type, data),
                    None => ("application/octet-stream", file.0.as_ref()),
                };
                media::document(media_type, filename.as_deref(), data, member("file_data"))
                    .map(ContentBlock::Document)
            }
            _ => {
                let kind = kind.as_deref().unwrap_or_default();
                let text = texts::foreign_content(kind).with_hint(texts::RESPONSES_CONTENT);
                Err(RequestError::at(member("type"), text))
            }
        }
    }

    fn call(&mut self, item: Item<'_>) -> Result<ToolUse, RequestError> {
        let Item { call_id, name, namespace, arguments, input, .. } = item;
        let item = self.path;
        let path = item.member("arguments");
        let input = match (input, arguments) {
            (Some(text), _) => text_arguments(&text),
            (None, None) => Json::empty_object(),
            (None, Some(json)) => match serde_json::from_str::<Text<'_>>(json.get()) {
                Ok(text) => tool_arguments(&text, path, self.notices),
                Err(_) => tool_arguments(json.get(), path, self.notices),
            },
        };
        Ok(ToolUse {
            tool_use_id: call_id.ok_or_else(|| RequestError::missing(self.at("call_id")))?.0.into_owned(),
            name: match name {
                Some(name) => self.tools.name(namespace.as_deref(), &name),
                None => return Err(RequestError::missing(self.at("name"))),
            },
            input,
            tool_type: None,
        })
    }

    fn result(&mut self, item: Item<'_>) -> Result<ToolResult, RequestError> {
        let Item { call_id, output, .. } = item;
        let tool_use_id = call_id.ok_or_else(|| RequestError::missing(self.at("call_id")))?.0.into_owned();
        let output = output.ok_or_else(|| RequestError::missing(self.at("output")))?;
        let mut content = Vec::new();
        for block in self.content(output, "output")? {
            content.push(match block {
                ContentBlock::Text(text) => ToolResultBlock::Text(text),
                ContentBlock::Citations(cited) => {
                    let why = "not possible inside a tool's answer; the text stays";
                    self.notices.dropped("input[].output[].citations", why);
                    ToolResultBlock::Text(cited.text().into())
                }
                ContentBlock::Image(image) => ToolResultBlock::Image(image),
                ContentBlock::Document(document) => ToolResultBlock::Document(document),
                _ => return Err(RequestError::at(self.at("output"), texts::TOOL_ANSWER)),
            });
        }
        Ok(ToolResult { tool_use_id, content, status: None, tool_type: None })
    }

    /// Reasoning that comes back: the block that our answer enclosed, else its mere words.
    fn reasoning(&mut self, item: Item<'_>) -> Option<ContentBlock> {
        let Item { summary, encrypted_content, .. } = item;
        if let Some(encrypted) = encrypted_content {
            if let Some(block) = reasoning_of(&encrypted) {
                return Some(ContentBlock::Reasoning(block));
            }
            let why = "another service encrypted it, no model on Bedrock can read it; its summary stays";
            self.notices.dropped("input[].encrypted_content", why);
        }
        let words = summary.unwrap_or_default().into_iter().filter_map(|part| part.text);
        let text = words.map(String::from).collect::<Vec<_>>().join("\n\n");
        let reasoning = ReasoningText { text, signature: None };
        (!reasoning.text.is_empty()).then_some(ContentBlock::Reasoning(ReasoningContent::Text(reasoning)))
    }
}
