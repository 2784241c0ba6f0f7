//! Everything that the page is told, in the order in which it began; what is told again replaces what was.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::phone::{Bubble, Line, Side, Tick};

/// Exchanges that are kept; older ones are forgotten, for a load run makes very many.
const MAX_EXCHANGES: usize = 2_000;

/// The lines, each with the moment of its last change.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: BTreeMap<u64, Entry>,
    places: HashMap<Key, u64>,
    exchanges: VecDeque<u64>,
    /// Counts the changes.
    moment: u64,
}

#[derive(Debug)]
struct Entry {
    changed: u64,
    line: Line,
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Person(String),
    Bubble(String),
    Wire(u64),
    Typing(Option<String>),
    Session(Option<String>),
    Faults,
    Endpoint,
}

impl History {
    /// Tells a line. People, bubbles and exchanges keep their place; of the rest only the latest counts.
    pub(super) fn tell(&mut self, line: Line) {
        self.moment += 1;
        let (key, keeps_place) = match &line {
            Line::Person(person) => (Some(Key::Person(person.id.clone())), true),
            Line::Bubble(bubble) => (Some(Key::Bubble(bubble.id.clone())), true),
            Line::Wire(exchange) => (Some(Key::Wire(exchange.id)), true),
            Line::Typing { person, .. } => (Some(Key::Typing(person.clone())), false),
            Line::Session { person, .. } => (Some(Key::Session(person.clone())), false),
            Line::Faults { .. } => (Some(Key::Faults), false),
            Line::Endpoint { .. } => (Some(Key::Endpoint), false),
            Line::Problem { .. } => (None, false),
        };
        let earlier = key.as_ref().and_then(|key| self.places.get(key).copied());
        let place = earlier.filter(|_| keeps_place).unwrap_or(self.moment);
        if let Some(earlier) = earlier
            && earlier != place
        {
            self.entries.remove(&earlier);
        }
        if earlier.is_none() && matches!(line, Line::Wire(_)) {
            self.exchanges.push_back(place);
        }
        if let Some(key) = key {
            self.places.insert(key, place);
        }
        self.entries.insert(place, Entry { changed: self.moment, line });
        if self.exchanges.len() > MAX_EXCHANGES
            && let Some(oldest) = self.exchanges.pop_front()
            && let Some(Entry { line: Line::Wire(exchange), .. }) = self.entries.remove(&oldest)
        {
            self.places.remove(&Key::Wire(exchange.id));
        }
    }

    /// All lines that changed after this moment, and the moment now.
    pub(super) fn since(&self, moment: u64) -> (Vec<Line>, u64) {
        let news = self.entries.values().filter(|entry| entry.changed > moment);
        (news.map(|entry| entry.line.clone()).collect(), self.moment)
    }

    pub(super) fn bubble(&self, id: &str) -> Option<&Bubble> {
        let place = self.places.get(&Key::Bubble(id.to_owned()))?;
        if let Line::Bubble(bubble) = &self.entries.get(place)?.line { Some(bubble) } else { None }
    }

    /// What people said, the newest first.
    pub(super) fn said(&self) -> impl Iterator<Item = &Bubble> {
        self.bubbles().rev().filter(|bubble| bubble.from == Side::Person)
    }

    /// The messages of the business that this person has got and not seen.
    pub(super) fn arrived(&self, person: &str) -> Vec<String> {
        let unseen = self.bubbles().filter(|bubble| {
            bubble.person == person
                && bubble.from == Side::Business
                && bubble.status < Tick::Read
                && bubble.kind != "reaction"
        });
        unseen.map(|bubble| bubble.id.clone()).collect()
    }

    fn bubbles(&self) -> impl DoubleEndedIterator<Item = &Bubble> {
        self.entries
            .values()
            .filter_map(|entry| if let Line::Bubble(bubble) = &entry.line { Some(&**bubble) } else { None })
    }

    /// Changes a bubble, if there is one with this id.
    pub(super) fn change_bubble(&mut self, id: &str, change: impl FnOnce(&mut Bubble)) {
        if let Some(mut bubble) = self.bubble(id).cloned() {
            change(&mut bubble);
            self.tell(Line::Bubble(Box::new(bubble)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::simulator::exchanges::{Exchange, Kind};

    fn exchange(id: u64) -> Line {
        Line::Wire(Box::new(Exchange::new(id, Kind::Graph, "GET", "/", &json!({}), b"")))
    }

    fn typing(on: bool) -> Line {
        Line::Typing { person: None, on }
    }

    #[test]
    fn what_is_told_again_keeps_its_place_and_is_news() {
        let mut history = History::default();
        for line in [exchange(1), typing(true), exchange(2), exchange(1), typing(false)] {
            history.tell(line);
        }
        let (lines, moment) = history.since(0);
        assert_eq!(lines.iter().map(Line::event).collect::<Vec<_>>(), ["wire", "wire", "typing"]);
        assert!(matches!(&lines[0], Line::Wire(exchange) if exchange.id == 1) && history.since(moment).0.is_empty());
        assert_eq!(history.since(3).0.len(), 2, "the first exchange, and that nobody types");
    }

    #[test]
    fn only_the_newest_exchanges_are_kept() {
        let mut history = History::default();
        for id in (0..).take(MAX_EXCHANGES + 10) {
            history.tell(exchange(id));
        }
        let (lines, _) = history.since(0);
        assert!(lines.len() == MAX_EXCHANGES && matches!(&lines[0], Line::Wire(exchange) if exchange.id == 10));
        assert_eq!(history.places.len(), MAX_EXCHANGES);
    }
}
