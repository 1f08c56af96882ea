//! What the neighbours hold, kept in `neighbours.json` of the data directory: read at the start, written when the emulator
//! ends. Sessions are not kept: they are short, and a secret in a file would outlive its use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::iam::store::{Grants, Identities, Role};
use super::logs::store::{Group, Logs};
use super::objects::{Bucket, Objects};
use crate::StartError;

/// The file, and what was in it.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    /// The text as it was read: what nobody changed is not written, so that a reader does not undo what another emulator
    /// of the same folder has written meanwhile.
    read: Vec<u8>,
}

/// The file's form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    buckets: BTreeMap<String, Bucket>,
    log_groups: Vec<((String, String), Group)>,
    roles: BTreeMap<String, Role>,
    user: Grants,
}

/// The only version there is.
const VERSION: u32 = 1;

impl Kept {
    /// Fills the stores from a data directory.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub(crate) fn open(
        data_dir: &Path,
        objects: &Objects,
        logs: &Logs,
        identities: &Identities,
    ) -> Result<Self, StartError> {
        let path = data_dir.join("neighbours.json");
        let wrong = |detail: String| StartError::State { path: path.clone(), detail };
        match std::fs::read(&path) {
            Ok(text) => {
                let file: File = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
                let File { version, buckets, log_groups, roles, user } = file;
                if version != VERSION {
                    return Err(wrong(format!(
                        "it has version {version}, and this emulator knows version {VERSION} alone"
                    )));
                }
                objects.restore(buckets);
                logs.restore(log_groups);
                identities.restore(roles, user);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(error.to_string())),
        }
        let read = text(objects, logs, identities);
        Ok(Self { path, read })
    }

    /// Writes what has changed since the start, beside the file, and renames.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(
        &self,
        objects: &Objects,
        logs: &Logs,
        identities: &Identities,
    ) -> std::io::Result<()> {
        let text = text(objects, logs, identities);
        if text == self.read {
            return Ok(());
        }
        if let Some(parent) = self.path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let beside = self.path.with_extension("json.new");
        std::fs::write(&beside, text)?;
        std::fs::rename(beside, &self.path)
    }
}

fn text(objects: &Objects, logs: &Logs, identities: &Identities) -> Vec<u8> {
    let (roles, user) = identities.kept();
    let file = File { version: VERSION, buckets: objects.kept(), log_groups: logs.kept(), roles, user };
    serde_json::to_vec(&file).expect("what the neighbours hold is JSON")
}

/// Bytes as base64.
pub(super) mod base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map(Bytes::from).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::neighbours::objects::Object;

    #[test]
    fn what_was_made_is_there_again_and_a_reader_writes_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let stores = || (Objects::default(), Logs::default(), Identities::of(crate::ACCOUNT));
        let (objects, logs, identities) = stores();
        let kept = Kept::open(folder.path(), &objects, &logs, &identities).unwrap();
        let reader = stores();
        let unchanged = Kept::open(folder.path(), &reader.0, &reader.1, &reader.2).unwrap();

        objects.create_bucket("bucket", "eu-west-1").unwrap();
        objects.put("bucket", "key", Object::new(&b"\x00\xff"[..], "a/b").encoded("gzip")).unwrap();
        logs.create("us-east-1", "/group").unwrap();
        logs.deliver("us-east-1", "/group", "stream", Timestamp::now(), "event".to_owned()).unwrap();
        identities.lock().user.inline.insert("policy".to_owned(), "{}".to_owned());
        kept.write(&objects, &logs, &identities).unwrap();
        unchanged.write(&reader.0, &reader.1, &reader.2).unwrap();

        let again = stores();
        Kept::open(folder.path(), &again.0, &again.1, &again.2).unwrap();
        assert_eq!(again.0.get("bucket", "key"), objects.get("bucket", "key"));
        assert_eq!(again.0.region_of("bucket").unwrap(), "eu-west-1");
        let groups = again.1.of_region("us-east-1");
        assert_eq!(groups[0].1.streams["stream"].events[0].message, "event");
        assert!(again.2.lock().user.inline.contains_key("policy"));

        std::fs::write(folder.path().join("neighbours.json"), "{").unwrap();
        assert!(Kept::open(folder.path(), &again.0, &again.1, &again.2).is_err());
    }
}
