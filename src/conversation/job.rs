//! A job: one thing that is asked of us, by whom, and where the answer belongs.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Message, Output, ReplyId};

/// One thing that is asked of us. As JSON it is also the body of a record in the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The same for every repeat of the same message.
    pub id: JobId,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// Who asks.
    pub person: Person,
    /// What the person said.
    pub message: Message,
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Errand::is_answer")]
    pub errand: Errand,
}

/// What a job asks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// To answer the message.
    #[default]
    Answer,
    /// To let the conversation go on under the names that the message tells.
    Rename(NewNames),
    /// To send something in the place of a reply with a file that the channel could not fetch.
    Replace(ReplyId),
    /// To say what the agent has answered after its turn.
    Say(Later),
}

/// What an agent has answered after its turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Later {
    /// The session of the turn: another one is not touched.
    pub session: Uuid,
    /// What it says, in order.
    pub outputs: Vec<Output>,
    /// What it wants to be told with the next message of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Value>,
    /// Whether the session is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_session: bool,
    /// Why a human should take over, if one should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
}

/// The other side goes by other names from now on; what we know of it moves along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewNames {
    /// The new names; those that are not in it are gone.
    pub person: Person,
    /// Whether the agent is to hear of it.
    pub is_told: bool,
}

/// 16 hex digits that follow from the number and the message id.
///
/// 64 bits are enough to tell the jobs of one conversation apart, and a conversation remembers every one for days.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// The id of the message `message_id` that came to `number`.
    #[must_use]
    pub fn of(number: &str, message_id: &str) -> Self {
        Self(short_hash(&[number, message_id], 8))
    }

    /// An id that a store kept.
    #[must_use]
    pub fn stored(digits: &str) -> Self {
        Self(digits.to_owned())
    }

    /// Whether it looks like one of ours; a foreign text may not.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.0.len() == 16 && self.0.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Our number and the person or group it talks with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConversationId {
    /// Id of our number.
    pub number: String,
    /// The most lasting name we have for the other side.
    pub user: String,
}

impl ConversationId {
    /// The key of the conversation's item.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}#{}", self.number, self.user)
    }

    /// 32 hex digits that stand for the conversation where its key is too long or tells too much: queues and logs.
    #[must_use]
    pub fn group(&self) -> String {
        short_hash(&[&self.number, &self.user], 16)
    }
}

/// The other side of a conversation, by all the names we know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// Phone number, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The channel's own id of the person, for people who do not show a phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The group in which the person spoke; answers go there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The name the person chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The handle the person chose; it may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

impl Errand {
    fn is_answer(&self) -> bool {
        *self == Self::Answer
    }
}

impl Person {
    /// The most lasting name we have: it is the key of the conversation.
    #[must_use]
    pub fn lasting_name(&self) -> Option<&String> {
        self.group_id.as_ref().or(self.user_id.as_ref()).or(self.phone.as_ref())
    }
}

fn short_hash(parts: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..bytes])
}
