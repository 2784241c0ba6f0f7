//! Meta's rules of timing: the window, the pair limit and the throughput limit.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/about-the-platform> and
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput>

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Fault, feed::Person};

/// The codes of these rules.
pub(super) const OUTSIDE_WINDOW: i64 = 131_047;
/// A marketing template to a person who wants none.
pub(super) const OPTED_OUT: i64 = 131_050;
pub(super) const PAIR_LIMIT: i64 = 131_056;
pub(super) const THROUGHPUT: i64 = 130_429;

/// One message in 6 s to one person; a burst of 45 is allowed, on account of the time after it.
const PAIR_PAUSE: SignedDuration = SignedDuration::from_secs(6);
const PAIR_BURST: i32 = 45;

/// When messages were sent and received.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// When the messages to a person so far would all be sent, at the allowed rate.
    paid_until: BTreeMap<String, Timestamp>,
    /// The messages of the last second, in and out.
    last_second: VecDeque<Timestamp>,
}

/// Whether a message to this person fails because the window is closed: one that is neither a template nor has a category.
pub(super) fn is_outside_window(person: &Person, body: &Value, now: Timestamp) -> bool {
    body["type"] != "template" && body["category"].is_null() && person.window_until.is_none_or(|until| until <= now)
}

/// Returns the code with which Meta refuses text with a category, where `rule` is the value of [`Fault::DirectSend`].
pub(super) fn refuses_category(body: &Value, rule: impl FnOnce() -> Option<u32>) -> Option<i64> {
    let code = if body["category"].is_null() { 0 } else { rule().unwrap_or(100) };
    Some(i64::from(code)).filter(|code| *code != 0)
}

/// Whether Meta refuses a template because the person has stopped marketing messages. Only Meta knows a template's category; here it is
/// marketing if its name says so.
pub(super) fn is_unwanted(person: &Person, body: &Value) -> bool {
    let name = body["template"]["name"].as_str().unwrap_or_default();
    person.has_stopped_marketing && name.contains("marketing")
}

impl Timing {
    /// Returns code and text if Meta refuses another message to this person now, where `strikes` says which rules hold.
    pub(super) fn too_fast(
        &mut self,
        person: &Person,
        now: Timestamp,
        mut strikes: impl FnMut(Fault) -> Option<u32>,
    ) -> Option<(i64, &'static str)> {
        if let Some(most) = strikes(Fault::Throughput)
            && self.in_the_last_second(now) >= usize::try_from(most).unwrap_or(usize::MAX)
        {
            return Some((THROUGHPUT, "Rate limit hit: the number's throughput is reached"));
        }
        if strikes(Fault::PairLimit).is_some() && !self.admits(&person.id, now) {
            return Some((PAIR_LIMIT, "(Business Account, Consumer Account) pair rate limit hit"));
        }
        self.count(now);
        None
    }

    /// Counts a message, in or out.
    pub(super) fn count(&mut self, now: Timestamp) {
        self.last_second.push_back(now);
        self.in_the_last_second(now);
    }

    fn in_the_last_second(&mut self, now: Timestamp) -> usize {
        while self.last_second.front().is_some_and(|at| now.duration_since(*at) >= SignedDuration::from_secs(1)) {
            self.last_second.pop_front();
        }
        self.last_second.len()
    }

    fn admits(&mut self, person: &str, now: Timestamp) -> bool {
        let paid = self.paid_until.get(person).copied().unwrap_or(now).max(now);
        let is_admitted = paid.duration_since(now) <= PAIR_PAUSE * (PAIR_BURST - 1);
        if is_admitted {
            self.paid_until.insert(person.to_owned(), paid.saturating_add(PAIR_PAUSE).unwrap_or(paid));
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_five_may_come_at_once_and_then_one_in_six_seconds() {
        let mut timing = Timing::default();
        let now = Timestamp::UNIX_EPOCH;
        assert!((0..45).all(|_| timing.admits("ada", now)));
        assert!(!timing.admits("ada", now) && timing.admits("bob", now));
        let later = now.saturating_add(PAIR_PAUSE).expect("in range");
        assert!(timing.admits("ada", later) && !timing.admits("ada", later));
    }
}
