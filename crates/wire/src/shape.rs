//! The shapes of client requests: every known member by name, and the names of those that are not known.

/// Declares the shape of a JSON object in a client's request: each `"member" => field: Type` becomes an
/// `Option<Type>` (`null` is absent), and members it does not name are remembered in `unknown`, so that each can be
/// answered with a notice.
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
                        let mut shape = $name::default();
                        while let Some(crate::union::Text(key)) = map.next_key()? {
                            match key.as_ref() {
                                $($key => shape.$field = map.next_value()?,)+
                                _ => if map.next_value::<Option<serde::de::IgnoredAny>>()?.is_some() {
                                    shape.unknown.push(key.into_owned());
                                },
                            }
                        }
                        Ok(shape)
                    }
                }
                deserializer.deserialize_map(Shape::<Self>(std::marker::PhantomData))
            }
        }
    };
}
