//! Documents that can be read here: which sentence answers a question, and where it stands.

use outcrop_wire::bedrock::{ContentBlock, ConverseRequest, Document, DocumentSource};
use serde_json::Value;

use crate::picture::decoded;
use crate::prompt::Citation;

/// A sentence of a document that wants to be cited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The sentence, as the answer gives it.
    pub(crate) words: String,
    /// Where it stands.
    pub(crate) citation: Citation,
}

/// The sentence that shares most words with the question, among the documents of a request whose citations are on.
pub(crate) fn passage(request: &ConverseRequest, question: &str) -> Option<Passage> {
    let documents =
        request.messages.iter().flat_map(|message| &message.content).filter_map(|block| match block {
            ContentBlock::Document(document) => Some(document),
            _ => None,
        });
    let asked = words_of(question);
    let mut best: Option<(usize, Passage)> = None;
    for (index, document) in documents.enumerate().filter(|(_, document)| wants_citations(document)) {
        let Some(text) = text_of(document) else { continue };
        for (start, sentence) in sentences(&text) {
            let shared = words_of(sentence).iter().filter(|word| asked.contains(word)).count();
            if best.as_ref().is_some_and(|(most, _)| *most >= shared) || sentence.trim().is_empty() {
                continue;
            }
            let citation = Citation {
                title: document.name.clone(),
                document: index,
                start,
                end: start + sentence.chars().count(),
                source: sentence.to_owned(),
            };
            best = Some((shared, Passage { words: sentence.trim().to_owned(), citation }));
        }
    }
    best.map(|(_, passage)| passage)
}

/// The text of a document, where it is text.
pub(crate) fn text_of(document: &Document) -> Option<String> {
    /// Formats whose bytes are text.
    const PLAIN: [&str; 4] = ["txt", "md", "csv", "html"];
    match &document.source {
        DocumentSource::Text(text) => Some(text.clone()),
        DocumentSource::Bytes(base64) if PLAIN.contains(&document.format.as_deref().unwrap_or("txt")) => {
            String::from_utf8(decoded(base64)).ok()
        }
        DocumentSource::Content(blocks) => {
            let blocks: Vec<Value> = serde_json::from_str(blocks.get()).ok()?;
            Some(blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

fn wants_citations(document: &Document) -> bool {
    let config = document.citations.as_ref().and_then(|json| serde_json::from_str::<Value>(json.get()).ok());
    config.is_some_and(|config| config.get("enabled") == Some(&Value::Bool(true)))
}

/// The sentences with their blanks behind them (as recorded), each with the place in characters where it begins.
fn sentences(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut rest, mut start) = (text, 0);
    while !rest.is_empty() {
        let end = rest
            .match_indices(['.', '!', '?', '\n'])
            .map(|(at, mark)| at + mark.len())
            .find(|end| rest[*end..].starts_with(char::is_whitespace))
            .unwrap_or(rest.len());
        let end = end + (rest[end..].len() - rest[end..].trim_start().len());
        found.push((start, &rest[..end]));
        start += rest[..end].chars().count();
        rest = &rest[end..];
    }
    found
}

/// The words that tell something, in lower case.
fn words_of(text: &str) -> Vec<String> {
    /// Shorter words stand in every sentence.
    const TELLING: usize = 3;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= TELLING);
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_add_up_to_the_text_and_know_where_they_begin() {
        let text = "Première phrase. Second one!  Third\nline without an end";
        let found = sentences(text);
        assert_eq!(found.iter().map(|(_, sentence)| *sentence).collect::<String>(), text);
        assert_eq!(found[0], (0, "Première phrase. "));
        assert_eq!(found[1], (17, "Second one!  "));
    }
}
