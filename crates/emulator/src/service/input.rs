//! The input of an operation as one document, from wherever its members travelled, checked against the model.

use http::HeaderMap;
use outcrop_wire::bedrock::ErrorKind;
use serde_json::{Map, Value};

use super::route::Labels;
use super::{Kind, Member, Operation, Place, Service, ShapeId};
use crate::failure::Failure;
use crate::operation::query_pairs;

/// The parts of a request in which members travel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Service {
    /// The members of an input in one document, named as in the model.
    ///
    /// # Errors
    /// 400: `SerializationException` for what is no JSON or of the wrong type, `ValidationException` for everything that
    /// breaks a constraint, all of it in one message.
    pub(crate) fn input(
        &self,
        operation: &Operation,
        labels: Labels,
        sources: Sources<'_>,
    ) -> Result<Value, Failure> {
        let Some(shape) = operation.input else { return Ok(Value::Object(Map::new())) };
        let mut document = self.body(shape, sources.body)?;
        for (label, value) in labels {
            document.insert(label.to_owned(), Value::String(value));
        }
        self.add_elsewhere(shape, sources, &mut document)?;
        let document = Value::Object(document);
        self.check(shape, &document)?;
        Ok(document)
    }

    /// The body, unless it is one blob that only the operation understands.
    fn body(&self, shape: ShapeId, body: &[u8]) -> Result<Map<String, Value>, Failure> {
        if self.shapes[shape].payload.is_some() || body.is_empty() || !self.has_body(shape) {
            return Ok(Map::new());
        }
        let unreadable = |why: String| {
            Failure::new(ErrorKind::Serialization, format!("The request body cannot be read: {why}"))
        };
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => Err(unreadable("it is no JSON object".to_owned())),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }

    fn has_body(&self, shape: ShapeId) -> bool {
        self.members(shape).any(|(_, member)| member.place == Place::Body)
    }

    fn members(&self, shape: ShapeId) -> impl Iterator<Item = (&String, &Member)> {
        let members = match &self.shapes[shape].kind {
            Kind::Structure { members, .. } => Some(members),
            _ => None,
        };
        members.into_iter().flatten()
    }

    /// Adds what travels in the query and in headers. Unknown query keys are passed over, as AWS does.
    fn add_elsewhere(
        &self,
        shape: ShapeId,
        sources: Sources<'_>,
        document: &mut Map<String, Value>,
    ) -> Result<(), Failure> {
        for (name, member) in self.members(shape) {
            let text = match &member.place {
                Place::Query(key) => {
                    query_pairs(sources.query).find(|(found, _)| found == key).map(|(_, value)| value)
                }
                Place::Header(key) => {
                    sources.headers.get(key.as_str()).and_then(|value| value.to_str().ok()).map(str::to_owned)
                }
                Place::Body | Place::Path => continue,
            };
            document.remove(name);
            if let Some(text) = text {
                document.insert(name.clone(), self.typed(name, member.shape, text)?);
            }
        }
        Ok(())
    }

    /// Text from a query or header as the type its shape asks for.
    fn typed(&self, name: &str, shape: ShapeId, text: String) -> Result<Value, Failure> {
        let read = match self.shapes[shape].kind {
            Kind::Whole => text.parse::<i64>().ok().map(Value::from),
            Kind::Truth => text.parse::<bool>().ok().map(Value::from),
            Kind::Timestamp => text.parse::<jiff::Timestamp>().ok().map(|_| Value::from(text.as_str())),
            _ => Some(Value::from(text.as_str())),
        };
        let broken = || {
            Failure::validation(format!(
                "1 validation error detected: Value '{text}' at '{name}' failed to satisfy constraint: Member must be of its \
                 type"
            ))
        };
        read.ok_or_else(broken)
    }
}
