//! Statuses: what Meta tells about replies that are on their way.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    app::App,
    conversation::{ConversationId, Job},
    ingress::AT_ONCE,
    outbox::{OutboxError, blame},
    queue::{DeadLetter, QueueError},
    retry::Clock,
    whatsapp::inbound::{Problem, Status, Tag},
};

/// Tells the outbox which replies are out, and the ledger of failures which were not delivered.
///
/// Only the first news of a message can settle a doubt, so the others cost nothing. Answers the jobs that follow from failures.
pub(super) async fn take_in(app: &App, statuses: Vec<Status>, clock: &Clock) -> Result<Vec<Job>, StatusError> {
    let jobs = statuses.iter().filter_map(Status::job).collect();
    // Side by side: a status that has to wait behind others may come too late to settle anything.
    let taken = stream::iter(statuses).map(|status| take_in_one(app, status, clock)).buffer_unordered(AT_ONCE);
    taken.try_collect::<()>().await?;
    Ok(jobs)
}

async fn take_in_one(app: &App, status: Status, clock: &Clock) -> Result<(), StatusError> {
    let Some(Tag { reply, user }) = status.tag else {
        for Problem { code, title, details } in &status.problems {
            tracing::error!(code, title, details, "a message that we did not send was not delivered");
        }
        return Ok(());
    };
    let conversation = ConversationId { number: status.number, user };
    if matches!(status.state.as_str(), "sent" | "failed") && app.outbox.settle(&conversation, &reply).await? {
        tracing::info!(%reply, state = status.state, "a status has settled a reply in doubt");
    }
    for problem in &status.problems {
        let reason = format!("a reply was not delivered: {}", problem.details.as_ref().unwrap_or(&problem.title));
        let mut letter = DeadLetter::of_reply(&reply, &conversation, reason, clock.now());
        blame(&mut letter, problem.code, None);
        app.dead_letters.bury(&letter).await?;
    }
    Ok(())
}

/// Why a status is not taken in: Meta has to send it again.
#[derive(Debug, thiserror::Error)]
pub(super) enum StatusError {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}
