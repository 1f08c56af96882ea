//! Whether a document is what a shape asks for, in the words that AWS's services share.
//!
//! The forms of the words: `Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater
//! than or equal to 1` (many reports), and with the value quoted where it is a text or a number. Everything that is
//! wrong is told in one message.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outcrop_wire::bedrock::ErrorKind;
use serde_json::{Map, Value};

#[cfg(test)]
use super::Operation;
use super::{Kind, Service, Shape, ShapeId};
use crate::failure::Failure;

impl Service {
    /// Checks the input of an operation that was read elsewhere.
    ///
    /// # Errors
    /// As [`Service::input`].
    #[cfg(test)]
    pub(crate) fn check_input(&self, operation: &Operation, document: &Value) -> Result<(), Failure> {
        operation.input.map_or(Ok(()), |shape| self.check(shape, document))
    }

    /// Checks a document against a shape.
    pub(super) fn check(&self, shape: ShapeId, document: &Value) -> Result<(), Failure> {
        let mut check = Check { service: self, path: String::new(), broken: Vec::new() };
        check.value(shape, document)?;
        check.verdict()
    }
}

/// A walk through a document.
struct Check<'a> {
    service: &'a Service,
    /// Where the walk is: `tags.1.member.key`.
    path: String,
    broken: Vec<String>,
}

/// Messages tell at most so many constraints, and quote at most so many characters of a value: an answer stays short,
/// however large the request.
const MOST_TOLD: usize = 10;
const MOST_QUOTED: usize = 256;

impl Check<'_> {
    fn verdict(self) -> Result<(), Failure> {
        let plural = match self.broken.len() {
            0 => return Ok(()),
            1 => "",
            _ => "s",
        };
        let told = &self.broken[..self.broken.len().min(MOST_TOLD)];
        let text = format!("{} validation error{plural} detected: {}", self.broken.len(), told.join("; "));
        Err(Failure::validation(text))
    }

    fn value(&mut self, id: ShapeId, value: &Value) -> Result<(), Failure> {
        let shape = &self.service.shapes[id];
        match (&shape.kind, value) {
            (Kind::Document, _) => {}
            (Kind::Structure { .. }, Value::Object(found)) => self.structure(shape, found)?,
            (Kind::List(member), Value::Array(values)) => self.list(shape, *member, values)?,
            (Kind::Map { key, value }, Value::Object(found)) => self.map(shape, *key, *value, found)?,
            (Kind::Text, Value::String(text)) => self.text(shape, text),
            (Kind::Blob, Value::String(text)) => self.blob(shape, text)?,
            (Kind::Whole, Value::Number(number)) if number.is_i64() || number.is_u64() => {
                self.number(shape, number);
            }
            (Kind::Fraction, Value::Number(number)) => self.number(shape, number),
            (Kind::Truth, Value::Bool(_)) | (Kind::Timestamp, Value::Number(_)) => {}
            (Kind::Timestamp, Value::String(text)) => self.timestamp(text)?,
            (kind, found) => return Err(wrong_type(kind, found)),
        }
        Ok(())
    }

    fn structure(&mut self, shape: &Shape, found: &Map<String, Value>) -> Result<(), Failure> {
        let Kind::Structure { members, required } = &shape.kind else { return Ok(()) };
        for name in required {
            if found.get(name).is_none_or(Value::is_null) {
                self.within(name, |check| {
                    check.broke(None, "Member must not be null");
                    Ok(())
                })?;
            }
        }
        if shape.is_union && found.values().filter(|value| !value.is_null()).count() != 1 {
            return Err(self.unreadable("has not exactly one member"));
        }
        for (name, value) in found.iter().filter(|(_, value)| !value.is_null()) {
            // Unknown members are passed over: the service model is older than the service.
            if let Some(member) = members.get(name).filter(|_| shape.payload.as_ref() != Some(name)) {
                self.within(name, |check| check.value(member.shape, value))?;
            }
        }
        Ok(())
    }

    fn list(&mut self, shape: &Shape, member: ShapeId, values: &[Value]) -> Result<(), Failure> {
        self.length(shape, None, values.len());
        for (index, value) in values.iter().enumerate() {
            self.within(&format!("{}.member", index + 1), |check| check.value(member, value))?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        shape: &Shape,
        key: ShapeId,
        value: ShapeId,
        found: &Map<String, Value>,
    ) -> Result<(), Failure> {
        self.length(shape, None, found.len());
        for (name, found) in found {
            self.within("key", |check| {
                check.text(&check.service.shapes[key], name);
                Ok(())
            })?;
            self.within(&format!("{name}.member"), |check| check.value(value, found))?;
        }
        Ok(())
    }

    fn text(&mut self, shape: &Shape, text: &str) {
        if !shape.values.is_empty() {
            if !shape.values.iter().any(|value| value == text) {
                let set = shape.values.join(", ");
                self.broke(Some(text), &format!("Member must satisfy enum value set: [{set}]"));
            }
            return;
        }
        // A text of more bytes than allowed may still have few enough characters.
        let length = if has_bounds(shape) { text.chars().count() } else { 0 };
        self.length(shape, Some(text), length);
        if let Some(pattern) = shape.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
            let rule = format!("Member must satisfy regular expression pattern: {}", pattern.text());
            self.broke(Some(text), &rule);
        }
    }

    fn blob(&mut self, shape: &Shape, text: &str) -> Result<(), Failure> {
        if has_bounds(shape) {
            let bytes = STANDARD.decode(text).map_err(|_| self.unreadable("is no base64"))?;
            self.length(shape, None, bytes.len());
        }
        Ok(())
    }

    fn number(&mut self, shape: &Shape, number: &serde_json::Number) {
        let value = number.as_f64().unwrap_or(f64::NAN);
        let rule = match (shape.min, shape.max) {
            (Some(min), _) if value < min => format!("Member must have value greater than or equal to {min}"),
            (_, Some(max)) if value > max => format!("Member must have value less than or equal to {max}"),
            _ => return,
        };
        self.broke(Some(&number.to_string()), &rule);
    }

    fn length(&mut self, shape: &Shape, quoted: Option<&str>, length: usize) {
        #[allow(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
        let length = length as f64;
        let rule = match (shape.min, shape.max) {
            (Some(min), _) if length < min => {
                format!("Member must have length greater than or equal to {min}")
            }
            (_, Some(max)) if length > max => format!("Member must have length less than or equal to {max}"),
            _ => return,
        };
        self.broke(quoted, &rule);
    }

    fn timestamp(&self, text: &str) -> Result<(), Failure> {
        match text.parse::<jiff::Timestamp>() {
            Ok(_) => Ok(()),
            Err(_) => Err(self.unreadable("is no timestamp")),
        }
    }

    /// Goes into a member and comes back.
    fn within(
        &mut self,
        name: &str,
        visit: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        let outcome = visit(self);
        self.path.truncate(before);
        outcome
    }

    fn broke(&mut self, quoted: Option<&str>, rule: &str) {
        let mut text = "Value".to_owned();
        if let Some(value) = quoted {
            let short: String = value.chars().take(MOST_QUOTED).collect();
            let _ = write!(text, " '{short}'");
        }
        let _ = write!(text, " at '{}' failed to satisfy constraint: {rule}", self.path);
        self.broken.push(text);
    }

    fn unreadable(&self, what: &str) -> Failure {
        let text = format!("The request cannot be read: `{}` {what}", self.path);
        Failure::new(ErrorKind::Serialization, text)
    }
}

/// The words that AWS's services share for a value of the wrong JSON type: publicly reported of Athena, SQS, SES and
/// others. They do not say where the value is.
fn wrong_type(expected: &Kind, found: &Value) -> Failure {
    let scalar = match found {
        Value::Array(_) => Err("Start of list found where not expected"),
        Value::Object(_) => Err("Start of structure or map found where not expected."),
        Value::String(_) => Ok("STRING_VALUE"),
        Value::Bool(true) => Ok("TRUE_VALUE"),
        Value::Bool(false) => Ok("FALSE_VALUE"),
        Value::Number(_) | Value::Null => Ok("NUMBER_VALUE"),
    };
    let text = match (scalar, expected) {
        (Err(text), _) => text.to_owned(),
        (Ok(_), Kind::List(_)) => "Expected list or null".to_owned(),
        (Ok(_), Kind::Structure { .. } | Kind::Map { .. }) => "Expected null".to_owned(),
        (Ok(scalar), Kind::Whole) => format!("{scalar} can not be converted to an Integer"),
        (Ok(scalar), Kind::Fraction) => format!("{scalar} can not be converted to a Float"),
        (Ok(scalar), Kind::Truth) => format!("{scalar} can not be converted to a Boolean"),
        (Ok(scalar), Kind::Timestamp) => format!("{scalar} can not be converted to a Timestamp"),
        (Ok(scalar), Kind::Text | Kind::Blob | Kind::Document) => {
            format!("{scalar} can not be converted to a String")
        }
    };
    Failure::new(ErrorKind::Serialization, text)
}

fn has_bounds(shape: &Shape) -> bool {
    shape.min.is_some() || shape.max.is_some()
}

#[cfg(test)]
mod tests {
    use super::super::service;
    use serde_json::{Value, json};

    fn refusal(operation: &str, document: Value) -> Option<String> {
        let operation = service().operation(operation).unwrap();
        service().check_input(operation, &document).err().map(|failure| failure.error.message.clone())
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let document =
            json!({ "inferenceProfileName": "a__b", "description": "", "tags": [{ "value": "v" }] });
        let refusal = refusal("CreateInferenceProfile", document).unwrap();
        let parts: Vec<&str> = refusal.split("; ").collect();
        assert_eq!(
            parts,
            [
                "5 validation errors detected: Value at 'modelSource' failed to satisfy constraint: Member must not be null",
                "Value '' at 'description' failed to satisfy constraint: Member must have length greater than or equal to 1",
                "Value '' at 'description' failed to satisfy constraint: Member must satisfy regular expression pattern: \
                 ([0-9a-zA-Z:.][ _-]?)+",
                "Value 'a__b' at 'inferenceProfileName' failed to satisfy constraint: Member must satisfy regular expression \
                 pattern: ([0-9a-zA-Z][ _-]?)+",
                "Value at 'tags.1.member.key' failed to satisfy constraint: Member must not be null",
            ]
        );
    }

    #[test]
    fn aggregates_are_not_quoted() {
        let document = json!({ "modelId": "m", "messages": [], "toolConfig": { "tools": [] } });
        let expected = "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must \
                        have length greater than or equal to 1";
        assert_eq!(refusal("Converse", document).as_deref(), Some(expected));
    }

    #[test]
    fn a_wrong_type_is_no_question_of_constraints() {
        let document = json!({ "modelId": "m", "inferenceConfig": { "maxTokens": "many" } });
        let expected = "STRING_VALUE can not be converted to an Integer";
        assert_eq!(refusal("Converse", document).as_deref(), Some(expected));
        for (value, expected) in [
            (json!({ "modelId": 1 }), "NUMBER_VALUE can not be converted to a String"),
            (json!({ "modelId": true }), "TRUE_VALUE can not be converted to a String"),
            (json!({ "modelId": [] }), "Start of list found where not expected"),
            (json!({ "modelId": {} }), "Start of structure or map found where not expected."),
            (json!({ "modelId": "m", "messages": "hi" }), "Expected list or null"),
            (json!({ "modelId": "m", "inferenceConfig": "hi" }), "Expected null"),
        ] {
            assert_eq!(refusal("Converse", value).as_deref(), Some(expected));
        }
    }

    #[test]
    fn unknown_members_are_passed_over() {
        let content = json!([{ "blockOfTheFuture": { "x": 1 } }, { "text": "hi" }]);
        let document =
            json!({ "modelId": "m", "messages": [{ "role": "user", "content": content, "x": 1 }] });
        assert_eq!(refusal("Converse", document), None);
    }
}
