//! The jobs of a conversation that are done.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TurnId;

/// How long a done job is remembered. Meta repeats a webhook for up to 7 days.
pub const DONE_KEPT: Duration = Duration::from_hours(8 * 24);
/// Most done jobs that are remembered: 8192 of them take 64 kB of the 400 kB that a `DynamoDB` item may have.
const MAX_DONE: usize = 8192;
/// Seconds of a period. With two days, five periods matter, and a job is remembered for up to two days longer than needed.
const PERIOD: i64 = 2 * 24 * 3600;

/// The ids of the done jobs by the period in which they were done. Periods are numbered since 1970.
///
/// `DynamoDB` charges for every write by the size of the item, so a job costs no more than the 8 bytes of its id: when it was
/// done follows from its period, and periods are forgotten as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Done(BTreeMap<i64, BTreeSet<TurnId>>);

impl Done {
    /// The periods whose jobs may still be repeated at `now`.
    #[must_use]
    pub fn periods(now: Timestamp) -> RangeInclusive<i64> {
        let kept = i64::try_from(DONE_KEPT.as_secs()).unwrap_or(i64::MAX);
        (now.as_second() - kept).div_euclid(PERIOD)..=now.as_second().div_euclid(PERIOD)
    }

    /// Whether `job` is done.
    #[must_use]
    pub fn contains(&self, job: &TurnId) -> bool {
        self.0.values().any(|jobs| jobs.contains(job))
    }

    /// Marks `job` as done and forgets the jobs that can no longer be repeated.
    pub fn mark(&mut self, job: &TurnId, now: Timestamp) {
        let periods = Self::periods(now);
        self.0.retain(|period, _| period >= periods.start());
        for _ in MAX_DONE..=self.len() {
            if let Some(mut oldest) = self.0.first_entry() {
                oldest.get_mut().pop_first();
                if oldest.get().is_empty() {
                    oldest.remove();
                }
            }
        }
        self.0.entry(*periods.end()).or_default().insert(job.clone());
    }

    /// Merges another set.
    pub fn extend(&mut self, other: Self) {
        for (period, jobs) in other.0 {
            self.0.entry(period).or_default().extend(jobs);
        }
    }

    /// How many jobs are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The periods that have jobs, and their jobs.
    pub fn by_period(&self) -> impl Iterator<Item = (i64, &BTreeSet<TurnId>)> {
        self.0.iter().map(|(period, jobs)| (*period, jobs))
    }
}

impl FromIterator<(i64, BTreeSet<TurnId>)> for Done {
    fn from_iter<T: IntoIterator<Item = (i64, BTreeSet<TurnId>)>>(periods: T) -> Self {
        Self(periods.into_iter().filter(|(_, jobs)| !jobs.is_empty()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_job_is_remembered_for_eight_days_and_not_for_much_longer() {
        let (job, other) = (TurnId::of(&"8".into(), "one"), TurnId::of(&"8".into(), "two"));
        for start in [0, DAY, 2 * DAY - 1] {
            let mut done = Done::default();
            done.mark(&job, at(start));
            done.mark(&other, at(start + 8 * DAY));
            assert!(done.contains(&job) && Done::periods(at(start + 8 * DAY)).contains(&0), "{start}");
            done.mark(&other, at(start + 10 * DAY));
            assert!(!done.contains(&job) && done.contains(&other), "{start}");
        }
    }

    #[test]
    fn the_oldest_go_when_they_are_too_many() {
        let name = |place: usize| TurnId::of(&"8".into(), &place.to_string());
        let mut done = Done::default();
        done.mark(&name(0), at(0));
        for place in 1..=MAX_DONE {
            done.mark(&name(place), at(2 * DAY));
        }
        assert_eq!(done.len(), MAX_DONE);
        assert!(!done.contains(&name(0)) && done.contains(&name(1)));
        for place in MAX_DONE + 1..MAX_DONE + 100 {
            done.mark(&name(place), at(2 * DAY));
            assert!(done.len() == MAX_DONE && done.contains(&name(place)), "never the one that is done now");
        }
    }
}
