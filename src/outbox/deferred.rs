//! Deferred answers: what has to be known of a turn when its answer comes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Lease, Outbox, OutboxError};
use crate::{
    conversation::{Job, PhoneNumberId, TurnId, Wamid},
    retry::{Clock, after},
    store::StoreError,
};

/// How long an answer may take: as long as the channel accepts free messages after a person's message.
const AWAITED: Duration = Duration::from_hours(24);

/// A turn that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedAnswer {
    /// The user of the conversation.
    pub user: String,
    /// The channel's id of the message to answer.
    pub message_id: Wamid,
    /// The session.
    pub session: Uuid,
}

impl Outbox {
    /// Remembers for a day that the answer to `job` is deferred.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn await_answer(
        &self,
        lease: &Lease,
        job: &Job,
        session: Uuid,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let awaited = AwaitedAnswer {
            user: lease.id.user.clone(),
            message_id: job.task.message_id().cloned().unwrap_or_default(),
            session,
        };
        let text = serde_json::to_string(&awaited).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let until = after(clock.now(), AWAITED);
        Ok(self.store.remember(&key(&lease.id.number, &job.id), &text, Some(until)).await?)
    }

    /// The turn of `number` with this id that waits for its answer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn awaited(
        &self,
        number: &PhoneNumberId,
        turn: &TurnId,
        clock: &Clock,
    ) -> Result<Option<AwaitedAnswer>, OutboxError> {
        let Some(text) = self.store.recall(&key(number, turn), clock.now()).await? else { return Ok(None) };
        // We wrote this text, and it contains no person's words.
        let awaited = serde_json::from_str(&text).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        Ok(Some(awaited))
    }
}

fn key(number: &PhoneNumberId, turn: &TurnId) -> String {
    format!("{number}#turn#{turn}")
}
