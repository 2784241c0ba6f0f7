//! The feed so far, in the order in which its entries began; a later event about the same thing replaces the earlier one.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::feed::{Bubble, FeedEvent, Side, Tick};

/// Exchanges that are kept; older ones are dropped, because a load run makes very many.
const MAX_EXCHANGES: usize = 2_000;

/// The events, each with the moment of its last change.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: BTreeMap<u64, Entry>,
    places: HashMap<Key, u64>,
    exchanges: VecDeque<u64>,
    /// The id of the newest exchange.
    last_exchange: u64,
    /// Counts the changes.
    moment: u64,
}

#[derive(Debug)]
struct Entry {
    changed: u64,
    event: FeedEvent,
}

/// What an event is about.
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
    /// Adds an event. People, bubbles and exchanges keep their place; of the rest only the latest is kept.
    pub(super) fn record(&mut self, event: FeedEvent) {
        self.moment += 1;
        let (key, keeps_place) = match &event {
            FeedEvent::Person(person) => (Some(Key::Person(person.id.clone())), true),
            FeedEvent::Bubble(bubble) => (Some(Key::Bubble(bubble.id.clone())), true),
            FeedEvent::Wire(exchange) => (Some(Key::Wire(exchange.id)), true),
            FeedEvent::Typing { person, .. } => (Some(Key::Typing(person.clone())), false),
            FeedEvent::Session { person, .. } => (Some(Key::Session(person.clone())), false),
            FeedEvent::Faults { .. } => (Some(Key::Faults), false),
            FeedEvent::Endpoint { .. } => (Some(Key::Endpoint), false),
            FeedEvent::Problem { .. } => (None, false),
        };
        let earlier = key.as_ref().and_then(|key| self.places.get(key).copied());
        let place = earlier.filter(|_| keeps_place).unwrap_or(self.moment);
        if let Some(earlier) = earlier
            && earlier != place
        {
            self.entries.remove(&earlier);
        }
        if earlier.is_none() && matches!(event, FeedEvent::Wire(_)) {
            self.exchanges.push_back(place);
        }
        if let Some(key) = key {
            self.places.insert(key, place);
        }
        self.entries.insert(place, Entry { changed: self.moment, event });
        if self.exchanges.len() > MAX_EXCHANGES
            && let Some(oldest) = self.exchanges.pop_front()
            && let Some(Entry { event: FeedEvent::Wire(exchange), .. }) = self.entries.remove(&oldest)
        {
            self.places.remove(&Key::Wire(exchange.id));
        }
    }

    /// Returns the id for the next exchange.
    pub(super) fn next_exchange(&mut self) -> u64 {
        self.last_exchange += 1;
        self.last_exchange
    }

    /// Returns all events that changed after this moment, and the moment now.
    pub(super) fn since(&self, moment: u64) -> (Vec<FeedEvent>, u64) {
        let news = self.entries.values().filter(|entry| entry.changed > moment);
        (news.map(|entry| entry.event.clone()).collect(), self.moment)
    }

    pub(super) fn bubble(&self, id: &str) -> Option<&Bubble> {
        let place = self.places.get(&Key::Bubble(id.to_owned()))?;
        if let FeedEvent::Bubble(bubble) = &self.entries.get(place)?.event { Some(bubble) } else { None }
    }

    /// Returns the messages of people, the newest first.
    pub(super) fn messages_of_people(&self) -> impl Iterator<Item = &Bubble> {
        self.bubbles().rev().filter(|bubble| bubble.from == Side::Person)
    }

    /// Returns the messages of the business that this person has received and not read.
    pub(super) fn unread(&self, person: &str) -> Vec<String> {
        let unread = self.bubbles().filter(|bubble| {
            bubble.person == person
                && bubble.from == Side::Business
                && bubble.status < Tick::Read
                && bubble.kind != "reaction"
        });
        unread.map(|bubble| bubble.id.clone()).collect()
    }

    fn bubbles(&self) -> impl DoubleEndedIterator<Item = &Bubble> {
        self.entries
            .values()
            .filter_map(|entry| if let FeedEvent::Bubble(bubble) = &entry.event { Some(&**bubble) } else { None })
    }

    /// Changes the bubble with this id, if there is one.
    pub(super) fn change_bubble(&mut self, id: &str, change: impl FnOnce(&mut Bubble)) {
        if let Some(mut bubble) = self.bubble(id).cloned() {
            change(&mut bubble);
            self.record(FeedEvent::Bubble(Box::new(bubble)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::simulator::feed::{Exchange, Kind};

    fn exchange(id: u64) -> FeedEvent {
        FeedEvent::Wire(Box::new(Exchange::new(id, Kind::Graph, "GET", "/", &json!({}), b"")))
    }

    fn typing(on: bool) -> FeedEvent {
        FeedEvent::Typing { person: None, on }
    }

    #[test]
    fn what_is_told_again_keeps_its_place_and_is_news() {
        let mut history = History::default();
        for event in [exchange(1), typing(true), exchange(2), exchange(1), typing(false)] {
            history.record(event);
        }
        let (events, moment) = history.since(0);
        assert_eq!(events.iter().map(FeedEvent::name).collect::<Vec<_>>(), ["wire", "wire", "typing"]);
        assert!(
            matches!(&events[0], FeedEvent::Wire(exchange) if exchange.id == 1) && history.since(moment).0.is_empty()
        );
        assert_eq!(history.since(3).0.len(), 2, "the first exchange, and that the business stopped typing");
    }

    #[test]
    fn only_the_newest_exchanges_are_kept() {
        let mut history = History::default();
        for id in (0..).take(MAX_EXCHANGES + 10) {
            history.record(exchange(id));
        }
        let (events, _) = history.since(0);
        assert!(events.len() == MAX_EXCHANGES && matches!(&events[0], FeedEvent::Wire(exchange) if exchange.id == 10));
        assert_eq!(history.places.len(), MAX_EXCHANGES);
    }
}
