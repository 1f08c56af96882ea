//! An answer before it takes the form of one of CloudWatch's three protocols.

use jiff::Timestamp;
use outcrop_wire::xml::Element;
use serde_json::{Map, Value};

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Number(f64),
    /// Unix seconds.
    Time(i64),
    List(Vec<Node>),
    Map(Vec<(&'static str, Node)>),
}

impl Node {
    /// JSON 1.0: times are numbers.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            Self::Time(seconds) => (*seconds).into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(members) => {
                let members = members.iter().map(|(name, value)| ((*name).to_owned(), value.to_json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// Query: times are ISO 8601, items of lists are `member`s.
    pub(super) fn to_xml(&self, name: &str) -> Element {
        match self {
            Self::Text(text) => Element { text: text.clone(), ..Element::new(name) },
            Self::Number(number) => Element { text: number.to_string(), ..Element::new(name) },
            Self::Time(seconds) => {
                let time = Timestamp::from_second(*seconds).unwrap_or(Timestamp::MAX);
                Element { text: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), ..Element::new(name) }
            }
            Self::List(items) => {
                Element::new(name).holding_all(items.iter().map(|item| item.to_xml("member")))
            }
            Self::Map(members) => {
                Element::new(name).holding_all(members.iter().map(|(name, value)| value.to_xml(name)))
            }
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Reads a form into JSON's values: `A.member.1.B=x` is the member `B` of the first item of `A`.
pub(super) fn read_form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, value) in pairs {
        let path: Vec<&str> = name.split('.').filter(|part| *part != "member").collect();
        put(&mut root, &path, value);
    }
    lists(root)
}

fn put(into: &mut Value, path: &[&str], value: &str) {
    let Value::Object(members) = into else { return };
    match path {
        [] => {}
        [last] => drop(members.insert((*last).to_owned(), value.into())),
        [first, rest @ ..] => {
            put(members.entry(*first).or_insert_with(|| Value::Object(Map::new())), rest, value);
        }
    }
}

/// Objects whose members are all numbered are lists, in the order of the numbers.
fn lists(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let mut numbered: Vec<(u32, Value)> = Vec::new();
    let mut named = Map::new();
    for (name, value) in members {
        match name.parse() {
            Ok(number) => numbered.push((number, lists(value))),
            Err(_) => drop(named.insert(name, lists(value))),
        }
    }
    if numbered.is_empty() {
        return Value::Object(named);
    }
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, value)| value).collect()
}
