//! The ledger's file and its one writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
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

async fn insert(pool: &SqlitePool, batch: &[Record]) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let mut rest = batch;
    while let Some(size) = ROWS.into_iter().find(|size| *size <= rest.len()) {
        let (rows, others) = rest.split_at(size);
        statement(rows).build().execute(&mut *transaction).await?;
        rest = others;
    }
    transaction.commit().await
}

fn statement(rows: &[Record]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT OR IGNORE INTO invocations (gatewayRequestId, timestamp, requestId, operation, region, modelId, \
         identity, account, status, errorCode, stopReason, inputTokenCount, outputTokenCount, cacheReadInputTokenCount, \
         cacheWriteInputTokenCount, identifier, model, profile, profileName, tags, user, dialect, lane, usage, \
         costUsd, firstEventMs, latencyMs, notices) ",
    );
    query.push_values(rows, |mut row, record| {
        let Record {
            gateway_request_id,
            timestamp,
            trace_parent: _,
            request_id,
            operation,
            resolution,
            identity,
            account,
            user,
            status,
            error_code,
            stop_reason,
            tokens,
            usage,
            dialect,
            lane,
            first_event,
            latency,
            notices,
        } = record;
        let profile = resolution.profile.as_ref();
        row.push_bind(gateway_request_id.as_str())
            .push_bind(Timestamp::try_from(*timestamp).unwrap_or_default().to_string())
            .push_bind(request_id.as_deref())
            .push_bind(*operation)
            .push_bind(resolution.source_region.as_str())
            .push_bind(resolution.target.as_str())
            .push_bind(identity.as_deref())
            .push_bind(account.as_deref())
            .push_bind(i64::from(*status))
            .push_bind(error_code.as_deref())
            .push_bind(stop_reason.as_deref())
            .push_bind(signed(tokens.input))
            .push_bind(signed(tokens.output))
            .push_bind(signed(tokens.cache_read))
            .push_bind(signed(tokens.cache_write_5m + tokens.cache_write_1h))
            .push_bind(resolution.identifier.as_str())
            .push_bind(resolution.model.as_ref().map(|model| model.id.as_str()))
            .push_bind(profile.map(|profile| profile.arn.as_deref().unwrap_or(&profile.id)))
            .push_bind(profile.and_then(|profile| profile.name.as_deref()))
            .push_bind(profile.filter(|profile| !profile.tags.is_empty()).map(|profile| json(&profile.tags)))
            .push_bind(user.as_deref())
            .push_bind(*dialect)
            .push_bind(*lane)
            .push_bind(usage.as_str())
            .push_bind(record.cost_usd())
            .push_bind(first_event.map(millis))
            .push_bind(millis(*latency))
            .push_bind((!notices.is_empty()).then(|| json(notices)));
    });
    query
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
    use super::*;

    /// Batches of every way to divide them among statements; one is written again, as after an answer that got lost.
    #[tokio::test]
    async fn every_row_of_a_batch_is_written_once() {
        let directory = tempfile::tempdir().expect("a folder");
        let (ledger, writer) = Ledger::open(directory.path()).await.expect("a ledger");
        let example = Record::example("");
        let mut written = 0;
        for size in [1, 9, 10, 11, 99, 100, 111, BATCH] {
            let row = |at: usize| Record { gateway_request_id: format!("{size}-{at}"), ..example.clone() };
            let batch: Vec<Record> = (0..size).map(row).collect();
            insert(ledger.pool(), &batch).await.expect("rows");
            insert(ledger.pool(), &batch).await.expect("the same rows again");
            written += size;
            let count: i64 = sqlx::query_scalar("SELECT count(DISTINCT gatewayRequestId) FROM invocations")
                .fetch_one(ledger.pool())
                .await
                .expect("a count");
            assert_eq!(count, i64::try_from(written).expect("few"));
        }
        drop(ledger);
        writer.await.expect("the writer ends");
    }
}
