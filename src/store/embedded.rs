//! Conversations in one file or in memory, for local runs.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use redb::{Database, ReadableTable, TableDefinition, backends::InMemoryBackend};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Claim, Hold, LeaseToken, MAX_RECORD_BYTES, Store, StoreError, found};
use crate::conversation::{Conversation, ConversationId, Done, Pending, ReplyId, TurnId};

/// From the key of a conversation to its record as JSON.
const CONVERSATIONS: TableDefinition<'_, &str, &str> = TableDefinition::new("conversations");

/// From the key of a fact to the second at which it ends, and the fact.
const FACTS: TableDefinition<'_, &str, (i64, &str)> = TableDefinition::new("facts");

/// A `redb` database; every step is one of its transactions.
#[derive(Debug, Clone)]
pub struct Embedded(Arc<Database>);

#[derive(Default, Serialize, Deserialize)]
struct Record {
    conversation: Conversation,
    #[serde(default, rename = "done_by_period")]
    done: Done,
    outbox: Option<Pending>,
    #[serde(default)]
    settled: BTreeSet<ReplyId>,
    lease: Option<(Uuid, Timestamp)>,
    keep_until: Option<Timestamp>,
}

impl Record {
    fn loaded(&self) -> Conversation {
        let (done, outbox, settled) = (self.done.clone(), self.outbox.clone(), self.settled.clone());
        Conversation { done, outbox, settled, ..self.conversation.clone() }
    }
}

impl Embedded {
    /// The database in the file at `path`, created if it is missing.
    ///
    /// # Errors
    /// When the file cannot be opened, or is open in another process.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Database::create(path).map(|database| Self(Arc::new(database))).map_err(|error| unavailable("be opened", error))
    }

    /// A database that ends with this process.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn in_memory() -> Result<Self, StoreError> {
        let database = Database::builder().create_with_backend(InMemoryBackend::new());
        database.map(|database| Self(Arc::new(database))).map_err(|error| unavailable("be opened", error))
    }

    /// Runs `step` on a record, and writes the record if the step returns true.
    fn with_record<T>(
        &self,
        id: &ConversationId,
        step: impl FnOnce(&mut Record) -> (bool, T),
    ) -> Result<T, StoreError> {
        let failed = |error: redb::Error| unavailable("keep a conversation", error);
        let transaction = self.0.begin_write().map_err(|error| failed(error.into()))?;
        let result = {
            let mut table = transaction.open_table(CONVERSATIONS).map_err(|error| failed(error.into()))?;
            let stored = table
                .get(id.key().as_str())
                .map_err(|error| failed(error.into()))?
                .map(|guard| guard.value().to_owned());
            let mut record: Record = match stored {
                Some(stored) => serde_json::from_str(&stored)
                    .map_err(|error| StoreError::Unreadable(format!("column {}", error.column())))?,
                None => Record::default(),
            };
            let (changed, result) = step(&mut record);
            if changed {
                let json = serde_json::to_string(&record).map_err(|error| StoreError::Unreadable(error.to_string()))?;
                table.insert(id.key().as_str(), json.as_str()).map_err(|error| failed(error.into()))?;
            }
            result
        };
        transaction.commit().map_err(|error| failed(error.into()))?;
        Ok(result)
    }
}

#[async_trait]
impl Store for Embedded {
    async fn claim(
        &self,
        id: &ConversationId,
        turn: &TurnId,
        lease: &LeaseToken,
        now: Timestamp,
        keep_until: Option<Timestamp>,
    ) -> Result<Claim, StoreError> {
        self.with_record(id, |record| {
            if record.done.contains(turn) && record.outbox.is_none() {
                return (false, Claim::Done);
            }
            if let Some((_, until)) = record.lease.filter(|(owner, until)| *until > now && *owner != lease.owner) {
                return (false, Claim::Busy(until));
            }
            record.lease = Some((lease.owner, lease.until));
            record.keep_until = keep_until;
            (true, found(record.loaded()))
        })
    }

    async fn save(
        &self,
        id: &ConversationId,
        lease: &LeaseToken,
        conversation: &Conversation,
        hold: Hold,
    ) -> Result<(), StoreError> {
        self.with_record(id, |record| {
            if record.lease.map(|(owner, _)| owner) != Some(lease.owner) {
                return (false, Err(StoreError::LeaseLost));
            }
            // The same limit as in the deployed store: what works on a laptop works there.
            if conversation.bytes() > MAX_RECORD_BYTES {
                return (false, Err(StoreError::TooLarge));
            }
            record.conversation = conversation.clone();
            record.done.clone_from(&conversation.done);
            record.outbox.clone_from(&conversation.outbox);
            if record.outbox.is_none() {
                record.settled.clear();
            }
            if hold == Hold::Release {
                record.lease = None;
            }
            (true, Ok(()))
        })?
    }

    async fn read(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.with_record(id, |record| (false, Some(record.loaded()).filter(|found| *found != Conversation::default())))
    }

    async fn remember(&self, key: &str, value: &str, until: Option<Timestamp>) -> Result<(), StoreError> {
        let failed = |error: redb::Error| unavailable("remember a fact", error);
        let transaction = self.0.begin_write().map_err(|error| failed(error.into()))?;
        {
            let mut table = transaction.open_table(FACTS).map_err(|error| failed(error.into()))?;
            table
                .insert(key, (until.map_or(i64::MAX, Timestamp::as_second), value))
                .map_err(|error| failed(error.into()))?;
        }
        transaction.commit().map_err(|error| failed(error.into()))
    }

    async fn recall(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let failed = |error: redb::Error| unavailable("recall a fact", error);
        // A write transaction, because it creates the table if it is missing.
        let transaction = self.0.begin_write().map_err(|error| failed(error.into()))?;
        let table = transaction.open_table(FACTS).map_err(|error| failed(error.into()))?;
        let found = table.get(key).map_err(|error| failed(error.into()))?;
        Ok(found.and_then(|fact| {
            let (until, value) = fact.value();
            (until > now.as_second()).then(|| value.to_owned())
        }))
    }

    async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, StoreError> {
        self.with_record(id, |record| {
            let in_doubt = record.outbox.as_ref().is_some_and(|outbox| outbox.is_in_doubt(reply));
            if in_doubt {
                record.settled.insert(reply.clone());
            }
            (in_doubt, in_doubt)
        })
    }
}

fn unavailable(verb: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable { verb, source: source.into() }
}
