//! Where AWS writes the records of invocations: a log group, or a folder of a bucket.

use std::collections::BTreeSet;
use std::fmt;

use http_body_util::BodyExt as _;
use jiff::Timestamp;
use outcrop_bedrock::Client;
use outcrop_bedrock::control::logging::LoggingConfig;

use super::reader::Unpacker;
use super::refused;
use crate::failure::Failure;

/// Where records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A log group of CloudWatch.
    Group(String),
    /// A folder of a bucket.
    Bucket(Folder),
}

/// Objects of a bucket whose keys begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The bucket's name.
    pub bucket: String,
    /// With its slash at the end; empty for the whole bucket.
    pub prefix: String,
}

impl Origin {
    /// What a configuration says; the log group before the bucket, since records are there sooner.
    pub fn configured(config: LoggingConfig) -> Option<Self> {
        if let Some(cloudwatch) = config.cloud_watch_config {
            return Some(Self::Group(cloudwatch.log_group_name));
        }
        config.s3_config.map(|s3| {
            let prefix = s3.key_prefix.map(|prefix| format!("{}/", prefix.trim_end_matches('/')));
            Self::Bucket(Folder { bucket: s3.bucket_name, prefix: prefix.unwrap_or_default() })
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => f.write_str(group),
            Self::Bucket(Folder { bucket, prefix }) => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// What Bedrock puts into its folder beside the records.
const NO_RECORDS: [&str; 2] = ["amazon-bedrock-logs-permission-check", "/data/"];

impl Folder {
    /// Hands on the lines of every object written since a time whose key is not in `told`, and adds it there.
    pub async fn read(
        &self,
        client: &Client,
        region: &str,
        since: Timestamp,
        told: &mut BTreeSet<String>,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Failure> {
        let Self { bucket, prefix } = self;
        let mut next = None;
        loop {
            let page = client.objects(bucket, prefix, next.as_deref(), None, region).await;
            let page = page.map_err(|error| {
                let what = format!("the bucket {bucket} cannot be read");
                refused(&what, &error, "s3:ListBucket and s3:GetObject")
            })?;
            for object in page.objects {
                let is_new = object.last_modified.parse::<Timestamp>().is_ok_and(|at| at >= since);
                let holds_records = !NO_RECORDS.iter().any(|part| object.key.contains(part));
                if is_new && holds_records && told.insert(object.key.clone()) {
                    self.read_object(client, &object.key, region, &mut each).await?;
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// As it arrives: an object may be larger than memory.
    async fn read_object(
        &self,
        client: &Client,
        key: &str,
        region: &str,
        each: impl FnMut(&[u8]),
    ) -> Result<(), Failure> {
        let bucket = &self.bucket;
        let broken = |why: String| Failure::new(format!("s3://{bucket}/{key} cannot be read: {why}"));
        let answer = client.object(bucket, key, region).await.map_err(|error| broken(error.to_string()))?;
        let mut body = answer.into_body();
        let mut unpacker = Unpacker::new(each);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(error.to_string()))?;
            if let Ok(piece) = frame.into_data() {
                unpacker.push(&piece).map_err(|error| broken(error.to_string()))?;
            }
        }
        unpacker.finish().map_err(|error| broken(error.to_string()))
    }
}
