//! What a client is told when its request fails: every text with its way out, in English, in one [table](mod@table).
//!
//! A text can be made here only, so none stands anywhere else: its fields are closed to other crates. A text without words of
//! the request is a constant, one with words is a function of them, and the compiler counts them. What AWS itself says is
//! handed on in AWS's words; what we say of it stands here. How each dialect writes an error is in `outcrop_wire::errors`.

use std::borrow::Cow;
use std::fmt;

mod table;

pub use table::*;

/// What is wrong and why, and how to put it right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
}

impl Text {
    const fn fixed(message: &'static str, hint: Option<&'static str>) -> Self {
        let hint = match hint {
            Some(hint) => Some(Cow::Borrowed(hint)),
            None => None,
        };
        Self { message: Cow::Borrowed(message), hint }
    }

    fn of(message: String, hint: Option<String>) -> Self {
        Self { message: Cow::Owned(message), hint: hint.map(Cow::Owned) }
    }

    /// What is wrong, and why.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to put it right.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same, with what another text says as the way out.
    #[must_use]
    pub fn with_hint(self, hint: Self) -> Self {
        Self { hint: Some(hint.message), ..self }
    }

    /// The same, with the way out of another text, which it tells of.
    #[must_use]
    pub fn with_hint_of(self, other: &Self) -> Self {
        Self { hint: other.hint.clone(), ..self }
    }

    /// The same, with a way out where it has none.
    #[must_use]
    pub fn or_hint(self, hint: impl FnOnce() -> Option<Self>) -> Self {
        if self.hint.is_some() {
            return self;
        }
        Self { hint: hint().map(|hint| hint.message), ..self }
    }
}

/// The message; `{:#}` is both, as one line.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) if f.alternate() => write!(f, " (hint: {hint})"),
            _ => Ok(()),
        }
    }
}

/// One row of the table as it is written, for whoever prints it.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name here.
    pub name: &'static str,
    /// With the words in braces.
    pub message: &'static str,
    /// Likewise.
    pub hint: Option<&'static str>,
}

/// A word of the request, or of somebody else: cut where it is longer than a person would read.
fn shown(word: impl fmt::Display) -> String {
    const MOST: usize = 1_000;
    let mut word = word.to_string();
    if let Some((end, _)) = word.char_indices().nth(MOST) {
        word.truncate(end);
    }
    word
}

/// A section is a title and its rows: `NAME = "message" => "hint";`, or `name(word, …) = …` with the words in braces.
macro_rules! texts {
    ($($title:literal: { $($name:ident $(($($word:ident),+))? = $message:literal $(=> $hint:literal)?;)+ })+) => {
        $($(texts!(@one $name [$($($word)+)?] $message [$($hint)?]);)+)+

        /// All of them, by their sections.
        pub const SECTIONS: &[(&str, &[crate::Row])] = &[
            $(($title, &[$(crate::Row { name: stringify!($name), message: $message, hint: texts!(@hint $($hint)?) }),+])),+
        ];
    };
    (@one $name:ident [] $message:literal [$($hint:literal)?]) => {
        #[doc = $message]
        pub const $name: crate::Text = crate::Text::fixed($message, texts!(@hint $($hint)?));
    };
    (@one $name:ident [$($word:ident)+] $message:literal [$($hint:literal)?]) => {
        #[doc = $message]
        pub fn $name($($word: impl std::fmt::Display),+) -> crate::Text {
            $(let $word = crate::shown($word);)+
            crate::Text::of(format!($message), texts!(@formatted $($hint)?))
        }
    };
    (@hint) => { None };
    (@hint $hint:literal) => { Some($hint) };
    (@formatted) => { None };
    (@formatted $hint:literal) => { Some(format!($hint)) };
}

pub(crate) use texts;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn rows() -> impl Iterator<Item = &'static Row> {
        SECTIONS.iter().flat_map(|(_, rows)| *rows)
    }

    #[test]
    fn each_text_is_said_once_and_in_one_tone() {
        let all: Vec<_> = rows().collect();
        for (index, Row { name, message, hint }) in all.iter().enumerate() {
            let said = [Some(*message), *hint];
            for text in said.into_iter().flatten() {
                let is_foreign = name.starts_with("openai_");
                assert!(!text.is_empty() && text.trim() == text, "{name}: {text}");
                assert!(is_foreign || !text.ends_with('.'), "{name} ends in a full stop: {text}");
                let begins_small = text.starts_with(|c: char| !c.is_uppercase());
                let is_name = NAMES.iter().any(|name| text.starts_with(name));
                assert!(is_foreign || begins_small || is_name, "{name} begins with a capital: {text}");
            }
            let same = all[..index].iter().find(|other| other.message == *message);
            assert!(same.is_none(), "{name} says what {} says", same.map_or("", |other| other.name));
        }
    }

    /// What is written with a capital wherever it stands.
    const NAMES: [&str; 7] = ["AWS", "Bedrock", "OpenAI", "Region", "Titan", "TLS", "ARN"];

    #[test]
    fn every_text_is_used() {
        let sources: String = sources().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        for Row { name, .. } in rows() {
            let called = format!("texts::{name}");
            let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let used = sources.match_indices(&called).any(|(at, _)| is_end(&sources[at + called.len()..]));
            assert!(used, "nothing says {name}");
        }
    }

    fn sources() -> Vec<PathBuf> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders: Vec<_> =
            ["catalog", "wire", "bedrock", "gateway"].map(|name| crates.join(name).join("src")).into();
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }

    #[test]
    fn words_are_put_in_their_places_and_cut() {
        let text = image_type("image/x");
        assert_eq!(text.message(), "pictures of type `image/x` are not supported");
        assert!(text.hint().unwrap().starts_with("Bedrock takes image/png"));
        let long = foreign_content("{content}".repeat(9_000));
        assert!(long.message().contains("{content}") && long.message().chars().count() < 1_100);
        assert_eq!(shown("ß".repeat(2_000)).chars().count(), 1_000);
    }

    #[test]
    fn another_text_can_be_the_way_out() {
        let text = NOT_BASE64.with_hint(TEXT_ONLY);
        assert_eq!(
            format!("{text:#}"),
            "the data are not standard base64 (hint: only text is possible here)"
        );
        assert_eq!(text.to_string(), "the data are not standard base64");
        assert_eq!(text.clone().or_hint(|| Some(NOT_BASE64)), text);
    }
}
