//! What the phones show: messages with their ticks and reactions, typing, and problems.

mod reply;
pub(super) mod user_action;

use serde_json::Value;

use super::{
    Simulator, clock,
    feed::{Bubble, FeedEvent, Reaction, Side, TapKind, Tick},
    history::History,
    status::{Status, sent::title},
};

impl Bubble {
    fn new(id: &str, person: &str, from: Side, message: &Value) -> Self {
        Self {
            id: id.to_owned(),
            person: person.to_owned(),
            from,
            kind: message["type"].as_str().unwrap_or_default().to_owned(),
            message: message.clone(),
            text: None,
            buttons: Vec::new(),
            tapped: None,
            quoted: None,
            reactions: Vec::new(),
            status: Tick::Accepted,
            reason: None,
            at: clock::now(),
        }
    }
}

impl Simulator {
    /// Returns the whole feed, in order.
    #[must_use]
    pub fn feed(&self) -> Vec<FeedEvent> {
        self.state().history.since(0).0
    }

    /// Returns the bubble of a message.
    #[must_use]
    pub fn bubble(&self, id: &str) -> Option<Bubble> {
        self.state().history.bubble(id).cloned()
    }

    /// Waits until `found` finds something in the feed.
    pub async fn wait_to_see<T>(&self, mut found: impl FnMut(&[FeedEvent]) -> Option<T>) -> T {
        self.wait_until(|| found(&self.feed())).await
    }
}

impl History {
    /// Shows a message of the business. A reaction is shown on its bubble, if there is one.
    pub(super) fn show_reply(&mut self, id: &str, person: &str, message: &Value) {
        self.record(FeedEvent::Typing { person: Some(person.to_owned()), on: false });
        let reaction = &message["reaction"];
        if let (Some(on), Some(emoji)) = (reaction["message_id"].as_str(), reaction["emoji"].as_str())
            && self.bubble(on).is_some()
        {
            self.show_reaction(on, Side::Business, emoji);
            return;
        }
        let mut bubble = Bubble::new(id, person, Side::Business, message);
        bubble.text = Some(reply::as_text(message));
        bubble.buttons = reply::buttons(message);
        bubble.quoted = message["context"]["message_id"].as_str().map(str::to_owned);
        self.record(FeedEvent::Bubble(Box::new(bubble)));
    }

    /// Shows a message of the person.
    pub(super) fn show_message(&mut self, id: &str, person: &str, message: &Value) {
        let mut bubble = Bubble::new(id, person, Side::Person, message);
        bubble.text = Some(user_action::as_text(message));
        bubble.quoted = message["context"]["id"].as_str().map(str::to_owned);
        bubble.status = Tick::Sent;
        self.record(FeedEvent::Bubble(Box::new(bubble)));
    }

    /// Returns the kind of message that a tap on this button produces.
    pub(super) fn tap_kind(&self, message_id: &str, button_id: &str) -> TapKind {
        let bubble = self.bubble(message_id);
        let button = bubble.into_iter().flat_map(|bubble| &bubble.buttons).find(|button| button.id == button_id);
        button.map_or(TapKind::Button, |button| button.tap.clone())
    }

    /// Shows which button of a bubble was tapped.
    pub(super) fn show_tap(&mut self, message_id: &str, button_id: &str) {
        self.change_bubble(message_id, |bubble| bubble.tapped = Some(button_id.to_owned()));
    }

    /// Shows an emoji on a bubble, or removes it if the emoji is empty.
    pub(super) fn show_reaction(&mut self, message_id: &str, from: Side, emoji: &str) {
        self.change_bubble(message_id, |bubble| {
            bubble.reactions.retain(|reaction| reaction.from != from);
            if !emoji.is_empty() {
                bubble.reactions.push(Reaction { from, emoji: emoji.to_owned() });
            }
        });
    }

    /// Shows the delivery state of a message. Ticks never go back, and a message that arrived does not fail.
    pub(super) fn show_tick(&mut self, message_id: &str, tick: Tick, reason: Option<String>) {
        let Some(bubble) = self.bubble(message_id) else { return };
        let is_newer = if tick == Tick::Failed { bubble.status < Tick::Delivered } else { tick > bubble.status };
        if is_newer {
            self.change_bubble(message_id, |bubble| {
                bubble.status = tick;
                bubble.reason = reason;
            });
        }
    }

    /// Shows whether a message of a person has reached the endpoint; messages of the business have statuses instead.
    pub(super) fn show_arrival(&mut self, message_id: &str, tick: Tick, reason: Option<&str>) {
        if self.bubble(message_id).is_some_and(|bubble| bubble.from == Side::Person) {
            self.show_tick(message_id, tick, reason.map(str::to_owned));
        }
    }

    /// Shows a status.
    pub(super) fn show_status(&mut self, message_id: &str, status: Status) {
        let (tick, reason) = match status {
            Status::Sent => (Tick::Sent, None),
            Status::Delivered => (Tick::Delivered, None),
            Status::Read => (Tick::Read, None),
            Status::Played => (Tick::Played, None),
            Status::Failed(code) => (Tick::Failed, Some(format!("{code} {}", title(code)))),
        };
        self.show_tick(message_id, tick, reason);
    }

    pub(super) fn show_problem(&mut self, person: Option<String>, text: String) {
        self.record(FeedEvent::Typing { person: person.clone(), on: false });
        self.record(FeedEvent::Problem { person, text, at: clock::now() });
    }
}
