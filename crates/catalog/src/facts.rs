//! Models, system profiles and prices as the layers leave them: the built-in records with what AWS lists and what the
//! configuration overrides, each changed field with its source.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::builtin::BuiltIn;
use crate::identifier::Vocabulary;
use crate::layer::Stratum;
use crate::survey::{Survey, serve};
use crate::{Identifier, Model, Price, Source, SystemProfile};

/// The records that differ from the built-in ones.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) models: BTreeMap<String, Known<Model>>,
    pub(crate) profiles: BTreeMap<String, Known<SystemProfile>>,
    /// All profiles of the models of which one differs.
    pub(crate) by_model: HashMap<String, Vec<Arc<SystemProfile>>>,
    pub(crate) prices: HashMap<String, BTreeMap<String, (Price, Source)>>,
    /// With the publishers and geographies of the records above; `None` when there are no new ones.
    pub(crate) vocabulary: Option<Vocabulary>,
}

/// A record, and who said which of its fields, where it was not the built-in catalog.
#[derive(Debug, Clone)]
pub(crate) struct Known<T> {
    pub(crate) value: Arc<T>,
    /// Path of the field (`limits.maxOutputTokens`) → who says so.
    sources: BTreeMap<String, Source>,
}

impl<T> Known<T> {
    /// The strongest source of a field or of anything in it.
    pub(crate) fn source_of(&self, path: &str) -> &Source {
        let within =
            |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let sources = self.sources.iter().filter(|(key, _)| within(key)).map(|(_, source)| source);
        sources.max().unwrap_or(&Source::BuiltIn)
    }

    /// The fields that a layer changed, each with its source.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources.iter().map(|(path, source)| (path.as_str(), source))
    }
}

impl Facts {
    /// Weakest layer first, so that a later word replaces an earlier one.
    pub(crate) fn of(built_in: &BuiltIn, strata: &BTreeMap<Source, Arc<Stratum>>) -> Self {
        let mut facts = Self::default();
        for (source, stratum) in strata {
            for (region, survey) in &stratum.surveys {
                facts.survey(built_in, region, survey, source);
            }
            facts.override_with(built_in, &stratum.overrides, source);
        }
        facts.index(built_in);
        facts
    }

    fn survey(&mut self, built_in: &BuiltIn, region: &str, survey: &Survey, source: &Source) {
        if let Some(listed) = survey.foundation_models.as_ref().filter(|listed| !listed.is_empty()) {
            for model in listed {
                if is_variant(built_in, &model.model_id) {
                    continue;
                }
                self.change_model(
                    built_in,
                    &model.model_id,
                    source,
                    || model.new_model(),
                    |it| model.describe(it, region),
                );
            }
            let listed: BTreeSet<&str> = listed.iter().map(|model| model.model_id.as_str()).collect();
            let is_here = |model: &Model| {
                [&model.on_demand, &model.profile_only].into_iter().flatten().any(|served| served == region)
            };
            let here: Vec<&str> =
                built_in.models.values().filter(|it| is_here(it)).map(|it| it.id.as_str()).collect();
            for id in missing(&here, |id| listed.contains(id)) {
                let id = id.to_owned();
                self.change_model(
                    built_in,
                    &id,
                    source,
                    || Model::unknown(&id),
                    |model| {
                        serve(&mut model.on_demand, region, false);
                        serve(&mut model.profile_only, region, false);
                    },
                );
            }
        }
        if let Some(listed) = survey.system_profiles() {
            self.survey_profiles(built_in, region, &listed, source);
        }
    }

    fn survey_profiles(
        &mut self,
        built_in: &BuiltIn,
        region: &str,
        listed: &BTreeMap<&str, &crate::survey::ListedProfile>,
        source: &Source,
    ) {
        for (id, profile) in listed {
            let known = self.profile(built_in, id).or_else(|| profile.new_profile());
            let Some(before) = known else { continue };
            let mut after = before.clone();
            profile.route(&mut after, region);
            self.change_profile(built_in, before, after, source);
        }
        let callable = built_in.profiles.values().filter(|profile| profile.destinations(region).is_some());
        let here: Vec<&str> = callable.map(|profile| profile.id.as_str()).collect();
        for id in missing(&here, |id| listed.contains_key(id)) {
            let Some(before) = self.profile(built_in, id) else { continue };
            let mut after = before.clone();
            after.withdraw(region);
            self.change_profile(built_in, before, after, source);
        }
    }

    fn profile(&self, built_in: &BuiltIn, id: &str) -> Option<SystemProfile> {
        let known = self.profiles.get(id).map(|known| &known.value).or_else(|| built_in.profiles.get(id));
        known.map(|profile| SystemProfile::clone(profile))
    }

    fn change_profile(
        &mut self,
        built_in: &BuiltIn,
        before: SystemProfile,
        after: SystemProfile,
        source: &Source,
    ) {
        let is_new = !built_in.profiles.contains_key(&after.id) && !self.profiles.contains_key(&after.id);
        if before == after && !is_new {
            return;
        }
        let id = after.id.clone();
        let mut sources = self.profiles.remove(&id).map(|known| known.sources).unwrap_or_default();
        sources.insert("routes".to_owned(), source.clone());
        self.profiles.insert(id, Known { value: Arc::new(after), sources });
    }

    fn change_model(
        &mut self,
        built_in: &BuiltIn,
        id: &str,
        source: &Source,
        new: impl FnOnce() -> Model,
        change: impl FnOnce(&mut Model),
    ) {
        let known = self.models.get(id).map(|known| &known.value).or_else(|| built_in.models.get(id));
        let before = known.map_or_else(new, |model| Model::clone(model));
        let mut after = before.clone();
        change(&mut after);
        let changed = changed_fields(&plain(&before), &plain(&after));
        if changed.is_empty() {
            return;
        }
        let is_new = !self.models.contains_key(id) && !built_in.models.contains_key(id);
        let mut sources = self.models.remove(id).map(|known| known.sources).unwrap_or_default();
        if is_new {
            sources.insert("id".to_owned(), source.clone());
        }
        sources.extend(changed.into_iter().map(|path| (path, source.clone())));
        self.models.insert(id.to_owned(), Known { value: Arc::new(after), sources });
    }

    fn override_with(&mut self, built_in: &BuiltIn, overrides: &Overrides, source: &Source) {
        for (id, fields) in &overrides.models {
            let known = self.models.get(id);
            let base = known.map(|known| &known.value).or_else(|| built_in.models.get(id));
            let base = base.map_or_else(|| json!({ "id": id }), |model| plain(&**model));
            let Ok(model) = merged::<Model>(base, fields) else { continue };
            let mut sources = known.map(|known| known.sources.clone()).unwrap_or_default();
            if known.is_none() && !built_in.models.contains_key(id) {
                sources.insert("id".to_owned(), source.clone());
            }
            sources.extend(leaves(fields).into_iter().map(|path| (path, source.clone())));
            self.models.insert(id.clone(), Known { value: Arc::new(model), sources });
        }
        for (id, fields) in &overrides.profiles {
            let base = self.profile(built_in, id).map_or_else(|| new_profile(id), |profile| plain(&profile));
            let Ok(profile) = merged::<SystemProfile>(base, fields) else { continue };
            let sources = [("routes".to_owned(), source.clone())].into();
            self.profiles.insert(id.clone(), Known { value: Arc::new(profile), sources });
        }
        for (model, prices) in &overrides.prices {
            for (key, fields) in prices.as_object().into_iter().flatten() {
                let known = self.prices.get(model).and_then(|prices| prices.get(key)).map(|(price, _)| price);
                let base = known.or_else(|| built_in.prices.get(model)?.get(key));
                let base = base.map_or_else(|| json!({}), plain);
                let Ok(price) = merged::<Price>(base, fields) else { continue };
                self.prices.entry(model.clone()).or_default().insert(key.clone(), (price, source.clone()));
            }
        }
    }

    fn index(&mut self, built_in: &BuiltIn) {
        for known in self.profiles.values() {
            let profile = &known.value;
            let of_model = self
                .by_model
                .entry(profile.model.clone())
                .or_insert_with(|| built_in.by_model.get(&profile.model).cloned().unwrap_or_default());
            of_model.retain(|other| other.id != profile.id);
            of_model.push(Arc::clone(profile));
        }
        let mut vocabulary = built_in.vocabulary.clone();
        let publishers = self.models.keys().filter_map(|id| id.split('.').next());
        vocabulary.publishers.extend(publishers.map(str::to_owned));
        vocabulary.geographies.extend(self.profiles.values().map(|known| known.value.geography.clone()));
        self.vocabulary = (vocabulary != built_in.vocabulary).then_some(vocabulary);
    }
}

/// What the catalog has in a Region and AWS does not list. A listing that has less than half of it is taken for a partial
/// one (a stand-in's, or all that a person may see), and only adds.
fn missing<'a>(here: &[&'a str], is_listed: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let missing: Vec<&str> = here.iter().copied().filter(|id| !is_listed(id)).collect();
    if missing.len() * 2 > here.len() { Vec::new() } else { missing }
}

/// `amazon.nova-lite-v1:0:24k` of a model that is known: described by that one's record.
fn is_variant(built_in: &BuiltIn, id: &str) -> bool {
    !built_in.models.contains_key(id)
        && id
            .rsplit_once(':')
            .is_some_and(|(base, _)| base.contains(':') && built_in.models.contains_key(base))
}

/// What a configuration says of models, profiles and prices: whole records or single fields, checked when they are added.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    models: BTreeMap<String, Value>,
    profiles: BTreeMap<String, Value>,
    prices: BTreeMap<String, Value>,
}

/// An override that makes no valid record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() || path == "." { String::new() } else { format!("`{path}`: ") })]
pub struct OverrideError {
    /// The field at fault, below the record: `limits.maxOutputTokens`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Overrides {
    /// Whether nothing is overridden.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.profiles.is_empty() && self.prices.is_empty()
    }

    /// Adds a model, or changes fields of one (in the shape of `data/models.json`); `null` makes a field unknown.
    ///
    /// # Errors
    /// When the id is none, or the fields are not a model's.
    pub fn model(&mut self, id: &str, fields: Value) -> Result<(), OverrideError> {
        check_id(id, false)?;
        let base = BuiltIn::get().models.get(id).map_or_else(|| json!({ "id": id }), |model| plain(&**model));
        check_keys(&fields, &["id"])?;
        merged::<Model>(base, &fields)?;
        self.models.insert(id.to_owned(), fields);
        Ok(())
    }

    /// Adds a system profile, or changes one (in the shape of `data/profiles.json`); geography and model follow from the id of
    /// a new one.
    ///
    /// # Errors
    /// When the id is none, or the fields are not a profile's.
    pub fn profile(&mut self, id: &str, fields: Value) -> Result<(), OverrideError> {
        check_id(id, true)?;
        let base =
            BuiltIn::get().profiles.get(id).map_or_else(|| new_profile(id), |profile| plain(&**profile));
        check_keys(&fields, &["id"])?;
        merged::<SystemProfile>(base, &fields)?;
        self.profiles.insert(id.to_owned(), fields);
        Ok(())
    }

    /// Sets prices of a model, by `base`, geography or Region, in US dollars for a million tokens.
    ///
    /// # Errors
    /// When they are not prices.
    pub fn price(&mut self, model: &str, prices: Value) -> Result<(), OverrideError> {
        check_id(model, false)?;
        check_keys(&prices, &[])?;
        for (key, fields) in prices.as_object().into_iter().flatten() {
            let base = BuiltIn::get().prices.get(model).and_then(|prices| prices.get(key));
            merged::<Price>(base.map_or_else(|| json!({}), plain), fields).map_err(|error| {
                OverrideError {
                    path: [key.as_str(), error.path.as_str()].join(".").trim_end_matches('.').to_owned(),
                    message: error.message,
                }
            })?;
        }
        self.prices.insert(model.to_owned(), prices);
        Ok(())
    }

    pub(crate) fn add(&mut self, other: Self) {
        let Self { models, profiles, prices } = other;
        self.models.extend(models);
        self.profiles.extend(profiles);
        self.prices.extend(prices);
    }
}

/// Ids are the keys, so they cannot be fields.
fn check_keys(fields: &Value, taken: &[&str]) -> Result<(), OverrideError> {
    let wrong =
        |path: &str, message: &str| Err(OverrideError { path: path.to_owned(), message: message.to_owned() });
    let Some(fields) = fields.as_object() else { return wrong("", "a mapping (`key: value`) is needed") };
    match taken.iter().find(|key| fields.contains_key(**key)) {
        Some(key) => wrong(key, "this is the key above; it cannot be set"),
        None => Ok(()),
    }
}

fn check_id(id: &str, is_profile: bool) -> Result<(), OverrideError> {
    let wrong = |message: String| OverrideError { path: String::new(), message };
    let mut vocabulary = BuiltIn::get().vocabulary.clone();
    if let (true, Some((geography, _))) = (is_profile, id.split_once('.')) {
        vocabulary.geographies.insert(geography.to_owned());
    }
    match (Identifier::parse(id, &vocabulary), is_profile) {
        (Ok(Identifier::Model(_)), false) | (Ok(Identifier::SystemProfile { .. }), true) => Ok(()),
        (Ok(_), true) => {
            Err(wrong(format!("`{id}` is no profile id: those look like geography.publisher.model")))
        }
        (Ok(_), false) => Err(wrong(format!("`{id}` is no model id: those look like publisher.model"))),
        (Err(error), _) => Err(wrong(error.to_string())),
    }
}

fn new_profile(id: &str) -> Value {
    let (geography, model) = id.split_once('.').unwrap_or((id, ""));
    json!({ "id": id, "geography": geography, "model": model, "routes": {} })
}

fn plain<T: Serialize>(record: &T) -> Value {
    serde_json::to_value(record).expect("catalog types are plain data")
}

fn merged<T: DeserializeOwned>(mut base: Value, fields: &Value) -> Result<T, OverrideError> {
    merge(&mut base, fields);
    serde_path_to_error::deserialize(base).map_err(|error| OverrideError {
        path: error.path().to_string().trim_matches('.').to_owned(),
        message: error.inner().to_string(),
    })
}

/// Objects are merged key by key; anything else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// The paths of everything in a value that holds no more keys.
fn leaves(value: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    walk("", value, &mut paths);
    paths
}

fn walk(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&below, value, paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

/// The top fields in which two records differ, and below `capabilities` those of its own.
fn changed_fields(before: &Value, after: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return Vec::new() };
    let differ = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    differ
        .flat_map(|(key, value)| match (key.as_str(), before.get(key)) {
            ("capabilities", Some(old)) => {
                changed_fields(old, value).into_iter().map(|below| format!("{key}.{below}")).collect()
            }
            _ => vec![key.clone()],
        })
        .collect()
}
