//! What a task ends in: what is to be said, and what is to be remembered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Output, Reply};

/// What a task ends in. Most often it is what an agent answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// What the agent says, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Replies that fit the channel already, in order; an agent has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Reply>,
    /// What the agent wants to be told with the next message of the session; `None`: the same as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Value>,
    /// Whether the session is over with this answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ends_session: bool,
    /// Why a human should take over, if one should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
    /// Whether the agent answers later, by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_deferred: bool,
}

impl From<Vec<Output>> for Answer {
    fn from(outputs: Vec<Output>) -> Self {
        Self { outputs, ..Self::default() }
    }
}

impl Answer {
    /// Nothing but replies that fit the channel already.
    #[must_use]
    pub fn of_replies(replies: Vec<Reply>) -> Self {
        Self { replies, ..Self::default() }
    }
}
