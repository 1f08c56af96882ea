//! What a refresh changed, to be read before it is committed: one line a field, with what it was and what it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The differences between two versions of one file; `key` names the field that identifies an entry.
pub fn between(old: &[Value], new: &[Value], key: &str) -> Vec<String> {
    let (old, new) = (by(old, key), by(new, key));
    let ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    ids.into_iter().flat_map(|id| change(id, old.get(id).copied(), new.get(id).copied())).collect()
}

fn by<'a>(entries: &'a [Value], key: &str) -> BTreeMap<&'a str, &'a Map<String, Value>> {
    entries.iter().filter_map(|entry| Some((entry.get(key)?.as_str()?, entry.as_object()?))).collect()
}

fn change(id: &str, old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) -> Vec<String> {
    let (old, new) = match (old, new) {
        (None, _) => return vec![format!("+ {id}")],
        (_, None) => return vec![format!("- {id}")],
        (Some(old), Some(new)) => (old, new),
    };
    let mut changed = Vec::new();
    compare(old, new, "", &mut changed);
    changed.into_iter().map(|change| format!("~ {id}: {change}")).collect()
}

/// Goes down as far as both sides have objects.
fn compare(old: &Map<String, Value>, new: &Map<String, Value>, above: &str, changed: &mut Vec<String>) {
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for field in fields {
        let path = format!("{above}{field}");
        match (old.get(field), new.get(field)) {
            (old, new) if old == new => {}
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                compare(old, new, &format!("{path}."), changed);
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                changed.push(format!("{path} {}", members(old, new)));
            }
            (old, new) => changed.push(format!("{path} {} → {}", shown(old), shown(new))),
        }
    }
}

/// Of lists, what came and what went.
fn members(old: &[Value], new: &[Value]) -> String {
    let came = new.iter().filter(|it| !old.contains(it)).map(|it| format!("+{}", shown(Some(it))));
    let went = old.iter().filter(|it| !new.contains(it)).map(|it| format!("-{}", shown(Some(it))));
    match came.chain(went).collect::<Vec<_>>() {
        both if both.is_empty() => "in another order".to_owned(),
        both => both.join(" "),
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(word)) => word.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn added_removed_and_changed_are_told_apart() {
        let old = [
            json!({"id": "a", "x": {"in": 1, "out": 2}, "z": [1, 2]}),
            json!({"id": "b"}),
            json!({"id": "d"}),
        ];
        let new = [
            json!({"id": "a", "x": {"in": 3, "out": 2}, "y": "v", "z": [2, 5]}),
            json!({"id": "c"}),
            json!({"id": "d"}),
        ];
        assert_eq!(
            between(&old, &new, "id"),
            ["~ a: x.in 1 → 3", "~ a: y nothing → v", "~ a: z +5 -1", "- b", "+ c"]
        );
    }
}
