//! `--print-only`: what the set-up takes, for whoever makes it in another way.

use serde_json::{Value, json};

use super::wanted::Wanted;
use crate::args::LoggingFormat;

/// The whole set-up as text.
pub fn render(wanted: &Wanted, format: LoggingFormat) -> String {
    match format {
        LoggingFormat::Json => pretty(&documents(wanted)) + "\n",
        LoggingFormat::Cloudformation => pretty(&cloudformation(wanted)) + "\n",
        LoggingFormat::Terraform => terraform(wanted),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value is JSON")
}

fn documents(wanted: &Wanted) -> Value {
    let [(logs, logs_policy), (s3, s3_policy)] = wanted.policies();
    json!({
        "region": wanted.region,
        "logGroup": { "name": wanted.log_group, "retentionInDays": wanted.retention },
        "bucket": { "name": wanted.bucket, "policy": wanted.bucket_policy() },
        "role": {
            "name": wanted.role, "arn": wanted.role_arn(), "trustPolicy": wanted.trust(),
            "policies": { logs: logs_policy, s3: s3_policy },
        },
        "loggingConfig": wanted.config(),
    })
}

/// CloudFormation has no resource for the configuration itself; the template's output is the command that sets it.
fn cloudformation(wanted: &Wanted) -> Value {
    let policies: Vec<Value> = wanted
        .policies()
        .into_iter()
        .map(|(name, document)| json!({ "PolicyName": name, "PolicyDocument": document }))
        .collect();
    let mut group = json!({ "LogGroupName": wanted.log_group });
    if let Some(days) = wanted.retention {
        group["RetentionInDays"] = days.into();
    }
    let config = json!(wanted.config()).to_string();
    let command = format!(
        "aws bedrock put-model-invocation-logging-configuration --region {} --logging-config '{config}'",
        wanted.region
    );
    let kept = |kind: &str, properties: Value| json!({ "Type": kind, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": properties });
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Where Amazon Bedrock writes what is invoked",
        "Resources": {
            "LogGroup": kept("AWS::Logs::LogGroup", group),
            "Bucket": kept("AWS::S3::Bucket", json!({ "BucketName": wanted.bucket })),
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": { "Bucket": { "Ref": "Bucket" }, "PolicyDocument": wanted.bucket_policy() },
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": wanted.role, "AssumeRolePolicyDocument": wanted.trust(), "Policies": policies,
                },
            },
        },
        "Outputs": {
            "Enable": { "Description": "Run this once the stack is there", "Value": command },
        },
    })
}

fn terraform(wanted: &Wanted) -> String {
    let [(logs, logs_policy), (s3, s3_policy)] = wanted.policies();
    let config = wanted.config();
    let flag = |flag: Option<bool>| flag.unwrap_or_default();
    let retention =
        wanted.retention.map(|days| format!("  retention_in_days = {days}\n")).unwrap_or_default();
    format!(
        r#"resource "aws_cloudwatch_log_group" "bedrock" {{
  name = {group}
{retention}}}

resource "aws_s3_bucket" "bedrock_logs" {{
  bucket = {bucket}
}}

resource "aws_s3_bucket_policy" "bedrock_logs" {{
  bucket = aws_s3_bucket.bedrock_logs.id
  policy = {bucket_policy}
}}

resource "aws_iam_role" "bedrock_logging" {{
  name               = {role}
  assume_role_policy = {trust}
}}

resource "aws_iam_role_policy" "bedrock_logging_logs" {{
  name   = "{logs}"
  role   = aws_iam_role.bedrock_logging.id
  policy = {logs_policy}
}}

resource "aws_iam_role_policy" "bedrock_logging_s3" {{
  name   = "{s3}"
  role   = aws_iam_role.bedrock_logging.id
  policy = {s3_policy}
}}

resource "aws_bedrock_model_invocation_logging_configuration" "this" {{
  depends_on = [aws_iam_role_policy.bedrock_logging_logs, aws_iam_role_policy.bedrock_logging_s3, aws_s3_bucket_policy.bedrock_logs]

  logging_config {{
    text_data_delivery_enabled      = {text}
    image_data_delivery_enabled     = {images}
    embedding_data_delivery_enabled = {embeddings}

    cloudwatch_config {{
      log_group_name = aws_cloudwatch_log_group.bedrock.name
      role_arn       = aws_iam_role.bedrock_logging.arn

      large_data_delivery_s3_config {{
        bucket_name = aws_s3_bucket.bedrock_logs.id
        key_prefix  = {prefix}
      }}
    }}
  }}
}}
"#,
        group = quoted(&wanted.log_group),
        bucket = quoted(&wanted.bucket),
        role = quoted(&wanted.role),
        prefix = quoted(&wanted.key_prefix),
        bucket_policy = document(&wanted.bucket_policy()),
        trust = document(&wanted.trust()),
        logs_policy = document(&logs_policy),
        s3_policy = document(&s3_policy),
        text = flag(config.text_data_delivery_enabled),
        images = flag(config.image_data_delivery_enabled),
        embeddings = flag(config.embedding_data_delivery_enabled),
    )
}

/// JSON's form of a text is Terraform's, but for its templates.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace("${", "$${").replace("%{", "%%{")
}

/// A policy document: JSON's values are Terraform's as well.
fn document(value: &Value) -> String {
    format!("jsonencode({})", pretty(value).replace('\n', "\n  ")).replace("${", "$${").replace("%{", "%%{")
}
