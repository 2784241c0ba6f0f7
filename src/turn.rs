//! The line: one job in, one outcome out.
//!
//! ```text
//! claim+load ▸ what is still to be sent ▸ take in ▸ ask the agent (and show that we are reading) ▸ commit ▸ deliver
//! ```

mod asking;
mod ending;
mod errands;
mod nameless;

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;

use crate::{
    agents::{AgentError, Answer},
    app::App,
    conversation::{Errand, Job, MemoryTooLarge},
    outbox::{Claim, Held, OutboxError},
    queue::QueueError,
    retry::{Clock, Retry, after},
    store::Hold,
    telemetry::last_panic,
    whatsapp::outbound::limits::WINDOW,
};

/// Most failures of a job before it is given up.
pub const TRIES_MOST: u32 = 5;
/// What an agent's answer needs of an invocation to be committed, and its first reply to be sent.
const COMMIT_TIME: Duration = Duration::from_secs(5);

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
    #[error("it has failed {TRIES_MOST} times, the last time because {0}")]
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

/// Does one job, which the queue has handed out for the time number `receives`.
///
/// Nothing in a job can make this panic: what does, in the turn or in giving it up, is a failure like any other.
///
/// # Errors
/// Why it is not done; the conversation is free again and nothing that was committed is lost.
pub async fn run(app: &App, job: &Job, receives: u32, clock: &Clock) -> Result<Outcome, Failure> {
    let mut held = None;
    let error = match caught(Box::pin(attempt(app, job, &mut held, clock))).await {
        Ok(outcome) => return Ok(outcome),
        Err(error) => error,
    };
    // In boxes: both are large futures, and few turns need the second.
    Box::pin(ending::end(app, job, held, error, receives, clock)).await
}

async fn attempt(app: &App, job: &Job, held: &mut Option<Held>, clock: &Clock) -> Result<Outcome, TurnError> {
    let claimed = match app.outbox.claim(job, clock).await? {
        Claim::Fresh(claimed) | Claim::Resume(claimed) => claimed,
        Claim::Done => return Ok(Outcome::Repeated),
        Claim::Busy(until) => return Err(TurnError::Busy(until)),
    };
    converse(app, job, held.insert(claimed), clock).await
}

async fn converse(app: &App, job: &Job, held: &mut Held, clock: &Clock) -> Result<Outcome, TurnError> {
    let id = &job.own_id();
    if held.has_done(job) {
        app.outbox.deliver(held, id, Hold::Release, clock).await?;
        return Ok(Outcome::Resumed);
    }
    app.outbox.deliver(held, id, Hold::Keep, clock).await?;
    let failing = held.conversation.failing.as_ref().filter(|failing| failing.job == *id);
    if let Some(failing) = failing.filter(|failing| failing.tries >= TRIES_MOST) {
        return Err(TurnError::TriedOut(failing.reason.clone()));
    }
    if job.asks() && job.message.sent_at.is_some_and(|sent_at| after(sent_at, WINDOW) < clock.now()) {
        return Err(TurnError::TooLate);
    }
    let person = match &job.errand {
        Errand::Answer => &job.person,
        Errand::Rename(names) => {
            app.outbox.rename(held, names, job, clock).await?;
            if !names.is_told {
                return errands::note(app, job, held, clock).await;
            }
            // What was on its way under the new name.
            app.outbox.deliver(held, id, Hold::Keep, clock).await?;
            &names.person
        }
        Errand::Undelivered(undelivered) => {
            app.outbox.note_undelivered(held, job, undelivered, clock).await?;
            app.outbox.deliver(held, id, Hold::Release, clock).await?;
            return Ok(Outcome::Noted);
        }
        Errand::Say(later) => return errands::follow_up(app, job, held, later, clock).await,
        Errand::Deliver(outputs) => return errands::deliver(app, job, held, outputs, clock).await,
    };
    if !has_time(app, clock) {
        return Err(TurnError::NoTime);
    }
    let message = &job.message;
    let mut next = held.conversation.clone();
    let session = next.take_in(person, message.sent_at, clock.now(), app.settings.pace.session_expiration);
    let (answer, agent) = asking::ask(app, job, held.known_as(), &next, &session, clock).await?;
    let Answer { outputs, memory, ends_session, handover, comes_later } = answer;
    next.remember(memory, ends_session)?;
    errands::note_handover(job, handover.as_ref());
    if comes_later {
        app.outbox.await_answer(held, job, session.id, clock).await?;
        tracing::info!(job = %job.id, "the agent promises an answer for later");
    } else if outputs.is_empty() {
        tracing::info!(job = %job.id, "the agent has nothing to say to this message");
    }
    let messages = app.outbox.commit(held, next, job, outputs, clock).await?;
    app.outbox.deliver(held, id, Hold::Release, clock).await?;
    Ok(Outcome::Answered { messages, agent })
}

/// Whether the agent's whole time and the commit fit into what is left: otherwise a healthy agent would be asked in vain, and again.
///
/// Where an invocation is too short for that altogether, most of it has to be left.
fn has_time(app: &App, clock: &Clock) -> bool {
    let wanted = app.settings.agent.timeout.saturating_add(COMMIT_TIME);
    clock.left() >= wanted.min(clock.total() / 4 * 3)
}

/// What comes of `turn`; a panic is an error like any other.
async fn caught<T>(turn: impl Future<Output = Result<T, TurnError>>) -> Result<T, TurnError> {
    AssertUnwindSafe(turn).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The text of a panic is not read: it may quote a person.
fn panicked(_: &(dyn Any + Send)) -> TurnError {
    TurnError::Panicked(last_panic().unwrap_or_else(|| "an unknown place".to_owned()))
}
