//! The events of a stream, put together again as the answer that `Converse` gives.

use crate::bedrock::{
    BlockDelta, BlockStart, CitationsContent, CitedText, ContentBlock, ConverseResponse, Message, Output,
    ReasoningContent, ReasoningDelta, ReasoningText, Role, StopReason, StreamEvent, StreamMetadata, ToolUse,
};
use crate::openai_chat::tool_arguments;
use crate::place::Place;
use crate::{Json, JsonText};

/// What has been heard. Blocks come one after the other.
#[derive(Debug, Default)]
pub(super) struct Whole {
    blocks: Vec<ContentBlock>,
    /// The last block has ended.
    ended: bool,
    /// Of the call that is the last block.
    arguments: String,
    malformed: bool,
    stop: Option<StopReason>,
    metadata: Option<Box<StreamMetadata>>,
}

impl Whole {
    pub(super) fn hear(&mut self, event: &StreamEvent<'_>) {
        match event {
            StreamEvent::ContentBlockStart(start) => {
                if let BlockStart::ToolUse(call) = &start.start {
                    self.arguments.clear();
                    self.begin(ContentBlock::ToolUse(call.begun()));
                }
            }
            StreamEvent::ContentBlockDelta(delta) => self.delta(&delta.delta),
            StreamEvent::ContentBlockStop(_) => self.end(),
            StreamEvent::MessageStop(stop) => self.stop = Some(stop.stop_reason.clone()),
            StreamEvent::Metadata(metadata) => self.metadata = Some(metadata.clone()),
            StreamEvent::MessageStart(_) | StreamEvent::Other { .. } => {}
        }
    }

    pub(super) fn into_response(self) -> ConverseResponse {
        let Self { blocks: content, malformed, stop, metadata, .. } = self;
        let stop = stop.unwrap_or(StopReason::EndTurn);
        let (usage, service_tier) = metadata.map(|it| (it.usage, it.service_tier)).unwrap_or_default();
        ConverseResponse {
            output: Output::Message(Message { role: Role::Assistant, content }),
            stop_reason: if malformed { StopReason::MalformedToolUse } else { stop },
            usage: usage.unwrap_or_default(),
            metrics: None,
            additional_model_response_fields: None,
            trace: None,
            performance_config: None,
            service_tier,
        }
    }

    fn begin(&mut self, block: ContentBlock) {
        self.blocks.push(block);
        self.ended = false;
    }

    fn delta(&mut self, delta: &BlockDelta<'_>) {
        match delta {
            BlockDelta::Text(piece) => self.text(piece),
            BlockDelta::Reasoning(ReasoningDelta::Text(piece)) => self.reasoning(piece),
            BlockDelta::ToolUse(piece) => self.arguments.push_str(&piece.input),
            BlockDelta::Citation(citation) => self.citation(citation),
            _ => {}
        }
    }

    fn text(&mut self, piece: &str) {
        match self.blocks.last_mut() {
            Some(ContentBlock::Text(text)) if !self.ended => text.push_str(piece),
            Some(ContentBlock::Citations(cited)) if !self.ended => match cited.content.last_mut() {
                Some(CitedText::Text(text)) => text.push_str(piece),
                _ => cited.content.push(CitedText::Text(piece.into())),
            },
            _ => self.begin(ContentBlock::Text(piece.into())),
        }
    }

    fn reasoning(&mut self, piece: &str) {
        match self.blocks.last_mut() {
            Some(ContentBlock::Reasoning(ReasoningContent::Text(reasoning))) if !self.ended => {
                reasoning.text.push_str(piece);
            }
            _ => {
                let text = ReasoningText { text: piece.to_owned(), signature: None };
                self.begin(ContentBlock::Reasoning(ReasoningContent::Text(text)));
            }
        }
    }

    /// Text with a source is another block to Converse.
    fn citation(&mut self, citation: &Json) {
        if self.ended
            || !matches!(self.blocks.last(), Some(ContentBlock::Text(_) | ContentBlock::Citations(_)))
        {
            self.begin(ContentBlock::Text(JsonText::default()));
        }
        let Some(block) = self.blocks.last_mut() else { return };
        if let ContentBlock::Text(text) = block {
            let content = vec![CitedText::Text(std::mem::take(text))];
            *block = ContentBlock::Citations(CitationsContent { content, citations: Vec::new() });
        }
        if let ContentBlock::Citations(cited) = block {
            cited.citations.push(citation.clone());
        }
    }

    /// Arguments that are no object are kept inside one, as in a request; what went wrong is the model's stop reason.
    fn end(&mut self) {
        self.ended = true;
        if let Some(ContentBlock::ToolUse(ToolUse { input, .. })) = self.blocks.last_mut() {
            let mut slips = crate::Notices::default();
            *input = tool_arguments(&self.arguments, Place::Named("arguments"), &mut slips);
            self.malformed |= !slips.is_empty();
        }
    }
}
