//! The question of our own contract.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    agents::{AgentError, Data, Question, client::to_json},
    conversation::{Attachment, PhoneNumberId, Tap, TurnId, Wamid},
};

/// The version of the contract.
const VERSION: u32 = 1;

/// The question as JSON, for all transports of this contract.
pub(crate) fn body(question: &Question<'_>) -> Result<Vec<u8>, AgentError> {
    let message = question.message;
    to_json(&Request {
        version: VERSION,
        turn_id: question.turn,
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    version: u32,
    turn_id: &'a TurnId,
    session_id: &'a str,
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
    id: &'a Wamid,
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
    phone_number_id: &'a PhoneNumberId,
    /// Until then free messages may be sent; after that, only templates.
    window_expires_at: Option<Timestamp>,
}
