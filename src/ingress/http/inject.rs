//! `POST /inject`: another system says something to the agent, as if the person had.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::caller::{Call, Checked, accepted, conflict, name_of, refuse};
use crate::{
    agents::{self, InjectBody},
    app::App,
    conversation::{INJECT, Inject, Job, Message, ScriptStorage, Session, Task, TurnId},
    retry::Clock,
};

pub(super) const ROUTE: &str = "inject";

/// The job that a call is, or why it is none.
pub(super) async fn job(
    app: &App,
    call: &Call,
    body: &[u8],
    storages: Vec<ScriptStorage>,
    clock: &Clock,
) -> Checked<Job> {
    let body = agents::read_inject(body).map_err(|why| refuse(ROUTE, &why))?;
    let name = name_of(&body.user_id);
    let (conversation, stored) = call.find(app, name, clock).await?.ok_or_else(|| call.nobody())?;
    if stored.last_message_at.is_none() && stored.session.is_none() {
        return Err(call.nobody());
    }
    let turn = call.turn(name);
    if stored.done.contains(&turn) {
        return Err(accepted(&turn));
    }
    if stored.is_opted_out() {
        return Err(conflict(ROUTE, "opted_out", "the person wants nothing that they did not ask for"));
    }
    let open = stored.session_at(clock.now(), app.settings.conversation.session_expiration);
    let session = match &body.session_id {
        None => None,
        Some(id) => match open.filter(|open| is_named(open, id)) {
            Some(open) => Some(open.id),
            None => {
                return Err(conflict(ROUTE, "session_over", "sessionId is not the session that is open; leave it out"));
            }
        },
    };
    let message = message(&turn, &body).map_err(|why| refuse(ROUTE, &why))?;
    Ok(Job { id: turn, conversation, task: Task::Inject(Box::new(Inject { message, session, storages })), redrives: 0 })
}

/// Whether this is the session's id, or the one that the operator's script has given it.
fn is_named(session: &Session, id: &str) -> bool {
    let alias = session.alias.as_ref().and_then(|alias| alias.session_id.as_deref());
    id.parse() == Ok(session.id) || alias == Some(id)
}

/// What is injected, in the form of a message.
fn message(turn: &TurnId, body: &InjectBody) -> Result<Message, String> {
    #[derive(Serialize)]
    struct Raw<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        inject: Option<&'a RawValue>,
    }
    #[derive(Serialize)]
    struct Text<'a> {
        body: &'a str,
    }
    let text = body.text.as_deref().map(|body| Text { body });
    let raw = to_raw_value(&Raw { r#type: INJECT, text, inject: body.data.as_deref() });
    Ok(Message {
        id: turn.to_string().into(),
        sent_at: None,
        text: body.text.clone(),
        tap: None,
        is_unsupported: false,
        raw: raw.map_err(|_| "\"data\" cannot be kept".to_owned())?,
    })
}
