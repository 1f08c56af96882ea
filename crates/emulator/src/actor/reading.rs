//! Understands just enough of a conversation to answer it.

use outcrop_wire::bedrock::{
    ContentBlock, ConverseRequest, Document, DocumentSource, Media, MediaSource, Role, StopReason,
    ToolResult, ToolResultBlock, ToolSpec,
};

use super::documents::{self, Passage};
use crate::picture::{decoded, dimensions};

/// The last thing the user said.
#[derive(Debug, Default)]
pub(crate) struct Question {
    /// All text of it.
    pub(crate) text: String,
    /// What tools answered.
    pub(crate) tool_results: Vec<String>,
    /// Pictures and documents, described.
    pub(crate) attachments: Vec<String>,
    /// A sentence of a document that wants to be cited.
    pub(crate) passage: Option<Passage>,
}

impl Question {
    /// Reads the last user message.
    pub(crate) fn read(request: &ConverseRequest) -> Self {
        let mut question = Self::default();
        let last = request.messages.iter().rev().find(|message| message.role == Role::User);
        let mut texts = Vec::new();
        for block in last.iter().flat_map(|message| &message.content) {
            match block {
                ContentBlock::Text(text) => texts.push(text.to_str()),
                ContentBlock::ToolResult(result) => question.tool_results.push(result_text(result)),
                ContentBlock::Image(media) => question.attachments.push(describe_media("image", media)),
                ContentBlock::Video(media) => question.attachments.push(describe_media("video", media)),
                ContentBlock::Audio(media) => question.attachments.push(describe_media("recording", media)),
                ContentBlock::Document(document) => question.attachments.push(describe_document(document)),
                _ => {}
            }
        }
        question.text = texts.join("\n");
        question.passage = documents::passage(request, &question.text);
        question
    }

    /// What stands after "repeat after me".
    pub(crate) fn repeat_after_me(&self) -> Option<&str> {
        let (_, rest) = split_after(&self.text, "repeat after me")?;
        let rest = rest.trim_start_matches([':', ',', ' ', '\n']).trim_end();
        (!rest.is_empty()).then_some(rest)
    }

    /// The reason that the text asks the answer to end with ("stop reason: content_filtered").
    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        let (_, rest) = split_after(&self.text, "stop reason")?;
        let rest = rest.trim_start_matches([':', '=', ' ', '`', '"']);
        let word = rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next()?;
        match StopReason::from(word) {
            StopReason::Other(_) => None,
            known => Some(known),
        }
    }

    /// The text asks for reasoning that cannot be read: Anthropic's own trigger for tests (recorded), or in plain words.
    pub(crate) fn wants_redacted_reasoning(&self) -> bool {
        self.text.contains("ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_")
            || split_after(&self.text, "redact your reasoning").is_some()
    }

    /// N of "count to N".
    pub(crate) fn count_to(&self) -> Option<u64> {
        /// More would be no answer but an attack on memory.
        const MOST: u64 = 10_000;
        let (_, rest) = split_after(&self.text, "count to ")
            .or_else(|| split_after(&self.text, "count from 1 to "))
            .or_else(|| split_after(&self.text, "count from one to "))?;
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        let last: u64 = digits.parse().ok()?;
        Some(last.clamp(1, MOST))
    }

    /// The offered tools that the text names, in the order of the text.
    pub(crate) fn tools_named<'a>(&self, tools: impl Iterator<Item = &'a ToolSpec>) -> Vec<&'a ToolSpec> {
        let text = self.text.to_lowercase();
        let mut named: Vec<(usize, &ToolSpec)> =
            tools.filter_map(|tool| Some((mention(&text, &tool.name)?, tool))).collect();
        named.sort_by_key(|(at, _)| *at);
        named.dedup_by(|a, b| a.1.name == b.1.name);
        named.into_iter().map(|(_, tool)| tool).collect()
    }
}

/// Where lower-case `text` mentions a tool: by its name, or by all its telling words (`get_weather` by "weather").
fn mention(text: &str, name: &str) -> Option<usize> {
    if let Some(at) = whole_word(text, &name.to_lowercase()) {
        return Some(at);
    }
    let words = telling_words(name);
    let places: Option<Vec<usize>> = words.iter().map(|word| whole_word(text, word)).collect();
    places?.into_iter().min()
}

/// The words of a tool's name without the verbs that every second tool has.
fn telling_words(name: &str) -> Vec<String> {
    const VERBS: [&str; 16] = [
        "get", "fetch", "lookup", "look", "up", "search", "find", "list", "read", "create", "set", "run",
        "do", "call", "tool", "current",
    ];
    let mut words = vec![String::new()];
    let mut previous_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && previous_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("there is always a last word").extend(c.to_lowercase());
        }
        previous_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty() && !VERBS.contains(&word.as_str()));
    words
}

/// Where `word` stands in `text` with no letter or digit beside it.
pub(crate) fn whole_word(text: &str, word: &str) -> Option<usize> {
    let is_edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        !word.is_empty()
            && is_edge(text[..*at].chars().next_back())
            && is_edge(text[at + word.len()..].chars().next())
    })
}

/// Splits at an ASCII phrase, whatever its case.
pub(crate) fn split_after<'a>(text: &'a str, phrase: &str) -> Option<(&'a str, &'a str)> {
    // Lower-casing ASCII alone keeps byte positions.
    let at = text.to_ascii_lowercase().find(phrase)?;
    Some((&text[..at], &text[at + phrase.len()..]))
}

fn result_text(result: &ToolResult) -> String {
    let parts = result.content.iter().map(|block| match block {
        ToolResultBlock::Text(text) => text.to_str().into_owned(),
        ToolResultBlock::Json(json) | ToolResultBlock::SearchResult(json) => json.get().to_owned(),
        ToolResultBlock::Image(media) => describe_media("image", media),
        ToolResultBlock::Video(media) => describe_media("video", media),
        ToolResultBlock::Document(document) => describe_document(document),
        ToolResultBlock::Other(other) => other.value.get().to_owned(),
    });
    parts.collect::<Vec<_>>().join("\n")
}

fn describe_media(what: &str, media: &Media) -> String {
    let Media { format, source } = media;
    match source {
        MediaSource::Bytes(base64) => {
            let bytes = decoded(base64);
            let pixels = dimensions(&bytes).map(|(w, h)| format!(", {w}×{h} pixels")).unwrap_or_default();
            format!("{} {format} {what} ({} bytes{pixels})", article(format), bytes.len())
        }
        MediaSource::S3(_) => format!("{} {format} {what} from S3", article(format)),
        MediaSource::Other(_) => format!("{} {format} {what}", article(format)),
    }
}

fn describe_document(document: &Document) -> String {
    let format = document.format.as_deref().unwrap_or("text");
    let size = match &document.source {
        DocumentSource::Bytes(base64) => format!(", {} bytes", decoded(base64).len()),
        DocumentSource::Text(text) => format!(", {} bytes", text.len()),
        _ => String::new(),
    };
    let start = match documents::text_of(document) {
        Some(text) if !text.trim().is_empty() => format!(", which begins: {}", quoted_start(&text)),
        _ => String::new(),
    };
    format!("the document “{}” ({format}{size}){start}", document.name)
}

/// The first words in quotation marks.
fn quoted_start(text: &str) -> String {
    /// Enough to show that the document arrived.
    const SHOWN: usize = 80;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("“{}…”", &text[..end]),
        None => format!("“{text}”"),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
