//! The ids that this Meta gives to messages and files.

use super::clock;

/// The last id that was given.
#[derive(Debug)]
pub(super) struct Ids(u64);

impl Ids {
    /// Begins with the time in microseconds, above the ids of the last start: the endpoint may remember them, and would treat equal
    /// ones as repeats.
    pub(super) fn from_now() -> Self {
        Self(u64::try_from(clock::now().as_microsecond()).unwrap_or_default())
    }

    pub(super) fn wamid(&mut self) -> String {
        format!("wamid.SIMULATED{:020}==", self.next())
    }

    /// Returns an id for a file.
    pub(super) fn media(&mut self) -> String {
        self.next().to_string()
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
