//! The catalog: an immutable snapshot of everything known, in layers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::builtin::BuiltIn;
use crate::identifier::Vocabulary;
use crate::{ApplicationProfile, Arn, Kind, Model, Price, Residency, ResolveError, SystemProfile};

/// Everything known, as one immutable value; cheap to share behind an `Arc`.
///
/// [`Catalog::resolve`](crate::resolve) is its purpose.
#[derive(Debug, Clone)]
pub struct Catalog {
    built_in: &'static BuiltIn,
    layers: BTreeMap<Source, Layer>,
    merged: Arc<Merged>,
    residency: Option<Arc<Residency>>,
}

/// Where a fact comes from, weakest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The data compiled into the binary.
    BuiltIn,
    /// Asked of AWS (or of the emulator).
    Discovered,
    /// A configuration file, with its name.
    File(String),
    /// An environment variable, with its name.
    Environment(String),
    /// A flag on the command line, with its name.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in catalog"),
            Self::Discovered => f.write_str("GetInferenceProfile"),
            Self::File(name) | Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One source's contribution: what it adds to or overrides in the layers below.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    /// Friendly name → identifier.
    pub aliases: BTreeMap<String, String>,
    /// LibreChat's direction: the identifier a client writes → the profile ARN to invoke.
    pub inference_profiles: BTreeMap<String, String>,
    /// Application profiles by ARN (mapping or discovery).
    pub application_profiles: BTreeMap<String, ApplicationProfile>,
    /// Identifiers to offer in model lists, in order.
    pub offered: Vec<String>,
}

/// All layers seen from above: for each name the strongest source's word.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) aliases: HashMap<String, (String, Source)>,
    pub(crate) inference_profiles: HashMap<String, (String, Source)>,
    pub(crate) application_profiles: BTreeMap<String, KnownProfile>,
    pub(crate) offered: Vec<String>,
}

/// What the layers say of one application profile.
#[derive(Debug, Default)]
pub(crate) struct KnownProfile {
    pub(crate) name: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The strongest mapping.
    pub(crate) mapped_to: Option<(String, Source)>,
    /// What AWS lists.
    pub(crate) model_arns: Vec<String>,
    /// The identifiers that LibreChat's `inferenceProfiles` calls it for.
    pub(crate) called_for: Vec<(String, Source)>,
}

impl Catalog {
    /// The data compiled into the binary.
    pub fn built_in() -> Self {
        Self { built_in: BuiltIn::get(), layers: BTreeMap::new(), merged: Arc::default(), residency: None }
    }

    /// This catalog with one more layer. Stronger sources win whatever the order of calls; a second layer of the same
    /// source adds to the first.
    #[must_use]
    pub fn with(&self, source: Source, layer: Layer) -> Self {
        let mut layers = self.layers.clone();
        let Layer { aliases, inference_profiles, application_profiles, offered } = layer;
        let known = layers.entry(source).or_default();
        known.aliases.extend(aliases);
        known.inference_profiles.extend(inference_profiles);
        known.application_profiles.extend(application_profiles);
        known.offered.extend(offered);
        let merged = Arc::new(Merged::of(&layers));
        Self { built_in: self.built_in, layers, merged, residency: self.residency.clone() }
    }

    /// This catalog under a policy: nothing resolves to a call that the policy does not allow.
    #[must_use]
    pub fn under(&self, policy: Residency) -> Self {
        Self { residency: Some(Arc::new(policy)), ..self.clone() }
    }

    /// The policy that holds, if any.
    pub fn residency(&self) -> Option<&Residency> {
        self.residency.as_deref()
    }

    /// What one source has contributed so far.
    pub fn layer(&self, source: &Source) -> Option<&Layer> {
        self.layers.get(source)
    }

    /// A model by its bare id.
    pub fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.built_in.models.get(id)
    }

    /// All models, by id.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.built_in.models.values()
    }

    /// A system profile by its id.
    pub fn system_profile(&self, id: &str) -> Option<&Arc<SystemProfile>> {
        self.built_in.profiles.get(id)
    }

    /// All system profiles, by id.
    pub fn system_profiles(&self) -> impl Iterator<Item = &Arc<SystemProfile>> {
        self.built_in.profiles.values()
    }

    /// The system profiles of a model that can be called from a Region, best first: the narrowest geography before wider
    /// ones, `global` last.
    pub fn profiles_for(&self, model: &str, region: &str) -> Vec<&Arc<SystemProfile>> {
        let profiles = self.profiles_of(model);
        let mut usable: Vec<_> = profiles.filter(|profile| profile.destinations(region).is_some()).collect();
        usable.sort_by_key(|profile| {
            (
                profile.is_global(),
                profile.destinations(region).map_or(0, <[String]>::len),
                profile.id.as_str(),
            )
        });
        usable
    }

    /// All system profiles of a model, from wherever they can be called.
    pub(crate) fn profiles_of(&self, model: &str) -> impl Iterator<Item = &Arc<SystemProfile>> {
        self.built_in.by_model.get(model).into_iter().flatten()
    }

    /// The best system profile of a model for calls from a Region.
    pub fn profile_for(&self, model: &str, region: &str) -> Option<&Arc<SystemProfile>> {
        self.profiles_for(model, region).into_iter().next()
    }

    /// The price list of a model, by `base`, geography or Region.
    pub(crate) fn price(&self, model: &str, key: &str) -> Option<&Price> {
        self.built_in.prices.get(model)?.get(key)
    }

    /// The identifiers the configuration offers, in order; empty when it offers none in particular.
    pub fn offered(&self) -> &[String] {
        &self.merged.offered
    }

    /// The aliases, by name.
    pub fn aliases(&self) -> BTreeSet<&str> {
        self.merged.aliases.keys().map(String::as_str).collect()
    }

    /// The ARNs of the application profiles that are known.
    pub fn application_profiles(&self) -> impl Iterator<Item = &str> {
        self.merged.application_profiles.keys().map(String::as_str)
    }

    /// What to offer a client that asks for the models of a Region: the configured list; else aliases, application profiles
    /// and everything AWS serves there.
    pub fn offers(&self, region: &str) -> Vec<String> {
        if !self.merged.offered.is_empty() {
            return self.merged.offered.clone();
        }
        let aliases = self.aliases().into_iter().map(str::to_owned);
        let own = self.application_profiles().map(str::to_owned);
        let models = self.models().filter(|model| model.on_demand.iter().any(|served| served == region));
        let profiles = self.system_profiles().filter(|profile| profile.destinations(region).is_some());
        let aws = models.map(|model| model.id.clone()).chain(profiles.map(|profile| profile.id.clone()));
        aliases.chain(own).chain(aws).collect()
    }

    /// The words that tell publishers from geographies.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.built_in.vocabulary
    }

    /// From alias to alias: who says so, and what it means. Empty for a name that is no alias.
    pub(crate) fn alias_path(&self, name: &str) -> Result<Vec<(&Source, &str)>, ResolveError> {
        let mut path: Vec<(&Source, &str)> = Vec::new();
        while let Some((to, source)) = self.merged.aliases.get(path.last().map_or(name, |(_, to)| to)) {
            let is_circle = name == to || path.iter().any(|(_, seen)| seen == to);
            path.push((source, to));
            if is_circle || path.len() > MAX_ALIASES {
                return Err(endless(name, &path, is_circle));
            }
        }
        Ok(path)
    }

    /// What LibreChat's `inferenceProfiles` calls for exactly this identifier.
    pub(crate) fn configured_target(&self, identifier: &str) -> Option<(&str, &Source)> {
        let (target, source) = self.merged.inference_profiles.get(identifier)?;
        Some((target, source))
    }

    pub(crate) fn merged(&self) -> &Merged {
        &self.merged
    }
}

/// An alias may name an alias; more than this in a row is a mistake.
pub const MAX_ALIASES: usize = 8;

fn endless(name: &str, path: &[(&Source, &str)], is_circle: bool) -> ResolveError {
    let how = match is_circle {
        true => "in a circle".to_owned(),
        false => format!("through more than {MAX_ALIASES} aliases"),
    };
    let steps: Vec<_> = std::iter::once(name).chain(path.iter().map(|(_, to)| *to)).collect();
    let source = path.last().map_or(&Source::BuiltIn, |(source, _)| source);
    ResolveError::Unknown {
        message: format!("{source}: the alias `{name}` leads {how}: {}", steps.join(" → ")),
        hint: Some("let it name a model id, a profile id or an ARN".to_owned()),
    }
}

impl Merged {
    /// Layers come weakest first, so a later word replaces an earlier one.
    fn of(layers: &BTreeMap<Source, Layer>) -> Self {
        let mut merged = Self::default();
        for (source, layer) in layers {
            let sourced = |value: &String| (value.clone(), source.clone());
            merged.aliases.extend(layer.aliases.iter().map(|(name, to)| (name.clone(), sourced(to))));
            merged
                .inference_profiles
                .extend(layer.inference_profiles.iter().map(|(id, arn)| (id.clone(), sourced(arn))));
            for (arn, profile) in &layer.application_profiles {
                merged.application_profiles.entry(canonical(arn)).or_default().learn(profile, source);
            }
            if !layer.offered.is_empty() {
                merged.offered.clone_from(&layer.offered);
            }
        }
        merged.reverse_inference_profiles();
        merged
    }

    /// An ARN that is called for one identifier stands for it, too, when a client names the ARN itself.
    fn reverse_inference_profiles(&mut self) {
        let sorted: BTreeMap<_, _> = self.inference_profiles.iter().collect();
        for (identifier, (target, source)) in sorted {
            let Ok(arn) = Arn::parse_encoded(target) else { continue };
            if arn.kind == Kind::ApplicationInferenceProfile {
                let known = self.application_profiles.entry(arn.to_string()).or_default();
                known.called_for.push((identifier.clone(), source.clone()));
            }
        }
    }
}

/// An ARN in the form in which it is looked up: not percent-encoded. What is no ARN stays as it is.
fn canonical(text: &str) -> String {
    Arn::parse_encoded(text).map_or_else(|_| text.to_owned(), |arn| arn.to_string())
}

impl KnownProfile {
    fn learn(&mut self, profile: &ApplicationProfile, source: &Source) {
        let ApplicationProfile { arn: _, name, model_arns, mapped_to, tags } = profile;
        if name.is_some() {
            self.name.clone_from(name);
        }
        if !model_arns.is_empty() {
            self.model_arns.clone_from(model_arns);
        }
        if let Some(model) = mapped_to {
            self.mapped_to = Some((model.clone(), source.clone()));
        }
        self.tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}
