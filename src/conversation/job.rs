//! A job: one task, the conversation it belongs to, and its id.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationId, Task, TurnId, ids::short_hash};
use crate::json;

/// One task for one conversation. As JSON it is also the body of a record in the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The same for every repeat of the same message.
    pub id: TurnId,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// What is to be done.
    pub task: Task,
    /// How often it was redriven from the dead-letter queue; 0 if it was never given up.
    #[serde(default, skip_serializing_if = "json::is_zero")]
    pub redrives: u32,
}

impl Job {
    /// The id under which the conversation knows the job: its failures, its replies, and that it is done.
    ///
    /// Each redrive has its own id, because the job is already marked as done: it was given up. A repeat of the redrive still
    /// changes nothing.
    #[must_use]
    pub fn own_id(&self) -> TurnId {
        match self.redrives {
            0 => self.id.clone(),
            redrives => TurnId::from(short_hash(&[&self.id.to_string(), &format!("redrive {redrives}")])),
        }
    }
}

impl Conversation {
    /// Notes who asked in `job`, and when, though there is no answer: they have written all the same.
    pub fn note_question(&mut self, job: &Job, now: Timestamp) {
        job.task.person().into_iter().for_each(|person| self.meet(person));
        if let Some(question) = job.task.question() {
            self.open_window(question.sent_at, now);
        }
    }

    /// Notes that `job` is done, or given up, which only a redrive lifts.
    pub fn mark_done(&mut self, job: &Job, now: Timestamp) {
        self.done.mark(&job.id, now);
        if job.redrives > 0 {
            self.done.mark(&job.own_id(), now);
        }
        self.failing = None;
    }
}
