//! Claude's own events, passed on: `chunk` frames of `InvokeModelWithResponseStream` as server-sent events.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde::Deserialize;

use crate::bedrock::{BedrockError, Text, Usage};
use crate::dialect::{Dialect, Truncated, error_body};
use crate::envelope::NativeUsage;
use crate::{chunks, sse};

/// Passes a relayed stream on and remembers what the ledger must know.
///
/// The events travel as the bytes Claude wrote, `model` in `message_start` included: it is the name Bedrock's Claude gives
/// itself, and an edit there would make the relay something other than a relay.
#[derive(Debug, Default)]
pub struct RelayWriter {
    /// The decoded chunk; reused.
    decoded: Vec<u8>,
    usage: NativeUsage,
    stop_reason: Option<String>,
    stopped: bool,
}

impl RelayWriter {
    /// A writer for one stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the event in the payload of a `chunk` frame.
    ///
    /// # Errors
    /// One that is not `{"bytes": base64}`, or holds no event of Claude's.
    pub fn chunk(&mut self, payload: &[u8], out: &mut BytesMut) -> Result<(), BedrockError> {
        let Chunk { bytes } = serde_json::from_slice(payload).map_err(|error| chunks::unreadable(&error))?;
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        STANDARD.decode_vec(bytes.as_bytes(), &mut decoded).map_err(|error| chunks::unreadable(&error))?;
        let event: ClaudeEvent<'_> =
            serde_json::from_slice(&decoded).map_err(|error| chunks::unreadable(&error))?;
        sse::write_raw(out, &event.kind, &decoded);
        self.remember(event);
        self.decoded = decoded;
        Ok(())
    }

    /// What was used, as far as the stream has said.
    pub fn usage(&self) -> Option<Usage> {
        self.usage.usage()
    }

    /// Why Claude stopped, in the Messages API's words.
    pub fn stop_reason(&self) -> Option<&str> {
        self.stop_reason.as_deref()
    }

    /// Whether `message_stop` was seen.
    pub fn is_complete(&self) -> bool {
        self.stopped
    }

    /// Checks that the stream was complete; Claude's own `message_stop` has ended it on the client's side already.
    pub fn finish(&mut self, _out: &mut BytesMut) -> Result<(), Truncated> {
        if self.stopped {
            return Ok(());
        }
        Err(Truncated { stopped: self.stop_reason.is_some(), metadata: false })
    }

    /// Ends the stream with `event: error`.
    pub fn error(&mut self, error: &BedrockError, request_id: &str, out: &mut BytesMut) {
        sse::write_raw(out, "error", &error_body(Dialect::Messages, error.status, error, request_id, None));
    }

    fn remember(&mut self, event: ClaudeEvent<'_>) {
        let ClaudeEvent { kind, message, delta, usage, metrics } = event;
        let started = message.and_then(|message| message.usage);
        for usage in [started, usage].into_iter().flatten() {
            self.usage.update(usage);
        }
        if let Some(Metrics { input_token_count, output_token_count }) = metrics {
            self.usage.input_tokens = self.usage.input_tokens.or(input_token_count);
            self.usage.output_tokens = self.usage.output_tokens.or(output_token_count);
        }
        if let Some(reason) = delta.and_then(|delta| delta.stop_reason) {
            self.stop_reason = Some(reason.0.into_owned());
        }
        self.stopped |= *kind == *"message_stop";
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

/// The members of Claude's events that are remembered.
#[derive(Deserialize)]
struct ClaudeEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    message: Option<StartedMessage>,
    #[serde(borrow)]
    delta: Option<StopDelta<'a>>,
    usage: Option<NativeUsage>,
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<Metrics>,
}

#[derive(Deserialize)]
struct StartedMessage {
    usage: Option<NativeUsage>,
}

#[derive(Deserialize)]
struct StopDelta<'a> {
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

/// Bedrock's own count, in the last event; it counts where Claude itself said nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    input_token_count: Option<u64>,
    output_token_count: Option<u64>,
}
