//! Where conversations are kept: the one trait, and its contract in words.
//!
//! A conversation is one record. Whoever works on it holds a lease, taken in the same step that loads the record, so two
//! workers never act on one conversation at once; a worker that died frees it when its lease ends. A write needs the
//! lease and replaces everything at once, so a record is never half of one turn and half of another.

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
    /// When it ends by itself: the end of the holder's invocation, when the holder cannot be alive any more.
    pub until: Timestamp,
}

/// What a claim finds.
#[derive(Debug)]
pub enum Claim {
    /// Nobody has done the job; the conversation is ours.
    Fresh(Conversation),
    /// Replies of this or an earlier job are still on their way; the conversation is ours, and they come first.
    Resume(Conversation),
    /// The job is done and nothing is left of it.
    Done,
    /// Somebody else works on the conversation, until this moment at the latest.
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

/// Most bytes of a conversation's record: `DynamoDB` takes no larger item.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const MAX_RECORD_BYTES: usize = 400 * 1024;

/// Why the store did not do what we asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be reached, or refused.
    #[error("the store could not {verb}: check TABLE_NAME and the rights of the function's role")]
    Unavailable {
        /// What it was asked.
        verb: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The record would be larger than the store takes: it is not written, and would not be another time.
    #[error("the conversation would be larger than the {MAX_RECORD_BYTES} bytes that the store takes")]
    TooLarge,
    /// Somebody else has taken the conversation over: our lease had ended.
    #[error("the lease on the conversation is lost: another invocation has taken it over")]
    LeaseLost,
    /// A record that is not what we write.
    #[error("the stored conversation cannot be read ({0}): it was not written by this version or an earlier one")]
    Unreadable(String),
}

/// A store of conversations.
///
/// All times are given by the caller; a store has no clock of its own.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Takes the conversation for `job` and loads it, in one step.
    ///
    /// A conversation that nobody has seen is fresh and empty. A lease that ended at or before `now` is no lease.
    /// With `keep_until` the record may be forgotten after that moment; without, it is kept for good.
    async fn claim(
        &self,
        id: &ConversationId,
        job: &TurnId,
        lease: &LeaseToken,
        now: Timestamp,
        keep_until: Option<Timestamp>,
    ) -> Result<Claim, StoreError>;

    /// Replaces the conversation, all at once, but for what is settled, which is forgotten with the outbox.
    ///
    /// Fails with [`StoreError::LeaseLost`] and changes nothing if `lease` is not the one in force, and with
    /// [`StoreError::TooLarge`] if the record would have more than [`MAX_RECORD_BYTES`].
    async fn save(
        &self,
        id: &ConversationId,
        lease: &LeaseToken,
        conversation: &Conversation,
        hold: Hold,
    ) -> Result<(), StoreError>;

    /// Looks at a conversation without taking it; `None` where nothing was kept.
    async fn read(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;

    /// Keeps a small fact under `key` until a moment. A key is never a conversation's: it has `#` twice.
    async fn remember(&self, key: &str, value: &str, until: Timestamp) -> Result<(), StoreError>;

    /// The fact under `key`, unless its time is over at `now`.
    async fn recall(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Notes that a reply is out, if the conversation's outbox holds it in doubt; else writes nothing.
    ///
    /// It needs no lease and changes nothing that a lease protects: the status that settles a reply must not wait for the
    /// job that is in doubt about it. Answers whether it was in doubt.
    async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, StoreError>;
}

/// What a conversation is to a claim that got it, or saw it in somebody else's hands.
fn found(conversation: Conversation) -> Claim {
    if conversation.outbox.is_some() { Claim::Resume(conversation) } else { Claim::Fresh(conversation) }
}
