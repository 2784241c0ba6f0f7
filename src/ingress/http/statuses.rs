//! Statuses: what Meta tells about replies that are on their way.

use futures_util::{StreamExt, stream};

use crate::{
    app::App,
    conversation::ConversationId,
    ingress::AT_ONCE,
    outbox::OutboxError,
    telemetry::redact,
    whatsapp::inbound::{Problem, Status, Tag},
};

/// Tells the outbox which replies are out: all that can be told, whatever becomes of one.
///
/// Only the first news of a message can settle a doubt, so the others cost nothing. That a reply was not delivered is a job.
///
/// # Errors
/// The first failure: Meta has to send the statuses again.
pub(super) async fn settle(app: &App, statuses: Vec<Status>) -> Result<(), OutboxError> {
    // Side by side: a status that has to wait behind others may come too late to settle anything.
    let settled = stream::iter(statuses).map(|status| settle_one(app, status)).buffer_unordered(AT_ONCE);
    settled.fold(Ok(()), async |result, settled| result.and(settled)).await
}

async fn settle_one(app: &App, status: Status) -> Result<(), OutboxError> {
    let Some(Tag { reply, user }) = status.tag else {
        for Problem { code, title, details } in &status.problems {
            let (title, details) = (redact(title, []), details.as_deref().map(|text| redact(text, [])));
            tracing::error!(code, title, details, "a message that we did not send was not delivered");
        }
        return Ok(());
    };
    let conversation = ConversationId { number: status.number, user };
    if matches!(status.state.as_str(), "sent" | "failed") && app.outbox.settle(&conversation, &reply).await? {
        tracing::info!(%reply, state = status.state, "a status has settled a reply in doubt");
    }
    Ok(())
}
