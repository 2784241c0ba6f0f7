//! The history of a conversation, and how it is shortened for a server that refuses all of it.

use serde_json::Value;

use super::{Shape, history::History, responses::Memory};
use crate::agents::{AgentError, refusal};

/// The history, in the form that the server wants.
#[derive(Debug)]
pub(crate) enum Before {
    /// All of it.
    Chat(History),
    /// The id of the last response.
    Response(Option<String>),
}

impl Before {
    pub(crate) fn remembered(shape: Shape, memory: Option<&Value>) -> Self {
        match shape {
            Shape::Chat => Self::Chat(History::remembered(memory)),
            Shape::Responses => Self::Response(Memory::remembered(memory).response),
        }
    }

    /// Leaves out a part; returns whether there was anything to leave out.
    pub(crate) fn shorten(&mut self) -> bool {
        match self {
            Self::Chat(history) => history.halve(),
            Self::Response(previous) => previous.take().is_some(),
        }
    }

    /// Whether the server no longer knows the last response. Some report that only after the stream has begun.
    pub(crate) fn is_unknown(&self, error: &AgentError) -> bool {
        match (self, error) {
            (Self::Response(_), AgentError::Refused(refusal)) => refusal.status == 404,
            (Self::Response(_), AgentError::Failed(code)) => code.contains("previous_response"),
            (Self::Chat(_) | Self::Response(_), _) => false,
        }
    }
}

/// Whether the server may accept the same question with less context.
pub(crate) fn takes_less(error: &AgentError) -> bool {
    match error {
        AgentError::Refused(refusal) => refusal.is_of_question(),
        error => is_too_long(error),
    }
}

/// Whether the question was too long for the server.
pub(crate) fn is_too_long(error: &AgentError) -> bool {
    match error {
        AgentError::Refused(refusal) => refusal.is_too_long(),
        AgentError::Failed(code) => refusal::is_too_long(code),
        AgentError::Unreachable(_)
        | AgentError::UnreachableCard { .. }
        | AgentError::Rejected
        | AgentError::TimedOut(_)
        | AgentError::Unreadable(_)
        | AgentError::TooLarge { .. }
        | AgentError::Resting { .. }
        | AgentError::NoPseudonym
        | AgentError::Credentials(_)
        | AgentError::Aws(_) => false,
    }
}
