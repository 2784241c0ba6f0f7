//! An answer of our own contract, given at once or later.

use serde_json::Value;

use super::{
    fields::{Fault, Fields},
    outputs,
};
use crate::{agents::Answer, conversation::JobId, json};

/// An answer that comes later, as its request body holds it.
#[derive(Debug)]
pub struct LateAnswer {
    /// The turn it belongs to.
    pub turn: JobId,
    /// What the agent calls this answer: the same for every copy of it.
    pub id: Option<String>,
    /// What it says.
    pub answer: Answer,
}

/// Reads the body of an answer that was given at once.
pub fn read(bytes: &[u8]) -> Result<Answer, Fault> {
    let mut fields = object(bytes)?;
    // The turn may be named here as well, where it is known.
    let _turn = fields.maybe_text("turnId")?;
    answer(fields)
}

/// Reads the body of an answer that comes later.
///
/// # Errors
/// What is wrong with it, and where, without its words.
pub fn read_late(bytes: &[u8]) -> Result<LateAnswer, Fault> {
    let mut fields = object(bytes)?;
    let (turn, id) = (fields.text("turnId")?, fields.maybe_text("id")?);
    let turn = turn.parse().map_err(|error| fields.fault(format_args!("\"turnId\": {error}")))?;
    Ok(LateAnswer { turn, id, answer: answer(fields)? })
}

fn object(bytes: &[u8]) -> Result<Fields, Fault> {
    let value: Value = json::read(bytes).map_err(|error| error.to_string())?;
    Fields::of("", value)
}

fn answer(mut fields: Fields) -> Result<Answer, Fault> {
    let _version = fields.any("version");
    let says_something = ["outputs", "session", "handover", "memory"].iter().any(|name| fields.has(name));
    if !says_something {
        return Err(fields.fault("it has neither outputs nor session, handover or memory"));
    }
    let outputs = fields.items("outputs", outputs::output)?;
    let ends_session = match fields.object("session")? {
        None => false,
        Some(mut session) => {
            let ends = session.flag("end")?;
            session.end()?;
            ends
        }
    };
    let memory = fields.any("memory");
    let handover = fields.object("handover")?.map(handover).transpose()?;
    fields.end()?;
    Ok(Answer { outputs, memory, ends_session, handover, ..Answer::default() })
}

/// The reason; nobody but a human can take over.
fn handover(mut fields: Fields) -> Result<String, Fault> {
    if fields.maybe_text("to")?.is_some_and(|to| to != "human") {
        return Err(fields.fault("\"to\" is not \"human\""));
    }
    let reason = fields.maybe_text("reason")?.unwrap_or_default();
    fields.end().map(|()| reason)
}
