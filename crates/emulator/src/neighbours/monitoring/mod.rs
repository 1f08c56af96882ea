//! CloudWatch's metrics of the namespace `AWS/Bedrock`, in the three protocols that it speaks: CBOR, JSON and Query.
//!
//! The numbers are those of the emulator's own bill, so that what a client counts can be checked against them.

mod cbor;
pub(crate) mod meter;
mod node;

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use self::meter::{Metric, Sample, samples, series};
use self::node::{Node, read_form};
use super::query::Dialect;
use super::refusal::{EXPIRED, MISMATCH, Refused, UNKNOWN_KEY};
use crate::exchange::Call;
use crate::operation::query_pairs;
use crate::reply::{Payload, Reply};
use crate::state::State;

/// Answers one request.
///
/// # Errors
/// CloudWatch's own codes.
pub(super) fn answer(state: &State, call: &Call<'_>, region: &str) -> Result<Reply, Refused> {
    let (protocol, operation) = Protocol::of(call);
    let input = protocol.read(call)?;
    let samples = samples(state, region);
    let output = match operation.as_str() {
        "ListMetrics" => list_metrics(&samples, &input)?,
        "GetMetricData" => metric_data(&samples, &input)?,
        "GetMetricStatistics" => statistics(&samples, &input)?,
        _ => {
            let text = format!("The emulator's CloudWatch has no operation {operation}.");
            return Err(Refused::new(400, "InvalidAction", text));
        }
    };
    Ok(protocol.write(&operation, &output, call.request_id))
}

/// The refusal in the shape of the request's protocol.
pub(super) fn refusal(refused: &Refused, call: &Call<'_>) -> Reply {
    Protocol::of(call).0.refusal(refused, call.request_id)
}

const DIALECT: Dialect = Dialect { namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/" };
/// The service in CBOR's paths and JSON's targets.
const TARGET: &str = "GraniteServiceVersion20100801";

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Cbor,
    Json,
    Query,
}

impl Protocol {
    /// The protocol of a request, and its operation.
    fn of(call: &Call<'_>) -> (Self, String) {
        let text = |name| call.head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if text("smithy-protocol") == Some("rpc-v2-cbor") {
            let operation = call.head.uri.path().rsplit('/').next().unwrap_or_default();
            return (Self::Cbor, operation.to_owned());
        }
        if let Some((TARGET, operation)) = text("x-amz-target").and_then(|target| target.split_once('.')) {
            return (Self::Json, operation.to_owned());
        }
        let body = String::from_utf8_lossy(call.body);
        let action = query_pairs(&body).find(|(name, _)| name == "Action").map(|(_, action)| action);
        (Self::Query, action.unwrap_or_default())
    }

    fn read(self, call: &Call<'_>) -> Result<Value, Refused> {
        let broken = || Refused::new(400, "SerializationException", "The request body cannot be read.");
        match self {
            Self::Cbor if call.body.is_empty() => Ok(Value::Object(serde_json::Map::new())),
            Self::Cbor => cbor::read(call.body).ok_or_else(broken),
            Self::Json => serde_json::from_slice(call.body).map_err(|_| broken()),
            Self::Query => {
                let body = String::from_utf8_lossy(call.body);
                let pairs: Vec<(String, String)> = query_pairs(&body).collect();
                Ok(read_form(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
            }
        }
    }

    fn write(self, operation: &str, output: &Node, request_id: &str) -> Reply {
        match self {
            Self::Cbor | Self::Json => self.reply(StatusCode::OK, output),
            Self::Query => {
                let result = output.to_xml("Result");
                DIALECT.answer(operation, Some(result.children), request_id)
            }
        }
    }

    fn reply(self, status: StatusCode, output: &Node) -> Reply {
        if self == Self::Json {
            let body = output.to_json().to_string();
            return Reply::new(status, "application/x-amz-json-1.0", Payload::Whole(body.into()));
        }
        let mut body = Vec::new();
        cbor::write(output, &mut body);
        let reply = Reply::new(status, "application/cbor", Payload::Whole(body.into()));
        reply.with_header("smithy-protocol", "rpc-v2-cbor")
    }

    /// CBOR and JSON have newer names for the errors; the Query name travels in a header for clients that know that alone.
    fn refusal(self, refused: &Refused, request_id: &str) -> Reply {
        if self == Self::Query {
            return DIALECT.refusal(refused, request_id);
        }
        let name = match refused.code.as_ref() {
            UNKNOWN_KEY => "UnrecognizedClientException",
            MISMATCH => "InvalidSignatureException",
            EXPIRED => "ExpiredTokenException",
            "InvalidAction" => "UnknownOperationException",
            "InvalidParameterValue" => "InvalidParameterValueException",
            "InvalidParameterCombination" => "InvalidParameterCombinationException",
            "MissingParameter" => "MissingRequiredParameterException",
            code => code,
        };
        let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let error = Node::Map(vec![
            ("__type", Node::Text(format!("com.amazonaws.cloudwatch#{name}"))),
            ("message", Node::Text(refused.message.clone())),
        ]);
        let mut reply = self.reply(status, &error);
        if let Ok(value) = HeaderValue::from_str(&format!("{};Sender", refused.code)) {
            reply.headers.push((HeaderName::from_static("x-amzn-query-error"), value));
        }
        reply
    }
}

const NAMESPACE: &str = "AWS/Bedrock";
/// The only dimension of the metrics here.
const MODEL_ID: &str = "ModelId";

fn list_metrics(samples: &[Sample], input: &Value) -> Result<Node, Refused> {
    const MOST: usize = 500;
    let is_namespace = text(input, "Namespace").is_none_or(|namespace| namespace == NAMESPACE);
    let name = text(input, "MetricName");
    let wanted = dimensions(input);
    let is_wanted = |(metric, model): &(Metric, Option<&str>)| {
        is_namespace
            && name.is_none_or(|name| name == metric.name())
            && wanted.iter().all(|(name, value)| {
                *name == MODEL_ID && model.is_some_and(|model| value.is_none_or(|value| value == model))
            })
    };
    let all: Vec<_> = series(samples).into_iter().filter(is_wanted).collect();
    let from = offset(input)?;
    let listed = all.iter().skip(from).take(MOST).map(|(metric, model)| {
        Node::Map(vec![
            ("Namespace", NAMESPACE.into()),
            ("MetricName", metric.name().into()),
            ("Dimensions", Node::List(model.iter().map(|model| dimension(model)).collect())),
        ])
    });
    let mut output = vec![("Metrics", Node::List(listed.collect()))];
    if from + MOST < all.len() {
        output.push(("NextToken", Node::Text((from + MOST).to_string())));
    }
    Ok(Node::Map(output))
}

fn dimension(model: &str) -> Node {
    Node::Map(vec![("Name", MODEL_ID.into()), ("Value", model.into())])
}

fn metric_data(samples: &[Sample], input: &Value) -> Result<Node, Refused> {
    const MOST_QUERIES: usize = 500;
    let span = Span::read(input)?;
    let queries = input["MetricDataQueries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if queries.is_empty() || queries.len() > MOST_QUERIES {
        return Err(invalid("The parameter MetricDataQueries must hold between 1 and 500 queries."));
    }
    let is_ascending = text(input, "ScanBy") == Some("TimestampAscending");
    let mut results = Vec::new();
    for query in queries {
        let id = text(query, "Id").ok_or_else(|| missing("MetricDataQueries.member.N.Id"))?;
        let stat = &query["MetricStat"];
        if stat.is_null() {
            return Err(invalid("The emulator computes no metric expressions; give a MetricStat."));
        }
        let metric = &stat["Metric"];
        let statistic = text(stat, "Stat").ok_or_else(|| missing("MetricStat.Stat"))?;
        let statistic =
            Statistic::parse(statistic).ok_or_else(|| invalid("The value of Stat is not valid."))?;
        let mut points = buckets(samples, metric, &span, period(stat)?);
        if !is_ascending {
            points.reverse();
        }
        if query.get("ReturnData").is_some_and(|value| value == false || value == "false") {
            continue;
        }
        let label = text(query, "Label").or_else(|| text(metric, "MetricName")).unwrap_or_default();
        results.push(Node::Map(vec![
            ("Id", id.into()),
            ("Label", label.into()),
            ("Timestamps", Node::List(points.iter().map(|(at, _)| Node::Time(*at)).collect())),
            (
                "Values",
                Node::List(points.iter().map(|(_, bucket)| Node::Number(statistic.of(bucket))).collect()),
            ),
            ("StatusCode", "Complete".into()),
        ]));
    }
    Ok(Node::Map(vec![("MetricDataResults", Node::List(results)), ("Messages", Node::List(Vec::new()))]))
}

fn statistics(samples: &[Sample], input: &Value) -> Result<Node, Refused> {
    const MOST_POINTS: i64 = 1440;
    let span = Span::read(input)?;
    let period = period(input)?;
    let name = text(input, "MetricName").ok_or_else(|| missing("MetricName"))?;
    let asked = input["Statistics"].as_array().map(Vec::as_slice).unwrap_or_default();
    if asked.is_empty() {
        return Err(missing("Statistics"));
    }
    if (span.to - span.from) / period > MOST_POINTS {
        let text = "You have requested more datapoints than the limit of 1440. You may reduce the datapoints requested by \
                    increasing Period, or decreasing the time range.";
        return Err(Refused::new(400, "InvalidParameterCombination", text));
    }
    let unit = Metric::of(name).map_or("None", Metric::unit);
    let mut points = Vec::new();
    for (at, bucket) in buckets(samples, input, &span, period) {
        let mut point = vec![("Timestamp", Node::Time(at)), ("Unit", unit.into())];
        for name in asked {
            let name = name.as_str().unwrap_or_default();
            let known = Statistic::NAMED.iter().find(|(known, _)| *known == name);
            let (known, statistic) = known.ok_or_else(|| invalid(format!("{name} is no statistic.")))?;
            point.push((known, Node::Number(statistic.of(&bucket))));
        }
        points.push(Node::Map(point));
    }
    Ok(Node::Map(vec![("Label", name.into()), ("Datapoints", Node::List(points))]))
}

/// The values of a metric by period, oldest first; every bucket has at least one.
fn buckets(samples: &[Sample], metric: &Value, span: &Span, period: i64) -> Vec<(i64, Vec<f64>)> {
    let name = text(metric, "MetricName");
    let wanted = dimensions(metric);
    let is_meant = |sample: &&Sample| {
        text(metric, "Namespace") == Some(NAMESPACE)
            && name == Some(sample.metric.name())
            && wanted
                .iter()
                .all(|(name, value)| *name == MODEL_ID && *value == Some(sample.model_id.as_str()))
            && (span.from..span.to).contains(&sample.at)
    };
    let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for sample in samples.iter().filter(is_meant) {
        buckets.entry(sample.at - sample.at.rem_euclid(period)).or_default().push(sample.value);
    }
    buckets.into_iter().collect()
}

/// Half-open, in Unix seconds.
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn read(input: &Value) -> Result<Self, Refused> {
        let time = |name: &str| -> Result<i64, Refused> {
            let value = &input[name];
            let text = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let seconds = value.as_f64().map(|seconds| seconds as i64).or(text.map(Timestamp::as_second));
            seconds.ok_or_else(|| missing(name))
        };
        let (from, to) = (time("StartTime")?, time("EndTime")?);
        if from >= to {
            return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
        }
        Ok(Self { from: from - from.rem_euclid(60), to })
    }
}

/// 1, 5, 10, 20, 30, or a multiple of 60 seconds.
fn period(stat: &Value) -> Result<i64, Refused> {
    let value = &stat["Period"];
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    let period = number.ok_or_else(|| missing("Period"))?;
    if matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0) {
        return Ok(period);
    }
    Err(invalid("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60."))
}

/// What is made of the values of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// `p99.9`
    Percentile(f64),
}

impl Statistic {
    const NAMED: [(&str, Self); 5] = [
        ("SampleCount", Self::SampleCount),
        ("Average", Self::Average),
        ("Sum", Self::Sum),
        ("Minimum", Self::Minimum),
        ("Maximum", Self::Maximum),
    ];

    fn parse(text: &str) -> Option<Self> {
        if let Some((_, statistic)) = Self::NAMED.iter().find(|(name, _)| *name == text) {
            return Some(*statistic);
        }
        let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
        (0.0..=100.0).contains(&percent).then_some(Self::Percentile(percent))
    }

    /// Of at least one value.
    fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::SampleCount => values.len() as f64,
            Self::Average => values.iter().sum::<f64>() / values.len() as f64,
            Self::Sum => values.iter().sum(),
            Self::Minimum => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Maximum => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Percentile(percent) => {
                let mut sorted = values.to_vec();
                sorted.sort_by(f64::total_cmp);
                let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
                sorted[rank.clamp(1, sorted.len()) - 1]
            }
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value[name].as_str()
}

fn dimensions(value: &Value) -> Vec<(&str, Option<&str>)> {
    let all = value["Dimensions"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|it| (text(it, "Name").unwrap_or_default(), text(it, "Value"))).collect()
}

fn offset(input: &Value) -> Result<usize, Refused> {
    let refused = || invalid("Request parameter NextToken is not valid.");
    text(input, "NextToken").map_or(Ok(0), |token| token.parse().map_err(|_| refused()))
}

fn missing(name: &str) -> Refused {
    Refused::new(400, "MissingParameter", format!("The parameter {name} is required."))
}

fn invalid(message: impl Into<String>) -> Refused {
    Refused::new(400, "InvalidParameterValue", message)
}
