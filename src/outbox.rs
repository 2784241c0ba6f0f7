//! The only way out: claim a conversation, commit what is to be said, deliver it.
//!
//! A commit keeps the session, the planned replies and the job's completion in one write, before the first reply goes
//! out. Whatever happens afterwards, the agent is not asked again, and the next delivery of the job goes on at the first
//! reply that is not known to be sent. One reply costs three writes: claim, commit, and the end.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    conversation::{Conversation, ConversationId, DONE_KEPT, Job, JobId, Pending, Reply, ReplyState, Said},
    retry::{Clock, Retry, back_off},
    store::{self, Hold, Lease, Store, StoreError},
    telemetry::Chain,
    whatsapp::{
        graph::{Graph, GraphError},
        outbound,
    },
};

/// Everything that sending needs.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn Store>,
    graph: Graph,
    message_delay: Duration,
    session_expiration: Option<Duration>,
}

/// A conversation in our hands.
#[derive(Debug)]
pub struct Held {
    /// What we know of it; a commit keeps what was changed.
    pub conversation: Conversation,
    id: ConversationId,
    lease: Lease,
}

/// What a claim came to.
#[derive(Debug)]
pub enum Claim {
    /// Nobody has done the job.
    Fresh(Held),
    /// Replies of this or an earlier job are still on their way and come first.
    Resume(Held),
    /// The job is done.
    Done,
    /// Another invocation works on the conversation and did not finish while we could wait.
    Busy,
}

/// Why replies are not all out.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The invocation ends before the next reply may go out.
    #[error("no time left before the next reply: it follows with the next delivery of the job")]
    OutOfTime,
}

impl OutboxError {
    /// Whether another delivery of the job can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(StoreError::Unreadable(_)) => Retry::Never,
            Self::Graph(error) => error.retry(),
            Self::Store(_) | Self::OutOfTime => Retry::SOON,
        }
    }
}

impl Held {
    /// Whether `job` is done, though its replies may still be on their way.
    #[must_use]
    pub fn has_done(&self, job: &JobId) -> bool {
        self.conversation.done.contains_key(job)
    }
}

impl Outbox {
    /// The outbox over this store and this number.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        graph: Graph,
        message_delay: Duration,
        session_expiration: Option<Duration>,
    ) -> Self {
        Self { store, graph, message_delay, session_expiration }
    }

    /// Takes the conversation of `job`; waits while another invocation has it, as long as `clock` allows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, job: &Job, clock: &Clock) -> Result<Claim, OutboxError> {
        // Without expiration the conversation is kept for good; else as long as a repeat of its last job may come.
        let keep = self.session_expiration.map(|expiration| expiration.max(DONE_KEPT));
        let lease = Lease { owner: Uuid::now_v7(), until: clock.deadline() };
        let held = |conversation| Held { conversation, id: job.conversation.clone(), lease: lease.clone() };
        for tries in 0.. {
            let now = clock.now();
            match self.store.claim(&job.conversation, &job.id, &lease, now, keep.map(|keep| now + keep)).await? {
                store::Claim::Fresh(conversation) => return Ok(Claim::Fresh(held(conversation))),
                store::Claim::Resume(conversation) => return Ok(Claim::Resume(held(conversation))),
                store::Claim::Done => return Ok(Claim::Done),
                store::Claim::Busy(_) if clock.pause(back_off(tries)).await => {}
                store::Claim::Busy(_) => break,
            }
        }
        Ok(Claim::Busy)
    }

    /// Keeps what `held` has become, the completion of `job` and what is to be said, in one write.
    ///
    /// With nothing to say, the conversation is free afterwards. Answers how many messages are to go out.
    ///
    /// # Errors
    /// When the store fails; then nothing was kept.
    pub async fn commit(
        &self,
        held: &mut Held,
        job: &Job,
        said: Vec<Said>,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let replies = said.into_iter().flat_map(outbound::fit).map(|said| Reply { said, state: ReplyState::Planned });
        let mut pending =
            Pending { job: job.id.clone(), to: held.conversation.person.clone(), replies: replies.collect() };
        held.conversation.mark_done(&job.id, clock.now());
        let count = pending.replies.len();
        if let Some(first) = pending.replies.first_mut() {
            first.state = ReplyState::Sending;
            held.conversation.outbox = Some(pending);
        }
        self.save(held, if count > 0 { Hold::Keep } else { Hold::Release }).await?;
        Ok(count)
    }

    /// Sends what is to go out, in order, with the message delay between two replies; then keeps or frees the conversation.
    ///
    /// A reply that Graph refuses for good is reported and does not stop the ones behind it.
    ///
    /// # Errors
    /// The first failure that another delivery of the job can heal; the conversation is free then, and its outbox knows how far it came.
    pub async fn deliver(&self, held: &mut Held, then: Hold, clock: &Clock) -> Result<(), OutboxError> {
        let Some(mut pending) = held.conversation.outbox.take() else { return Ok(()) };
        let mut pause = Duration::ZERO;
        for index in 0..pending.replies.len() {
            if matches!(pending.replies[index].state, ReplyState::Sent(_) | ReplyState::Refused) {
                continue;
            }
            match self.send(&held.id.number, &pending, index, pause, clock).await {
                Ok(state) => pending.replies[index].state = state,
                Err(error) => {
                    if !matches!(error, OutboxError::Graph(GraphError::Unanswered(_))) {
                        pending.replies[index].state = ReplyState::Planned;
                    }
                    held.conversation.outbox = Some(pending);
                    self.save(held, Hold::Release).await?;
                    return Err(error);
                }
            }
            pause = self.message_delay;
            if let Some(next) = pending.replies.get_mut(index + 1) {
                next.state = ReplyState::Sending;
                held.conversation.outbox = Some(pending.clone());
                self.save(held, Hold::Keep).await?;
            }
        }
        held.conversation.outbox = None;
        self.save(held, then).await
    }

    /// Sends one reply after a pause; one that Graph refuses for good is done as well.
    async fn send(
        &self,
        number: &str,
        pending: &Pending,
        index: usize,
        pause: Duration,
        clock: &Clock,
    ) -> Result<ReplyState, OutboxError> {
        if !clock.pause(pause).await {
            return Err(OutboxError::OutOfTime);
        }
        let tag = format!("{}:{index}", pending.job);
        match self.graph.send(number, &pending.to, &pending.replies[index].said, &tag, clock).await {
            Ok(wamid) => Ok(ReplyState::Sent(wamid)),
            Err(error) if error.retry() == Retry::Never => {
                tracing::error!(reply = tag, error = %Chain(&error), "a reply is refused for good and is not sent");
                Ok(ReplyState::Refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the conversation back as it was found.
    ///
    /// # Errors
    /// When the store fails; then the lease ends by itself.
    pub async fn give_back(&self, held: &Held) -> Result<(), OutboxError> {
        Ok(self.store.release(&held.id, &held.lease).await?)
    }

    async fn save(&self, held: &Held, then: Hold) -> Result<(), OutboxError> {
        Ok(self.store.save(&held.id, &held.lease, &held.conversation, then).await?)
    }
}
