//! A job: one task, the conversation it belongs to, and its id.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Task;
use crate::json;

/// One task for one conversation. As JSON it is also the body of a record in the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The same for every repeat of the same message.
    pub id: TurnId,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// What is to be done.
    pub task: Task,
    /// How often it was redriven from the dead-letter queue; 0 if it was never given up.
    #[serde(default, skip_serializing_if = "json::is_zero")]
    pub redrives: u32,
}

/// 8 bytes that follow from the number and the message id; as text 16 hex digits.
///
/// 64 bits are enough to distinguish the jobs of one conversation, and a conversation remembers each of them for days.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TurnId([u8; 8]);

/// A text that is not the id of a turn.
#[derive(Debug, thiserror::Error)]
#[error("a turn's id has 16 hex digits")]
pub struct NoTurnId;

impl Job {
    /// The id under which the conversation knows the job: its failures, its replies, and that it is done.
    ///
    /// Each redrive has its own id, because the job is already marked as done: it was given up. A repeat of the redrive still
    /// changes nothing.
    #[must_use]
    pub fn own_id(&self) -> TurnId {
        match self.redrives {
            0 => self.id.clone(),
            redrives => TurnId(short_hash(&[&self.id.to_string(), &format!("redrive {redrives}")])),
        }
    }
}

impl TurnId {
    /// The id of the message `message_id` that came to `number`.
    #[must_use]
    pub fn of(number: &str, message_id: &str) -> Self {
        Self(short_hash(&[number, message_id]))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl From<[u8; 8]> for TurnId {
    fn from(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl FromStr for TurnId {
    type Err = NoTurnId;

    fn from_str(digits: &str) -> Result<Self, NoTurnId> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| NoTurnId)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for TurnId {
    type Error = NoTurnId;

    fn try_from(digits: String) -> Result<Self, NoTurnId> {
        digits.parse()
    }
}

impl From<TurnId> for String {
    fn from(id: TurnId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// Our number and the person or group it talks with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConversationId {
    /// Id of our number.
    pub number: String,
    /// The most stable name that we have for the other side.
    pub user: String,
}

impl ConversationId {
    /// The key of the conversation's item.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}#{}", self.number, self.user)
    }

    /// 32 hex digits that represent the conversation in queues and logs, where its key is too long or reveals too much.
    #[must_use]
    pub fn group(&self) -> String {
        hex::encode(short_hash::<16>(&[&self.number, &self.user]))
    }
}

/// The other side of a conversation, with all names that we know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// Phone number, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The channel's own id of the person, for people who hide their phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The group in which the person wrote; answers go there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The name the person chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The handle the person chose; it may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

impl Person {
    /// The most stable name that we have: it is the key of the conversation.
    #[must_use]
    pub fn stable_id(&self) -> Option<&String> {
        self.group_id.as_ref().or(self.user_id.as_ref()).or(self.phone.as_ref())
    }
}

fn short_hash<const BYTES: usize>(parts: &[&str]) -> [u8; BYTES] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    std::array::from_fn(|place| hash[place])
}
