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

/// Whether what stands in a key's place may be a secret that slipped there, so that its name is not to be shown: what begins as keys do, what
/// no word is made of, and long mixtures of letters and digits.
pub fn may_be(name: &str) -> bool {
    const BEGINNINGS: [&str; 5] = ["sk-", "AKIA", "ASIA", "ABSK", "bedrock-api-key-"];
    /// Shorter ones are words with a number behind, such as `cacheWrite5m`.
    const LONG: usize = 16;
    let has = |is: fn(char) -> bool| name.chars().any(is);
    let is_mixed =
        has(|c| c.is_ascii_digit()) && has(|c| c.is_ascii_uppercase()) && has(|c| c.is_ascii_lowercase());
    let is_made_of_words = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c));
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || !(is_made_of_words || name.starts_with("arn:"))
        || (name.len() >= LONG && is_mixed)
        || name.len() >= 4 * LONG && !name.starts_with("arn:")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_settings_and_models_are_no_secrets() {
        for name in [
            "librechat",
            "cacheWrite5m",
            "inferenceProfiles",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/06vsfs68yb4g",
        ] {
            assert!(!may_be(name), "{name}");
        }
        for secret in [
            "sk-outcrop-0a1b",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG",
            "hunter2 and more",
            "0aB1cD2eF3gH4iJ5",
            "ABSKQmVk",
        ] {
            assert!(may_be(secret), "{secret}");
        }
    }
}
