//! The only way out: claim a conversation, commit what is to be said, deliver it.
//!
//! A commit keeps the session, the planned replies and the job's completion in one write, before the first reply goes
//! out. Whatever happens afterwards, the agent is not asked again, and the next delivery of the job goes on at the first
//! reply that is not known to be sent. One reply costs three writes: claim, commit, and the end.
//!
//! Graph takes no idempotency key. A reply that was being sent when the invocation ended is in doubt: the status of the message
//! settles it, which brings back the tag that we sent along, and only without one it is sent again.

mod delivery;
mod files;
mod later;
mod moving;

use std::sync::Arc;

pub use later::Awaited;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    conversation::{
        Conversation, ConversationId, DONE_KEPT, Job, JobId, Output, Pending, Reply, ReplyId, ReplyState, Said,
        Template,
    },
    queue::{DeadLetter, DeadLetters, QueueError},
    retry::{Clock, Retry, back_off},
    settings::{Pace, Settings, TextSettings},
    store::{self, Hold, Lease, Store, StoreError},
    whatsapp::{
        errors,
        graph::{Graph, GraphError},
        outbound::{self, Style},
    },
};

/// Everything that sending needs.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn Store>,
    graph: Graph,
    dead_letters: DeadLetters,
    pace: Pace,
    text: TextSettings,
    /// Whether linked files are uploaded.
    upload_media: bool,
    /// What goes out when free words are not taken any more.
    window_template: Option<Template>,
}

/// A conversation in our hands.
#[derive(Debug, Clone)]
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
    /// The conversation goes on under another name, where another invocation works on it.
    #[error("another invocation works on the conversation that this one becomes and did not finish in time")]
    Busy,
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
            Self::Store(_) | Self::Queue(_) | Self::Busy | Self::OutOfTime => Retry::SOON,
        }
    }
}

impl Held {
    /// The name by which the agent knows the other side.
    #[must_use]
    pub fn known_as(&self) -> &str {
        self.conversation.known_as.as_ref().unwrap_or(&self.id.user)
    }

    /// Whether `job` is done, though its replies may still be on their way.
    #[must_use]
    pub fn has_done(&self, job: &JobId) -> bool {
        self.conversation.done.contains(job)
    }
}

impl Outbox {
    /// The outbox over this store and this number.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, graph: Graph, dead_letters: DeadLetters, settings: &Settings) -> Self {
        let window_template =
            settings.window_template.clone().map(|(name, language)| Template { name, language, ..Template::default() });
        Self {
            store,
            graph,
            dead_letters,
            pace: settings.pace,
            text: settings.text.clone(),
            upload_media: settings.upload_media,
            window_template,
        }
    }

    /// What goes out when free words are not taken any more.
    #[must_use]
    pub fn window_template(&self) -> Option<&Template> {
        self.window_template.as_ref()
    }

    /// Takes the conversation of `job`; waits while another invocation has it, as long as `clock` allows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, job: &Job, clock: &Clock) -> Result<Claim, OutboxError> {
        let lease = Lease { owner: Uuid::now_v7(), until: clock.deadline() };
        let claim = self.take(&job.conversation, job, &lease, clock).await?;
        self.follow(claim, job, clock).await
    }

    /// Takes the conversation `id`, and no other, for `job`.
    async fn take(&self, id: &ConversationId, job: &Job, lease: &Lease, clock: &Clock) -> Result<Claim, OutboxError> {
        let held = |conversation, in_doubt| Held { conversation, id: id.clone(), lease: lease.clone(), in_doubt };
        for tries in 0.. {
            match self.store.claim(id, &job.id, lease, clock.now(), self.keep_until(clock)).await? {
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
        outputs: Vec<Output>,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        next.mark_done(&job.id, clock.now());
        self.plan(held, next, job, outputs, clock).await
    }

    /// Keeps what is to go out in the place of an answer; the job is not done with it.
    ///
    /// # Errors
    /// When the store fails; then nothing was kept.
    pub async fn apologize(&self, held: &mut Held, job: &Job, said: Said, clock: &Clock) -> Result<(), OutboxError> {
        let mut next = held.conversation.clone();
        next.person = job.person.clone();
        self.plan(held, next, job, vec![said.into()], clock).await.map(|_| ())
    }

    async fn plan(
        &self,
        held: &mut Held,
        mut next: Conversation,
        job: &Job,
        outputs: Vec<Output>,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let to = next.person.clone();
        let (fitted, offers) = outbound::fit(outputs, Style { settings: &self.text, to_group: to.group_id.is_some() });
        next.offers.renew(offers);
        let replies = fitted.into_iter().map(|output| Reply { output, state: ReplyState::Planned }).collect();
        let mut pending = Pending { job: job.id.clone(), message_id: job.message.id.clone(), to, replies };
        let count = pending.replies.len();
        if let Some(first) = pending.replies.first_mut() {
            if !self.has_upload(&first.output.said) {
                first.state = ReplyState::Sending(clock.now());
            }
            next.outbox = Some(pending);
        }
        held.conversation = next;
        held.in_doubt = false;
        self.save(held, if count > 0 { Hold::Keep } else { Hold::Release }).await?;
        Ok(count)
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

/// Adds to a dead letter what we know about an error of Graph.
pub fn blame_graph(letter: &mut DeadLetter, error: &GraphError) {
    if let Some(code) = error.code() {
        blame(letter, code, error.refusal().map(|refusal| refusal.trace_id.as_str()));
    }
}

/// Adds to a dead letter what we know about Meta's code.
pub fn blame(letter: &mut DeadLetter, code: i64, fbtrace_id: Option<&str>) {
    let errors::Advice { class, cure, .. } = errors::advise(code);
    letter.blame(code, fbtrace_id, class.name(), cure);
}
