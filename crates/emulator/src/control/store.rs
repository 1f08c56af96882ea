//! What the account holds, kept in memory and, with a data directory, in `emulator.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::resource::Resource;
use crate::StartError;

/// The tags of one resource.
pub(crate) type Tags = BTreeMap<String, String>;

/// An application inference profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// ISO 8601 with microseconds.
    pub(crate) created_at: String,
    /// The ARN it was copied from. AWS does not tell it; kept for idempotency.
    pub(crate) source: String,
    /// Foundation-model ARNs.
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) tags: Tags,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_request_token: Option<String>,
}

impl Profile {
    /// The id of the model behind it.
    pub(crate) fn model(&self) -> Option<&str> {
        self.models.first()?.rsplit_once('/').map(|(_, id)| id)
    }

    /// Whether it is the one with this ARN, or this id in this Region.
    fn is(&self, identifier: &str, region: &str) -> bool {
        self.region == region && (self.arn == identifier || self.id == identifier)
    }
}

/// Everything that was made: what the file holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Account {
    version: u32,
    /// Application profiles, oldest first.
    pub(crate) profiles: Vec<Profile>,
    /// Guardrails, custom models, jobs and so on, oldest first.
    #[serde(default)]
    pub(crate) resources: Vec<Resource>,
    /// `loggingConfig` of each Region that has one.
    #[serde(default)]
    pub(crate) logging: BTreeMap<String, Value>,
    /// The models whose agreement was deleted and not created again.
    #[serde(default)]
    pub(crate) disagreed: Vec<String>,
    /// The use-case form, in base64, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) use_case: Option<String>,
}

impl Account {
    /// Forgets everything but some profiles.
    pub(crate) fn forget_all_but(&mut self, is_kept: impl Fn(&Profile) -> bool) {
        let mut profiles = std::mem::take(&mut self.profiles);
        profiles.retain(is_kept);
        *self = Self { version: VERSION, profiles, ..Self::default() };
    }

    /// The tags of a profile or resource of this Region.
    pub(crate) fn tags(&self, arn: &str, region: &str) -> Option<&Tags> {
        let profile = self.profiles.iter().find(|it| it.arn == arn && it.region == region);
        let resource = || self.resources.iter().find(|it| it.arn == arn && it.region == region);
        profile.map(|it| &it.tags).or_else(|| resource().map(|it| &it.tags))
    }

    /// The tags of a profile or resource of this Region, to be changed.
    pub(crate) fn tags_mut(&mut self, arn: &str, region: &str) -> Option<&mut Tags> {
        let profile = self.profiles.iter_mut().find(|it| it.arn == arn && it.region == region);
        match profile {
            Some(profile) => Some(&mut profile.tags),
            None => {
                let is_meant = |it: &&mut Resource| it.arn == arn && it.region == region;
                self.resources.iter_mut().find(is_meant).map(|resource| &mut resource.tags)
            }
        }
    }
}

/// The account, shared by all requests.
#[derive(Debug)]
pub(crate) struct Store {
    account: Mutex<Account>,
    file: Option<PathBuf>,
}

/// The only version there is.
const VERSION: u32 = 1;

impl Store {
    /// Opens the store of a data directory, or an empty one in memory.
    pub(crate) fn open(data_dir: Option<PathBuf>) -> Result<Self, StartError> {
        let empty = Account { version: VERSION, ..Account::default() };
        let Some(data_dir) = data_dir else { return Ok(Self { account: Mutex::new(empty), file: None }) };
        let path = data_dir.join("emulator.json");
        let account = read(&path).map_err(|detail| StartError::State { path: path.clone(), detail })?;
        Ok(Self { account: Mutex::new(account.unwrap_or(empty)), file: Some(path) })
    }

    /// The profile with this ARN, or this id in this Region.
    pub(crate) fn profile(&self, identifier: &str, region: &str) -> Option<Profile> {
        self.lock().profiles.iter().find(|profile| profile.is(identifier, region)).cloned()
    }

    /// All profiles of a Region, oldest first.
    pub(crate) fn profiles_of(&self, region: &str) -> Vec<Profile> {
        self.lock().profiles.iter().filter(|profile| profile.region == region).cloned().collect()
    }

    /// Looks at the account.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Account) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the account and writes it down; what `change` refuses, and what cannot be written, is not changed.
    pub(crate) fn change<T, E: From<String>>(
        &self,
        change: impl FnOnce(&mut Account) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut account = self.lock();
        let mut changed = account.clone();
        let result = change(&mut changed)?;
        if let Some(path) = &self.file {
            write(path, &changed)
                .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        }
        *account = changed;
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Option<Account>, String> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let account: Account = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    match account.version {
        VERSION => Ok(Some(account)),
        other => Err(format!("it has version {other}, and this emulator knows version {VERSION} alone")),
    }
}

/// Writes beside the file and renames, so that a crash leaves the old or the new one.
fn write(path: &Path, account: &Account) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let beside = path.with_extension("json.new");
    std::fs::write(&beside, serde_json::to_vec_pretty(account)?)?;
    std::fs::rename(beside, path)
}
