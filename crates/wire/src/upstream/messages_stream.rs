//! The events of Messages as Converse's.

use outcrop_texts as texts;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::messages_answer::{Block, SERVER_TOOL, stop_fields, stop_reason};
use crate::Json;
use crate::anthropic::cited_source;
use crate::bedrock::{
    BedrockError, BlockDelta, BlockStart, ContentBlockDelta, ContentBlockStart, ContentBlockStop,
    MessageStart, MessageStop, OtherMember, ReasoningDelta, Role, StreamEvent, StreamMetadata, Text,
    ToolUseDelta, ToolUseStart,
};
use crate::dialect::Truncated;
use crate::envelope::NativeUsage;

/// What a stream has said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    usage: NativeUsage,
    stop: Option<MessageStop>,
    done: bool,
}

impl Said {
    /// Hears the data of one event.
    pub(super) fn event(
        &mut self,
        data: &[u8],
        hear: &mut impl FnMut(&StreamEvent<'_>),
    ) -> Result<(), BedrockError> {
        let event: Event<'_> = serde_json::from_slice(data)
            .map_err(|error| BedrockError::cut(texts::event_unreadable(error)))?;
        let Event { kind, index, message, content_block, delta, usage } = event;
        let index = index.unwrap_or_default();
        let started = message.and_then(|message| message.usage);
        for usage in [started, usage].into_iter().flatten() {
            self.usage.update(usage);
        }
        match &*kind {
            "error" => return Err(BedrockError::from_event(data)),
            "message_start" => hear(&StreamEvent::MessageStart(MessageStart { role: Role::Assistant })),
            "content_block_start" => {
                if let Some(block) = content_block {
                    begin(index, block, hear)?;
                }
            }
            "content_block_delta" => {
                if let Some(delta) = delta.and_then(Delta::into_block_delta) {
                    say(index, delta, hear);
                }
            }
            "content_block_stop" => {
                hear(&StreamEvent::ContentBlockStop(ContentBlockStop { content_block_index: index }));
            }
            "message_delta" => self.stop = delta.and_then(Delta::into_stop).or(self.stop.take()),
            "message_stop" => self.done(hear)?,
            _ => {}
        }
        Ok(())
    }

    /// The stream has ended.
    pub(super) fn finish(&self) -> Result<(), BedrockError> {
        if self.done {
            return Ok(());
        }
        Err(Truncated { stopped: self.stop.is_some(), metadata: false }.into())
    }

    fn done(&mut self, hear: &mut impl FnMut(&StreamEvent<'_>)) -> Result<(), BedrockError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        let stop = self.stop.take();
        hear(&StreamEvent::MessageStop(stop.ok_or(Truncated { stopped: false, metadata: false })?));
        hear(&StreamEvent::Metadata(Box::new(StreamMetadata {
            usage: self.usage.usage(),
            metrics: None,
            trace: None,
            performance_config: None,
            service_tier: None,
        })));
        Ok(())
    }
}

/// A block begins. Converse announces calls only; encrypted reasoning comes whole.
fn begin(
    index: usize,
    block: &RawValue,
    hear: &mut impl FnMut(&StreamEvent<'_>),
) -> Result<(), BedrockError> {
    let started: Block<'_> = serde_json::from_str(block.get())
        .map_err(|error| BedrockError::cut(texts::block_unreadable(error)))?;
    let Block { kind, text, thinking, data, id, name, citations: _, signature: _, input: _ } = started;
    let start =
        |start| StreamEvent::ContentBlockStart(ContentBlockStart { content_block_index: index, start });
    match &*kind {
        "text" => {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                say(index, BlockDelta::Text(text), hear);
            }
        }
        "thinking" => {
            if let Some(text) = thinking.filter(|text| !text.is_empty()) {
                say(index, BlockDelta::Reasoning(ReasoningDelta::Text(text)), hear);
            }
        }
        "redacted_thinking" => {
            let data = data.unwrap_or(Text("".into()));
            say(index, BlockDelta::Reasoning(ReasoningDelta::Redacted(data)), hear);
        }
        "tool_use" | SERVER_TOOL => {
            let owned = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned()).unwrap_or_default();
            hear(&start(BlockStart::ToolUse(ToolUseStart {
                tool_use_id: owned(id),
                name: owned(name),
                tool_type: (*kind == *SERVER_TOOL).then(|| SERVER_TOOL.to_owned()),
            })));
        }
        other => {
            let member = OtherMember { key: other.to_owned(), value: Json::keep(block) };
            hear(&start(BlockStart::Other(member)));
        }
    }
    Ok(())
}

fn say(index: usize, delta: BlockDelta<'_>, hear: &mut impl FnMut(&StreamEvent<'_>)) {
    hear(&StreamEvent::ContentBlockDelta(ContentBlockDelta { content_block_index: index, delta }));
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    index: Option<usize>,
    message: Option<Started>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<NativeUsage>,
}

#[derive(Deserialize)]
struct Started {
    usage: Option<NativeUsage>,
}

/// A piece of a block, or what `message_delta` says.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_sequence: Option<Text<'a>>,
}

impl<'a> Delta<'a> {
    fn into_block_delta(self) -> Option<BlockDelta<'a>> {
        let Self { text, partial_json, thinking, signature, citation, stop_reason: _, stop_sequence: _ } =
            self;
        let text = text.map(BlockDelta::Text);
        text.or_else(|| partial_json.map(|input| BlockDelta::ToolUse(ToolUseDelta { input })))
            .or_else(|| thinking.map(|text| BlockDelta::Reasoning(ReasoningDelta::Text(text))))
            .or_else(|| signature.map(|text| BlockDelta::Reasoning(ReasoningDelta::Signature(text))))
            .or_else(|| citation.map(|citation| BlockDelta::Citation(cited_source(citation))))
    }

    fn into_stop(self) -> Option<MessageStop> {
        Some(MessageStop {
            stop_reason: stop_reason(&self.stop_reason?),
            additional_model_response_fields: self.stop_sequence.map(|sequence| stop_fields(&sequence)),
        })
    }
}
