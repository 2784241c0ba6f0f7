//! Session storages: a JSON object for each pair of a user id and a session id.
//!
//! The caller owns them. A run opens what it needs, and its changes count when it has ended well.

use serde_json::{Map, Value};

use super::returns::MAX_ID_CHARS;

/// Most bytes of the storages of the conversation together, as JSON. They are in its item, where each KB is a write unit.
pub const MAX_OWN_BYTES: usize = 32 * 1024;
/// Most bytes of the storage of another pair, which has an item of its own.
pub const MAX_OTHER_BYTES: usize = 64 * 1024;

/// The ids under which a storage is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoragePair {
    /// The user id.
    pub user_id: String,
    /// The session id.
    pub session_id: String,
}

impl StoragePair {
    /// Reads `["user", "session"]`.
    pub(super) fn read(json: &str) -> Option<Self> {
        let [user_id, session_id]: [String; 2] = serde_json::from_str(json).ok()?;
        let fits = |id: &String| id.chars().count() <= MAX_ID_CHARS;
        (fits(&user_id) && fits(&session_id)).then_some(Self { user_id, session_id })
    }
}

/// A storage that is known in this turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// Its ids.
    pub pair: StoragePair,
    /// Its content.
    pub content: Map<String, Value>,
    /// Whether it belongs to the conversation, in whose item it is kept.
    pub is_own: bool,
    /// Whether a hook has changed it.
    pub is_changed: bool,
}

/// A change of a storage that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StorageRefusal {
    /// It cannot be written as a JSON object.
    #[error("a session storage is no longer a JSON object")]
    NoObject,
    /// It is too large.
    #[error("a session storage has {bytes} bytes, and {max} are kept")]
    TooLarge {
        /// Its size, for own storages that of all of them.
        bytes: usize,
        /// Most bytes.
        max: usize,
    },
}

/// The storages of a turn.
#[derive(Debug, Default)]
pub(super) struct Storages(Vec<Storage>);

impl Storages {
    pub(super) fn new(own: Vec<(StoragePair, Map<String, Value>)>) -> Self {
        let own = own.into_iter();
        Self(own.map(|(pair, content)| Storage { pair, content, is_own: true, is_changed: false }).collect())
    }

    /// The content of a storage that is known, as JSON.
    pub(super) fn content(&self, pair: &StoragePair) -> Option<String> {
        let storage = self.0.iter().find(|storage| storage.pair == *pair)?;
        Some(Value::Object(storage.content.clone()).to_string())
    }

    /// Adds one that was read for a run.
    pub(super) fn add(&mut self, pair: StoragePair, content: Map<String, Value>) {
        self.0.push(Storage { pair, content, is_own: false, is_changed: false });
    }

    /// Takes over how a run has left a storage.
    pub(super) fn change(&mut self, pair: &StoragePair, json: &str) -> Result<(), StorageRefusal> {
        let content: Map<String, Value> = crate::json::read(json.as_bytes()).map_err(|_| StorageRefusal::NoObject)?;
        let Some(at) = self.0.iter().position(|storage| storage.pair == *pair) else { return Ok(()) };
        if self.0[at].content == content {
            return Ok(());
        }
        let (max, others) = match self.0[at].is_own {
            true => (MAX_OWN_BYTES, self.own_bytes_besides(at)),
            false => (MAX_OTHER_BYTES, 0),
        };
        let bytes = others + crate::json::size(&content);
        // What has become smaller is kept in any case: the bound may have been another one before.
        if bytes > max && crate::json::size(&content) > crate::json::size(&self.0[at].content) {
            return Err(StorageRefusal::TooLarge { bytes, max });
        }
        self.0[at].content = content;
        self.0[at].is_changed = true;
        Ok(())
    }

    pub(super) fn changed(self) -> Vec<Storage> {
        self.0.into_iter().filter(|storage| storage.is_changed).collect()
    }

    fn own_bytes_besides(&self, at: usize) -> usize {
        let others = self.0.iter().enumerate().filter(|(other, storage)| *other != at && storage.is_own);
        others.map(|(_, storage)| crate::json::size(&storage.content)).sum()
    }
}
