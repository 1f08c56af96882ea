//! Runs batch invocation jobs, one after the other: JSON lines from the emulated S3, each through the emulator's own
//! runtime, and JSON lines back.
//!
//! For an input `s3://IN/file.jsonl` the answers are at `OUT/JOB/file.jsonl.out`, each line the record with `modelOutput`
//! or `error`, and the counts at `OUT/JOB/manifest.json.out`. A job that was running when the emulator ended is run again
//! from its beginning. However quick the work, a job stays submitted, in progress or stopping for a
//! [phase](jobs::PHASE) of the emulator's clock, so that each can be seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Request;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::accounts::Accounts;
use crate::control::Resource;
use crate::control::batch::{EXPIRED, SUBMITTED};
use crate::control::jobs::{self, COMPLETED, FAILED, IN_PROGRESS, STOPPED, STOPPING};
use crate::control::profiles::iso;
use crate::control::resource::Kind;
use crate::exchange::Call;
use crate::failure::Failure;
use crate::invoke::invoke;
use crate::neighbours::objects::Object;
use crate::operation::Runtime;
use crate::reply::Payload;
use crate::service::{Sources, service};
use crate::state::State;

/// Runs jobs for as long as the emulator serves.
pub(crate) async fn work(accounts: Arc<Accounts>) {
    loop {
        let open = accounts.all().into_iter().find_map(|state| next(&state).map(|job| (state, job)));
        let Some((state, job)) = open else {
            accounts.first().jobs.notified().await;
            continue;
        };
        let begins = jobs::phase_after(&job, state.clock.now());
        tokio::select! {
            () = state.clock.reached(begins) => run(&state, &job).await,
            // It may have been stopped, or forgotten.
            () = state.jobs.notified() => {}
        }
    }
}

/// The oldest job that has not ended.
fn next(state: &State) -> Option<Resource> {
    let is_open = |it: &&Resource| {
        it.kind == Kind::ModelInvocationJob
            && matches!(it.text("status"), Some(SUBMITTED | IN_PROGRESS | STOPPING))
    };
    state.account.read(|account| account.resources.iter().find(is_open).cloned())
}

/// Runs one job to its end, whatever that is.
async fn run(state: &State, job: &Resource) {
    let begun = state.clock.now();
    let mut counts = Counts::default();
    let expires = job.text("jobExpirationTime").and_then(|time| time.parse::<Timestamp>().ok());
    let (status, message) = if expires.is_some_and(|expires| expires <= begun) {
        (EXPIRED, None)
    } else {
        if job.text("status") != Some(STOPPING) {
            set(state, job, &[("status", IN_PROGRESS.into())]);
        }
        match work_through(state, job, &mut counts).await {
            Ok(()) if goes_on_until(state, job, begun).await => (COMPLETED, None),
            Ok(()) => (STOPPED, None),
            Err(message) => (FAILED, Some(message)),
        }
    };
    let mut end = counts.members().to_vec();
    end.extend([("status", Value::from(status)), ("endTime", iso(state.clock.now()).into())]);
    end.extend(message.map(|message| ("message", message.into())));
    set(state, job, &end);
}

/// Answers the records of all files, or those before it was stopped.
async fn work_through(state: &State, job: &Resource, counts: &mut Counts) -> Result<(), String> {
    let files = files(state, job)?;
    records(state, job, &files, counts).await?;
    set(state, job, &counts.members());
    Ok(())
}

/// Waits for the end of the phase in which it is in progress; whether it was not stopped meanwhile.
async fn goes_on_until(state: &State, job: &Resource, begun: Timestamp) -> bool {
    let ends = begun.saturating_add(jobs::PHASE).unwrap_or(Timestamp::MAX);
    while !is_stopping(state, job) {
        tokio::select! {
            () = state.clock.reached(ends) => return true,
            () = state.jobs.notified() => {}
        }
    }
    false
}

/// Where a job stands in its records.
#[derive(Debug, Default)]
struct Counts {
    total: u64,
    processed: u64,
    success: u64,
    error: u64,
    input_tokens: u64,
    output_tokens: u64,
}

impl Counts {
    fn members(&self) -> [(&'static str, Value); 4] {
        [
            ("totalRecordCount", self.total.into()),
            ("processedRecordCount", self.processed.into()),
            ("successRecordCount", self.success.into()),
            ("errorRecordCount", self.error.into()),
        ]
    }

    fn manifest(&self) -> Value {
        let tokens =
            [("inputTokenCount", self.input_tokens.into()), ("outputTokenCount", self.output_tokens.into())];
        let members = self.members().into_iter().chain(tokens);
        Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// A job that cannot be written down any more has no place to say so; it goes on.
fn set(state: &State, job: &Resource, members: &[(&str, Value)]) {
    let changed = state.account.change(|account| {
        if let Some(known) = account.resources.iter_mut().find(|it| it.arn == job.arn) {
            members.iter().for_each(|(name, value)| known.set(name, value.clone()));
            known.set("lastModifiedTime", iso(state.clock.now()));
        }
        Ok::<(), String>(())
    });
    if let Err(error) = changed {
        tracing::warn!(%error, job = job.arn, "the state of a batch job could not be kept");
    }
}

fn is_stopping(state: &State, job: &Resource) -> bool {
    let status = state.account.read(|account| {
        let known = account.resources.iter().find(|it| it.arn == job.arn);
        known.and_then(|it| it.text("status")).map(str::to_owned)
    });
    // A reset forgets jobs, also the running one.
    status.is_none_or(|status| status == STOPPING)
}

/// The input files by name: one object, or every `.jsonl` object under a prefix.
fn files(state: &State, job: &Resource) -> Result<BTreeMap<String, String>, String> {
    let uri = uri(job, "inputDataConfig", "s3InputDataConfig");
    let (bucket, key) = split(&uri)?;
    let refused = |_| format!("The input {uri} cannot be read.");
    let listed = state.objects.list(bucket, key, None).map_err(refused)?;
    let is_input =
        |name: &str| name == key || (name.ends_with(".jsonl") && (key.is_empty() || key.ends_with('/')));
    let mut files = BTreeMap::new();
    for listed in listed.into_iter().filter(|listed| is_input(&listed.key)) {
        let object = state.objects.get(bucket, &listed.key).map_err(refused)?;
        let text = String::from_utf8(object.body.to_vec()).map_err(|_| format!("{uri} is no UTF-8."))?;
        let name = listed.key.rsplit('/').next().unwrap_or_default().to_owned();
        files.insert(name, text);
    }
    if files.is_empty() { Err(format!("There is no input at {uri}.")) } else { Ok(files) }
}

fn uri(job: &Resource, config: &str, s3: &str) -> String {
    let config = job.document.get(config).cloned().unwrap_or_default();
    config[s3]["s3Uri"].as_str().unwrap_or_default().to_owned()
}

fn split(uri: &str) -> Result<(&str, &str), String> {
    let rest = uri.strip_prefix("s3://").ok_or_else(|| format!("{uri} is no S3 URI."))?;
    Ok(rest.split_once('/').unwrap_or((rest, "")))
}

/// How often a running job tells how far it is, in records.
const TELL_EVERY: u64 = 500;

/// Runs every record; `false` when the job was stopped in between. What was answered is written in either case.
async fn records(
    state: &State,
    job: &Resource,
    files: &BTreeMap<String, String>,
    counts: &mut Counts,
) -> Result<bool, String> {
    let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count() as u64;
    counts.total = files.values().map(|text| lines(text)).sum();
    let mut is_whole = true;
    for (name, text) in files {
        let mut answers = String::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if is_stopping(state, job) {
                is_whole = false;
                break;
            }
            let answer = answer(state, job, line, counts).await;
            answers.push_str(&answer.to_string());
            answers.push('\n');
            if counts.processed.is_multiple_of(TELL_EVERY) {
                set(state, job, &counts.members());
            }
            tokio::task::yield_now().await;
        }
        put(state, job, &format!("{name}.out"), answers)?;
    }
    put(state, job, "manifest.json.out", counts.manifest().to_string())?;
    Ok(is_whole)
}

fn put(state: &State, job: &Resource, name: &str, text: String) -> Result<(), String> {
    let uri = uri(job, "outputDataConfig", "s3OutputDataConfig");
    let (bucket, prefix) = split(&uri)?;
    let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
    let key = format!("{prefix}{slash}{}/{name}", job.id);
    let object = Object::new(text, "application/jsonlines");
    state.objects.put(bucket, &key, object).map_err(|_| format!("The output {uri} cannot be written."))
}

/// One record and what became of it.
async fn answer(state: &State, job: &Resource, line: &str, counts: &mut Counts) -> Value {
    counts.processed += 1;
    let mut record = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(record)) => record,
        _ => Map::from_iter([("modelInput".to_owned(), Value::Null)]),
    };
    record.entry("recordId").or_insert_with(|| format!("record-{:07}", counts.processed).into());
    let input = record.get("modelInput").cloned().unwrap_or_default();
    let request_id = uuid::Uuid::new_v4().to_string();
    match invocation(state, job, &input, &request_id).await {
        Ok(output) => {
            counts.success += 1;
            if let Some(entry) = state.bill.find(&request_id) {
                counts.input_tokens += entry.input_tokens;
                counts.output_tokens += entry.output_tokens;
            }
            record.insert("modelOutput".to_owned(), output);
        }
        Err(failure) => {
            counts.error += 1;
            let error = json!({ "errorCode": failure.error.status, "errorMessage": failure.error.message });
            record.insert("error".to_owned(), error);
        }
    }
    Value::Object(record)
}

async fn invocation(
    state: &State,
    job: &Resource,
    input: &Value,
    request_id: &str,
) -> Result<Value, Failure> {
    let kind = match job.text("modelInvocationType") {
        Some("Converse") => Runtime::Converse,
        _ => Runtime::InvokeModel,
    };
    let model = job.text("modelId").unwrap_or_default();
    if !input.is_object() {
        return Err(Failure::validation("A record is a JSON object with the member modelInput."));
    }
    let (head, body) = (head(), input.to_string().into_bytes());
    let operation = service().operation(kind.name()).expect("the model has the runtime's operations");
    let sources = Sources { query: "", headers: &head.headers, body: &body };
    service().input(operation, vec![("modelId", model.to_owned())], sources)?;
    let call = Call { head: &head, body: &body, request_id };
    let mut reply = invoke(state, &call, kind, model, &job.region).await?;
    if let Some(receipt) = reply.receipt.take() {
        receipt.delivered();
    }
    Ok(match reply.payload {
        Payload::Whole(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Payload::Frames(_) => Value::Null,
    })
}

/// The head of a request that never was one.
fn head() -> Parts {
    Request::new(()).into_parts().0
}
