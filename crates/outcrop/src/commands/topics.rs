//! `outcrop help`: short pages about what people stumble over, in English and Portuguese.

use std::io::Write;

use crate::args::{Help, Language, Topic};
use crate::failure::Failure;
use crate::paper;

/// Prints a page, or says which there are.
pub fn run(help: &Help) -> Result<(), Failure> {
    let mut out = paper::out();
    match help.topic {
        Some(topic) => Ok(write!(out, "{}", page(topic, help.lang))?),
        None => Ok(write!(out, "{LIST}")?),
    }
}

const LIST: &str = "Topics: profiles, errors, links (`outcrop help profiles`; in Portuguese with `--lang pt`)
Commands: `outcrop --help`, `outcrop COMMAND --help`, `outcrop man COMMAND`
";

fn page(topic: Topic, lang: Language) -> &'static str {
    match (topic, lang) {
        (Topic::Profiles, Language::En) => include_str!("topics/profiles.en.md"),
        (Topic::Profiles, Language::Pt) => include_str!("topics/profiles.pt.md"),
        (Topic::Errors, Language::En) => include_str!("topics/errors.en.md"),
        (Topic::Errors, Language::Pt) => include_str!("topics/errors.pt.md"),
        (Topic::Links, Language::En) => include_str!("topics/links.en.md"),
        (Topic::Links, Language::Pt) => include_str!("topics/links.pt.md"),
    }
}
