//! Bedrock's citations in the Messages API's words, and the other way round.
//!
//! Shapes: botocore 1.43.11 `Citation`, `CitationLocation`; Anthropic's API reference, "Citations".

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Json;

/// A citation as the Messages API states it; one of an unknown kind stays as it came.
pub(crate) fn citation(raw: &Json) -> Json {
    serde_json::from_str::<Source>(raw.get())
        .ok()
        .and_then(Source::into_citation)
        .and_then(|citation| Json::of(&citation).ok())
        .unwrap_or_else(|| raw.clone())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    title: Option<String>,
    source: Option<String>,
    #[serde(default)]
    source_content: Vec<SourceText>,
    location: Location,
}

#[derive(Deserialize)]
struct SourceText {
    #[serde(default)]
    text: String,
}

wire_union! {
    enum Location {
        "documentChar" => Char(Span),
        "documentPage" => Page(Span),
        "documentChunk" => Chunk(Span),
        "searchResultLocation" => SearchResult(Span),
        "web" => Web(WebPage),
    }
}

/// Where in which document or search result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Span {
    #[serde(alias = "documentIndex", alias = "searchResultIndex", default)]
    index: u64,
    #[serde(default)]
    start: u64,
    #[serde(default)]
    end: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct WebPage {
    url: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Citation {
    #[serde(rename = "char_location")]
    Char {
        cited_text: String,
        document_index: u64,
        document_title: Option<String>,
        start_char_index: u64,
        end_char_index: u64,
    },
    #[serde(rename = "page_location")]
    Page {
        cited_text: String,
        document_index: u64,
        document_title: Option<String>,
        start_page_number: u64,
        end_page_number: u64,
    },
    #[serde(rename = "content_block_location")]
    ContentBlock {
        cited_text: String,
        document_index: u64,
        document_title: Option<String>,
        start_block_index: u64,
        end_block_index: u64,
    },
    #[serde(rename = "search_result_location")]
    SearchResult {
        cited_text: String,
        search_result_index: u64,
        source: Option<String>,
        title: Option<String>,
        start_block_index: u64,
        end_block_index: u64,
    },
    #[serde(rename = "web_search_result_location")]
    Web { cited_text: String, encrypted_index: &'static str, title: Option<String>, url: Option<String> },
}

impl Source {
    fn into_citation(self) -> Option<Citation> {
        let Self { title, source, source_content, location } = self;
        let cited_text = source_content.into_iter().map(|piece| piece.text).collect::<String>();
        Some(match location {
            Location::Char(Span { index, start, end }) => Citation::Char {
                cited_text,
                document_index: index,
                document_title: title,
                start_char_index: start,
                end_char_index: end,
            },
            Location::Page(Span { index, start, end }) => Citation::Page {
                cited_text,
                document_index: index,
                document_title: title,
                start_page_number: start,
                end_page_number: end,
            },
            Location::Chunk(Span { index, start, end }) => Citation::ContentBlock {
                cited_text,
                document_index: index,
                document_title: title,
                start_block_index: start,
                end_block_index: end,
            },
            Location::SearchResult(Span { index, start, end }) => Citation::SearchResult {
                cited_text,
                search_result_index: index,
                source,
                title,
                start_block_index: start,
                end_block_index: end,
            },
            Location::Web(WebPage { url }) => Citation::Web { cited_text, encrypted_index: "", title, url },
            Location::Other(_) => return None,
        })
    }
}

/// A citation of the Messages API as Bedrock states it; one of an unknown kind stays as it came.
pub(crate) fn cited_source(raw: &RawValue) -> Json {
    let stated = serde_json::from_str::<Stated<'_>>(raw.get()).ok();
    stated.and_then(Stated::into_source).unwrap_or_else(|| Json::keep(raw))
}

/// A citation of any kind; each kind sets its own members.
#[derive(Deserialize)]
struct Stated<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    cited_text: Option<String>,
    document_index: Option<u64>,
    document_title: Option<String>,
    search_result_index: Option<u64>,
    source: Option<String>,
    title: Option<String>,
    url: Option<String>,
    start_char_index: Option<u64>,
    end_char_index: Option<u64>,
    start_page_number: Option<u64>,
    end_page_number: Option<u64>,
    start_block_index: Option<u64>,
    end_block_index: Option<u64>,
}

impl Stated<'_> {
    fn into_source(self) -> Option<Json> {
        let document = |start, end| Place::Document {
            document_index: self.document_index.unwrap_or_default(),
            start: Option::unwrap_or_default(start),
            end: Option::unwrap_or_default(end),
        };
        let (member, place) = match self.kind {
            "char_location" => ("documentChar", document(self.start_char_index, self.end_char_index)),
            "page_location" => ("documentPage", document(self.start_page_number, self.end_page_number)),
            "content_block_location" => {
                ("documentChunk", document(self.start_block_index, self.end_block_index))
            }
            "search_result_location" => (
                "searchResultLocation",
                Place::SearchResult {
                    search_result_index: self.search_result_index.unwrap_or_default(),
                    start: self.start_block_index.unwrap_or_default(),
                    end: self.end_block_index.unwrap_or_default(),
                },
            ),
            "web_search_result_location" => ("web", Place::Web { url: self.url }),
            _ => return None,
        };
        let cited = SourceOut {
            title: self.document_title.or(self.title),
            source: self.source,
            source_content: self.cited_text.map(|text| [CitedPiece { text }]),
            location: std::collections::BTreeMap::from([(member, place)]),
        };
        Json::of(&cited).ok()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_content: Option<[CitedPiece; 1]>,
    location: std::collections::BTreeMap<&'static str, Place>,
}

#[derive(Serialize)]
struct CitedPiece {
    text: String,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Place {
    Document { document_index: u64, start: u64, end: u64 },
    SearchResult { search_result_index: u64, start: u64, end: u64 },
    Web { url: Option<String> },
}
