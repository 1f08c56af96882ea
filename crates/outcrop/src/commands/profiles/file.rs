//! `profiles.yaml`: the profiles an account should have, as they are written.

use std::collections::BTreeMap;
use std::path::Path;

use outcrop_bedrock::control::sts::RoleToAssume;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::rules::{self, Refused};
use crate::failure::Failure;
use crate::problem::Problem;
use crate::region;
use crate::tag_policy::{Breach, TagPolicy};
use crate::yaml::Source;

/// The file, every text of it checked.
pub struct File {
    name: String,
    text: String,
    /// In the order they are written.
    pub profiles: Vec<Written>,
    /// Tags of every profile that does not say otherwise.
    tags: Tags,
    /// The file's, over the configuration's.
    policy: TagPolicy,
    accounts: BTreeMap<String, Assumed>,
}

/// How another account is reached.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assumed {
    role: Spanned<String>,
    #[serde(default)]
    external_id: Option<String>,
}

type Tags = BTreeMap<String, Spanned<String>>;

fn plain(tags: &Tags) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect()
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
    pub tags: Option<Tags>,
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

/// What the logs of the account show beside the role.
const SESSION: &str = "outcrop-profiles";

impl File {
    /// Reads and checks; on failure every problem that was found.
    pub fn read(path: &Path, default_region: &str, configured: &TagPolicy) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Typed {
            profiles: Vec<Written>,
            #[serde(default)]
            tags: Tags,
            #[serde(default)]
            required_tags: Vec<String>,
            #[serde(default)]
            tag_values: BTreeMap<String, Vec<String>>,
            #[serde(default)]
            accounts: BTreeMap<String, Assumed>,
        }
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{name} cannot be read: {error}")).hint("check -f"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        let typed: Typed = Source { name: &name, text: &text }.read().map_err(|problem| vec![*problem])?;
        let Typed { profiles, tags, required_tags, tag_values, accounts } = typed;
        let policy = TagPolicy { tags: plain(&tags), required_tags, tag_values }.over(configured);
        let file = Self { name, text, profiles, tags, policy, accounts };
        match file.problems(default_region) {
            problems if problems.is_empty() => Ok(file),
            problems => Err(problems.into()),
        }
    }

    /// The role by which the account of a profile is reached; `None`: by the credentials at hand.
    pub fn role_of(&self, written: &Written) -> Option<RoleToAssume> {
        let Assumed { role, external_id } = self.accounts.get(&written.account.as_ref()?.value)?;
        Some(RoleToAssume {
            arn: role.value.clone(),
            session_name: SESSION.to_owned(),
            external_id: external_id.clone(),
            ..RoleToAssume::default()
        })
    }

    /// All the tags a profile is to have; `None`: whatever it has.
    pub fn tags_of(&self, written: &Written) -> Option<BTreeMap<String, String>> {
        if written.tags.is_none() && self.policy.tags.is_empty() {
            return None;
        }
        Some(self.policy.complete(written.tags.as_ref().map(plain).unwrap_or_default()))
    }

    /// Where the value of a profile's tag is written; the profile's name where the configuration says it.
    fn place_of(&self, written: &Written, key: &str) -> Location {
        let own = written.tags.as_ref().and_then(|tags| tags.get(key));
        own.or_else(|| self.tags.get(key)).map_or(written.name.referenced, |value| value.referenced)
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
        for (account, Assumed { role, external_id: _ }) in &self.accounts {
            let is_of_account = role.value.split(':').nth(4) == Some(account);
            if !(role.value.starts_with("arn:") && role.value.contains(":role/") && is_of_account) {
                let message = format!("`{}` is no role of the account {account}", role.value);
                let hint = format!(
                    "write it as arn:aws:iam::{account}:role/NAME, and the account's number in quotes"
                );
                problems.push(self.problem(role.referenced, message, Some(hint)));
            }
        }
        for (key, value) in &self.tags {
            if let Err(Refused { message, hint }) = rules::tag(key, &value.value) {
                problems.push(self.problem(value.referenced, message, hint));
            }
        }
        for written in &self.profiles {
            problems.extend(self.problems_of(written));
            problems.extend(self.unlabelled(written));
            let account = written.account.as_ref().map(|account| account.value.as_str());
            let key = (written.region_or(default_region), written.name.value.as_str(), account);
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

    /// What breaks the tag policy.
    fn unlabelled(&self, written: &Written) -> Vec<Problem> {
        let tags = self.tags_of(written).unwrap_or_default();
        let problem = |breach: &Breach<'_>| {
            let place = match breach {
                Breach::Missing(_) => written.name.referenced,
                Breach::Value { key, .. } => self.place_of(written, key),
            };
            let Refused { message, hint } = rules::breach(&written.name.value, breach);
            self.problem(place, message, hint)
        };
        self.policy.breaches(&tags).iter().map(problem).collect()
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
