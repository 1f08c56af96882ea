//! AWS's clock against ours: learned from a refusal, so that a machine whose clock is wrong works after one more call.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far AWS's clock is ahead of ours.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead_seconds: AtomicI64,
}

/// AWS takes signatures five minutes old; less than this is not worth another call.
const WORTH_LEARNING: i64 = 60;

impl Clock {
    /// The time by AWS's clock, as far as it is known.
    pub(crate) fn now(&self) -> SystemTime {
        let ahead = self.ahead_seconds.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        let now = SystemTime::now();
        if ahead < 0 { now.checked_sub(by).unwrap_or(UNIX_EPOCH) } else { now + by }
    }

    /// Learns from the `Date` of an answer (RFC 9110). True when that changes anything.
    pub(crate) fn learn(&self, date: &str) -> bool {
        let Ok(theirs) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date) else {
            return false;
        };
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let ahead = theirs.as_second() - i64::try_from(ours).unwrap_or(i64::MAX);
        let before = self.ahead_seconds.load(Ordering::Relaxed);
        let changes = (ahead - before).abs() >= WORTH_LEARNING;
        if changes {
            self.ahead_seconds.store(ahead, Ordering::Relaxed);
        }
        changes
    }
}
