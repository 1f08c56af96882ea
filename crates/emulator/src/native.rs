//! The models' own bodies on `InvokeModel`: which family speaks which, read and written.

use bytes::Bytes;
use outcrop_catalog::Model;
use serde_json::Value;

use crate::dialect::chat::{self, Naming};
use crate::dialect::prompted::{self, Shape};
use crate::dialect::{claude, embedding, malformed, nova, with_token_counts};
use crate::failure::Failure;
use crate::prompt::{Prompt, Turn};
use crate::quirks::Quirks;
use crate::reply::Reply;

/// What a model answers to its own body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// Words.
    Text(Text),
    /// Numbers.
    Vectors(Vectors),
}

/// The bodies that are answered in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Claude,
    Nova,
    Prompted(Shape),
    /// OpenAI's Chat Completions.
    Chat,
    /// The same with Mistral's `stop_reason` beside `finish_reason`.
    MistralChat,
    /// The same with AI21's `meta`.
    Jamba,
}

/// The bodies that are answered in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vectors {
    Titan,
    Cohere,
    Nova,
    Marengo,
    Rerank,
}

impl Body {
    /// By the catalog's family, and for families with two bodies by what the body holds. `None` when nothing is known.
    pub(crate) fn of(model: Option<&Model>, body: &[u8]) -> Option<Self> {
        let model = model?;
        Some(match model.family.as_deref()? {
            "anthropic" => Self::Text(Text::Claude),
            "nova" => Self::Text(Text::Nova),
            "llama" => Self::Text(Text::Prompted(Shape::Llama)),
            "mistral" if has_prompt(body) => Self::Text(Text::Prompted(Shape::Mistral)),
            "mistral" => Self::Text(Text::MistralChat),
            "deepseek" if has_prompt(body) => Self::Text(Text::Prompted(Shape::DeepSeek)),
            "twelvelabs-pegasus" => Self::Text(Text::Prompted(Shape::Pegasus)),
            "jamba" => Self::Text(Text::Jamba),
            "openai" | "deepseek" | "qwen" | "glm" | "gemma" | "grok" | "kimi" | "minimax" | "nemotron"
            | "writer" => Self::Text(Text::Chat),
            "titan-embed" | "titan-embed-image" => Self::Vectors(Vectors::Titan),
            "cohere-embed" => Self::Vectors(Vectors::Cohere),
            "nova-embed" => Self::Vectors(Vectors::Nova),
            "twelvelabs-embed" => Self::Vectors(Vectors::Marengo),
            "cohere-rerank" | "amazon-rerank" => Self::Vectors(Vectors::Rerank),
            _ => return None,
        })
    }
}

fn has_prompt(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|body| body.get("prompt").is_some())
}

/// What an answer says about itself.
#[derive(Debug)]
pub(crate) struct Signature<'a> {
    /// Letters and digits that no other answer has.
    pub(crate) id: String,
    /// Unix seconds.
    pub(crate) created: i64,
    /// The model's id.
    pub(crate) model: &'a str,
    /// What is peculiar about it.
    pub(crate) quirks: &'a Quirks,
}

impl Signature<'_> {
    /// As Claude's own answers name themselves (recorded).
    pub(crate) fn message_id(&self) -> String {
        format!("msg_bdrk_01{}", self.id)
    }

    fn chat(&self) -> Naming<'_> {
        Naming {
            id: format!("chatcmpl-{}", self.id),
            created: self.created,
            model: self.model,
            numbers_calls: false,
            inline_reasoning: self.quirks.inline_reasoning,
        }
    }
}

impl Text {
    /// Reads a body into the canonical form.
    ///
    /// # Errors
    /// 400 in the family's own words.
    pub(crate) fn read(self, body: &[u8]) -> Result<Prompt, Failure> {
        match self {
            Self::Claude => claude::read(body),
            Self::Nova => nova::read(body),
            Self::Prompted(shape) => prompted::read(body, shape),
            Self::Chat | Self::MistralChat | Self::Jamba => {
                // A body that is no JSON at all is refused with the words that every family has.
                serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|_| malformed())?;
                chat::read(body).map(|(prompt, _)| prompt)
            }
        }
    }

    /// The whole answer.
    pub(crate) fn write(self, turn: &Turn, signature: &Signature<'_>) -> Reply {
        match self {
            Self::Claude => claude::write(turn, signature.model, &signature.message_id()),
            Self::Nova => nova::write(turn),
            Self::Prompted(shape) => prompted::write(turn, shape),
            Self::Chat | Self::MistralChat | Self::Jamba => {
                let mut answer = chat::write(turn, &signature.chat());
                self.adorn(&mut answer);
                with_token_counts(Reply::json(http::StatusCode::OK, &answer), turn)
            }
        }
    }

    /// The answer as the frames of an event stream.
    pub(crate) fn stream(self, turn: &Turn, signature: &Signature<'_>) -> Vec<Bytes> {
        match self {
            Self::Claude => claude::stream(turn, signature.model, &signature.message_id()),
            Self::Nova => nova::stream(turn),
            Self::Prompted(shape) => prompted::stream(turn, shape),
            Self::Chat | Self::MistralChat | Self::Jamba => {
                let mut pieces = chat::chunks(turn, &signature.chat(), false);
                pieces.iter_mut().for_each(|piece| self.adorn(piece));
                chat::frames(pieces, turn)
            }
        }
    }

    /// What a publisher adds to OpenAI's shape. Jamba: recorded. Mistral: AWS user guide,
    /// `model-parameters-mistral-chat-completion`.
    fn adorn(self, answer: &mut Value) {
        match self {
            Self::MistralChat => {
                if let Some(choice) = answer.pointer_mut("/choices/0").and_then(Value::as_object_mut) {
                    let reason = choice.get("finish_reason").cloned().unwrap_or_default();
                    choice.insert("stop_reason".to_owned(), reason);
                }
            }
            Self::Jamba => answer["meta"] = serde_json::json!({ "requestDurationMillis": 200 }),
            Self::Chat | Self::Claude | Self::Nova | Self::Prompted(_) => {}
        }
    }
}

impl Vectors {
    /// The answer and the tokens it took.
    ///
    /// # Errors
    /// 400 in the family's own words.
    pub(crate) fn answer(
        self,
        body: &[u8],
        model: &Model,
        quirks: &Quirks,
        request_id: &str,
    ) -> Result<embedding::Embedded, Failure> {
        let shape = quirks.embedding.as_ref().ok_or_else(malformed);
        let facts = || {
            let shape = shape?;
            let sizes = match model.embedding_dimensions.as_slice() {
                [] => shape.dimensions.as_slice(),
                known => known,
            };
            Ok::<_, Failure>(embedding::Facts { sizes, shape })
        };
        match self {
            Self::Titan => {
                let takes_images = model.input_modalities.iter().any(|kind| kind == "IMAGE");
                embedding::titan(body, facts()?, takes_images)
            }
            Self::Cohere => embedding::cohere(body, facts()?, request_id),
            Self::Nova => embedding::nova(body, facts()?),
            Self::Marengo => embedding::marengo(body, facts()?),
            Self::Rerank => embedding::rerank(body),
        }
    }
}
