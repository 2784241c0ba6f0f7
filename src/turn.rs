//! The line: one job in, one outcome out.
//!
//! ```text
//! claim+load ▸ what is still to be sent ▸ take in ▸ ask the agent (and show that we are reading) ▸ commit ▸ deliver
//! ```

use std::time::Duration;

use crate::{
    agents::{AgentError, Question},
    app::App,
    conversation::{Conversation, Job, Said, Session},
    outbox::{Claim, Held, OutboxError},
    retry::{Clock, Retry, USEFUL_REST},
    store::Hold,
    telemetry::Chain,
};

/// Most failures of a job before it is given up.
pub const TRIES_MOST: u32 = 5;
/// How long after a message it may be answered with free words.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages#customer-service-windows>
pub const WINDOW: Duration = Duration::from_hours(24);

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
    if job.message.sent_at.is_some_and(|sent_at| sent_at + WINDOW < clock.now()) {
        return Err(TurnError::TooLate.into());
    }
    let mut held = match app.outbox.claim(job, clock).await.map_err(TurnError::from)? {
        Claim::Fresh(held) | Claim::Resume(held) => held,
        Claim::Done => return Ok(Outcome::Repeated),
        Claim::Busy => return Err(TurnError::Busy.into()),
    };
    match converse(app, job, &mut held, clock).await {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            let counted = app.outbox.give_back(&mut held, &job.id).await.inspect_err(|error| {
                tracing::warn!(job = %job.id, error = %Chain(error), "the conversation is not free before the lease ends");
            });
            Err(Failure { error, tries: counted.unwrap_or_default() })
        }
    }
}

/// Tells the person, in the operator's words, that no answer will come.
///
/// # Errors
/// When the words could not be kept or sent; they are not tried again.
pub async fn apologize(app: &App, job: &Job, words: &str, clock: &Clock) -> Result<(), OutboxError> {
    if let Claim::Fresh(mut held) = app.outbox.claim(job, clock).await? {
        app.outbox.apologize(&mut held, job, words, clock).await?;
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

    let mut next = held.conversation.clone();
    let session = next.take_in(&job.person, job.message.sent_at, clock.now(), app.settings.pace.session_expiration);
    let (answer, ()) = tokio::join!(ask(app, job, &next, &session, clock), show_reading(app, job));
    let (said, agent) = answer?;

    let messages = app.outbox.commit(held, next, job, said, clock).await?;
    if messages == 0 {
        tracing::warn!(job = %job.id, "the agent had nothing to say: the person gets no answer");
    }
    app.outbox.deliver(held, &job.id, Hold::Release, clock).await?;
    Ok(Outcome::Answered { messages, agent })
}

/// What the agent says, and how long it took.
async fn ask(
    app: &App,
    job: &Job,
    conversation: &Conversation,
    session: &Session,
    clock: &Clock,
) -> Result<(Vec<Said>, Duration), AgentError> {
    let question = Question {
        user_id: &job.conversation.user,
        person: &conversation.person,
        session_id: session.id,
        inputs: session.inputs,
        message: &job.message,
        key: &job.id,
    };
    // What the agent may take, and still leaves time to commit its answer.
    let patience = app.settings.agent.timeout.min(clock.left().saturating_sub(USEFUL_REST));
    let asked_at = clock.now();
    let said = app.agent.ask(&question, patience).await?;
    Ok((said, clock.now().duration_since(asked_at).unsigned_abs()))
}

/// Nothing depends on it, so its failure is only noted.
async fn show_reading(app: &App, job: &Job) {
    if let Err(error) = app.graph.show_reading(&job.conversation.number, &job.message.id).await {
        tracing::info!(job = %job.id, error = %Chain(&error), "the read receipt was not taken");
    }
}
