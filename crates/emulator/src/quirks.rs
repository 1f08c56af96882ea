//! What only the service itself needs to know of a model: what it refuses, how long its vectors are. Facts with their
//! sources stand in `data/quirks.json`; what a client of Bedrock can use is in the catalog instead.

use std::collections::HashMap;

use outcrop_catalog::Catalog;
use serde::Deserialize;

/// The peculiarities of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Quirks {
    /// A conversation may not end with the assistant.
    pub(crate) refuses_prefill: bool,
    /// `toolSpec.strict` is an extra input.
    pub(crate) refuses_strict_tools: bool,
    /// More than twenty pictures are taken when all of them are small.
    pub(crate) takes_many_images: bool,
    /// The smallest limit on the answer.
    pub(crate) least_max_tokens: Option<u64>,
    /// Reasoning stands inside the text on OpenAI's shape.
    pub(crate) inline_reasoning: bool,
    /// Its vectors.
    pub(crate) embedding: Option<Embedding>,
}

/// The vectors of an embedding model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Embedding {
    /// The lengths it can give, where the catalog does not say.
    #[serde(default)]
    pub(crate) dimensions: Vec<u32>,
    /// The answer lists vectors by their type.
    pub(crate) by_type: bool,
    /// Texts come back in lower case.
    #[serde(default)]
    pub(crate) lower_case: bool,
}

/// The peculiarities of all models.
#[derive(Debug)]
pub(crate) struct AllQuirks {
    by_model: HashMap<String, Quirks>,
    none: Quirks,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[allow(dead_code, reason = "the source is for the reader of the file")]
    source: String,
    models: Vec<String>,
    set: serde_json::Map<String, serde_json::Value>,
}

impl AllQuirks {
    /// Reads the built-in file for the models of a catalog; a later rule replaces what an earlier one set.
    pub(crate) fn of(catalog: &Catalog) -> Self {
        let rules: Vec<Rule> =
            serde_json::from_str(include_str!("../data/quirks.json")).expect("a test reads the file");
        let of_model = |id: &str| {
            let mut members = serde_json::Map::new();
            for rule in rules.iter().filter(|rule| rule.models.iter().any(|pattern| matches(pattern, id))) {
                members.extend(rule.set.clone());
            }
            serde_json::from_value(members.into()).expect("a test reads every rule")
        };
        let by_model = catalog.models().map(|model| (model.id.clone(), of_model(&model.id))).collect();
        Self { by_model, none: Quirks::default() }
    }

    /// Those of a model; none for one that is not known.
    pub(crate) fn of_model(&self, id: &str) -> &Quirks {
        self.by_model.get(id).unwrap_or(&self.none)
    }
}

/// Whether an id fits a pattern in which `*` stands for any characters.
pub(crate) fn matches(pattern: &str, id: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = id.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut open_end = false;
    for part in parts {
        open_end = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open_end || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_file_names_a_model() {
        let catalog = Catalog::built_in();
        let rules: Vec<Rule> = serde_json::from_str(include_str!("../data/quirks.json")).expect("JSON");
        for pattern in rules.iter().flat_map(|rule| &rule.models) {
            assert!(catalog.models().any(|model| matches(pattern, &model.id)), "{pattern} names no model");
        }
        let quirks = AllQuirks::of(&catalog);
        assert!(quirks.of_model("anthropic.claude-sonnet-4-6").refuses_prefill);
        assert!(!quirks.of_model("anthropic.claude-sonnet-4-5-20250929-v1:0").refuses_prefill);
        assert_eq!(quirks.of_model("nobody.knows"), &Quirks::default());
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("a.b-*", "a.b-1") && matches("a*c*", "abcd") && matches("a.b", "a.b"));
        assert!(!matches("a.b", "a.b-1") && !matches("a.b-*", "a.c-1") && !matches("a*-1:0", "ab-2:0"));
    }
}
