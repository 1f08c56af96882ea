//! Stored responses: what `previous_response_id` continues and `GET /v1/responses/{id}` returns.
//!
//! They lie in a file of their own in the data directory, each readable by the key that made it only, for as long as
//! OpenAI keeps them. A client may continue a response the moment it has seen its last event, so a response can be read
//! before it is written.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, header};
use outcrop_texts as texts;
use outcrop_wire::Json;
use outcrop_wire::bedrock::ErrorKind;
use outcrop_wire::dialect::{Dialect, RequestError};
use outcrop_wire::openai_responses::stored::{self, Leaning, Stored};
use sqlx::Row as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::access::Caller;
use crate::failure::Failure;
use crate::lane::{Answer, Call};
use crate::ledger::LedgerError;
use crate::reply::ReplyBody;
use crate::router::Endpoint;
use crate::state::State;

/// Answers `GET` and `DELETE` of `/v1/responses/{id}`, and `GET` of its `input_items`.
pub(crate) async fn answer(
    state: &State,
    head: &Parts,
    id: &str,
    part: Part,
) -> Result<Response<ReplyBody>, Failure> {
    let denied = |failure: Failure| failure.denied(Dialect::Responses);
    let made = state.keys.current().await;
    let caller = state.live().access.caller(head, b"", &made).map_err(denied)?;
    let unknown = || Failure::new(ErrorKind::ResourceNotFound, texts::openai_no_response(id));
    let row = state.responses.read(id, owner(&caller)).await?.ok_or_else(unknown)?;
    let body = match (part, &head.method) {
        (Part::Response, &Method::DELETE) => {
            state.responses.delete(id).await?;
            stored::render_deleted(id)
        }
        (Part::Response, _) => row.response.clone().into_bytes(),
        (Part::InputItems, _) => stored::render_input_items(id, &row.stored()?.input),
    };
    let mut response = Response::new(ReplyBody::whole(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// What of a stored response is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Response,
    InputItems,
}

/// A request, and what it takes to store its response.
pub(crate) struct Continued {
    /// As if the client had sent everything itself.
    pub(crate) body: Bytes,
    /// As the client sent it.
    sent: Bytes,
    previous: Option<String>,
}

/// Writes a request that leans on stored responses as if its client had sent everything itself; any other stays as it is.
pub(crate) async fn continued(
    state: &State,
    caller: &Caller,
    endpoint: &Endpoint<'_>,
    sent: Bytes,
) -> Result<Continued, Failure> {
    let leans = *endpoint == Endpoint::Responses && may_lean(&sent);
    let Leaning { previous, items } = if leans { stored::leaning(&sent)? } else { Leaning::default() };
    if previous.is_none() && items.is_empty() {
        return Ok(Continued { body: sent.clone(), sent, previous });
    }
    let history = match &previous {
        Some(id) => state.responses.history(id, owner(caller)).await?,
        None => Vec::new(),
    };
    let named = state.responses.named(&items, owner(caller)).await?;
    let body = stored::joined(&sent, &history, &named)?.into();
    Ok(Continued { body, sent, previous })
}

/// Whether a body could lean on what is stored; most do not, and are not read again for it.
fn may_lean(body: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(body, word).is_some();
    has(b"\"previous_response_id\"") || has(b"\"item_reference\"")
}

impl Continued {
    /// Has the response of the call stored, where its client does not forbid it.
    pub(crate) fn keep(&self, state: &State, caller: &Caller, call: &mut Call) {
        let (id, stores) = match &mut call.answer {
            Answer::Responses { answer, echo } => {
                echo.previous_response_id.clone_from(&self.previous);
                (Some(answer.id.clone()), echo.store)
            }
            Answer::Relayed(relayed) => (None, relayed.stores),
            _ => return,
        };
        if stores {
            call.keeper = Some(Keeper {
                responses: state.responses.clone(),
                id,
                owner: owner(caller).to_owned(),
                previous: self.previous.clone(),
                request: self.sent.clone(),
            });
        }
    }
}

/// Whose responses a caller may read: those made with the same key.
fn owner(caller: &Caller) -> &str {
    caller.name.as_deref().unwrap_or_default()
}

/// A response that is to be stored when it is whole.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    responses: Responses,
    /// Where it is ours; otherwise the response names itself.
    id: Option<String>,
    owner: String,
    previous: Option<String>,
    request: Bytes,
}

impl Keeper {
    /// Stores the response, as the client sees it.
    pub(crate) fn keep(&self, response: &[u8]) {
        let Self { responses, id, owner, previous, request } = self;
        let Ok(stored) = stored::stored(request, response) else { return };
        let Some(id) = id.clone().or_else(|| id_of(response)) else { return };
        let input = String::from_utf8_lossy(&json(&stored.input)).into_owned();
        let response = String::from_utf8_lossy(response).into_owned();
        let (owner, previous) = (owner.clone(), previous.clone());
        responses.write(id, Record { owner, previous, input, response });
    }
}

/// The stored responses. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Responses {
    pool: SqlitePool,
    writer: mpsc::Sender<String>,
    /// Not yet written.
    pending: Pending,
}

type Pending = Arc<Mutex<HashMap<String, Arc<Record>>>>;

/// One response with its request.
#[derive(Debug, Clone)]
struct Record {
    owner: String,
    previous: Option<String>,
    /// The items of the request, as a JSON list.
    input: String,
    /// The `response` object.
    response: String,
}

impl Record {
    fn stored(&self) -> Result<Stored, Failure> {
        #[derive(serde::Deserialize)]
        struct Output {
            output: Vec<Json>,
        }
        let input = serde_json::from_str(&self.input).map_err(|error| unreadable(&error))?;
        let Output { output } = serde_json::from_str(&self.response).map_err(|error| unreadable(&error))?;
        Ok(Stored { input, output })
    }
}

/// The file in the data directory.
const FILE: &str = "responses.sqlite3";
/// As long as OpenAI keeps them.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Old responses are looked for this often.
const PURGE_EVERY: Duration = Duration::from_secs(60 * 60);
/// Responses that wait to be written; each is held in memory.
const QUEUE: usize = 1_000;
/// A conversation of more turns than this has long been cut by any model's context window.
const LONGEST_CHAIN: usize = 2_000;
/// Another process may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS responses (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, created_at INTEGER NOT NULL,
    previous TEXT, input TEXT NOT NULL, response TEXT NOT NULL
) STRICT";

impl Responses {
    /// Opens (or creates) the file in `directory` and starts the writer, which ends when every handle is dropped.
    pub(crate) async fn open(directory: &Path) -> Result<(Self, JoinHandle<()>), LedgerError> {
        let file = directory.join(FILE);
        let error = |sql: sqlx::Error| LedgerError { file: file.clone(), why: sql.to_string() };
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.map_err(error)?;
        sqlx::query(SCHEMA).execute(&pool).await.map_err(error)?;
        let (writer, queue) = mpsc::channel(QUEUE);
        let pending = Pending::default();
        let task = tokio::spawn(write_all(pool.clone(), Arc::clone(&pending), queue));
        Ok((Self { pool, writer, pending }, task))
    }

    fn write(&self, id: String, record: Record) {
        lock(&self.pending).insert(id.clone(), Arc::new(record));
        if let Err(refused) = self.writer.try_send(id.clone()) {
            lock(&self.pending).remove(&id);
            tracing::error!(id, %refused, "the response could not be stored");
        }
    }

    /// The response of this id, where the owner may read it.
    async fn read(&self, id: &str, owner: &str) -> Result<Option<Arc<Record>>, Failure> {
        let pending = lock(&self.pending).get(id).cloned();
        let record = match pending {
            Some(record) => Some(record),
            None => sqlx::query("SELECT owner, previous, input, response FROM responses WHERE id = ?")
                .bind(id)
                .fetch_optional(&self.pool)
                .await
                .and_then(|row| row.map(|row| record(&row)).transpose())
                .map_err(|error| unreadable(&error))?
                .map(Arc::new),
        };
        Ok(record.filter(|record| record.owner == owner))
    }

    async fn delete(&self, id: &str) -> Result<(), Failure> {
        lock(&self.pending).remove(id);
        sqlx::query("DELETE FROM responses WHERE id = ?")
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(|error| unreadable(&error))?;
        Ok(())
    }

    /// The response and all that it continues, oldest first.
    async fn history(&self, id: &str, owner: &str) -> Result<Vec<Stored>, Failure> {
        let mut history = Vec::new();
        let mut next = Some(id.to_owned());
        while let Some(id) = next.take().filter(|_| history.len() < LONGEST_CHAIN) {
            let Some(record) = self.read(&id, owner).await? else { return Err(not_found(&id).into()) };
            history.push(record.stored()?);
            next.clone_from(&record.previous);
        }
        history.reverse();
        Ok(history)
    }

    /// The items of these ids, as far as they are stored.
    async fn named(&self, items: &[String], owner: &str) -> Result<BTreeMap<String, Json>, Failure> {
        let mut named = BTreeMap::new();
        for id in items {
            if named.contains_key(id) {
                continue;
            }
            let Some(response) = stored::response_of(id) else { continue };
            if let Some(record) = self.read(&response, owner).await? {
                let items = record.stored()?.output.into_iter();
                named.extend(items.filter_map(|item| Some((item_id(&item)?, item))));
            }
        }
        Ok(named)
    }
}

fn item_id(item: &Json) -> Option<String> {
    id_of(item.get().as_bytes())
}

fn id_of(object: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    serde_json::from_slice(object).ok().map(|Named { id }| id)
}

fn not_found(id: &str) -> RequestError {
    RequestError::at("previous_response_id", texts::openai_no_previous_response(id))
}

fn record(row: &sqlx::sqlite::SqliteRow) -> Result<Record, sqlx::Error> {
    Ok(Record {
        owner: row.try_get("owner")?,
        previous: row.try_get("previous")?,
        input: row.try_get("input")?,
        response: row.try_get("response")?,
    })
}

/// What is wrong with the file is for whoever runs the gateway.
fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    tracing::error!(%error, "the stored responses cannot be read");
    Failure::new(ErrorKind::ServiceUnavailable, texts::RESPONSES_UNREADABLE)
}

fn lock(pending: &Pending) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Record>>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn json(items: &[Json]) -> Vec<u8> {
    serde_json::to_vec(items).expect("raw JSON is JSON")
}

/// The one writer.
async fn write_all(pool: SqlitePool, pending: Pending, mut queue: mpsc::Receiver<String>) {
    let mut purged: Option<Instant> = None;
    while let Some(id) = queue.recv().await {
        let record = lock(&pending).get(&id).cloned();
        if let Some(record) = record
            && let Err(error) = insert(&pool, &id, &record).await
        {
            tracing::error!(id, %error, "the response could not be stored");
        }
        lock(&pending).remove(&id);
        if purged.is_none_or(|purged| purged.elapsed() > PURGE_EVERY) {
            purged = Some(Instant::now());
            purge(&pool).await;
        }
    }
}

async fn insert(pool: &SqlitePool, id: &str, record: &Record) -> Result<(), sqlx::Error> {
    let Record { owner, previous, input, response } = record;
    let sql = "INSERT OR REPLACE INTO responses (id, owner, created_at, previous, input, response) VALUES (?, ?, ?, ?, ?, ?)";
    let query = sqlx::query(sql).bind(id).bind(owner).bind(unix_seconds()).bind(previous);
    query.bind(input).bind(response).execute(pool).await.map(drop)
}

async fn purge(pool: &SqlitePool) {
    let oldest = unix_seconds() - RETENTION.as_secs().cast_signed();
    let deleted = sqlx::query("DELETE FROM responses WHERE created_at < ?").bind(oldest).execute(pool).await;
    if let Err(error) = deleted {
        tracing::warn!(%error, "old responses could not be deleted");
    }
}

fn unix_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}
