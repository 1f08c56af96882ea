//! What a refresh changed, in one line a model.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The differences between two versions of one file, one line each; `key` names the field that identifies an entry.
pub fn between(old: &[Value], new: &[Value], key: &str) -> Vec<String> {
    let (old, new) = (by(old, key), by(new, key));
    let ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    ids.into_iter().filter_map(|id| change(id, old.get(id).copied(), new.get(id).copied())).collect()
}

fn by<'a>(entries: &'a [Value], key: &str) -> BTreeMap<&'a str, &'a Map<String, Value>> {
    entries.iter().filter_map(|entry| Some((entry.get(key)?.as_str()?, entry.as_object()?))).collect()
}

fn change(id: &str, old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) -> Option<String> {
    match (old, new) {
        (None, _) => Some(format!("+ {id}")),
        (_, None) => Some(format!("- {id}")),
        (Some(old), Some(new)) => {
            let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let changed: Vec<&str> = fields
                .into_iter()
                .filter(|field| old.get(*field) != new.get(*field))
                .map(String::as_str)
                .collect();
            (!changed.is_empty()).then(|| format!("~ {id}: {}", changed.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn added_removed_and_changed_are_told_apart() {
        let old = [json!({"id": "a", "x": 1}), json!({"id": "b"}), json!({"id": "d"})];
        let new = [json!({"id": "a", "x": 2, "y": 3}), json!({"id": "c"}), json!({"id": "d"})];
        assert_eq!(between(&old, &new, "id"), ["~ a: x, y", "- b", "+ c"]);
    }
}
