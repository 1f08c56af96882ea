//! `outcrop completions` and `outcrop man`: both are written by clap from the arguments' own types.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::Args;
use crate::failure::Failure;

/// Prints a completion script.
pub fn script(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "outcrop", &mut script);
    Ok(io::stdout().write_all(&script)?)
}

/// Prints the manual page in roff.
pub fn manual() -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Args::command()).render(&mut page)?;
    Ok(io::stdout().write_all(&page)?)
}
