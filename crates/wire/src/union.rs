//! AWS unions: a JSON object with exactly one member, open at the end.

/// Declares an AWS union: each `"member" => Variant(Type)`, and `Other` for what AWS adds tomorrow.
///
/// Members that are `null` count as absent; two present members are an error, as in AWS's own services.
macro_rules! wire_union {
    ($(#[$meta:meta])* $vis:vis enum $name:ident $(<$lt:lifetime>)? {
        $($(#[$vmeta:meta])* $key:literal => $variant:ident($ty:ty),)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis enum $name $(<$lt>)? {
            $($(#[$vmeta])* $variant($ty),)+
            /// A member this version does not know, kept as it came.
            Other($crate::bedrock::OtherMember),
        }

        impl $(<$lt>)? serde::Serialize for $name $(<$lt>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(Some(1))?;
                match self {
                    $(Self::$variant(value) => map.serialize_entry($key, value)?,)+
                    Self::Other(other) => map.serialize_entry(&other.key, &other.value)?,
                }
                map.end()
            }
        }

        impl<'de $(: $lt, $lt)?> serde::Deserialize<'de> for $name $(<$lt>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members<T>(std::marker::PhantomData<T>);
                impl<'de $(: $lt, $lt)?> serde::de::Visitor<'de> for Members<$name $(<$lt>)?> {
                    type Value = $name $(<$lt>)?;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object with one of the members", $(" `", $key, "`",)+))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        use $crate::union::{Text, no_member, two_members};
                        let mut found = None;
                        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
                            let member = match key.as_ref() {
                                $($key => map.next_value::<Option<$ty>>()?.map($name::$variant),)+
                                _ => map.next_value::<Option<$crate::Json>>()?.map(|value| {
                                    $name::Other($crate::bedrock::OtherMember { key: key.to_string(), value })
                                }),
                            };
                            if member.is_some() && found.replace(member).is_some() {
                                return Err(two_members(&key));
                            }
                        }
                        found.flatten().ok_or_else(no_member)
                    }
                }
                deserializer.deserialize_map(Members::<Self>(std::marker::PhantomData))
            }
        }
    };
}

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Serialize};

/// Text that borrows from its source when it holds no escapes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

pub(crate) fn two_members<E: Error>(second: &str) -> E {
    E::custom(format_args!("expected exactly one member, found `{second}` as well"))
}

pub(crate) fn no_member<E: Error>() -> E {
    E::custom("expected exactly one member, found none")
}
