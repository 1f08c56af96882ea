//! An independent bill: every invocation that would have been charged, whatever the caller's own books say.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// One invocation as it would be charged.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// When, ISO 8601.
    pub(crate) timestamp: String,
    /// `x-amzn-requestid`.
    pub(crate) request_id: String,
    /// The account that pays.
    pub(crate) account_id: String,
    /// AWS's operation name.
    pub(crate) operation: &'static str,
    /// What the caller wrote as the model.
    pub(crate) model_id: String,
    /// The model behind it.
    pub(crate) model: String,
    /// Where it was called.
    pub(crate) region: String,
    /// Tokens in, without those that the cache read or wrote.
    pub(crate) input_tokens: u64,
    /// Tokens read from the cache.
    pub(crate) cache_read_input_tokens: u64,
    /// Tokens written to the cache.
    pub(crate) cache_write_input_tokens: u64,
    /// Tokens out: what was generated, whether or not the client stayed to read it.
    pub(crate) output_tokens: u64,
    /// Of them, those whose share of the answer was handed over: what a service would charge that stops for whoever leaves.
    /// Whether Bedrock is one is not known (users' bills say that it is not); a test can hold either truth against its books.
    pub(crate) handed_over_output_tokens: u64,
    /// The client had gone before everything was handed over; `null` while it is being sent.
    pub(crate) client_disconnected: Option<bool>,
}

/// The newest entries are kept; enough for any test, and a bound on memory under load.
const KEPT: usize = 100_000;

/// The list of entries; cheap to share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bill(Arc<Mutex<VecDeque<Entry>>>);

impl Bill {
    /// Enters an invocation. The receipt settles, when dropped, whether the client stayed.
    pub(crate) fn enter(&self, entry: Entry) -> Receipt {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let request_id = entry.request_id.clone();
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
        Receipt { bill: self.clone(), request_id, delivered: false, sent: 0, of: 0 }
    }

    /// Strikes out an invocation that turned out to be free.
    pub(crate) fn forget(&self, request_id: &str) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.request_id != request_id);
    }

    /// The entry of a request.
    pub(crate) fn find(&self, request_id: &str) -> Option<Entry> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().rev().find(|entry| entry.request_id == request_id).cloned()
    }

    /// All entries so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Held by the body of an answer until it was handed over.
#[derive(Debug)]
pub(crate) struct Receipt {
    bill: Bill,
    request_id: String,
    delivered: bool,
    sent: u64,
    of: u64,
}

impl Receipt {
    /// The call was refused after all: nothing is charged.
    pub(crate) fn void(self) {
        let mut entries = self.bill.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.request_id != self.request_id);
    }

    /// So many bytes of all were handed over.
    pub(crate) fn handed_over(&mut self, sent: u64, of: u64) {
        (self.sent, self.of) = (sent, of);
    }

    /// Everything was handed over.
    pub(crate) fn delivered(mut self) {
        self.delivered = true;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let mut entries = self.bill.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The bill may have been cleared in between.
        if let Some(entry) = entries.iter_mut().rev().find(|entry| entry.request_id == self.request_id) {
            entry.client_disconnected = Some(!self.delivered);
            entry.handed_over_output_tokens = match self.delivered {
                true => entry.output_tokens,
                false => entry.output_tokens * self.sent / self.of.max(1),
            };
        }
    }
}
