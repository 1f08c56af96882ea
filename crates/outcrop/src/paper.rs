//! Where output goes: data to standard output, talk to standard error, colour only where a person looks.

use std::io::{self, Write};

use anstream::ColorChoice;
use comfy_table::{Table, presets};
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::args::Color;
use crate::failure::Failure;
use crate::problem::{Problem, Severity};

/// Sets colour for the whole run.
pub fn choose_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Standard output; colours are stripped where nobody sees them.
pub fn out() -> anstream::AutoStream<io::Stdout> {
    anstream::stdout()
}

/// Prints one JSON document.
pub fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// A table without lines: easy to read, and to cut with other tools.
pub fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Prints a table without blanks at the ends of its lines.
pub fn print_table(table: &mut Table) -> Result<(), Failure> {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    Ok(writeln!(out(), "{}", table.trim_fmt())?)
}

/// One line of talk. That nobody can read it is no reason to stop.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// An error and its advice.
pub fn error(message: &str, hint: Option<&str>) {
    say(&format!("{}: {message}", "error".red().bold()));
    if let Some(hint) = hint {
        say(&format!("  {}: {hint}", "hint".cyan().bold()));
    }
}

/// Problems of the configuration.
pub fn problems(problems: &[Problem]) {
    for problem in problems {
        let text = problem.to_string();
        let coloured = match problem.severity {
            Severity::Error => text.replacen("error:", &format!("{}:", "error".red().bold()), 1),
            Severity::Warning => text.replacen("warning:", &format!("{}:", "warning".yellow().bold()), 1),
        };
        say(&coloured.replace("\n  hint:", &format!("\n  {}:", "hint".cyan().bold())));
    }
}
