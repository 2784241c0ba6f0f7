//! `POST /notify`: another system says something to a person, without the agent.

use ::http::StatusCode;

use super::answer;
use super::caller::{Call, Checked, accepted, conflict, is_phone, name_of, refuse};
use crate::{
    agents,
    app::App,
    conversation::{Conversation, ConversationId, Job, Notice, Person, ScriptStorage, Task},
    retry::Clock,
    whatsapp::graph::GraphError,
};

pub(super) const ROUTE: &str = "notify";

/// The job that a call is, or why it is none.
pub(super) async fn job(
    app: &App,
    call: &Call,
    body: &[u8],
    storages: Vec<ScriptStorage>,
    clock: &Clock,
) -> Checked<Job> {
    let body = agents::read_notify(body).map_err(|why| refuse(ROUTE, &why))?;
    let name = name_of(&body.user_id);
    let to = Person { phone: Some(name.to_owned()).filter(|_| is_phone(name)), ..Person::default() };
    let (conversation, stored, to) = match call.find(app, name, clock).await? {
        Some((conversation, stored)) => (conversation, stored, Person::default()),
        None if to.phone.is_some() => {
            let id = ConversationId { number: call.number.clone(), user: name.to_owned() };
            let kept = app.outbox.kept_preferences(&id, &to, clock).await;
            let preferences = kept.map_err(|error| call.unreadable(&error))?;
            (id, Conversation { preferences, ..Conversation::default() }, to)
        }
        None => return Err(call.nobody()),
    };
    let turn = call.turn(name);
    if stored.done.contains(&turn) {
        return Err(accepted(&turn));
    }
    for output in &body.outputs {
        // Looked at once more when it is sent.
        match app.outbox.passage(&stored, true, &output.content, clock) {
            Err(GraphError::OptedOut) => {
                return Err(conflict(ROUTE, "opted_out", "the person wants nothing that they did not ask for"));
            }
            Err(_) if app.outbox.window_template().is_none() => {
                let details = "the person has not written within 24 hours: send a template, or set WINDOW_TEMPLATE";
                return Err(conflict(ROUTE, "window_closed", details));
            }
            Ok(_) | Err(_) => {}
        }
    }
    if !app.outbox.has_room(&stored, &body.outputs) {
        tracing::warn!(route = ROUTE, outputs = body.outputs.len(), "a call is refused: too much at once");
        return Err(answer(StatusCode::PAYLOAD_TOO_LARGE, "this is more than can be kept at once; send it in parts"));
    }
    let task = Task::Notify(Notice { to, outputs: body.outputs, storages });
    Ok(Job { id: turn, conversation, task, redrives: 0 })
}
