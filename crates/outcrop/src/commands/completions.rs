//! `outcrop completions` and `outcrop man`: both are written by clap from the arguments' own types.

use std::io::{self, Write};
use std::path::Path;

use crate::args;
use crate::failure::Failure;
use crate::paper;
use crate::problem::nearest;

/// Prints a completion script.
pub fn script(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "outcrop", &mut script);
    Ok(io::stdout().write_all(&script)?)
}

/// Prints a command's manual page in roff, or writes those of all commands.
pub fn manual(path: &[String], dir: Option<&Path>) -> Result<(), Failure> {
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(args::command(), dir)?;
        let pages = std::fs::read_dir(dir)?.count();
        paper::say(&format!("{pages} files are in {}", dir.display()));
        return Ok(());
    }
    let mut command = args::command();
    // clap writes the full names into subcommands only when it is asked to.
    command.build();
    for name in path {
        let names: Vec<&str> = command.get_subcommands().map(|it| it.get_name()).collect();
        let Some(found) = command.find_subcommand(name) else {
            let failure = Failure::new(format!("there is no command `{}`", path.join(" ")));
            return Err(match nearest(name, names) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`outcrop --help` lists the commands"),
            });
        };
        command = found.clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(io::stdout().write_all(&page)?)
}
