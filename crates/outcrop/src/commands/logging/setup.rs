//! `outcrop logging setup`: looks at what is there, says what it would do, and does it.

use std::io::Write;
use std::time::Duration;

use outcrop_bedrock::control::logging::LoggingConfig;
use outcrop_bedrock::{Client, SendError};
use serde::Serialize;
use serde_json::{Value, json};

use super::wanted::Wanted;
use super::{open, print, refused};
use crate::args::{Global, LoggingFormat, LoggingSetup};
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::paper;
use crate::settings::{Flags, Settings};

/// Runs `outcrop logging setup`.
pub async fn run(global: &Global, setup: &LoggingSetup) -> Result<(), Failure> {
    if setup.print_only || setup.format.is_some() {
        return print_only(global, setup).await;
    }
    let (client, region) = open(global, setup.region.clone()).await?;
    let account = match &setup.account {
        Some(account) => account.clone(),
        None => account_of(&client, &region).await?,
    };
    let wanted = Wanted::new(setup, &account, &region)?;
    let steps = look(&client, &wanted).await?;
    tell(global, &wanted, &steps, setup.dry_run)?;
    if steps.is_empty() || setup.dry_run {
        return Ok(());
    }
    confirm(setup.yes, &format!("change {} things in {account}, {region}", steps.len()))?;
    for step in &steps {
        step.take(&client, &wanted).await?;
        if !global.json {
            paper::say(&format!("done: {}", step.what(&wanted)));
        }
    }
    if global.json {
        let done: Vec<String> = steps.iter().map(|step| step.what(&wanted)).collect();
        return paper::json(&json!({ "done": done }));
    }
    paper::say("see what is invoked with `outcrop logging tail --follow`");
    Ok(())
}

/// With an account named, this takes neither credentials nor a network.
async fn print_only(global: &Global, setup: &LoggingSetup) -> Result<(), Failure> {
    let wanted = match &setup.account {
        Some(account) => {
            let flags = Flags { region: setup.region.clone(), ..Flags::default() };
            Wanted::new(setup, account, &Settings::load(global, &flags)?.region.value)?
        }
        None => {
            let (client, region) = open(global, setup.region.clone()).await?;
            Wanted::new(setup, &account_of(&client, &region).await?, &region)?
        }
    };
    let text = print::render(&wanted, setup.format.unwrap_or(LoggingFormat::Json));
    Ok(paper::out().write_all(text.as_bytes())?)
}

async fn account_of(client: &Client, region: &str) -> Result<String, Failure> {
    let identity = client.caller_identity(region).await.map_err(|error| {
        Failure::new(format!("the number of the account cannot be asked for: {error}"))
            .hint("name it with --account, or check the credentials with `outcrop doctor`; without an account, try --local")
    })?;
    Ok(identity.account)
}

/// One thing to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    CreateLogGroup,
    SetRetention,
    CreateBucket,
    SetBucketPolicy,
    CreateRole,
    SetTrust,
    /// By its place in [`Wanted::policies`].
    PutPolicy(usize),
    Configure,
}

/// What is missing or different, in the order in which it has to be made.
pub async fn look(client: &Client, wanted: &Wanted) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    let region = wanted.region.as_str();
    let group = client.log_group(&wanted.log_group, region).await;
    let group =
        group.map_err(|error| refused("log groups cannot be listed", &error, "logs:DescribeLogGroups"))?;
    if group.is_none() {
        steps.push(Step::CreateLogGroup);
    }
    if wanted.retention.is_some() && group.and_then(|group| group.retention_in_days) != wanted.retention {
        steps.push(Step::SetRetention);
    }
    steps.extend(look_at_bucket(client, wanted).await?);
    steps.extend(look_at_role(client, wanted).await?);
    let config = client.logging(region).await;
    let config = config.map_err(|error| {
        refused("the configuration cannot be read", &error, "bedrock:GetModelInvocationLoggingConfiguration")
    })?;
    if !config.is_some_and(|config| is_as_wanted(&config, &wanted.config())) {
        steps.push(Step::Configure);
    }
    Ok(steps)
}

/// Whether AWS holds what is wanted; what is not asked for (video, audio) is AWS's to choose.
fn is_as_wanted(config: &LoggingConfig, wanted: &LoggingConfig) -> bool {
    let LoggingConfig {
        cloud_watch_config,
        s3_config: _,
        text_data_delivery_enabled,
        image_data_delivery_enabled,
        embedding_data_delivery_enabled,
        video_data_delivery_enabled: _,
        audio_data_delivery_enabled: _,
    } = wanted;
    config.cloud_watch_config == *cloud_watch_config
        && config.text_data_delivery_enabled == *text_data_delivery_enabled
        && config.image_data_delivery_enabled == *image_data_delivery_enabled
        && config.embedding_data_delivery_enabled == *embedding_data_delivery_enabled
}

async fn look_at_bucket(client: &Client, wanted: &Wanted) -> Result<Vec<Step>, Failure> {
    let (bucket, region) = (wanted.bucket.as_str(), wanted.region.as_str());
    let found = client.bucket_region(bucket, region).await.map_err(|error| {
        refused(&format!("the bucket {bucket} cannot be looked at"), &error, "s3:ListBucket").hint(format!(
            "if {bucket} is somebody else's, choose another with --bucket; else allow s3:ListBucket"
        ))
    })?;
    match found {
        None => return Ok(vec![Step::CreateBucket, Step::SetBucketPolicy]),
        Some(home) if home != region => {
            return Err(Failure::new(format!("the bucket {bucket} is in {home}, not in {region}"))
                .hint("Bedrock writes to buckets of its own Region alone: choose another with --bucket"));
        }
        Some(_) => {}
    }
    let policy = client.bucket_policy(bucket, region).await;
    let policy = policy
        .map_err(|error| refused("the bucket's policy cannot be read", &error, "s3:GetBucketPolicy"))?;
    match policy {
        None => Ok(vec![Step::SetBucketPolicy]),
        Some(policy) if holds(&policy, &wanted.bucket_policy()) => Ok(Vec::new()),
        // Somebody's own policy is not replaced; the role's policy is what lets Bedrock write large bodies.
        Some(_) => {
            paper::say(&format!(
                "note: {bucket} has a policy of its own, which stays; `outcrop logging setup --print-only` shows the statement to add"
            ));
            Ok(Vec::new())
        }
    }
}

async fn look_at_role(client: &Client, wanted: &Wanted) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    let role = match client.role(&wanted.role).await {
        Ok(role) => Some(role),
        Err(SendError::Service(error)) if error.error.status == 404 => None,
        Err(error) => {
            return Err(refused(&format!("the role {} cannot be read", wanted.role), &error, "iam:GetRole"));
        }
    };
    let Some(role) = role else {
        return Ok(vec![Step::CreateRole, Step::PutPolicy(0), Step::PutPolicy(1)]);
    };
    if !is_same(&role.trust, &wanted.trust()) {
        steps.push(Step::SetTrust);
    }
    for (at, (name, document)) in wanted.policies().iter().enumerate() {
        match client.role_policy(&wanted.role, name).await {
            Ok(policy) if is_same(&policy, document) => {}
            Ok(_) => steps.push(Step::PutPolicy(at)),
            Err(SendError::Service(error)) if error.error.status == 404 => steps.push(Step::PutPolicy(at)),
            Err(error) => {
                return Err(refused(
                    &format!("the policy {name} cannot be read"),
                    &error,
                    "iam:GetRolePolicy",
                ));
            }
        }
    }
    Ok(steps)
}

/// Whether a document says what is wanted: as a value, since blanks and the order of members mean nothing.
fn is_same(document: &str, wanted: &Value) -> bool {
    serde_json::from_str::<Value>(document).is_ok_and(|document| document == *wanted)
}

/// Whether a policy holds the statements of another.
fn holds(document: &str, wanted: &Value) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else { return false };
    let statements = |value: &Value| value["Statement"].as_array().cloned().unwrap_or_default();
    let held = statements(&document);
    statements(wanted).iter().all(|statement| held.contains(statement))
}

impl Step {
    /// For a person.
    pub fn what(self, wanted: &Wanted) -> String {
        let Wanted { log_group, bucket, role, region, .. } = wanted;
        match self {
            Self::CreateLogGroup => format!("create the log group {log_group}"),
            Self::SetRetention => {
                format!("keep events of {log_group} for {} days", wanted.retention.unwrap_or_default())
            }
            Self::CreateBucket => format!("create the bucket {bucket}"),
            Self::SetBucketPolicy => format!("let Bedrock write to the bucket {bucket}"),
            Self::CreateRole => format!("create the role {role}, which Bedrock may assume"),
            Self::SetTrust => format!("replace the trust policy of the role {role}"),
            Self::PutPolicy(at) => format!("put the policy {} on the role {role}", wanted.policies()[at].0),
            Self::Configure => format!("turn the invocation log of {region} on"),
        }
    }

    async fn take(self, client: &Client, wanted: &Wanted) -> Result<(), Failure> {
        let Wanted { log_group, bucket, role, region, .. } = wanted;
        let (taken, action) = match self {
            Self::CreateLogGroup => (client.create_log_group(log_group, region).await, "logs:CreateLogGroup"),
            Self::SetRetention => {
                let days = wanted.retention.unwrap_or_default();
                (client.set_log_retention(log_group, days, region).await, "logs:PutRetentionPolicy")
            }
            Self::CreateBucket => (client.create_bucket(bucket, region).await, "s3:CreateBucket"),
            Self::SetBucketPolicy => {
                let policy = wanted.bucket_policy().to_string();
                (client.put_bucket_policy(bucket, &policy, region).await, "s3:PutBucketPolicy")
            }
            Self::CreateRole => {
                let description = "Amazon Bedrock writes its invocation log as this role";
                let made = client.create_role(role, &wanted.trust().to_string(), description).await;
                (made.map(drop), "iam:CreateRole")
            }
            Self::SetTrust => {
                (client.set_trust(role, &wanted.trust().to_string()).await, "iam:UpdateAssumeRolePolicy")
            }
            Self::PutPolicy(at) => {
                let (name, document) = &wanted.policies()[at];
                (client.put_role_policy(role, name, &document.to_string()).await, "iam:PutRolePolicy")
            }
            Self::Configure => {
                let configured = configure(client, wanted).await;
                (configured, "bedrock:PutModelInvocationLoggingConfiguration and iam:PassRole")
            }
        };
        match taken {
            Err(error) if !is_made_already(&error) => {
                let what = format!("it was not possible to {}", self.what(wanted));
                Err(refused(&what, &error, action))
            }
            _ => Ok(()),
        }
    }
}

/// Somebody, or this command before it was interrupted, was quicker.
fn is_made_already(error: &SendError) -> bool {
    const MADE: [&str; 3] =
        ["ResourceAlreadyExistsException", "BucketAlreadyOwnedByYou", "EntityAlreadyExists"];
    matches!(error, SendError::Service(error) if MADE.contains(&error.error.kind.name()))
}

/// IAM's changes take some seconds to be seen; until then Bedrock refuses the role as not permitted to write.
async fn configure(client: &Client, wanted: &Wanted) -> Result<(), SendError> {
    /// Together half a minute, which is longer than IAM usually takes.
    const ATTEMPTS: u32 = 5;
    for attempt in 0..ATTEMPTS {
        match client.set_logging(&wanted.config(), &wanted.region).await {
            Err(SendError::Service(error)) if error.error.message.contains("permission") => {
                let wait = Duration::from_secs(1 << attempt);
                paper::say(&format!(
                    "AWS does not see the role's permissions yet; trying again in {} s",
                    wait.as_secs()
                ));
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
    }
    client.set_logging(&wanted.config(), &wanted.region).await
}

fn tell(global: &Global, wanted: &Wanted, steps: &[Step], is_dry: bool) -> Result<(), Failure> {
    let lines: Vec<String> = steps.iter().map(|step| step.what(wanted)).collect();
    if global.json {
        return if is_dry || steps.is_empty() { paper::json(&json!({ "steps": lines })) } else { Ok(()) };
    }
    let mut out = paper::out();
    if lines.is_empty() {
        writeln!(out, "the invocation log of {} is set up as wanted; nothing to do", wanted.region)?;
    }
    for line in lines {
        writeln!(out, "+ {line}")?;
    }
    Ok(())
}
