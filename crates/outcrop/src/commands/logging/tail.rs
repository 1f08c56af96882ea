//! `outcrop logging tail`: what was invoked, from CloudWatch Logs, from S3, or from files.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use outcrop_bedrock::Client;
use outcrop_bedrock::control::logs::LogSearch;
use owo_colors::OwoColorize;

use super::origin::{Folder, Origin};
use super::reader;
use super::record::{Line, Record, id_of};
use super::{open, refused};
use crate::args::{Global, LoggingTail};
use crate::commands::{profiles, usage};
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop logging tail`.
pub async fn run(global: &Global, tail: &LoggingTail) -> Result<(), Failure> {
    let now = Timestamp::now();
    let since = tail.since.as_deref().map(|text| usage::since(text, now)).transpose()?;
    if !tail.file.is_empty() {
        let mut show = Show::new(global, tail.profile.clone(), since);
        return from_files(&tail.file, &mut show);
    }
    let since = since.unwrap_or_else(|| now.checked_sub(USUAL).unwrap_or(now));
    let (client, region) = open(global, tail.region.clone()).await?;
    let profile = match &tail.profile {
        Some(profile) => Some(identifier_of(global, tail, profile).await?),
        None => None,
    };
    let mut show = Show::new(global, profile, Some(since));
    match origin(&client, tail, &region).await? {
        Origin::Group(group) => from_group(&client, &group, &region, since, tail.follow, &mut show).await,
        Origin::Bucket(folder) => from_bucket(&client, &folder, &region, since, tail.follow, &mut show).await,
    }
}

/// As far back as `aws logs tail` looks.
const USUAL: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// Between two looks at what is new.
const PAUSE: Duration = Duration::from_secs(2);

/// What the flags say, else what is configured.
async fn origin(client: &Client, tail: &LoggingTail, region: &str) -> Result<Origin, Failure> {
    if let Some(group) = &tail.log_group {
        return Ok(Origin::Group(group.clone()));
    }
    if let Some(place) = &tail.bucket {
        let place = place.trim_start_matches("s3://");
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        return Ok(Origin::Bucket(Folder { bucket: bucket.to_owned(), prefix: prefix.to_owned() }));
    }
    let config = client.logging(region).await.map_err(|error| {
        refused("the configuration cannot be read", &error, "bedrock:GetModelInvocationLoggingConfiguration")
            .hint("name the log with --log-group, --bucket or --file")
    })?;
    Origin::configured(config.unwrap_or_default()).ok_or_else(|| {
        Failure::new(format!("nothing is logged in {region}")).hint(
            "turn it on with `outcrop logging setup`, or name a log with --log-group, --bucket or --file",
        )
    })
}

/// The identifier that stands in the log for a profile: a name is looked up.
async fn identifier_of(global: &Global, tail: &LoggingTail, profile: &str) -> Result<String, Failure> {
    if profile.starts_with("arn:") || profile.contains('.') {
        return Ok(profile.to_owned());
    }
    let settings = Settings::load(global, &Flags { region: tail.region.clone(), ..Flags::default() })?;
    let account = profiles::account::Account::open(&settings, &settings.region.value).await?;
    Ok(account.find(profile).await?.inference_profile_arn)
}

/// Prints what is asked for.
struct Show {
    json: bool,
    profile: Option<String>,
    since: Option<Timestamp>,
    out: anstream::AutoStream<std::io::Stdout>,
    text: Vec<u8>,
    failed: Option<std::io::Error>,
    passed_over: u64,
}

impl Show {
    fn new(global: &Global, profile: Option<String>, since: Option<Timestamp>) -> Self {
        let out = paper::out();
        Self { json: global.json, profile, since, out, text: Vec::new(), failed: None, passed_over: 0 }
    }

    /// Takes a line of a log.
    fn line(&mut self, line: &[u8]) {
        if line.is_empty() || self.failed.is_some() {
            return;
        }
        let Some(parsed) = Line::parse(line) else {
            self.passed_over += 1;
            return;
        };
        let record = parsed.record();
        if self.profile.as_deref().is_some_and(|profile| !record.is_of(profile)) {
            return;
        }
        if self.since.is_some_and(|since| record.time().is_some_and(|time| time < since)) {
            return;
        }
        let written = match self.json {
            true => serde_json::to_writer(&mut self.text, &record).map_err(Into::into),
            false => write_record(&mut self.text, &record),
        };
        self.text.push(b'\n');
        /// Written in pieces, since most lines are short.
        const PIECE: usize = 64 * 1024;
        let written = written.and_then(|()| if self.text.len() > PIECE { self.flush() } else { Ok(()) });
        self.failed = written.err();
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        self.out.flush()
    }

    /// Everything out; the first thing that went wrong.
    fn end(&mut self) -> Result<(), Failure> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        self.flush()?;
        if self.passed_over > 0 {
            paper::say(&format!("{} lines are no records of invocations", self.passed_over));
            self.passed_over = 0;
        }
        Ok(())
    }
}

fn write_record(out: &mut Vec<u8>, record: &Record<'_>) -> std::io::Result<()> {
    let tokens = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    let model = match record.model_id.contains(":application-inference-profile/") {
        true => id_of(record.model_id).green().to_string(),
        false => id_of(record.model_id).to_owned(),
    };
    write!(
        out,
        "{}  {}  {model}  {} -> {}  in {} out {}",
        record.timestamp.unwrap_or("-"),
        record.operation.unwrap_or("-"),
        record.region.unwrap_or("-"),
        record.inference_region.unwrap_or("-"),
        tokens(record.input_token_count),
        tokens(record.output_token_count),
    )?;
    if let Some(read) = record.cache_read_input_token_count.filter(|count| *count > 0) {
        write!(out, " cached {read}")?;
    }
    if let Some(error) = record.error_code {
        write!(out, "  {}", error.red())?;
    }
    write!(out, "  {}", record.request_id.unwrap_or("-").dimmed())
}

fn from_files(paths: &[std::path::PathBuf], show: &mut Show) -> Result<(), Failure> {
    let files =
        reader::files(paths).map_err(|error| Failure::new(format!("the files cannot be listed: {error}")))?;
    for file in files {
        reader::read_file(&file, |line| show.line(line)).map_err(|error| {
            Failure::new(format!("{} cannot be read: {error}", file.display()))
                .hint("it must be JSON lines, plain or packed with gzip")
        })?;
    }
    show.end()
}

async fn from_group(
    client: &Client,
    group: &str,
    region: &str,
    since: Timestamp,
    follow: bool,
    show: &mut Show,
) -> Result<(), Failure> {
    let mut search = LogSearch {
        log_group_name: group.to_owned(),
        filter_pattern: show
            .profile
            .as_deref()
            .map(|profile| format!("\"{}\"", id_of(profile).replace('"', ""))),
        start_time: Some(since.as_millisecond()),
        next_token: None,
    };
    // The ids of the newest events: a search from their time on finds them again.
    let (mut newest, mut told) = (i64::MIN, BTreeSet::new());
    loop {
        let page = client.log_events(&search, region).await.map_err(|error| {
            refused(&format!("the log group {group} cannot be read"), &error, "logs:FilterLogEvents")
        })?;
        for event in &page.events {
            if event.timestamp > newest {
                newest = event.timestamp;
                told.clear();
            }
            if event.timestamp < newest || told.insert(event.event_id.clone()) {
                show.line(event.message.as_bytes());
            }
        }
        search.next_token = page.next_token;
        if search.next_token.is_some() {
            continue;
        }
        show.end()?;
        if !follow {
            return Ok(());
        }
        search.start_time = Some(newest.max(since.as_millisecond()));
        tokio::time::sleep(PAUSE).await;
    }
}

async fn from_bucket(
    client: &Client,
    folder: &Folder,
    region: &str,
    since: Timestamp,
    follow: bool,
    show: &mut Show,
) -> Result<(), Failure> {
    let mut told = BTreeSet::new();
    loop {
        folder.read(client, region, since, &mut told, |line| show.line(line)).await?;
        show.end()?;
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
