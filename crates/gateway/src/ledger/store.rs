//! The ledger's file and its one writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use outcrop_catalog::Resolution;
use sqlx::query_builder::Separated;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{QueryBuilder, Sqlite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Record;
use crate::telemetry::Telemetry;

/// The ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    file: PathBuf,
    pool: SqlitePool,
    writer: mpsc::Sender<Record>,
    lost: Arc<AtomicU64>,
    telemetry: Arc<Telemetry>,
}

/// Ends when every [`Ledger`] is dropped and all records are written.
pub type Writer = JoinHandle<()>;

impl Ledger {
    /// Opens (or creates) `ledger.sqlite3` in `directory` and starts the writer.
    pub async fn open(directory: &Path) -> Result<(Self, Writer), LedgerError> {
        Self::observed(directory, Arc::default()).await
    }

    /// As [`open`](Self::open); `telemetry` sees each record before it is written.
    pub(crate) async fn observed(
        directory: &Path,
        telemetry: Arc<Telemetry>,
    ) -> Result<(Self, Writer), LedgerError> {
        let file = directory.join(FILE);
        let error = |why: String| LedgerError { file: file.clone(), why };
        std::fs::create_dir_all(directory).map_err(|io| error(io.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(POOL_SIZE)
            .connect_with(options)
            .await
            .map_err(|sql| error(sql.to_string()))?;
        sqlx::migrate!().run(&pool).await.map_err(|sql| error(sql.to_string()))?;
        let (writer, records) = mpsc::channel(QUEUE);
        let lost = Arc::default();
        let task =
            tokio::spawn(write_batches(pool.clone(), records, Arc::clone(&lost), Arc::clone(&telemetry)));
        Ok((Self { file, pool, writer, lost, telemetry }, task))
    }

    /// Who sees the records.
    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Hands a record over. Never waits: when the queue is full the record is counted as lost and logged.
    pub(crate) fn record(&self, record: Record) {
        self.telemetry.ended();
        if let Err(refused) = self.writer.try_send(record) {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(lost, %refused, "the ledger cannot keep up; a record was lost");
        }
    }

    /// Records that could not be taken since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    pub(super) fn error(&self, error: &sqlx::Error) -> LedgerError {
        LedgerError { file: self.file.clone(), why: error.to_string() }
    }
}

/// The ledger cannot be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger {} cannot be used: {why}", file.display())]
pub struct LedgerError {
    /// Its file.
    pub file: PathBuf,
    /// What SQLite or the file system says.
    pub why: String,
}

/// The ledger's file in its folder.
pub const FILE: &str = "ledger.sqlite3";
/// One writer, a few readers.
const POOL_SIZE: u32 = 4;
/// Another process (`outcrop usage`) may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// A second of 16,000 requests; the writer does ten times that (STACK.md §5).
const QUEUE: usize = 16_384;
/// Rows in one transaction.
const BATCH: usize = 500;
/// Rows in one statement, the most first. Of few sizes, each statement is prepared once and kept, instead of one for every number
/// of rows that a batch may have.
const ROWS: [usize; 3] = [100, 10, 1];
/// A record is on disk this long after it was handed over, or sooner.
const FLUSH_AFTER: Duration = Duration::from_millis(250);
/// After a failed write, the same batch is tried again this often before it is given up.
const WRITE_ATTEMPTS: u32 = 5;

async fn write_batches(
    pool: SqlitePool,
    mut records: mpsc::Receiver<Record>,
    lost: Arc<AtomicU64>,
    telemetry: Arc<Telemetry>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = records.recv().await {
        batch.push(first);
        let deadline = tokio::time::Instant::now() + FLUSH_AFTER;
        while batch.len() < BATCH {
            match tokio::time::timeout_at(deadline, records.recv()).await {
                Ok(Some(record)) => batch.push(record),
                Ok(None) | Err(_) => break,
            }
        }
        for record in &batch {
            telemetry.observe(record);
        }
        if !write(&pool, &batch, &telemetry).await {
            lost.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        batch.clear();
    }
    pool.close().await;
}

/// Whether the batch is on disk in the end.
async fn write(pool: &SqlitePool, batch: &[Record], telemetry: &Telemetry) -> bool {
    for attempt in 1..=WRITE_ATTEMPTS {
        let written = insert(pool, batch).await;
        telemetry.health.ledger(written.is_err());
        let Err(error) = written else { return true };
        tracing::error!(attempt, of = WRITE_ATTEMPTS, rows = batch.len(), %error, "the ledger could not be written");
        if attempt < WRITE_ATTEMPTS {
            tokio::time::sleep(FLUSH_AFTER * attempt).await;
        }
    }
    false
}

/// Most calls of a busy time go to few targets: what such rows share is bound once a statement, which halves their price. Rows
/// written before, by an attempt whose answer got lost, are left as they are.
async fn insert(pool: &SqlitePool, batch: &[Record]) -> Result<(), sqlx::Error> {
    let mut rows: Vec<&Record> = batch.iter().collect();
    rows.sort_by_key(|record| shared_key(record));
    let mut transaction = pool.begin().await?;
    let mut rest = Vec::new();
    for group in rows.chunk_by(|one, other| shared_key(one) == shared_key(other)) {
        let (many, few) = group.split_at(group.len() - group.len() % LEAST_SHARED);
        for rows in in_sizes(many) {
            with_shared(rows).build().execute(&mut *transaction).await?;
        }
        rest.extend_from_slice(few);
    }
    for rows in in_sizes(&rest) {
        one_by_one(rows).build().execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// With fewer rows, a statement of their own costs more than it saves.
const LEAST_SHARED: usize = ROWS[1];

/// The rows in runs of the sizes that statements have.
fn in_sizes<'r, 'b>(mut rows: &'r [&'b Record]) -> impl Iterator<Item = &'r [&'b Record]> {
    std::iter::from_fn(move || {
        let size = ROWS.into_iter().find(|size| *size <= rows.len())?;
        rows.split_off(..size)
    })
}

/// Equal where all columns of [`push_shared`] are.
fn shared_key(record: &Record) -> (*const Resolution, &str, &str, &str, Option<&str>, Option<&str>) {
    let Record { resolution, operation, dialect, lane, identity, account, .. } = record;
    (Arc::as_ptr(resolution), operation, dialect, lane, identity.as_deref(), account.as_deref())
}

fn one_by_one(rows: &[&Record]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(INSERT);
    query.push_values(rows, |mut row, record| {
        push_shared(&mut row, record);
        push_own(&mut row, record);
    });
    query
}

/// Rows whose [`shared_key`] is one.
fn with_shared(rows: &[&Record]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(INSERT);
    query.push("SELECT ");
    push_shared(&mut query.separated(", "), rows[0]);
    query.push(", own.* FROM (");
    query.push_values(rows, |mut row, record| push_own(&mut row, record));
    query.push(") AS own");
    query
}

/// The columns of [`push_shared`] and of [`push_own`].
const INSERT: &str = "INSERT OR IGNORE INTO invocations (operation, region, modelId, identity, account, identifier, model, \
    profile, profileName, tags, dialect, lane, \
    gatewayRequestId, timestamp, requestId, status, errorCode, stopReason, inputTokenCount, outputTokenCount, \
    cacheReadInputTokenCount, cacheWriteInputTokenCount, user, usage, costUsd, firstEventMs, latencyMs, notices) ";

fn push_shared(row: &mut Separated<'_, Sqlite, &'static str>, record: &Record) {
    let resolution = &record.resolution;
    let profile = resolution.profile.as_ref();
    row.push_bind(record.operation)
        .push_bind(resolution.source_region.as_str())
        .push_bind(resolution.target.as_str())
        .push_bind(record.identity.as_deref())
        .push_bind(record.account.as_deref())
        .push_bind(resolution.identifier.as_str())
        .push_bind(resolution.model.as_ref().map(|model| model.id.as_str()))
        .push_bind(profile.map(|profile| profile.arn.as_deref().unwrap_or(&profile.id)))
        .push_bind(profile.and_then(|profile| profile.name.as_deref()))
        .push_bind(profile.filter(|profile| !profile.tags.is_empty()).map(|profile| json(&profile.tags)))
        .push_bind(record.dialect)
        .push_bind(record.lane);
}

fn push_own(row: &mut Separated<'_, Sqlite, &'static str>, record: &Record) {
    let Record { gateway_request_id, timestamp, request_id, status, error_code, .. } = record;
    let Record { stop_reason, tokens, user, usage, first_event, latency, notices, .. } = record;
    row.push_bind(gateway_request_id.as_str())
        .push_bind(Timestamp::try_from(*timestamp).unwrap_or_default().to_string())
        .push_bind(request_id.as_deref())
        .push_bind(i64::from(*status))
        .push_bind(error_code.as_deref())
        .push_bind(stop_reason.as_deref())
        .push_bind(signed(tokens.input))
        .push_bind(signed(tokens.output))
        .push_bind(signed(tokens.cache_read))
        .push_bind(signed(tokens.cache_write_5m + tokens.cache_write_1h))
        .push_bind(user.as_deref())
        .push_bind(usage.as_str())
        .push_bind(record.cost_usd())
        .push_bind(first_event.map(millis))
        .push_bind(millis(*latency))
        .push_bind((!notices.is_empty()).then(|| json(notices)));
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts and maps of texts are JSON")
}

#[cfg(test)]
mod tests {
    use outcrop_catalog::price::TokenCounts;
    use sqlx::AssertSqlSafe;
    use tempfile::TempDir;

    use super::*;

    async fn ledger() -> (TempDir, Ledger) {
        let folder = TempDir::new().expect("a folder");
        let (ledger, _writer) = Ledger::open(folder.path()).await.expect("a ledger");
        (folder, ledger)
    }

    /// Every column of every row.
    async fn rows(ledger: &Ledger) -> Vec<String> {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info('invocations')")
            .fetch_all(ledger.pool())
            .await
            .expect("its columns");
        let columns: Vec<String> = columns.iter().map(|name| format!("'{name}=' || quote({name})")).collect();
        let query =
            format!("SELECT {} FROM invocations ORDER BY gatewayRequestId", columns.join(" || ' ' || "));
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(ledger.pool()).await.expect("its rows")
    }

    /// Of all kinds, and of three callers, one of whom called once only.
    fn records(count: usize) -> Vec<Record> {
        let [one, other] = [Record::example(""), Record::example("")];
        let record = |at: usize| {
            let every = |n: usize| at.is_multiple_of(n);
            Record {
                gateway_request_id: format!("{count}-{at:03}"),
                identity: (at == 1).then(|| "ana".to_owned()),
                account: every(5).then(|| "team".into()),
                request_id: every(2).then(|| format!("aws-{at}")),
                user: every(3).then(|| format!("user-{at}")),
                status: if every(7) { 429 } else { 200 },
                error_code: every(7).then(|| "ThrottlingException".to_owned()),
                stop_reason: (!every(7)).then(|| "end_turn".to_owned()),
                tokens: TokenCounts {
                    input: 1,
                    output: 2,
                    cache_read: 3,
                    cache_write_5m: 4,
                    cache_write_1h: at as u64,
                },
                first_event: (!every(2)).then_some(Duration::from_millis(5)),
                latency: Duration::from_millis(at as u64),
                notices: if every(4) { vec!["\"one\"".to_owned()] } else { Vec::new() },
                ..if every(3) { one.clone() } else { other.clone() }
            }
        };
        (0..count).map(record).collect()
    }

    #[tokio::test]
    async fn a_row_is_the_same_however_many_are_written_with_it() {
        for count in [1, 9, 10, 11, 99, 100, 111, BATCH] {
            let ((_one, together), (_other, alone)) = (ledger().await, ledger().await);
            let records = records(count);
            insert(together.pool(), &records).await.expect("a batch");
            for record in &records {
                insert(alone.pool(), std::slice::from_ref(record)).await.expect("a row");
            }
            let together_rows = rows(&together).await;
            assert_eq!(together_rows, rows(&alone).await);
            assert_eq!(together_rows.len(), count);
            insert(together.pool(), &records).await.expect("after an answer that got lost");
            assert_eq!(rows(&together).await, together_rows);
        }
    }
}
