//! An answer of our own contract, immediate or deferred.

use serde_json::Value;

use super::{
    fields::{Fault, Fields},
    outputs,
};
use crate::{
    agents::{Answer, shapes},
    conversation::TurnId,
    json,
};

/// A deferred answer, read from a request body.
#[derive(Debug)]
pub(crate) struct PostedAnswer {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// The agent's id of this answer: the same for every copy of it.
    pub id: Option<String>,
    /// The answer itself.
    pub answer: Answer,
}

/// What n8n's Webhook node answers by itself, before the workflow has said anything.
const STARTED: &str = "Workflow was started";
/// The fields of an answer; it has to have one of them.
const FIELDS: [&str; 4] = ["outputs", "session", "handover", "memory"];

/// Reads the body of an immediate answer.
pub(crate) fn read(bytes: &[u8]) -> Result<Answer, Fault> {
    of(json::read(bytes).map_err(|error| error.to_string())?)
}

/// Reads an answer of our contract, or one in another shape whose text is unambiguous.
fn of(value: Value) -> Result<Answer, Fault> {
    match value {
        Value::Object(_) => {
            let mut fields = Fields::of("", value)?;
            // An agent may name the turn here as well, though it is known.
            let _turn = fields.any("turnId");
            answer(fields)
        }
        // Some frameworks answer with a list of the results of their steps.
        Value::Array(mut items) if items.len() == 1 && items[0].is_object() => of(items.swap_remove(0)),
        Value::Array(items) if items.iter().any(Value::is_string) => Ok(outputs::outputs("", items)?.into()),
        Value::String(text) => Ok(shapes::outputs([text]).into()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            Err("the answer is not an object".to_owned())
        }
    }
}

/// Reads the body of a deferred answer.
///
/// # Errors
/// What is wrong with it, and where, without quoting it.
pub(crate) fn read_posted(bytes: &[u8]) -> Result<PostedAnswer, Fault> {
    let value: Value = json::read(bytes).map_err(|error| error.to_string())?;
    let mut fields = Fields::of("", value)?;
    let (turn, id) = (fields.text("turnId")?, fields.maybe_text("id")?);
    let turn = turn.parse().map_err(|error| fields.fault(format_args!("\"turnId\": {error}")))?;
    Ok(PostedAnswer { turn, id, answer: answer(fields)? })
}

fn answer(mut fields: Fields) -> Result<Answer, Fault> {
    let _version = fields.any("version");
    if !FIELDS.iter().any(|name| fields.has(name)) {
        return other_shape(fields);
    }
    let (outputs, mut faults) = match fields.any("outputs") {
        None => (Vec::new(), Vec::new()),
        Some(Value::Array(items)) => (outputs::outputs("outputs", items)?, Vec::new()),
        Some(Value::String(text)) => (shapes::outputs([text]), Vec::new()),
        Some(_) => (Vec::new(), vec![fields.fault("\"outputs\" is not a list")]),
    };
    let ends_session = or_fault(ends_session(&mut fields), &mut faults);
    let memory = fields.any("memory");
    let handover = or_fault(fields.object("handover").and_then(|given| given.map(handover).transpose()), &mut faults);
    if outputs.is_empty() && !faults.is_empty() {
        return Err(faults.swap_remove(0));
    }
    for fault in faults {
        tracing::warn!(fault, "a part of the agent's answer cannot be read: the rest is sent");
    }
    fields.end();
    Ok(Answer { outputs, memory, ends_session, handover, ..Answer::default() })
}

/// A text under one of the usual names.
fn other_shape(fields: Fields) -> Result<Answer, Fault> {
    if fields.fills("error") {
        // Its text is left out: it may repeat a person's.
        return Err(fields.fault("it reports an error of its own"));
    }
    let rest = fields.rest();
    if rest["message"] == STARTED {
        tracing::warn!("n8n has only started the workflow: let its Webhook node respond with \"Respond to Webhook\"");
        return Ok(Answer::default());
    }
    let found = shapes::texts_of(&rest);
    let names = shapes::NAMES.join(", ");
    let fault = || format!("the answer has neither outputs nor session, handover or memory, nor words under {names}");
    Ok(shapes::outputs(found.ok_or_else(fault)?).into())
}

fn or_fault<T: Default>(read: Result<T, Fault>, faults: &mut Vec<Fault>) -> T {
    read.unwrap_or_else(|fault| {
        faults.push(fault);
        T::default()
    })
}

fn ends_session(fields: &mut Fields) -> Result<bool, Fault> {
    let Some(mut session) = fields.object("session")? else { return Ok(false) };
    let ends = session.flag("end")?;
    session.end();
    Ok(ends)
}

/// The reason; only a human can take over.
fn handover(mut fields: Fields) -> Result<String, Fault> {
    if fields.maybe_text("to")?.is_some_and(|to| to != "human") {
        return Err(fields.fault("\"to\" is not \"human\""));
    }
    let reason = fields.maybe_text("reason")?.unwrap_or_default();
    fields.end();
    Ok(reason)
}
