//! Jobs that train or import a model: begun, going on, ended, by the emulator's [clock](crate::clock).
//!
//! Nothing is trained or read, but a job takes its time as AWS's do: it can be seen going on and be stopped, and its model
//! is there once it is complete. Where a job stands is worked out when somebody looks, so that what is seen never
//! depends on when a task was run. Batch jobs, which do real work, are run by [`crate::batch`].

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::profiles::iso;
use super::resource::{Kind, Resource};
use super::store::Account;
use crate::failure::Failure;
use crate::state::State;

/// How long each part of a job takes: enough for a client that asks at once to see it, little for one that waits.
pub(crate) const PHASE: SignedDuration = SignedDuration::from_millis(250);

/// The words for where a job stands, shared by all kinds of job.
pub(crate) const IN_PROGRESS: &str = "InProgress";
pub(crate) const STOPPING: &str = "Stopping";
pub(crate) const STOPPED: &str = "Stopped";
pub(crate) const COMPLETED: &str = "Completed";
pub(crate) const FAILED: &str = "Failed";
const NOT_STARTED: &str = "NotStarted";

/// When something may change next, in microseconds since 1970, or one of the values below.
#[derive(Debug, Default)]
pub(crate) struct NextChange(AtomicI64);

/// It is not known: nobody has looked since the start, or since a job was begun or stopped.
const UNKNOWN: i64 = 0;
/// It is being worked out.
const WORKING: i64 = -1;
/// There is no job that goes on.
const NEVER: i64 = i64::MAX;

impl NextChange {
    /// Have it worked out again.
    pub(crate) fn forget(&self) {
        self.0.store(UNKNOWN, Ordering::Release);
    }
}

/// Brings all jobs to where they stand now. Cheap when nothing is due: most emulators never have such a job.
///
/// # Errors
/// What was due cannot be written down.
pub(crate) fn settle(state: &State) -> Result<(), Failure> {
    let due = state.next_change.0.load(Ordering::Acquire);
    // Not even the time is looked up where nothing will ever be due.
    if due == NEVER || state.clock.now().as_microsecond() < due {
        return Ok(());
    }
    state.next_change.0.store(WORKING, Ordering::Release);
    let next = all_steps(state)?.map_or(NEVER, Timestamp::as_microsecond);
    // A job that was begun meanwhile has put another value there: then the next look works it out.
    let _ = state.next_change.0.compare_exchange(WORKING, next, Ordering::AcqRel, Ordering::Acquire);
    Ok(())
}

/// Lets everything happen that is due; when the next change is.
fn all_steps(state: &State) -> Result<Option<Timestamp>, Failure> {
    let now = state.clock.now();
    match state.account.read(|account| next_change(account, now)) {
        Some(next) if next <= now => {
            let changed = state.account.change(|account| {
                while step(account, now) {}
                Ok::<_, super::Refused>(next_change(account, now))
            });
            changed.map_err(super::internal)
        }
        next => Ok(next),
    }
}

/// A job begins.
pub(super) fn begin(job: &mut Resource, parts: &'static [&'static str]) {
    let begun = job.created_at.clone();
    job.set("creationTime", begun.clone());
    job.set("lastModifiedTime", begun);
    job.set("status", IN_PROGRESS);
    job.set(PARTS_DONE, 0);
    tell_parts(job, parts);
}

/// A job is to stop; it has stopped a phase later.
///
/// # Errors
/// Conflict when it has ended.
pub(super) fn stop(job: &mut Resource, now: Timestamp) -> Result<(), Failure> {
    match job.text("status") {
        Some(STOPPING) => Ok(()),
        Some(IN_PROGRESS) => {
            job.set("status", STOPPING);
            job.set("lastModifiedTime", iso(now));
            Ok(())
        }
        _ => Err(super::profiles::conflict()),
    }
}

/// The parts of a customization job, in the words of `statusDetails`.
pub(super) const TRAINING: &[&str] = &["validationDetails", "dataProcessingDetails", "trainingDetails"];
/// An import tells no parts.
pub(super) const IMPORTING: &[&str] = &[];
/// A member of our own in the document: how many parts are done. Answers have only what AWS's model names.
const PARTS_DONE: &str = "partsDone";

fn parts_done(job: &Resource) -> u64 {
    job.document.get(PARTS_DONE).and_then(Value::as_u64).unwrap_or_default()
}

fn parts_of(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::CustomizationJob => Some(TRAINING),
        Kind::ModelImportJob => Some(IMPORTING),
        _ => None,
    }
}

/// When the next job changes, if any will.
fn next_change(account: &Account, now: Timestamp) -> Option<Timestamp> {
    account.resources.iter().filter_map(|job| changes_at(job, now)).min()
}

/// When a job changes next: a phase after it changed last.
fn changes_at(job: &Resource, now: Timestamp) -> Option<Timestamp> {
    parts_of(job.kind)?;
    matches!(job.text("status"), Some(IN_PROGRESS | STOPPING)).then_some(())?;
    Some(phase_after(job, now))
}

/// The end of the phase that a job is in, at once when it began in the future: by a clock that was ahead before a restart.
pub(crate) fn phase_after(job: &Resource, now: Timestamp) -> Timestamp {
    let last = job.text("lastModifiedTime").and_then(|time| time.parse::<Timestamp>().ok());
    match last.filter(|last| *last <= now) {
        Some(last) => last.saturating_add(PHASE).unwrap_or(now),
        None => now,
    }
}

/// Lets the change that is due first happen; whether one was due.
fn step(account: &mut Account, now: Timestamp) -> bool {
    let due = |(at, job): (usize, &Resource)| Some((changes_at(job, now).filter(|time| *time <= now)?, at));
    let Some((time, at)) = account.resources.iter().enumerate().filter_map(due).min() else { return false };
    let job = &mut account.resources[at];
    let parts = parts_of(job.kind).unwrap_or_default();
    let done = parts_done(job).saturating_add(1);
    job.set("lastModifiedTime", iso(time));
    if job.text("status") == Some(STOPPING) {
        job.makes = None;
        end(job, STOPPED, time);
    } else if done >= parts.len() as u64 {
        job.set(PARTS_DONE, done);
        end(job, COMPLETED, time);
    } else {
        job.set(PARTS_DONE, done);
    }
    tell_parts(job, parts);
    let is_complete = job.text("status") == Some(COMPLETED);
    if let Some(mut model) = job.makes.take_if(|_| is_complete) {
        let member = if job.kind == Kind::CustomizationJob { "outputModelArn" } else { "importedModelArn" };
        job.set(member, model.arn.clone());
        // The member of summaries.
        if job.kind == Kind::CustomizationJob {
            job.set("customModelArn", model.arn.clone());
        }
        model.created_at = iso(time);
        model.set("creationTime", iso(time));
        account.resources.push(*model);
    }
    true
}

fn end(job: &mut Resource, status: &str, time: Timestamp) {
    job.set("status", status);
    job.set("endTime", iso(time));
}

/// Tells in `statusDetails` which parts are done, which one goes on, and which have not begun.
fn tell_parts(job: &mut Resource, parts: &[&str]) {
    let done = parts_done(job);
    let whole = job.text("status").unwrap_or_default().to_owned();
    let status = |at: u64| match at.cmp(&done) {
        std::cmp::Ordering::Less => COMPLETED,
        std::cmp::Ordering::Equal => whole.as_str(),
        std::cmp::Ordering::Greater => NOT_STARTED,
    };
    let times = json!({ "creationTime": job.created_at, "lastModifiedTime": job.text("lastModifiedTime") });
    let told = parts.iter().zip(0u64..).map(|(part, at)| {
        let mut details = times.clone();
        details["status"] = status(at).into();
        ((*part).to_owned(), details)
    });
    let told: serde_json::Map<String, Value> = told.collect();
    if !told.is_empty() {
        job.set("statusDetails", Value::Object(told));
    }
}
