//! Storages of the operator's script that belong to no conversation: facts of their own, kept as long as a session.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Outbox, OutboxError};
use crate::{conversation::PhoneNumberId, retry::Clock, store::StoreError, telemetry::Chain};

impl Outbox {
    /// Keeps the storage of a pair of a user id and a session id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_storage(
        &self,
        number: &PhoneNumberId,
        pair: (&str, &str),
        content: &Map<String, Value>,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let text = serde_json::to_string(content).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        Ok(self.store.remember(&key(number, pair), &text, self.keep_until(clock)).await?)
    }

    /// The storage of a pair; `None` if there is none, or if it cannot be read, which is logged.
    pub async fn kept_storage(
        &self,
        number: &PhoneNumberId,
        pair: (&str, &str),
        clock: &Clock,
    ) -> Option<Map<String, Value>> {
        match self.store.recall(&key(number, pair), clock.now()).await {
            Ok(text) => serde_json::from_str(&text?).ok(),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "a session storage cannot be read: the transformer gets an empty one");
                None
            }
        }
    }
}

/// A name may be longer than a key.
fn key(number: &PhoneNumberId, (user_id, session_id): (&str, &str)) -> String {
    let hash = Sha256::new().chain_update(user_id).chain_update([0]).chain_update(session_id).finalize();
    format!("{number}#storage#{}", hex::encode(hash))
}
