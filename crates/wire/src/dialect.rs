//! What the dialects share: the head that decides routing, what a translation yields, and errors in each dialect's words.

use std::borrow::Cow;
use std::collections::BTreeMap;

use outcrop_texts as texts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::bedrock::{BedrockError, ContentBlock, ConverseRequest, ConverseResponse, Output};
use crate::citing;
use crate::envelope::Members;
use crate::errors::Words;
pub use crate::errors::{error_body, said_with_hint, with_hint};
use crate::formed::AnswerTool;
use crate::place::Place;
use crate::union::Text;
use crate::{Json, Notices};

/// An inbound API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI's `POST /v1/responses`.
    Responses,
    /// Anthropic's `POST /v1/messages`.
    Messages,
    /// Bedrock's own operations.
    Bedrock,
}

/// The members that decide routing, read without translating the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// `model`, as the client wrote it.
    pub model: Cow<'a, str>,
    /// `stream`; `false` when absent or null.
    pub stream: bool,
}

impl<'a> Head<'a> {
    /// Reads the head of a Chat Completions, Responses or Messages body.
    ///
    /// # Errors
    /// A body that is no JSON object; and those of [`of`](Self::of).
    pub fn read(body: &'a [u8]) -> Result<Self, RequestError> {
        Self::of(&Members::read(body)?)
    }

    /// The head of a body with these members.
    ///
    /// # Errors
    /// `model` is absent or empty, one of the two is not of its type, or stands there twice: two readers of one body must
    /// not be able to disagree about where it goes.
    pub fn of(members: &Members<'a>) -> Result<Self, RequestError> {
        Self::stated(typed(members, "model")?, typed(members, "stream")?)
    }

    /// The head that these two make.
    pub(crate) fn stated(model: Option<Text<'a>>, stream: Option<bool>) -> Result<Self, RequestError> {
        match model {
            Some(Text(model)) if !model.is_empty() => Ok(Self { model, stream: stream.unwrap_or(false) }),
            _ => Err(RequestError::missing("model")),
        }
    }
}

fn typed<'a, T: Deserialize<'a>>(
    members: &Members<'a>,
    name: &'static str,
) -> Result<Option<T>, RequestError> {
    let read = |value: &'a RawValue| {
        serde_json::from_str(value.get())
            .map_err(|error| RequestError::at(name, texts::unreadable(name, error)))
    };
    members.only(name)?.map(read).transpose()
}

/// What every translating dialect produces; [`crate::family::apply`] makes a request of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Translated {
    /// The conversation in the canonical form. The model is not part of it: it is in the URL.
    pub request: ConverseRequest,
    /// What the client asks and Converse has no common field for.
    pub intent: Intent,
    /// What could not be carried.
    pub notices: Notices,
}

/// What clients ask and Converse has no common field for. Rendered last, by the rules of the model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intent {
    /// Whether and how to reason.
    pub reasoning: Option<ReasoningIntent>,
    /// Effort of the whole answer, asked for without turning reasoning on (Messages `output_config.effort`).
    pub effort: Option<String>,
    /// `summarized` or `omitted`: what to show of the reasoning (Messages `thinking.display`).
    pub reasoning_display: Option<String>,
    /// Sample from the k likeliest tokens only.
    pub top_k: Option<u32>,
    /// The form of the answer.
    pub answer: Option<AnswerForm>,
    /// Beta features, from the `anthropic-beta` header and the body.
    pub betas: Vec<String>,
    /// Whether several tools may be called at once.
    pub parallel_tool_calls: Option<bool>,
    /// No tool may be called; Converse has no word for it.
    pub no_tool_calls: bool,
    /// Tools that only Claude's native body can name (`computer_…`, `bash_…`), as they came.
    pub native_tools: Vec<Json>,
}

/// Whether and how a model should reason, as clients say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReasoningIntent {
    /// Not at all.
    Off,
    /// With at most this many tokens.
    Budget(u32),
    /// As much as the model sees fit, guided by an effort.
    Adaptive {
        /// `low`, `medium`, `high`, `xhigh`, `max`.
        effort: Option<String>,
    },
    /// With this effort: `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    Effort(String),
}

/// The form of the answer a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerForm {
    /// Any JSON object (Chat `json_object`).
    AnyJson,
    /// JSON that fits a schema.
    Schema(AnswerSchema),
}

/// A schema for the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSchema {
    /// The JSON schema, as it came.
    pub schema: Json,
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// What a rendered answer says about itself, and what it must put back as the client wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The id of the answer: `chatcmpl-…`, `msg_…`.
    pub id: String,
    /// When it was made, in Unix seconds (Chat Completions only).
    pub created: u64,
    /// The model as the client wrote it.
    pub model: String,
    /// Names to put back ([`crate::family::Prepared::names`]).
    pub names: Names,
}

/// What Bedrock knows otherwise than the client: tools by name and by kind, documents by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Tools that had to be renamed: what was sent → what the dialect named.
    renamed: BTreeMap<String, String>,
    /// Documents likewise; `None` for one that the client gave no name.
    documents: BTreeMap<String, Option<String>>,
    /// Tools that only look like functions to Bedrock, by the name the dialect gave them.
    declared: DeclaredTools,
    /// The tool that is none to the client: calling it is how the model answers.
    answer: Option<AnswerTool>,
}

/// Tools that are no plain functions to the client, by the name that the dialect gave them for Bedrock.
pub type DeclaredTools = BTreeMap<String, DeclaredTool>;

/// A tool as its client declared it, where Converse has only functions without a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredTool {
    /// The client's name for it, within its namespace.
    pub name: String,
    /// The namespace it was declared in.
    pub namespace: Option<String>,
    /// It takes one text instead of arguments (Responses `custom`).
    pub custom: bool,
}

impl Names {
    /// Remembers that the tool `original` went out as `sent`.
    pub fn insert(&mut self, sent: String, original: String) {
        self.renamed.insert(sent, original);
    }

    /// Remembers that a document went out as `sent`; `original` is the client's name for it, where it has one.
    pub fn insert_document(&mut self, sent: String, original: Option<String>) {
        self.documents.insert(sent, original);
    }

    /// A citation with the title that the client gave the document; one that it gave none has none.
    pub fn cited<'a>(&self, citation: &'a Json) -> Cow<'a, Json> {
        let restored = match self.documents.is_empty() {
            true => None,
            false => self.with_original_title(citation),
        };
        restored.map_or(Cow::Borrowed(citation), Cow::Owned)
    }

    fn with_original_title(&self, citation: &Json) -> Option<Json> {
        citing::retitled(citation, |title| self.documents.get(title).map(Option::as_deref))
    }

    /// A citation that a client sends back, under the name that its document goes out by.
    pub(crate) fn cited_as_sent(&self, citation: &Json) -> Option<Json> {
        let is_it = |title: &str| {
            let mut known = self.documents.iter();
            known.find_map(|(sent, original)| (original.as_deref() == Some(title)).then_some(sent.as_str()))
        };
        citing::retitled(citation, |title| is_it(title).map(Some))
    }

    /// The name the client knows for the name of a tool that Bedrock used.
    pub fn original<'a>(&'a self, sent: &'a str) -> &'a str {
        self.renamed.get(sent).map_or(sent, String::as_str)
    }

    /// Remembers tools that are no plain functions to the client.
    pub fn declare(&mut self, tools: DeclaredTools) {
        self.declared.extend(tools);
    }

    /// The tool that Bedrock called by this name, where it is no plain function to the client.
    pub fn declared(&self, sent: &str) -> Option<&DeclaredTool> {
        self.declared.get(self.original(sent))
    }

    /// Remembers the tool that the model was made to answer with.
    pub fn answer_with(&mut self, tool: AnswerTool) {
        self.answer = Some(tool);
    }

    /// The tool that the model was made to answer with.
    pub fn answer(&self) -> Option<&AnswerTool> {
        self.answer.as_ref()
    }

    /// A whole answer, with a call that is the answer as its text, and documents by the names that the client knows.
    pub(crate) fn unfold(&self, mut response: ConverseResponse) -> ConverseResponse {
        if let Output::Message(message) = &mut response.output
            && !self.documents.is_empty()
        {
            message.content.iter_mut().for_each(|block| self.restore_titles(block));
        }
        match &self.answer {
            Some(tool) => tool.unfold(response),
            None => response,
        }
    }

    fn restore_titles(&self, block: &mut ContentBlock) {
        let ContentBlock::Citations(cited) = block else { return };
        for citation in &mut cited.citations {
            if let Some(restored) = self.with_original_title(citation) {
                *citation = restored;
            }
        }
    }

    /// Whether the client knows everything as Bedrock does.
    pub fn is_empty(&self) -> bool {
        let Self { renamed, documents, declared, answer } = self;
        renamed.is_empty() && documents.is_empty() && declared.is_empty() && answer.is_none()
    }
}

/// A stream that ended before it was complete: an answer is whole only after `messageStop` *and* `metadata`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.missing())]
pub struct Truncated {
    /// `messageStop` was seen.
    pub stopped: bool,
    /// `metadata` was seen (or, for a relayed Claude stream, is not to be expected).
    pub metadata: bool,
}

impl Truncated {
    fn missing(self) -> texts::Text {
        if self.stopped { texts::NO_USAGE } else { texts::NO_STOP_REASON }
    }
}

impl From<Truncated> for BedrockError {
    fn from(truncated: Truncated) -> Self {
        BedrockError::cut(truncated)
    }
}

/// A request that a dialect refuses. Its status is always 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct RequestError {
    /// What is wrong, and how to put it right.
    pub text: texts::Text,
    /// The JSON path of the member at fault: `messages[2].content[0].image_url`.
    pub param: Option<String>,
}

impl RequestError {
    /// An error about the member at `param`.
    pub fn at(param: impl Into<String>, text: texts::Text) -> Self {
        Self { text, param: Some(param.into()) }
    }

    /// A required member is absent, null or empty.
    pub fn missing(member: impl Into<String>) -> Self {
        let member = member.into();
        Self { text: texts::missing(&member), param: Some(member) }
    }

    /// The body is no JSON, or its routing members are not what they must be.
    pub(crate) fn malformed(error: &serde_json::Error) -> Self {
        Self { text: texts::body_unreadable(error), param: None }
    }

    /// Reads `body` into its shape; a failure is read again slowly, to name the member at fault.
    pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Self> {
        // What is known to be text is not proven to be, string by string.
        let read = str::from_utf8(body).map_or_else(|_| serde_json::from_slice(body), serde_json::from_str);
        read.map_err(|error| {
            let mut deserializer = serde_json::Deserializer::from_slice(body);
            match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
                // The body itself has no name.
                Err(located) if located.path().iter().len() == 0 => Self::malformed(located.inner()),
                Err(located) => {
                    let text = texts::unreadable(located.path(), located.inner());
                    Self::at(located.path().to_string(), text)
                }
                Ok(_) => Self::malformed(&error),
            }
        })
    }

    /// Reads what stands at `path` of a body into its shape.
    pub(crate) fn read_member<'a, T: Deserialize<'a>>(raw: &'a RawValue, path: Place<'_>) -> Result<T, Self> {
        serde_json::from_str(raw.get()).map_err(|error| {
            let mut deserializer = serde_json::Deserializer::from_str(raw.get());
            match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
                Err(located) => {
                    let path = match located.path().to_string().as_str() {
                        "." => path.to_string(),
                        within if within.starts_with('[') => format!("{path}{within}"),
                        within => format!("{path}.{within}"),
                    };
                    Self::unreadable(Place::Named(&path), located.inner())
                }
                Ok(_) => Self::unreadable(path, &error),
            }
        })
    }

    /// What stands at `path` cannot be read; lines and columns, which would be counted from there on, are not said.
    pub(crate) fn unreadable(path: Place<'_>, error: &serde_json::Error) -> Self {
        let why = error.to_string();
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
        Self::at(path, texts::unreadable(path, why))
    }

    /// The body of the answer (status 400, `application/json`).
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Vec<u8> {
        let words = Words { status: 400, message: self.text.message(), param: self.param.as_deref() };
        words.render(dialect, request_id, self.text.hint())
    }
}

/// The JSON of a value made of strings and numbers.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own values hold string keys only, so they are JSON")
}
