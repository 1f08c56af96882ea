//! One JSON value a line, keys in a fixed order, nothing that says nothing: diffs stay readable and bytes stay equal.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Keys that open an object, because a reader looks for them first; the others follow in alphabetical order.
const FIRST: [&str; 4] = ["id", "model", "name", "mode"];

/// A JSON array with one entry a line.
pub fn array(entries: &[Value]) -> String {
    let lines: Vec<String> = entries.iter().map(value).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// A JSON object with one entry a line.
pub fn table<'a>(entries: impl IntoIterator<Item = (&'a String, &'a Value)>) -> String {
    let line = |(key, entry): (&String, &Value)| format!("{}:{}", Value::from(key.as_str()), value(entry));
    let lines: Vec<String> = entries.into_iter().map(line).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// The value without `null`s, empty lists and empty objects.
pub fn compact(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(key, value)| (key, compact(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        other => other,
    }
}

/// The paths of everything in a value that holds no more keys: `limits.contextTokens`.
pub fn leaves(value: &Value) -> Vec<String> {
    let Value::Object(map) = value else { return Vec::new() };
    let below = |(key, value): (&String, &Value)| match leaves(value) {
        paths if paths.is_empty() => vec![key.clone()],
        paths => paths.into_iter().map(|path| format!("{key}.{path}")).collect(),
    };
    map.iter().flat_map(below).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Object(map) => object(map),
        Value::Array(list) => format!("[{}]", list.iter().map(self::value).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

fn object(map: &Map<String, Value>) -> String {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_by_key(|key| (FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()), *key));
    let mut text = String::from("{");
    for (index, key) in keys.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(text, "{comma}{}:{}", Value::from(key.as_str()), value(&map[key]))
            .expect("writing to a String cannot fail");
    }
    text + "}"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_have_one_order_and_empty_things_go() {
        let entry = compact(json!({"b": 1, "a": {"x": null}, "id": "i", "c": [], "d": false}));
        assert_eq!(array(&[entry]), "[\n{\"id\":\"i\",\"b\":1,\"d\":false}\n]\n");
    }
}
