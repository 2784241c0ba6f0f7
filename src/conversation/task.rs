//! The task of a job. Each kind carries what it needs, and ends in an answer.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Answer, Message, Output, Person, Reply, ReplyId, Wamid};

/// What a job asks of us.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A person wrote.
    Message(Box<MessageTask>),
    /// An agent answers after its turn.
    Deferred(DeferredAnswer),
    /// The channel accepted a reply and could not deliver it.
    Undelivered(Undelivered),
    /// Replies of an earlier turn that could not be sent then are to be sent now.
    Resend(Resend),
}

/// A message of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MessageTask {
    /// Who wrote.
    pub person: Person,
    /// What.
    pub message: Message,
    /// The person's new names, if the message reports any; names that it does not repeat are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Person>,
    /// Whether it is only a notice, which the agent does not get.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_notice: bool,
}

/// An answer that an agent gives after its turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeferredAnswer {
    /// The channel's id of the message that is answered.
    pub message_id: Wamid,
    /// The session of the turn: no other one is touched.
    pub session: Uuid,
    /// What the agent says.
    pub answer: Answer,
}

/// A reply that the channel accepted and could not deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// The channel's id of the reply.
    pub message_id: Wamid,
    /// Which reply it is.
    pub reply: ReplyId,
    /// The reason, as far as the channel reports it.
    pub failures: Vec<DeliveryFailure>,
}

/// Why a reply was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFailure {
    /// The channel's code.
    pub code: i64,
    /// The reason, without text of the conversation.
    pub reason: String,
}

/// Replies that are still to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resend {
    /// The channel's id of the message that they answer.
    pub message_id: Wamid,
    /// Where they go.
    pub to: Person,
    /// The replies, in order. They already fit the channel.
    pub outputs: Vec<Output>,
}

impl Task {
    /// The channel's id of the message that it is about.
    #[must_use]
    pub fn message_id(&self) -> &Wamid {
        match self {
            Self::Message(task) => &task.message.id,
            Self::Deferred(deferred) => &deferred.message_id,
            Self::Undelivered(undelivered) => &undelivered.message_id,
            Self::Resend(resend) => &resend.message_id,
        }
    }

    /// The other side of the conversation, if the task knows more than its name.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Message(task) => Some(&task.person),
            Self::Resend(resend) => Some(&resend.to),
            Self::Deferred(_) | Self::Undelivered(_) => None,
        }
    }

    /// The message that waits for the agent's answer.
    #[must_use]
    pub fn question(&self) -> Option<&Message> {
        match self {
            Self::Message(task) => Some(&task.message).filter(|_| !task.is_notice),
            Self::Deferred(_) | Self::Undelivered(_) | Self::Resend(_) => None,
        }
    }

    /// Whether someone waits for a reply that we have or will have: an answer of the agent.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Deferred(_)) || self.question().is_some()
    }
}

impl Resend {
    /// The replies, none of them sent.
    #[must_use]
    pub fn replies(&self) -> Vec<Reply> {
        self.outputs.iter().cloned().map(Reply::from).collect()
    }
}
