//! What an agent gets that must not know who a person is: what was said, under a pseudonym.

use crate::{
    agents::{AgentError, pseudonym},
    app::App,
    conversation::{Job, Message},
    whatsapp::inbound,
};

/// A message and its sender without everything that tells who the sender is.
pub(super) struct Pseudonymous {
    /// The pseudonym.
    pub user_id: String,
    /// The message: its id is the job's, for Meta's holds the phone number.
    pub message: Message,
}

impl Pseudonymous {
    /// Hides who said `message`; `name` is the one that lasts.
    pub(super) async fn of(app: &App, job: &Job, name: &str, message: &Message) -> Result<Self, AgentError> {
        let keys = app.credentials.keys().await?;
        let key = keys.verify_token.present().ok_or(AgentError::NoPseudonym)?;
        let user_id = pseudonym(key, &job.conversation.number, name);
        let message =
            Message { id: job.id.to_string(), raw: inbound::redact_identity(&message.raw), ..message.clone() };
        Ok(Self { user_id, message })
    }
}
