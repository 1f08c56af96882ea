//! The data compiled into the binary, read once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use crate::identifier::Vocabulary;
use crate::{Model, Price, SystemProfile};

/// Models, system profiles and prices, indexed.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub(crate) models: BTreeMap<String, Arc<Model>>,
    pub(crate) profiles: BTreeMap<String, Arc<SystemProfile>>,
    /// Model → its profiles.
    pub(crate) by_model: HashMap<String, Vec<Arc<SystemProfile>>>,
    /// Model → `base`, geography or Region → price.
    pub(crate) prices: HashMap<String, BTreeMap<String, Price>>,
    pub(crate) vocabulary: Vocabulary,
    /// Geography → its Regions, as AWS's own names put them.
    pub(crate) geographies: BTreeMap<String, Vec<String>>,
}

impl BuiltIn {
    pub(crate) fn get() -> &'static Self {
        static DATA: OnceLock<BuiltIn> = OnceLock::new();
        DATA.get_or_init(Self::read)
    }

    fn read() -> Self {
        let models: Vec<Model> = parse("models.json", include_str!("../data/models.json"));
        let profiles: Vec<SystemProfile> = parse("profiles.json", include_str!("../data/profiles.json"));
        let prices: Vec<Prices> = parse("prices.json", include_str!("../data/prices.json"));
        let geographies: Vec<Geography> = parse("geographies.json", include_str!("../data/geographies.json"));
        let profiles: Vec<_> = profiles.into_iter().map(Arc::new).collect();
        let mut by_model: HashMap<String, Vec<Arc<SystemProfile>>> = HashMap::new();
        for profile in &profiles {
            by_model.entry(profile.model.clone()).or_default().push(Arc::clone(profile));
        }
        let publisher = |id: &str| id.split('.').next().unwrap_or_default().to_owned();
        let vocabulary = Vocabulary {
            publishers: models.iter().map(|model| publisher(&model.id)).collect(),
            geographies: profiles.iter().map(|profile| profile.geography.clone()).collect(),
        };
        Self {
            models: models.into_iter().map(|model| (model.id.clone(), Arc::new(model))).collect(),
            profiles: profiles.into_iter().map(|profile| (profile.id.clone(), profile)).collect(),
            by_model,
            prices: prices.into_iter().map(|Prices { model, prices }| (model, prices)).collect(),
            vocabulary,
            geographies: geographies.into_iter().map(|it| (it.geography, it.regions)).collect(),
        }
    }
}

/// Model → path of a field → who says it. Read when somebody asks: resolving does not need it.
pub(crate) fn provenance() -> &'static HashMap<String, BTreeMap<String, String>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Told {
        model: String,
        sources: BTreeMap<String, Vec<String>>,
    }
    static DATA: OnceLock<HashMap<String, BTreeMap<String, String>>> = OnceLock::new();
    DATA.get_or_init(|| {
        let told: Vec<Told> = parse("provenance.json", include_str!("../data/provenance.json"));
        let by_field = |Told { model, sources }| {
            let fields = sources
                .into_iter()
                .flat_map(|(source, paths)| paths.into_iter().map(move |path| (path, source.clone())));
            (model, fields.collect())
        };
        told.into_iter().map(by_field).collect()
    })
}

/// One record of `geographies.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Geography {
    geography: String,
    regions: Vec<String>,
}

/// One record of `prices.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    model: String,
    prices: BTreeMap<String, Price>,
}

/// The data are part of the program: a test reads them, so they are well-formed in every build that passed.
fn parse<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("the built-in {file} is malformed: {error}"))
}
