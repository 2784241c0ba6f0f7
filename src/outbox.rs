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

mod deferred;
mod delivery;
mod giving_up;
mod identity;
mod substitutes;
mod uploads;

use std::{sync::Arc, time::Duration};

pub use deferred::AwaitedAnswer;
pub use giving_up::{GivenUp, Judged};

use jiff::Timestamp;
use uuid::Uuid;

use self::substitutes::without_file;
use crate::{
    conversation::{
        Choices, Content, Conversation, ConversationId, DONE_KEPT, Job, Output, Pending, Reply, ReplyId, ReplyState,
        Template, TurnId,
    },
    credentials::Credentials,
    queue::{DeadLetter, DeadLetters, QueueError},
    retry::{Clock, Retry, after, back_off},
    settings::{Pace, Settings, TextSettings},
    store::{self, Hold, LeaseToken, Store, StoreError},
    whatsapp::{
        graph::{Graph, GraphError},
        outbound::{self, Style},
    },
};

/// Most bytes of a conversation with a new answer in it.
///
/// An item may have 400 kB. The rest is for what is added without an answer: done jobs, what is known of the person under another
/// name, the reason of a failure.
const MAX_ANSWERED_BYTES: usize = 320 * 1024;
/// How long to wait for a busy conversation if no queue delivers the job again.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// Everything that sending needs.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn Store>,
    graph: Graph,
    dead_letters: DeadLetters,
    credentials: Arc<Credentials>,
    pace: Pace,
    /// How long to wait for a busy conversation.
    busy_patience: Duration,
    text: TextSettings,
    /// Whether linked files are uploaded.
    upload_media: bool,
    /// The template that is sent when the window for free messages is closed.
    window_template: Option<Template>,
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

/// The result of a claim.
#[derive(Debug)]
pub enum Claim {
    /// The job is new.
    Fresh(Lease),
    /// Replies of this or an earlier job are still to be sent, and come first.
    Resume(Lease),
    /// The job is done.
    Done,
    /// Another invocation works on the conversation, until this moment at the latest.
    Busy(Timestamp),
}

/// The result of a turn, besides the new state of the conversation.
#[derive(Debug, Default)]
pub struct Commit {
    /// The outputs, not yet fitted to the channel.
    pub outputs: Vec<Output>,
    /// Replies that already fit the channel.
    pub replies: Vec<Reply>,
    /// The dead letter that goes out before them.
    pub dead_letter: Option<DeadLetter>,
}

/// What is to be sent.
struct Plan {
    /// The replies, fitted to the channel.
    replies: Vec<Reply>,
    /// The dead letter that goes out before them.
    dead_letter: Option<DeadLetter>,
    /// Whether the replies say that no answer will come.
    is_apology: bool,
}

/// Why not all replies are out.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A reply is refused for good, and the dead-letter queue did not accept its dead letter.
    #[error(transparent)]
    Queue(QueueError),
    /// The conversation goes on under another name, where another invocation works on it.
    #[error("another invocation works on the conversation that this one becomes")]
    Busy(Timestamp),
    /// The invocation ends before the next reply may go out.
    #[error("no time left before the next reply: it follows with the next delivery of the job")]
    OutOfTime,
    /// The answer is more than a conversation can hold.
    #[error(
        "with this answer the conversation would have {bytes} bytes, of {MAX_ANSWERED_BYTES} at most: the agent says too much at once, or the ids of its choices are too long"
    )]
    AnswerTooLarge {
        /// The bytes that it would have.
        bytes: usize,
    },
}

impl OutboxError {
    /// Whether another delivery of the job can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(StoreError::Unreadable(_) | StoreError::TooLarge) | Self::AnswerTooLarge { .. } => Retry::Never,
            Self::Graph(error) => error.retry(),
            Self::Store(StoreError::Unavailable { .. } | StoreError::LeaseLost)
            | Self::Queue(_)
            | Self::Busy(_)
            | Self::OutOfTime => Retry::SOON,
        }
    }
}

impl Lease {
    /// Sets the state of the first unsent reply.
    fn set_first(&mut self, state: ReplyState) {
        if let Some(first) = self.conversation.outbox.as_mut().and_then(|outbox| outbox.replies.first_mut()) {
            first.state = state;
        }
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
        self.conversation.outbox.as_ref().map(|outbox| &outbox.job)
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
        let window_template =
            settings.window_template.clone().map(|(name, language)| Template { name, language, ..Template::default() });
        Self {
            store,
            graph,
            dead_letters,
            credentials,
            pace: settings.pace,
            busy_patience: if settings.queue_url.is_some() { Duration::ZERO } else { BUSY_PATIENCE },
            text: settings.text.clone(),
            upload_media: settings.upload_media,
            window_template,
        }
    }

    /// The template that is sent when the window for free messages is closed.
    #[must_use]
    pub fn window_template(&self) -> Option<&Template> {
        self.window_template.as_ref()
    }

    /// Claims the conversation of `job`. If no queue delivers the job again, waits a few seconds for a busy one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, job: &Job, clock: &Clock) -> Result<Claim, OutboxError> {
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
    ) -> Result<Claim, OutboxError> {
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
                store::Claim::Fresh(conversation) => return Ok(Claim::Fresh(lease(conversation, false))),
                store::Claim::Resume(conversation) => return Ok(Claim::Resume(lease(conversation, true))),
                store::Claim::Done => return Ok(Claim::Done),
                store::Claim::Busy(until) => {
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

    /// Stores the new state `next` of the conversation, the completion of `job` and the replies, in one write.
    ///
    /// If there is nothing to send, the conversation is free afterwards. Returns how many messages are to be sent.
    ///
    /// # Errors
    /// When the answer is too large, which changes nothing; or when the store fails. The answer may be stored all the same, so `lease`
    /// contains it, with nothing in doubt: nothing was sent.
    pub async fn commit(
        &self,
        lease: &mut Lease,
        mut next: Conversation,
        job: &Job,
        commit: Commit,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let Commit { mut outputs, replies, dead_letter } = commit;
        self.upload_data(&lease.id.number, &mut outputs, clock).await;
        next.mark_done(job, clock.now());
        let is_said_again = !replies.is_empty() || dead_letter.is_some();
        let (fitted, choices) = self.fit(outputs, &next);
        if !is_said_again {
            next.choices.renew(choices);
            // Older texts are not sent again after newer ones. A failed file may be reported much later.
            next.sent.retain(|sent| !without_file(&sent.output.content).is_empty());
        }
        let replies = fitted.into_iter().map(Reply::from).chain(replies).collect();
        self.plan(lease, next, job, Plan { replies, dead_letter, is_apology: false }, clock).await
    }

    /// The outputs, fitted to the channel, and the choices in them.
    fn fit(&self, outputs: Vec<Output>, next: &Conversation) -> (Vec<Output>, Choices) {
        outbound::fit(outputs, Style { settings: &self.text, to_group: next.person.group_id.is_some() })
    }

    async fn plan(
        &self,
        lease: &mut Lease,
        mut next: Conversation,
        job: &Job,
        plan: Plan,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let Plan { replies, dead_letter, is_apology } = plan;
        let dead_letter = dead_letter.as_ref().map(serde_json::to_string).transpose();
        let dead_letter = dead_letter.map_err(|error| OutboxError::Queue(QueueError::Unwritable(error)))?;
        let is_sent_now =
            dead_letter.is_none() && replies.first().is_some_and(|first| !self.has_upload(&first.output.content));
        let count = replies.len();
        next.outbox = (count > 0 || dead_letter.is_some()).then(|| Pending {
            job: job.own_id(),
            message_id: job.task.message_id().to_owned(),
            to: next.person.clone(),
            replies,
            dead_letter,
            is_apology,
        });
        let bytes = next.bytes();
        if bytes > MAX_ANSWERED_BYTES {
            return Err(OutboxError::AnswerTooLarge { bytes });
        }
        let then = if next.outbox.is_some() { Hold::Keep } else { Hold::Release };
        let before = std::mem::replace(&mut lease.conversation, next);
        lease.in_doubt = false;
        if is_sent_now {
            lease.set_first(ReplyState::Sending(clock.now()));
        }
        match self.save(lease, then).await {
            Ok(()) => Ok(count),
            Err(error) => {
                if let OutboxError::Store(StoreError::TooLarge) = error {
                    lease.conversation = before;
                }
                // Nothing has been sent, whether the store has kept the plan or not.
                lease.set_first(ReplyState::Planned);
                Err(error)
            }
        }
    }

    /// Records the status of a reply: it is out. Costs a read, and a write only if the reply is in doubt.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, OutboxError> {
        Ok(self.store.settle(id, reply).await?)
    }

    /// Counts a failure of `job`, frees the conversation, and returns how often the job has failed by now.
    ///
    /// # Errors
    /// When the store fails; then the lease ends by itself.
    pub async fn give_back(&self, lease: &mut Lease, job: &TurnId, reason: &str) -> Result<u32, OutboxError> {
        let tries = lease.conversation.count_failure(job, reason);
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
        self.pace.session_expiration.map(|expiration| after(clock.now(), expiration.max(DONE_KEPT)))
    }
}
