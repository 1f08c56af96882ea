//! Traces and metrics for an OpenTelemetry collector, over OTLP/HTTP, in the words of the semantic conventions for
//! generative AI.
//!
//! A span is made when an invocation has ended, from the ledger's record: begun and ended when the record says so, child of
//! the `traceparent` that the client sent. So tracing costs a request nothing, and a collector that is slow or gone
//! costs nobody anything: the SDK's own threads send, and drop what does not fit their queue.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::metrics::{Histogram, MeterProvider};
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::ledger::Record;

/// Where traces and metrics are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Collector {
    /// The base address of OTLP over HTTP, `http://localhost:4318`; `/v1/traces` and `/v1/metrics` are added.
    pub endpoint: String,
    /// Sent with every export; they may hold keys.
    pub headers: Vec<(String, String)>,
    /// `service.name`.
    pub service_name: String,
}

/// Without the headers' values.
impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Collector({} as {})", self.endpoint, self.service_name)
    }
}

/// The collector cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("traces and metrics cannot be sent to {endpoint}: {why}")]
pub struct CollectorError {
    endpoint: String,
    why: String,
}

/// The exporters at work.
#[derive(Debug)]
pub(super) struct Exporters {
    traces: SdkTracerProvider,
    tracer: SdkTracer,
    metrics: SdkMeterProvider,
    tokens: Histogram<u64>,
    duration: Histogram<f64>,
    first_event: Histogram<f64>,
}

/// Metrics are sent this often.
const INTERVAL: Duration = Duration::from_secs(15);
/// One export takes no longer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A collector's answer says a few words.
const MAX_ANSWER: usize = 64 << 10;
const SCOPE: &str = "outcrop";

/// The buckets that the semantic conventions recommend.
const TOKEN_BUCKETS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const SECOND_BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_BUCKETS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

impl Exporters {
    /// Starts the exporters; what they send goes through the runtime this is called on.
    pub(super) fn start(collector: &Collector) -> Result<Self, CollectorError> {
        let Collector { endpoint, headers, service_name } = collector;
        let failed = |why: String| CollectorError { endpoint: endpoint.clone(), why };
        let client = Sender::new().map_err(&failed)?;
        let headers: HashMap<String, String> = headers.iter().cloned().collect();
        let base = endpoint.trim_end_matches('/');
        let resource = Resource::builder()
            .with_service_name(service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let spans = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{base}/v1/traces"))
            .with_timeout(TIMEOUT)
            .with_headers(headers.clone())
            .with_http_client(client.clone())
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let figures = MetricExporter::builder()
            .with_http()
            .with_endpoint(format!("{base}/v1/metrics"))
            .with_timeout(TIMEOUT)
            .with_headers(headers)
            .with_http_client(client)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let reader = PeriodicReader::builder(figures).with_interval(INTERVAL).build();
        let metrics = SdkMeterProvider::builder().with_reader(reader).with_resource(resource.clone()).build();
        let traces = SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource).build();
        Ok(Self::of(traces, metrics))
    }

    fn of(traces: SdkTracerProvider, metrics: SdkMeterProvider) -> Self {
        let meter = metrics.meter(SCOPE);
        let tokens = meter
            .u64_histogram("gen_ai.client.token.usage")
            .with_unit("{token}")
            .with_boundaries(TOKEN_BUCKETS.to_vec())
            .build();
        let seconds = |name: &'static str, boundaries: &[f64]| {
            meter.f64_histogram(name).with_unit("s").with_boundaries(boundaries.to_vec()).build()
        };
        Self {
            tracer: traces.tracer(SCOPE),
            duration: seconds("gen_ai.client.operation.duration", &SECOND_BUCKETS),
            first_event: seconds("gen_ai.server.time_to_first_token", &FIRST_BUCKETS),
            traces,
            metrics,
            tokens,
        }
    }

    /// An ended invocation becomes a span and four measurements.
    pub(super) fn observe(&self, record: &Record) {
        self.measure(record);
        let span = SpanBuilder::from_name(name(record))
            .with_kind(SpanKind::Client)
            .with_start_time(record.timestamp)
            .with_attributes(attributes(record));
        let parent = record
            .trace_parent
            .as_ref()
            .and_then(|header| parent(header.to_str().ok()?))
            .map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let mut span = self.tracer.build_with_context(span, &parent);
        if record.status >= 400 {
            span.set_status(Status::error(record.error_code.clone().unwrap_or_default()));
        }
        span.end_with_timestamp(record.timestamp + record.latency);
    }

    fn measure(&self, record: &Record) {
        let common = common(record);
        let mut failed = common.clone();
        failed.extend(error_type(record));
        self.duration.record(record.latency.as_secs_f64(), &failed);
        if let Some(after) = record.first_event {
            self.first_event.record(after.as_secs_f64(), &common);
        }
        for (kind, count) in [("input", input(record)), ("output", record.tokens.output)] {
            if count > 0 {
                let mut labels = common.clone();
                labels.push(KeyValue::new("gen_ai.token.type", kind));
                self.tokens.record(count, &labels);
            }
        }
    }

    /// Sends what is left; blocks for as long as that takes.
    pub(super) fn stop(&self) {
        for (what, stopped) in [("traces", self.traces.shutdown()), ("metrics", self.metrics.shutdown())] {
            if let Err(error) = stopped {
                tracing::warn!(what, %error, "the last of the telemetry could not be sent");
            }
        }
    }
}

fn name(record: &Record) -> String {
    format!("{} {}", operation(record), record.resolution.identifier)
}

/// The conventions' word for what was done.
fn operation(record: &Record) -> &'static str {
    let embeds = record.resolution.model.as_ref().is_some_and(|model| !model.embedding_dimensions.is_empty());
    if embeds { "embeddings" } else { "chat" }
}

/// What the conventions want on every measurement. A client may write any identifier, so the model is the resolved one.
fn common(record: &Record) -> Vec<KeyValue> {
    let model = record.resolution.model.as_ref();
    let mut common = vec![
        KeyValue::new("gen_ai.operation.name", operation(record)),
        KeyValue::new("gen_ai.provider.name", "aws.bedrock"),
    ];
    common.extend(model.map(|model| KeyValue::new("gen_ai.response.model", model.id.clone())));
    common
}

fn error_type(record: &Record) -> Option<KeyValue> {
    (record.status >= 400 || record.error_code.is_some()).then(|| {
        let kind = record.error_code.clone().unwrap_or_else(|| record.status.to_string());
        KeyValue::new("error.type", kind)
    })
}

/// The conventions count what came from the cache among the input; Bedrock does not.
fn input(record: &Record) -> u64 {
    let tokens = record.tokens;
    tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h
}

fn attributes(record: &Record) -> Vec<KeyValue> {
    let Record { resolution, tokens, .. } = record;
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut all = common(record);
    all.extend([
        KeyValue::new("gen_ai.request.model", resolution.identifier.clone()),
        KeyValue::new("cloud.region", resolution.source_region.clone()),
        KeyValue::new("http.response.status_code", i64::from(record.status)),
        KeyValue::new("outcrop.request_id", record.gateway_request_id.clone()),
        KeyValue::new("outcrop.target", resolution.target.clone()),
        KeyValue::new("outcrop.dialect", record.dialect),
        KeyValue::new("outcrop.lane", record.lane),
        KeyValue::new("outcrop.usage", record.usage.as_str()),
    ]);
    if tokens.output > 0 || tokens.input > 0 {
        all.extend([
            KeyValue::new("gen_ai.usage.input_tokens", count(input(record))),
            KeyValue::new("gen_ai.usage.output_tokens", count(tokens.output)),
            KeyValue::new("gen_ai.usage.cache_read.input_tokens", count(tokens.cache_read)),
            KeyValue::new(
                "gen_ai.usage.cache_creation.input_tokens",
                count(tokens.cache_write_5m + tokens.cache_write_1h),
            ),
        ]);
    }
    all.extend(record.request_id.clone().map(|id| KeyValue::new("aws.request_id", id)));
    all.extend(record.cost_usd().map(|cost| KeyValue::new("outcrop.cost_usd", cost)));
    all.extend(record.identity.clone().map(|key| KeyValue::new("outcrop.key", key)));
    all.extend(record.stop_reason.clone().map(|reason| texts("gen_ai.response.finish_reasons", [reason])));
    if !record.notices.is_empty() {
        all.push(texts("outcrop.notices", record.notices.iter().cloned()));
    }
    all.extend(error_type(record));
    all
}

fn texts(key: &'static str, values: impl IntoIterator<Item = String>) -> KeyValue {
    KeyValue::new(key, Value::Array(Array::String(values.into_iter().map(StringValue::from).collect())))
}

/// The caller's span, from a `traceparent` as W3C writes it: `00-{trace}-{span}-{flags}`.
fn parent(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sizes = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let future = version != "00";
    if !sizes || version == "ff" || (parts.next().is_some() && !future) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

/// Sends exports with hyper, on our own runtime: the SDK's threads have none.
#[derive(Debug, Clone)]
struct Sender {
    client: Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: tokio::runtime::Handle,
}

impl Sender {
    fn new() -> Result<Self, String> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| error.to_string())?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), runtime })
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        });
        tokio::pin!(sent);
        sent.await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_w3c_says() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let sampled = parent(&format!("00-{trace}-b7ad6b7169203331-01")).expect("W3C's own example");
        assert_eq!(sampled.trace_id().to_string(), trace);
        assert!(sampled.is_sampled() && sampled.is_remote());
        assert!(
            parent(&format!("01-{trace}-b7ad6b7169203331-00-more")).is_some(),
            "a later version may say more"
        );
        for broken in [
            "",
            "00",
            &format!("00-{trace}-b7ad6b7169203331-01-more"),
            &format!("ff-{trace}-b7ad6b7169203331-01"),
            &format!("00-{trace}-0000000000000000-01"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            &format!("00-{trace}-b7ad6b71692033é-01"),
            &format!("00-{trace}-b7ad6b7169203331-0g"),
        ] {
            assert!(parent(broken).is_none(), "{broken}");
        }
    }
}
