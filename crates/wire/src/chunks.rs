//! What the chunks of `InvokeModelWithResponseStream` say of usage and of the end, whatever the model's format.
//!
//! Every format ends with a chunk that holds `amazon-bedrock-invocationMetrics` (64 recorded streams of nine families);
//! a guardrail that steps in ends it with its action instead.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outcrop_texts as texts;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::bedrock::{BedrockError, Text, Usage};
use crate::envelope::NativeUsage;

/// Watches chunks that are handed on as they came.
#[derive(Debug, Default)]
pub struct ChunkObserver {
    /// The decoded chunk; reused.
    decoded: Vec<u8>,
    usage: NativeUsage,
    complete: bool,
}

impl ChunkObserver {
    /// Looks at the payload of a `chunk` frame. Formats it does not know say nothing; a chunk that is none is an error.
    pub fn chunk(&mut self, payload: &[u8]) -> Result<(), BedrockError> {
        let Chunk { bytes } = serde_json::from_slice(payload).map_err(|error| unreadable(&error))?;
        self.decoded.clear();
        STANDARD.decode_vec(bytes.as_bytes(), &mut self.decoded).map_err(|error| unreadable(&error))?;
        if let Ok(event) = serde_json::from_slice::<Event>(&self.decoded) {
            let Event { message, metadata, usage, metrics, guardrail_action } = event;
            let stated = [
                message.and_then(|message| message.usage),
                metadata.and_then(|metadata| metadata.usage),
                usage,
            ];
            for usage in stated.into_iter().flatten() {
                self.usage.update(usage);
            }
            self.complete |= metrics.is_some() || guardrail_action.is_some();
            if let Some(Metrics { input_token_count, output_token_count }) = metrics {
                self.usage.input_tokens = self.usage.input_tokens.or(input_token_count);
                self.usage.output_tokens = self.usage.output_tokens.or(output_token_count);
            }
        }
        Ok(())
    }

    /// What was used, as far as the stream has said.
    pub fn usage(&self) -> Option<Usage> {
        self.usage.usage()
    }

    /// Whether the last chunk was seen.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

/// The members that say something of usage or of the end; Claude's, Nova's, and Bedrock's own.
#[derive(Deserialize)]
struct Event {
    message: Option<Stated>,
    metadata: Option<Stated>,
    usage: Option<NativeUsage>,
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<Metrics>,
    #[serde(rename = "amazon-bedrock-guardrailAction")]
    guardrail_action: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Stated {
    usage: Option<NativeUsage>,
}

/// Bedrock's own count; it counts where the model itself said nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    input_token_count: Option<u64>,
    output_token_count: Option<u64>,
}

/// A chunk with a good checksum, and nothing in it that can be read.
pub(crate) fn unreadable(error: &dyn std::fmt::Display) -> BedrockError {
    BedrockError::cut(texts::chunk_unreadable(error))
}
