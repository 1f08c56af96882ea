//! The emulator's own time: the machine's, unless a test stops it or moves it on (`POST /_emulator/clock`).
//!
//! What takes its time in AWS goes by it: jobs, the prompt cache's times to live, commitments, sessions of roles. What a
//! caller's own clock is held against (the dates of signatures) does not, and neither do logs and the bill.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::failure::Failure;

/// The time, and who waits for it.
#[derive(Debug)]
pub(crate) struct Clock {
    hands: Mutex<Hands>,
    /// Tells those who wait that the hands were moved.
    moved: watch::Sender<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Hands {
    /// How far the clock is ahead of the machine's.
    ahead: SignedDuration,
    /// The time at which it stands still.
    frozen: Option<Timestamp>,
}

/// What `POST /_emulator/clock` takes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Turn {
    /// Stand still, or go on from where it stands; as it was when `None`.
    frozen: Option<bool>,
    /// How far to move it on.
    #[serde(default)]
    advance_seconds: f64,
}

/// What it says.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    now: String,
    frozen: bool,
}

/// The furthest that it is ahead of the machine's: ten years, so that no time in AWS leaves the calendar.
const FURTHEST: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

impl Default for Clock {
    fn default() -> Self {
        Self { hands: Mutex::default(), moved: watch::Sender::new(()) }
    }
}

impl Clock {
    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.hands().time(Timestamp::now())
    }

    /// Waits until it is `time`: for good while the clock stands still.
    pub(crate) async fn reached(&self, time: Timestamp) {
        let mut moved = self.moved.subscribe();
        loop {
            let left = time.duration_since(self.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            let sleep = async {
                match self.hands().frozen {
                    Some(_) => std::future::pending().await,
                    None => tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await,
                }
            };
            tokio::select! {
                () = sleep => {}
                // It cannot be closed: the sender is ours.
                _ = moved.changed() => {}
            }
        }
    }

    /// Stops it, moves it on, or lets it go.
    ///
    /// # Errors
    /// 400 when it would go back, or too far.
    pub(crate) fn turn(&self, turn: &Turn) -> Result<Told, Failure> {
        let Turn { frozen, advance_seconds } = *turn;
        let wrong = || {
            let most = FURTHEST.as_secs();
            let text = format!("advanceSeconds is a number from 0, and the clock is at most {most} s ahead.");
            Failure::validation(text)
        };
        let advance = SignedDuration::try_from_secs_f64(advance_seconds).map_err(|_| wrong())?;
        let told = {
            let machine = Timestamp::now();
            let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
            let now = hands.time(machine).checked_add(advance).map_err(|_| wrong())?;
            if advance < SignedDuration::ZERO || now.duration_since(machine) > FURTHEST {
                return Err(wrong());
            }
            let is_frozen = frozen.unwrap_or(hands.frozen.is_some());
            *hands = Hands { ahead: now.duration_since(machine), frozen: is_frozen.then_some(now) };
            Told::of(now, is_frozen)
        };
        self.moved.send_replace(());
        Ok(told)
    }

    /// What it says.
    pub(crate) fn tell(&self) -> Told {
        Told::of(self.now(), self.hands().frozen.is_some())
    }

    /// Back to the machine's time.
    pub(crate) fn reset(&self) {
        *self.hands.lock().unwrap_or_else(PoisonError::into_inner) = Hands::default();
        self.moved.send_replace(());
    }

    fn hands(&self) -> Hands {
        *self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    fn time(&self, machine: Timestamp) -> Timestamp {
        self.frozen.unwrap_or_else(|| machine.saturating_add(self.ahead).unwrap_or(machine))
    }
}

impl Told {
    fn of(now: Timestamp, frozen: bool) -> Self {
        Self { now: crate::control::profiles::iso(now), frozen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(frozen: Option<bool>, advance_seconds: f64) -> Turn {
        Turn { frozen, advance_seconds }
    }

    #[test]
    fn it_stands_still_moves_on_and_goes_from_there() {
        let clock = Clock::default();
        clock.turn(&turn(Some(true), 0.0)).unwrap();
        let start = clock.now();
        clock.turn(&turn(None, 90.5)).unwrap();
        assert_eq!(clock.now(), start + SignedDuration::from_millis(90_500));
        clock.turn(&turn(Some(false), 0.0)).unwrap();
        let going = clock.now();
        assert!(going >= start + SignedDuration::from_secs(90), "{going}");
        clock.reset();
        assert!(clock.now() < going);
    }

    #[test]
    fn it_goes_neither_back_nor_out_of_bounds() {
        let clock = Clock::default();
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e12, 4e8] {
            assert!(clock.turn(&turn(None, wrong)).is_err(), "{wrong}");
        }
        clock.turn(&turn(None, 2e8)).unwrap();
        assert!(clock.turn(&turn(None, 2e8)).is_err(), "together they are more than ten years");
    }

    #[tokio::test]
    async fn those_who_wait_are_told_that_it_was_moved() {
        let clock = Clock::default();
        clock.turn(&turn(Some(true), 0.0)).unwrap();
        let due = clock.now() + SignedDuration::from_hours(1);
        let waiting = clock.reached(due);
        let turning = async {
            tokio::task::yield_now().await;
            clock.turn(&turn(None, 3_600.0)).unwrap();
        };
        tokio::join!(waiting, turning);
        assert!(clock.now() >= due);
    }
}
