//! What is done in a conversation without asking the agent.

use super::{Outcome, TurnError};
use crate::{
    app::App,
    conversation::{Job, Later, Output, ReplyId},
    outbox::Held,
    retry::Clock,
    store::Hold,
};

/// Ends a job that the agent does not hear of; says what takes the place of `replaced`.
pub(super) async fn note(
    app: &App,
    job: &Job,
    held: &mut Held,
    replaced: Option<&ReplyId>,
    clock: &Clock,
) -> Result<Outcome, TurnError> {
    let mut next = held.conversation.clone();
    let said = replaced.and_then(|reply| next.take_replacement(reply));
    app.outbox.commit(held, next, job, said.into_iter().map(Output::from).collect(), clock).await?;
    app.outbox.deliver(held, &job.id, Hold::Release, clock).await?;
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
        next.remember(memory, ends_session);
    }
    note_handover(job, handover.as_ref());
    let messages = app.outbox.commit(held, next, job, outputs, clock).await?;
    app.outbox.deliver(held, &job.id, Hold::Release, clock).await?;
    Ok(Outcome::Followed { messages })
}

/// The reason is not logged: it may hold a person's words.
pub(super) fn note_handover(job: &Job, reason: Option<&String>) {
    if reason.is_some() {
        tracing::warn!(job = %job.id, "the agent hands over to a human, and no desk is connected");
    }
}
