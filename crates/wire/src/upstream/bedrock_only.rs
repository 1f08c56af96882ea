//! Blocks that Bedrock alone has, in words that any model reads.

use std::fmt::Write;

use serde::Deserialize;

use crate::Json;

/// The text of a `guardContent`; `None` for what is none.
pub(super) fn guarded_text(guarded: &Json) -> Option<String> {
    #[derive(Deserialize)]
    struct Guarded {
        text: Text,
    }
    serde_json::from_str(guarded.get()).ok().map(|Guarded { text }| text.text)
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

/// A `searchResult`, taken apart.
#[derive(Deserialize)]
pub(super) struct SearchResult {
    pub(super) source: String,
    pub(super) title: String,
    content: Vec<Text>,
    pub(super) citations: Option<Json>,
}

impl SearchResult {
    /// `None` for what is none.
    pub(super) fn read(result: &Json) -> Option<Self> {
        serde_json::from_str(result.get()).ok()
    }

    /// What was found.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.content.iter().map(|piece| piece.text.as_str())
    }

    /// All of it as one text.
    pub(super) fn to_text(&self) -> String {
        let Self { source, title, content: _, citations: _ } = self;
        let mut text = format!("{title} ({source}):");
        for piece in self.texts() {
            write!(text, "\n{piece}").expect("a text takes more text");
        }
        text
    }
}

/// A document's words with its name around them, as models expect documents in a prompt.
pub(super) fn named_text(name: &str, context: Option<&str>, text: &str) -> String {
    let context = context.map(|context| format!("{context}\n")).unwrap_or_default();
    format!("<document name=\"{name}\">\n{context}{text}\n</document>")
}
