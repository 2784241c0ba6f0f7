//! The ids of turns and conversations, and the names of the other side.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 8 bytes that follow from the number and the message id; as text 16 hex digits.
///
/// 64 bits are enough to tell the jobs of one conversation apart, and a conversation remembers every one for days.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TurnId([u8; 8]);

/// A text that is no job's id.
#[derive(Debug, thiserror::Error)]
#[error("a turn's id has 16 hex digits")]
pub struct NoTurnId;

impl TurnId {
    /// The id of what came to `number` under `name`: for a message its [`Wamid`].
    #[must_use]
    pub fn of(number: &PhoneNumberId, name: &str) -> Self {
        Self(short_hash(&[number.as_str(), name]))
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

/// A text that the channel uses as an id. Two kinds of ids cannot be swapped.
macro_rules! id_of_the_channel {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as the channel writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it is the empty text, which is no id.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl<T: Into<String>> From<T> for $name {
            fn from(id: T) -> Self {
                Self(id.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id_of_the_channel! {
    /// The channel's id of one of our numbers.
    PhoneNumberId
}

id_of_the_channel! {
    /// The channel's id of a message.
    Wamid
}

/// Our number and the person or group it talks with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConversationId {
    /// Id of our number.
    pub number: PhoneNumberId,
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
        hex::encode(short_hash::<16>(&[self.number.as_str(), &self.user]))
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

impl Person {
    /// All lasting names of a person; a group has none.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        [&self.user_id, &self.phone].into_iter().flatten().filter(|_| self.group_id.is_none())
    }

    /// The most lasting name we have: it is the key of the conversation.
    #[must_use]
    pub fn stable_id(&self) -> Option<&String> {
        self.group_id.as_ref().or(self.user_id.as_ref()).or(self.phone.as_ref())
    }
}

pub(super) fn short_hash<const BYTES: usize>(parts: &[&str]) -> [u8; BYTES] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    std::array::from_fn(|place| hash[place])
}
