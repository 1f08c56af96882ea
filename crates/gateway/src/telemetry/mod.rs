//! What the gateway says about itself while it runs: figures for Prometheus, a line in the log, traces and
//! metrics for an OpenTelemetry collector.
//!
//! Nothing here costs a request anything: the ledger's writer hands over the records of ended invocations, and what is
//! open is counted with one atomic number. Prompts and answers are in no record, so they can be in no figure either.

mod metrics;
mod otlp;

pub use otlp::{Collector, CollectorError};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::{HeaderValue, Response, header};

use crate::health::Health;
use crate::ledger::Record;
use crate::reply::ReplyBody;
use metrics::{Metrics, Now};
use otlp::Exporters;

/// Everything that is told to the outside.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    pub(crate) health: Health,
    metrics: Metrics,
    open: AtomicU64,
    connections: AtomicUsize,
    exporters: Option<Exporters>,
}

/// An open connection of a client, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Connection(Arc<Telemetry>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Telemetry {
    /// With a collector, what is exported goes through the runtime this is called on.
    pub(crate) fn start(collector: Option<&Collector>) -> Result<Self, CollectorError> {
        let exporters = collector.map(Exporters::start).transpose()?;
        Ok(Self { exporters, ..Self::default() })
    }

    /// Sends what is left. Blocks for as long as a collector takes.
    pub(crate) fn stop(&self) {
        if let Some(exporters) = &self.exporters {
            exporters.stop();
        }
    }

    /// A client has connected.
    pub(crate) fn connection(self: &Arc<Self>) -> Connection {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connection(Arc::clone(self))
    }

    /// An invocation has begun.
    pub(crate) fn begun(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// An invocation has ended, for better or worse.
    pub(crate) fn ended(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// A request was answered with an error, before or after it became an invocation.
    pub(crate) fn refused(&self, status: u16) {
        self.metrics.refused(status);
    }

    /// A request went on to another target.
    pub(crate) fn went_elsewhere(&self) {
        self.metrics.went_elsewhere();
    }

    /// An ended invocation, as the ledger has it.
    pub(crate) fn observe(&self, record: &Record) {
        self.health.observe(record);
        self.metrics.observe(record);
        if let Some(exporters) = &self.exporters {
            exporters.observe(record);
        }
        log(record);
    }

    /// All figures in OpenMetrics' text form; `lost` is how many records the ledger could not take, `drains` how many
    /// invocations are read to their end without a client, `breakers` how many targets' circuit breakers are open.
    pub(crate) fn exposition(&self, lost: u64, drains: usize, breakers: usize) -> Response<ReplyBody> {
        let text = self.metrics.exposition(Now {
            open: self.open.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            drains,
            breakers,
            lost,
            ready: self.health.is_ready(),
        });
        let mut response = Response::new(ReplyBody::whole(text));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
        response
    }
}

/// One line an invocation, for those who ask: `OUTCROP_LOG=warn,outcrop::invocation=info`.
fn log(record: &Record) {
    let resolution = &record.resolution;
    tracing::info!(
        target: "outcrop::invocation",
        id = record.gateway_request_id,
        aws_id = record.request_id,
        identifier = resolution.identifier,
        target = resolution.target,
        region = resolution.source_region,
        key = record.identity,
        operation = record.operation,
        dialect = record.dialect,
        lane = record.lane,
        status = record.status,
        error = record.error_code,
        stop_reason = record.stop_reason,
        input_tokens = record.tokens.input,
        output_tokens = record.tokens.output,
        usage = record.usage.as_str(),
        cost_usd = record.cost_usd(),
        milliseconds = u64::try_from(record.latency.as_millis()).unwrap_or(u64::MAX),
        notices = record.notices.len(),
        "invoked"
    );
}
