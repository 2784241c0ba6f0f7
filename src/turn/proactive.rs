//! Tasks of other systems: something is said to the agent, or to the person, that the person has not asked for.

use super::{Turn, TurnError};
use crate::{
    agents::pseudonym,
    conversation::{Answer, Inject, Notice, Task},
    outbox::OutboxError,
    settings::UserIdFormat,
    whatsapp::graph::GraphError,
};

impl Turn<'_> {
    /// Puts to the agent what another system says. No receipt is shown, and the channel's window stays as it is.
    pub(super) async fn inject(&mut self, inject: &Inject) -> Result<Answer, TurnError> {
        self.refuse_if_opted_out()?;
        let open = self.next.session_at(self.clock.now(), self.expiration()).map(|open| open.id);
        if inject.session.is_some() && inject.session != open {
            return Err(TurnError::SessionOver);
        }
        self.take_storages(&inject.storages).await?;
        self.put(&inject.message).await
    }

    /// Says to the person what another system says: the agent does not hear of it.
    pub(super) async fn notify(&mut self, notice: &Notice) -> Result<Answer, TurnError> {
        self.refuse_if_opted_out()?;
        self.next.meet(&notice.to);
        let expiration = self.expiration();
        self.next.renew_session(self.clock.now(), expiration);
        self.take_storages(&notice.storages).await?;
        Ok(notice.outputs.clone().into())
    }

    /// Lets the other names of the person lead to the conversation, where other systems may write to people.
    pub(super) async fn keep_aliases(&mut self) -> Result<(), TurnError> {
        let app = self.app;
        if !matches!(self.job.task, Task::Message(_)) || !app.credentials.has_api_key().await {
            return Ok(());
        }
        let id = self.lease.id();
        let known = self.lease.agent_user_id();
        let mut names: Vec<_> = self.next.person.names().cloned().collect();
        match app.settings.agent.user_id {
            UserIdFormat::Plain => names.push(known.to_owned()),
            UserIdFormat::Hashed => {
                let keys = app.credentials.keys().await.map_err(crate::agents::AgentError::from)?;
                names.extend(keys.verify_token.present().map(|key| pseudonym(key, &id.number, known)));
            }
        }
        let alias = self.next.session.as_ref().and_then(|session| session.alias.as_ref());
        names.extend(alias.and_then(|alias| alias.user_id.clone()));
        app.outbox.keep_aliases(&self.lease, &mut self.next, &names, self.clock).await?;
        Ok(())
    }

    /// They may have said so after the door had looked.
    fn refuse_if_opted_out(&self) -> Result<(), TurnError> {
        match self.next.is_opted_out() {
            true => Err(OutboxError::from(GraphError::OptedOut).into()),
            false => Ok(()),
        }
    }
}
