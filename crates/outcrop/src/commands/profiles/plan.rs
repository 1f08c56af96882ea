//! What it takes to make the account's profiles what they should be. Nothing in here talks to AWS or changes anything.

use std::collections::{BTreeMap, BTreeSet};

use outcrop_bedrock::control::{InferenceProfile, NewProfile};
use owo_colors::OwoColorize;
use serde::Serialize;

use super::source::Source;

/// A profile as it should be.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub name: String,
    pub region: String,
    pub source: Source,
    /// `None`: whatever it has.
    pub description: Option<String>,
    /// `None`: whatever it has.
    pub tags: Option<BTreeMap<String, String>>,
}

/// A profile as it is.
#[derive(Debug, Clone)]
pub struct Existing {
    pub profile: InferenceProfile,
    pub tags: BTreeMap<String, String>,
    /// The name that a replacement of it would get.
    pub successor: String,
}

/// Tags with which a replacement tells what it replaces. They are ours, as `aws:` is AWS's.
const OURS: &str = "outcrop:";
/// The name in the file that a replacement stands for.
pub const REPLACES: &str = "outcrop:replaces";

/// `team-a-v2` is the second profile that stands for `team-a`.
pub fn successor(name: &str, version: u32) -> String {
    format!("{name}-v{version}")
}

/// Which one of those that stand for `name` a profile is, by its name: the first is `name` itself.
pub fn version(name: &str, of_profile: &str) -> Option<u32> {
    if of_profile == name {
        return Some(1);
    }
    let version = of_profile.strip_prefix(name)?.strip_prefix("-v")?;
    let is_plain = !version.starts_with('0') && version.bytes().all(|byte| byte.is_ascii_digit());
    version.parse().ok().filter(|version| is_plain && *version > 1)
}

/// One profile, and what is to be done with it.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    pub name: String,
    pub region: String,
    /// `None` until it exists.
    pub arn: Option<String>,
    #[serde(flatten)]
    pub action: Action,
    /// By which role, and in which Region, it is to be done.
    #[serde(skip)]
    pub place: (Option<String>, String),
}

/// What is to be done with a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// It does not exist.
    Create {
        #[serde(skip)]
        new: NewProfile,
        from: String,
    },
    /// Tags are all that can be changed.
    Retag { set: BTreeMap<String, String>, remove: Vec<String> },
    /// Something differs that AWS cannot change: it takes another profile, with another ARN. The old one is kept beside it.
    Replace {
        #[serde(skip)]
        new: NewProfile,
        because: Vec<String>,
        /// The new profile's name.
        beside: String,
        /// The old one's.
        #[serde(skip)]
        called: String,
    },
    /// Another profile stands for its name now, and it is kept for those who still use it.
    Superseded {
        /// The ARN of the one that does.
        by: String,
        /// Why it is not deleted.
        kept: String,
    },
    /// It is what it should be.
    Unchanged,
    /// Nobody wants it, and it is to be deleted.
    Delete,
    /// Nobody wants it, and it is left alone.
    Leave,
}

impl Action {
    /// What makes the profile of `existing` what is wanted.
    pub fn between(wanted: &Wanted, existing: Option<&Existing>) -> Self {
        let Some(existing) = existing else {
            let new = NewProfile {
                name: wanted.name.clone(),
                description: wanted.description.clone(),
                copy_from: wanted.source.arn.clone(),
                tags: wanted.tags.clone().unwrap_or_default(),
            };
            return Self::Create { new, from: wanted.source.arn.clone() };
        };
        let because = immutable_differences(wanted, existing);
        if !because.is_empty() {
            let new = replacement(wanted, existing);
            let called =
                existing.profile.inference_profile_name.clone().unwrap_or_else(|| wanted.name.clone());
            return Self::Replace { beside: new.name.clone(), new, because, called };
        }
        let Some(tags) = &wanted.tags else { return Self::Unchanged };
        let differs = |(key, value): &(&String, &String)| existing.tags.get(*key) != Some(*value);
        let set: BTreeMap<_, _> =
            tags.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect();
        let is_extra = |key: &&String| !tags.contains_key(*key) && !is_reserved(key);
        let remove: Vec<_> = existing.tags.keys().filter(is_extra).cloned().collect();
        if set.is_empty() && remove.is_empty() { Self::Unchanged } else { Self::Retag { set, remove } }
    }

    /// Whether anything is to be done.
    pub fn is_work(&self) -> bool {
        !matches!(self, Self::Unchanged | Self::Leave | Self::Superseded { .. })
    }
}

/// What is not written stays as it is, also on another profile.
fn replacement(wanted: &Wanted, existing: &Existing) -> NewProfile {
    let kept = existing.tags.iter().filter(|(key, _)| !is_reserved(key));
    let kept = || kept.clone().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut tags: BTreeMap<String, String> = wanted.tags.clone().unwrap_or_else(kept);
    tags.insert(REPLACES.to_owned(), wanted.name.clone());
    NewProfile {
        name: existing.successor.clone(),
        description: wanted.description.clone().or_else(|| existing.profile.description.clone()),
        copy_from: wanted.source.arn.clone(),
        tags,
    }
}

/// Not for a file to set or to remove.
pub fn is_reserved(key: &str) -> bool {
    key.starts_with("aws:") || key.starts_with(OURS)
}

/// AWS does not tell what a profile was copied from; the models it routes to do.
fn immutable_differences(wanted: &Wanted, existing: &Existing) -> Vec<String> {
    let mut differences = Vec::new();
    let (is, should): (BTreeSet<_>, BTreeSet<_>) = (
        existing.profile.model_arns().into_iter().collect(),
        wanted.source.model_arns.iter().cloned().collect(),
    );
    if is != should {
        let words = |arns: &BTreeSet<String>| arns.iter().map(|arn| place(arn)).collect::<Vec<_>>().join(" ");
        differences.push(format!("models: {} → {}", words(&is), words(&should)));
    }
    let described = existing.profile.description.as_deref();
    if let Some(text) = wanted.description.as_deref().filter(|text| described != Some(text)) {
        differences.push(format!("description: `{}` → `{text}`", described.unwrap_or_default()));
    }
    differences
}

/// `us-east-1/amazon.nova-lite-v1:0`
fn place(arn: &str) -> String {
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("anywhere");
    format!("{region}/{}", arn.split_once('/').map_or(arn, |(_, model)| model))
}

/// One line a profile, and one a difference.
pub fn lines(changes: &[Change]) -> Vec<String> {
    changes.iter().flat_map(Change::lines).collect()
}

/// `1 to create, 2 unchanged`
pub fn summary(changes: &[Change]) -> String {
    let count = |is: fn(&Action) -> bool| changes.iter().filter(|change| is(&change.action)).count();
    let counts = [
        (count(|it| matches!(it, Action::Create { .. })), "to create"),
        (count(|it| matches!(it, Action::Retag { .. })), "to tag anew"),
        (count(|it| matches!(it, Action::Replace { .. })), "to replace"),
        (count(|it| matches!(it, Action::Delete)), "to delete"),
        (count(|it| matches!(it, Action::Unchanged)), "unchanged"),
        (count(|it| matches!(it, Action::Superseded { .. })), "superseded and kept"),
        (count(|it| matches!(it, Action::Leave)), "not in the file and left alone"),
    ];
    let said: Vec<_> = counts
        .into_iter()
        .filter(|(many, _)| *many > 0)
        .map(|(many, what)| format!("{many} {what}"))
        .collect();
    if said.is_empty() { "no profiles".to_owned() } else { said.join(", ") }
}

impl Change {
    fn lines(&self) -> Vec<String> {
        let Self { name, region, arn, action, place: _ } = self;
        let line = |sign: String, what: &str| format!("{sign} {name} ({region}): {what}");
        let detail = |text: &String| format!("      {text}");
        match action {
            Action::Create { new, from } => {
                let tags = new.tags.iter().map(|(key, value)| detail(&format!("tag {key}={value}")));
                std::iter::once(line("  +".green().to_string(), &format!("create from {from}")))
                    .chain(tags)
                    .collect()
            }
            Action::Retag { set, remove } => {
                let set = set.iter().map(|(key, value)| detail(&format!("+ {key}={value}")));
                let remove = remove.iter().map(|key| detail(&format!("- {key}")));
                std::iter::once(line("  ~".yellow().to_string(), "tags")).chain(set).chain(remove).collect()
            }
            Action::Replace { because, beside, .. } => {
                let head = format!(
                    "replace: AWS cannot change it, so {beside} is created beside it, with another ARN"
                );
                std::iter::once(line("+/-".yellow().to_string(), &head))
                    .chain(because.iter().map(detail))
                    .collect()
            }
            Action::Superseded { by, kept } => {
                let head = format!("superseded by {by}; {kept}");
                vec![line("   ".to_owned(), &head)]
            }
            Action::Unchanged => vec![line("  =".dimmed().to_string(), "unchanged")],
            Action::Delete => {
                vec![line("  -".red().to_string(), &format!("delete {}", arn.as_deref().unwrap_or_default()))]
            }
            Action::Leave => vec![line("   ".to_owned(), "not in the file, left alone (--prune deletes it)")],
        }
    }
}

#[cfg(test)]
mod tests {
    use outcrop_bedrock::control::profiles::ModelArn;

    use super::*;

    const MODEL: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn wanted() -> Wanted {
        let source = Source { arn: MODEL.to_owned(), model_arns: vec![MODEL.to_owned()], note: None };
        Wanted { name: "a".to_owned(), region: "us-east-1".to_owned(), source, description: None, tags: None }
    }

    fn existing(held: &[(&str, &str)]) -> Existing {
        let profile = InferenceProfile {
            inference_profile_arn: "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x"
                .to_owned(),
            inference_profile_id: None,
            inference_profile_name: Some("a".to_owned()),
            description: Some("before".to_owned()),
            created_at: None,
            status: None,
            models: vec![ModelArn { model_arn: MODEL.to_owned() }],
        };
        Existing { profile, tags: tags(held), successor: successor("a", 2) }
    }

    #[test]
    fn what_is_not_written_is_left_as_it_is() {
        assert_eq!(Action::between(&wanted(), Some(&existing(&[("team", "a")]))), Action::Unchanged);
    }

    #[test]
    fn tags_are_all_that_is_changed_in_place_and_aws_own_stay() {
        let wanted = Wanted { tags: Some(tags(&[("team", "b"), ("env", "x")])), ..wanted() };
        let before = existing(&[("team", "a"), ("env", "x"), ("old", "1"), ("aws:x", "y")]);
        let expected = Action::Retag { set: tags(&[("team", "b")]), remove: vec!["old".to_owned()] };
        assert_eq!(Action::between(&wanted, Some(&before)), expected);
        let after = existing(&[("team", "b"), ("env", "x"), ("aws:x", "y")]);
        assert_eq!(Action::between(&wanted, Some(&after)), Action::Unchanged);
    }

    #[test]
    fn a_replacement_is_known_by_its_name() {
        assert_eq!(version("a", "a"), Some(1));
        assert_eq!(version("a", "a-v12"), Some(12));
        for other in ["a-v1", "a-v02", "a-v", "a-vx", "b", "ab", "a-v2-v3"] {
            assert_eq!(version("a", other), None, "{other}");
        }
    }

    #[test]
    fn another_source_or_description_is_another_profile() {
        let mut other = wanted();
        other.source.model_arns.push(MODEL.replace("us-east-1", "us-west-2"));
        other.description = Some("after".to_owned());
        let Action::Replace { because, new, .. } = Action::between(&other, Some(&existing(&[("team", "a")])))
        else {
            panic!("not a replacement");
        };
        assert_eq!((new.name.as_str(), &new.tags), ("a-v2", &tags(&[("team", "a"), (REPLACES, "a")])));
        assert_eq!(because.len(), 2);
        assert_eq!(because[1], "description: `before` → `after`");
    }
}
