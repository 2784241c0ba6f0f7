//! The only way out: claim a conversation, commit what is to be said, deliver it.
//!
//! A commit keeps the session, the planned replies and the job's completion in one write, before the first reply goes
//! out. Whatever happens afterwards, the agent is not asked again, and the next delivery of the job goes on at the first
//! reply that is not known to be sent. One reply costs three writes: claim, commit, and the end.
//!
//! Graph takes no idempotency key. A reply that was being sent when the invocation ended is in doubt: the status of the message
//! settles it, which brings back the tag that we sent along, and only without one it is sent again.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    conversation::{Conversation, ConversationId, DONE_KEPT, Job, JobId, Pending, Reply, ReplyId, ReplyState, Said},
    queue::{DeadLetter, DeadLetters, QueueError},
    retry::{Clock, Retry, back_off},
    settings::Pace,
    store::{self, Hold, Lease, Store, StoreError},
    telemetry::Chain,
    whatsapp::{
        errors,
        graph::{Graph, GraphError},
        inbound, outbound,
    },
};

/// How often the store is asked whether a status has settled a reply.
const STATUS_LOOK: Duration = Duration::from_secs(1);

/// Everything that sending needs.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn Store>,
    graph: Graph,
    dead_letters: DeadLetters,
    pace: Pace,
}

/// A conversation in our hands.
#[derive(Debug)]
pub struct Held {
    /// What we know of it.
    pub conversation: Conversation,
    id: ConversationId,
    lease: Lease,
    /// Whether a reply that was being sent may be out: another invocation, or a send of ours, ended without an answer.
    in_doubt: bool,
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
    /// A reply is refused for good, and the dead-letter queue did not take it.
    #[error(transparent)]
    Queue(QueueError),
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
            Self::Store(_) | Self::Queue(_) | Self::OutOfTime => Retry::SOON,
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
    pub fn new(store: Arc<dyn Store>, graph: Graph, dead_letters: DeadLetters, pace: Pace) -> Self {
        Self { store, graph, dead_letters, pace }
    }

    /// Takes the conversation of `job`; waits while another invocation has it, as long as `clock` allows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, job: &Job, clock: &Clock) -> Result<Claim, OutboxError> {
        let lease = Lease { owner: Uuid::now_v7(), until: clock.deadline() };
        let id = &job.conversation;
        let held = |conversation, in_doubt| Held { conversation, id: id.clone(), lease: lease.clone(), in_doubt };
        for tries in 0.. {
            match self.store.claim(id, &job.id, &lease, clock.now(), self.keep_until(clock)).await? {
                store::Claim::Fresh(conversation) => return Ok(Claim::Fresh(held(conversation, false))),
                store::Claim::Resume(conversation) => return Ok(Claim::Resume(held(conversation, true))),
                store::Claim::Done => return Ok(Claim::Done),
                store::Claim::Busy(_) if clock.pause(back_off(tries)).await => {}
                store::Claim::Busy(_) => break,
            }
        }
        Ok(Claim::Busy)
    }

    /// Keeps `next`, which the conversation has become, the completion of `job` and what is to be said, in one write.
    ///
    /// With nothing to say, the conversation is free afterwards. Answers how many messages are to go out.
    ///
    /// # Errors
    /// When the store fails; then nothing was kept.
    pub async fn commit(
        &self,
        held: &mut Held,
        mut next: Conversation,
        job: &Job,
        said: Vec<Said>,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        next.mark_done(&job.id, clock.now());
        self.plan(held, next, job, said, clock).await
    }

    /// Keeps words that are to go out in the place of an answer; the job is not done with them.
    ///
    /// # Errors
    /// When the store fails; then nothing was kept.
    pub async fn apologize(&self, held: &mut Held, job: &Job, words: &str, clock: &Clock) -> Result<(), OutboxError> {
        let mut next = held.conversation.clone();
        next.person = job.person.clone();
        self.plan(held, next, job, vec![Said::Text(words.to_owned())], clock).await.map(|_| ())
    }

    async fn plan(
        &self,
        held: &mut Held,
        mut next: Conversation,
        job: &Job,
        said: Vec<Said>,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let replies = said.into_iter().flat_map(outbound::fit).map(|said| Reply { said, state: ReplyState::Planned });
        let mut pending = Pending { job: job.id.clone(), to: next.person.clone(), replies: replies.collect() };
        let count = pending.replies.len();
        if let Some(first) = pending.replies.first_mut() {
            first.state = ReplyState::Sending(clock.now());
            next.outbox = Some(pending);
        }
        held.conversation = next;
        held.in_doubt = false;
        self.save(held, if count > 0 { Hold::Keep } else { Hold::Release }).await?;
        Ok(count)
    }

    /// Sends what is to go out, in order, with the message delay between two replies; then keeps or frees the conversation.
    ///
    /// A reply that Graph refuses for good is reported and does not stop the ones behind it. A reply in doubt is sent again
    /// only if no status has told within `resend_after` that it is out.
    ///
    /// # Errors
    /// The first failure that another delivery of the job can heal; `held` knows how far it came and has to be given back.
    pub async fn deliver(&self, held: &mut Held, job: &JobId, then: Hold, clock: &Clock) -> Result<(), OutboxError> {
        let Some(mut pending) = held.conversation.outbox.clone() else { return Ok(()) };
        let mut pause = Duration::ZERO;
        for index in 0..pending.replies.len() {
            if matches!(pending.replies[index].state, ReplyState::Sent(_) | ReplyState::Refused) {
                continue;
            }
            let state = loop {
                match pending.replies[index].state {
                    ReplyState::Planned => self.mark(held, &mut pending, index, pause, clock).await?,
                    ReplyState::Sending(since) if held.in_doubt => {
                        if self.is_out(held, job, &ReplyId::of(&pending.job, index), since, clock).await? {
                            break ReplyState::Sent(None);
                        }
                        self.mark(held, &mut pending, index, Duration::ZERO, clock).await?;
                    }
                    ReplyState::Sending(_) | ReplyState::Sent(_) | ReplyState::Refused => {}
                }
                match self.send(held, &pending, index, pause, clock).await {
                    Ok(state) => break state,
                    Err(OutboxError::Graph(error)) if error.leaves_doubt() => {
                        tracing::warn!(reply = %ReplyId::of(&pending.job, index), error = %Chain(&error), "waiting for a status to tell");
                        // From now on: the send itself may have waited before it went out.
                        pending.replies[index].state = ReplyState::Sending(clock.now());
                        held.conversation.outbox = Some(pending.clone());
                        held.in_doubt = true;
                        pause = Duration::ZERO;
                    }
                    Err(error) => {
                        pending.replies[index].state = ReplyState::Planned;
                        held.conversation.outbox = Some(pending);
                        return Err(error);
                    }
                }
            };
            pending.replies[index].state = state;
            held.in_doubt = false;
            pause = self.pace.message_delay;
            if index + 1 < pending.replies.len() {
                self.mark(held, &mut pending, index + 1, pause, clock).await?;
            }
        }
        held.conversation.outbox = None;
        self.save(held, then).await
    }

    /// Notes that a reply is about to be sent, after a pause: if we die from here on, it is in doubt.
    async fn mark(
        &self,
        held: &mut Held,
        pending: &mut Pending,
        index: usize,
        pause: Duration,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        pending.replies[index].state = ReplyState::Sending(clock.now() + pause);
        held.conversation.outbox = Some(pending.clone());
        held.in_doubt = false;
        self.save(held, Hold::Keep).await
    }

    /// Whether a reply in doubt is out, as far as the statuses tell until it is time to send it again.
    async fn is_out(
        &self,
        held: &mut Held,
        job: &JobId,
        reply: &ReplyId,
        since: Timestamp,
        clock: &Clock,
    ) -> Result<bool, OutboxError> {
        loop {
            if held.conversation.settled.contains(reply) {
                return Ok(true);
            }
            // The send may have been planned for later than the process lived.
            let waited = clock.now().duration_since(since).max(SignedDuration::ZERO).unsigned_abs();
            let Some(rest) = self.pace.resend_after.checked_sub(waited).filter(|rest| !rest.is_zero()) else {
                return Ok(false);
            };
            if !clock.pause(rest.min(STATUS_LOOK)).await {
                return Err(OutboxError::OutOfTime);
            }
            // The claim of the holder succeeds and brings the record as it is now.
            match self.store.claim(&held.id, job, &held.lease, clock.now(), self.keep_until(clock)).await? {
                store::Claim::Fresh(found) | store::Claim::Resume(found) => held.conversation.settled = found.settled,
                store::Claim::Done | store::Claim::Busy(_) => return Err(StoreError::LeaseLost.into()),
            }
        }
    }

    /// Sends one reply after a pause; one that Graph refuses for good is done as well.
    async fn send(
        &self,
        held: &Held,
        pending: &Pending,
        index: usize,
        pause: Duration,
        clock: &Clock,
    ) -> Result<ReplyState, OutboxError> {
        if !clock.pause(pause).await {
            return Err(OutboxError::OutOfTime);
        }
        let reply = ReplyId::of(&pending.job, index);
        let tag = inbound::Tag { reply, user: held.id.user.clone() };
        match self.graph.send(&held.id.number, &pending.to, &pending.replies[index].said, &tag, clock).await {
            Ok(wamid) => Ok(ReplyState::Sent(Some(wamid))),
            Err(error) if error.retry() == Retry::Never => {
                let mut letter = DeadLetter::of_reply(&tag.reply, &held.id, Chain(&error).to_string(), clock.now());
                if let Some(refusal) = error.refusal() {
                    blame(&mut letter, refusal.code, Some(&refusal.trace_id));
                }
                self.dead_letters.bury(&letter).await.map_err(OutboxError::Queue)?;
                Ok(ReplyState::Refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes what a status has told: the reply is out. Costs a read, and a write only if the reply is in doubt.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, OutboxError> {
        Ok(self.store.settle(id, reply).await?)
    }

    /// Frees the conversation after a failure of `job` and answers how often it has failed by now.
    ///
    /// # Errors
    /// When the store fails; then the lease ends by itself.
    pub async fn give_back(&self, held: &mut Held, job: &JobId) -> Result<u32, OutboxError> {
        let tries = held.conversation.count_failure(job);
        self.save(held, Hold::Release).await?;
        Ok(tries)
    }

    async fn save(&self, held: &Held, then: Hold) -> Result<(), OutboxError> {
        Ok(self.store.save(&held.id, &held.lease, &held.conversation, then).await?)
    }

    /// Without expiration a conversation is kept for good; else as long as a repeat of its last job may come.
    fn keep_until(&self, clock: &Clock) -> Option<Timestamp> {
        self.pace.session_expiration.map(|expiration| clock.now() + expiration.max(DONE_KEPT))
    }
}

/// Adds to a dead letter what we know about Meta's code.
pub fn blame(letter: &mut DeadLetter, code: i64, fbtrace_id: Option<&str>) {
    let errors::Advice { class, cure, .. } = errors::advise(code);
    letter.blame(code, fbtrace_id, class.name(), cure);
}
