//! What AWS's own invocation log says of a call: which profile was used, and where it was processed.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use outcrop_bedrock::control::logs::LogSearch;
use serde::Serialize;

use crate::commands::ask::Subject;
use crate::commands::logging::origin::Origin;
use crate::commands::logging::record::{Line, Record};
use crate::failure::Failure;

/// What the invocation log says of the first call.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Whether it says what it should.
    pub verdict: Verdict,
    /// What it says, or why it says nothing.
    pub detail: String,
    /// What was invoked.
    pub model_id: Option<String>,
    /// Where it was processed.
    pub inference_region: Option<String>,
}

/// Whether the log says what it should (the success and failure indicators of LibreChat's guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The log names what was meant to be invoked.
    Proven,
    /// The log names something else.
    Wrong,
    /// The record did not come in time.
    Missing,
    /// Nothing is logged, or the log cannot be read.
    Unlogged,
}

/// Looks the call up in the invocation log until its record is there, or `wait` seconds are over.
pub async fn prove(subject: &Subject, request_id: Option<&str>, begun: Timestamp, wait: u64) -> Proof {
    let (client, region) = (subject.client(), subject.resolution.source_region.as_str());
    let Some(request_id) = request_id else { return unlogged("no call has an id to look for".to_owned()) };
    let origin = match client.logging(region).await {
        Ok(config) => Origin::configured(config.unwrap_or_default()),
        Err(error) => return unlogged(format!("whether something is logged cannot be asked: {error}")),
    };
    let Some(origin) = origin else {
        return unlogged(format!("nothing is logged in {region}; turn it on with `outcrop logging setup`"));
    };
    // Clocks may disagree a little.
    let since = begun.checked_sub(jiff::SignedDuration::from_mins(1)).unwrap_or(begun);
    let mut log = Log { subject, request_id, since, read: BTreeSet::new() };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
    loop {
        match log.find(&origin).await {
            Ok(Some(proof)) => return proof,
            Ok(None) if tokio::time::Instant::now() >= deadline => break,
            Ok(None) => tokio::time::sleep(PAUSE).await,
            Err(failure) => return unlogged(words(failure)),
        }
    }
    let detail = format!(
        "{origin} has no record of {request_id} after {wait} s; wait longer with --wait, and see `outcrop logging status`"
    );
    Proof { verdict: Verdict::Missing, detail, model_id: None, inference_region: None }
}

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

fn unlogged(detail: String) -> Proof {
    Proof { verdict: Verdict::Unlogged, detail, model_id: None, inference_region: None }
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Message { message, hint: Some(hint) } => format!("{message} ({hint})"),
        Failure::Message { message, hint: None } => message,
        other => format!("{other:?}"),
    }
}

/// The log, as it is searched for one call.
struct Log<'a> {
    subject: &'a Subject,
    request_id: &'a str,
    since: Timestamp,
    /// Objects of a bucket that hold other calls.
    read: BTreeSet<String>,
}

impl Log<'_> {
    async fn find(&mut self, origin: &Origin) -> Result<Option<Proof>, Failure> {
        let (client, region) = (self.subject.client(), self.subject.resolution.source_region.as_str());
        let folder = match origin {
            Origin::Group(group) => return self.find_in_group(group).await,
            Origin::Bucket(folder) => folder,
        };
        let (target, request_id, mut found) =
            (self.subject.resolution.target.as_str(), self.request_id, None);
        let each = |line: &[u8]| found = found.take().or_else(|| proof_in(line, request_id, target));
        folder.read(client, region, self.since, &mut self.read, each).await?;
        Ok(found)
    }

    async fn find_in_group(&self, group: &str) -> Result<Option<Proof>, Failure> {
        let resolution = &self.subject.resolution;
        let mut search = LogSearch {
            log_group_name: group.to_owned(),
            filter_pattern: Some(format!("\"{}\"", self.request_id)),
            start_time: Some(self.since.as_millisecond()),
            next_token: None,
        };
        loop {
            let page = self.subject.client().log_events(&search, &resolution.source_region).await;
            let page =
                page.map_err(|error| Failure::new(format!("the log group {group} cannot be read: {error}")))?;
            let lines = page.events.iter().map(|event| event.message.as_bytes());
            let found = lines.filter_map(|line| proof_in(line, self.request_id, &resolution.target)).next();
            search.next_token = page.next_token;
            if found.is_some() || search.next_token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// What a line says, if it is the call's.
fn proof_in(line: &[u8], request_id: &str, target: &str) -> Option<Proof> {
    let parsed = Line::parse(line)?;
    let record = parsed.record();
    (record.request_id == Some(request_id)).then(|| Proof::of(&record, target))
}

impl Proof {
    fn of(record: &Record<'_>, target: &str) -> Self {
        let is_meant = record.is_of(target);
        let through = record.inference_region.map(|at| format!(", processed in {at}")).unwrap_or_default();
        let detail = match (is_meant, target.contains(":application-inference-profile/")) {
            (true, true) => format!("the log names the application profile{through}"),
            (true, false) => format!("the log names {}{through}", record.model_id),
            (false, _) => format!("the log names {} instead of {target}{through}", record.model_id),
        };
        Self {
            verdict: if is_meant { Verdict::Proven } else { Verdict::Wrong },
            detail,
            model_id: Some(record.model_id.to_owned()),
            inference_region: record.inference_region.map(str::to_owned),
        }
    }
}
