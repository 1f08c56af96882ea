//! Why a chore could not be done, in words that say what to change.

use std::path::Path;

/// A sentence for the person at the terminal.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure in plain words.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A failure that belongs to one file.
    pub fn at(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self(format!("{}: {reason}", path.display()))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
