//! Raw JSON that is carried, not looked at.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// One JSON value kept as its text, so that numbers, key order and unknown members survive untouched.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The text of the value.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Keeps `text`; an error when it is not exactly one JSON value.
    pub fn parse(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text.into()).map(Json)
    }

    /// The JSON of any serialisable value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Json)
    }

    /// Keeps a value that a reader borrowed.
    pub(crate) fn keep(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Json::parse("{}").expect("{} is JSON")
    }

    /// Whether the value is an object (the first byte tells: raw values carry no leading blanks).
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Json)
    }
}
