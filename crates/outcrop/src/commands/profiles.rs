//! `outcrop profiles`: the account's inference profiles, as its control plane tells them.

use crate::args::{Global, Profiles};
use crate::failure::Failure;

/// Runs `outcrop profiles …`.
pub fn run(_global: &Global, _profiles: Profiles) -> Result<(), Failure> {
    Err(Failure::new("not yet"))
}
