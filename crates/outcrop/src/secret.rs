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

/// What a credential must not hold, in words: it would break the header that it is sent in.
pub fn oddity(value: &str) -> Option<&'static str> {
    let odd = value.chars().find(|c| c.is_whitespace() || c.is_control() || !c.is_ascii())?;
    Some(match odd {
        '\n' | '\r' => "a line break",
        c if c.is_whitespace() => "a blank",
        c if c.is_control() => "a control character",
        _ => "a character that is not ASCII",
    })
}
