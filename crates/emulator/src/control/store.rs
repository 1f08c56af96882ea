//! Application profiles, kept in memory and, with a data directory, in `emulator.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::StartError;

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
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_request_token: Option<String>,
}

impl Profile {
    /// The id of the model behind it.
    pub(crate) fn model(&self) -> Option<&str> {
        self.models.first()?.rsplit_once('/').map(|(_, id)| id)
    }
}

/// All application profiles.
#[derive(Debug)]
pub(crate) struct Store {
    profiles: Mutex<Vec<Profile>>,
    file: Option<PathBuf>,
}

/// The file's form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    profiles: Vec<Profile>,
}

/// The only version there is.
const VERSION: u32 = 1;

impl Store {
    /// Opens the store of a data directory, or an empty one in memory.
    pub(crate) fn open(data_dir: Option<PathBuf>) -> Result<Self, StartError> {
        let Some(data_dir) = data_dir else { return Ok(Self { profiles: Mutex::default(), file: None }) };
        let path = data_dir.join("emulator.json");
        let profiles = read(&path).map_err(|detail| StartError::State { path: path.clone(), detail })?;
        Ok(Self { profiles: Mutex::new(profiles), file: Some(path) })
    }

    /// The profile with this ARN, or this id in this Region.
    pub(crate) fn find(&self, identifier: &str, region: &str) -> Option<Profile> {
        let is_meant = |profile: &&Profile| {
            profile.region == region && (profile.arn == identifier || profile.id == identifier)
        };
        self.lock().iter().find(is_meant).cloned()
    }

    /// All profiles of a Region, oldest first.
    pub(crate) fn of_region(&self, region: &str) -> Vec<Profile> {
        self.lock().iter().filter(|profile| profile.region == region).cloned().collect()
    }

    /// Changes the profiles and writes them down; what `change` refuses, and what cannot be written, is not changed.
    pub(crate) fn change<T, E: From<String>>(
        &self,
        change: impl FnOnce(&mut Vec<Profile>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut profiles = self.lock();
        let mut changed = profiles.clone();
        let result = change(&mut changed)?;
        if let Some(path) = &self.file {
            write(path, &changed)
                .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        }
        *profiles = changed;
        Ok(result)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Profile>> {
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Vec<Profile>, String> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let File { version, profiles } = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("it has version {version}, and this emulator knows version {VERSION} alone"));
    }
    Ok(profiles)
}

/// Writes beside the file and renames, so that a crash leaves the old or the new one.
fn write(path: &Path, profiles: &[Profile]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let file = File { version: VERSION, profiles: profiles.to_vec() };
    let beside = path.with_extension("json.new");
    std::fs::write(&beside, serde_json::to_vec_pretty(&file)?)?;
    std::fs::rename(beside, path)
}
