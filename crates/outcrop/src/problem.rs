//! What is wrong with the configuration: where, what, and how to put it right.
//!
//! Problems are collected, not thrown: a person who has three mistakes in a file reads about three mistakes. An excerpt
//! of the file is shown except where it could hold a secret.

use std::fmt;

/// One thing a person should know about the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the program can go on.
    pub severity: Severity,
    /// Where: `librechat.yaml:7:5`, `.env:3`, or the name of a variable or flag.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line in question with a caret under it.
    pub excerpt: Option<String>,
}

/// Whether the program can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used; a person should still know.
    Warning,
}

impl Problem {
    /// Something that stops the program.
    pub fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, place.into(), message.into())
    }

    /// Something a person should know.
    pub fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, place.into(), message.into())
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the line of the file, unless it could hold a secret.
    #[must_use]
    pub fn excerpt(mut self, text: &str, line: u64, column: u64) -> Self {
        self.excerpt = excerpt(text, line, column);
        self
    }

    fn new(severity: Severity, place: String, message: String) -> Self {
        Self { severity, place, message, hint: None, excerpt: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}: {}", self.place, self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

fn excerpt(text: &str, line: u64, column: u64) -> Option<String> {
    let index = usize::try_from(line.checked_sub(1)?).ok()?;
    let source = text.lines().nth(index)?;
    if may_hold_secret(source) || is_among_secrets(text, index) {
        return None;
    }
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let indent: String = source
        .chars()
        .take(usize::try_from(column.saturating_sub(1)).unwrap_or(0))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    Some(format!("  {number} | {source}\n  {margin} | {indent}^"))
}

/// Words that mark a line whose value is nobody's business.
const SECRET_WORDS: [&str; 7] =
    ["key", "secret", "token", "password", "authorization", "bearer", "external_id"];

/// A marked value, or an address with a user name and password.
fn may_hold_secret(line: &str) -> bool {
    let lower = line.to_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word)) || (lower.contains("://") && lower.contains('@'))
}

/// Keys of a file below which anything may be a secret, however it is misspelt.
const SECRET_BLOCKS: [&str; 2] = ["keys", "accounts"];

/// Whether the line belongs to such a block, or to a file in JSON, whose blocks cannot be told by their indentation.
fn is_among_secrets(text: &str, index: usize) -> bool {
    let up_to_it: Vec<&str> = text.lines().take(index + 1).collect();
    let begins = |line: &&&str| line.starts_with(|c: char| c.is_alphanumeric() || "\"'{".contains(c));
    let Some(block) = up_to_it.iter().rev().find(begins) else { return false };
    let name = block.trim_start_matches(['"', '\'']).to_lowercase();
    block.starts_with('{') || SECRET_BLOCKS.iter().any(|secret| name.starts_with(secret))
}

/// The candidate nearest to what was written, when it is near enough to be a slip of the hand.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&written, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed || is_shortened(&written, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `alias` for `aliases`, `catalogue` for `catalog`: one word begins the other.
fn is_shortened(written: &str, candidate: &str) -> bool {
    let enough = written.len().min(candidate.len()) >= 4;
    enough && (candidate.starts_with(written) || written.starts_with(candidate))
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_different_word_is_not() {
        let keys = ["aliases", "listen", "upstream"];
        assert_eq!(nearest("alias", keys), Some("aliases"));
        assert_eq!(nearest("aliasses", keys), Some("aliases"));
        assert_eq!(nearest("Listen", keys), Some("listen"));
        assert_eq!(nearest("colour", keys), None);
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        assert_eq!(excerpt("name: a\napiKey: hunter2\n", 2, 9), None);
        for (text, line) in [
            ("accounts:\n  x:\n    bearr: hunter2\n", 3),
            ("keys:\n- {name: a, kye: hunter2}\n", 2),
            ("keys:\n  - hunter2\n", 2),
            ("keys:\n  - key: >-\n      hunter2\n", 3),
            ("{\"accounts\": {\"x\":\n {\"berer\": \"hunter2\"}}}\n", 2),
            ("upstream: {runtime: 'https://me:hunter2@host'}\n", 1),
        ] {
            assert_eq!(excerpt(text, line, 1), None, "{text}");
        }
        assert!(excerpt("keys:\n  - a\naliases:\n  fast: x\n", 4, 3).is_some(), "the block is over");
        assert_eq!(excerpt("name: a\n", 1, 7).unwrap(), "  1 | name: a\n    |       ^");
    }
}
