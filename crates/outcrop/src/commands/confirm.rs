//! Nothing is destroyed without a word: a question on a terminal, `--yes` everywhere else.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::Failure;

/// Goes on if `yes` was given, or if the person at the terminal says so. `what` is a sentence without its end: "delete x".
pub fn confirm(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage {
            message: format!("to {what} takes a confirmation, and there is no terminal to ask on"),
            hint: "add --yes".to_owned(),
        });
    }
    let mut question = anstream::stderr();
    write!(question, "{what}? [y/N] ")?;
    question.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new("nothing was changed")),
    }
}
