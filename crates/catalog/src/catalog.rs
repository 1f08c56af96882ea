//! The catalog: an immutable snapshot of everything known, in layers.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use outcrop_texts::{self as texts, Text};
use serde::Serialize;

use crate::builtin::BuiltIn;
use crate::facts::{Facts, Known};
use crate::identifier::Vocabulary;
use crate::layer::{Described, KnownProfile, Layer, Stratum};
use crate::suggest::Suggestions;
use crate::{Model, Price, Residency, ResolveError, SystemProfile};

/// Everything known, as one immutable value; cheap to share, and to extend by a layer.
///
/// [`Catalog::resolve`](crate::resolve) is its purpose.
#[derive(Debug, Clone)]
pub struct Catalog {
    built_in: &'static BuiltIn,
    strata: BTreeMap<Source, Arc<Stratum>>,
    facts: Arc<Facts>,
    residency: Option<Arc<Residency>>,
    prefers_global: bool,
    suggestions: Arc<Suggestions>,
}

/// Where a fact comes from, weakest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

impl Catalog {
    /// The data compiled into the binary.
    pub fn built_in() -> Self {
        Self {
            built_in: BuiltIn::get(),
            strata: BTreeMap::new(),
            facts: Arc::default(),
            residency: None,
            prefers_global: false,
            suggestions: Arc::default(),
        }
    }

    /// This catalog with one more layer. Stronger sources win whatever the order of calls; a second layer of the same
    /// source adds to the first.
    #[must_use]
    pub fn with(&self, source: Source, layer: impl Borrow<Layer>) -> Self {
        let layer = layer.borrow();
        let mut catalog = Self { suggestions: Arc::default(), ..self.clone() };
        let says_facts = layer.says_facts();
        Arc::make_mut(catalog.strata.entry(source).or_default()).add(layer);
        if says_facts {
            catalog.facts = Arc::new(Facts::of(catalog.built_in, &catalog.strata));
        }
        catalog
    }

    /// This catalog with what another one has discovered, in place of its own discoveries.
    #[must_use]
    pub fn with_discoveries_of(&self, other: &Self) -> Self {
        let mut catalog = Self { suggestions: Arc::default(), ..self.clone() };
        match other.strata.get(&Source::Discovered) {
            Some(discovered) => catalog.strata.insert(Source::Discovered, Arc::clone(discovered)),
            None => catalog.strata.remove(&Source::Discovered),
        };
        catalog.facts = Arc::new(Facts::of(catalog.built_in, &catalog.strata));
        catalog
    }

    /// This catalog under a policy: nothing resolves to a call that the policy does not allow.
    #[must_use]
    pub fn under(&self, policy: Residency) -> Self {
        Self { residency: Some(Arc::new(policy)), ..self.clone() }
    }

    /// This catalog with `global` profiles before all others: often cheaper, and processed anywhere.
    #[must_use]
    pub fn preferring_global(&self) -> Self {
        Self { prefers_global: true, ..self.clone() }
    }

    /// Whether `global` profiles come before all others.
    pub fn prefers_global(&self) -> bool {
        self.prefers_global
    }

    /// The policy that holds, if any.
    pub fn residency(&self) -> Option<&Residency> {
        self.residency.as_deref()
    }

    /// A model by its bare id.
    pub fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.known_model(id).map(|known| &known.value).or_else(|| self.built_in.models.get(id))
    }

    /// All models, by id.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        let mut models: BTreeMap<&str, &Arc<Model>> =
            self.built_in.models.iter().map(|(id, model)| (id.as_str(), model)).collect();
        models.extend(self.facts.models.iter().map(|(id, known)| (id.as_str(), &known.value)));
        models.into_values()
    }

    /// A model that a layer has added or changed.
    pub(crate) fn known_model(&self, id: &str) -> Option<&Known<Model>> {
        self.facts.models.get(id)
    }

    /// Who says each known field of a model: `limits.maxOutputTokens` → `litellm 1.109.1, …` or `outcrop.yaml`. A field that the
    /// overlay leaves open is there, too, with the reason.
    pub fn provenance(&self, model: &str) -> BTreeMap<String, String> {
        let mut told = crate::builtin::provenance().get(model).cloned().unwrap_or_default();
        for (path, source) in self.known_model(model).into_iter().flat_map(Known::changed) {
            told.retain(|known, _| !known.starts_with(&format!("{path}.")));
            told.insert(path.to_owned(), source.to_string());
        }
        told
    }

    /// A system profile by its id.
    pub fn system_profile(&self, id: &str) -> Option<&Arc<SystemProfile>> {
        self.facts.profiles.get(id).map(|known| &known.value).or_else(|| self.built_in.profiles.get(id))
    }

    /// Who says where a system profile leads.
    pub(crate) fn source_of_profile(&self, id: &str) -> &Source {
        self.facts.profiles.get(id).map_or(&Source::BuiltIn, |known| known.source_of("routes"))
    }

    /// All system profiles, by id.
    pub fn system_profiles(&self) -> impl Iterator<Item = &Arc<SystemProfile>> {
        let mut profiles: BTreeMap<&str, &Arc<SystemProfile>> =
            self.built_in.profiles.iter().map(|(id, profile)| (id.as_str(), profile)).collect();
        profiles.extend(self.facts.profiles.iter().map(|(id, known)| (id.as_str(), &known.value)));
        profiles.into_values()
    }

    /// The system profiles of a model that can be called from a Region, best first: the narrowest geography before wider
    /// ones, `global` last unless it is [preferred](Self::preferring_global).
    pub fn profiles_for(&self, model: &str, region: &str) -> Vec<&Arc<SystemProfile>> {
        let profiles = self.profiles_of(model);
        let mut usable: Vec<_> = profiles.filter(|profile| profile.destinations(region).is_some()).collect();
        usable.sort_by_key(|profile| {
            (
                profile.is_global() != self.prefers_global,
                profile.destinations(region).map_or(0, <[String]>::len),
                profile.id.as_str(),
            )
        });
        usable
    }

    /// All system profiles of a model, from wherever they can be called.
    pub fn profiles_of(&self, model: &str) -> impl Iterator<Item = &Arc<SystemProfile>> {
        let known = self.facts.by_model.get(model).or_else(|| self.built_in.by_model.get(model));
        known.into_iter().flatten()
    }

    /// The best system profile of a model for calls from a Region.
    pub fn profile_for(&self, model: &str, region: &str) -> Option<&Arc<SystemProfile>> {
        self.profiles_for(model, region).into_iter().next()
    }

    /// The price list of a model, by `base`, geography or Region, and who says so.
    pub(crate) fn price(&self, model: &str, key: &str) -> Option<(&Price, &Source)> {
        let known = self.facts.prices.get(model).and_then(|prices| prices.get(key));
        let built_in = || self.built_in.prices.get(model)?.get(key).map(|price| (price, &Source::BuiltIn));
        known.map(|(price, source)| (price, source)).or_else(built_in)
    }

    /// The identifiers the configuration offers, in order; empty when it offers none in particular.
    pub fn offered(&self) -> &[String] {
        let strongest = self.strata.values().rev().find(|stratum| !stratum.offered.is_empty());
        strongest.map_or(&[], |stratum| &stratum.offered)
    }

    /// The aliases, by name.
    pub fn aliases(&self) -> BTreeSet<&str> {
        self.strata.values().flat_map(|stratum| stratum.aliases.keys()).map(String::as_str).collect()
    }

    /// The ARNs of the application profiles that are known, in order.
    pub fn application_profiles(&self) -> impl Iterator<Item = &str> {
        let known: BTreeSet<&str> = self.strata.values().flat_map(|stratum| stratum.profiles()).collect();
        known.into_iter()
    }

    /// The one application profile whose ARN ends in this id.
    pub(crate) fn application_profile_by_id(&self, id: &str) -> Option<&str> {
        if id.contains(['/', ':', '.']) {
            return None; // an ARN, or a model's name: spares looking at all profiles
        }
        let mut known = self
            .strata
            .values()
            .flat_map(|stratum| stratum.profiles())
            .filter(|arn| arn.rsplit('/').next() == Some(id));
        let arn = known.next()?;
        known.all(|other| other == arn).then_some(arn)
    }

    /// What was probably meant by an identifier that nothing knows, as a sentence.
    pub fn suggestion(&self, text: &str, region: &str) -> Option<Text> {
        self.suggestions.of(self, text, region)
    }

    /// What to offer a client that asks for the models of a Region: the configured list; else aliases, application profiles
    /// and everything AWS serves there.
    pub fn offers(&self, region: &str) -> Vec<String> {
        if !self.offered().is_empty() {
            return self.offered().to_vec();
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
        self.facts.vocabulary.as_ref().unwrap_or(&self.built_in.vocabulary)
    }

    /// From alias to alias: who says so, and what it means. Empty for a name that is no alias.
    pub(crate) fn alias_path(&self, name: &str) -> Result<Vec<(&Source, &str)>, ResolveError> {
        let mut path: Vec<(&Source, &str)> = Vec::new();
        while let Some((source, to)) = self.alias(path.last().map_or(name, |(_, to)| to)) {
            let is_circle = name == to || path.iter().any(|(_, seen)| *seen == to);
            path.push((source, to));
            if is_circle || path.len() > MAX_ALIASES {
                return Err(endless(name, &path, is_circle));
            }
        }
        Ok(path)
    }

    fn alias(&self, name: &str) -> Option<(&Source, &str)> {
        self.strongest(|stratum| stratum.aliases.get(name).map(String::as_str))
    }

    /// What LibreChat's `inferenceProfiles` calls for exactly this identifier.
    pub(crate) fn configured_target(&self, identifier: &str) -> Option<(&Source, &str)> {
        self.strongest(|stratum| stratum.inference_profiles.get(identifier).map(AsRef::as_ref))
    }

    /// What stands behind an ARN that is no profile's: provisioned throughput, a custom model and its deployments.
    pub(crate) fn behind(&self, arn: &str) -> Option<(&Source, &str)> {
        self.strongest(|stratum| stratum.behind.get(arn).map(String::as_str))
    }

    /// What AWS says of a router, an imported model or an endpoint.
    pub(crate) fn described(&self, arn: &str) -> Option<(&Source, &Described)> {
        self.strongest(|stratum| stratum.described.get(arn))
    }

    fn strongest<'a, T>(&'a self, word: impl Fn(&'a Stratum) -> Option<T>) -> Option<(&'a Source, T)> {
        self.strata.iter().rev().find_map(|(source, stratum)| Some((source, word(stratum)?)))
    }

    /// What the layers say of an application profile, by its ARN (not percent-encoded).
    pub(crate) fn application_profile(&self, arn: &str) -> Option<KnownProfile<'_>> {
        let mut known: Option<KnownProfile<'_>> = None;
        for (source, stratum) in &self.strata {
            if let Some(profile) = stratum.application_profiles.get(arn) {
                known.get_or_insert_default().learn(profile);
            }
            if let Some(model) = stratum.mappings.get(arn) {
                known.get_or_insert_default().mapped_to = Some((model, source));
            }
            for identifier in stratum.called_for.get(arn).into_iter().flatten() {
                if self.configured_target(identifier).is_some_and(|(strongest, _)| strongest == source) {
                    known.get_or_insert_default().called_for.push((identifier, source));
                }
            }
        }
        if let Some(known) = &mut known {
            known.called_for.sort_unstable();
        }
        known
    }

    /// The model that an application profile's ARN (not percent-encoded) is mapped to, and who says so.
    pub fn mapped(&self, arn: &str) -> Option<(&str, &Source)> {
        self.application_profile(arn)?.mapped_to
    }

    /// Mappings that AWS contradicts: who maps which profile to what, and what it really stands for.
    pub fn contradictions(&self) -> Vec<Contradiction<'_>> {
        let discovered = self.strata.get(&Source::Discovered);
        let asked = discovered.into_iter().flat_map(|stratum| stratum.application_profiles.keys());
        let mut found: Vec<_> = asked.filter_map(|arn| self.contradiction(arn)).collect();
        found.sort_by_key(|contradiction| contradiction.arn);
        found
    }

    fn contradiction<'a>(&'a self, arn: &'a str) -> Option<Contradiction<'a>> {
        let known = self.application_profile(arn)?;
        let (mapped_to, source) = known.mapped_to.or(match known.called_for.as_slice() {
            [one] => Some(*one),
            _ => None,
        })?;
        let live = crate::draft::model_id(known.model_arns)?;
        (self.model_behind(mapped_to)? != live).then_some(Contradiction { arn, source, mapped_to, live })
    }

    /// The bare model id of a model or system profile, by id or ARN or alias.
    fn model_behind(&self, identifier: &str) -> Option<String> {
        let path = self.alias_path(identifier).ok()?;
        let meant = path.last().map_or(identifier, |(_, to)| to);
        crate::draft::model_and_geography(meant, self.vocabulary()).map(|(model, _)| model)
    }
}

/// A mapping that AWS contradicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction<'a> {
    /// The application profile.
    pub arn: &'a str,
    /// Who maps it.
    pub source: &'a Source,
    /// What it is mapped to.
    pub mapped_to: &'a str,
    /// The model AWS lists for it.
    pub live: String,
}

/// An alias may name an alias; more than this in a row is a mistake.
pub const MAX_ALIASES: usize = 8;

fn endless(name: &str, path: &[(&Source, &str)], is_circle: bool) -> ResolveError {
    let steps: Vec<_> = std::iter::once(name).chain(path.iter().map(|(_, to)| *to)).collect();
    let source = path.last().map_or(&Source::BuiltIn, |(source, _)| source);
    let steps = steps.join(" → ");
    ResolveError::Unknown(match is_circle {
        true => texts::alias_in_circle(source, name, steps),
        false => texts::alias_too_long(source, name, MAX_ALIASES, steps),
    })
}
