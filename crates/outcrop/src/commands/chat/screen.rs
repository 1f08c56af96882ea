//! Where an answer appears: on a terminal with reasoning dimmed and a spinner before the first token; in a pipe as text alone.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;

use super::completion::Answer;
use crate::failure::Failure;
use crate::paper;

/// Where one answer appears.
pub struct Screen {
    mode: Mode,
    spinner: Option<ProgressBar>,
    last: Last,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A person looks.
    Terminal,
    /// The text alone.
    Pipe,
    /// Nothing until the end: `--json`.
    Silent,
}

/// What was written last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Reasoning,
    Text { ends_line: bool },
}

impl Screen {
    /// A screen for one answer; its spinner turns until the first word.
    pub fn new(silent: bool) -> Self {
        let mode = match (silent, io::stdout().is_terminal()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Terminal,
            (false, false) => Mode::Pipe,
        };
        let spinner = (mode == Mode::Terminal && io::stderr().is_terminal()).then(spinner);
        Self { mode, spinner, last: Last::Nothing }
    }

    /// A piece of the model's reasoning. In a pipe it is left out.
    pub fn reasoning(&mut self, text: &str) -> Result<(), Failure> {
        if self.mode != Mode::Terminal || text.is_empty() {
            return Ok(());
        }
        self.stop_spinner();
        let mut out = paper::out();
        write!(out, "{}", harmless(text).dimmed())?;
        out.flush()?;
        self.last = Last::Reasoning;
        Ok(())
    }

    /// A piece of the answer.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        if self.mode == Mode::Silent || text.is_empty() {
            return Ok(());
        }
        self.stop_spinner();
        let mut out = io::stdout().lock();
        if self.last == Last::Reasoning {
            out.write_all(b"\n\n")?;
        }
        match self.mode {
            Mode::Terminal => out.write_all(harmless(text).as_bytes())?,
            Mode::Pipe | Mode::Silent => out.write_all(text.as_bytes())?,
        }
        out.flush()?;
        self.last = Last::Text { ends_line: text.ends_with('\n') };
        Ok(())
    }

    /// The answer is over: the line is ended if it is not.
    pub fn end(&mut self) -> Result<(), Failure> {
        self.stop_spinner();
        let open = matches!(self.last, Last::Reasoning | Last::Text { ends_line: false });
        if open {
            io::stdout().lock().write_all(b"\n")?;
        }
        Ok(())
    }

    /// Tokens, cost and notices, for a person only.
    pub fn account(&self, answer: &Answer, cost: Option<f64>) {
        if self.mode != Mode::Terminal {
            return;
        }
        for notice in super::notices(&answer.headers) {
            paper::say(&format!("{} {notice}", "!".yellow()));
        }
        if let Some(line) = account(answer, cost) {
            paper::say(&line.dimmed().to_string());
        }
    }

    fn stop_spinner(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

/// How often the spinner turns: often enough to look alive.
const TICK: Duration = Duration::from_millis(100);

fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
    spinner.enable_steady_tick(TICK);
    spinner
}

/// A model's words may hold escape sequences; a terminal must not obey them.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

fn account(answer: &Answer, cost: Option<f64>) -> Option<String> {
    let usage = answer.usage.as_ref()?;
    let cached = usage.prompt_tokens_details.as_ref().map_or(0, |details| details.cached_tokens);
    let cached = if cached > 0 { format!(" ({cached} cached)") } else { String::new() };
    let cost = cost.map_or_else(|| "cost unknown".to_owned(), |cost| format!("${cost:.6}"));
    let stopped = match answer.finish_reason.as_deref() {
        Some("stop") | None => String::new(),
        Some(reason) => format!(" · stopped: {reason}"),
    };
    Some(format!("{} in{cached} · {} out · {cost}{stopped}", usage.prompt_tokens, usage.completion_tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_escape_sequences() {
        assert_eq!(harmless("a\u{1b}[31mb\r\n\tc\u{7}\u{9b}2J"), "a[31mb\n\tc2J");
    }
}
