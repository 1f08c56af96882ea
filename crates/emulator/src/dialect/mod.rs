//! How questions are read and answers are written: `Converse`, and the models' own bodies.

pub(crate) mod converse;

use bytes::{Bytes, BytesMut};
use outcrop_wire::eventstream;
use serde::Serialize;

use crate::prompt::Turn;

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

/// How long a real model might have taken, in milliseconds; depends on the answer alone.
pub(crate) fn latency_ms(turn: &Turn) -> u64 {
    /// Until the first token.
    const FIRST: u64 = 180;
    /// For each token.
    const EACH: u64 = 9;
    FIRST + EACH * turn.output_tokens
}

/// How long until the first byte.
pub(crate) const FIRST_BYTE_MS: u64 = 120;
