//! The only way out: claim a conversation, commit what is to be said, deliver it.
//!
//! A commit keeps the session, the planned replies and the job's completion in one write, before the first reply goes
//! out. Whatever happens afterwards, the agent is not asked again, and the next delivery of the job goes on at the first
//! reply that is not known to be sent. One reply costs three writes: claim, commit, and the end.
//!
//! To give a job up is a commit as well: it is done from then on, its dead letter is the first thing that goes out, and what the person
//! is told instead of an answer follows. What a conversation may weigh is decided here too, before anything is written.
//!
//! Graph takes no idempotency key. A reply that was being sent when the invocation ended is in doubt: the status of the message
//! settles it, which brings back the tag that we sent along, and only without one it is sent again.

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

/// Most bytes that a conversation may weigh with a new answer in it.
///
/// An item has 400 kB. What is left over is for what joins it without an answer: jobs that are done, what is known of the person under
/// another name, the reason of a failure.
const MAX_ANSWERED_BYTES: usize = 320 * 1024;
/// How long a busy conversation is waited for where no queue brings the job again.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// Everything that sending needs.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn Store>,
    graph: Graph,
    dead_letters: DeadLetters,
    credentials: Arc<Credentials>,
    pace: Pace,
    /// How long a busy conversation is waited for.
    busy_patience: Duration,
    text: TextSettings,
    /// Whether linked files are uploaded.
    upload_media: bool,
    /// What goes out when free words are not taken any more.
    window_template: Option<Template>,
}

/// A conversation in our hands.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What we know of it.
    pub conversation: Conversation,
    id: ConversationId,
    token: LeaseToken,
    /// Whether a reply that was being sent may be out: another invocation, or a send of ours, ended without an answer.
    in_doubt: bool,
    /// What goes out for the reply at this place: the same with ids of uploaded files in the place of links.
    uploaded: Option<(usize, Content)>,
}

/// What a claim came to.
#[derive(Debug)]
pub enum Claim {
    /// Nobody has done the job.
    Fresh(Lease),
    /// Replies of this or an earlier job are still on their way and come first.
    Resume(Lease),
    /// The job is done.
    Done,
    /// Another invocation works on the conversation, until this moment at the latest.
    Busy(Timestamp),
}

/// What a turn ends in, beside what the conversation becomes.
#[derive(Debug, Default)]
pub struct Commit {
    /// What is said.
    pub outputs: Vec<Output>,
    /// What fits the channel already.
    pub replies: Vec<Reply>,
    /// The letter before them.
    pub letter: Option<DeadLetter>,
}

/// What is to go out.
struct Plan {
    /// The replies, as the channel takes them.
    replies: Vec<Reply>,
    /// The letter before them.
    letter: Option<DeadLetter>,
    /// Whether the replies say that no answer will come.
    is_apology: bool,
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
    #[error("another invocation works on the conversation that this one becomes")]
    Busy(Timestamp),
    /// The invocation ends before the next reply may go out.
    #[error("no time left before the next reply: it follows with the next delivery of the job")]
    OutOfTime,
    /// The answer is more than a conversation can hold.
    #[error(
        "with this answer the conversation would have {bytes} bytes, of {MAX_ANSWERED_BYTES} at most: the agent says too much at once, or gives its choices too long ids"
    )]
    AnswerTooLarge {
        /// How many bytes it would have.
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
    /// Notes how far the first reply has come that is to go out.
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

    /// The job whose replies are on their way.
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

    /// What goes out when free words are not taken any more.
    #[must_use]
    pub fn window_template(&self) -> Option<&Template> {
        self.window_template.as_ref()
    }

    /// Takes the conversation of `job`. Where no queue brings the job again, a busy one is waited for, a few seconds.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim(&self, job: &Job, clock: &Clock) -> Result<Claim, OutboxError> {
        let token = LeaseToken { owner: Uuid::now_v7(), until: clock.deadline() };
        let claim = self.take(&job.conversation, job, &token, clock).await?;
        self.follow(claim, job, clock).await
    }

    /// Takes the conversation `id`, and no other, for `job`.
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

    /// Keeps `next`, which the conversation has become, the completion of `job` and what is to be said, in one write.
    ///
    /// With nothing to say, the conversation is free afterwards. Returns how many messages are to go out.
    ///
    /// # Errors
    /// When the answer is too large, which changes nothing; or when the store fails. It may have kept the answer then, so `lease` is
    /// what it would be, with nothing in doubt: nothing was sent.
    pub async fn commit(
        &self,
        lease: &mut Lease,
        mut next: Conversation,
        job: &Job,
        commit: Commit,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let Commit { mut outputs, replies, letter } = commit;
        self.upload_data(&lease.id.number, &mut outputs, clock).await;
        next.mark_done(job, clock.now());
        let is_said_again = !replies.is_empty() || letter.is_some();
        let (fitted, choices) = self.fit(outputs, &next);
        if !is_said_again {
            next.choices.renew(choices);
            // Older words are not sent again behind newer ones. A file may be reported much later.
            next.sent.retain(|sent| !without_file(&sent.output.content).is_empty());
        }
        let replies = fitted.into_iter().map(Reply::from).chain(replies).collect();
        self.plan(lease, next, job, Plan { replies, letter, is_apology: false }, clock).await
    }

    /// What is said, as the channel takes it, and the choices in it.
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
        let Plan { replies, letter, is_apology } = plan;
        let letter = letter.as_ref().map(serde_json::to_string).transpose();
        let letter = letter.map_err(|error| OutboxError::Queue(QueueError::Unwritable(error)))?;
        let is_sent_now =
            letter.is_none() && replies.first().is_some_and(|first| !self.has_upload(&first.output.content));
        let count = replies.len();
        next.outbox = (count > 0 || letter.is_some()).then(|| Pending {
            job: job.own_id(),
            message_id: job.task.message_id().to_owned(),
            to: next.person.clone(),
            replies,
            letter,
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
                // Nothing has gone out, whether the store has kept the plan or not.
                lease.set_first(ReplyState::Planned);
                Err(error)
            }
        }
    }

    /// Notes what a status has told: the reply is out. Costs a read, and a write only if the reply is in doubt.
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

    /// Without expiration a conversation is kept for good; else as long as a repeat of its last job may come.
    fn keep_until(&self, clock: &Clock) -> Option<Timestamp> {
        self.pace.session_expiration.map(|expiration| after(clock.now(), expiration.max(DONE_KEPT)))
    }
}
