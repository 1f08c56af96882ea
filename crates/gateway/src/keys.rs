//! Keys made while the gateway runs: `outcrop keys create`.
//!
//! They live in a file of their own beside the ledger, as SHA-256 digests: 244 random bits need no slower hash. Another process makes and
//! revokes them, and a running gateway must know at once, so each request reads the four bytes in which SQLite counts the
//! changes of a file (<https://www.sqlite.org/fileformat2.html#file_change_counter>), and the table only when they have changed. The
//! count is kept by rollback journals, not by write-ahead logs, which is why the ledger's file will not do.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow};
use uuid::Uuid;

use crate::access::digest;

/// The keys' file.
#[derive(Debug, Clone)]
pub struct Keys {
    file: PathBuf,
    pool: SqlitePool,
}

/// A key to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKey {
    /// What the ledger calls it.
    pub name: String,
    /// The identifiers it may name; empty for all.
    pub models: Vec<String>,
    /// The inference profile all its requests go through.
    pub profile: Option<String>,
    /// The account of the configuration that its requests are made as; `None` for the gateway's own.
    pub account: Option<String>,
}

/// A key as it is remembered: without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeKey {
    /// What the ledger calls it.
    pub name: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it was revoked; `None` while it holds.
    pub revoked: Option<String>,
    /// The identifiers it may name; empty for all.
    pub models: Vec<String>,
    /// The inference profile all its requests go through.
    pub profile: Option<String>,
    /// The account of the configuration that its requests are made as; `None` for the gateway's own.
    pub account: Option<String>,
}

/// Why a key cannot be made, listed or revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is one of this name that holds.
    #[error("there is a key `{0}` already")]
    Taken(String),
    /// There is none of this name that holds.
    #[error("there is no key `{0}` that could be revoked")]
    Unknown(String),
    /// The file cannot be opened, read or written.
    #[error("the keys in {} cannot be used: {why}", file.display())]
    File {
        /// It.
        file: PathBuf,
        /// What SQLite or the file system says.
        why: String,
    },
}

/// The keys' file in the data folder.
pub const FILE: &str = "keys.sqlite3";

/// Another process writes for milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A name may be used again when its key is revoked: the ledger goes by names.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS keys (
    digest   BLOB PRIMARY KEY,
    name     TEXT NOT NULL,
    created  TEXT NOT NULL,
    revoked  TEXT,
    models   TEXT NOT NULL,
    profile  TEXT,
    account  TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS keys_that_hold ON keys (name) WHERE revoked IS NULL;";

impl Keys {
    /// Opens (or creates) the file in `directory`.
    pub async fn open(directory: &Path) -> Result<Self, KeysError> {
        let file = directory.join(FILE);
        let error = |why: String| KeysError::File { file: file.clone(), why };
        std::fs::create_dir_all(directory).map_err(|io| error(io.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Delete)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.map_err(|sql| error(sql.to_string()))?;
        sqlx::raw_sql(TABLE).execute(&pool).await.map_err(|sql| error(sql.to_string()))?;
        add_accounts(&pool).await.map_err(|sql| error(sql.to_string()))?;
        Ok(Self { file, pool })
    }

    /// Makes a key and returns it: the only time that anybody sees it.
    pub async fn create(&self, key: &NewKey) -> Result<String, KeysError> {
        let secret = random_key();
        let NewKey { name, models, profile, account } = key;
        let models = serde_json::to_string(models).expect("a list of texts is JSON");
        sqlx::query(
            "INSERT INTO keys (digest, name, created, models, profile, account) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(digest(&secret).to_vec())
        .bind(name)
        .bind(now())
        .bind(models)
        .bind(profile)
        .bind(account)
        .execute(&self.pool)
        .await
        .map_err(|error| {
            match error.as_database_error().is_some_and(|it| it.is_unique_violation()) {
                true => KeysError::Taken(name.clone()),
                false => self.error(&error),
            }
        })?;
        Ok(secret)
    }

    /// All keys that were ever made, by name and date.
    pub async fn list(&self) -> Result<Vec<MadeKey>, KeysError> {
        Ok(self.rows().await?.into_iter().map(|(_, key)| key).collect())
    }

    /// Revokes the key of this name.
    pub async fn revoke(&self, name: &str) -> Result<(), KeysError> {
        let revoked = sqlx::query("UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL")
            .bind(now())
            .bind(name)
            .execute(&self.pool)
            .await
            .map_err(|error| self.error(&error))?;
        if revoked.rows_affected() == 0 { Err(KeysError::Unknown(name.to_owned())) } else { Ok(()) }
    }

    async fn rows(&self) -> Result<Vec<(Digest, MadeKey)>, KeysError> {
        let query = "SELECT digest, name, created, revoked, models, profile, account FROM keys ORDER BY name, created";
        let rows = sqlx::query(query).fetch_all(&self.pool).await.map_err(|error| self.error(&error))?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.error(&error))
    }

    fn error(&self, error: &sqlx::Error) -> KeysError {
        KeysError::File { file: self.file.clone(), why: error.to_string() }
    }
}

/// Files of version 0.1 have no column for accounts. Two programs may add it at once: then one of them finds it there.
async fn add_accounts(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    const HAS: &str = "SELECT count(*) FROM pragma_table_info('keys') WHERE name = 'account'";
    let has = async || sqlx::query_scalar::<_, i64>(HAS).fetch_one(pool).await.map(|count| count > 0);
    if has().await? {
        return Ok(());
    }
    match sqlx::raw_sql("ALTER TABLE keys ADD COLUMN account TEXT").execute(pool).await {
        Err(error) if !has().await? => Err(error),
        _ => Ok(()),
    }
}

type Digest = [u8; 32];

fn read(row: &SqliteRow) -> Result<(Digest, MadeKey), sqlx::Error> {
    let unreadable = |what: &str| sqlx::Error::Decode(format!("its {what} is damaged").into());
    let digest: Vec<u8> = row.try_get("digest")?;
    let models: String = row.try_get("models")?;
    let key = MadeKey {
        name: row.try_get("name")?,
        created: row.try_get("created")?,
        revoked: row.try_get("revoked")?,
        models: serde_json::from_str(&models).map_err(|_| unreadable("list of models"))?,
        profile: row.try_get("profile")?,
        account: row.try_get("account")?,
    };
    Ok((digest.try_into().map_err(|_| unreadable("digest"))?, key))
}

/// With the prefix that OpenAI's clients expect of a key. Two random UUIDs hold 244 bits from the system's generator.
fn random_key() -> String {
    format!("sk-outcrop-{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn now() -> String {
    Timestamp::now().to_string()
}

/// The keys that hold, always as the file has them.
#[derive(Debug)]
pub(crate) struct Known {
    keys: Keys,
    file: std::fs::File,
    read: ArcSwap<Read>,
    reading: tokio::sync::Mutex<()>,
}

/// The keys at one state of the file.
#[derive(Debug, Default)]
pub(crate) struct Read {
    changes: [u8; 4],
    hold: HashMap<Digest, Arc<MadeKey>>,
    /// There has been a key: even when all are revoked the door is not open.
    ever: bool,
}

impl Read {
    /// Whether no key was ever made.
    pub(crate) fn is_empty(&self) -> bool {
        !self.ever
    }

    /// The key with this digest, if it holds.
    pub(crate) fn by_digest(&self, digest: &Digest) -> Option<&Arc<MadeKey>> {
        self.hold.get(digest)
    }
}

impl Known {
    pub(crate) async fn open(directory: &Path) -> Result<Self, KeysError> {
        let keys = Keys::open(directory).await?;
        let opened = std::fs::File::open(&keys.file);
        let file = opened.map_err(|io| KeysError::File { file: keys.file.clone(), why: io.to_string() })?;
        let known = Self { keys, file, read: ArcSwap::default(), reading: tokio::sync::Mutex::default() };
        known.read_again().await?;
        Ok(known)
    }

    /// The keys as they are now. When they cannot be read, those that were known, and a line in the log.
    pub(crate) async fn current(&self) -> Arc<Read> {
        let read = self.read.load_full();
        if self.changes() == Some(read.changes) {
            return read;
        }
        let _one_at_a_time = self.reading.lock().await;
        if self.changes() != Some(self.read.load().changes)
            && let Err(error) = self.read_again().await
        {
            tracing::error!(%error, "the keys could not be read again");
        }
        self.read.load_full()
    }

    async fn read_again(&self) -> Result<(), KeysError> {
        let changes = self.changes().unwrap_or_default();
        let rows = self.keys.rows().await?;
        let ever = !rows.is_empty();
        let hold = rows.into_iter().filter(|(_, key)| key.revoked.is_none());
        let hold = hold.map(|(digest, key)| (digest, Arc::new(key))).collect();
        self.read.store(Arc::new(Read { changes, hold, ever }));
        Ok(())
    }

    /// SQLite's count of changes: bytes 24 to 27 of the file.
    fn changes(&self) -> Option<[u8; 4]> {
        const OFFSET: u64 = 24;
        let mut count = [0; 4];
        self.file.read_exact_at(&mut count, OFFSET).ok()?;
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> NewKey {
        NewKey { name: name.to_owned(), ..NewKey::default() }
    }

    #[tokio::test]
    async fn what_another_process_changes_is_known_at_once() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let known = Known::open(folder.path()).await.expect("a new file");
        assert!(known.current().await.is_empty());
        let other = Keys::open(folder.path()).await.expect("the same file");
        let secret = other.create(&named("ana")).await.expect("a key");
        let holds = known.current().await.by_digest(&digest(&secret)).map(|key| key.name.clone());
        assert_eq!(holds.as_deref(), Some("ana"));
        other.revoke("ana").await.expect("it held");
        let after = known.current().await;
        assert!(after.by_digest(&digest(&secret)).is_none() && !after.is_empty());
    }

    #[tokio::test]
    async fn one_key_of_a_name_holds_and_none_is_stored() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let keys = Keys::open(folder.path()).await.expect("a new file");
        let first = keys.create(&named("ana")).await.expect("a key");
        assert_eq!(keys.create(&named("ana")).await, Err(KeysError::Taken("ana".to_owned())));
        keys.revoke("ana").await.expect("it held");
        assert_eq!(keys.revoke("ana").await, Err(KeysError::Unknown("ana".to_owned())));
        let second = keys.create(&named("ana")).await.expect("the name is free again");
        assert_ne!(first, second);
        let file = std::fs::read(folder.path().join(FILE)).expect("the file");
        let holds = |text: &str| file.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        assert!(holds("ana") && !holds(&second) && !holds(&first[11..]));
    }
}
