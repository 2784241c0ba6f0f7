//! Our own contract: one JSON question, one JSON answer, whatever carries them.
//!
//! HTTP, Lambda, `AgentCore`, Lex and Rasa share it. `docs/agents/http.md` describes it for agent authors, `docs/agents/http.schema.json`
//! for their tools.

mod answer;
mod fields;
mod outputs;
mod question;

use super::{AgentError, Answer};

pub(crate) use self::{
    answer::{PostedAnswer, read_posted},
    fields::{Fault, Fields, readable},
    outputs::output,
    question::body,
};

/// The answer, for all transports of this contract.
pub(crate) fn read(bytes: &[u8]) -> Result<Answer, AgentError> {
    answer::read(bytes).map_err(AgentError::Unreadable)
}

#[cfg(test)]
mod tests;
