//! Reading YAML into a type, with messages a person can act on: `file:line:column`, the path of the key, advice.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Location, Spanned};

use crate::environment::Environment;
use crate::expand::{Unresolved, expand};
use crate::js_yaml;
use crate::problem::{Problem, nearest};
use crate::secret;

/// A configuration file: its name as the person wrote it, and its text.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// For messages.
    pub name: &'a str,
    /// The whole file.
    pub text: &'a str,
}

/// What the person names themself.
pub type Named<T> = BTreeMap<Name, T>;

/// A key that the person chose, as it stands in the file. [`Source::name`] says what it means.
#[derive(Debug)]
pub struct Name {
    written: String,
    place: Location,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced: _, defined } = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { written: value, place: defined })
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Two keys written alike may differ (`1` and `"1"`), so that it is told which of them are one.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let place = |name: &Self| (name.place.line(), name.place.column());
        self.written.cmp(&other.written).then_with(|| place(self).cmp(&place(other)))
    }
}

impl Source<'_> {
    /// Reads the file as a `T`. Whether a plain scalar is text at all, [`Source::text`] says.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Box<Problem>> {
        let options = serde_saphyr::options! { with_snippet: false, no_schema: false };
        let mut path = None;
        let read = serde_saphyr::with_deserializer_from_str_with_options(self.text, options, |de| {
            serde_path_to_error::deserialize(de).map_err(|error| {
                path = Some(error.path().to_string());
                error.into_inner()
            })
        });
        read.map_err(|error| Box::new(self.explain(error.without_snippet(), path.as_deref())))
    }

    /// A problem at a place in the file, with the line shown.
    pub fn error(self, location: Location, message: impl Into<String>) -> Problem {
        Problem::error(self.place(location), message).excerpt(self.text, location.line(), location.column())
    }

    /// Like [`Source::error`], but the program can go on.
    pub fn warning(self, location: Location, message: impl Into<String>) -> Problem {
        Problem::warning(self.place(location), message).excerpt(self.text, location.line(), location.column())
    }

    /// Refuses a value that LibreChat's reader takes for a number, a truth value or a date.
    pub fn text(self, key: &str, text: &Spanned<String>) -> Result<(), Box<Problem>> {
        let written = self.from(text.defined);
        if js_yaml::is_text(written, &text.value) {
            return Ok(());
        }
        let problem = self.error(text.referenced, format!("{} must be a text in quotes", subject(key)));
        Err(Box::new(problem.hint(QUOTES)))
    }

    /// What LibreChat's reader takes a key for: `0x1F` is `31`. `under` is what the key stands in.
    pub fn name(self, under: &str, name: &Name) -> Result<String, Box<Problem>> {
        js_yaml::key(self.from(name.place), &name.written).ok_or_else(|| {
            let message = format!("the key `{}` under `{under}` must be a text in quotes", name.written);
            Box::new(self.error(name.place, message).hint(QUOTES))
        })
    }

    /// The keys of a map as they are meant; what means no text, or the same as another one, is added to `problems`.
    pub fn named<T>(self, under: &str, map: Named<T>, problems: &mut Vec<Problem>) -> BTreeMap<String, T> {
        let mut named = BTreeMap::new();
        for (name, value) in map {
            match self.name(under, &name) {
                Err(problem) => problems.push(*problem),
                Ok(meant) if named.contains_key(&meant) => {
                    let message = format!("the key `{meant}` is given twice under `{under}`");
                    problems.push(self.error(name.place, message).hint(REMOVE_ONE));
                }
                Ok(meant) => {
                    named.insert(meant, value);
                }
            }
        }
        named
    }

    /// The file from a value on, its tag and anchor included.
    fn from(&self, location: Location) -> &str {
        let offset = location.span().byte_offset().and_then(|offset| usize::try_from(offset).ok());
        let Some(mut start) = offset.filter(|offset| self.text.is_char_boundary(*offset)) else { return "" };
        loop {
            let before = self.text[..start].trim_end_matches([' ', '\t']);
            let word = before.rfind([' ', '\t', '\n']).map_or(0, |blank| blank + 1);
            if !before[word..].starts_with(['!', '&']) {
                return &self.text[start..];
            }
            start = word;
        }
    }

    /// Replaces `${VAR}`; every variable that cannot be replaced is added to `problems`, and the result is `None`.
    pub fn expand(
        self,
        key: &str,
        text: &Spanned<String>,
        environment: &Environment,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        match expand(&text.value, environment) {
            Ok(value) => Some(value),
            Err(unresolved) => {
                problems.extend(unresolved.iter().map(|one| self.unresolved(key, text.referenced, one)));
                None
            }
        }
    }

    fn unresolved(self, key: &str, location: Location, unresolved: &Unresolved) -> Problem {
        self.error(location, unresolved.message(key)).hint(unresolved.hint())
    }

    /// Where something stands, for whoever names it later: `outcrop.yaml:3`.
    pub fn line(self, location: Location) -> String {
        format!("{}:{}", self.name, location.line())
    }

    fn place(self, location: Location) -> String {
        format!("{}:{}:{}", self.name, location.line(), location.column())
    }

    fn explain(self, error: &Error, path: Option<&str>) -> Problem {
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let message = message(error, &written_path(path.unwrap_or_default()));
        let problem = match is_secret_key(error) {
            // Nor is its line.
            true => Problem::error(self.place(location), message),
            false => self.error(location, message),
        };
        match advice(error) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

/// The path as a person would say it: `Spanned` adds a `value` step, and `?` is a key that was never finished.
fn written_path(path: &str) -> String {
    let steps = path.split('.').filter(|step| !matches!(*step, "" | "value" | "?"));
    let shown = steps.map(|step| if secret::may_be(step) { "…" } else { step });
    shown.collect::<Vec<_>>().join(".")
}

/// Whether the key that is wrong may be a secret.
fn is_secret_key(error: &Error) -> bool {
    match error {
        Error::SerdeUnknownField { field, .. } => secret::may_be(field),
        Error::DuplicateMappingKey { key: Some(twice), .. } => secret::may_be(twice),
        _ => false,
    }
}

/// What is wrong. The value itself is left out: it may be a secret.
fn message(error: &Error, key: &str) -> String {
    let under = match key.rsplit_once('.') {
        Some((parent, _)) => format!(" under `{parent}`"),
        None => String::new(),
    };
    match error {
        Error::SerdeUnknownField { .. } if is_secret_key(error) => {
            format!("unknown key{under}; its name is not shown, for it may be a secret")
        }
        Error::SerdeUnknownField { field, .. } => format!("unknown key `{field}`{under}"),
        Error::SerdeUnknownVariant { expected, .. } => {
            format!("`{key}` must be one of {}", listed(expected))
        }
        Error::SerdeMissingField { field, .. } => format!("`{field}` is missing{}", within(key)),
        Error::SerdeInvalidType { expected, .. } => format!("{} must be {}", subject(key), plain(expected)),
        Error::SerdeInvalidValue { expected, .. } => format!("{} must be {}", subject(key), plain(expected)),
        Error::DuplicateMappingKey { .. } if is_secret_key(error) => "a key is given twice".to_owned(),
        Error::DuplicateMappingKey { key: Some(twice), .. } => format!("the key `{twice}` is given twice"),
        Error::Unexpected { expected, .. } => format!("{} must be {}", subject(key), plain(expected)),
        Error::QuotingRequired { .. } => format!("{} must be a text in quotes", subject(key)),
        Error::NullIntoString { .. } => format!("{} is empty; it must be a text", subject(key)),
        Error::Eof { .. } => format!("{} is empty", subject(key)),
        other => first_line(&other.to_string()),
    }
}

fn advice(error: &Error) -> Option<String> {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            Some(match nearest(field, expected.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => known(expected),
            })
        }
        Error::QuotingRequired { .. } => Some(QUOTES.to_owned()),
        Error::DuplicateMappingKey { .. } => Some(REMOVE_ONE.to_owned()),
        _ => None,
    }
}

/// What to do about a key that is there twice.
const REMOVE_ONE: &str = "remove one of the two";

/// What to do about a number where a text belongs.
const QUOTES: &str = "put the value in quotes: without them YAML reads a number, a truth value or a date";

fn subject(key: &str) -> String {
    if key.is_empty() { "the file".to_owned() } else { format!("`{key}`") }
}

fn within(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" in `{key}`") }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// serde's and the parser's words in those of a person who writes YAML.
fn plain(expected: &str) -> String {
    match expected {
        "a sequence" | "sequence start" => "a list (one `- item` a line)".to_owned(),
        "a map" | "mapping start" => "a mapping (`key: value`)".to_owned(),
        "string scalar" | "a string" | "scalar" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        other if other.starts_with("struct ") => "a mapping (`key: value`)".to_owned(),
        other => other.to_owned(),
    }
}

fn known(keys: &[&str]) -> String {
    let (shown, rest) = keys.split_at(keys.len().min(KEYS_SHOWN));
    let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
    format!("known here: {}{more} (`outcrop config schema` has them all)", shown.join(", "))
}

/// Enough to recognise the place one meant, few enough to read.
const KEYS_SHOWN: usize = 7;

/// The parser's own words, without the place that stands before the message anyway.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.rsplit_once(" at line ").map_or(line, |(what, _)| what).to_owned()
}
