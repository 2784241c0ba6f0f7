//! A store that fails as a test decides: before it has done what it was asked, or after.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use whatsapp_endpoint::{
    conversation::{Conversation, ConversationId, ReplyId, TurnId},
    store::{Claim, Embedded, Hold, LeaseToken, Store, StoreError},
};

/// What a store was asked.
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    Claim(&'a ConversationId, &'a LeaseToken),
    Save(&'a ConversationId, &'a Conversation),
    Read,
    Remember,
    Recall,
    Settle,
}

/// What becomes of requests.
#[async_trait]
pub trait Faults: std::fmt::Debug + Send + Sync {
    /// Before the store hears of it.
    async fn before(&self, request: Request<'_>) -> Result<(), StoreError>;

    /// When it is done; `claimed` says what a claim has found.
    async fn after(&self, _request: Request<'_>, _claimed: Option<&Claim>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A store in memory with faults around it.
#[derive(Debug)]
pub struct Faulty<F> {
    pub inner: Embedded,
    pub faults: F,
}

impl<F: Faults> Faulty<F> {
    pub fn new(faults: F) -> Arc<Self> {
        Arc::new(Self { inner: Embedded::in_memory().expect("a store"), faults })
    }
}

impl Request<'_> {
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Claim(..) => "claim",
            Self::Save(..) => "save",
            Self::Read => "read",
            Self::Remember => "remember",
            Self::Recall => "recall",
            Self::Settle => "settle",
        }
    }

    /// The fault that tells nothing: what was asked may be done or not.
    pub fn fails(&self) -> StoreError {
        StoreError::Unavailable { verb: self.verb(), source: "a fault of the test".into() }
    }
}

#[async_trait]
impl<F: Faults> Store for Faulty<F> {
    async fn claim(
        &self,
        id: &ConversationId,
        job: &TurnId,
        lease: &LeaseToken,
        now: Timestamp,
        keep_until: Option<Timestamp>,
    ) -> Result<Claim, StoreError> {
        let request = Request::Claim(id, lease);
        self.faults.before(request).await?;
        let claim = self.inner.claim(id, job, lease, now, keep_until).await?;
        self.faults.after(request, Some(&claim)).await?;
        Ok(claim)
    }

    async fn save(
        &self,
        id: &ConversationId,
        lease: &LeaseToken,
        conversation: &Conversation,
        hold: Hold,
    ) -> Result<(), StoreError> {
        let request = Request::Save(id, conversation);
        self.faults.before(request).await?;
        self.inner.save(id, lease, conversation, hold).await?;
        self.faults.after(request, None).await
    }

    async fn read(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.faults.before(Request::Read).await?;
        self.inner.read(id).await
    }

    async fn remember(&self, key: &str, value: &str, until: Option<Timestamp>) -> Result<(), StoreError> {
        self.faults.before(Request::Remember).await?;
        self.inner.remember(key, value, until).await
    }

    async fn recall(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.faults.before(Request::Recall).await?;
        self.inner.recall(key, now).await
    }

    async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, StoreError> {
        self.faults.before(Request::Settle).await?;
        let settled = self.inner.settle(id, reply).await?;
        self.faults.after(Request::Settle, None).await?;
        Ok(settled)
    }
}

/// Faults that a test switches on and off.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Refused>);

#[derive(Debug, Default)]
pub struct Refused {
    /// Everything.
    pub all: bool,
    /// So many writes, from now on.
    pub saves: u32,
    /// What a status tells.
    pub settle: bool,
}

impl Refusals {
    pub fn set(&self, change: impl FnOnce(&mut Refused)) {
        change(&mut self.0.lock().expect("not poisoned"));
    }
}

#[async_trait]
impl Faults for Refusals {
    async fn before(&self, request: Request<'_>) -> Result<(), StoreError> {
        let mut refused = self.0.lock().expect("not poisoned");
        let fails = match request {
            Request::Save(..) if refused.saves > 0 => {
                refused.saves -= 1;
                true
            }
            Request::Settle => refused.settle,
            _ => false,
        };
        if fails || refused.all { Err(request.fails()) } else { Ok(()) }
    }
}
