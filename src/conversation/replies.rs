//! Replies on their way, and those that are out.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Content, Output, Person, TurnId, Wamid};
use crate::json;

/// The replies of one job, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The turn they belong to.
    pub turn: TurnId,
    /// The channel's id of the message they answer.
    #[serde(default)]
    pub message_id: Wamid,
    /// Where they go.
    pub to: Person,
    /// The replies and how far each has come.
    pub replies: Vec<Reply>,
    /// The dead letter that goes out before them if the job is given up: as JSON, ready to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// Whether the person has not asked for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_notice: bool,
    /// Whether the replies say that no answer will come, or not yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_apology: bool,
}

/// One reply on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Its content, which fits into one message of the channel.
    #[serde(flatten)]
    pub output: Output,
    /// How far it has come.
    pub state: ReplyState,
    /// See [`SentReply::resends`].
    #[serde(default, skip_serializing_if = "json::is_zero")]
    pub resends: u32,
    /// Whether the person has not asked for it: once they have opted out, it is not sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unasked: bool,
}

impl From<Content> for Reply {
    fn from(content: Content) -> Self {
        Output::from(content).into()
    }
}

impl From<Output> for Reply {
    fn from(output: Output) -> Self {
        Self { output, state: ReplyState::Planned, resends: 0, is_unasked: false }
    }
}

/// How far a reply has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyState {
    /// No one has tried to send it.
    Planned,
    /// It was to be sent at this time; whether it went out is not known.
    Sending(Timestamp),
    /// The channel accepted it, under this id if it reported one.
    Sent(Option<Wamid>),
    /// The channel refused it for good.
    Refused,
}

impl ReplyState {
    /// Whether it is still to be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Planned | Self::Sending(_))
    }
}

/// Which reply of which turn; as text `<turn>:<place>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyId(String);

impl ReplyId {
    /// The reply at index `place` of the replies of `turn`.
    #[must_use]
    pub fn of(turn: &TurnId, place: usize) -> Self {
        Self(format!("{turn}:{place}"))
    }

    /// Whether both belong to the same turn.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        let turn = |id: &Self| id.0.rsplit_once(':').map(|(turn, _)| turn.to_owned());
        turn(self) == turn(other)
    }

    /// Parses a printed id.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for ReplyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pending {
    /// Whether this reply is in doubt: it may or may not be out.
    #[must_use]
    pub fn is_in_doubt(&self, reply: &ReplyId) -> bool {
        let mut replies = self.replies.iter().enumerate();
        replies.any(|(place, sent)| {
            matches!(sent.state, ReplyState::Sending(_)) && ReplyId::of(&self.turn, place) == *reply
        })
    }
}

/// A sent reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentReply {
    /// Which.
    pub id: ReplyId,
    /// Its content.
    #[serde(flatten)]
    pub output: Output,
    /// How often it was sent again because the channel reported a temporary fault.
    #[serde(default, skip_serializing_if = "json::is_zero")]
    pub resends: u32,
    /// See [`Reply::is_unasked`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unasked: bool,
}
