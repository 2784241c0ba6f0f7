//! Where conversations are kept: the trait and its contract.
//!
//! A conversation is one record. A worker claims it and gets a lease in the same step that loads the record, so two workers
//! never act on one conversation at once; if a worker dies, its lease ends by itself. A write needs the lease and replaces
//! everything at once, so a record is never half of one turn and half of another.

mod dynamo;
#[cfg(feature = "local")]
mod embedded;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

pub use dynamo::Dynamo;
#[cfg(feature = "local")]
pub use embedded::Embedded;

use crate::conversation::{Conversation, ConversationId, ReplyId, TurnId};

/// The right to work on one conversation until a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseToken {
    /// Who holds it: new for every claim.
    pub owner: Uuid,
    /// When it ends by itself: at the end of the holder's invocation, when the holder cannot be alive any more.
    pub until: Timestamp,
}

/// The result of a claim; `T` is what the claim gives if it succeeds.
#[derive(Debug)]
pub enum Claim<T = Conversation> {
    /// The job is new; the conversation is ours.
    Fresh(T),
    /// Replies of this or an earlier job are still to be sent, and come first; the conversation is ours.
    Resume(T),
    /// The job is done and its replies are sent.
    Done,
    /// Another worker has the conversation, until this moment at the latest.
    Busy(Timestamp),
}

/// What becomes of the lease after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// There is more to do.
    Keep,
    /// The conversation is free again.
    Release,
}

/// Most bytes of a conversation's record: `DynamoDB` accepts no larger item.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const MAX_RECORD_BYTES: usize = 400 * 1024;

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be reached, or refused.
    #[error("the store could not {verb}: check TABLE_NAME and the rights of the function's role")]
    Unavailable {
        /// What it was to do.
        verb: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The record would be larger than the store accepts. It is not written, and trying again does not help.
    #[error("the conversation would be larger than the {MAX_RECORD_BYTES} bytes that the store takes")]
    TooLarge,
    /// Another worker has claimed the conversation: our lease had ended.
    #[error("the lease on the conversation is lost: another invocation has taken it over")]
    LeaseLost,
    /// A record that we did not write.
    #[error("the stored conversation cannot be read ({0}): it was not written by this version or an earlier one")]
    Unreadable(String),
}

/// A store of conversations.
///
/// The caller passes all times; a store has no clock of its own.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Claims the conversation for `turn` and loads it, in one step.
    ///
    /// An unknown conversation is new and empty. A lease that ended at or before `now` does not count.
    /// With `keep_until` the record may be forgotten after that moment; without, it is kept forever.
    async fn claim(
        &self,
        id: &ConversationId,
        turn: &TurnId,
        lease: &LeaseToken,
        now: Timestamp,
        keep_until: Option<Timestamp>,
    ) -> Result<Claim, StoreError>;

    /// Replaces the conversation, all at once, except for the settled replies, which are forgotten with the outbox.
    ///
    /// Changes nothing and fails with [`StoreError::LeaseLost`] if `lease` is not the one in force, and with
    /// [`StoreError::TooLarge`] if the record would have more than [`MAX_RECORD_BYTES`].
    async fn save(
        &self,
        id: &ConversationId,
        lease: &LeaseToken,
        conversation: &Conversation,
        hold: Hold,
    ) -> Result<(), StoreError>;

    /// Reads a conversation without claiming it; `None` if nothing was kept.
    async fn read(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;

    /// Keeps a small fact under `key` until a moment, or for good. A key contains `#` twice, so it is never a conversation's.
    async fn remember(&self, key: &str, value: &str, until: Option<Timestamp>) -> Result<(), StoreError>;

    /// The fact under `key`, unless its time is over at `now`.
    async fn recall(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Marks a reply as sent if the conversation's outbox has it in doubt; else writes nothing.
    ///
    /// It needs no lease and changes nothing that a lease protects: the status that settles a reply must not wait for the
    /// job that is in doubt about it. Returns whether it was in doubt.
    async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, StoreError>;
}

/// The result of a claim that got the conversation, or found another worker's lease on it.
fn found(conversation: Conversation) -> Claim {
    if conversation.outbox.is_some() { Claim::Resume(conversation) } else { Claim::Fresh(conversation) }
}
