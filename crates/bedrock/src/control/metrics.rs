//! CloudWatch's metrics of `AWS/Bedrock`, in its JSON protocol.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Client, SendError};
use crate::endpoint::Service;

/// The namespace of the runtime's metrics.
pub const NAMESPACE: &str = "AWS/Bedrock";
/// The dimension that tells models and profiles apart.
pub const MODEL_ID: &str = "ModelId";

/// One number for one `ModelId` over the whole time.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricQuery {
    /// `Invocations`
    pub metric: String,
    /// The value of the dimension `ModelId`.
    pub model_id: String,
    /// `Sum`, `Average`, `p90`, …
    pub statistic: String,
}

/// The values of one query, by period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricValues {
    /// Unix seconds and value, oldest first.
    pub points: Vec<(f64, f64)>,
}

/// What is asked of which time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricSpan {
    /// Unix seconds.
    pub from: i64,
    /// Unix seconds, exclusive.
    pub to: i64,
    /// In seconds: a multiple of 60.
    pub period: i64,
}

impl Client {
    /// `cloudwatch:ListMetrics`: the values of `ModelId` there are numbers for, each with its metrics.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn metric_models(&self, region: &str) -> Result<BTreeMap<String, Vec<String>>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            #[serde(default)]
            metrics: Vec<Metric>,
            next_token: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Metric {
            metric_name: String,
            #[serde(default)]
            dimensions: Vec<Dimension>,
        }
        let mut models: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut input = json!({ "Namespace": NAMESPACE });
        loop {
            let output: Output = self.cloudwatch("ListMetrics", &input, region).await?;
            for Metric { metric_name, dimensions } in output.metrics {
                // Those with further dimensions are the same numbers, cut up.
                if let [Dimension { name, value }] = dimensions.as_slice()
                    && name == MODEL_ID
                {
                    models.entry(value.clone()).or_default().push(metric_name);
                }
            }
            let Some(token) = output.next_token else { return Ok(models) };
            input["NextToken"] = token.into();
        }
    }

    /// `cloudwatch:GetMetricData`: the values of each query, in their order.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn metric_values(
        &self,
        queries: &[MetricQuery],
        span: MetricSpan,
        region: &str,
    ) -> Result<Vec<MetricValues>, SendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            #[serde(default)]
            metric_data_results: Vec<MetricResult>,
            next_token: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct MetricResult {
            id: String,
            #[serde(default)]
            timestamps: Vec<f64>,
            #[serde(default)]
            values: Vec<f64>,
        }
        let mut all = vec![MetricValues::default(); queries.len()];
        for (chunk, first) in queries.chunks(MOST_QUERIES).zip((0..).step_by(MOST_QUERIES)) {
            let mut input = json!({
                "MetricDataQueries": chunk.iter().zip(first..).map(|(query, at)| query.input(at, span.period)).collect::<Vec<_>>(),
                "StartTime": span.from, "EndTime": span.to, "ScanBy": "TimestampAscending",
            });
            loop {
                let output: Output = self.cloudwatch("GetMetricData", &input, region).await?;
                for MetricResult { id, timestamps, values } in output.metric_data_results {
                    let at = id.strip_prefix('q').and_then(|at| at.parse::<usize>().ok());
                    if let Some(found) = at.and_then(|at| all.get_mut(at)) {
                        found.points.extend(timestamps.into_iter().zip(values));
                    }
                }
                let Some(token) = output.next_token else { break };
                input["NextToken"] = token.into();
            }
        }
        Ok(all)
    }

    async fn cloudwatch<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        input: &impl Serialize,
        region: &str,
    ) -> Result<T, SendError> {
        let target = format!("GraniteServiceVersion20100801.{operation}");
        self.target(Service::CloudWatch, &target, "application/x-amz-json-1.0", input, region).await
    }
}

/// The most queries of one `GetMetricData`.
const MOST_QUERIES: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

impl MetricQuery {
    fn input(&self, at: usize, period: i64) -> serde_json::Value {
        let Self { metric, model_id, statistic } = self;
        json!({
            "Id": format!("q{at}"),
            "MetricStat": {
                "Metric": {
                    "Namespace": NAMESPACE, "MetricName": metric,
                    "Dimensions": [{ "Name": MODEL_ID, "Value": model_id }],
                },
                "Period": period, "Stat": statistic,
            },
        })
    }
}
