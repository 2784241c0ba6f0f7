//! Replies on their way, and those that are out.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Content, Output, Person, TurnId};
use crate::json;

/// The replies of one job, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The job they answer.
    pub job: TurnId,
    /// The channel's id of the message they answer.
    #[serde(default)]
    pub message_id: String,
    /// Where they go.
    pub to: Person,
    /// The replies and how far each has come.
    pub replies: Vec<Reply>,
    /// The dead letter that goes out before them if the job is given up: as JSON, ready to be sent.
    #[serde(rename = "letter", default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
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
}

impl From<Content> for Reply {
    fn from(content: Content) -> Self {
        Output::from(content).into()
    }
}

impl From<Output> for Reply {
    fn from(output: Output) -> Self {
        Self { output, state: ReplyState::Planned, resends: 0 }
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
    Sent(Option<String>),
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

/// Which reply of which job; as text `<job>:<place>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyId(String);

impl ReplyId {
    /// The reply at index `place` of the replies of `job`.
    #[must_use]
    pub fn of(job: &TurnId, place: usize) -> Self {
        Self(format!("{job}:{place}"))
    }

    /// Whether both belong to the same job.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        let job = |id: &Self| id.0.rsplit_once(':').map(|(job, _)| job.to_owned());
        job(self) == job(other)
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
            matches!(sent.state, ReplyState::Sending(_)) && ReplyId::of(&self.job, place) == *reply
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
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_dead_letter_of_a_stored_outbox_is_read_and_written_under_its_name() {
        let job = serde_json::to_value(TurnId::of("1", "wamid.A")).expect("JSON");
        let mut stored = json!({ "job": job, "to": Person::default(), "replies": [], "letter": "{}" });
        let pending: Pending = serde_json::from_value(stored.clone()).expect("an outbox");
        assert_eq!(pending.dead_letter.as_deref(), Some("{}"));
        stored["message_id"] = json!("");
        assert_eq!(json!(pending), stored);
    }
}
