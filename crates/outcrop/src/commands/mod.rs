//! One module per command. Each takes what was typed and the settings, and prints its answer.

mod completions;
mod config;
mod explain;

use crate::args::{Args, Command, Models};
use crate::failure::Failure;

/// Runs the command a person typed.
pub fn run(args: Args) -> Result<(), Failure> {
    let Args { global, command } = args;
    match command {
        Command::Explain(explain) | Command::Models(Models::Show(explain)) => explain::run(&global, &explain),
        Command::Config(config) => config::run(&global, &config),
        Command::Completions { shell } => completions::script(shell),
        Command::Man => completions::manual(),
        _ => Err(Failure::new("this command is not there yet")),
    }
}

/// A runtime for a command that waits for one answer at a time.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}
