//! A circuit breaker: whether a target is worth another try where there is a choice.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Of one target in one Region. Closed while calls succeed; open after a run of failures, and then tried by one call at a
/// time until one succeeds.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Failures since the last success. Read alone on the way of a healthy target.
    failures: AtomicU32,
    /// Until when nobody is to try; set while it is open.
    closed_to_all_until: Mutex<Option<Instant>>,
}

/// One refusal is chance, a run of them an outage.
const FAILURES: u32 = 5;
/// The first pause; it doubles with each failed try.
const PAUSE: Duration = Duration::from_secs(10);
/// And is never longer, so that a Region that is back is found within a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Breaker {
    /// Whether to call now. While it is open, one caller is let through a pause.
    pub fn allows(&self, now: Instant) -> bool {
        if self.failures.load(Ordering::Relaxed) < FAILURES {
            return true;
        }
        let mut until = self.closed_to_all_until.lock().unwrap_or_else(PoisonError::into_inner);
        match *until {
            Some(time) if now < time => false,
            _ => {
                *until = Some(now + self.pause());
                true
            }
        }
    }

    /// Whether calls go round this target now. Lets nobody through.
    pub fn is_open(&self, now: Instant) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
            && self
                .closed_to_all_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some_and(|until| now < until)
    }

    /// The target answered.
    pub fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The target did not answer, or refused for want of capacity.
    pub fn failed(&self, now: Instant) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before + 1 >= FAILURES {
            let mut until = self.closed_to_all_until.lock().unwrap_or_else(PoisonError::into_inner);
            *until = Some(now + self.pause());
        }
    }

    fn pause(&self) -> Duration {
        let beyond = self.failures.load(Ordering::Relaxed).saturating_sub(FAILURES);
        (PAUSE * 2u32.saturating_pow(beyond.min(8))).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_failures_opens_it_and_one_success_closes_it() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 1..FAILURES {
            breaker.failed(now);
        }
        assert!(breaker.allows(now), "not yet a run");
        breaker.failed(now);
        assert!(!breaker.allows(now) && breaker.is_open(now));
        let later = now + PAUSE;
        assert!(breaker.allows(later), "one is let through");
        assert!(!breaker.allows(later), "and no other meanwhile");
        breaker.succeeded();
        assert!(breaker.allows(later) && !breaker.is_open(later));
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        (0..100).for_each(|_| breaker.failed(now));
        assert!(!breaker.allows(now + LONGEST_PAUSE - Duration::from_millis(1)));
        assert!(breaker.allows(now + LONGEST_PAUSE));
    }
}
