//! `profiles.yaml`: the profiles an account should have, as they are written.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::rules::{self, Refused};
use crate::failure::Failure;
use crate::problem::Problem;
use crate::region;
use crate::yaml::Source;

/// The file, every text of it checked.
pub struct File {
    name: String,
    text: String,
    /// In the order they are written.
    pub profiles: Vec<Written>,
}

/// One profile as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Unique within its Region.
    pub name: Spanned<String>,
    /// What it is copied from.
    pub from: Spanned<String>,
    /// Without it, the Region of the configuration.
    #[serde(default)]
    pub region: Option<Spanned<String>>,
    /// Without it, whatever the profile has.
    #[serde(default)]
    pub description: Option<Spanned<String>>,
    /// All of its tags; without the key, whatever the profile has.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, Spanned<String>>>,
    /// The account it must be in, so that the wrong credentials change nothing.
    #[serde(default)]
    pub account: Option<Spanned<String>>,
}

impl Written {
    /// The Region it is meant for.
    pub fn region_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.region.as_ref().map_or(default, |region| &region.value)
    }
}

impl File {
    /// Reads and checks; on failure every problem that was found.
    pub fn read(path: &Path, default_region: &str) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Typed {
            profiles: Vec<Written>,
        }
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{name} cannot be read: {error}")).hint("check -f"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        let typed: Typed = Source { name: &name, text: &text }.read().map_err(|problem| vec![*problem])?;
        let file = Self { name, text, profiles: typed.profiles };
        match file.problems(default_region) {
            problems if problems.is_empty() => Ok(file),
            problems => Err(problems.into()),
        }
    }

    /// A problem at a place in the file.
    pub fn problem(&self, place: Location, message: impl Into<String>, hint: Option<String>) -> Problem {
        let problem = Source { name: &self.name, text: &self.text }.error(place, message);
        match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }

    fn problems(&self, default_region: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut names = BTreeMap::new();
        for written in &self.profiles {
            problems.extend(self.problems_of(written));
            let key = (written.region_or(default_region), written.name.value.as_str());
            if let Some(first) = names.insert(key, written.name.referenced.line()) {
                let message = format!(
                    "the profile `{}` is written twice for {}; line {first} has it too",
                    key.1, key.0
                );
                problems.push(self.problem(
                    written.name.referenced,
                    message,
                    Some("remove one of the two".to_owned()),
                ));
            }
        }
        problems
    }

    fn problems_of(&self, written: &Written) -> Vec<Problem> {
        let Written { name, from: _, region, description, tags, account } = written;
        let mut refused = vec![(name.referenced, rules::name(&name.value))];
        refused.extend(description.iter().map(|it| (it.referenced, rules::description(&it.value))));
        refused.extend(
            tags.iter().flatten().map(|(key, value)| (value.referenced, rules::tag(key, &value.value))),
        );
        refused.extend(region.iter().map(|it| {
            let checked = region::check(&it.value);
            (
                it.referenced,
                checked.map_err(|wrong| Refused { message: wrong.message, hint: Some(wrong.hint) }),
            )
        }));
        refused.extend(account.iter().map(|it| (it.referenced, rules::account(&it.value))));
        let refused = refused.into_iter().filter_map(|(place, checked)| Some((place, checked.err()?)));
        refused.map(|(place, Refused { message, hint })| self.problem(place, message, hint)).collect()
    }
}
