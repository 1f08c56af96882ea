//! CloudWatch Logs: groups, and the search in their events.

use serde::{Deserialize, Serialize};

use crate::client::{Client, SendError};
use crate::endpoint::Service;

/// A log group (`DescribeLogGroups`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    /// Its name.
    pub log_group_name: String,
    /// How long events are kept; for ever without.
    pub retention_in_days: Option<u32>,
    /// Bytes, as CloudWatch counts them.
    #[serde(default)]
    pub stored_bytes: u64,
}

/// What to look for (`FilterLogEvents`).
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSearch {
    /// The group.
    pub log_group_name: String,
    /// A filter pattern; all events without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_pattern: Option<String>,
    /// From this time on, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<i64>,
    /// Where the last page ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// An event that was found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    /// Never the same for two events.
    #[serde(default)]
    pub event_id: String,
    /// Unix milliseconds.
    #[serde(default)]
    pub timestamp: i64,
    /// What was written.
    #[serde(default)]
    pub message: String,
}

/// One page of events, and the token of the next.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    /// In the order of time. An empty page is not yet the end.
    #[serde(default)]
    pub events: Vec<LogEvent>,
    /// `None` on the last page.
    pub next_token: Option<String>,
}

impl Client {
    /// `logs:DescribeLogGroups`: the group of exactly this name; `None` when there is none.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn log_group(&self, name: &str, region: &str) -> Result<Option<LogGroup>, SendError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Input<'a> {
            log_group_name_prefix: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            next_token: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Output {
            #[serde(default)]
            log_groups: Vec<LogGroup>,
            next_token: Option<String>,
        }
        let mut next_token = None;
        loop {
            let input = Input { log_group_name_prefix: name, next_token };
            let output: Output = self.logs("DescribeLogGroups", &input, region).await?;
            let found = output.log_groups.into_iter().find(|group| group.log_group_name == name);
            if found.is_some() || output.next_token.is_none() {
                return Ok(found);
            }
            next_token = output.next_token;
        }
    }

    /// `logs:CreateLogGroup`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn create_log_group(&self, name: &str, region: &str) -> Result<(), SendError> {
        let input = serde_json::json!({ "logGroupName": name });
        self.logs::<Nothing>("CreateLogGroup", &input, region).await.map(drop)
    }

    /// `logs:PutRetentionPolicy`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn set_log_retention(&self, name: &str, days: u32, region: &str) -> Result<(), SendError> {
        let input = serde_json::json!({ "logGroupName": name, "retentionInDays": days });
        self.logs::<Nothing>("PutRetentionPolicy", &input, region).await.map(drop)
    }

    /// `logs:FilterLogEvents`: one page.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn log_events(&self, search: &LogSearch, region: &str) -> Result<LogPage, SendError> {
        self.logs("FilterLogEvents", search, region).await
    }

    async fn logs<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        input: &impl Serialize,
        region: &str,
    ) -> Result<T, SendError> {
        let target = format!("Logs_20140328.{operation}");
        self.target(Service::Logs, &target, "application/x-amz-json-1.1", input, region).await
    }
}

/// An answer that says nothing.
#[derive(Deserialize)]
struct Nothing {}
