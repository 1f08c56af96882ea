//! Raw JSON that is carried, not looked at.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::Error;
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

/// A text. One that was read stays as its JSON wrote it until somebody looks: most texts of a conversation are on their way
/// through, and are neither unescaped nor escaped again.
#[derive(Clone)]
pub struct JsonText(Form);

#[derive(Clone)]
enum Form {
    Plain(String),
    /// A JSON string, with its quotation marks; [`JsonText::keep`] has seen that it can be read.
    Written(Box<RawValue>),
}

impl JsonText {
    /// Keeps a string as it is written; an error for any other value, and for a string that is no Unicode text.
    pub(crate) fn keep(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        // Whoever read it has seen everything but surrogates without their half.
        let is_proven = raw.get().starts_with('"') && !escapes_by_number(raw.get());
        Ok(Self(match is_proven {
            true => Form::Written(raw),
            false => Form::Plain(serde_json::from_str(raw.get())?),
        }))
    }

    /// The text itself.
    pub fn to_str(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Plain(text) => text.into(),
            Form::Written(raw) => {
                let within = &raw.get()[1..raw.get().len() - 1];
                match memchr::memchr(b'\\', within.as_bytes()) {
                    None => within.into(),
                    Some(_) => {
                        serde_json::from_str::<String>(raw.get()).expect("it was seen when kept").into()
                    }
                }
            }
        }
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Plain(text) => text.is_empty(),
            Form::Written(raw) => raw.get() == "\"\"",
        }
    }

    /// Whether it holds nothing but blanks; most texts tell by their first letter.
    pub fn is_blank(&self) -> bool {
        match &self.0 {
            Form::Written(raw) if begins_with_a_letter(raw.get()) => false,
            _ => self.to_str().trim().is_empty(),
        }
    }

    /// Adds to the end.
    pub fn push_str(&mut self, more: &str) {
        if let Form::Written(_) = self.0 {
            self.0 = Form::Plain(self.to_str().into_owned());
        }
        if let Form::Plain(text) = &mut self.0 {
            text.push_str(more);
        }
    }
}

/// Whether `\u` is in it.
fn escapes_by_number(written: &str) -> bool {
    static NUMBER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u"));
    NUMBER.find(written.as_bytes()).is_some()
}

/// Whether the first thing in a JSON string that is no simple blank is a visible character of ASCII.
fn begins_with_a_letter(written: &str) -> bool {
    let mut rest = &written.as_bytes()[1..];
    while let [b' ', after @ ..] | [b'\\', b'n' | b't' | b'r', after @ ..] = rest {
        rest = after;
    }
    rest.first().is_some_and(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

impl Default for JsonText {
    fn default() -> Self {
        Self(Form::Plain(String::new()))
    }
}

impl From<String> for JsonText {
    fn from(text: String) -> Self {
        Self(Form::Plain(text))
    }
}

impl From<&str> for JsonText {
    fn from(text: &str) -> Self {
        Self(Form::Plain(text.to_owned()))
    }
}

impl From<Cow<'_, str>> for JsonText {
    fn from(text: Cow<'_, str>) -> Self {
        Self(Form::Plain(text.into_owned()))
    }
}

impl<'a> From<&'a JsonText> for Cow<'a, str> {
    fn from(text: &'a JsonText) -> Self {
        text.to_str()
    }
}

impl From<JsonText> for String {
    fn from(text: JsonText) -> Self {
        match text.0 {
            Form::Plain(text) => text,
            Form::Written(_) => text.to_str().into_owned(),
        }
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.to_str() == other.to_str()
    }
}

impl PartialEq<str> for JsonText {
    fn eq(&self, other: &str) -> bool {
        self.to_str() == other
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_str().fmt(f)
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Plain(text) => serializer.serialize_str(text),
            Form::Written(raw) => raw.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::keep(raw).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<JsonText, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_text_travels_as_it_is_written_and_reads_as_what_it_says() {
        for json in [r#""""#, r#"" \t""#, r#""a\nb \"c\" \\ é""#, r#""\/""#] {
            let text = read(json).unwrap();
            assert_eq!(serde_json::to_string(&text).unwrap(), json);
            assert_eq!(text.to_str(), serde_json::from_str::<String>(json).unwrap());
            assert_eq!(text, JsonText::from(text.to_str()));
        }
    }

    #[test]
    fn whole_surrogates_are_read_and_half_ones_refused() {
        assert_eq!(read(r#""\ud83d\ude00""#).unwrap().to_str(), "😀");
        for json in [r#""\ud83d""#, r#""\ude00 \ud83d""#, r#""\u12""#, "\"\u{1}\"", "7", "[]"] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn blanks_are_blank_however_they_are_written() {
        for (json, blank) in [
            (r#""""#, true),
            (r#"" \n\t\u0020""#, true),
            (r#"" x""#, false),
            (r#""\n.""#, false),
            (r#""0""#, false),
            (r#"" \n\"""#, false),
            (r#""  \r\u00a0""#, true),
        ] {
            assert_eq!(read(json).unwrap().is_blank(), blank, "{json}");
        }
    }

    #[test]
    fn more_is_added_to_what_was_read() {
        let mut text = read(r#""a\n""#).unwrap();
        text.push_str("\"b\"");
        assert_eq!(text.to_str(), "a\n\"b\"");
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""a\n\"b\"""#);
    }
}
