//! The shapes of client requests: every known member by name, and the names of those that are not known.

/// Declares the shape of a JSON object in a client's request: each `"member" => field: Type` becomes an
/// `Option<Type>` (`null` is absent), and members it does not name are remembered in `unknown`, so that each can be
/// answered with a notice. A member that stands there twice is refused: two readers of one body must not be able to
/// disagree.
macro_rules! request_shape {
    ($(#[$meta:meta])* struct $name:ident $(<$lt:lifetime>)? { $($key:literal => $field:ident: $ty:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name $(<$lt>)? {
            $(pub(crate) $field: Option<$ty>,)+
            /// Names of members that are not known here and not null.
            pub(crate) unknown: Vec<String>,
        }

        impl<'de $(: $lt, $lt)?> serde::Deserialize<'de> for $name $(<$lt>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Shape<T>(std::marker::PhantomData<T>);
                impl<'de $(: $lt, $lt)?> serde::de::Visitor<'de> for Shape<$name $(<$lt>)?> {
                    type Value = $name $(<$lt>)?;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a JSON object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        $(let mut $field: Option<Option<$ty>> = None;)+
                        let mut unknown = Vec::new();
                        while let Some(crate::union::Text(key)) = map.next_key()? {
                            match key.as_ref() {
                                $($key => if $field.replace(map.next_value()?).is_some() {
                                    return Err(serde::de::Error::duplicate_field($key));
                                },)+
                                _ => if map.next_value::<Option<serde::de::IgnoredAny>>()?.is_some() {
                                    unknown.push(key.into_owned());
                                },
                            }
                        }
                        let mut shape = $name::default();
                        $(shape.$field = $field.flatten();)+
                        shape.unknown = unknown;
                        Ok(shape)
                    }
                }
                deserializer.deserialize_map(Shape::<Self>(std::marker::PhantomData))
            }
        }
    };
}

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::bedrock::CachePoint;
use crate::dialect::{ReasoningIntent, RequestError};
use crate::place::Place;
use crate::union::Text;
use crate::{Json, JsonText};

/// A member that is either plain text or something with structure.
#[derive(Debug)]
pub(crate) enum TextOr<'a, T> {
    /// Text.
    Text(Cow<'a, str>),
    /// The structured form.
    Else(T),
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for TextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrVisitor(PhantomData))
    }
}

struct TextOrVisitor<'a, T>(PhantomData<(&'a str, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for TextOrVisitor<'a, T> {
    type Value = TextOr<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or its structured form")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(TextOr::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOr::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(seq)).map(TextOr::Else)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Else)
    }
}

/// What is said: a text, or parts of several kinds.
#[derive(Debug)]
pub(crate) enum Content<T> {
    /// Text.
    Text(JsonText),
    /// Its parts.
    Parts(Vec<T>),
}

impl<'a, T: Deserialize<'a>> Content<T> {
    /// Reads the member at `path`.
    pub(crate) fn read(raw: &'a RawValue, path: Place<'_>) -> Result<Self, RequestError> {
        match raw.get().starts_with('"') {
            true => JsonText::keep(raw.to_owned())
                .map(Self::Text)
                .map_err(|error| RequestError::unreadable(path, &error)),
            false => RequestError::read_member(raw, path).map(Self::Parts),
        }
    }
}

/// A member and its text, for an answer that repeats what was asked.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    /// The member, understood.
    pub(crate) value: T,
    /// The same, as the client wrote it.
    pub(crate) json: Json,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let value = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self { value, json: Json::keep(raw) })
    }
}

impl<T> Kept<T> {
    /// Takes the two apart.
    pub(crate) fn split(kept: Option<Self>) -> (Option<T>, Option<Json>) {
        kept.map(|Self { value, json }| (value, json)).unzip()
    }
}

request_shape! {
    /// Anthropic's `cache_control`, which Chat clients send as well.
    struct CacheControl<'a> {
        "type" => kind: Text<'a>,
        "ttl" => ttl: Text<'a>,
    }
}

impl CacheControl<'_> {
    /// The cache point it asks for.
    pub(crate) fn cache_point(&self) -> CachePoint {
        CachePoint::with_ttl(self.ttl.as_ref().map(|ttl| ttl.to_string()))
    }
}

request_shape! {
    /// Anthropic's `thinking`, which Chat clients send as well.
    struct Thinking<'a> {
        "type" => kind: Text<'a>,
        "budget_tokens" => budget_tokens: u32,
        "display" => display: Text<'a>,
    }
}

impl Thinking<'_> {
    /// What it asks for; `effort` is `output_config.effort` or its like. `None` for a word that is not known.
    pub(crate) fn intent(&self, effort: Option<String>) -> Option<ReasoningIntent> {
        match (self.kind.as_deref()?, self.budget_tokens) {
            ("disabled", _) => Some(ReasoningIntent::Off),
            ("enabled", Some(budget)) => Some(ReasoningIntent::Budget(budget)),
            ("enabled" | "adaptive", _) => Some(ReasoningIntent::Adaptive { effort }),
            _ => None,
        }
    }
}

/// `top_k`; zero and less are ways to say "all tokens", which is the default.
pub(crate) fn top_k(asked: Option<i64>) -> Option<u32> {
    asked.and_then(|k| u32::try_from(k).ok()).filter(|k| *k > 0)
}

/// Whether a pair may stand in Converse's `requestMetadata`.
///
/// Source: botocore 1.43.11, `RequestMetadataKeyString` and `RequestMetadataValueString`: at most 256 of these.
pub(crate) fn fits_request_metadata(key: &str, value: &str) -> bool {
    const LONGEST: usize = 256;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c);
    let fits = |text: &str| text.len() <= LONGEST && text.chars().all(allowed);
    !key.is_empty() && fits(key) && fits(value)
}
