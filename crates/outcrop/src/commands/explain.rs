//! `outcrop explain`.

use crate::args::{Explain, Global};
use crate::failure::Failure;

/// Runs `outcrop explain`.
pub fn run(_global: &Global, _explain: &Explain) -> Result<(), Failure> {
    Err(Failure::new("not yet"))
}
