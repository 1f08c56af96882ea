//! Faults on demand.

/// Standing faults.
#[derive(Debug, Default)]
pub(crate) struct Faults;
