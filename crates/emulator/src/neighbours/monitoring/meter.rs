//! What CloudWatch is told of each invocation: the bill's entries, and the failures, which nobody pays for.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::bill::Entry;
use crate::dialect::{FIRST_BYTE_MS, latency_of};
use crate::state::State;

/// The metrics of `AWS/Bedrock` (reference `bedrock.md` §7.2) that an emulator has numbers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    Invocations,
    InvocationLatency,
    TimeToFirstToken,
    InvocationClientErrors,
    InvocationServerErrors,
    InvocationThrottles,
    InputTokenCount,
    OutputTokenCount,
    CacheReadInputTokens,
    CacheWriteInputTokens,
}

impl Metric {
    const ALL: [Self; 10] = [
        Self::Invocations,
        Self::InvocationLatency,
        Self::TimeToFirstToken,
        Self::InvocationClientErrors,
        Self::InvocationServerErrors,
        Self::InvocationThrottles,
        Self::InputTokenCount,
        Self::OutputTokenCount,
        Self::CacheReadInputTokens,
        Self::CacheWriteInputTokens,
    ];

    /// AWS's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Invocations => "Invocations",
            Self::InvocationLatency => "InvocationLatency",
            Self::TimeToFirstToken => "TimeToFirstToken",
            Self::InvocationClientErrors => "InvocationClientErrors",
            Self::InvocationServerErrors => "InvocationServerErrors",
            Self::InvocationThrottles => "InvocationThrottles",
            Self::InputTokenCount => "InputTokenCount",
            Self::OutputTokenCount => "OutputTokenCount",
            Self::CacheReadInputTokens => "CacheReadInputTokens",
            Self::CacheWriteInputTokens => "CacheWriteInputTokens",
        }
    }

    /// AWS's unit.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::InvocationLatency | Self::TimeToFirstToken => "Milliseconds",
            _ => "Count",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// What an invocation that succeeded adds to it.
    fn of_entry(self, entry: &Entry) -> Option<u64> {
        let is_streamed = entry.operation.ends_with("Stream");
        match self {
            Self::Invocations => Some(1),
            Self::InvocationLatency => Some(latency_of(entry.output_tokens)),
            Self::TimeToFirstToken => is_streamed.then_some(FIRST_BYTE_MS),
            Self::InputTokenCount => Some(entry.input_tokens),
            Self::OutputTokenCount => Some(entry.output_tokens),
            Self::CacheReadInputTokens => Some(entry.cache_read_input_tokens).filter(|count| *count > 0),
            Self::CacheWriteInputTokens => Some(entry.cache_write_input_tokens).filter(|count| *count > 0),
            Self::InvocationClientErrors | Self::InvocationServerErrors | Self::InvocationThrottles => None,
        }
    }
}

/// Invocations that failed.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<VecDeque<Failed>>);

#[derive(Debug, Clone)]
struct Failed {
    at: Timestamp,
    region: String,
    model_id: String,
    metric: Metric,
}

/// The newest failures are kept: a bound on memory under load.
const KEPT: usize = 100_000;

impl Failures {
    /// Counts an invocation that was refused with this status.
    pub(crate) fn count(&self, region: &str, model_id: &str, status: u16) {
        let metric = match status {
            429 => Metric::InvocationThrottles,
            500.. => Metric::InvocationServerErrors,
            _ => Metric::InvocationClientErrors,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == KEPT {
            all.pop_front();
        }
        let (region, model_id) = (region.to_owned(), model_id.to_owned());
        all.push_back(Failed { at: Timestamp::now(), region, model_id, metric });
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// One number that CloudWatch was told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) metric: Metric,
    /// The value of the dimension `ModelId`.
    pub(super) model_id: String,
    /// Unix seconds.
    pub(super) at: i64,
    pub(super) value: f64,
}

/// All numbers of a Region.
pub(super) fn samples(state: &State, region: &str) -> Vec<Sample> {
    let mut samples = Vec::new();
    for entry in state.bill.entries().iter().filter(|entry| entry.region == region) {
        let Ok(at) = entry.timestamp.parse::<Timestamp>() else { continue };
        let model_id = dimension(&entry.model_id);
        let values = Metric::ALL.into_iter().filter_map(|metric| Some((metric, metric.of_entry(entry)?)));
        samples.extend(values.map(|(metric, value)| Sample {
            metric,
            model_id: model_id.clone(),
            at: at.as_second(),
            value: value as f64,
        }));
    }
    let failures = state.failures.0.lock().unwrap_or_else(PoisonError::into_inner);
    let failures = failures.iter().filter(|failed| failed.region == region).map(|failed| Sample {
        metric: failed.metric,
        model_id: dimension(&failed.model_id),
        at: failed.at.as_second(),
        value: 1.0,
    });
    samples.extend(failures);
    samples
}

/// The metrics there are numbers of, and for which `ModelId`; `None` is over all of them.
pub(super) fn series(samples: &[Sample]) -> BTreeSet<(Metric, Option<&str>)> {
    samples
        .iter()
        .flat_map(|sample| [(sample.metric, None), (sample.metric, Some(sample.model_id.as_str()))])
        .collect()
}

/// The value of the dimension `ModelId`: for application profiles the short id, for deployments and imported models the
/// ARN, else the id (reference `bedrock.md` §7.2).
fn dimension(identifier: &str) -> String {
    const BY_ID: [&str; 3] = [":application-inference-profile/", ":inference-profile/", ":foundation-model/"];
    let id = BY_ID.iter().find_map(|kind| identifier.split_once(kind)).map(|(_, id)| id);
    id.unwrap_or(identifier).to_owned()
}
