//! Pseudonymous messages, for agents that must not know who a person is.

use crate::{
    agents::{AgentError, pseudonym},
    app::App,
    conversation::{Job, Message},
    whatsapp::inbound,
};

/// A message with everything removed that identifies its sender.
pub(super) struct Pseudonymous {
    /// The pseudonym.
    pub user_id: String,
    /// The message. Its id is the turn's, because Meta's id contains the phone number.
    pub message: Message,
}

impl Pseudonymous {
    /// Hides who sent `message`; `name` is the person's stable name.
    pub(super) async fn of(app: &App, job: &Job, name: &str, message: &Message) -> Result<Self, AgentError> {
        let keys = app.credentials.keys().await?;
        let key = keys.verify_token.present().ok_or(AgentError::NoPseudonym)?;
        let user_id = pseudonym(key, &job.conversation.number, name);
        let message =
            Message { id: job.id.to_string().into(), raw: inbound::redact_identity(&message.raw), ..message.clone() };
        Ok(Self { user_id, message })
    }
}
