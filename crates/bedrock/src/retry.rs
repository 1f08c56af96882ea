//! When to try again: only before AWS accepted the request, at this one layer.
//!
//! Constants are AWS's standard mode of November 2026 (reference `reliability.md` §0.6): three attempts, full jitter from
//! 50 ms (transient) or 1 s (throttling), a bucket of 500 tokens at 14 and 5 a retry.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use outcrop_wire::bedrock::{BedrockError, ErrorKind};

/// Attempts in all, the first included.
pub const MAX_ATTEMPTS: u32 = 3;
/// No single wait is longer.
const MAX_DELAY: Duration = Duration::from_secs(20);
/// What the bucket holds when nothing fails.
const BUCKET: u32 = 500;

/// Why another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The connection failed or AWS is briefly unavailable.
    Transient,
    /// AWS asks for patience.
    Throttling,
    /// AWS failed (500), perhaps before it generated anything, perhaps not.
    Server,
}

impl Cause {
    /// Whether an error AWS answered with is worth another attempt.
    ///
    /// Nothing was generated for a 429 or 503. A 408 or 424 has been worked on, and billed; a daily quota does not come back
    /// within seconds.
    pub fn of(error: &BedrockError) -> Option<Self> {
        match error.kind {
            ErrorKind::Throttling if error.message.contains("per day") => None,
            ErrorKind::Throttling | ErrorKind::ModelNotReady => Some(Self::Throttling),
            ErrorKind::ServiceUnavailable => Some(Self::Transient),
            ErrorKind::InternalServer => Some(Self::Server),
            _ => None,
        }
    }

    /// Attempts in all: a 500 may have been billed, so one retry is enough (reference `reliability.md` F20).
    pub fn most_attempts(self) -> u32 {
        match self {
            Self::Transient | Self::Throttling => MAX_ATTEMPTS,
            Self::Server => 2,
        }
    }

    fn cost(self) -> u32 {
        match self {
            Self::Transient | Self::Server => 14,
            Self::Throttling => 5,
        }
    }

    fn base(self) -> Duration {
        match self {
            Self::Transient | Self::Server => Duration::from_millis(50),
            Self::Throttling => Duration::from_secs(1),
        }
    }

    /// How long to wait before attempt `attempt` + 1: what AWS asks for, else full jitter under a doubling ceiling.
    pub fn delay(self, attempt: u32, retry_after: Option<Duration>) -> Duration {
        let ceiling = (self.base() * 2u32.saturating_pow(attempt.saturating_sub(1))).min(MAX_DELAY);
        retry_after.map_or_else(|| ceiling.mul_f64(fastrand::f64()), |asked| asked.min(MAX_DELAY))
    }
}

/// The retry budget: in a total outage it empties, and requests fail at once instead of trying thrice.
#[derive(Debug)]
pub struct Bucket(AtomicU32);

impl Default for Bucket {
    fn default() -> Self {
        Self(AtomicU32::new(BUCKET))
    }
}

impl Bucket {
    /// Takes what a retry costs; `false` when the budget is used up.
    pub fn take(&self, cause: Cause) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cause.cost()))
            .is_ok()
    }

    /// A request succeeded: after a retry its cost comes back, else one token.
    pub fn refill(&self, retried: Option<Cause>) {
        if retried.is_none() && self.0.load(Ordering::Relaxed) >= BUCKET {
            return;
        }
        let back = retried.map_or(1, Cause::cost);
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some((left + back).min(BUCKET)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_empties_the_bucket() {
        let bucket = Bucket::default();
        let retries = (0..10_000).filter(|_| bucket.take(Cause::Transient)).count();
        assert_eq!(retries, 35);
        bucket.refill(Some(Cause::Transient));
        assert!(bucket.take(Cause::Transient));
    }

    #[test]
    fn a_daily_quota_is_not_retried() {
        let error = |text: &str| BedrockError::new(ErrorKind::Throttling, text);
        assert_eq!(Cause::of(&error("Too many tokens per day, please wait before trying again.")), None);
        assert_eq!(
            Cause::of(&error("Too many tokens, please wait before trying again.")),
            Some(Cause::Throttling)
        );
        assert_eq!(Cause::of(&BedrockError::new(ErrorKind::ModelTimeout, "")), None);
    }

    #[test]
    fn delays_stay_under_their_ceiling() {
        for attempt in 1..10 {
            assert!(Cause::Throttling.delay(attempt, None) <= MAX_DELAY);
            assert!(Cause::Transient.delay(1, None) <= Duration::from_millis(50));
        }
        assert_eq!(Cause::Transient.delay(1, Some(Duration::from_secs(3600))), MAX_DELAY);
    }
}
