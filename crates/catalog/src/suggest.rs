//! What was probably meant by an identifier that nothing knows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use outcrop_texts::{self as texts, Text};

use crate::builtin::BuiltIn;
use crate::{Catalog, SystemProfile};

/// The suggestions that one catalog has made: a mapping to a model that does not exist is resolved with every request, and
/// comparing letters takes a thousand times as long as the rest of it.
#[derive(Debug, Default)]
pub(crate) struct Suggestions {
    /// By text and Region.
    made: Mutex<HashMap<(String, String), Option<Text>>>,
}

/// Enough for the slips of one configuration; hostile clients make up more.
const MOST_KEPT: usize = 256;

impl Suggestions {
    /// A sentence with the likeliest identifiers, if any comes near; those that can be called from `region` come first.
    pub(crate) fn of(&self, catalog: &Catalog, text: &str, region: &str) -> Option<Text> {
        if text.len() > MAX_LEN {
            return None;
        }
        let key = (text.to_owned(), region.to_owned());
        if let Some(made) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return made.clone();
        }
        let suggestion = suggestion(catalog, text, region);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MOST_KEPT {
            made.clear();
        }
        made.insert(key, suggestion.clone());
        suggestion
    }
}

fn suggestion(catalog: &Catalog, text: &str, region: &str) -> Option<Text> {
    let text = normal(text);
    let meant = [other_spelling, wrong_geography, without_publisher, unfinished, other_order, nearest]
        .iter()
        .map(|guess| guess(catalog, &text, region))
        .find(|meant| !meant.is_empty())?;
    let shown: Vec<_> = meant.into_iter().take(MAX_SHOWN).collect();
    Some(texts::did_you_mean(shown.join(" or ")))
}

/// Longer than any id; comparing letters takes time in proportion to the length.
const MAX_LEN: usize = 160;

/// More than three choices are no help.
const MAX_SHOWN: usize = 3;

fn normal(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// Wrong case or spaces around a name that is known.
fn other_spelling(catalog: &Catalog, text: &str, _region: &str) -> Vec<String> {
    names(catalog).filter(|name| normal(name) == text).map(str::to_owned).collect()
}

/// `ap.anthropic.…`: the geographies that do have the model; those that the slip looks like first, then what can be called.
fn wrong_geography(catalog: &Catalog, text: &str, region: &str) -> Vec<String> {
    let Some((written, model)) = text.split_once('.') else { return Vec::new() };
    let mut profiles: Vec<_> = catalog.profiles_of(model).collect();
    let is_meant = |profile: &SystemProfile| looks_like(written, &profile.geography);
    let any_meant = profiles.iter().any(|profile| is_meant(profile));
    profiles.sort_by_key(|profile| {
        let other_continent = any_meant && !profile.is_global();
        let is_closed = profile.destinations(region).is_none();
        (!is_meant(profile), other_continent, is_closed, profile.is_global(), &profile.id)
    });
    let on_demand = catalog.model(model).filter(|_| profiles.is_empty()).map(|model| model.id.clone());
    profiles.into_iter().map(|profile| profile.id.clone()).chain(on_demand).collect()
}

/// `ap` looks like `apac`, and like `jp`, whose Regions are `ap-…`.
fn looks_like(written: &str, geography: &str) -> bool {
    let regions = BuiltIn::get().geographies.get(geography);
    let begins = |region: &String| region.strip_prefix(written).is_some_and(|rest| rest.starts_with('-'));
    geography.starts_with(written) || regions.is_some_and(|regions| regions.iter().all(begins))
}

/// `us.claude-sonnet-4-5-…`: the geography is right, the publisher is left out.
fn without_publisher(catalog: &Catalog, text: &str, _region: &str) -> Vec<String> {
    let Some((geography, name)) = text.split_once('.') else { return Vec::new() };
    let profiles = catalog.system_profiles().filter(|profile| profile.geography == geography);
    profiles.map(|profile| &profile.id).filter(|id| tails(id).last() == Some(name)).cloned().collect()
}

/// The publisher, the date or the version left out: `claude-sonnet-4-5`, `anthropic.claude-3-haiku`.
fn unfinished(catalog: &Catalog, text: &str, region: &str) -> Vec<String> {
    let text = dashed(text);
    let rest = |name: &str| {
        tails(name).find_map(|tail| {
            let tail = dashed(tail);
            tail.strip_prefix(&text)
                .filter(|rest| rest.is_empty() || rest.starts_with(['-', ':']))
                .map(str::to_owned)
        })
    };
    let meant = names(catalog).filter_map(|name| Some((is_another_version(&rest(name)?), name)));
    ranked(catalog, region, meant)
}

/// The words of a name in another order, or some of them: `claude-4-opus`, `us.claude-opus-4`, `haiku`.
fn other_order(catalog: &Catalog, text: &str, region: &str) -> Vec<String> {
    let wanted: Vec<&str> = words(text).filter(|word| *word != "latest").collect();
    if !wanted.iter().any(|word| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic())) {
        return Vec::new();
    }
    let meant = names(catalog).filter_map(|name| {
        let mut left: Vec<&str> = words(name).collect();
        for word in &wanted {
            left.remove(left.iter().position(|had| had == word)?);
        }
        let is_version = |word: &&str| word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
        // `v1:0` leaves a zero behind.
        Some((left.into_iter().filter(is_version).any(|word| word != "0"), name))
    });
    ranked(catalog, region, meant)
}

/// `claude-opus-4` means `…-4-20250514-v1:0` rather than `…-4-7`.
fn is_another_version(rest: &str) -> bool {
    let word = rest.trim_start_matches('-').split(['-', ':']).next().unwrap_or_default();
    (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The version that was written before others, what can be called from here before what cannot, short names before long ones.
fn ranked<'a>(catalog: &Catalog, region: &str, meant: impl Iterator<Item = (bool, &'a str)>) -> Vec<String> {
    let mut meant: Vec<_> = meant
        .map(|(is_another, name)| (is_another, !is_callable(catalog, name, region), name.len(), name))
        .collect();
    meant.sort_unstable();
    meant.into_iter().map(|(.., name)| name.to_owned()).collect()
}

/// Directly or, for a model, through some profile.
fn is_callable(catalog: &Catalog, name: &str, region: &str) -> bool {
    match catalog.system_profile(name) {
        Some(profile) => profile.destinations(region).is_some(),
        None => catalog.model(name).is_none() || !catalog.ways_from(name, region).is_empty(),
    }
}

/// `claude-3.5` and `claude-3-5` are three words each.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// The nearest name by letters: a wrong version, a slip of the pen.
fn nearest(catalog: &Catalog, text: &str, _region: &str) -> Vec<String> {
    let text = dashed(text);
    let candidates = names(catalog).flat_map(|name| tails(name).map(move |tail| (tail, name)));
    let distances = candidates.filter_map(|(tail, name)| {
        let most = slips(tail.len().min(text.len()));
        let is_near = tail.len().abs_diff(text.len()) <= most; // spares the comparison
        let distance = is_near.then(|| strsim::osa_distance(&dashed(tail), &text))?;
        (distance <= most).then_some((distance, tail.len(), name))
    });
    distances.min().map(|(_, _, name)| name.to_owned()).into_iter().collect()
}

/// One slip in six letters, and one in a short word; more make another word.
fn slips(len: usize) -> usize {
    if len < 3 { 0 } else { (len / 6).max(1) }
}

/// People write `claude-3.5` for `claude-3-5`.
fn dashed(text: &str) -> String {
    text.replace(['.', '_', ' '], "-")
}

/// `us.anthropic.claude-x`, `anthropic.claude-x`, `claude-x`.
fn tails(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |text| text.split_once('.').map(|(_, rest)| rest)).take(3)
}

fn names(catalog: &Catalog) -> impl Iterator<Item = &str> {
    let models = catalog.models().map(|model| model.id.as_str());
    let profiles = catalog.system_profiles().map(|profile| profile.id.as_str());
    models.chain(profiles).chain(catalog.aliases())
}
