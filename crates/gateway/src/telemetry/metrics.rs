//! The figures at `GET /metrics`, in OpenMetrics' text form.

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::ledger::Record;

/// What `/metrics` answers with.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is true at the moment of a scrape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Invocations under way.
    pub(super) open: u64,
    /// Open connections of clients.
    pub(super) connections: usize,
    /// Invocations without a client that are read to their end.
    pub(super) drains: usize,
    /// Targets whose circuit breaker is open.
    pub(super) breakers: usize,
    /// Records that the ledger could not take since the start.
    pub(super) lost: u64,
    /// `/readyz` says that requests can be served.
    pub(super) ready: bool,
}

#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    invocations: Family<Invocation, Counter>,
    tokens: Family<Tokens, Counter>,
    cost: Family<Target, Counter<f64, AtomicU64>>,
    duration: Family<Target, Histogram>,
    first_event: Family<Target, Histogram>,
    refused: Family<Status, Counter>,
    open: Gauge,
    connections: Gauge,
    drains: Gauge,
    breakers: Gauge,
    failovers: Counter,
    lost: Counter,
    ready: Gauge,
    /// The targets that have figures of their own.
    seen: Mutex<HashSet<Target>>,
}

/// What was invoked. A gateway serves few of them; what clients make up ends as [`Target::other`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Target {
    model: Arc<str>,
    profile: Arc<str>,
    region: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Invocation {
    model: Arc<str>,
    profile: Arc<str>,
    region: Arc<str>,
    operation: &'static str,
    dialect: &'static str,
    lane: &'static str,
    status: u16,
    error: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    model: Arc<str>,
    profile: Arc<str>,
    region: Arc<str>,
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

/// Clients choose identifiers, and a signature names any Region: beyond this many targets, new ones are counted together.
const MAX_TARGETS: usize = 1_000;

/// Seconds. From a cached short answer to a long train of thought: the upper end is the limit for a first event.
const SECONDS: [f64; 14] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0];

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("outcrop"),
            invocations: Family::default(),
            tokens: Family::default(),
            cost: Family::default(),
            duration: Family::new_with_constructor(histogram),
            first_event: Family::new_with_constructor(histogram),
            refused: Family::default(),
            open: Gauge::default(),
            connections: Gauge::default(),
            drains: Gauge::default(),
            breakers: Gauge::default(),
            failovers: Counter::default(),
            lost: Counter::default(),
            ready: Gauge::default(),
            seen: Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", version);
        registry.register("invocations", "Ended invocations", self.invocations.clone());
        registry.register("tokens", "Tokens, as Bedrock counted them", self.tokens.clone());
        registry.register("cost_usd", "US dollars, where the price is known", self.cost.clone());
        let about = "From a request's head to the end of its answer";
        registry.register_with_unit("duration", about, Unit::Seconds, self.duration.clone());
        let about = "From a request's head to the first event of a streamed answer";
        registry.register_with_unit("first_event", about, Unit::Seconds, self.first_event.clone());
        registry.register("errors", "Answers that were errors, by HTTP status", self.refused.clone());
        registry.register("open_invocations", "Invocations under way", self.open.clone());
        registry.register("connections", "Open connections of clients", self.connections.clone());
        registry.register(
            "drains",
            "Invocations whose client has left and that are read to their end",
            self.drains.clone(),
        );
        registry.register("breakers_open", "Targets whose circuit breaker is open", self.breakers.clone());
        let about = "Requests that went on to another target";
        registry.register("failovers", about, self.failovers.clone());
        registry.register("ledger_lost", "Records the ledger could not take", self.lost.clone());
        registry.register("ready", "1 while /readyz says yes", self.ready.clone());
    }

    pub(super) fn refused(&self, status: u16) {
        self.refused.get_or_create(&Status { status }).inc();
    }

    pub(super) fn went_elsewhere(&self) {
        self.failovers.inc();
    }

    pub(super) fn observe(&self, record: &Record) {
        let target = self.target(record);
        let Target { model, profile, region } = &target;
        let tokens = record.tokens;
        let counts = [
            ("input", tokens.input),
            ("output", tokens.output),
            ("cache_read", tokens.cache_read),
            ("cache_write_5m", tokens.cache_write_5m),
            ("cache_write_1h", tokens.cache_write_1h),
        ];
        for (r#type, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let (model, profile, region) = (model.clone(), profile.clone(), region.clone());
            self.tokens.get_or_create(&Tokens { model, profile, region, r#type }).inc_by(count);
        }
        self.invocations
            .get_or_create(&Invocation {
                model: model.clone(),
                profile: profile.clone(),
                region: region.clone(),
                operation: record.operation,
                dialect: record.dialect,
                lane: record.lane,
                status: record.status,
                error: record.error_code.clone().unwrap_or_default(),
            })
            .inc();
        if let Some(cost) = record.cost_usd() {
            self.cost.get_or_create(&target).inc_by(cost);
        }
        self.duration.get_or_create(&target).observe(record.latency.as_secs_f64());
        if let Some(after) = record.first_event.as_ref().map(Duration::as_secs_f64) {
            self.first_event.get_or_create(&target).observe(after);
        }
    }

    fn target(&self, record: &Record) -> Target {
        let target = Target::of(record);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&target) {
            return target;
        }
        if seen.len() >= MAX_TARGETS {
            return Target::other();
        }
        seen.insert(target.clone());
        target
    }

    pub(super) fn exposition(&self, now: Now) -> String {
        let Now { open, connections, drains, breakers, lost, ready } = now;
        self.open.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
        self.drains.set(i64::try_from(drains).unwrap_or(i64::MAX));
        self.breakers.set(i64::try_from(breakers).unwrap_or(i64::MAX));
        self.ready.set(i64::from(ready));
        self.lost.inc_by(lost.saturating_sub(self.lost.get()));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String does not fail");
        text
    }
}

impl Target {
    fn of(record: &Record) -> Self {
        let resolution = &record.resolution;
        let profile = resolution.profile.as_ref();
        Self {
            model: resolution.model.as_ref().map_or(UNKNOWN, |model| model.id.as_str()).into(),
            profile: profile.map(|it| it.name.as_deref().unwrap_or(&it.id)).unwrap_or_default().into(),
            region: resolution.source_region.as_str().into(),
        }
    }

    fn other() -> Self {
        Self { model: OTHER.into(), profile: OTHER.into(), region: OTHER.into() }
    }
}

const UNKNOWN: &str = "unknown";
const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_clients_make_up_are_counted_together() {
        let metrics = Metrics::default();
        let seen = |region: usize| {
            let target = Target { model: "".into(), profile: "".into(), region: region.to_string().into() };
            metrics.seen.lock().expect("nobody panicked").insert(target)
        };
        assert!((0..MAX_TARGETS).all(seen));
        assert_eq!(metrics.target(&Record::example("")), Target::other());
    }
}
