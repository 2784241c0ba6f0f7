//! The shapes of an answer: a text, or an object that contains it under one of the usual names.

use serde_json::Value;

use crate::agents::{
    AgentError, Answer,
    aws::AwsError,
    contract,
    shapes::{NAMES, outputs, texts_of},
};

/// Reads an answer. If an agent writes JSON itself, its framework encodes that once more, as a text.
pub(crate) fn read(value: &Value) -> Result<Answer, AgentError> {
    let within = value.as_str().and_then(|text| serde_json::from_str(text).ok()).filter(Value::is_object);
    if let Some(within) = within.filter(|within| within.get("outputs").is_some() || texts_of(within).is_some()) {
        return read(&within);
    }
    if let Some(answer) = whole(value)? {
        return Ok(answer);
    }
    let texts =
        texts_of(value).ok_or_else(|| AgentError::Unreadable(format!("it contains none of {}", NAMES.join(", "))))?;
    Ok(outputs(texts).into())
}

/// Reads an answer whose shape is certain: one of our own contract, or an error.
pub(crate) fn whole(value: &Value) -> Result<Option<Answer>, AgentError> {
    if value.get("error").is_some_and(|error| !error.is_null()) {
        // Its text is left out: it may repeat a person's.
        return Err(AwsError::Failed("error".to_owned()).into());
    }
    let is_ours = value.get("outputs").is_some_and(Value::is_array);
    is_ours.then(|| contract::read(value.to_string().as_bytes())).transpose()
}
