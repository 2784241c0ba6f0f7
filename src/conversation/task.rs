//! The task of a job. Each kind carries what it needs, and ends in an answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Answer, Message, Output, Person, Preferences, Reply, ReplyId, Wamid};

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
    /// Another system says something to the agent, as if the person had.
    Inject(Box<Inject>),
    /// Another system says something to the person, without the agent.
    Notify(Notice),
    /// A person chose in WhatsApp whether they want messages that they did not ask for.
    Prefer(PreferenceChange),
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
    /// Whether the person has not asked for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_notice: bool,
}

/// What another system says to the agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inject {
    /// Its text and data, in the form of a message of type `inject`.
    pub message: Message,
    /// The session it is meant for; `None`: whichever is open, or a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
    /// What the operator's script has changed in its storages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storages: Vec<ScriptStorage>,
}

/// A storage of the operator's script, as it is to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptStorage {
    /// The user id of its pair.
    pub user_id: String,
    /// The session id of its pair.
    pub session_id: String,
    /// Its content.
    pub content: Map<String, Value>,
}

/// What another system says to the person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// To whom, if no conversation has told us yet.
    #[serde(default)]
    pub to: Person,
    /// What, not yet fitted to the channel.
    pub outputs: Vec<Output>,
    /// What the operator's script has changed in its storages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storages: Vec<ScriptStorage>,
}

/// A person's choice about messages that they did not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferenceChange {
    /// Whose.
    pub person: Person,
    /// What they want now.
    pub preferences: Preferences,
}

impl Task {
    /// The channel's id of the message that it is about, if it is about one.
    #[must_use]
    pub fn message_id(&self) -> Option<&Wamid> {
        match self {
            Self::Message(task) => Some(&task.message.id),
            Self::Deferred(deferred) => Some(&deferred.message_id),
            Self::Undelivered(undelivered) => Some(&undelivered.message_id),
            Self::Resend(resend) => Some(&resend.message_id),
            Self::Inject(_) | Self::Notify(_) | Self::Prefer(_) => None,
        }
    }

    /// The other side of the conversation, if the task knows more than its name.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Message(task) => Some(&task.person),
            Self::Resend(resend) => Some(&resend.to),
            Self::Notify(notice) => Some(&notice.to),
            Self::Prefer(change) => Some(&change.person),
            Self::Deferred(_) | Self::Undelivered(_) | Self::Inject(_) => None,
        }
    }

    /// The message that waits for the agent's answer.
    #[must_use]
    pub fn question(&self) -> Option<&Message> {
        match self {
            Self::Message(task) => Some(&task.message).filter(|_| !task.is_notice),
            Self::Deferred(_)
            | Self::Undelivered(_)
            | Self::Resend(_)
            | Self::Inject(_)
            | Self::Notify(_)
            | Self::Prefer(_) => None,
        }
    }

    /// Whether the person has not asked for what it sends.
    #[must_use]
    pub fn is_notice(&self) -> bool {
        match self {
            Self::Notify(_) => true,
            Self::Resend(resend) => resend.is_notice,
            Self::Message(_) | Self::Deferred(_) | Self::Undelivered(_) | Self::Inject(_) | Self::Prefer(_) => false,
        }
    }

    /// Whether the person has asked for nothing of what it sends, not even by a message that the agent answers.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        match self {
            Self::Notify(_) | Self::Inject(_) => true,
            // An inject has no message.
            Self::Deferred(deferred) => deferred.message_id.is_empty(),
            Self::Resend(resend) => resend.is_notice || resend.message_id.is_empty(),
            Self::Message(_) | Self::Undelivered(_) | Self::Prefer(_) => false,
        }
    }

    /// Whether someone waits for a reply that we have or will have: an answer of the agent.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Deferred(_)) && !self.is_unasked() || self.question().is_some()
    }
}

impl Resend {
    /// The replies, none of them sent.
    #[must_use]
    pub fn replies(&self) -> Vec<Reply> {
        self.outputs.iter().cloned().map(Reply::from).collect()
    }
}
