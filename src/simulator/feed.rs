//! The feed of the chat page: the plain data that every part of the simulator publishes.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// One entry of the feed, and one event of the page's stream.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum FeedEvent {
    /// A person who writes to the business.
    Person(Person),
    /// A message; a later bubble with the same id replaces it.
    Bubble(Box<Bubble>),
    /// The business started or stopped typing.
    Typing {
        /// Who sees it; `None`: an unknown person.
        person: Option<String>,
        /// Whether it is typing.
        on: bool,
    },
    /// An HTTP exchange; a later one with the same id replaces it.
    Wire(Box<Exchange>),
    /// What the endpoint remembers of a conversation.
    Session {
        /// The person of the conversation.
        person: Option<String>,
        /// The session; `None`: there is none.
        state: Option<Value>,
        /// When it was read.
        at: Timestamp,
    },
    /// All faults, and whether they are switched on.
    Faults {
        /// In the order of the panel.
        faults: Vec<FaultState>,
    },
    /// The connected endpoint.
    Endpoint {
        /// Where webhooks go.
        url: Option<String>,
        /// The agent behind it, in a word.
        agent: Option<String>,
        /// The phone number of the business.
        #[serde(rename = "number")]
        phone: &'static str,
    },
    /// An error to show to the person who uses the page.
    Problem {
        /// The person of the conversation.
        person: Option<String>,
        /// The error and what follows from it.
        text: String,
        /// When it happened.
        at: Timestamp,
    },
}

impl FeedEvent {
    /// The name of the event on the page's stream.
    pub(super) fn name(&self) -> &'static str {
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

/// A person who writes to the business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The id that the page and the tests use.
    pub id: String,
    /// The name that the person chose.
    pub name: String,
    /// The phone number, digits only; `None`: Meta does not show it.
    #[serde(rename = "number")]
    pub phone: Option<String>,
    /// The BSUID; `None`: as in webhooks from before April 2026.
    pub user_id: Option<String>,
    /// The handle.
    pub username: Option<String>,
    /// Until when the business may write freely; `None`: it may not.
    pub window_until: Option<Timestamp>,
    /// Whether the person wants no marketing messages.
    #[serde(rename = "marketing_stopped")]
    pub has_stopped_marketing: bool,
}

/// The sender of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The person with the phone.
    Person,
    /// The business.
    Business,
}

/// The delivery state of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tick {
    /// Meta accepted it from the business.
    Accepted,
    /// It left Meta.
    Sent,
    /// It arrived.
    Delivered,
    /// It was read.
    Read,
    /// The voice message was played.
    Played,
    /// It was not delivered.
    Failed,
}

/// A message on a phone.
#[derive(Debug, Clone, Serialize)]
pub struct Bubble {
    /// The wamid.
    pub id: String,
    /// The person of the conversation.
    pub person: String,
    /// The sender.
    pub from: Side,
    /// The type of the message.
    #[serde(rename = "type")]
    pub kind: String,
    /// The message as Meta writes it.
    pub message: Value,
    /// The message as text.
    pub text: Option<String>,
    /// Everything that can be tapped.
    pub buttons: Vec<Button>,
    /// Id of the last tapped button.
    pub tapped: Option<String>,
    /// Id of the message that this one replies to.
    pub quoted: Option<String>,
    /// At most one from each side.
    pub reactions: Vec<Reaction>,
    /// The delivery state.
    pub status: Tick,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was sent.
    pub at: Timestamp,
}

/// An emoji on a bubble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The sender.
    pub from: Side,
    /// The emoji.
    pub emoji: String,
}

/// A button or row that can be tapped.
#[derive(Debug, Clone, Serialize)]
pub struct Button {
    /// The id that comes back with a tap.
    pub id: String,
    /// The label.
    pub title: String,
    /// The kind of message that a tap produces.
    #[serde(skip)]
    pub(super) tap: TapKind,
}

/// The kind of message that a tap produces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TapKind {
    /// A reply button, also one of a carousel's card.
    Button,
    /// A row of a list.
    Row { description: Option<String> },
    /// A quick reply of a template.
    Template,
}

/// The kind of an HTTP exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A webhook with a message, to the endpoint.
    Webhook,
    /// A webhook with a status, to the endpoint.
    Status,
    /// A call of the endpoint to Meta.
    Graph,
    /// A question of the endpoint to the agent.
    Agent,
    /// A call of another system to the endpoint.
    Call,
}

/// An HTTP request and its response.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    /// Counts the exchanges.
    pub id: u64,
    /// The person of the conversation.
    pub person: Option<String>,
    /// Id of the message that it belongs to.
    pub message: Option<String>,
    /// The kind.
    pub kind: Kind,
    /// Method and URL.
    pub title: String,
    /// `method`, `url`, `headers`, `body`; no tokens.
    pub request: Value,
    /// `status`, `headers`, `body`; `None`: there is none yet, or never.
    pub response: Option<Value>,
    /// Why there is no response, or only half of one.
    pub error: Option<String>,
    /// Milliseconds until the response.
    pub took_ms: Option<u64>,
    /// When it began.
    pub at: Timestamp,
}

/// What a fault acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// What Graph returns to a send.
    Sends,
    /// Webhooks.
    Webhooks,
    /// Files.
    Media,
    /// Rules of the real Meta.
    Rules,
}

/// A fault as the page's panel shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultState {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) help: &'static str,
    pub(super) group: Group,
    /// How many more times it strikes; `None`: until it is switched off.
    pub(super) times: Option<usize>,
    pub(super) value: Option<u32>,
    pub(super) unit: Option<&'static str>,
}

impl FaultState {
    /// Returns its name, if it is to strike a limited number of times and has not.
    #[must_use]
    pub fn not_struck(&self) -> Option<&'static str> {
        self.times.is_some_and(|times| times > 0).then_some(self.name)
    }
}
