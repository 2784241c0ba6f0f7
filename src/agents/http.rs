//! Our own contract: one JSON question, one JSON answer, over HTTP.
//!
//! `docs/agents/http.md` describes it for agent authors, `docs/agents/http.schema.json` for their tools.

mod answer;
mod fields;
mod outputs;

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

pub(crate) use self::{
    answer::{PostedAnswer, read_posted},
    fields::{Fault, Fields, readable},
    outputs::output,
};
use super::{
    AgentError, Answer, Data, Question,
    client::{Call, Client, to_json, traceparent},
    shapes,
};
use crate::conversation::{Attachment, Tap, TurnId};

/// The version of the contract.
const VERSION: u32 = 1;

/// Asks the agent. 202 means a deferred answer, 204 none.
pub(crate) async fn ask(client: &Client, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
    let (key, trace) = (question.key.to_string(), traceparent(question.key));
    let headers = [("idempotency-key", key.as_str()), ("traceparent", &trace)];
    let call = Call { url: client.url().clone(), body: body(question)?.into(), headers: &headers, is_signed: true };
    let reading = client.send(call, patience).await?;
    match reading.status() {
        StatusCode::ACCEPTED if client.has_token().await? => Ok(Answer { is_deferred: true, ..Answer::default() }),
        StatusCode::ACCEPTED => Err(AgentError::Unreadable(
            "HTTP 202 promises an answer later, which could not be checked: agent_token is empty in the secret".into(),
        )),
        StatusCode::NO_CONTENT => Ok(Answer::default()),
        _ => {
            let is_text = reading.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
            let body = reading.whole().await?;
            match read(&body) {
                // Plain text, as some tools answer.
                Err(AgentError::Unreadable(_)) if is_text && !looks_like_json(&body) => {
                    Ok(shapes::texts([String::from_utf8_lossy(&body).into_owned()]).into())
                }
                answer => answer,
            }
        }
    }
}

/// Whether a text was meant to be JSON, and is broken.
fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The question as JSON, for all transports of this contract.
pub(crate) fn body(question: &Question<'_>) -> Result<Vec<u8>, AgentError> {
    let message = question.message;
    to_json(&Request {
        version: VERSION,
        turn_id: question.key,
        session_id: question.session_id,
        user_id: question.user_id,
        new_session: question.inputs == 1,
        locale: question.locale,
        text: message.text.as_deref().unwrap_or_default(),
        messages: [Part {
            id: &message.id,
            kind: &question.details.kind,
            text: message.text.as_deref(),
            reply: message.tap.as_ref(),
            attachments: &question.details.attachments,
            raw: &message.raw,
        }],
        channel: Channel {
            name: "whatsapp",
            phone_number_id: question.number,
            window_expires_at: question.window_ends,
        },
        data: question.data(),
        memory: question.memory,
    })
}

/// The answer, for all transports of this contract.
pub(crate) fn read(bytes: &[u8]) -> Result<Answer, AgentError> {
    answer::read(bytes).map_err(AgentError::Unreadable)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    version: u32,
    turn_id: &'a TurnId,
    session_id: Uuid,
    user_id: &'a str,
    new_session: bool,
    locale: Option<&'a str>,
    text: &'a str,
    messages: [Part<'a>; 1],
    channel: Channel<'a>,
    data: Data<'a>,
    memory: Option<&'a Value>,
}

/// One message of the turn.
#[derive(Serialize)]
struct Part<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    text: Option<&'a str>,
    /// The choice that was tapped.
    reply: Option<&'a Tap>,
    attachments: &'a [Attachment],
    raw: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Channel<'a> {
    name: &'static str,
    phone_number_id: &'a str,
    /// Until then free messages may be sent; after that, only templates.
    window_expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests;
