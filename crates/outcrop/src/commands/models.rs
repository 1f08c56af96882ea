//! `outcrop models list`: what the catalog knows and a Region serves.

use crate::args::Global;
use crate::failure::Failure;

/// Runs `outcrop models list`.
pub fn list(
    _global: &Global,
    _region: Option<String>,
    _filter: Option<&str>,
    _all: bool,
) -> Result<(), Failure> {
    Err(Failure::new("not yet"))
}
