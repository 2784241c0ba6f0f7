//! The clock of this Meta, which tests move forward, and the clock of the machine, which the page shows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Simulator;

/// The clock of this Meta.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// How far it is ahead of the machine's.
    ahead: SignedDuration,
}

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    fn advance(&mut self, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.ahead = self.ahead.saturating_add(time);
    }
}

impl Simulator {
    /// Moves this Meta's clock forward.
    pub fn let_time_pass(&self, time: Duration) {
        self.change(|state| state.clock.advance(time));
    }

    /// Returns the time of this Meta.
    pub(super) fn now(&self) -> Timestamp {
        self.state().clock.now()
    }
}

/// Returns the time of the machine.
#[expect(clippy::disallowed_methods, reason = "a phone has a clock")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
