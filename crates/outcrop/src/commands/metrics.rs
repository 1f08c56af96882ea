//! `outcrop metrics`: what CloudWatch counted, by model and profile.

use std::collections::BTreeMap;

use comfy_table::CellAlignment;
use jiff::Timestamp;
use outcrop_bedrock::control::metrics::{MetricQuery, MetricSpan, MetricValues};
use outcrop_catalog::ProfileType;
use serde::Serialize;

use super::logging::{open, refused};
use super::usage;
use crate::args::{Global, Metrics};
use crate::failure::Failure;
use crate::paper;

/// Runs `outcrop metrics`.
pub fn run(global: &Global, metrics: &Metrics) -> Result<(), Failure> {
    let now = Timestamp::now();
    let since = usage::since(&metrics.since, now)?;
    let rows = super::block_on(rows(global, metrics, since, now))??;
    if global.json {
        return paper::json(&rows);
    }
    print(&rows)
}

/// What was counted for one value of `ModelId`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// A model, a system profile, or the short id of an application profile.
    model_id: String,
    /// The name of the application profile.
    profile_name: Option<String>,
    profile_arn: Option<String>,
    invocations: f64,
    client_errors: f64,
    server_errors: f64,
    throttles: f64,
    input_tokens: f64,
    output_tokens: f64,
    cache_read_input_tokens: f64,
    cache_write_input_tokens: f64,
    /// Mean, in milliseconds.
    latency_ms: Option<f64>,
    /// Mean, in milliseconds.
    time_to_first_token_ms: Option<f64>,
}

/// What is asked for each model, in the order in which a row takes it.
const ASKED: [(&str, &str); 12] = [
    ("Invocations", "Sum"),
    ("InvocationClientErrors", "Sum"),
    ("InvocationServerErrors", "Sum"),
    ("InvocationThrottles", "Sum"),
    ("InputTokenCount", "Sum"),
    ("OutputTokenCount", "Sum"),
    ("CacheReadInputTokens", "Sum"),
    ("CacheWriteInputTokens", "Sum"),
    // Means of means would weigh a quiet minute like a busy one.
    ("InvocationLatency", "Sum"),
    ("InvocationLatency", "SampleCount"),
    ("TimeToFirstToken", "Sum"),
    ("TimeToFirstToken", "SampleCount"),
];

async fn rows(
    global: &Global,
    metrics: &Metrics,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<Row>, Failure> {
    let (client, region) = open(global, metrics.region.clone()).await?;
    let models = client.metric_models(&region).await;
    let models =
        models.map_err(|error| refused("the metrics cannot be listed", &error, "cloudwatch:ListMetrics"))?;
    // Names are a courtesy: the numbers stand without them.
    let profiles =
        client.inference_profiles(Some(ProfileType::Application), &region).await.unwrap_or_default();
    let named: BTreeMap<&str, _> = profiles.iter().map(|profile| (profile.id(), profile)).collect();
    let is_wanted = |id: &str| {
        let name =
            named.get(id).and_then(|profile| profile.inference_profile_name.as_deref()).unwrap_or_default();
        metrics.filter.as_deref().is_none_or(|text| id.contains(text) || name.contains(text))
    };
    let ids: Vec<&String> = models.keys().filter(|id| is_wanted(id)).collect();
    let queries: Vec<MetricQuery> = ids
        .iter()
        .flat_map(|id| {
            ASKED.iter().map(|(metric, statistic)| MetricQuery {
                metric: (*metric).to_owned(),
                model_id: (*id).clone(),
                statistic: (*statistic).to_owned(),
            })
        })
        .collect();
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let values = client.metric_values(&queries, span(since, now), &region).await;
    let values =
        values.map_err(|error| refused("the metrics cannot be read", &error, "cloudwatch:GetMetricData"))?;
    let rows = ids.iter().zip(values.chunks(ASKED.len())).map(|(id, values)| {
        let profile = named.get(id.as_str());
        row(
            id,
            profile.and_then(|profile| profile.inference_profile_name.clone()),
            profile.map(|profile| profile.inference_profile_arn.clone()),
            values,
        )
    });
    Ok(rows.filter(Row::is_used).collect())
}

/// Periods that CloudWatch still has at that age, and few enough of them: minutes for 15 days, five minutes for 63, hours
/// after that.
fn span(since: Timestamp, now: Timestamp) -> MetricSpan {
    const DAY: i64 = 24 * 60 * 60;
    /// Points of one query.
    const MOST: i64 = 1440;
    let (from, to) = (since.as_second(), now.as_second() + 60);
    let finest = match now.as_second() - from {
        age if age > 63 * DAY => 3600,
        age if age > 15 * DAY => 300,
        _ => 60,
    };
    let wanted = (to - from) / MOST + 1;
    MetricSpan { from, to, period: (wanted.div_euclid(finest) + 1) * finest }
}

fn row(id: &str, profile_name: Option<String>, profile_arn: Option<String>, values: &[MetricValues]) -> Row {
    // Not `sum`: that of no numbers is -0.
    let total = |it: &MetricValues| it.points.iter().fold(0.0, |sum, (_, value)| sum + value);
    let sum = |at: usize| values.get(at).map_or(0.0, total);
    let mean = |at: usize| Some(sum(at + 1)).filter(|count| *count > 0.0).map(|count| sum(at) / count);
    Row {
        model_id: id.to_owned(),
        profile_name,
        profile_arn,
        invocations: sum(0),
        client_errors: sum(1),
        server_errors: sum(2),
        throttles: sum(3),
        input_tokens: sum(4),
        output_tokens: sum(5),
        cache_read_input_tokens: sum(6),
        cache_write_input_tokens: sum(7),
        latency_ms: mean(8),
        time_to_first_token_ms: mean(10),
    }
}

impl Row {
    /// CloudWatch lists what had numbers in two weeks; not all of it has some in the time asked for.
    fn is_used(&self) -> bool {
        self.invocations + self.client_errors + self.server_errors + self.throttles > 0.0
    }
}

fn print(rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        paper::say("CloudWatch counted nothing in that time");
        return Ok(());
    }
    let mut table = paper::table();
    table.set_header([
        "model or profile",
        "calls",
        "refused",
        "failed",
        "throttled",
        "input",
        "output",
        "cached",
        "latency ms",
        "first token ms",
    ]);
    for row in rows {
        let name = match &row.profile_name {
            Some(name) => format!("{name} ({})", row.model_id),
            None => row.model_id.clone(),
        };
        let count = |number: f64| format!("{number:.0}");
        let mean = |number: Option<f64>| number.map_or("-".to_owned(), count);
        table.add_row([
            name,
            count(row.invocations),
            count(row.client_errors),
            count(row.server_errors),
            count(row.throttles),
            count(row.input_tokens),
            count(row.output_tokens),
            count(row.cache_read_input_tokens),
            mean(row.latency_ms),
            mean(row.time_to_first_token_ms),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    paper::print_table(&mut table)
}
