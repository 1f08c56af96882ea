//! The word policy: custom words and phrases, and the managed list of profanity.

use serde_json::{Map, Value, json};

use super::{Action, Finding, Source};

/// A few mild words stand for AWS's list, which is not public: enough to see the policy work.
const PROFANITY: [&str; 4] = ["damn", "crap", "bollocks", "arse"];

/// The words of the policy that a text has, each once.
pub(super) fn find(policies: &Map<String, Value>, source: Source, text: &str) -> Vec<Finding> {
    let Some(policy) = policies.get("wordPolicy") else { return Vec::new() };
    let own = policy["words"].as_array().into_iter().flatten().filter_map(|entry| {
        let found = occurrence(text, entry["text"].as_str()?)?;
        let told = Map::new();
        Some(Finding {
            action: Action::of(entry, source)?,
            found,
            mask: String::new(),
            list: "customWords",
            told,
            is_detected: true,
        })
    });
    let managed = policy["managedWordLists"].as_array().into_iter().flatten().flat_map(|entry| {
        let action = Action::of(entry, source);
        PROFANITY.iter().filter_map(move |word| {
            let (found, kind) = (occurrence(text, word)?, json!({ "type": entry["type"] }));
            let told = kind.as_object().cloned().unwrap_or_default();
            Some(Finding {
                action: action?,
                found,
                mask: String::new(),
                list: "managedWordLists",
                told,
                is_detected: true,
            })
        })
    });
    own.chain(managed).collect()
}

/// A word or phrase where it stands by itself, whatever its case; as the text has it.
fn occurrence(text: &str, wanted: &str) -> Option<String> {
    let pattern = format!(r"(?i)(?:^|\W)({})(?:$|\W)", regex::escape(wanted.trim()));
    let found = regex::Regex::new(&pattern).ok()?.captures(text)?;
    Some(found.get(1)?.as_str().to_owned())
}
