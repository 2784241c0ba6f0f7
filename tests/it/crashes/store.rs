//! A store that fails at seeded moments: before it has done what it was asked, or after.

use async_trait::async_trait;
use jiff::Timestamp;
use whatsapp_endpoint::{
    conversation::{Conversation, ConversationId, JobId, ReplyId},
    store::{Claim, Embedded, Hold, Lease, Store, StoreError},
};

use super::world::World;

/// One in so many steps of the store fails.
const ONE_IN: u32 = 25;

#[derive(Debug)]
pub struct FailingStore {
    pub inner: Embedded,
    pub world: World,
}

impl FailingStore {
    /// The way to the store, on which a request or an answer may get lost.
    async fn way(&self, verb: &'static str, when: &str) -> Result<(), StoreError> {
        self.world.way().await;
        if !self.world.strikes(ONE_IN) {
            return Ok(());
        }
        self.world.count(|tally| tally.store_faults += 1);
        self.world.tell(format!("the store fails {when} {verb}"));
        Err(StoreError::Unavailable { verb, source: "a fault of the schedule".into() })
    }
}

#[async_trait]
impl Store for FailingStore {
    async fn claim(
        &self,
        id: &ConversationId,
        job: &JobId,
        lease: &Lease,
        now: Timestamp,
        keep_until: Option<Timestamp>,
    ) -> Result<Claim, StoreError> {
        self.way("claim", "before the").await?;
        let claim = self.inner.claim(id, job, lease, now, keep_until).await?;
        match &claim {
            Claim::Fresh(_) | Claim::Resume(_) => self.world.claimed(id, lease.owner),
            Claim::Done | Claim::Busy(_) => {}
        }
        self.way("claim", "after the").await?;
        Ok(claim)
    }

    async fn save(
        &self,
        id: &ConversationId,
        lease: &Lease,
        conversation: &Conversation,
        hold: Hold,
    ) -> Result<(), StoreError> {
        self.way("save", "before the").await?;
        self.inner.save(id, lease, conversation, hold).await?;
        self.world.kept(id, conversation);
        self.way("save", "after the").await
    }

    async fn read(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.way("read", "before the").await?;
        self.inner.read(id).await
    }

    async fn remember(&self, key: &str, value: &str, until: Timestamp) -> Result<(), StoreError> {
        self.inner.remember(key, value, until).await
    }

    async fn recall(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.inner.recall(key, now).await
    }

    async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, StoreError> {
        self.way("settle", "before the").await?;
        let settled = self.inner.settle(id, reply).await?;
        self.way("settle", "after the").await?;
        Ok(settled)
    }
}
