//! `crates/catalog/data/overlay.json`: facts no package has, written by hand, each with its source.
//!
//! A rule names models by id or by a prefix ending in `*`, and merges its `set` (a partial model) into each of them, in
//! the order of the file. A name, a publisher or a pattern that fits no model is an error: it would be a dead fact.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::line;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// Model id → the name people use.
    pub names: Table,
    /// The id's first segment → who made it.
    pub publishers: Table,
    /// Models that are no longer served.
    pub retired: Retired,
    /// Geography → how the names of its Regions begin.
    pub geographies: Table<Vec<String>>,
    /// What litellm has no price of.
    pub prices: Vec<PricedAs>,
    rules: Vec<Rule>,
}

/// A geography that costs what another one does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricedAs {
    /// Who says so.
    pub source: String,
    /// Which models' profiles.
    pub models: Vec<String>,
    /// The geography.
    pub geography: String,
    /// The one whose prices hold.
    #[serde(rename = "as")]
    pub as_geography: String,
}

/// A list of words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table<T = String> {
    /// Where the words come from.
    pub source: String,
    /// By what they are about.
    pub values: BTreeMap<String, T>,
}

/// Models that are no longer served.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    /// Why they are listed.
    pub source: String,
    /// By id.
    pub models: BTreeMap<String, Past>,
}

/// What is still known of a retired model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// Input modalities.
    pub input: Vec<String>,
    /// Output modalities.
    pub output: Vec<String>,
    /// Answers could be streamed.
    pub streaming: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    source: String,
    models: Vec<String>,
    set: Value,
}

impl Overlay {
    /// Merges every rule about `id` into `model`, and notes which field it speaks of.
    pub fn apply(&self, id: &str, model: &mut Value, provenance: &mut BTreeMap<String, String>) {
        for rule in &self.rules {
            if rule.models.iter().any(|pattern| fits(pattern, id)) {
                merge(model, &rule.set);
                provenance
                    .extend(line::leaves(&rule.set).into_iter().map(|path| (path, rule.source.clone())));
            }
        }
    }

    /// The name people use for a model id.
    pub fn name(&self, id: &str) -> Option<&String> {
        self.names.values.get(id)
    }

    /// The publisher of a model id.
    pub fn publisher(&self, id: &str) -> Option<&String> {
        self.publishers.values.get(id.split('.').next()?)
    }

    /// Says which of the beta names in a package's table no rule speaks of: somebody has to find out what Bedrock does with them.
    pub fn speaks_of_betas(&self, names: &BTreeSet<String>) {
        let spoken = |name: &str| self.rules.iter().any(|rule| rule.set["betas"].get(name).is_some());
        for name in names.iter().filter(|name| !spoken(name)) {
            eprintln!("no rule of overlay.json speaks of the beta `{name}`: unknown");
        }
    }

    /// Refuses facts about models that do not exist.
    pub fn check(&self, ids: &BTreeSet<&str>) -> Result<(), Failure> {
        let nobody = self.names.values.keys().find(|name| !ids.contains(name.as_str()));
        if let Some(name) = nobody {
            return Err(Failure::new(format!(
                "overlay.json: names has `{name}`, which no source lists; remove it"
            )));
        }
        self.rules.iter().try_for_each(|rule| rule.check(ids))
    }
}

impl Rule {
    fn check(&self, ids: &BTreeSet<&str>) -> Result<(), Failure> {
        match self.models.iter().find(|pattern| !ids.iter().any(|id| fits(pattern, id))) {
            None => Ok(()),
            Some(pattern) => Err(Failure::new(format!(
                "overlay.json: the rule \"{}\" names `{pattern}`, which fits no model; correct or remove it",
                self.source
            ))),
        }
    }
}

/// Whether a pattern (an id, or a prefix ending in `*`) means this id.
fn fits(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => id.starts_with(prefix),
        None => pattern == id,
    }
}

/// Objects are merged key by key; anything else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_later_rule_refines_an_earlier_one() {
        let mut model = json!({"capabilities": {"tools": true, "reasoning": {"mode": "none"}}});
        merge(&mut model, &json!({"capabilities": {"reasoning": {"mode": "budget", "minBudget": 1024}}}));
        assert_eq!(
            model,
            json!({"capabilities": {"tools": true, "reasoning": {"mode": "budget", "minBudget": 1024}}})
        );
    }

    #[test]
    fn a_rule_about_no_model_is_refused() {
        let overlay: Overlay = serde_json::from_value(json!({
            "names": {"source": "", "values": {}}, "publishers": {"source": "", "values": {}}, "retired": {"source": "", "models": {}},
            "geographies": {"source": "", "values": {}}, "prices": [],
            "rules": [{"source": "test", "models": ["meta.llama*", "meta.lama*"], "set": {}}],
        }))
        .unwrap();
        let refusal = overlay.check(&BTreeSet::from(["meta.llama3-8b-instruct-v1:0"])).unwrap_err();
        assert!(refusal.to_string().contains("`meta.lama*`"), "{refusal}");
    }
}
