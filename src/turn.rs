//! The line: one job in, one outcome out.
//!
//! ```text
//! claim+load ▸ take in ▸ ask the agent (and show that we are reading) ▸ commit ▸ deliver
//! ```

use std::time::Duration;

use crate::{
    agents::{AgentError, Question},
    app::App,
    conversation::{Job, Said, Session},
    outbox::{Claim, Held, OutboxError},
    retry::{Clock, Retry, USEFUL_REST},
    store::Hold,
    telemetry::Chain,
};

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

/// Why a job is not done. Another delivery may do it; what was committed is not lost.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Another invocation works on the conversation.
    #[error("another invocation works on this conversation and did not finish in time")]
    Busy,
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
            Self::Agent(error) => error.retry(),
            Self::Outbox(error) => error.retry(),
        }
    }
}

/// Does one job.
///
/// # Errors
/// Why it is not done; the conversation is free again and nothing that was committed is lost.
pub async fn run(app: &App, job: &Job, clock: &Clock) -> Result<Outcome, TurnError> {
    let mut held = match app.outbox.claim(job, clock).await? {
        Claim::Fresh(held) => held,
        Claim::Done => return Ok(Outcome::Repeated),
        Claim::Busy => return Err(TurnError::Busy),
        Claim::Resume(mut held) if held.has_done(&job.id) => {
            app.outbox.deliver(&mut held, Hold::Release, clock).await?;
            return Ok(Outcome::Resumed);
        }
        Claim::Resume(mut held) => {
            app.outbox.deliver(&mut held, Hold::Keep, clock).await?;
            held
        }
    };
    let expiration = app.settings.session_expiration;
    let session = held.conversation.take_in(&job.person, job.message.sent_at, clock.now(), expiration);

    let (answer, ()) = tokio::join!(ask(app, job, &held, &session, clock), show_reading(app, job));
    let (said, agent) = match answer {
        Ok(answer) => answer,
        Err(error) => {
            if let Err(error) = app.outbox.give_back(&held).await {
                tracing::warn!(job = %job.id, error = %Chain(&error), "the conversation is not free before the lease ends");
            }
            return Err(error.into());
        }
    };

    let messages = app.outbox.commit(&mut held, job, said, clock).await?;
    if messages == 0 {
        tracing::warn!(job = %job.id, "the agent had nothing to say: the person gets no answer");
    }
    app.outbox.deliver(&mut held, Hold::Release, clock).await?;
    Ok(Outcome::Answered { messages, agent })
}

/// What the agent says, and how long it took.
async fn ask(
    app: &App,
    job: &Job,
    held: &Held,
    session: &Session,
    clock: &Clock,
) -> Result<(Vec<Said>, Duration), AgentError> {
    let question = Question {
        user_id: &job.conversation.user,
        person: &held.conversation.person,
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
