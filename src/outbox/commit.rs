//! The commit of a turn: the new state, the completion of the job and the replies, in one write.

use super::{Lease, Outbox, OutboxError, error::MAX_ANSWERED_BYTES, substitutes::without_file};
use crate::{
    conversation::{Choices, Conversation, Job, Output, Pending, Reply, ReplyState, TurnId, Wamid},
    queue::{DeadLetter, QueueError},
    retry::Clock,
    store::{Hold, StoreError},
    whatsapp::outbound::{self, Style},
};

/// The result of a turn, besides the new state of the conversation.
#[derive(Debug, Default)]
pub struct Commit {
    /// The outputs, not yet fitted to the channel.
    pub outputs: Vec<Output>,
    /// Replies that already fit the channel.
    pub replies: Vec<Reply>,
    /// The dead letter that goes out before them.
    pub dead_letter: Option<DeadLetter>,
}

/// What is to be sent.
pub(super) struct Plan {
    /// The replies, fitted to the channel.
    pub(super) replies: Vec<Reply>,
    /// The dead letter that goes out before them.
    pub(super) dead_letter: Option<DeadLetter>,
    /// Whether the replies say that no answer will come.
    pub(super) is_apology: bool,
}

impl Outbox {
    /// Stores the new state `next` of the conversation, the completion of `job` and the replies, in one write.
    ///
    /// If there is nothing to send, the conversation is free afterwards. Returns how many messages are to be sent.
    ///
    /// # Errors
    /// When the answer is too large, which changes nothing; or when the store fails. The answer may be stored all the same, so `lease`
    /// contains it, with nothing in doubt: nothing was sent.
    pub async fn commit(
        &self,
        lease: &mut Lease,
        mut next: Conversation,
        job: &Job,
        commit: Commit,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let Commit { mut outputs, replies, dead_letter } = commit;
        self.upload_data(&lease.id.number, &mut outputs, clock).await;
        next.mark_done(job, clock.now());
        let is_said_again = !replies.is_empty() || dead_letter.is_some();
        let (fitted, choices) = self.fit(outputs, &next);
        if !is_said_again {
            next.choices.renew(choices);
            // Older texts are not sent again after newer ones. A failed file may be reported much later.
            next.sent.retain(|sent| !without_file(&sent.output.content).is_empty());
        }
        let replies = fitted.into_iter().map(Reply::from).chain(replies).collect();
        self.plan(lease, next, job, Plan { replies, dead_letter, is_apology: false }, clock).await
    }

    /// Whether these outputs can be kept in the conversation until they are sent.
    #[must_use]
    pub fn has_room(&self, conversation: &Conversation, outputs: &[Output]) -> bool {
        let mut next = conversation.clone();
        let (fitted, choices) = self.fit(outputs.to_vec(), &next);
        next.choices.renew(choices);
        next.outbox = Some(Pending {
            turn: TurnId::from([0; 8]),
            message_id: Wamid::default(),
            to: next.person.clone(),
            replies: fitted.into_iter().map(Reply::from).collect(),
            dead_letter: None,
            is_notice: true,
            is_apology: false,
        });
        next.bytes() <= MAX_ANSWERED_BYTES
    }

    /// The outputs, fitted to the channel, and the choices in them.
    pub(super) fn fit(&self, outputs: Vec<Output>, next: &Conversation) -> (Vec<Output>, Choices) {
        outbound::fit(outputs, Style { settings: &self.text, to_group: next.person.group_id.is_some() })
    }

    /// Stores `next` with the replies of `plan`.
    pub(super) async fn plan(
        &self,
        lease: &mut Lease,
        mut next: Conversation,
        job: &Job,
        plan: Plan,
        clock: &Clock,
    ) -> Result<usize, OutboxError> {
        let Plan { mut replies, dead_letter, is_apology } = plan;
        for reply in &mut replies {
            reply.is_unasked |= job.task.is_unasked();
        }
        let dead_letter = dead_letter.as_ref().map(serde_json::to_string).transpose();
        let dead_letter = dead_letter.map_err(|error| OutboxError::Queue(QueueError::Unwritable(error)))?;
        let is_sent_now =
            dead_letter.is_none() && replies.first().is_some_and(|first| !self.has_upload(&first.output.content));
        let count = replies.len();
        next.outbox = (count > 0 || dead_letter.is_some()).then(|| Pending {
            turn: job.own_id(),
            message_id: job.task.message_id().cloned().unwrap_or_default(),
            to: next.person.clone(),
            replies,
            dead_letter,
            is_notice: job.task.is_notice(),
            is_apology,
        });
        let bytes = next.bytes();
        if bytes > MAX_ANSWERED_BYTES {
            return Err(OutboxError::AnswerTooLarge { bytes });
        }
        let then = if next.outbox.is_some() { Hold::Keep } else { Hold::Release };
        let before = std::mem::replace(&mut lease.conversation, next);
        lease.in_doubt = false;
        if is_sent_now {
            lease.set_first(ReplyState::Sending(clock.now()));
        }
        match self.save(lease, then).await {
            Ok(()) => Ok(count),
            Err(error) => {
                if let OutboxError::Store(StoreError::TooLarge) = error {
                    lease.conversation = before;
                }
                // Nothing has been sent, whether the store has kept the plan or not.
                lease.set_first(ReplyState::Planned);
                Err(error)
            }
        }
    }
}
