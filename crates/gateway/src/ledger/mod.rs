//! What was invoked, through which profile, and what it cost: one row an invocation, written off the hot path.
//!
//! A request only fills a [`Record`] and hands it over; one writer collects records and writes them in batches. Overflow is
//! counted, never waited for. Columns carry the names of AWS's model-invocation log (reference `bedrock.md` §7.1).

mod record;
mod store;
mod summary;

pub use record::{Record, UsageKind};
pub use store::{FILE, Ledger, LedgerError};
pub use summary::{By, Summary};
