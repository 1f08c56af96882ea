//! `outcrop batch`: many requests at half the price, when there is room.
//!
//! OpenAI's batch file goes in and comes out; in between Bedrock runs a job on S3. The original file lies beside the records,
//! so that the job alone is enough to collect its answers. Nothing is kept on this machine.

mod records;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use outcrop_bedrock::control::batch::{BatchJob, NewBatchJob, token};
use outcrop_bedrock::{Client, SendError};
use outcrop_catalog::{Context, Identifier, Resolution};
use serde_json::json;

use super::confirm::confirm;
use super::explain;
use super::profiles::refused;
use crate::args::{Batch, Global, Submit};
use crate::failure::Failure;
use crate::settings::{Flags, Settings};
use crate::{paper, progress};

/// Runs `outcrop batch …`.
pub fn run(global: &Global, batch: Batch) -> Result<(), Failure> {
    let in_region = |region| Settings::load(global, &Flags { region, ..Flags::default() });
    super::block_on(async {
        match batch {
            Batch::Submit(submit) => {
                let settings = in_region(submit.region.clone())?;
                Jobs::open(&settings).await?.submit(global, &submit).await
            }
            Batch::List { region } => Jobs::open(&in_region(region)?).await?.list(global).await,
            Batch::Watch { job, region, interval } => {
                let interval = Duration::from_secs(interval);
                Jobs::open(&in_region(region)?).await?.watch(global, &job, interval).await
            }
            Batch::Collect { job, output, region } => {
                Jobs::open(&in_region(region)?).await?.collect(global, &job, output.as_deref()).await
            }
            Batch::Stop { job, region, yes } => {
                Jobs::open(&in_region(region)?).await?.stop(global, &job, yes).await
            }
        }
    })?
}

/// The jobs of one Region.
struct Jobs<'a> {
    settings: &'a Settings,
    client: Client,
    region: &'a str,
}

/// A place on S3.
struct Place {
    bucket: String,
    prefix: String,
}

impl Place {
    /// `s3://bucket/prefix`
    fn parse(uri: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::new(format!("`{uri}` is no place on S3"))
                .hint("write it as s3://bucket or s3://bucket/prefix")
        };
        let (bucket, prefix) = uri
            .strip_prefix("s3://")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
            .ok_or_else(wrong)?;
        if bucket.is_empty() {
            return Err(wrong());
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }

    fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    fn uri(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.key(name))
    }
}

impl<'a> Jobs<'a> {
    async fn open(settings: &'a Settings) -> Result<Self, Failure> {
        let region = settings.region.value.as_str();
        let credentials = settings.credentials.load(region).await.map_err(Failure::new)?;
        let client = Client::new(credentials, settings.upstream.endpoints());
        Ok(Self { settings, client, region })
    }

    async fn submit(&self, global: &Global, submit: &Submit) -> Result<(), Failure> {
        let Submit { file, model, bucket, role, name, region: _, dry_run } = submit;
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::new(format!("{} cannot be read: {error}", file.display())))?;
        let shown = file.display().to_string();
        let lines = records::read(&shown, &text)?;
        let identifier = match model {
            Some(model) => model.clone(),
            None => the_one_model(&lines)?,
        };
        let resolution = self.resolve(&identifier).await?;
        let (records, notices) = records::records(&lines, &shown, resolution.model.as_deref())?;
        notices.iter().for_each(|notice| paper::say(notice));
        let hash = token(&[&text, &resolution.target, self.region]);
        let name = name.clone().unwrap_or_else(|| default_name(file, &hash));
        check_name(&name)?;
        let base = Place::parse(bucket)?;
        let place = Place { prefix: base.key(&name), bucket: base.bucket };
        let job = NewBatchJob {
            role_arn: role.clone(),
            model_id: self.model_id(&resolution)?,
            input: place.uri(RECORDS),
            output: place.uri(ANSWERS),
            client_request_token: format!("outcrop{}", &hash),
            name,
        };
        if *dry_run {
            paper::say(&format!(
                "nothing was sent; {} records would go to {}, and the request would be:",
                lines.len(),
                job.input
            ));
            return paper::json(&job.request());
        }
        let spinner = progress::spinner(&format!("putting {} records on S3", lines.len()));
        self.put(&place, SOURCE, text.into_bytes()).await?;
        self.put(&place, RECORDS, records).await?;
        let arn = self.client.create_batch_job(&job, self.region).await;
        spinner.finish_and_clear();
        let arn = arn.map_err(|error| {
            self.failed(
                "the job cannot be created",
                &error,
                "bedrock:CreateModelInvocationJob and iam:PassRole",
            )
        })?;
        if global.json {
            return paper::json(
                &json!({ "jobArn": arn, "jobName": job.name, "records": lines.len(), "input": job.input, "output": job.output }),
            );
        }
        paper::say(&format!(
            "{} records were submitted as {}; follow it with `outcrop batch watch {}`",
            lines.len(),
            job.name,
            job.name
        ));
        Ok(writeln!(paper::out(), "{arn}")?)
    }

    async fn resolve(&self, identifier: &str) -> Result<Resolution, Failure> {
        let catalog = self.settings.catalog();
        let resolution = explain::resolve(&catalog, identifier, self.settings)?;
        if !resolution.needs_lookup {
            return Ok(resolution);
        }
        match explain::ask_aws(&resolution, self.settings).await {
            Ok(profile) => explain::learned(&catalog, profile, &resolution, self.settings),
            Err(_) => Ok(resolution),
        }
    }

    /// A system profile's id is no legal `modelId` of a job, its ARN would need the account: AWS takes bare ids of models, and
    /// ARNs. The rest is for AWS to judge.
    fn model_id(&self, resolution: &Resolution) -> Result<String, Failure> {
        let catalog = self.settings.catalog();
        let context = Context { region: self.region.to_owned() };
        let target = Identifier::parse(&resolution.target, catalog.vocabulary());
        let target = target.map_err(|error| Failure::new(error.to_string()))?;
        if resolution.source_region != context.region {
            return Err(Failure::new(format!(
                "{} is called in {}, not in {}",
                resolution.target, resolution.source_region, context.region
            ))
            .hint(format!("run the job there: --region {}", resolution.source_region)));
        }
        Ok(target.to_string())
    }

    async fn put(&self, place: &Place, name: &str, body: Vec<u8>) -> Result<(), Failure> {
        let key = place.key(name);
        let put =
            self.client.put_object(&place.bucket, &key, body.into(), "application/jsonl", self.region).await;
        put.map_err(|error| {
            self.failed(
                &format!("{} cannot be written", place.uri(name)),
                &error,
                "s3:PutObject on the bucket",
            )
        })
    }

    fn failed(&self, what: &str, error: &SendError, action: &str) -> Failure {
        refused(what, error, action)
    }

    async fn all(&self) -> Result<Vec<BatchJob>, Failure> {
        let jobs = self.client.batch_jobs(self.region).await;
        jobs.map_err(|error| {
            let what = format!("the batch jobs of {} cannot be listed", self.region);
            self.failed(&what, &error, "bedrock:ListModelInvocationJobs")
        })
    }

    async fn list(&self, global: &Global) -> Result<(), Failure> {
        let jobs = self.all().await?;
        if global.json {
            return paper::json(&jobs);
        }
        if jobs.is_empty() {
            paper::say(&format!("no batch jobs in {}", self.region));
            return Ok(());
        }
        let mut table = paper::table();
        for job in &jobs {
            table.add_row([
                job.job_name.as_deref().unwrap_or_default(),
                job.id(),
                &job.status,
                &counts(job),
                &job.model_id,
                job.submit_time.as_deref().unwrap_or_default(),
            ]);
        }
        paper::print_table(&mut table)
    }

    /// By id or ARN at once, by name after a look at the list.
    async fn find(&self, job: &str) -> Result<BatchJob, Failure> {
        let is_id = job.starts_with("arn:")
            || (job.len() == 12 && job.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if is_id && let Ok(found) = self.client.batch_job(job, self.region).await {
            return Ok(found);
        }
        let named =
            self.all().await?.into_iter().find(|it| it.job_name.as_deref() == Some(job) || it.id() == job);
        let named = named.ok_or_else(|| {
            Failure::new(format!("no batch job is called `{job}` in {}", self.region))
                .hint("see `outcrop batch list`; jobs are regional: --region")
        })?;
        self.describe(&named.job_arn).await
    }

    async fn describe(&self, arn: &str) -> Result<BatchJob, Failure> {
        let job = self.client.batch_job(arn, self.region).await;
        job.map_err(|error| {
            self.failed(&format!("{arn} cannot be read"), &error, "bedrock:GetModelInvocationJob")
        })
    }

    async fn watch(&self, global: &Global, job: &str, interval: Duration) -> Result<(), Failure> {
        let mut job = self.find(job).await?;
        let bar = progress::bar(job.total_record_count.unwrap_or(0), &job.status);
        let mut said = String::new();
        while !job.has_ended() {
            if bar.is_hidden() && said != job.status {
                paper::say(&format!("{}: {} {}", job.id(), job.status, counts(&job)));
                said.clone_from(&job.status);
            }
            tokio::time::sleep(interval).await;
            job = self.describe(&job.job_arn).await?;
            bar.set_length(job.total_record_count.unwrap_or(0));
            bar.set_position(job.processed_record_count.unwrap_or(0));
            bar.set_message(job.status.clone());
        }
        bar.finish_and_clear();
        if global.json {
            paper::json(&job)?;
        } else {
            writeln!(paper::out(), "{}: {} {}", job.id(), job.status, counts(&job))?;
        }
        let reason = job.message.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        match job.status.as_str() {
            "Completed" if job.error_record_count.unwrap_or(0) == 0 => Ok(()),
            "Completed" | "PartiallyCompleted" => {
                Err(Failure::new(format!("some records were refused{reason}"))
                    .hint(format!("`outcrop batch collect {}` tells each one's reason", job.id())))
            }
            status => Err(Failure::new(format!("the job ended as {status}{reason}"))),
        }
    }

    async fn collect(&self, global: &Global, job: &str, output: Option<&Path>) -> Result<(), Failure> {
        let job = self.find(job).await?;
        if !job.has_ended() {
            return Err(Failure::new(format!(
                "{} is {}: there is nothing to collect yet",
                job.id(),
                job.status
            ))
            .hint(format!("wait for it with `outcrop batch watch {}`", job.id())));
        }
        let input = Place::parse(&job.input_data_config.s3_input_data_config.s3_uri)?;
        let folder =
            input.prefix.strip_suffix(RECORDS).map(|folder| folder.trim_end_matches('/')).ok_or_else(
                || {
                    Failure::new(format!("{} was not submitted by `outcrop batch submit`", job.id()))
                        .hint("its answers are in Bedrock's own form where its output goes")
                },
            )?;
        let spinner = progress::spinner("fetching the answers");
        let source = Place { bucket: input.bucket.clone(), prefix: folder.to_owned() };
        let text = String::from_utf8_lossy(&self.get(&source, &source.key(SOURCE)).await?).into_owned();
        let lines = records::read(SOURCE, &text)?;
        let model = self.resolve(&job.model_id).await.ok().and_then(|resolution| resolution.model);
        let answers = self.answers(&job).await?;
        let created = job.end_time.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let created = created.map_or(0, |time| u64::try_from(time.as_second()).unwrap_or(0));
        let (file, tally) = records::answers(&lines, &answers, &job.model_id, model.as_deref(), created)?;
        spinner.finish_and_clear();
        match output {
            Some(path) => std::fs::write(path, &file)
                .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?,
            None if global.json => {}
            None => paper::out().write_all(&file)?,
        }
        if global.json {
            paper::json(&tally)?;
        }
        let records::Tally { answered, refused, missing } = tally;
        paper::say(&format!("{answered} answered, {refused} refused, {missing} without an answer"));
        if refused + missing == 0 { Ok(()) } else { Err(Failure::Reported) }
    }

    /// Everything Bedrock wrote for a job: one file per file of records, under the job's id.
    async fn answers(&self, job: &BatchJob) -> Result<Vec<u8>, Failure> {
        const SUFFIX: &str = ".jsonl.out";
        let place = Place::parse(&job.output_data_config.s3_output_data_config.s3_uri)?;
        let prefix = format!("{}/{}/", place.prefix, job.id());
        let prefix = prefix.trim_start_matches('/');
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let page = self.client.objects(&place.bucket, prefix, from.as_deref(), None, self.region).await;
            let page = page.map_err(|error| {
                self.failed(
                    &format!("s3://{}/{prefix} cannot be listed", place.bucket),
                    &error,
                    "s3:ListBucket",
                )
            })?;
            for object in page
                .objects
                .iter()
                .filter(|it| it.key.ends_with(SUFFIX) && !it.key.ends_with("manifest.jsonl.out"))
            {
                all.extend_from_slice(&self.get(&place, &object.key).await?);
                all.push(b'\n');
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn get(&self, place: &Place, key: &str) -> Result<Vec<u8>, Failure> {
        let got = self.client.whole_object(&place.bucket, key, self.region).await;
        got.map(|bytes| bytes.to_vec()).map_err(|error| {
            self.failed(
                &format!("s3://{}/{key} cannot be read", place.bucket),
                &error,
                "s3:GetObject on the bucket",
            )
        })
    }

    async fn stop(&self, global: &Global, job: &str, yes: bool) -> Result<(), Failure> {
        let job = self.find(job).await?;
        confirm(yes, &format!("stop {} ({})", job.job_name.as_deref().unwrap_or(job.id()), job.status))?;
        let stopped = self.client.stop_batch_job(&job.job_arn, self.region).await;
        stopped.map_err(|error| {
            self.failed(&format!("{} cannot be stopped", job.id()), &error, "bedrock:StopModelInvocationJob")
        })?;
        if global.json {
            return paper::json(&json!({ "stopping": job.job_arn }));
        }
        paper::say(&format!("{} is being stopped; what was answered is kept", job.id()));
        Ok(())
    }
}

/// The file as the person wrote it, beside the records.
const SOURCE: &str = "source.jsonl";
/// What Bedrock reads.
const RECORDS: &str = "records.jsonl";
/// Where Bedrock writes.
const ANSWERS: &str = "answers/";

fn counts(job: &BatchJob) -> String {
    match job.total_record_count {
        Some(total) => format!(
            "{}/{total} processed, {} refused",
            job.processed_record_count.unwrap_or(0),
            job.error_record_count.unwrap_or(0)
        ),
        None => String::new(),
    }
}

fn the_one_model(lines: &[records::Line]) -> Result<String, Failure> {
    let mut models: Vec<&str> = lines.iter().filter_map(|line| line.model.as_deref()).collect();
    models.sort_unstable();
    models.dedup();
    match models.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(Failure::new("no line names a model").hint("name it: -m MODEL")),
        several => Err(Failure::new(format!(
            "the lines name {} models, and a job has one: {}",
            several.len(),
            several.join(", ")
        ))
        .hint("split the file by model, or choose one for all with -m MODEL")),
    }
}

/// The file's name without what AWS does not take.
fn default_name(file: &Path, hash: &str) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let legal: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    let legal = legal.trim_matches('-');
    format!("{}-{}", if legal.is_empty() { "batch" } else { legal }, &hash[..8])
}

/// `[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\+\-\.]){0,63}` (botocore 1.44.5)
fn check_name(name: &str) -> Result<(), Failure> {
    let is_legal = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && name.len() <= 63;
    if is_legal {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{name}` is no name of a job: letters, digits, hyphens, dots, plus signs; 63 at most"
    )))
}
