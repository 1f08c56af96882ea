//! The patterns of the service model: compiled when first used, matched against the whole text.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// A pattern of the model.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

/// Patterns with counted repetitions of a thousand and more need this much, in bytes.
const SIZE_LIMIT: usize = 64 << 20;

impl Pattern {
    /// Keeps the text.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }

    /// The text, as error messages quote it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the whole value matches; a pattern that is not understood lets everything pass.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.regex().is_none_or(|regex| regex.is_match(value))
    }

    /// Whether the pattern could be compiled.
    #[cfg(test)]
    pub(super) fn is_understood(&self) -> bool {
        self.regex().is_some()
    }

    fn regex(&self) -> Option<&Regex> {
        let compile =
            || RegexBuilder::new(&format!("^(?:{})$", self.text)).size_limit(SIZE_LIMIT).build().ok();
        self.compiled.get_or_init(compile).as_ref()
    }
}
