//! When to try again: verdicts, back-off with jitter, and the clock of one invocation.
//!
//! Times from outside may be anything, and jiff's `+` panics if the result is out of range. So times are added with [`after`], and
//! the lint `arithmetic_side_effects` refuses `+` on times.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: the same request will be refused again.
    Never,
    /// Yes, but not before this pause.
    After(Duration),
}

impl Retry {
    /// As soon as the usual back-off allows.
    pub const SOON: Self = Self::After(Duration::ZERO);
}

/// The moment this long after `start`, but at most the last one that a timestamp can hold.
#[must_use]
pub fn after(start: Timestamp, span: Duration) -> Timestamp {
    start.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// The time from `start` to `end`; zero if `end` comes first.
#[must_use]
pub fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

/// The moment at which `patience` is over, by the runtime's clock; now if that is out of range.
#[must_use]
pub fn until(patience: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(patience).unwrap_or(now)
}

/// The clock of one invocation: the time now, and when the platform will end it.
///
/// It starts from a given `now` and moves with the runtime's clock, so a test can stop time or advance it.
#[derive(Debug, Clone)]
pub struct Clock {
    started_at: Timestamp,
    started: Instant,
    deadline: Instant,
}

impl Clock {
    /// Starts at `now` with the time that is left until the invocation ends.
    #[must_use]
    pub fn start(now: Timestamp, left: Duration) -> Self {
        Self { started_at: now, started: Instant::now(), deadline: until(left) }
    }

    /// The time, in UTC.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        after(self.started_at, self.started.elapsed())
    }

    /// The moment at which the platform ends the invocation.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        after(self.started_at, self.total())
    }

    /// The whole time of the invocation.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.deadline.duration_since(self.started)
    }

    /// The time until the deadline.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits, unless too little time would be left afterwards for anything useful.
    ///
    /// Returns whether it waited.
    pub async fn pause(&self, pause: Duration) -> bool {
        if self.left() < pause.saturating_add(USEFUL_REST) {
            return false;
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        true
    }
}

/// The least time before the deadline in which an outgoing call is still worth starting.
pub const USEFUL_REST: Duration = Duration::from_secs(2);

/// The pause before try number `tries + 1`: full jitter below a ceiling that doubles from 200 ms to 5 s.
#[must_use]
pub fn back_off(tries: u32) -> Duration {
    let ceiling = Duration::from_millis(200 << tries.min(5)).min(Duration::from_secs(5));
    ceiling.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_would_pass_the_deadline_is_not_begun() {
        let clock = Clock::start(Timestamp::UNIX_EPOCH, Duration::from_secs(10));
        assert!(clock.pause(Duration::from_secs(7)).await);
        assert_eq!(clock.now(), Timestamp::from_second(7).expect("in range"));
        assert!(!clock.pause(Duration::from_secs(2)).await);
        assert_eq!(clock.left(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_from_outside_overflows() {
        let clock = Clock::start(Timestamp::MAX, Duration::from_secs(10));
        assert_eq!((clock.now(), clock.deadline()), (Timestamp::MAX, Timestamp::MAX));
        assert!(!clock.pause(Duration::MAX).await);
        assert_eq!(after(Timestamp::MIN, Duration::MAX), Timestamp::MAX);
        assert_eq!(between(Timestamp::MAX, Timestamp::MIN), Duration::ZERO);
    }

    #[test]
    fn back_off_stays_under_its_ceiling() {
        for tries in 0..40 {
            assert!(back_off(tries) <= Duration::from_secs(5));
        }
    }
}
