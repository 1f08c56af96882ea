//! `outcrop logging status`: what is configured, and whether Bedrock can write it.

use outcrop_bedrock::control::logging::{CloudWatchConfig, LoggingConfig, S3Config};
use outcrop_bedrock::{Client, SendError};
use owo_colors::OwoColorize;
use serde::Serialize;
use serde_json::{Value, json};

use super::{open, refused};
use crate::args::{Global, LoggingWhere};
use crate::failure::Failure;
use crate::paper;

/// Runs `outcrop logging status`: exit code 1 when something is wrong.
pub async fn run(global: &Global, at: &LoggingWhere) -> Result<(), Failure> {
    let (client, region) = open(global, at.region.clone()).await?;
    let config = client.logging(&region).await;
    let config = config.map_err(|error| {
        refused("the configuration cannot be read", &error, "bedrock:GetModelInvocationLoggingConfiguration")
    })?;
    let points = match &config {
        Some(config) => look(&client, config, &region).await,
        None => Vec::new(),
    };
    if global.json {
        paper::json(&json!({ "region": region, "loggingConfig": config, "points": points }))?;
    } else {
        print(&region, config.as_ref(), &points)?;
    }
    if points.iter().any(|point| point.status == Status::Error) { Err(Failure::Reported) } else { Ok(()) }
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Point {
    check: &'static str,
    status: Status,
    detail: String,
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warning,
    Error,
}

impl Point {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, detail: detail.into(), fix: None }
    }

    fn error(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, status: Status::Error, detail: detail.into(), fix: Some(fix.into()) }
    }

    /// What could not be looked at is not therefore wrong.
    fn unknown(check: &'static str, error: &SendError) -> Self {
        Self { check, status: Status::Warning, detail: format!("cannot be looked at: {error}"), fix: None }
    }
}

const SETUP: &str = "outcrop logging setup";

async fn look(client: &Client, config: &LoggingConfig, region: &str) -> Vec<Point> {
    let mut points = Vec::new();
    if let Some(cloudwatch) = &config.cloud_watch_config {
        points.push(group(client, cloudwatch, region).await);
        points.extend(role(client, cloudwatch, region).await);
        if let Some(large) = &cloudwatch.large_data_delivery_s3_config {
            points.push(bucket(client, large, region).await);
        }
    }
    if let Some(s3) = &config.s3_config {
        points.push(bucket(client, s3, region).await);
    }
    if config.text_data_delivery_enabled == Some(false) {
        points.push(Point::ok("text", "the text of prompts and answers is left out"));
    }
    points
}

async fn group(client: &Client, config: &CloudWatchConfig, region: &str) -> Point {
    let name = &config.log_group_name;
    match client.log_group(name, region).await {
        Ok(Some(group)) => {
            let kept =
                group.retention_in_days.map_or("for ever".to_owned(), |days| format!("for {days} days"));
            Point::ok("log-group", format!("{name} exists; events are kept {kept}"))
        }
        Ok(None) => Point::error(
            "log-group",
            format!("{name} does not exist in {region}"),
            format!("{SETUP} --log-group {name}"),
        ),
        Err(error) => Point::unknown("log-group", &error),
    }
}

async fn bucket(client: &Client, config: &S3Config, region: &str) -> Point {
    let name = &config.bucket_name;
    match client.bucket_region(name, region).await {
        Ok(Some(home)) if home == region => Point::ok("bucket", format!("{name} exists in {region}")),
        Ok(Some(home)) => Point::error(
            "bucket",
            format!("{name} is in {home}; Bedrock writes to buckets of its own Region alone"),
            format!("{SETUP} --bucket ANOTHER"),
        ),
        Ok(None) => {
            Point::error("bucket", format!("{name} does not exist"), format!("{SETUP} --bucket {name}"))
        }
        Err(error) => Point::unknown("bucket", &error),
    }
}

async fn role(client: &Client, config: &CloudWatchConfig, region: &str) -> Vec<Point> {
    let arn = config.role_arn.as_str();
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let account = arn.split(':').nth(4).unwrap_or_default();
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let fix = format!("{SETUP} --role {name}");
    let role = match client.role(name).await {
        Ok(role) => role,
        Err(SendError::Service(error)) if error.error.status == 404 => {
            return vec![Point::error("role", format!("{arn} does not exist"), fix)];
        }
        Err(error) => return vec![Point::unknown("role", &error)],
    };
    let source = format!("arn:{partition}:bedrock:{region}:{account}:*");
    let mut points = vec![match mistrust(&role.trust, account, &source) {
        None => Point::ok("trust", format!("Bedrock may assume {name}")),
        Some(why) => Point::error("trust", format!("Bedrock may not assume {name}: {why}"), fix.clone()),
    }];
    let events = format!(
        "arn:{partition}:logs:{region}:{account}:log-group:{}:log-stream:aws/bedrock/modelinvocations",
        config.log_group_name
    );
    points.push(permission(client, arn, &["logs:CreateLogStream", "logs:PutLogEvents"], &events, &fix).await);
    if let Some(large) = &config.large_data_delivery_s3_config {
        let objects = format!(
            "arn:{partition}:s3:::{}/{}/x",
            large.bucket_name,
            large.key_prefix.as_deref().unwrap_or("x")
        );
        points.push(permission(client, arn, &["s3:PutObject"], &objects, &fix).await);
    }
    points
}

async fn permission(client: &Client, role: &str, actions: &[&str], resource: &str, fix: &str) -> Point {
    match client.simulate(role, actions, &[resource], &[]).await {
        Ok(results) => {
            let missing: Vec<&str> =
                results.iter().filter(|it| it.decision != "allowed").map(|it| it.action.as_str()).collect();
            match missing.as_slice() {
                [] => Point::ok("permission", format!("the role may {}", actions.join(" and "))),
                missing => Point::error(
                    "permission",
                    format!("the role may not {} on {resource}", missing.join(" nor ")),
                    fix,
                ),
            }
        }
        Err(error) => Point::unknown("permission", &error),
    }
}

/// Why a trust policy does not let Bedrock in; `None` when it does.
fn mistrust(trust: &str, account: &str, source: &str) -> Option<String> {
    let Ok(policy) = serde_json::from_str::<Value>(trust) else {
        return Some("its trust policy is no JSON".to_owned());
    };
    let mut why = "no statement names the service bedrock.amazonaws.com".to_owned();
    let statements = list(&policy["Statement"]);
    for statement in statements.iter().filter(|it| it["Effect"] == "Allow") {
        let is_for = list(&statement["Principal"]["Service"]).iter().any(|it| *it == "bedrock.amazonaws.com");
        let actions = list(&statement["Action"]);
        if !is_for || !actions.iter().any(|it| *it == "sts:AssumeRole" || *it == "sts:*" || *it == "*") {
            continue;
        }
        match unmet(&statement["Condition"], account, source) {
            None => return None,
            Some(condition) => why = condition,
        }
    }
    Some(why)
}

/// The condition that Bedrock's request does not meet.
fn unmet(conditions: &Value, account: &str, source: &str) -> Option<String> {
    for (operator, keys) in conditions.as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let actual = match key.to_ascii_lowercase().as_str() {
                "aws:sourceaccount" => account,
                "aws:sourcearn" => source,
                _ => continue,
            };
            let is_like = operator.starts_with("Arn") || operator.starts_with("StringLike");
            let holds = |value: &&Value| {
                value.as_str().is_some_and(|value| value == actual || (is_like && covers(value, actual)))
            };
            if !list(values).iter().any(holds) {
                return Some(format!(
                    "its condition {operator} {key} is {values}, and Bedrock comes with {actual}"
                ));
            }
        }
    }
    None
}

/// Whether a pattern with stars takes in all that another one does.
fn covers(pattern: &str, actual: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| actual.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// One value or a list of them.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        value => vec![value],
    }
}

fn print(region: &str, config: Option<&LoggingConfig>, points: &[Point]) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = paper::out();
    if config.is_none() {
        writeln!(out, "nothing is logged in {region}; turn it on with `{SETUP}`")?;
        return Ok(());
    }
    writeln!(out, "the invocation log of {region}")?;
    for Point { check, status, detail, fix } in points {
        let sign = match status {
            Status::Ok => "ok".green().to_string(),
            Status::Warning => "warning".yellow().to_string(),
            Status::Error => "error".red().to_string(),
        };
        writeln!(out, "  {sign}  {check}: {detail}")?;
        if let Some(fix) = fix {
            writeln!(out, "      {}: {fix}", "fix".cyan())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_judged_by_service_and_conditions() {
        let source = "arn:aws:bedrock:us-east-1:123456789012:*";
        let why = |policy: Value| mistrust(&policy.to_string(), "123456789012", source);
        let policy = |service: &str, account: &str, arn: &str| {
            json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": arn}}}]})
        };
        let bedrock = "bedrock.amazonaws.com";
        assert_eq!(why(policy(bedrock, "123456789012", source)), None);
        assert_eq!(why(policy(bedrock, "123456789012", "arn:aws:bedrock:*:123456789012:*")), None);
        assert!(
            why(policy("lambda.amazonaws.com", "123456789012", source)).unwrap().contains("no statement")
        );
        assert!(why(policy(bedrock, "999999999999", source)).unwrap().contains("aws:SourceAccount"));
        assert!(why(policy(bedrock, "123456789012", "arn:aws:bedrock:eu-west-1:123456789012:*")).is_some());
        assert!(why(json!({})).is_some() && mistrust("{", "1", "x").is_some());
        assert_eq!(
            why(
                json!({"Statement": {"Effect": "Allow", "Principal": {"Service": [bedrock]}, "Action": ["sts:AssumeRole"]}})
            ),
            None
        );
    }
}
