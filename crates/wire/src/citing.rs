//! The sources of an answer, as Bedrock states them: under another title, and as what OpenAI's dialects have for them.
//!
//! Shapes: botocore 1.43.11 `Citation`, `CitationLocation`; OpenAI's API reference, `url_citation` and `file_citation`.

use serde::{Deserialize, Serialize};

use crate::Json;
use crate::dialect::to_vec;
use crate::envelope::{Envelope, Members};

/// The citation under another title. `title` says which, for the one it has: `None` that it stays as it is, and
/// `Some(None)` that it goes without one.
pub(crate) fn retitled<'t>(
    citation: &Json,
    title: impl FnOnce(&str) -> Option<Option<&'t str>>,
) -> Option<Json> {
    let Members(members) = serde_json::from_str(citation.get()).ok()?;
    let (_, before) = members.iter().find(|(key, _)| key == "title")?;
    let before: String = serde_json::from_str(before.get()).ok()?;
    let after = title(&before)?;
    let mut retitled = Envelope::with_capacity(citation.get().len());
    for (key, value) in &members {
        match (key.as_ref(), after) {
            ("title", Some(after)) => retitled.member(key, &to_vec(after)),
            ("title", None) => {}
            _ => retitled.member(key, value.get().as_bytes()),
        }
    }
    Json::parse(String::from_utf8(retitled.finish()).ok()?).ok()
}

/// Whether the citation is of a document that the request holds.
pub(crate) fn is_of_a_document(citation: &Json) -> bool {
    matches!(Place::of(citation), Some((Place::Document(_), _)))
}

/// What OpenAI's dialects say of a citation, within the characters of the text that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Annotation {
    UrlCitation(UrlCitation),
    FileCitation { file_id: String, filename: String, index: u64 },
}

/// A page, and the characters of the answer that it supports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UrlCitation {
    pub(crate) start_index: usize,
    pub(crate) end_index: usize,
    pub(crate) title: String,
    pub(crate) url: String,
}

impl Annotation {
    /// `None` for a source that OpenAI's dialects have no word for; what Bedrock says of it stands beside the text anyway.
    pub(crate) fn of(citation: &Json, start_index: usize, end_index: usize) -> Option<Self> {
        let (place, title) = Place::of(citation)?;
        match place {
            Place::Web(url) => Some(Self::UrlCitation(UrlCitation { start_index, end_index, title, url })),
            // OpenAI's files have ids; the documents of a request have their place in it.
            Place::Document(index) => {
                Some(Self::FileCitation { file_id: format!("document_{index}"), filename: title, index })
            }
        }
    }
}

/// Where a source is.
enum Place {
    Document(u64),
    Web(String),
}

impl Place {
    /// With the source's title.
    fn of(citation: &Json) -> Option<(Self, String)> {
        let Citation { title, source, location } = serde_json::from_str(citation.get()).ok()?;
        let Location { document_char, document_page, document_chunk, search_result_location, web } =
            location?;
        let document = document_char.or(document_page).or(document_chunk);
        let is_page = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        let found = search_result_location.and(source).filter(is_page);
        let place = match (document, web.and_then(|web| web.url).or(found)) {
            (Some(document), _) => Self::Document(document.document_index),
            (None, url) => Self::Web(url?),
        };
        Some((place, title.unwrap_or_default()))
    }
}

#[derive(Deserialize)]
struct Citation {
    title: Option<String>,
    source: Option<String>,
    location: Option<Location>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    document_char: Option<InDocument>,
    document_page: Option<InDocument>,
    document_chunk: Option<InDocument>,
    search_result_location: Option<serde::de::IgnoredAny>,
    web: Option<Web>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InDocument {
    #[serde(default)]
    document_index: u64,
}

#[derive(Deserialize)]
struct Web {
    url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(citation: &str) -> Option<String> {
        let annotation = Annotation::of(&Json::parse(citation).unwrap(), 3, 9)?;
        Some(serde_json::to_string(&annotation).unwrap())
    }

    #[test]
    fn pages_and_documents_are_what_openai_has_words_for() {
        let url = r#"{"type":"url_citation","start_index":3,"end_index":9,"title":"T","url":"https://x"}"#;
        let web = r#"{"title":"T","location":{"web":{"url":"https://x","domain":"x"}}}"#;
        let found = r#"{"title":"T","source":"https://x","location":{"searchResultLocation":{"searchResultIndex":0}}}"#;
        assert_eq!(annotation(web).as_deref(), Some(url));
        assert_eq!(annotation(found).as_deref(), Some(url));
        let file = r#"{"type":"file_citation","file_id":"document_2","filename":"a.pdf","index":2}"#;
        let page = r#"{"title":"a.pdf","location":{"documentPage":{"documentIndex":2,"start":1,"end":2}}}"#;
        assert_eq!(annotation(page).as_deref(), Some(file));
        for odd in [
            "{}",
            "[]",
            "3",
            r#"{"location":{"moon":{}}}"#,
            r#"{"location":{"web":{}}}"#,
            r#"{"source":"s3://x","location":{"searchResultLocation":{}}}"#,
            r#"{"location":{"documentChar":7}}"#,
        ] {
            assert_eq!(annotation(odd), None, "{odd}");
        }
    }
}
