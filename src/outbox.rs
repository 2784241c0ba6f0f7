//! The only way out: claim a conversation, commit its replies, deliver them.
//!
//! A commit stores the session, the planned replies and the job's completion in one write, before the first reply goes
//! out. Whatever happens afterwards, the agent is not asked again, and the next delivery of the job continues at the first
//! reply that is not known to be sent. One reply costs three writes: claim, commit, and release.
//!
//! Giving a job up is a commit as well: the job is done from then on, its dead letter goes out first, and then the apology to the
//! person. The size limit of a conversation is checked here too, before anything is written.
//!
//! Graph accepts no idempotency key. A reply that was being sent when the invocation ended is in doubt. A status of the message
//! settles it, because it brings back the tag that we sent along; only without a status the reply is sent again.

mod aliases;
mod commit;
mod consent;
mod deferred;
mod delivery;
mod error;
mod giving_up;
mod identity;
mod passage;
mod storages;
mod substitutes;
mod uploads;

use std::{sync::Arc, time::Duration};

pub use commit::Commit;
pub use deferred::AwaitedAnswer;
pub use error::OutboxError;
pub use giving_up::{GivenUp, Judged};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    conversation::{Content, Conversation, ConversationId, DONE_KEPT, Job, ReplyId, ReplyState, Template, TurnId},
    credentials::Credentials,
    queue::DeadLetters,
    retry::{Clock, after, back_off},
    settings::{DeliverySettings, DirectSend, Settings, TextSettings, WindowTemplate},
    store::{Claim, Hold, LeaseToken, Store},
    whatsapp::graph::Graph,
};

/// How long to wait for a busy conversation if no queue delivers the job again.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// Everything that sending needs.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn Store>,
    graph: Graph,
    dead_letters: DeadLetters,
    credentials: Arc<Credentials>,
    delivery: DeliverySettings,
    text: TextSettings,
    /// Without a message, until a session ends.
    session_expiration: Option<Duration>,
    /// How long to wait for a busy conversation.
    busy_patience: Duration,
    /// How free text goes out outside of the window, if the account may send any.
    direct_send: Option<DirectSend>,
}

/// A claimed conversation, and the right to write it.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The conversation as it is stored.
    pub conversation: Conversation,
    id: ConversationId,
    token: LeaseToken,
    /// Whether the reply that was being sent may be out: another invocation, or one of our sends, ended without a response.
    in_doubt: bool,
    /// The index of a reply, and its content with ids of uploaded files instead of links.
    uploaded: Option<(usize, Content)>,
}

impl Lease {
    /// Sets the state of the first unsent reply.
    fn set_first(&mut self, state: ReplyState) {
        if let Some(first) = self.conversation.outbox.as_mut().and_then(|outbox| outbox.replies.first_mut()) {
            first.state = state;
        }
    }

    /// The conversation's id.
    #[must_use]
    pub fn id(&self) -> &ConversationId {
        &self.id
    }

    /// The name by which the agent knows the other side.
    #[must_use]
    pub fn agent_user_id(&self) -> &str {
        self.conversation.agent_user_id.as_ref().unwrap_or(&self.id.user)
    }

    /// Whether `job` is done, though its replies may still be on their way.
    #[must_use]
    pub fn has_done(&self, job: &Job) -> bool {
        self.conversation.done.contains(&job.own_id())
    }

    /// The job whose replies are being sent.
    #[must_use]
    pub fn delivering(&self) -> Option<&TurnId> {
        self.conversation.outbox.as_ref().map(|outbox| &outbox.turn)
    }
}

impl Outbox {
    /// The outbox over this store and this number.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        graph: Graph,
        dead_letters: DeadLetters,
        credentials: Arc<Credentials>,
        settings: &Settings,
    ) -> Self {
        Self {
            store,
            graph,
            dead_letters,
            credentials,
            delivery: settings.delivery.clone(),
            text: settings.text.clone(),
            session_expiration: settings.conversation.session_expiration,
            busy_patience: if settings.resources.queue_url.is_some() { Duration::ZERO } else { BUSY_PATIENCE },
            direct_send: settings.proactive.direct_send,
        }
    }

    /// The template that is sent when the window for free messages is closed.
    #[must_use]
    pub fn window_template(&self) -> Option<Template> {
        let WindowTemplate { name, language } = self.delivery.window_template.clone()?;
        Some(Template { name, language, ..Template::default() })
    }

    /// Claims the conversation of `job`. If no queue delivers the job again, waits a few seconds for a busy one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, job: &Job, clock: &Clock) -> Result<Claim<Lease>, OutboxError> {
        let token = LeaseToken { owner: Uuid::now_v7(), until: clock.deadline() };
        let claim = self.take(&job.conversation, job, &token, clock).await?;
        self.follow(claim, job, clock).await
    }

    /// Claims the conversation `id`, without following signposts, for `job`.
    async fn take(
        &self,
        id: &ConversationId,
        job: &Job,
        token: &LeaseToken,
        clock: &Clock,
    ) -> Result<Claim<Lease>, OutboxError> {
        let lease = |conversation, in_doubt| Lease {
            conversation,
            id: id.clone(),
            token: token.clone(),
            in_doubt,
            uploaded: None,
        };
        let mut patience = self.busy_patience;
        for tries in 0.. {
            match self.store.claim(id, &job.own_id(), token, clock.now(), self.keep_until(clock)).await? {
                Claim::Fresh(conversation) => return Ok(Claim::Fresh(lease(conversation, false))),
                Claim::Resume(conversation) => return Ok(Claim::Resume(lease(conversation, true))),
                Claim::Done => return Ok(Claim::Done),
                Claim::Busy(until) => {
                    let pause = back_off(tries);
                    patience = patience.saturating_sub(pause);
                    if patience.is_zero() || !clock.pause(pause).await {
                        return Ok(Claim::Busy(until));
                    }
                }
            }
        }
        Ok(Claim::Busy(clock.now()))
    }

    /// Records the status of a reply: it is out. Costs a read, and a write only if the reply is in doubt.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, OutboxError> {
        Ok(self.store.settle(id, reply).await?)
    }

    /// Counts a failure of `turn`, frees the conversation, and returns how often it has failed by now.
    ///
    /// # Errors
    /// When the store fails; then the lease ends by itself.
    pub async fn give_back(&self, lease: &mut Lease, turn: &TurnId, reason: &str) -> Result<u32, OutboxError> {
        let tries = lease.conversation.count_failure(turn, reason);
        self.save(lease, Hold::Release).await?;
        Ok(tries)
    }

    /// Frees the conversation.
    ///
    /// # Errors
    /// As [`Outbox::give_back`].
    pub async fn free(&self, lease: &Lease) -> Result<(), OutboxError> {
        self.save(lease, Hold::Release).await
    }

    async fn save(&self, lease: &Lease, then: Hold) -> Result<(), OutboxError> {
        Ok(self.store.save(&lease.id, &lease.token, &lease.conversation, then).await?)
    }

    /// Without expiration a conversation is kept forever; else as long as a repeat of its last job may come.
    fn keep_until(&self, clock: &Clock) -> Option<Timestamp> {
        self.session_expiration.map(|expiration| after(clock.now(), expiration.max(DONE_KEPT)))
    }
}
