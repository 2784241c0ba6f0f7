//! Turns whose answer comes later: what has to be known of each when it comes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Lease, Outbox, OutboxError};
use crate::{
    conversation::{Job, TurnId},
    retry::{Clock, after},
    store::StoreError,
};

/// How long an answer may take: as long as the channel takes free words after a message.
const AWAITED: Duration = Duration::from_hours(24);

/// A turn that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedAnswer {
    /// The user of the conversation.
    pub user: String,
    /// The channel's id of the message that is to be answered.
    pub message_id: String,
    /// The session.
    pub session: Uuid,
}

impl Outbox {
    /// Remembers for a day that the answer to `job` comes later.
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
        let awaited =
            AwaitedAnswer { user: lease.id.user.clone(), message_id: job.task.message_id().to_owned(), session };
        let text = serde_json::to_string(&awaited).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let until = after(clock.now(), AWAITED);
        Ok(self.store.remember(&key(&lease.id.number, &job.id), &text, until).await?)
    }

    /// The turn of `number` that waits for its answer under this id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn awaited(
        &self,
        number: &str,
        turn: &TurnId,
        clock: &Clock,
    ) -> Result<Option<AwaitedAnswer>, OutboxError> {
        let Some(text) = self.store.recall(&key(number, turn), clock.now()).await? else { return Ok(None) };
        // The text is ours; its words are nobody's.
        let awaited = serde_json::from_str(&text).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        Ok(Some(awaited))
    }
}

fn key(number: &str, turn: &TurnId) -> String {
    format!("{number}#turn#{turn}")
}
