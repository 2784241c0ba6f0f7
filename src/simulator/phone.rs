//! What the phones show: people, bubbles, ticks, typing, and what went over the wire.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Simulator, State, exchanges::Exchange, faults::Shown, people::Person, status::Status};

mod reply;
pub(super) mod user_action;

/// One thing that the page is told. A line is also an event of the page's stream.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// Somebody who writes to the number.
    Person(Person),
    /// Something was said; a later bubble with the same id replaces it.
    Bubble(Box<Bubble>),
    /// The business is writing, or stopped.
    Typing {
        /// To whom; `None`: to somebody unknown.
        person: Option<String>,
        /// Whether it is.
        on: bool,
    },
    /// One exchange; a later one with the same id replaces it.
    Wire(Box<Exchange>),
    /// What the endpoint remembers of a conversation.
    Session {
        /// With whom.
        person: Option<String>,
        /// What; `None`: nothing.
        state: Option<Value>,
        /// When we looked.
        at: Timestamp,
    },
    /// Everything that can go wrong, and whether it will.
    Faults {
        /// In the order of the panel.
        faults: Vec<Shown>,
    },
    /// What is connected.
    Endpoint {
        /// Where webhooks go.
        url: Option<String>,
        /// What answers there, in a word.
        agent: Option<String>,
        /// The number of the business.
        number: &'static str,
    },
    /// Something went wrong.
    Problem {
        /// In whose conversation.
        person: Option<String>,
        /// What, and what follows.
        text: String,
        /// When.
        at: Timestamp,
    },
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one who holds the phone.
    Person,
    /// The number.
    Business,
}

/// What became of a bubble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tick {
    /// Meta has it from the business.
    Accepted,
    /// It left.
    Sent,
    /// It arrived.
    Delivered,
    /// It was seen.
    Read,
    /// It was listened to.
    Played,
    /// It did not arrive.
    Failed,
}

/// Something that was said.
#[derive(Debug, Clone, Serialize)]
pub struct Bubble {
    /// The wamid.
    pub id: String,
    /// In whose conversation.
    pub person: String,
    /// Who said it.
    pub from: Side,
    /// The type of the message.
    #[serde(rename = "type")]
    pub kind: String,
    /// The message as Meta writes it.
    pub message: Value,
    /// The words.
    pub text: Option<String>,
    /// Everything that can be tapped.
    pub buttons: Vec<Button>,
    /// Id of what was tapped last.
    pub tapped: Option<String>,
    /// The message to which this is the answer.
    pub quoted: Option<String>,
    /// One of each side at most.
    pub reactions: Vec<Reaction>,
    /// What became of it.
    pub status: Tick,
    /// Why it failed.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// An emoji on a bubble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// Whose.
    pub from: Side,
    /// Which.
    pub emoji: String,
}

/// What can be tapped.
#[derive(Debug, Clone, Serialize)]
pub struct Button {
    /// What comes back.
    pub id: String,
    /// The words on it.
    pub title: String,
    /// As what it comes back.
    #[serde(skip)]
    pub(super) answer: Answer,
}

/// The kind of the message that a tap makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A reply button, also one of a carousel's card.
    Button,
    /// A row of a list.
    Row { description: Option<String> },
    /// A quick reply of a template.
    Template,
}

impl Line {
    /// The name of the event on the page's stream.
    pub(super) fn event(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Bubble(_) => "bubble",
            Self::Typing { .. } => "typing",
            Self::Wire(_) => "wire",
            Self::Session { .. } => "session",
            Self::Faults { .. } => "faults",
            Self::Endpoint { .. } => "endpoint",
            Self::Problem { .. } => "problem",
        }
    }
}

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
            at: super::now(),
        }
    }
}

impl Simulator {
    /// Everything that the phones show, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.state().history.since(0).0
    }

    /// What is shown of a message.
    #[must_use]
    pub fn bubble(&self, id: &str) -> Option<Bubble> {
        self.state().history.bubble(id).cloned()
    }

    /// Waits until `found` finds something in what the phones show.
    pub async fn wait_to_see<T>(&self, mut found: impl FnMut(&[Line]) -> Option<T>) -> T {
        let mut changes = self.0.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(result) = found(&self.lines()) {
                return result;
            }
            // The sender lives as long as we do.
            let _always_open = changes.changed().await;
        }
    }
}

impl State {
    /// Shows a message of the business. A reaction is shown on the bubble that it is for, where there is one.
    pub(super) fn show_reply(&mut self, id: &str, person: &str, message: &Value) {
        self.history.tell(Line::Typing { person: Some(person.to_owned()), on: false });
        let reaction = &message["reaction"];
        if let (Some(on), Some(emoji)) = (reaction["message_id"].as_str(), reaction["emoji"].as_str())
            && self.history.bubble(on).is_some()
        {
            self.show_reaction(on, Side::Business, emoji);
            return;
        }
        let mut bubble = Bubble::new(id, person, Side::Business, message);
        bubble.text = Some(reply::words(message));
        bubble.buttons = reply::buttons(message);
        bubble.quoted = message["context"]["message_id"].as_str().map(str::to_owned);
        self.history.tell(Line::Bubble(Box::new(bubble)));
    }

    /// Shows a message of the person.
    pub(super) fn show_message(&mut self, id: &str, person: &str, message: &Value) {
        let mut bubble = Bubble::new(id, person, Side::Person, message);
        bubble.text = Some(user_action::words(message));
        bubble.quoted = message["context"]["id"].as_str().map(str::to_owned);
        bubble.status = Tick::Sent;
        self.history.tell(Line::Bubble(Box::new(bubble)));
    }

    /// As what a tap on this button comes back.
    pub(super) fn answer_of(&self, message_id: &str, button_id: &str) -> Answer {
        let bubble = self.history.bubble(message_id);
        let button = bubble.into_iter().flat_map(|bubble| &bubble.buttons).find(|button| button.id == button_id);
        button.map_or(Answer::Button, |button| button.answer.clone())
    }

    /// Shows which button of a bubble was tapped.
    pub(super) fn show_tap(&mut self, message_id: &str, button_id: &str) {
        self.history.change_bubble(message_id, |bubble| bubble.tapped = Some(button_id.to_owned()));
    }

    /// Shows an emoji on a bubble, or none any more.
    pub(super) fn show_reaction(&mut self, message_id: &str, from: Side, emoji: &str) {
        self.history.change_bubble(message_id, |bubble| {
            bubble.reactions.retain(|reaction| reaction.from != from);
            if !emoji.is_empty() {
                bubble.reactions.push(Reaction { from, emoji: emoji.to_owned() });
            }
        });
    }

    /// Shows what became of a message; ticks never go back, and what arrived has not failed.
    pub(super) fn show_tick(&mut self, message_id: &str, tick: Tick, reason: Option<String>) {
        let Some(bubble) = self.history.bubble(message_id) else { return };
        let is_newer = if tick == Tick::Failed { bubble.status < Tick::Delivered } else { tick > bubble.status };
        if is_newer {
            self.history.change_bubble(message_id, |bubble| {
                bubble.status = tick;
                bubble.reason = reason;
            });
        }
    }

    /// Shows whether a message of a person has reached the endpoint; of the business's own, statuses tell.
    pub(super) fn show_arrival(&mut self, message_id: &str, tick: Tick, reason: Option<&str>) {
        if self.history.bubble(message_id).is_some_and(|bubble| bubble.from == Side::Person) {
            self.show_tick(message_id, tick, reason.map(str::to_owned));
        }
    }

    /// Shows what a status tells.
    pub(super) fn show_status(&mut self, message_id: &str, status: Status) {
        let (tick, reason) = match status {
            Status::Sent => (Tick::Sent, None),
            Status::Delivered => (Tick::Delivered, None),
            Status::Read => (Tick::Read, None),
            Status::Played => (Tick::Played, None),
            Status::Failed(code) => (Tick::Failed, Some(format!("{code} {}", super::status::title(code)))),
        };
        self.show_tick(message_id, tick, reason);
    }

    pub(super) fn show_problem(&mut self, person: Option<String>, text: String) {
        self.history.tell(Line::Typing { person: person.clone(), on: false });
        self.history.tell(Line::Problem { person, text, at: super::now() });
    }
}
