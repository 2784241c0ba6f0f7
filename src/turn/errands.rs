//! What is done in a conversation without asking the agent.

use super::{Outcome, TurnError};
use crate::{
    app::App,
    conversation::{Job, Later, Output},
    outbox::Held,
    retry::Clock,
    store::Hold,
};

/// Ends a job that the agent does not hear of and that says nothing.
pub(super) async fn note(app: &App, job: &Job, held: &mut Held, clock: &Clock) -> Result<Outcome, TurnError> {
    let next = held.conversation.clone();
    app.outbox.commit(held, next, job, Vec::new(), clock).await?;
    app.outbox.deliver(held, &job.own_id(), Hold::Release, clock).await?;
    Ok(Outcome::Noted)
}

/// Says what the agent has answered after its turn. A session that has begun since then is not touched.
pub(super) async fn follow_up(
    app: &App,
    job: &Job,
    held: &mut Held,
    later: &Later,
    clock: &Clock,
) -> Result<Outcome, TurnError> {
    let Later { session, outputs, memory, ends_session, handover } = later.clone();
    let mut next = held.conversation.clone();
    if next.session.as_ref().is_some_and(|open| open.id == session) {
        next.remember(memory, ends_session)?;
    }
    note_handover(job, handover.as_ref());
    let messages = app.outbox.commit(held, next, job, outputs, clock).await?;
    app.outbox.deliver(held, &job.own_id(), Hold::Release, clock).await?;
    Ok(Outcome::Followed { messages })
}

/// Sends what an earlier turn could not send.
pub(super) async fn deliver(
    app: &App,
    job: &Job,
    held: &mut Held,
    outputs: &[Output],
    clock: &Clock,
) -> Result<Outcome, TurnError> {
    let next = held.conversation.clone();
    let messages = app.outbox.commit(held, next, job, outputs.to_vec(), clock).await?;
    app.outbox.deliver(held, &job.own_id(), Hold::Release, clock).await?;
    Ok(Outcome::Followed { messages })
}

/// The reason is not logged: it may hold a person's words.
pub(super) fn note_handover(job: &Job, reason: Option<&String>) {
    if reason.is_some() {
        tracing::warn!(job = %job.id, "the agent hands over to a human, and no desk is connected");
    }
}
