//! A value that cannot be printed by accident.

/// A secret: no `Debug`, no `Display`, no `Serialize`. Whoever needs the text asks for it by a name that shows in a review.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value that has been checked to be usable in a header.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
