//! What needs no agent: an answer that was asked for earlier, and replies that did not arrive.

use super::Turn;
use crate::conversation::{Answer, DeferredAnswer, Undelivered};

impl Turn<'_> {
    /// What an agent answers after its turn. A session that has begun since then is not touched.
    pub(super) fn accept(&self, deferred: &DeferredAnswer) -> Answer {
        let DeferredAnswer { session, answer, .. } = deferred.clone();
        match self.next.session.as_ref().is_some_and(|open| open.id == session) {
            true => answer,
            false => Answer { memory: None, ends_session: false, ..answer },
        }
    }

    /// What follows from a reply that the channel could not deliver.
    pub(super) async fn judge(&mut self, undelivered: &Undelivered) -> Answer {
        let judged = self.app.outbox.judge(&self.lease, &mut self.next, undelivered, self.clock).await;
        self.letter = judged.letter;
        Answer::of_replies(judged.replies)
    }
}
