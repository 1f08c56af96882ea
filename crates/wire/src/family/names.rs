//! Names and ids: what Converse lets them be made of.

use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use crate::bedrock::{ContentBlock, Document, Role, Tool, ToolChoice, ToolResultBlock};

/// The longest tool name and tool-use id (botocore 1.43.11, `ToolName`, `ToolUseId`).
const LONGEST: usize = 64;

/// Tool names are letters, digits, `_` and `-`, at most 64; others (MCP allows `.` and `/`) are rewritten, told apart, and
/// put back in the answer.
///
/// Source: botocore 1.43.11 `ToolName`; `reliability.md` §1.4 (RooCode #10022, #10152).
pub(super) fn fit_tool_names(draft: &mut Draft<'_>) {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let config = draft.request.tool_config.as_ref();
    for tool in config.iter().flat_map(|config| &config.tools) {
        if let Tool::Spec(spec) = tool {
            names.insert(&spec.name);
        }
    }
    for block in draft.request.messages.iter().flat_map(|message| &message.content) {
        if let ContentBlock::ToolUse(call) = block {
            names.insert(&call.name);
        }
    }
    if let Some(ToolChoice::Tool(named)) = config.and_then(|config| config.tool_choice.as_ref()) {
        names.insert(&named.name);
    }
    let sent = sent_names(&names);
    if !sent.is_empty() {
        rename_tools(draft, sent);
    }
}

/// What each name that does not fit is sent as; never a name that is in use already.
fn sent_names(names: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut taken: BTreeSet<String> =
        names.iter().filter(|name| fits(name, "_-")).map(|name| (*name).to_owned()).collect();
    let mut sent = BTreeMap::new();
    for name in names.iter().filter(|name| !fits(name, "_-")) {
        let mut fitted = fitted(name, "_-", false);
        if taken.contains(&fitted) {
            fitted = self::fitted(name, "_-", true);
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
        draft.tool_names.insert(fitted, original);
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

/// Documents of one request have different names: the second `report` becomes `report (2)`.
///
/// Source: Converse API reference, `DocumentBlock.name`.
pub(super) fn tell_documents_apart(draft: &mut Draft<'_>) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut repeated: BTreeMap<String, usize> = BTreeMap::new();
    for document in
        draft.request.messages.iter_mut().flat_map(|message| &mut message.content).flat_map(documents)
    {
        let base = document.name.clone();
        while !used.insert(document.name.clone()) {
            let number = repeated.entry(base.clone()).and_modify(|number| *number += 1).or_insert(2);
            document.name = format!("{base} ({number})");
        }
    }
    if !repeated.is_empty() {
        let names = repeated.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let done = format!("several documents are called {names}; the later ones got a number");
        draft.notices.push("rewritten", "messages[].content", done);
    }
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
            message.content.insert(at, ContentBlock::Text(name));
            draft.notices.push(
                "rewritten",
                "messages[].content",
                "a document needs text beside it; its name was added",
            );
        }
    }
}
