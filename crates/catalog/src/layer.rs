//! What one source contributes, and how it is looked up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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
    /// The other direction: the ARN of an application profile → the identifier (of a model or system profile) it stands for.
    pub mappings: BTreeMap<String, String>,
    /// Application profiles by ARN, as AWS describes them.
    pub application_profiles: BTreeMap<String, ApplicationProfile>,
    /// What stands behind the ARN of provisioned throughput, a custom model, a deployment or a marketplace endpoint: the
    /// ARN of a model, or of another one of these.
    pub behind: BTreeMap<String, String>,
    /// What AWS says of an ARN that no single foundation model need stand behind: a prompt router, an imported model, a
    /// marketplace endpoint.
    pub described: BTreeMap<String, Described>,
    /// Identifiers to offer in model lists, in order.
    pub offered: Vec<String>,
    /// Models, profiles and prices: whole records or single fields.
    pub overrides: Overrides,
    /// What AWS lists, by Region.
    pub surveys: BTreeMap<String, Survey>,
}

/// What AWS says of a prompt router, an imported model or a marketplace endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// What it is, as a sentence for a person.
    pub says: String,
    /// The ARNs of the models and system profiles that a router may choose; empty for the others.
    pub model_arns: Vec<String>,
}

impl Layer {
    /// Whether it changes models, system profiles or prices.
    pub(crate) fn says_facts(&self) -> bool {
        !self.overrides.is_empty() || !self.surveys.is_empty()
    }
}

/// A layer in the form in which it is asked: ARNs are not percent-encoded, and a hash finds them. Texts that stand in more
/// than one map are shared, because a configuration may hold 100,000 of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stratum {
    pub(crate) aliases: HashMap<String, String>,
    pub(crate) inference_profiles: HashMap<Arc<str>, Arc<str>>,
    pub(crate) mappings: HashMap<Box<str>, Arc<str>>,
    pub(crate) application_profiles: HashMap<String, ApplicationProfile>,
    pub(crate) behind: HashMap<String, String>,
    pub(crate) described: HashMap<String, Described>,
    /// The other way round: ARN → the identifiers that `inference_profiles` calls it for, in order.
    pub(crate) called_for: HashMap<Arc<str>, Vec<Arc<str>>>,
    pub(crate) offered: Vec<String>,
    pub(crate) overrides: Overrides,
    pub(crate) surveys: BTreeMap<String, Survey>,
}

impl Stratum {
    pub(crate) fn add(&mut self, layer: &Layer) {
        let Layer {
            aliases,
            inference_profiles,
            mappings,
            application_profiles,
            behind,
            described,
            offered,
            overrides,
            surveys,
        } = layer;
        self.aliases.extend(aliases.iter().map(|(name, to)| (name.clone(), to.clone())));
        self.add_inference_profiles(inference_profiles);
        self.add_mappings(mappings);
        for profile in application_profiles.values() {
            self.add_profile(profile.clone());
        }
        surveys.values().flat_map(Survey::application_profiles).for_each(|profile| self.add_profile(profile));
        self.behind.extend(behind.iter().map(|(arn, target)| (canonical(arn), canonical(target))));
        self.described.extend(described.iter().map(|(arn, it)| (canonical(arn), it.clone())));
        self.offered.extend_from_slice(offered);
        self.overrides.add(overrides.clone());
        self.surveys.extend(surveys.iter().map(|(region, survey)| (region.clone(), survey.clone())));
    }

    /// A listing has no tags; those that were asked for before stay.
    fn add_profile(&mut self, mut profile: ApplicationProfile) {
        let arn = canonical(&profile.arn);
        if let Some(known) = self.application_profiles.remove(&arn)
            && profile.tags.is_empty()
        {
            profile.tags = known.tags;
        }
        self.application_profiles.insert(arn, profile);
    }

    /// Many profiles stand for few models.
    fn add_mappings(&mut self, mappings: &BTreeMap<String, String>) {
        let mut models: HashMap<&str, Arc<str>> = HashMap::new();
        self.mappings.reserve(mappings.len());
        for (arn, model) in mappings {
            let model = models.entry(model).or_insert_with(|| Arc::from(model.as_str()));
            self.mappings.insert(canonical(arn).into(), Arc::clone(model));
        }
    }

    /// An ARN that is called for one identifier stands for it, too, when a client names the ARN itself.
    fn add_inference_profiles(&mut self, profiles: &BTreeMap<String, String>) {
        self.inference_profiles.reserve(profiles.len());
        self.called_for.reserve(profiles.len());
        for (identifier, target) in profiles {
            let identifier: Arc<str> = Arc::from(identifier.as_str());
            let target: Arc<str> = Arc::from(target.as_str());
            if let Some(arn) = application_profile(&target) {
                let called_for = self.called_for.entry(arn).or_insert_with(|| Vec::with_capacity(1));
                if !called_for.contains(&identifier) {
                    called_for.push(Arc::clone(&identifier));
                }
            }
            self.inference_profiles.insert(identifier, target);
        }
    }

    /// The ARNs of the application profiles it knows of.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &str> {
        let described = self.application_profiles.keys().map(String::as_str);
        described
            .chain(self.mappings.keys().map(AsRef::as_ref))
            .chain(self.called_for.keys().map(AsRef::as_ref))
    }
}

/// The ARN that a target names, if it is an application profile's; shared with the target where it is the same text.
fn application_profile(target: &Arc<str>) -> Option<Arc<str>> {
    let arn = Arn::parse_encoded(target).ok().filter(|arn| arn.kind == Kind::ApplicationInferenceProfile)?;
    Some(if target.contains('%') { Arc::from(arn.to_string()) } else { Arc::clone(target) })
}

/// An ARN in the form in which it is looked up. What is no ARN stays as it is.
fn canonical(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    Arn::parse_encoded(text).map_or_else(|_| text.to_owned(), |arn| arn.to_string())
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
    pub(crate) fn learn(&mut self, profile: &'a ApplicationProfile) {
        let ApplicationProfile { arn: _, name, model_arns, tags } = profile;
        self.name = name.as_deref().or(self.name);
        if !model_arns.is_empty() {
            self.model_arns = model_arns;
        }
        self.tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}
