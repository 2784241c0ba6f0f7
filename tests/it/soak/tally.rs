//! What happened in a soak, and what came of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use serde_json::Value;

use super::outside;
use crate::support::endpoint::replies;

/// How often things happened.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub webhooks: usize,
    /// Webhooks that were not answered with 200 and came again.
    pub repeated: usize,
    pub batches: usize,
    /// Deaths that are due.
    pub due: usize,
    pub kills: usize,
    /// Invocations that were not over at their deadline, which ends the process as well.
    pub overdue: usize,
    pub redeliveries: usize,
    pub done: usize,
    /// Notices that were accepted.
    pub notices: usize,
    pub slowest_status: Duration,
}

/// What every person wrote, as the texts of the answers, in order.
pub type Written = BTreeMap<String, Vec<String>>;

/// What came back.
pub struct Found {
    pub lost: usize,
    pub duplicates: usize,
    /// People whose answers came in another order than their messages.
    pub disordered: Vec<String>,
    asked_again: usize,
    messages: usize,
    people: usize,
}

impl Found {
    /// Compares what was written with the calls of Graph and the questions to the agent.
    pub fn compare(written: &Written, calls: Vec<Value>, asked: &[String]) -> Self {
        let mut answered = BTreeMap::<String, Vec<Value>>::new();
        for call in calls.into_iter().filter(|call| call["type"].is_string()) {
            let to = call["to"].as_str().expect("a number").trim_start_matches('+').to_owned();
            answered.entry(to).or_default().push(call);
        }
        let asked_again = asked.len() - asked.iter().collect::<BTreeSet<_>>().len();
        let (messages, people) = (written.values().map(Vec::len).sum(), written.len());
        let mut found = Self { lost: 0, duplicates: 0, disordered: Vec::new(), asked_again, messages, people };
        for (person, expected) in written {
            let sent = replies(&answered.remove(person).unwrap_or_default(), None);
            let mut firsts = Vec::new();
            for words in &sent {
                if !firsts.contains(words) {
                    firsts.push(words.clone());
                }
            }
            found.duplicates += sent.len() - firsts.len();
            found.lost += expected.iter().filter(|words| !firsts.contains(words)).count();
            let in_order = expected.iter().filter(|words| firsts.contains(words));
            if !in_order.eq(&firsts) {
                found.disordered.push(format!("{person} was sent {sent:?} and not {expected:?}"));
            }
        }
        found.disordered.extend(answered.into_keys().map(|stranger| format!("{stranger} did not write")));
        found
    }
}

impl Tally {
    pub fn report(&self, faults: &outside::Tally, found: &Found, took: Duration) -> String {
        let per_second = f64::from(u32::try_from(found.messages).expect("a few")) / took.as_secs_f64();
        let rows = [
            ("messages", found.messages.to_string()),
            ("people", found.people.to_string()),
            ("notices", self.notices.to_string()),
            ("webhooks", format!("{}, {} of them repeated", self.webhooks, self.repeated)),
            ("batches", self.batches.to_string()),
            ("processes killed", format!("{} at a call, {} at their deadline", self.kills, self.overdue)),
            ("outside calls", faults.calls.to_string()),
            ("injected faults", format!("{} Graph, {} DynamoDB", faults.graph, faults.store)),
            ("redeliveries", self.redeliveries.to_string()),
            ("asked again", found.asked_again.to_string()),
            ("slowest status", format!("{:.1} s", self.slowest_status.as_secs_f64())),
            ("duplicates", found.duplicates.to_string()),
            ("lost", found.lost.to_string()),
            ("out of order", found.disordered.len().to_string()),
            ("duration", format!("{:.1} s", took.as_secs_f64())),
            ("messages per second", format!("{per_second:.1}")),
        ];
        let mut report = String::from("soak\n");
        for (name, value) in rows {
            writeln!(report, "  {name:20}{value}").expect("a text");
        }
        report
    }
}
