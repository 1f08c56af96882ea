//! A whole `message` as Converse's answer.

use outcrop_texts as texts;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Json;
use crate::anthropic::cited_source;
use crate::bedrock::{
    BedrockError, CitationsContent, CitedText, ContentBlock, ConverseResponse, Message, OtherMember, Output,
    ReasoningContent, ReasoningText, Role, StopReason, Text, ToolUse,
};
use crate::dialect::{Dialect, to_vec};
use crate::relayed;

/// Reads a `message`.
pub(super) fn read(body: &[u8]) -> Result<ConverseResponse, BedrockError> {
    let unreadable = |error: serde_json::Error| BedrockError::cut(texts::answer_unreadable(error));
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let Answer { content, stop_reason, stop_sequence, usage } = answer;
    let blocks: Result<Vec<_>, _> = content.into_iter().map(block).collect();
    let usage = usage.and_then(|stated| relayed::usage(Dialect::Messages, stated)).unwrap_or_default();
    Ok(ConverseResponse {
        output: Output::Message(Message { role: Role::Assistant, content: blocks.map_err(unreadable)? }),
        stop_reason: self::stop_reason(&stop_reason),
        usage,
        metrics: None,
        additional_model_response_fields: stop_sequence.map(|sequence| stop_fields(&sequence)),
        trace: None,
        performance_config: None,
        service_tier: None,
    })
}

/// Why Claude stopped, in Converse's words, which are the same but for refusals.
pub(super) fn stop_reason(word: &str) -> StopReason {
    match word {
        "refusal" => StopReason::ContentFiltered,
        word => word.into(),
    }
}

/// Where Converse says which stop sequence was met: the model's own field (botocore 1.44.5,
/// `additionalModelResponseFields`).
pub(super) fn stop_fields(stop_sequence: &str) -> Json {
    #[derive(serde::Serialize)]
    struct Fields<'a> {
        stop_sequence: &'a str,
    }
    let fields = String::from_utf8(to_vec(&Fields { stop_sequence })).expect("JSON is text");
    Json::parse(fields).expect("a map of texts is JSON")
}

/// What tools that the endpoint runs itself are called in Converse.
pub(super) const SERVER_TOOL: &str = "server_tool_use";

fn block(raw: &RawValue) -> Result<ContentBlock, serde_json::Error> {
    let block: Block<'_> = serde_json::from_str(raw.get())?;
    let Block { kind, text, citations, thinking, signature, data, id, name, input } = block;
    let owned = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned()).unwrap_or_default();
    Ok(match &*kind {
        "text" => {
            let text = owned(text);
            let citations: Vec<Json> = citations.into_iter().flatten().map(cited_source).collect();
            match citations.is_empty() {
                true => ContentBlock::Text(text.into()),
                false => ContentBlock::Citations(CitationsContent {
                    content: vec![CitedText::Text(text.into())],
                    citations,
                }),
            }
        }
        "thinking" => {
            let signature = signature.map(|text| text.0.into_owned()).filter(|text| !text.is_empty());
            ContentBlock::Reasoning(ReasoningContent::Text(ReasoningText {
                text: owned(thinking),
                signature,
            }))
        }
        "redacted_thinking" => ContentBlock::Reasoning(ReasoningContent::Redacted(owned(data))),
        "tool_use" | SERVER_TOOL => ContentBlock::ToolUse(ToolUse {
            tool_use_id: owned(id),
            name: owned(name),
            input: input.map_or_else(Json::empty_object, Json::keep),
            tool_type: (*kind == *SERVER_TOOL).then(|| SERVER_TOOL.to_owned()),
        }),
        other => ContentBlock::Other(OtherMember { key: other.to_owned(), value: Json::keep(raw) }),
    })
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// A block of an answer, or what begins one in a stream.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) citations: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}
