//! Recorded exchanges, served back.

use std::path::PathBuf;

use crate::StartError;

/// What the recordings hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Exchanges that can be served.
    pub served: usize,
    /// Exchanges that cannot.
    pub skipped: usize,
}

/// The recordings.
#[derive(Debug)]
pub(crate) struct Replay {
    report: ReplayReport,
}

impl Replay {
    /// Reads recordings.
    pub(crate) fn read(_files: &[PathBuf]) -> Result<Self, StartError> {
        Ok(Self { report: ReplayReport::default() })
    }

    /// What they hold.
    pub(crate) fn report(&self) -> &ReplayReport {
        &self.report
    }
}
