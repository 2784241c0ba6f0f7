//! A turn: one job in, one outcome out.
//!
//! ```text
//! claim ▸ what is still to be sent ▸ the task, which ends in an answer ▸ commit ▸ deliver
//! ```

mod asking;
mod consent;
mod ending;
mod greeting;
pub(crate) mod hooks;
mod proactive;
mod pseudonymous;
mod undelivered;

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;

use crate::{
    agents::AgentError,
    app::App,
    conversation::{Answer, Conversation, Job, MemoryTooLarge, MessageTask, Task},
    hooks::{HookError, Run},
    outbox::{Commit, Lease, OutboxError},
    queue::{DeadLetter, QueueError},
    retry::{Clock, Retry},
    store::{Claim, Hold},
    telemetry::last_panic,
};

/// Most failures of a job before it is given up.
pub const MAX_TRIES: u32 = 5;
/// The outcome of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The agent answered, and every reply was sent.
    Answered {
        /// How many messages were sent.
        messages: usize,
        /// How long the agent took.
        agent: Duration,
    },
    /// An earlier delivery had answered the job; the rest of its replies is sent.
    Resumed,
    /// The job was done before: nothing to do.
    Repeated,
    /// A deferred answer, or earlier replies, were sent.
    Followed {
        /// How many messages were sent.
        messages: usize,
    },
    /// What another system says to the person was sent.
    Notified {
        /// How many messages were sent.
        messages: usize,
    },
    /// The operator's script keeps the message from the agent.
    Suppressed,
    /// The agent was not asked: a new name, a word for opting out, or a reply that was not delivered.
    Noted,
    /// It cannot be done: the person gets an apology, if possible, and a dead letter says why.
    GivenUp,
}

/// A job that is not done. Another delivery may do it; what was committed is not lost.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: TurnError,
    /// How often the job has failed by now; 0 if that could not be stored, or is not counted.
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
    /// The message came too late to be answered.
    #[error("the message is older than 24 hours: Meta would accept only a template as an answer")]
    TooLate,
    /// The session that another system speaks of is over.
    #[error("the session is over: leave sessionId out to speak in the one that is open")]
    SessionOver,
    /// The operator's script failed, and the operator wants the turn to end then.
    #[error("the transformer is at fault, and ABORT_ON_TRANSFORMER_ERROR is true: {0}")]
    Transformer(HookError),
    /// It should have been given up already, and that could not be stored.
    #[error("it has failed {MAX_TRIES} times, the last time because {0}")]
    TriedOut(String),
    /// A bug of ours.
    #[error("the message made the endpoint panic at {0}: a fault of this program, please report the place")]
    Panicked(String),
    /// The agent gave no answer.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The agent's memory is too large.
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
            Self::TooLate
            | Self::SessionOver
            | Self::Transformer(_)
            | Self::TriedOut(_)
            | Self::Panicked(_)
            | Self::Memory(_) => Retry::Never,
            Self::Agent(error) => error.retry(),
            Self::Outbox(error) => error.retry(),
        }
    }

    /// Whether the job itself did not fail: it only has to come again.
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::NoTime | Self::Outbox(OutboxError::Busy(_) | OutboxError::OutOfTime))
    }
}

impl From<QueueError> for TurnError {
    fn from(error: QueueError) -> Self {
        Self::Outbox(OutboxError::Queue(error))
    }
}

/// One job and its claimed conversation.
pub(crate) struct Turn<'a> {
    app: &'a App,
    job: &'a Job,
    /// The conversation as it is stored, and the right to write it.
    lease: Lease,
    /// The new state of the conversation.
    next: Conversation,
    /// The dead letter that goes out before the answer's replies.
    dead_letter: Option<DeadLetter>,
    /// How long the agent took, if it was asked.
    agent_time: Option<Duration>,
    /// The operator's script, once one of its hooks has run.
    run: Option<Run<'a>>,
    /// Whether the script keeps the message from the agent.
    is_suppressed: bool,
    clock: &'a Clock,
}

/// Does one job, which the queue has delivered `receives` times.
///
/// This never panics: a panic in the turn, or while giving the job up, is a failure like any other.
///
/// # Errors
/// Why it is not done; the conversation is free again and nothing that was committed is lost.
pub async fn run(app: &App, job: &Job, receives: u32, clock: &Clock) -> Result<Outcome, Failure> {
    let mut turn = None;
    let error = match caught(Box::pin(attempt(app, job, &mut turn, clock))).await {
        Ok(outcome) => return Ok(outcome),
        Err(error) => error,
    };
    // Boxed: both are large futures, and few turns need the second.
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
    turn.recall_preferences().await?;
    turn.expect_greeting();
    let answer = match &turn.job.task {
        Task::Message(task) => {
            turn.adopt_identity(task).await?;
            match turn.consent(task) {
                Some(answer) => answer,
                None if task.is_notice => Answer::default(),
                None => turn.ask(task).await?,
            }
        }
        Task::Inject(inject) => turn.inject(inject).await?,
        Task::Notify(notice) => turn.notify(notice).await?,
        Task::Prefer(change) => turn.prefer(change),
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
        Self {
            app,
            job,
            lease,
            next: Conversation::default(),
            dead_letter: None,
            agent_time: None,
            run: None,
            is_suppressed: false,
            clock,
        }
    }

    /// Notes something in the conversation that holds even if the job fails.
    fn note(&mut self, note: impl Fn(&mut Conversation)) {
        note(&mut self.lease.conversation);
        note(&mut self.next);
    }

    /// After how much silence a session ends.
    fn expiration(&self) -> Option<Duration> {
        self.app.settings.conversation.session_expiration
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

    /// Fails if the job has used up its tries; then it should have been given up already.
    fn check_tries(&self) -> Result<(), TurnError> {
        let failing = self.lease.conversation.failing.as_ref().filter(|failing| failing.turn == self.job.own_id());
        match failing.filter(|failing| failing.tries >= MAX_TRIES) {
            Some(failing) => Err(TurnError::TriedOut(failing.reason.clone())),
            None => Ok(()),
        }
    }

    /// Moves the conversation to the new names that the message reports.
    async fn adopt_identity(&mut self, task: &MessageTask) -> Result<(), TurnError> {
        if let Some(becomes) = &task.becomes {
            self.app.outbox.rename(&mut self.lease, becomes, self.job, self.clock).await?;
            // Unsent replies under the new name.
            self.deliver(Hold::Keep).await?;
        }
        Ok(())
    }

    /// Stores the new state of the conversation and the replies in one write; returns the number of messages.
    async fn commit(&mut self, mut answer: Answer) -> Result<usize, TurnError> {
        self.hook_outputs(&mut answer).await?;
        let Answer { mut outputs, replies, memory, ends_session, handover, is_deferred, flow: _ } = answer;
        if handover.is_some() {
            // The reason is not logged: it may contain a person's text.
            tracing::warn!(turn = %self.job.id, "the agent hands over to a human, and no desk is connected");
        }
        self.greet(&mut outputs);
        self.keep_preferences().await?;
        self.keep_aliases().await?;
        self.keep_storages().await?;
        let mut next = std::mem::take(&mut self.next);
        if let Some(session) = next.session.as_ref().filter(|_| is_deferred) {
            self.app.outbox.await_answer(&self.lease, self.job, session.id, self.clock).await?;
            tracing::info!(turn = %self.job.id, "the agent defers its answer");
        }
        next.remember(memory, ends_session)?;
        let commit = Commit { outputs, replies, dead_letter: self.dead_letter.take() };
        Ok(self.app.outbox.commit(&mut self.lease, next, self.job, commit, self.clock).await?)
    }

    fn outcome(&self, messages: usize) -> Outcome {
        match (&self.job.task, self.agent_time) {
            _ if self.is_suppressed => Outcome::Suppressed,
            (Task::Message(_) | Task::Inject(_), Some(agent)) => Outcome::Answered { messages, agent },
            (Task::Message(_) | Task::Undelivered(_) | Task::Inject(_) | Task::Prefer(_), _) => Outcome::Noted,
            (Task::Notify(_), _) => Outcome::Notified { messages },
            (Task::Deferred(_) | Task::Resend(_), _) => Outcome::Followed { messages },
        }
    }
}

/// The result of `turn`; a panic is an error like any other.
async fn caught<T>(turn: impl Future<Output = Result<T, TurnError>>) -> Result<T, TurnError> {
    AssertUnwindSafe(turn).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The text of a panic is not read: it may quote a person.
fn panicked(_: &(dyn Any + Send)) -> TurnError {
    TurnError::Panicked(last_panic().unwrap_or_else(|| "an unknown place".to_owned()))
}
