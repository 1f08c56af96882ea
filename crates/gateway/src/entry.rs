//! The ledger's record of one invocation while it lasts.

use std::time::Instant;

use http::HeaderMap;
use outcrop_bedrock::is_unattended;
use outcrop_wire::anthropic::RelayWriter;
use outcrop_wire::bedrock::{BedrockError, StopReason, StreamEvent, Usage};
use outcrop_wire::relayed::Report;

use crate::failure::Failure;
use crate::ledger::{Ledger, Record, UsageKind};
use crate::reply::AWS_REQUEST_ID;

/// Handed to the ledger when the answer ends, or when it is dropped before.
#[derive(Debug)]
pub(crate) struct Entry {
    ledger: Ledger,
    record: Option<Box<Record>>,
    began: Instant,
    /// Bedrock took the request, or may have: something is billed.
    accepted: bool,
    /// Bytes that were sent.
    asked: usize,
    /// About how many tokens have come back.
    heard: u64,
}

impl Entry {
    /// Of an invocation that sends `asked` bytes.
    pub(crate) fn new(ledger: Ledger, record: Record, asked: usize) -> Self {
        ledger.telemetry().begun();
        let record = Some(Box::new(record));
        Self { ledger, record, began: Instant::now(), accepted: false, asked, heard: 0 }
    }

    /// Bedrock refused the request before it generated anything.
    pub(crate) fn refused(&mut self) {
        self.accepted = false;
    }

    /// Bedrock took the request, or may have taken it.
    pub(crate) fn accepted(&mut self) {
        self.accepted = true;
    }

    /// A piece of the answer, by the length of its event's payload.
    pub(crate) fn heard(&mut self, event_type: &str, payload: usize) {
        self.heard += match event_type {
            "contentBlockDelta" => estimated_tokens(payload.saturating_sub(DELTA_FRAME)),
            "chunk" => estimated_tokens((payload / 4 * 3).saturating_sub(CHUNK_FRAME)),
            _ => 0,
        };
    }

    /// A piece of the answer in a dialect of server-sent events.
    pub(crate) fn heard_event(&mut self, bytes: usize) {
        self.heard += bytes.checked_sub(SERVER_SENT_FRAME).map_or(0, estimated_tokens);
    }

    pub(crate) fn request_id(&mut self, headers: &HeaderMap) {
        let id = headers.get(AWS_REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        self.edit(|record| record.request_id = id);
    }

    /// How long it has lasted, in milliseconds.
    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn first_event(&mut self) {
        let after = self.began.elapsed();
        self.edit(|record| record.first_event = Some(after));
    }

    pub(crate) fn used(&mut self, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        self.edit(|record| {
            record.tokens = usage.token_counts();
            record.usage = UsageKind::Exact;
        });
    }

    pub(crate) fn stopped(&mut self, reason: &StopReason) {
        self.edit(|record| record.stop_reason = Some(reason.to_string()));
    }

    /// What a Converse event says for the record.
    pub(crate) fn observe(&mut self, event: &StreamEvent<'_>) {
        match event {
            StreamEvent::MessageStop(stop) => self.stopped(&stop.stop_reason),
            StreamEvent::Metadata(metadata) => self.used(metadata.usage.as_ref()),
            _ => {}
        }
    }

    /// What Claude's own events have said so far; looked at once they say why the model stopped.
    pub(crate) fn relayed(&mut self, writer: &RelayWriter) {
        let Some(reason) = writer.stop_reason() else { return };
        self.edit(|record| record.stop_reason = Some(reason.to_owned()));
        self.used(writer.usage().as_ref());
    }

    /// What an answer in the client's own dialect says of itself.
    pub(crate) fn reported(&mut self, report: &Report) {
        self.used(report.usage.as_ref());
        if let Some(reason) = &report.stop_reason {
            self.edit(|record| record.stop_reason = Some(reason.clone()));
        }
        if let Some(kind) = &report.failed {
            self.edit(|record| record.error_code = Some(kind.name().to_owned()));
        }
    }

    /// Notes the failure and ends the record.
    pub(crate) fn failed(&mut self, failure: Failure) -> Failure {
        if let Some(upstream) = &failure.upstream {
            self.request_id(&upstream.headers);
        }
        self.error(&failure.error);
        self.done();
        failure
    }

    pub(crate) fn error(&mut self, error: &BedrockError) {
        self.edit(|record| {
            record.status = error.status;
            record.error_code = Some(error.kind.name().to_owned());
        });
    }

    /// The answer has ended, well or not.
    pub(crate) fn done(&mut self) {
        if let Some(mut record) = self.record.take() {
            if is_unattended() {
                record.error_code.get_or_insert_with(|| CLIENT_LEFT.to_owned());
            }
            if self.accepted && record.usage == UsageKind::None {
                record.usage = UsageKind::Estimated;
                record.tokens.input = estimated_tokens(self.asked);
                record.tokens.output = self.heard;
            }
            record.latency = self.began.elapsed();
            self.ledger.record(*record);
        }
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            edit(record);
        }
    }
}

/// The error of an invocation whose client did not wait for its end, whether or not the gateway did.
const CLIENT_LEFT: &str = "ClientDisconnected";
/// What a delta's payload holds beside its text: member names, the block's index, padding.
const DELTA_FRAME: usize = 70;
/// What Claude's own event holds beside its text.
const CHUNK_FRAME: usize = 90;

/// What a chunk of Chat Completions holds beside its text: id, model, time, the choice.
const SERVER_SENT_FRAME: usize = 200;

/// Four bytes a token: English text, by the rule of thumb of every publisher. Only where nobody says better.
fn estimated_tokens(bytes: usize) -> u64 {
    const BYTES_PER_TOKEN: usize = 4;
    bytes.div_ceil(BYTES_PER_TOKEN).max(1) as u64
}

impl Drop for Entry {
    /// The client left before the end, and nobody read on. AWS bills what was generated all the same; how much that was is
    /// not known.
    fn drop(&mut self) {
        if self.record.is_some() {
            self.edit(|record| {
                record.error_code.get_or_insert_with(|| CLIENT_LEFT.to_owned());
            });
            self.accepted = true;
            self.done();
        }
    }
}
