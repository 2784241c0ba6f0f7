//! The line: one job in, one outcome out.
//!
//! ```text
//! claim ▸ what is still to be sent ▸ the task, which ends in an answer ▸ commit ▸ deliver
//! ```

mod asking;
mod ending;
mod pseudonymous;
mod undelivered;

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;

use crate::{
    agents::AgentError,
    app::App,
    conversation::{Answer, Conversation, Job, MemoryTooLarge, MessageTask, Task},
    outbox::{Claim, Commit, Lease, OutboxError},
    queue::{DeadLetter, QueueError},
    retry::{Clock, Retry},
    store::Hold,
    telemetry::last_panic,
};

/// Most failures of a job before it is given up.
pub const MAX_TRIES: u32 = 5;
/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The agent was asked and its answer is out: so many messages.
    Answered {
        /// How many messages the answer was.
        messages: usize,
        /// How long the agent took.
        agent: Duration,
    },
    /// The job had been answered by an earlier delivery; what was still to be sent is out.
    Resumed,
    /// The job was done before: nothing to do.
    Repeated,
    /// An answer that came after its turn is out: so many messages.
    Followed {
        /// How many messages it was.
        messages: usize,
    },
    /// It was not the agent's matter: a new name, or a reply that was not delivered.
    Noted,
    /// It cannot be done: the person is told, as far as that can be, and a dead letter says why.
    GivenUp,
}

/// A job that is not done. Another delivery may do it; what was committed is not lost.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: TurnError,
    /// How often the job has failed by now; 0 where that could not be noted, or is not counted.
    pub tries: u32,
}

/// Why a job is not done.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Another invocation works on the conversation.
    #[error("another invocation works on this conversation")]
    Busy(Timestamp),
    /// The invocation ends too soon.
    #[error(
        "the invocation ends before the agent would have had its whole time: the message is the first of the next one"
    )]
    NoTime,
    /// The message came so late that it may not be answered any more.
    #[error("the message is older than 24 hours: Meta would take nothing but a template as an answer")]
    TooLate,
    /// It was to be given up already, and that could not be written down.
    #[error("it has failed {MAX_TRIES} times, the last time because {0}")]
    TriedOut(String),
    /// A fault of ours.
    #[error("the message made the endpoint panic at {0}: a fault of this program, please report the place")]
    Panicked(String),
    /// The agent gave no answer.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The agent wants to be told too much.
    #[error("the answer of the agent cannot be kept: {0}")]
    Memory(#[from] MemoryTooLarge),
    /// The store or Graph failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl TurnError {
    /// Whether another delivery of the job can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Busy(_) | Self::NoTime => Retry::SOON,
            Self::TooLate | Self::TriedOut(_) | Self::Panicked(_) | Self::Memory(_) => Retry::Never,
            Self::Agent(error) => error.retry(),
            Self::Outbox(error) => error.retry(),
        }
    }

    /// Whether it says nothing about the job: it has to come again, and that is all.
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::NoTime | Self::Outbox(OutboxError::Busy(_) | OutboxError::OutOfTime))
    }
}

impl From<QueueError> for TurnError {
    fn from(error: QueueError) -> Self {
        Self::Outbox(OutboxError::Queue(error))
    }
}

/// One job in our hands, and the conversation it belongs to.
pub(crate) struct Turn<'a> {
    app: &'a App,
    job: &'a Job,
    /// The conversation as it is kept, and the right to write it.
    lease: Lease,
    /// What the conversation becomes with the answer.
    next: Conversation,
    /// The letter that goes out before the answer's replies.
    letter: Option<DeadLetter>,
    /// How long the agent took, if it was asked.
    agent_time: Option<Duration>,
    clock: &'a Clock,
}

/// Does one job, which the queue has handed out for the time number `receives`.
///
/// Nothing in a job can make this panic: what does, in the turn or in giving it up, is a failure like any other.
///
/// # Errors
/// Why it is not done; the conversation is free again and nothing that was committed is lost.
pub async fn run(app: &App, job: &Job, receives: u32, clock: &Clock) -> Result<Outcome, Failure> {
    let mut turn = None;
    let error = match caught(Box::pin(attempt(app, job, &mut turn, clock))).await {
        Ok(outcome) => return Ok(outcome),
        Err(error) => error,
    };
    // In boxes: both are large futures, and few turns need the second.
    Box::pin(ending::end(app, job, turn, error, receives, clock)).await
}

async fn attempt<'a>(
    app: &'a App,
    job: &'a Job,
    turn: &mut Option<Turn<'a>>,
    clock: &'a Clock,
) -> Result<Outcome, TurnError> {
    match app.outbox.claim(job, clock).await? {
        Claim::Fresh(lease) | Claim::Resume(lease) => converse(turn.insert(Turn::of(app, job, lease, clock))).await,
        Claim::Done => Ok(Outcome::Repeated),
        Claim::Busy(until) => Err(TurnError::Busy(until)),
    }
}

/// The whole life of a job. Each line is one stage.
async fn converse(turn: &mut Turn<'_>) -> Result<Outcome, TurnError> {
    if turn.is_done() {
        turn.deliver(Hold::Release).await?;
        return Ok(Outcome::Resumed);
    }
    turn.deliver(Hold::Keep).await?;
    turn.check_tries()?;
    let answer = match &turn.job.task {
        Task::Message(task) => {
            turn.adopt_identity(task).await?;
            match task.is_notice {
                true => Answer::default(),
                false => turn.ask(task).await?,
            }
        }
        Task::Deferred(deferred) => turn.accept(deferred),
        Task::Undelivered(undelivered) => turn.judge(undelivered).await,
        Task::Resend(resend) => Answer::of_replies(resend.replies()),
    };
    let messages = turn.commit(answer).await?;
    turn.deliver(Hold::Release).await?;
    Ok(turn.outcome(messages))
}

impl<'a> Turn<'a> {
    fn of(app: &'a App, job: &'a Job, lease: Lease, clock: &'a Clock) -> Self {
        Self { app, job, lease, next: Conversation::default(), letter: None, agent_time: None, clock }
    }

    /// Whether the job is done, though its replies may still be on their way.
    fn is_done(&self) -> bool {
        self.lease.has_done(self.job)
    }

    /// Sends what is still to be sent, of this job or of an earlier one.
    async fn deliver(&mut self, then: Hold) -> Result<(), TurnError> {
        self.app.outbox.deliver(&mut self.lease, &self.job.own_id(), then, self.clock).await?;
        if then == Hold::Keep {
            self.next = self.lease.conversation.clone();
        }
        Ok(())
    }

    /// Whether the job has been tried out; then it was to be given up already.
    fn check_tries(&self) -> Result<(), TurnError> {
        let failing = self.lease.conversation.failing.as_ref().filter(|failing| failing.job == self.job.own_id());
        match failing.filter(|failing| failing.tries >= MAX_TRIES) {
            Some(failing) => Err(TurnError::TriedOut(failing.reason.clone())),
            None => Ok(()),
        }
    }

    /// Lets the conversation go on under the names that the message tells.
    async fn adopt_identity(&mut self, task: &MessageTask) -> Result<(), TurnError> {
        if let Some(becomes) = &task.becomes {
            self.app.outbox.rename(&mut self.lease, becomes, self.job, self.clock).await?;
            // What was on its way under the new name.
            self.deliver(Hold::Keep).await?;
        }
        Ok(())
    }

    /// Keeps what the conversation becomes and what is to be said, in one write; returns how many messages that is.
    async fn commit(&mut self, answer: Answer) -> Result<usize, TurnError> {
        let Answer { outputs, replies, memory, ends_session, handover, is_deferred } = answer;
        if handover.is_some() {
            // The reason is not logged: it may hold a person's words.
            tracing::warn!(job = %self.job.id, "the agent hands over to a human, and no desk is connected");
        }
        let mut next = std::mem::take(&mut self.next);
        if let Some(session) = next.session.as_ref().filter(|_| is_deferred) {
            self.app.outbox.await_answer(&self.lease, self.job, session.id, self.clock).await?;
            tracing::info!(job = %self.job.id, "the agent promises an answer for later");
        }
        next.remember(memory, ends_session)?;
        let commit = Commit { outputs, replies, letter: self.letter.take() };
        Ok(self.app.outbox.commit(&mut self.lease, next, self.job, commit, self.clock).await?)
    }

    fn outcome(&self, messages: usize) -> Outcome {
        match (&self.job.task, self.agent_time) {
            (Task::Message(_), Some(agent)) => Outcome::Answered { messages, agent },
            (Task::Message(_) | Task::Undelivered(_), _) => Outcome::Noted,
            (Task::Deferred(_) | Task::Resend(_), _) => Outcome::Followed { messages },
        }
    }
}

/// What comes of `turn`; a panic is an error like any other.
async fn caught<T>(turn: impl Future<Output = Result<T, TurnError>>) -> Result<T, TurnError> {
    AssertUnwindSafe(turn).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The text of a panic is not read: it may quote a person.
fn panicked(_: &(dyn Any + Send)) -> TurnError {
    TurnError::Panicked(last_panic().unwrap_or_else(|| "an unknown place".to_owned()))
}
