//! What a log of invocations takes: names, policies and the configuration, as one value that can be printed or made.

use outcrop_bedrock::control::logging::{CloudWatchConfig, LoggingConfig, S3Config};
use serde_json::{Value, json};

use crate::args::LoggingSetup;
use crate::failure::Failure;

/// The role's policy for CloudWatch Logs, named as in the guide.
pub const LOGS_POLICY: &str = "BedrockLoggingPolicy";
/// The role's policy for S3, named as in the guide.
pub const S3_POLICY: &str = "BedrockS3Policy";

/// The set-up that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub account: String,
    pub region: String,
    pub log_group: String,
    pub retention: Option<u32>,
    pub bucket: String,
    pub key_prefix: String,
    pub role: String,
    text: bool,
    images: bool,
    embeddings: bool,
}

impl Wanted {
    /// From the flags, for one account and Region.
    pub fn new(setup: &LoggingSetup, account: &str, region: &str) -> Result<Self, Failure> {
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account {
            return Err(
                Failure::new(format!("`{account}` is no account number")).hint("it has twelve digits")
            );
        }
        let bucket = setup.bucket.clone().unwrap_or_else(|| format!("bedrock-logs-{account}"));
        if !is_bucket_name(&bucket) {
            return Err(Failure::new(format!("`{bucket}` is no legal name of a bucket")).hint(
                "3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at both ends",
            ));
        }
        let is_group = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
        if setup.log_group.is_empty() || setup.log_group.len() > 512 || !setup.log_group.bytes().all(is_group)
        {
            return Err(Failure::new(format!("`{}` is no legal name of a log group", setup.log_group))
                .hint("letters, digits and . - _ / # alone, at most 512"));
        }
        let is_role = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        if setup.role.is_empty() || setup.role.len() > 64 || !setup.role.bytes().all(is_role) {
            return Err(Failure::new(format!("`{}` is no legal name of a role", setup.role))
                .hint("letters, digits and _ + = , . @ - alone, at most 64; a name, not an ARN"));
        }
        Ok(Self {
            account: account.to_owned(),
            region: region.to_owned(),
            log_group: setup.log_group.clone(),
            retention: setup.retention,
            bucket,
            key_prefix: setup.key_prefix.trim_matches('/').to_owned(),
            role: setup.role.clone(),
            text: !setup.no_text,
            images: !setup.no_images,
            embeddings: !setup.no_embeddings,
        })
    }

    /// `aws`, `aws-cn`, `aws-us-gov`
    fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Anything of Bedrock's in this account and Region.
    pub fn source_arn(&self) -> String {
        format!("arn:{}:bedrock:{}:{}:*", self.partition(), self.region, self.account)
    }

    pub fn role_arn(&self) -> String {
        format!("arn:{}:iam::{}:role/{}", self.partition(), self.account, self.role)
    }

    /// Where the role writes events.
    pub fn events_arn(&self) -> String {
        format!(
            "arn:{}:logs:{}:{}:log-group:{}:*",
            self.partition(),
            self.region,
            self.account,
            self.log_group
        )
    }

    /// Where the role writes objects.
    pub fn objects_arn(&self) -> String {
        format!("arn:{}:s3:::{}/*", self.partition(), self.bucket)
    }

    /// Who may assume the role: Bedrock, for this account and Region alone.
    pub fn trust(&self) -> Value {
        statement(json!({
            "Effect": "Allow",
            "Principal": { "Service": "bedrock.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": self.condition(),
        }))
    }

    fn condition(&self) -> Value {
        json!({
            "StringEquals": { "aws:SourceAccount": self.account },
            "ArnLike": { "aws:SourceArn": self.source_arn() },
        })
    }

    /// The role's inline policies, by name.
    pub fn policies(&self) -> [(&'static str, Value); 2] {
        let logs = json!({
            "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": self.events_arn(),
        });
        let s3 = json!({ "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": self.objects_arn() });
        [(LOGS_POLICY, statement(logs)), (S3_POLICY, statement(s3))]
    }

    /// The bucket's policy. Source: AWS's user guide, "Monitor model invocation using CloudWatch Logs and Amazon S3".
    pub fn bucket_policy(&self) -> Value {
        let prefix = if self.key_prefix.is_empty() { String::new() } else { format!("{}/", self.key_prefix) };
        let (partition, bucket, account) = (self.partition(), &self.bucket, &self.account);
        statement(json!({
            "Sid": "AmazonBedrockLogsWrite",
            "Effect": "Allow",
            "Principal": { "Service": "bedrock.amazonaws.com" },
            "Action": ["s3:PutObject"],
            "Resource": [format!("arn:{partition}:s3:::{bucket}/{prefix}AWSLogs/{account}/BedrockModelInvocationLogs/*")],
            "Condition": self.condition(),
        }))
    }

    /// What Bedrock is told.
    pub fn config(&self) -> LoggingConfig {
        let large = S3Config {
            bucket_name: self.bucket.clone(),
            key_prefix: Some(self.key_prefix.clone()).filter(|prefix| !prefix.is_empty()),
        };
        LoggingConfig {
            cloud_watch_config: Some(CloudWatchConfig {
                log_group_name: self.log_group.clone(),
                role_arn: self.role_arn(),
                large_data_delivery_s3_config: Some(large),
            }),
            text_data_delivery_enabled: Some(self.text),
            image_data_delivery_enabled: Some(self.images),
            embedding_data_delivery_enabled: Some(self.embeddings),
            ..LoggingConfig::default()
        }
    }
}

fn statement(statement: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// S3's rule for general-purpose buckets.
fn is_bucket_name(name: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| is_plain(byte) || matches!(byte, b'.' | b'-'))
        && bytes.first().is_some_and(is_plain)
        && bytes.last().is_some_and(is_plain)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}
