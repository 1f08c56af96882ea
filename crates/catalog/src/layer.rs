//! What one source contributes, and how it is looked up.

use std::collections::{BTreeMap, HashMap};

use crate::facts::Overrides;
use crate::survey::Survey;
use crate::{ApplicationProfile, Arn, Kind, Source};

/// One source's contribution: what it adds to or overrides in the layers below.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    /// Friendly name → identifier.
    pub aliases: BTreeMap<String, String>,
    /// LibreChat's direction: the identifier a client writes → the profile ARN to invoke.
    pub inference_profiles: BTreeMap<String, String>,
    /// Application profiles by ARN (mapping or discovery).
    pub application_profiles: BTreeMap<String, ApplicationProfile>,
    /// What stands behind the ARN of provisioned throughput, a custom model, a deployment or a marketplace endpoint: the
    /// ARN of a model, or of another one of these.
    pub behind: BTreeMap<String, String>,
    /// Identifiers to offer in model lists, in order.
    pub offered: Vec<String>,
    /// Models, profiles and prices: whole records or single fields.
    pub overrides: Overrides,
    /// What AWS lists, by Region.
    pub surveys: BTreeMap<String, Survey>,
}

impl Layer {
    /// Whether it changes models, system profiles or prices.
    pub(crate) fn says_facts(&self) -> bool {
        !self.overrides.is_empty() || !self.surveys.is_empty()
    }
}

/// A layer in the form in which it is asked: ARNs are not percent-encoded, and a hash finds them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stratum {
    pub(crate) aliases: HashMap<String, String>,
    pub(crate) inference_profiles: HashMap<String, String>,
    pub(crate) application_profiles: HashMap<String, ApplicationProfile>,
    pub(crate) behind: HashMap<String, String>,
    /// The other way round: ARN → the identifiers that `inference_profiles` calls it for, in order.
    pub(crate) called_for: HashMap<String, Vec<String>>,
    pub(crate) offered: Vec<String>,
    pub(crate) overrides: Overrides,
    pub(crate) surveys: BTreeMap<String, Survey>,
}

impl Stratum {
    pub(crate) fn add(&mut self, layer: Layer) {
        let Layer { aliases, inference_profiles, application_profiles, behind, offered, overrides, surveys } =
            layer;
        self.aliases.extend(aliases);
        self.add_inference_profiles(inference_profiles);
        let profiles = surveys.values().flat_map(Survey::application_profiles).map(|it| (it.arn.clone(), it));
        for (arn, profile) in application_profiles.into_iter().chain(profiles) {
            self.add_profile(canonical(arn), profile);
        }
        self.behind.extend(behind.into_iter().map(|(arn, target)| (canonical(arn), target)));
        self.offered.extend(offered);
        self.overrides.add(overrides);
        self.surveys.extend(surveys);
    }

    /// A listing has no tags; those that were asked for before stay.
    fn add_profile(&mut self, arn: String, mut profile: ApplicationProfile) {
        if let Some(known) = self.application_profiles.remove(&arn) {
            if profile.tags.is_empty() {
                profile.tags = known.tags;
            }
            profile.mapped_to = profile.mapped_to.or(known.mapped_to);
        }
        self.application_profiles.insert(arn, profile);
    }

    /// An ARN that is called for one identifier stands for it, too, when a client names the ARN itself.
    fn add_inference_profiles(&mut self, profiles: BTreeMap<String, String>) {
        for (identifier, target) in profiles {
            if let Ok(arn) = Arn::parse_encoded(&target)
                && arn.kind == Kind::ApplicationInferenceProfile
            {
                let called_for = self.called_for.entry(arn.to_string()).or_default();
                if !called_for.contains(&identifier) {
                    called_for.push(identifier.clone());
                }
            }
            self.inference_profiles.insert(identifier, target);
        }
    }

    /// The ARNs of the application profiles it knows of.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.application_profiles.keys().chain(self.called_for.keys()).map(String::as_str)
    }
}

/// An ARN in the form in which it is looked up. What is no ARN stays as it is.
fn canonical(text: String) -> String {
    if !text.contains('%') {
        return text;
    }
    Arn::parse_encoded(&text).map_or(text, |arn| arn.to_string())
}

/// What the layers say of one application profile.
#[derive(Debug, Default)]
pub(crate) struct KnownProfile<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The strongest mapping.
    pub(crate) mapped_to: Option<(&'a str, &'a Source)>,
    /// What AWS lists.
    pub(crate) model_arns: &'a [String],
    /// The identifiers that LibreChat's `inferenceProfiles` calls it for.
    pub(crate) called_for: Vec<(&'a str, &'a Source)>,
}

impl<'a> KnownProfile<'a> {
    /// A stronger source's word; what it leaves open stays as it was.
    pub(crate) fn learn(&mut self, profile: &'a ApplicationProfile, source: &'a Source) {
        let ApplicationProfile { arn: _, name, model_arns, mapped_to, tags } = profile;
        self.name = name.as_deref().or(self.name);
        if !model_arns.is_empty() {
            self.model_arns = model_arns;
        }
        if let Some(model) = mapped_to {
            self.mapped_to = Some((model, source));
        }
        self.tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}
