//! What is legal and yet cannot work: names that lead nowhere, and keys of one list that are missing from another.
//!
//! Nothing here stops the program. `config check` prints all of it, `serve` the first few at its start.

use std::collections::{BTreeSet, HashMap};

use outcrop_catalog::{Catalog, Identifier, Kind, ResolveError};

use crate::mappings;
use crate::problem::{Problem, nearest};
use crate::settings::{MODELS, Settings};
use crate::shown::{Entry, entries};

/// Everything a person should know about the identifiers in the configuration; at most [`MOST`] a kind.
pub fn checks(settings: &Settings) -> Vec<Problem> {
    found(settings, |_| true)
}

/// Of [`checks`], what can hardly be meant: names that lead nowhere and keys that match nothing.
pub fn slips(settings: &Settings) -> Vec<Problem> {
    found(settings, |said| said == Said::NoIdentifier)
}

fn found(settings: &Settings, wanted: impl Fn(Said) -> bool) -> Vec<Problem> {
    let catalog = settings.catalog();
    let entries = entries(settings);
    let mut problems = resolved(settings, &catalog, &entries, wanted);
    problems.extend(unmatched(&catalog, &entries));
    problems.sort_by(|a, b| (&a.place, &a.message).cmp(&(&b.place, &b.message)));
    problems.dedup();
    problems
}

/// What the resolver may say of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It can be used, and there is something to know.
    Notice,
    /// It is none.
    NoIdentifier,
}

/// Nobody reads more; and looking for what was meant takes time for each.
pub const MOST: usize = 100;

/// What the resolver has to say about every identifier that is named.
fn resolved(
    settings: &Settings,
    catalog: &Catalog,
    entries: &[Entry<'_>],
    wanted: impl Fn(Said) -> bool,
) -> Vec<Problem> {
    let context = settings.context();
    let mut problems = Vec::new();
    for entry in entries {
        let Some(identifier) = entry.identifier() else { continue };
        match catalog.resolve(identifier, &context) {
            Ok(resolution) if wanted(Said::Notice) => problems.extend(
                resolution
                    .notices
                    .iter()
                    .map(|notice| Problem::warning(&entry.source, format!("{identifier}: {notice}"))),
            ),
            Ok(_) => {}
            Err(ResolveError::Residency(_)) if !wanted(Said::Notice) => {}
            Err(error) => {
                let problem = Problem::warning(&entry.source, error.to_string());
                problems.push(match error.hint() {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                });
            }
        }
        if problems.len() >= MOST {
            break;
        }
    }
    problems
}

/// Of [`checks`], the keys of one list that are missing from another.
pub fn unmatched_keys(settings: &Settings) -> Vec<Problem> {
    unmatched(&settings.catalog(), &entries(settings))
}

/// Keys of `inferenceProfiles` and of the mappings that nobody is offered, and offered profiles whose model nothing tells.
fn unmatched(catalog: &Catalog, entries: &[Entry<'_>]) -> Vec<Problem> {
    let offered: Vec<&str> = catalog.offered().iter().map(String::as_str).collect();
    if offered.is_empty() {
        return Vec::new();
    }
    let lists = Lists::of(catalog, &offered, entries);
    let keys = entries.iter().filter(|entry| entry.is_key_of("inferenceProfiles")).filter_map(|entry| {
        let key = entry.identifier()?;
        lists.missing(key).map(|problem| (entry, key, problem))
    });
    let keys = keys.map(|(entry, key, near)| {
        let message = format!("`inferenceProfiles` has `{key}`, which no list of models offers");
        Problem::warning(&entry.source, message).hint(near)
    });
    let mapped = entries.iter().filter(|entry| entry.is_key_of("mappings")).filter_map(|entry| {
        let arn = entry.identifier()?;
        (lists.in_variable && !lists.reaches(arn)).then(|| {
            let message = format!("{} maps {arn}, which no list of models offers", mappings::VARIABLE);
            Problem::warning(&entry.source, message)
                .hint("add it to BEDROCK_AWS_MODELS (or `models`), or give it an alias")
        })
    });
    keys.take(MOST).chain(mapped.take(MOST)).chain(lists.unmapped(entries).take(MOST)).collect()
}

/// The offered models, ready to be compared.
struct Lists<'a> {
    catalog: &'a Catalog,
    offered: BTreeSet<&'a str>,
    /// By the form in which case, prefix and version do not count.
    alike: HashMap<String, &'a str>,
    /// What the aliases and profiles that are offered lead to.
    called: BTreeSet<&'a str>,
    mapped: BTreeSet<&'a str>,
    /// Both lists are variables: who names ARNs in the one is used to naming them in the other.
    in_variable: bool,
}

impl<'a> Lists<'a> {
    fn of(catalog: &'a Catalog, offered: &[&'a str], entries: &'a [Entry<'a>]) -> Self {
        let named = |key: &'static str| entries.iter().filter(move |entry| entry.is_key_of(key));
        Self {
            catalog,
            offered: offered.iter().copied().collect(),
            alike: offered.iter().map(|id| (bare(catalog, id), *id)).collect(),
            called: named("aliases").chain(named("inferenceProfiles")).map(|entry| &*entry.value).collect(),
            in_variable: named("models").any(|entry| entry.source.ends_with(MODELS)),
            mapped: named("mappings").filter_map(Entry::identifier).collect(),
        }
    }

    /// What to do about a key that is not offered; `None` when it is.
    fn missing(&self, key: &str) -> Option<String> {
        if self.offered.contains(key) || self.called.contains(key) {
            return None;
        }
        let near = self.alike.get(&bare(self.catalog, key)).copied();
        let near = near.or_else(|| self.slip(key));
        Some(match near {
            Some(near) => format!("did you mean `{near}`? {}", difference(self.catalog, key, near)),
            None => format!("add `{key}` to `models` (or BEDROCK_AWS_MODELS), letter by letter"),
        })
    }

    /// A slip of the hand; comparing letters takes time, so only in lists that people write.
    fn slip(&self, key: &str) -> Option<&'a str> {
        (self.offered.len() <= MOST).then(|| nearest(key, self.offered.iter().copied())).flatten()
    }

    fn reaches(&self, arn: &str) -> bool {
        self.offered.contains(arn) || self.called.contains(arn)
    }

    /// Application profiles that are offered while the mappings, of which there are some, do not tell their model.
    fn unmapped(&self, entries: &'a [Entry<'a>]) -> impl Iterator<Item = Problem> {
        let offered = entries.iter().filter(|entry| entry.is_key_of("models") && !self.mapped.is_empty());
        offered.filter(|entry| self.is_unmapped(&entry.value)).map(|entry| {
            let message = format!(
                "{} is offered, and {} does not say which model is behind it",
                entry.value,
                mappings::VARIABLE
            );
            Problem::warning(&entry.source, message)
                .hint("add it to the mappings; without, AWS is asked when it is first used")
        })
    }

    fn is_unmapped(&self, id: &str) -> bool {
        mappings::is_application_profile(id) && !self.mapped.contains(id) && !self.called.contains(id)
    }
}

/// The name alone: small letters, without geography, version and context suffix.
fn bare(catalog: &Catalog, id: &str) -> String {
    let small = id.trim().to_lowercase();
    let model = match Identifier::parse(&small, catalog.vocabulary()) {
        Ok(Identifier::SystemProfile { model, .. }) => model,
        Ok(Identifier::Arn(arn)) if matches!(arn.kind, Kind::FoundationModel | Kind::InferenceProfile) => {
            return bare(catalog, &arn.id);
        }
        _ => small,
    };
    unversioned(&model).to_owned()
}

/// Without `-v1:0`, `-v1`, `:0` and `:256k` at its end.
fn unversioned(model: &str) -> &str {
    let name = model.split_once(':').map_or(model, |(name, _)| name);
    match name.rsplit_once("-v") {
        Some((base, version)) if !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) => {
            base
        }
        _ => name,
    }
}

/// In what two names of one model differ.
fn difference(catalog: &Catalog, written: &str, meant: &str) -> &'static str {
    if written.eq_ignore_ascii_case(meant) {
        "case counts"
    } else if written.trim() == meant.trim() {
        "there are blanks around one of the two"
    } else if bare(catalog, written) != bare(catalog, meant) {
        "the two must be the same, letter by letter"
    } else if unversioned(written) == unversioned(meant) {
        "the version counts"
    } else {
        "the prefix of the geography counts"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_names_differ_in() {
        let catalog = Catalog::built_in();
        let id = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
        for (written, difference) in [
            ("us.Anthropic.claude-sonnet-4-5-20250929-v1:0", "case counts"),
            ("us.anthropic.claude-sonnet-4-5-20250929-v2:0", "the version counts"),
            ("us.anthropic.claude-sonnet-4-5-20250929", "the version counts"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", "the prefix of the geography counts"),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "the prefix of the geography counts"),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", "the two must be the same, letter by letter"),
        ] {
            assert_eq!(super::difference(&catalog, written, id), difference, "{written}");
            let same = bare(&catalog, written) == bare(&catalog, id);
            assert_eq!(same, !difference.starts_with("the two"), "{written}");
        }
    }
}
