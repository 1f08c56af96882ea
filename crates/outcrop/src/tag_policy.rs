//! The tags a profile must, should and may have: `profile_tags` of `outcrop.yaml`, and the same three keys of a `profiles.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A company's rules for the tags of its profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagPolicy {
    /// Tags of every profile that does not say otherwise.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Keys that each profile must have.
    #[serde(default)]
    pub required_tags: Vec<String>,
    /// Key → all the values it may have.
    #[serde(default)]
    pub tag_values: BTreeMap<String, Vec<String>>,
}

/// What breaks the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach<'a> {
    /// A required key is not there.
    Missing(&'a str),
    /// A value that its key may not have.
    Value {
        /// The tag's key.
        key: &'a str,
        /// What it was given.
        value: &'a str,
        /// What it may be.
        allowed: &'a [String],
    },
}

impl TagPolicy {
    /// This one, and where it says nothing, `below`.
    pub fn over(mut self, below: &Self) -> Self {
        for (key, value) in &below.tags {
            self.tags.entry(key.clone()).or_insert_with(|| value.clone());
        }
        for key in &below.required_tags {
            if !self.required_tags.contains(key) {
                self.required_tags.push(key.clone());
            }
        }
        for (key, values) in &below.tag_values {
            self.tag_values.entry(key.clone()).or_insert_with(|| values.clone());
        }
        self
    }

    /// The tags of a profile that is given `tags`.
    pub fn complete(&self, tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
        self.tags.clone().into_iter().chain(tags).collect()
    }

    /// Everything about a profile's tags that breaks the policy.
    pub fn breaches<'a>(&'a self, tags: &'a BTreeMap<String, String>) -> Vec<Breach<'a>> {
        let missing = self.required_tags.iter().filter(|key| !tags.contains_key(*key));
        let missing = missing.map(|key| Breach::Missing(key));
        let wrong = tags.iter().filter_map(|(key, value)| {
            let allowed = self.tag_values.get(key)?;
            (!allowed.contains(value)).then_some(Breach::Value { key, value, allowed })
        });
        missing.chain(wrong).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_nearer_policy_wins_and_both_hold() {
        let company = TagPolicy {
            tags: tags(&[("owner", "platform"), ("env", "prod")]),
            required_tags: vec!["team".to_owned()],
            tag_values: [("env".to_owned(), vec!["prod".to_owned()])].into(),
        };
        let file = TagPolicy {
            tags: tags(&[("env", "test")]),
            required_tags: vec!["cost".to_owned(), "team".to_owned()],
            tag_values: BTreeMap::new(),
        };
        let both = file.over(&company);
        assert_eq!(both.tags, tags(&[("owner", "platform"), ("env", "test")]));
        assert_eq!(both.required_tags, ["cost", "team"]);
        let tagged = both.complete(tags(&[("team", "a")]));
        assert_eq!(tagged, tags(&[("owner", "platform"), ("env", "test"), ("team", "a")]));
        let allowed = ["prod".to_owned()];
        let wrong = Breach::Value { key: "env", value: "test", allowed: &allowed };
        assert_eq!(both.breaches(&tagged), [Breach::Missing("cost"), wrong]);
    }
}
