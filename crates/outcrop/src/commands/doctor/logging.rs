//! AWS's invocation log: the one proof of which profile was used.

use outcrop_bedrock::SendError;
use outcrop_bedrock::control::logging::{CloudWatchConfig, LoggingConfig};
use outcrop_wire::bedrock::ErrorKind;
use serde_json::Value;

use super::cause;
use super::connection::{Connection, within};
use super::finding::{Check, Finding, Status};

/// Looks at the configuration, and at the group and role it names.
pub async fn examine(connection: &Connection<'_>) -> Vec<Finding> {
    let region = connection.region();
    match within(connection.client.logging(region)).await {
        Ok(None) => vec![Finding::warning(
            Check::Logging,
            format!("invocations in {region} are not logged, so that nothing proves which profile was used"),
            "outcrop logging setup",
        )],
        Ok(Some(LoggingConfig { cloud_watch_config: Some(config), .. })) => {
            cloud_watch(connection, &config).await
        }
        Ok(Some(LoggingConfig { s3_config, .. })) => {
            let bucket = s3_config.map(|config| config.bucket_name).unwrap_or_default();
            vec![Finding::ok(Check::Logging, format!("invocations in {region} are logged to s3://{bucket}"))]
        }
        Err(error) => {
            let action = "bedrock:GetModelInvocationLoggingConfiguration";
            let finding = cause::of(&error, "read the logging configuration", action);
            vec![Finding { status: Status::Warning, check: Check::Logging, ..finding }]
        }
    }
}

async fn cloud_watch(connection: &Connection<'_>, config: &CloudWatchConfig) -> Vec<Finding> {
    let CloudWatchConfig { log_group_name: group, role_arn, .. } = config;
    let region = connection.region();
    let mut findings = Vec::new();
    if let Ok(None) = within(connection.client.log_group(group, region)).await {
        findings.push(Finding::error(
            Check::Logging,
            format!("the log group {group} does not exist in {region}, so that no invocation is logged"),
            "outcrop logging setup (or: aws logs create-log-group)",
        ));
    }
    let name = role_arn.rsplit('/').next().unwrap_or(role_arn);
    match within(connection.client.role(name)).await {
        Ok(role) => findings.extend(distrust(connection, role_arn, &role.trust)),
        Err(error) if is_missing(&error) => findings.push(Finding::error(
            Check::Logging,
            format!("the role {role_arn} that Bedrock is to log with does not exist"),
            "outcrop logging setup",
        )),
        Err(error) => findings.push(Finding::warning(
            Check::Logging,
            format!("whether {role_arn} trusts Bedrock cannot be told: {error}"),
            format!("allow:\n{}", outcrop_bedrock::denial::allow("iam:GetRole", role_arn)),
        )),
    }
    if findings.is_empty() {
        findings.push(Finding::ok(Check::Logging, format!("invocations in {region} are logged to {group}")));
    }
    findings
}

fn is_missing(error: &SendError) -> bool {
    let SendError::Service(service) = error else { return false };
    service.error.status == 404 || service.error.kind == ErrorKind::ResourceNotFound
}

/// Bedrock assumes the role itself: the trust policy must name it, for this account.
fn distrust(connection: &Connection<'_>, role: &str, trust: &str) -> Option<Finding> {
    let account = connection.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
    let statements = match serde_json::from_str::<Value>(trust) {
        Ok(mut policy) => match policy["Statement"].take() {
            Value::Array(statements) => statements,
            statement => vec![statement],
        },
        Err(_) => Vec::new(),
    };
    let trusting: Vec<&Value> = statements
        .iter()
        .filter(|it| it["Effect"] == "Allow")
        .filter(|it| holds(&it["Principal"]["Service"], SERVICE) && holds(&it["Action"], "sts:AssumeRole"))
        .collect();
    let region = connection.region();
    let fix = format!(
        "outcrop logging setup (it sets this trust policy):\n{}",
        serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": SERVICE },
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": { "aws:SourceAccount": account },
                    "ArnLike": { "aws:SourceArn": format!("arn:aws:bedrock:{region}:{account}:*") },
                },
            }],
        })
    );
    if trusting.is_empty() {
        return Some(Finding::error(
            Check::Logging,
            format!("the role {role} does not trust {SERVICE}, so that no invocation is logged"),
            fix,
        ));
    }
    let is_ours = |it: &&Value| {
        let meant = &it["Condition"]["StringEquals"]["aws:SourceAccount"];
        meant.is_null() || account.is_empty() || holds(meant, account)
    };
    if trusting.iter().any(is_ours) {
        return None;
    }
    Some(Finding::error(
        Check::Logging,
        format!("the role {role} trusts {SERVICE} for another account than {account}"),
        fix,
    ))
}

const SERVICE: &str = "bedrock.amazonaws.com";

/// A text, or a list that has it.
fn holds(value: &Value, text: &str) -> bool {
    value == text || value.as_array().is_some_and(|values| values.iter().any(|value| value == text))
}
