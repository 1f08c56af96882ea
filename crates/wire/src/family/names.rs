//! Names and ids: what Converse lets them be made of.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use crate::bedrock::{ContentBlock, ConverseRequest, Document, Role, Tool, ToolChoice, ToolResultBlock};

/// The longest tool name and tool-use id (botocore 1.43.11, `ToolName`, `ToolUseId`).
const LONGEST: usize = 64;

/// Tool names are letters, digits, `_` and `-`, at most 64; others (MCP allows `.` and `/`) are rewritten, told apart, and
/// put back in the answer.
///
/// Source: botocore 1.43.11 `ToolName`; `reliability.md` §1.4 (RooCode #10022, #10152).
pub(super) fn fit_tool_names(draft: &mut Draft<'_>) {
    if tool_names(&draft.request).all(|name| fits(name, ALSO_IN_NAMES)) {
        return;
    }
    let sent = sent_names(&tool_names(&draft.request).collect());
    rename_tools(draft, sent);
}

/// What may stand in a tool's name beside letters and digits.
const ALSO_IN_NAMES: &str = "_-";

/// Of the tools that are offered, that were called, and that must be called; some are there more than once.
fn tool_names(request: &ConverseRequest) -> impl Iterator<Item = &str> {
    let config = request.tool_config.as_ref();
    let offered = config.into_iter().flat_map(|config| &config.tools).filter_map(|tool| match tool {
        Tool::Spec(spec) => Some(spec.name.as_str()),
        _ => None,
    });
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    let called = blocks.filter_map(|block| match block {
        ContentBlock::ToolUse(call) => Some(call.name.as_str()),
        _ => None,
    });
    let chosen = match config.and_then(|config| config.tool_choice.as_ref()) {
        Some(ToolChoice::Tool(named)) => Some(named.name.as_str()),
        _ => None,
    };
    offered.chain(called).chain(chosen)
}

/// What each name that does not fit is sent as; never a name that is in use already.
fn sent_names(names: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut taken: BTreeSet<String> =
        names.iter().filter(|name| fits(name, ALSO_IN_NAMES)).map(|name| (*name).to_owned()).collect();
    let mut sent = BTreeMap::new();
    for name in names.iter().filter(|name| !fits(name, ALSO_IN_NAMES)) {
        let mut fitted = fitted(name, ALSO_IN_NAMES, false);
        let mut source = (*name).to_owned();
        while taken.contains(&fitted) {
            fitted = self::fitted(&source, ALSO_IN_NAMES, true);
            source.clone_from(&fitted);
        }
        taken.insert(fitted.clone());
        sent.insert((*name).to_owned(), fitted);
    }
    sent
}

fn rename_tools(draft: &mut Draft<'_>, sent: BTreeMap<String, String>) {
    let rename = |name: &mut String| {
        if let Some(fitted) = sent.get(name.as_str()) {
            name.clone_from(fitted);
        }
    };
    if let Some(config) = &mut draft.request.tool_config {
        for tool in &mut config.tools {
            if let Tool::Spec(spec) = tool {
                rename(&mut spec.name);
            }
        }
        if let Some(ToolChoice::Tool(named)) = &mut config.tool_choice {
            rename(&mut named.name);
        }
    }
    for block in draft.request.messages.iter_mut().flat_map(|message| &mut message.content) {
        if let ContentBlock::ToolUse(call) = block {
            rename(&mut call.name);
        }
    }
    for (original, fitted) in sent {
        draft.notices.push(
            "rewritten",
            "tools[].name",
            format!("`{original}` is sent as `{fitted}` and put back in the answer"),
        );
        draft.names.insert(fitted, original);
    }
}

/// Tool-use ids are letters, digits, `_`, `-`, `.` and `:`, at most 64. The same id is rewritten the same way in the
/// call and in its result, so they still meet; answers bring new ids, nothing needs to be put back.
///
/// Source: botocore 1.43.11 `ToolUseId`.
pub(super) fn fit_tool_use_ids(draft: &mut Draft<'_>) {
    const ALSO: &str = "_-.:";
    for block in draft.request.messages.iter_mut().flat_map(|message| &mut message.content) {
        let id = match block {
            ContentBlock::ToolUse(call) => &mut call.tool_use_id,
            ContentBlock::ToolResult(result) => &mut result.tool_use_id,
            _ => continue,
        };
        if !fits(id, ALSO) {
            *id = fitted(id, ALSO, true);
        }
    }
}

/// The id of a tool's call as Messages takes it, which is stricter than Converse.
///
/// Source: Anthropic's words ("String should match pattern '^[a-zA-Z0-9_-]+$'").
pub(crate) fn messages_id(id: &str) -> Cow<'_, str> {
    const ALSO: &str = "_-";
    if fits(id, ALSO) { Cow::Borrowed(id) } else { Cow::Owned(fitted(id, ALSO, true)) }
}

fn fits(name: &str, also: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST
        && name.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

/// `name` with `_` for what is not allowed, cut to length; `marked` ends it in its checksum, so that two stay two.
fn fitted(name: &str, also: &str, marked: bool) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || also.contains(c) { c } else { '_' };
    let mut fitted: String = name.chars().map(allowed).take(LONGEST).collect();
    if marked || fitted.is_empty() {
        let mark = format!("_{:08x}", crc32fast::hash(name.as_bytes()));
        fitted.truncate(LONGEST - mark.len());
        fitted.push_str(&mark);
    }
    fitted
}

/// Documents have different names, made of letters, digits, single blanks, hyphens and brackets: others are rewritten, a
/// second `report` becomes `report (2)`, and citations are given the client's own name back; those of earlier answers, which
/// have that name, are sent with ours.
///
/// Source: Converse API reference, `DocumentBlock.name`.
pub(super) fn fit_document_names(draft: &mut Draft<'_>) {
    let Draft { request, notices, names, .. } = draft;
    let mut documents: Vec<&mut Document> =
        request.messages.iter_mut().flat_map(|message| &mut message.content).flat_map(documents).collect();
    let reserved: BTreeSet<String> = documents
        .iter()
        .filter(|document| document_name(&document.name) == document.name)
        .map(|document| document.name.clone())
        .collect();
    let mut numbering = Numbering { reserved, ..Numbering::default() };
    for document in &mut documents {
        let sent = numbering.next(&document.name);
        let original = std::mem::replace(&mut document.name, sent.clone());
        if original.is_empty() {
            names.insert_document(sent, None);
        } else if original != sent {
            let done = format!("the document `{original}` is sent as `{sent}` and put back in citations");
            notices.push("rewritten", "messages[].content[]", done);
            names.insert_document(sent, Some(original));
        }
    }
    for block in request.messages.iter_mut().flat_map(|message| &mut message.content) {
        let ContentBlock::Citations(cited) = block else { continue };
        for citation in &mut cited.citations {
            if let Some(sent) = names.cited_as_sent(citation) {
                *citation = sent;
            }
        }
    }
}

/// The names that documents have been given.
#[derive(Default)]
struct Numbering {
    used: BTreeSet<String>,
    /// Names that fit as they are: nobody else gets them.
    reserved: BTreeSet<String>,
    /// The last number that a name was given.
    numbers: BTreeMap<String, usize>,
}

impl Numbering {
    fn next(&mut self, name: &str) -> String {
        if self.reserved.contains(name) && self.used.insert(name.to_owned()) {
            return name.to_owned();
        }
        let base = document_name(name);
        let mut candidate = base.clone();
        while self.reserved.contains(&candidate) || !self.used.insert(candidate.clone()) {
            let number = self.numbers.entry(base.clone()).and_modify(|number| *number += 1).or_insert(2);
            let mark = format!(" ({number})");
            candidate = format!("{}{mark}", cut(&base, LONGEST_DOCUMENT - mark.len()));
        }
        candidate
    }
}

/// The longest name of a document (botocore 1.43.11, `DocumentBlockNameString`).
const LONGEST_DOCUMENT: usize = 200;

/// A name with the characters Bedrock takes; `document` for one that has none of them.
fn document_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
    let spaced: String = name.chars().map(|c| if allowed(c) { c } else { ' ' }).collect();
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() { "document".to_owned() } else { cut(&words, LONGEST_DOCUMENT).to_owned() }
}

/// At most so many characters of a text that is ASCII.
fn cut(text: &str, longest: usize) -> &str {
    text.get(..longest).map_or(text, str::trim_end)
}

fn documents(block: &mut ContentBlock) -> Vec<&mut Document> {
    match block {
        ContentBlock::Document(document) => vec![document],
        ContentBlock::ToolResult(result) => result
            .content
            .iter_mut()
            .filter_map(|block| match block {
                ToolResultBlock::Document(document) => Some(document),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A turn with a document has a text as well; where the client sent none, the document's name is it.
///
/// Source: `bedrock.md` §2.1 (a document needs an accompanying text block).
pub(super) fn introduce_documents(draft: &mut Draft<'_>) {
    for message in draft.request.messages.iter_mut().filter(|message| message.role == Role::User) {
        let document = message.content.iter().enumerate().find_map(|(at, block)| match block {
            ContentBlock::Document(document) => Some((at, document.name.clone())),
            _ => None,
        });
        let has_text = message.content.iter().any(|block| matches!(block, ContentBlock::Text(_)));
        if let Some((at, name)) = document.filter(|_| !has_text) {
            message.content.insert(at, ContentBlock::Text(name.into()));
            draft.notices.push(
                "rewritten",
                "messages[].content",
                "a document needs text beside it; its name was added",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(names: &[&str]) -> Vec<String> {
        let reserved = names.iter().filter(|name| document_name(name) == **name);
        let mut numbering =
            Numbering { reserved: reserved.map(|&name| name.to_owned()).collect(), ..Numbering::default() };
        names.iter().map(|name| numbering.next(name)).collect()
    }

    #[test]
    fn document_names_are_made_fit() {
        assert_eq!(document_name("Q3 — report  (final).pdf"), "Q3 report (final) pdf");
        assert_eq!(document_name("报告"), "document");
        assert_eq!(document_name(&"a".repeat(500)).len(), LONGEST_DOCUMENT);
    }

    /// Also where somebody chose the very name that another would have got.
    #[test]
    fn tools_are_told_apart() {
        let marked = fitted("a/b", "_-", true);
        let names: BTreeSet<&str> = ["a.b", "a/b", "a_b", &marked].into();
        let sent = sent_names(&names);
        assert_eq!(sent.len(), 2);
        let all: BTreeSet<&str> = sent.values().map(String::as_str).chain(["a_b", &marked]).collect();
        assert_eq!(all.len(), 4, "{sent:?}");
        assert!(all.iter().all(|name| fits(name, ALSO_IN_NAMES)), "{all:?}");
    }

    /// Whoever has a name that fits keeps it, whatever others are called.
    #[test]
    fn documents_are_told_apart() {
        assert_eq!(sent(&["a.b", "a b", "a b", "a_b"]), ["a b (2)", "a b", "a b (3)", "a b (4)"]);
        assert_eq!(sent(&["a", "a (2)", "a", ""]), ["a", "a (2)", "a (3)", "document"]);
        let long = "x".repeat(LONGEST_DOCUMENT);
        let twice = sent(&[&long, &long]);
        assert_eq!((twice[1].len(), &twice[1][196..]), (LONGEST_DOCUMENT, " (2)"));
        let many = vec!["/"; 3000];
        assert_eq!(sent(&many).into_iter().collect::<BTreeSet<_>>().len(), many.len());
    }
}
