//! The result of a task: what to send, and what to remember.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Output, Reply};

/// The result of a task, most often an agent's answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// What the agent says, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Replies that already fit the channel, in order; an agent never gives any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Reply>,
    /// What the agent wants to get with the next message of the session; `None`: the same as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Value>,
    /// Whether this answer ends the session.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ends_session: bool,
    /// Why a human should take over, if one should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
    /// What the outputs were before they were read, if a flow gave them: for the operator's script.
    #[serde(skip)]
    pub flow: Vec<FlowOutput>,
    /// Whether the agent will answer later, on its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_deferred: bool,
}

/// An output as a flow gave it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlowOutput {
    /// Its text, or several.
    pub text: Value,
    /// Its data.
    pub data: Value,
    /// Whether its words are in no log.
    pub is_private: bool,
    /// How many outputs were read of it.
    pub outputs: usize,
}

impl From<Vec<Output>> for Answer {
    fn from(outputs: Vec<Output>) -> Self {
        Self { outputs, ..Self::default() }
    }
}

impl Answer {
    /// Only replies that already fit the channel.
    #[must_use]
    pub fn of_replies(replies: Vec<Reply>) -> Self {
        Self { replies, ..Self::default() }
    }
}
