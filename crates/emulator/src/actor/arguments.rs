//! Makes a value that satisfies a JSON schema, with values taken from a text where it tells them.

use serde_json::{Map, Number, Value, json};

use super::reading::{split_after, whole_word};

/// A value that satisfies `schema`; deterministic for the same text.
pub(crate) fn satisfy(schema: &Value, text: &str) -> Value {
    let mut writer = Writer { root: schema, clues: Clues::of(text), left: MOST_VALUES };
    writer.value(schema, "", 0, 0)
}

/// Deeper schemas are answered with the simplest value; recursive ones end here.
const DEEPEST: usize = 12;
/// More values than any tool takes; a schema that refers to itself many times over ends here.
const MOST_VALUES: usize = 2_000;

struct Writer<'a> {
    root: &'a Value,
    clues: Clues<'a>,
    /// How many more values may be made.
    left: usize,
}

impl<'a> Writer<'a> {
    /// `name` is the property's name, `nth` which item of an array it is.
    fn value(&mut self, schema: &'a Value, name: &str, nth: usize, depth: usize) -> Value {
        let schema = self.resolved(schema);
        if depth > DEEPEST || self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(Value::Array(choices)) = schema.get("enum") {
            return self.clues.choice(choices, nth);
        }
        if let Some(Value::Array(variants)) = schema.get("anyOf").or_else(|| schema.get("oneOf")) {
            let variant =
                variants.iter().find(|variant| type_of(variant) != Some("null")).or(variants.first());
            return variant.map_or(Value::Null, |variant| self.value(variant, name, nth, depth + 1));
        }
        match type_of(schema) {
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(schema, name, depth),
            Some("string") => Value::String(self.string(schema, name, nth)),
            Some("integer") => number(schema, self.clues.number(), nth, true),
            Some("number") => number(schema, self.clues.number(), nth, false),
            Some("boolean") => Value::Bool(true),
            Some("null") => Value::Null,
            _ if schema.get("allOf").is_some() => self.all_of(schema, depth),
            _ => json!({}),
        }
    }

    /// Follows `$ref` within the schema.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..DEEPEST {
            let Some(pointer) =
                schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'))
            else {
                return schema;
            };
            schema = self.root.pointer(pointer).unwrap_or(&Value::Null);
        }
        schema
    }

    /// Required properties, and optional ones that the text names.
    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut out = Map::new();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if self.left > 0 && (required.contains(&name.as_str()) || self.clues.tell(name)) {
                out.insert(name.clone(), self.value(property, name, 0, depth + 1));
            }
        }
        for name in required.into_iter().filter(|_| self.left > 0) {
            out.entry(name).or_insert_with(|| Value::String(name.to_owned()));
        }
        Value::Object(out)
    }

    fn all_of(&mut self, schema: &'a Value, depth: usize) -> Value {
        let mut out = Map::new();
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            match self.value(part, "", 0, depth + 1) {
                Value::Object(members) => out.extend(members),
                other => return other,
            }
        }
        Value::Object(out)
    }

    fn array(&mut self, schema: &'a Value, name: &str, depth: usize) -> Value {
        /// A hostile `minItems` must not fill the memory.
        const MOST: u64 = 64;
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let most = bound("maxItems").unwrap_or(MOST).min(MOST);
        let length = bound("minItems").unwrap_or(1).max(1).min(most);
        let Some(items) = schema.get("items") else { return json!([]) };
        Value::Array((0..length).map(|nth| self.value(items, name, nth as usize, depth + 1)).collect())
    }

    fn string(&mut self, schema: &Value, name: &str, nth: usize) -> String {
        let format = schema.get("format").and_then(Value::as_str).and_then(example_of_format);
        let text = match format {
            Some(example) => example.to_owned(),
            None => self.clues.string(name),
        };
        let text = if nth == 0 { text } else { format!("{text} {}", nth + 1) };
        sized(schema, text)
    }
}

/// The first type that is not `null`; told by the members when the schema does not say.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => Some(name),
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            names.iter().copied().find(|name| *name != "null").or(names.first().copied())
        }
        _ if schema.get("properties").is_some() || schema.get("required").is_some() => Some("object"),
        _ if schema.get("items").is_some() => Some("array"),
        _ => None,
    }
}

fn example_of_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "2026-01-15",
        "time" => "12:00:00Z",
        "date-time" => "2026-01-15T12:00:00Z",
        "duration" => "PT1H",
        "email" => "someone@example.com",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "url" => "https://example.com/",
        "uuid" => "123e4567-e89b-12d3-a456-426614174000",
        _ => return None,
    })
}

/// Within `minLength` and `maxLength`, counted in characters.
fn sized(schema: &Value, text: String) -> String {
    /// A hostile `minLength` must not fill the memory.
    const MOST: usize = 10_000;
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let most = bound("maxLength").unwrap_or(MOST).min(MOST);
    let least = bound("minLength").unwrap_or(0).min(most);
    let length = text.chars().count();
    let mut text: String = text.chars().take(most).collect();
    text.extend(std::iter::repeat_n('x', least.saturating_sub(length)));
    text
}

/// A number within the schema's bounds, as near to `wanted` as they allow.
fn number(schema: &Value, wanted: Option<f64>, nth: usize, whole: bool) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(if whole { 1.0 } else { 0.0 });
    let smallest_step = if step > 0.0 { step } else { 1e-6 };
    let least = bound("exclusiveMinimum").map(|n| n + smallest_step).or(bound("minimum")).unwrap_or(f64::MIN);
    let most = bound("exclusiveMaximum").map(|n| n - smallest_step).or(bound("maximum")).unwrap_or(f64::MAX);
    let mut value = (wanted.unwrap_or(1.0) + nth as f64).max(least).min(most);
    if step > 0.0 {
        value = (value / step).floor() * step;
        if value < least {
            value += step;
        }
    }
    if whole || value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(json!(0), Value::Number)
}

/// What a text offers as values.
struct Clues<'a> {
    text: &'a str,
    numbers: std::vec::IntoIter<f64>,
    quotations: Vec<&'a str>,
}

impl<'a> Clues<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, numbers: numbers(text).into_iter(), quotations: quotations(text) }
    }

    /// The text says a value for this property in so many words (`city: Paris`, `unit=celsius`).
    fn tell(&self, name: &str) -> bool {
        named_value(self.text, name).is_some()
    }

    /// The choice that the text mentions, else the first; later items of an array take later choices.
    fn choice(&self, choices: &[Value], nth: usize) -> Value {
        let text = self.text.to_lowercase();
        let mentioned = choices.iter().find(|choice| {
            choice.as_str().is_some_and(|word| whole_word(&text, &word.to_lowercase()).is_some())
        });
        let fallback = choices.get(nth % choices.len().max(1));
        if nth == 0 { mentioned.or(fallback) } else { fallback }.cloned().unwrap_or(Value::Null)
    }

    /// The next number of the text.
    fn number(&mut self) -> Option<f64> {
        self.numbers.next()
    }

    fn string(&mut self, name: &str) -> String {
        let lower = name.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        if let Some(value) = named_value(self.text, name) {
            return value.to_owned();
        }
        if has(&["expression", "formula", "equation"])
            && let Some(expression) = arithmetic(self.text)
        {
            return expression.to_owned();
        }
        if !self.quotations.is_empty() {
            return self.quotations.remove(0).to_owned();
        }
        let prepositions: &[&str] = match () {
            () if has(&["from", "origin", "source"]) => &[" from "],
            () if has(&["dest", "target"]) || lower == "to" => &[" to "],
            () => &[" in ", " for ", " at ", " of ", " about ", " to ", " from "],
        };
        let proper = prepositions.iter().find_map(|preposition| proper_name_after(self.text, preposition));
        if let Some(found) = proper {
            return found.to_owned();
        }
        if has(&["query", "question", "text", "prompt", "message", "content", "input"])
            && !self.text.is_empty()
        {
            return self.text.to_owned();
        }
        if lower.is_empty() { "example".to_owned() } else { format!("example {lower}") }
    }
}

/// The value after `name` and one of `:`, `=`, ` is `, ` of `; quoted, or the next word.
fn named_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let spoken = name.to_lowercase().replace(['_', '-'], " ");
    [name.to_lowercase(), spoken].iter().filter(|name| !name.is_empty()).find_map(|name| {
        let (before, rest) = split_after(text, name)?;
        if before.ends_with(char::is_alphanumeric) {
            return None;
        }
        let rest =
            [":", "=", " is ", " of ", " = "].iter().find_map(|mark| rest.strip_prefix(mark))?.trim_start();
        let value = match quotations(rest).first() {
            Some(quoted) if rest.starts_with(['"', '“', '`']) => Some(*quoted),
            _ => rest.split([' ', ',', ';', '\n', '?', '!']).next().map(|word| word.trim_end_matches('.')),
        };
        value.filter(|value| !value.is_empty())
    })
}

fn quotations(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['"', '“', '`']) {
        let mark = rest[open..].chars().next().expect("find gave the start of a character");
        let inside = &rest[open + mark.len_utf8()..];
        let close = if mark == '“' { '”' } else { mark };
        let Some(end) = inside.find(close) else { break };
        if end > 0 {
            found.push(&inside[..end]);
        }
        rest = &inside[end + close.len_utf8()..];
    }
    found
}

fn numbers(text: &str) -> Vec<f64> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    text.split(|c: char| !is_part(c))
        .map(|part| part.trim_end_matches(['.', '-']))
        .filter_map(|part| part.parse::<f64>().ok())
        .filter(|number| number.is_finite())
        .collect()
}

/// The longest run that looks like arithmetic and has an operator in it.
fn arithmetic(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_digit() || " .+-*/^()%".contains(c);
    text.split(|c: char| !is_part(c))
        .map(|run| run.trim_matches([' ', '.']))
        .filter(|run| {
            run.contains(|c: char| c.is_ascii_digit()) && run.contains(['+', '-', '*', '/', '^', '%'])
        })
        .max_by_key(|run| run.len())
}

/// The capitalised words after a preposition: "in New York today" → "New York".
fn proper_name_after<'a>(text: &'a str, preposition: &str) -> Option<&'a str> {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(preposition).find_map(|(at, _)| {
        let rest = &text[at + preposition.len()..];
        let mut end = 0;
        for word in rest.split_inclusive(' ') {
            if !word.starts_with(char::is_uppercase) {
                break;
            }
            end += word.len();
            if word.trim_end().ends_with([',', '.', '?', '!', ';', ':']) {
                break;
            }
        }
        let name = rest[..end].trim_matches([' ', ',', '.', '?', '!', ';', ':', '\n']);
        (!name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_from_the_text() {
        let schema = json!({ "type": "object", "required": ["from", "to", "count", "note"], "properties": {
            "from": { "type": "string" }, "to": { "type": "string" }, "count": { "type": "integer" },
            "note": { "type": "string" }, "unit": { "type": "string" }, "unnamed": { "type": "string" },
        } });
        let text = "Book 3 seats from Berlin to New York, note: urgent, with unit = km";
        let expected =
            json!({ "from": "Berlin", "to": "New York", "count": 3, "note": "urgent", "unit": "km" });
        assert_eq!(satisfy(&schema, text), expected);
    }

    #[test]
    fn bounds_are_kept() {
        let one = |schema: Value| satisfy(&schema, "take 7 of them");
        assert_eq!(one(json!({ "type": "integer", "maximum": 5 })), 5);
        assert_eq!(one(json!({ "type": "integer", "exclusiveMinimum": 7 })), 8);
        assert_eq!(one(json!({ "type": "integer", "multipleOf": 5 })), 5);
        assert_eq!(one(json!({ "type": "number", "minimum": 7.5 })), 7.5);
        assert_eq!(one(json!({ "type": "string", "maxLength": 2 })).as_str().map(str::len), Some(2));
        assert_eq!(one(json!({ "type": "string", "minLength": 40 })).as_str().map(str::len), Some(40));
        assert_eq!(one(json!({ "type": "string", "format": "date" })), "2026-01-15");
        assert_eq!(one(json!({ "enum": ["a", "them"] })), "them");
        assert_eq!(one(json!({ "const": 1.5 })), 1.5);
        assert_eq!(one(json!({ "type": ["null", "boolean"] })), true);
        assert_eq!(one(json!({ "anyOf": [{ "type": "null" }, { "type": "boolean" }] })), true);
        let items = one(json!({ "type": "array", "minItems": 2, "items": { "enum": ["a", "b"] } }));
        assert_eq!(items, json!(["a", "b"]));
        let referred = json!({ "$defs": { "x": { "type": "boolean" } }, "properties": { "y": { "$ref": "#/$defs/x" } }, "required": ["y"] });
        assert_eq!(one(referred), json!({ "y": true }));
    }

    #[test]
    fn hostile_schemas_end() {
        let names: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
        let properties: Map<String, Value> =
            names.iter().map(|name| (name.clone(), json!({ "$ref": "#" }))).collect();
        let branching = json!({ "type": "object", "properties": properties, "required": names });
        assert!(satisfy(&branching, "x").to_string().len() < 1_000_000);
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "type": "array", "minItems": u64::MAX, "items": { "type": "string", "minLength": u64::MAX } }),
            json!({ "type": "array", "minItems": 60, "items": { "$ref": "#" } }),
            json!({ "enum": [] }),
            json!({ "anyOf": [] }),
            json!({ "type": "integer", "multipleOf": 0, "minimum": 9, "maximum": 1 }),
            json!({ "type": "number", "minimum": 1e308, "maximum": -1e308 }),
            json!(5),
            json!(true),
            json!(null),
        ] {
            satisfy(&schema, "“ ” ` \" -- 1e999 . - in For to ");
        }
    }
}
