//! The line: one job in, one outcome out.
//!
//! ```text
//! claim+load ▸ what is still to be sent ▸ take in ▸ ask the agent (and show that we are reading) ▸ commit ▸ deliver
//! ```

mod asking;
mod errands;
mod nameless;

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use crate::{
    agents::{AgentError, Answer},
    app::App,
    conversation::{Errand, Job, Said},
    outbox::{Claim, Held, OutboxError},
    retry::{Clock, Retry},
    store::Hold,
    telemetry::Chain,
    whatsapp::outbound::limits::WINDOW,
};

/// Most failures of a job before it is given up.
pub const TRIES_MOST: u32 = 5;
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
    /// It was not the agent's matter: a new name, or a file that could not be fetched.
    Noted,
}

/// A job that is not done. Another delivery may do it; what was committed is not lost.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: TurnError,
    /// How often the job has failed by now; 0 where that could not be noted.
    pub tries: u32,
}

/// Why a job is not done.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Another invocation works on the conversation.
    #[error("another invocation works on this conversation and did not finish in time")]
    Busy,
    /// The message came so late that it may not be answered any more.
    #[error("the message is older than 24 hours: Meta would take nothing but a template as an answer")]
    TooLate,
    /// A fault of ours.
    #[error("the message made the endpoint panic: {0}")]
    Panicked(String),
    /// The agent gave no answer.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The store or Graph failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl TurnError {
    /// Whether another delivery of the job can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Busy => Retry::SOON,
            Self::TooLate | Self::Panicked(_) => Retry::Never,
            Self::Agent(error) => error.retry(),
            Self::Outbox(error) => error.retry(),
        }
    }
}

impl From<TurnError> for Failure {
    fn from(error: TurnError) -> Self {
        Self { error, tries: 0 }
    }
}

impl Failure {
    /// Whether it makes no sense to try once more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.error.retry() == Retry::Never || self.tries >= TRIES_MOST
    }
}

/// Does one job.
///
/// # Errors
/// Why it is not done; the conversation is free again and nothing that was committed is lost.
pub async fn run(app: &App, job: &Job, clock: &Clock) -> Result<Outcome, Failure> {
    let asks = match &job.errand {
        Errand::Answer => true,
        Errand::Rename(names) => names.is_told,
        Errand::Replace(_) | Errand::Say(_) => false,
    };
    if asks && job.message.sent_at.is_some_and(|sent_at| sent_at + WINDOW < clock.now()) {
        return Err(TurnError::TooLate.into());
    }
    let claimed = AssertUnwindSafe(app.outbox.claim(job, clock)).catch_unwind().await;
    let mut held = match claimed.map_err(|panic| panicked(&*panic))?.map_err(TurnError::from)? {
        Claim::Fresh(held) | Claim::Resume(held) => held,
        Claim::Done => return Ok(Outcome::Repeated),
        Claim::Busy => return Err(TurnError::Busy.into()),
    };
    let turn = AssertUnwindSafe(converse(app, job, &mut held, clock)).catch_unwind().await;
    match turn.unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            let counted = app.outbox.give_back(&mut held, &job.id).await.inspect_err(|error| {
                tracing::warn!(job = %job.id, error = %Chain(error), "the conversation is not free before the lease ends");
            });
            Err(Failure { error, tries: counted.unwrap_or_default() })
        }
    }
}

/// Tells the person, in what the operator has prepared for it, that no answer will come.
///
/// # Errors
/// When that could not be kept or sent; it is not tried again.
pub async fn apologize(app: &App, job: &Job, error: &TurnError, clock: &Clock) -> Result<(), OutboxError> {
    let said = match error {
        TurnError::Agent(_) => app.settings.fallback_text.clone().map(Said::Text),
        TurnError::TooLate => app.outbox.window_template().cloned().map(Said::Template),
        TurnError::Busy | TurnError::Panicked(_) | TurnError::Outbox(_) => None,
    };
    let Some(said) = said else { return Ok(()) };
    if let Claim::Fresh(mut held) = app.outbox.claim(job, clock).await? {
        app.outbox.apologize(&mut held, job, said, clock).await?;
        app.outbox.deliver(&mut held, &job.id, Hold::Release, clock).await?;
    }
    Ok(())
}

async fn converse(app: &App, job: &Job, held: &mut Held, clock: &Clock) -> Result<Outcome, TurnError> {
    if held.has_done(&job.id) {
        app.outbox.deliver(held, &job.id, Hold::Release, clock).await?;
        return Ok(Outcome::Resumed);
    }
    app.outbox.deliver(held, &job.id, Hold::Keep, clock).await?;
    let person = match &job.errand {
        Errand::Answer => &job.person,
        Errand::Rename(names) => {
            app.outbox.rename(held, names, job, clock).await?;
            app.outbox.deliver(held, &job.id, Hold::Keep, clock).await?;
            if !names.is_told {
                return errands::note(app, job, held, None, clock).await;
            }
            &names.person
        }
        Errand::Replace(reply) => return errands::note(app, job, held, Some(reply), clock).await,
        Errand::Say(later) => return errands::follow_up(app, job, held, later, clock).await,
    };

    let mut next = held.conversation.clone();
    let session = next.take_in(person, job.message.sent_at, clock.now(), app.settings.pace.session_expiration);
    let (answer, agent) = asking::ask(app, job, held.known_as(), &next, &session, clock).await?;
    let Answer { outputs, memory, ends_session, handover, comes_later } = answer;
    next.remember(memory, ends_session);
    errands::note_handover(job, handover.as_ref());
    if comes_later {
        // Before the commit: the answer may be here in a moment.
        app.outbox.await_answer(held, job, session.id, clock).await?;
        tracing::info!(job = %job.id, "the agent answers later: without its answer the person gets none");
    }

    let messages = app.outbox.commit(held, next, job, outputs, clock).await?;
    if messages == 0 && !comes_later {
        tracing::warn!(job = %job.id, "the agent had nothing to say: the person gets no answer");
    }
    app.outbox.deliver(held, &job.id, Hold::Release, clock).await?;
    Ok(Outcome::Answered { messages, agent })
}

/// What a panic says, which is our own words and never a person's.
fn panicked(panic: &(dyn Any + Send)) -> TurnError {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    TurnError::Panicked(words.unwrap_or_else(|| "no words".to_owned()))
}
