//! How questions are read and answers are written: `Converse`, and the models' own bodies.

pub(crate) mod chat;
mod chat_shape;
pub(crate) mod claude;
mod claude_shape;
pub(crate) mod converse;
pub(crate) mod embedding;
pub(crate) mod nova;
pub(crate) mod prompted;

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use outcrop_wire::eventstream;
use serde::Serialize;

use crate::failure::Failure;
use crate::prompt::Turn;
use crate::reply::Reply;

/// The frames of one event stream, each with AWS's padding.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    frames: Vec<Bytes>,
}

impl Frames {
    /// Adds an event; `payload` gets the padding to put under `p`.
    pub(crate) fn event<T: Serialize>(&mut self, event_type: &str, payload: impl FnOnce(&'static str) -> T) {
        let payload =
            serde_json::to_vec(&payload(self.padding())).expect("the emulator's own events are JSON");
        let mut out = BytesMut::new();
        eventstream::write_event(event_type, &payload, &mut out);
        self.frames.push(out.freeze());
    }

    /// The frames, in order.
    pub(crate) fn into_vec(self) -> Vec<Bytes> {
        self.frames
    }

    /// A prefix of AWS's alphabet of a length that changes from frame to frame, as in recordings (2 to 62 characters):
    /// it hides the length of the words. Here it depends on the place in the stream alone, so that the same answer has
    /// the same bytes.
    fn padding(&self) -> &'static str {
        const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        /// Coprime to the number of lengths, so that every length comes up.
        const STRIDE: usize = 37;
        &ALPHABET[..2 + self.frames.len() * STRIDE % (ALPHABET.len() - 1)]
    }
}

/// The frames of an `InvokeModelWithResponseStream`: each carries a piece of the model's own stream in base64.
#[derive(Debug, Default)]
pub(crate) struct Chunks(Frames);

impl Chunks {
    /// Adds a chunk.
    pub(crate) fn chunk<T: Serialize>(&mut self, value: &T) {
        #[derive(Serialize)]
        struct Payload {
            bytes: String,
            p: &'static str,
        }
        let json = serde_json::to_vec(value).expect("the emulator's own chunks are JSON");
        let bytes = base64::engine::general_purpose::STANDARD.encode(json);
        self.0.event("chunk", |p| Payload { bytes, p });
    }

    /// The frames, in order.
    pub(crate) fn into_vec(self) -> Vec<Bytes> {
        self.0.into_vec()
    }
}

/// `amazon-bedrock-invocationMetrics` of the last chunk.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvocationMetrics {
    input_token_count: u64,
    output_token_count: u64,
    invocation_latency: u64,
    first_byte_latency: u64,
}

impl InvocationMetrics {
    pub(crate) fn of(turn: &Turn) -> Self {
        Self {
            input_token_count: turn.input_tokens,
            output_token_count: turn.output_tokens,
            invocation_latency: latency_ms(turn),
            first_byte_latency: FIRST_BYTE_MS,
        }
    }
}

/// The headers of `InvokeModel`.
pub(crate) fn with_token_counts(reply: Reply, turn: &Turn) -> Reply {
    reply
        .with_number("x-amzn-bedrock-input-token-count", turn.input_tokens)
        .with_number("x-amzn-bedrock-output-token-count", turn.output_tokens)
        .with_number("x-amzn-bedrock-invocation-latency", latency_ms(turn))
}

/// Recorded for an `InvokeModel` body of the wrong shape.
pub(crate) fn malformed() -> Failure {
    Failure::validation("Malformed input request, please reformat your input and try again.")
}

/// How long a real model might have taken, in milliseconds; depends on the answer alone.
pub(crate) fn latency_ms(turn: &Turn) -> u64 {
    latency_of(turn.output_tokens)
}

/// The same for an answer of so many tokens.
pub(crate) fn latency_of(output_tokens: u64) -> u64 {
    /// Until the first token.
    const FIRST: u64 = 180;
    /// For each token.
    const EACH: u64 = 9;
    FIRST + EACH * output_tokens
}

/// How long until the first byte.
pub(crate) const FIRST_BYTE_MS: u64 = 120;

/// The exchanges of these files of recordings; `None`, which is said, where they are not beside this checkout.
#[cfg(test)]
fn recorded(files: &[&str]) -> Option<Vec<serde_json::Value>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/recorded");
    let mut records = Vec::new();
    for file in files {
        let Ok(lines) = std::fs::read_to_string(folder.join(file)) else {
            println!("skipped: the recordings are not beside this checkout");
            return None;
        };
        records.extend(
            lines
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a record is JSON")),
        );
    }
    Some(records)
}
