//! AWS's service model as data: which operations there are, where they live and what they take and give.
//!
//! `data/service-model.json` holds methods, paths, shapes and constraints of every operation that is served
//! (`scripts/service-model.py` writes it). From it follow the [route](Service::route) of a request, the
//! [check] of its input with the words that AWS's services share, and the [choice](Service::project) of the
//! members of an answer. No rule that is written in the model is written a second time in code.

mod check;
mod input;
mod pattern;
mod route;

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) use input::Sources;
use pattern::Pattern;
pub(crate) use route::Labels;
use route::Template;

/// The model of the operations that are served; read when the first request asks for it.
pub(crate) fn service() -> &'static Service {
    static SERVICE: LazyLock<Service> = LazyLock::new(|| Service::read(SOURCE));
    &SERVICE
}

const SOURCE: &str = include_str!("../../data/service-model.json");

/// Operations and shapes.
#[derive(Debug)]
pub(crate) struct Service {
    operations: Vec<Operation>,
    shapes: Vec<Shape>,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// AWS's name.
    pub(crate) name: String,
    /// The status of its answer.
    pub(crate) status: u16,
    method: String,
    template: Template,
    input: Option<ShapeId>,
    output: Option<ShapeId>,
}

/// The place of a shape in [`Service::shapes`].
type ShapeId = usize;

/// What a value may be.
#[derive(Debug)]
struct Shape {
    kind: Kind,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<Pattern>,
    values: Vec<String>,
    is_union: bool,
    /// The member that is the whole body.
    payload: Option<String>,
}

/// The kinds of shape.
#[derive(Debug)]
enum Kind {
    Structure {
        members: BTreeMap<String, Member>,
        required: Vec<String>,
    },
    List(ShapeId),
    Map {
        key: ShapeId,
        value: ShapeId,
    },
    Text,
    Blob,
    Whole,
    Fraction,
    Truth,
    Timestamp,
    /// Any JSON.
    Document,
}

/// A member of a structure.
#[derive(Debug)]
struct Member {
    shape: ShapeId,
    place: Place,
}

/// Where a member of an input travels.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Body,
    Path,
    Query(String),
    Header(String),
}

impl Service {
    /// The operation of this name.
    pub(crate) fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// All operations.
    #[cfg(test)]
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter()
    }

    /// Of a document, what belongs into the answer of an operation: the members that its output shape names.
    pub(crate) fn project(&self, operation: &Operation, document: Value) -> Value {
        match operation.output {
            Some(output) => self.keep(output, document),
            None => Value::Object(Map::new()),
        }
    }

    fn keep(&self, shape: ShapeId, value: Value) -> Value {
        match (&self.shapes[shape].kind, value) {
            (Kind::Structure { members, .. }, Value::Object(found)) => {
                let known = found.into_iter().filter(|(_, value)| !value.is_null());
                let known = known.filter_map(|(name, value)| {
                    let shape = members.get(&name)?.shape;
                    Some((name, self.keep(shape, value)))
                });
                Value::Object(known.collect())
            }
            (Kind::List(member), Value::Array(values)) => {
                Value::Array(values.into_iter().map(|value| self.keep(*member, value)).collect())
            }
            (_, value) => value,
        }
    }

    /// Reads the model.
    ///
    /// # Panics
    /// When the file in the repository is damaged, which a test excludes.
    fn read(source: &str) -> Self {
        let file: File = serde_json::from_str(source).expect("the service model in the repository is sound");
        let ids: HashMap<&str, ShapeId> =
            file.shapes.keys().enumerate().map(|(id, name)| (name.as_str(), id)).collect();
        let id = |name: &str| *ids.get(name).expect("the service model names the shapes it has");
        let operations = file.operations.into_iter().map(|(name, raw)| Operation {
            name,
            status: raw.status,
            method: raw.method,
            template: Template::parse(&raw.uri),
            input: raw.input.as_deref().map(id),
            output: raw.output.as_deref().map(id),
        });
        let mut operations: Vec<Operation> = operations.collect();
        // The most particular path is tried first.
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.template.literal_length()));
        let shapes = file.shapes.values().map(|raw| raw.shape(&id)).collect();
        Self { operations, shapes }
    }
}

/// The file as written.
#[derive(Deserialize)]
struct File {
    operations: BTreeMap<String, RawOperation>,
    shapes: BTreeMap<String, RawShape>,
}

#[derive(Deserialize)]
struct RawOperation {
    method: String,
    uri: String,
    status: u16,
    input: Option<String>,
    output: Option<String>,
}

#[derive(Deserialize)]
struct RawShape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    members: BTreeMap<String, RawMember>,
    #[serde(default)]
    required: Vec<String>,
    member: Option<String>,
    key: Option<String>,
    value: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    #[serde(default)]
    union: bool,
    #[serde(default)]
    document: bool,
    payload: Option<String>,
}

#[derive(Deserialize)]
struct RawMember {
    shape: String,
    location: Option<String>,
    #[serde(rename = "locationName")]
    location_name: Option<String>,
}

impl RawShape {
    fn shape(&self, id: &dyn Fn(&str) -> ShapeId) -> Shape {
        Shape {
            kind: self.kind(id),
            min: self.min,
            max: self.max,
            pattern: self.pattern.as_deref().map(Pattern::new),
            values: self.values.clone(),
            is_union: self.union,
            payload: self.payload.clone(),
        }
    }

    fn kind(&self, id: &dyn Fn(&str) -> ShapeId) -> Kind {
        let named = |name: &Option<String>| id(name.as_deref().expect("lists and maps name what they hold"));
        match self.kind.as_str() {
            _ if self.document => Kind::Document,
            "structure" => Kind::Structure {
                members: self
                    .members
                    .iter()
                    .map(|(name, raw)| (name.clone(), raw.member(name, id)))
                    .collect(),
                required: self.required.clone(),
            },
            "list" => Kind::List(named(&self.member)),
            "map" => Kind::Map { key: named(&self.key), value: named(&self.value) },
            "blob" => Kind::Blob,
            "integer" | "long" => Kind::Whole,
            "float" | "double" => Kind::Fraction,
            "boolean" => Kind::Truth,
            "timestamp" => Kind::Timestamp,
            _ => Kind::Text,
        }
    }
}

impl RawMember {
    fn member(&self, name: &str, id: &dyn Fn(&str) -> ShapeId) -> Member {
        let wire_name = || self.location_name.clone().unwrap_or_else(|| name.to_owned());
        let place = match self.location.as_deref() {
            Some("uri") => Place::Path,
            Some("querystring") => Place::Query(wire_name()),
            Some("header") => Place::Header(wire_name()),
            _ => Place::Body,
        };
        Member { shape: id(&self.shape), place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_model_is_understood() {
        for pattern in service().shapes.iter().filter_map(|shape| shape.pattern.as_ref()) {
            assert!(pattern.is_understood(), "{}", pattern.text());
        }
    }

    #[test]
    fn an_answer_has_the_members_of_its_shape_alone() {
        let service = service();
        let operation = service.operation("CreateInferenceProfile").unwrap();
        let document = serde_json::json!({ "inferenceProfileArn": "a", "status": null, "secret": 1 });
        assert_eq!(service.project(operation, document), serde_json::json!({ "inferenceProfileArn": "a" }));
    }
}
