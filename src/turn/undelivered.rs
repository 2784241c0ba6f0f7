//! Tasks that need no agent: deferred answers, and replies that were not delivered.

use super::Turn;
use crate::conversation::{Answer, DeferredAnswer, Undelivered};

impl Turn<'_> {
    /// Accepts a deferred answer. It does not touch a session that has begun since then.
    pub(super) fn accept(&self, deferred: &DeferredAnswer) -> Answer {
        let DeferredAnswer { session, answer, .. } = deferred.clone();
        match self.next.session.as_ref().is_some_and(|open| open.id == session) {
            true => answer,
            false => Answer { memory: None, ends_session: false, ..answer },
        }
    }

    /// Returns what to send instead of a reply that the channel could not deliver.
    pub(super) async fn judge(&mut self, undelivered: &Undelivered) -> Answer {
        let judged = self.app.outbox.judge(&self.lease, &mut self.next, undelivered, self.clock).await;
        self.dead_letter = judged.dead_letter;
        Answer::of_replies(judged.replies)
    }
}
