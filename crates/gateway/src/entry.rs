//! The ledger's record of one invocation while it lasts.

use std::time::Instant;

use http::HeaderMap;
use outcrop_catalog::price::TokenCounts;
use outcrop_wire::anthropic::RelayWriter;
use outcrop_wire::bedrock::{BedrockError, StopReason, StreamEvent, Usage};

use crate::failure::Failure;
use crate::ledger::{Ledger, Record, UsageKind};
use crate::reply::AWS_REQUEST_ID;

/// Handed to the ledger when the answer ends, or when it is dropped before.
#[derive(Debug)]
pub(crate) struct Entry {
    ledger: Ledger,
    record: Option<Box<Record>>,
    began: Instant,
}

impl Entry {
    pub(crate) fn new(ledger: Ledger, record: Record, began: Instant) -> Self {
        ledger.telemetry().begun();
        Self { ledger, record: Some(Box::new(record)), began }
    }

    pub(crate) fn request_id(&mut self, headers: &HeaderMap) {
        let id = headers.get(AWS_REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        self.edit(|record| record.request_id = id);
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

    /// Notes the failure and ends the record.
    pub(crate) fn failed(mut self, failure: Failure) -> Failure {
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

    /// The answer is complete.
    pub(crate) fn done(&mut self) {
        if let Some(mut record) = self.record.take() {
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

impl Drop for Entry {
    /// The client left before the end. AWS bills what was generated all the same; how much that was is not known.
    fn drop(&mut self) {
        self.edit(|record| {
            record.error_code.get_or_insert_with(|| "ClientDisconnected".to_owned());
            if record.tokens == TokenCounts::default() {
                record.usage = UsageKind::Estimated;
            }
        });
        self.done();
    }
}
