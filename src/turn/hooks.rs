//! The operator's script in a turn: before the agent is asked, and before its outputs are committed.

use std::{borrow::Cow, time::Duration};

use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use super::{Turn, TurnError};
use crate::{
    agents,
    conversation::{Alias, Answer, Content, Message, Output, ScriptStorage, Session, Task},
    hooks::{Hook, HookError, Input, Outcome, OutputReturn, Recall, Run, StoragePair},
    retry::USEFUL_REST,
    whatsapp::outbound,
};

/// What the agent is asked, after `handleInput`.
pub(super) struct Asked<'m> {
    /// The message, perhaps with another text.
    pub message: Cow<'m, Message>,
    /// Data that replaces ours.
    pub data: Option<Map<String, Value>>,
}

impl Turn<'_> {
    /// Runs `handleInput`; `None`: the script keeps the message from the agent.
    pub(super) async fn hook_input<'m>(
        &mut self,
        message: Cow<'m, Message>,
        session: &Session,
    ) -> Result<Option<Asked<'m>>, TurnError> {
        let is_message = matches!(self.job.task, Task::Message(_));
        let Some(hooks) = self.app.hooks.as_ref().filter(|hooks| is_message && hooks.has(Hook::Input)) else {
            return Ok(Some(Asked { message, data: None }));
        };
        let argument = json!({
            "endpoint": self.endpoint(),
            "request": self.request(&message),
        });
        let mut run = self.begin_run(hooks, session).await?;
        let (time, recall) = (self.hook_time(), self.recall());
        let (ended, _) = run.input(Hook::Input, &argument, time, &*recall).await;
        drop(recall);
        self.run = Some(run);
        match self.or_abort(ended)? {
            None | Some(Outcome::Absent) => Ok(Some(Asked { message, data: None })),
            Some(Outcome::Falsy) => {
                tracing::info!(turn = %self.job.id, "the transformer keeps the message from the agent");
                self.is_suppressed = true;
                Ok(None)
            }
            Some(Outcome::Returned(Input { user_id, session_id, text, data })) => {
                if let Some(session) = &mut self.next.session {
                    let alias = Alias { user_id, session_id };
                    session.alias = Some(alias).filter(|alias| *alias != Alias::default());
                }
                let message = match text {
                    Some(text) => Cow::Owned(Message { text: Some(text), ..message.into_owned() }),
                    None => message,
                };
                Ok(Some(Asked { message, data }))
            }
        }
    }

    /// Runs `handleOutput` for each output of the agent, or of another system.
    pub(super) async fn hook_outputs(&mut self, answer: &mut Answer) -> Result<(), TurnError> {
        let is_ours = self.agent_time.is_none() && !matches!(self.job.task, Task::Deferred(_) | Task::Notify(_));
        let Some(hooks) = self.app.hooks.as_ref().filter(|hooks| hooks.has(Hook::Output) && !is_ours) else {
            return Ok(());
        };
        let session = self.next.session.clone().or_else(|| self.lease.conversation.session.clone());
        let session = session.unwrap_or_else(|| Session::begun(self.clock.now()));
        let mut run = match self.run.take() {
            Some(run) => run,
            None => self.begin_run(hooks, &session).await?,
        };
        let (user_id, session_id) = self.names(&session);
        let (outputs, flow) = (std::mem::take(&mut answer.outputs), std::mem::take(&mut answer.flow));
        for (flow, outputs) in agents::flow_outputs(flow, outputs) {
            let processed = processed(&outputs);
            let argument = json!({
                "endpoint": self.endpoint(),
                "output": flow,
                "processedOutput": processed,
                "userId": user_id,
                "sessionId": session_id,
            });
            let (time, recall) = (self.hook_time(), self.recall());
            let ended = run.output(&argument, &processed, time, &*recall).await;
            drop(recall);
            match self.or_abort(ended)? {
                Some(Outcome::Falsy) => {}
                Some(Outcome::Returned(OutputReturn::Replaced(value))) => {
                    let outputs = replaced(&value).unwrap_or_else(|| {
                        tracing::warn!(turn = %self.job.id, "handleOutput returned nothing that can be sent: its output goes on as it was");
                        outputs
                    });
                    answer.outputs.extend(outputs);
                }
                None | Some(Outcome::Absent | Outcome::Returned(OutputReturn::Unchanged)) => {
                    answer.outputs.extend(outputs);
                }
            }
        }
        self.run = Some(run);
        Ok(())
    }

    /// Takes over what a hook at the door has changed in storages.
    pub(super) async fn take_storages(&mut self, storages: &[ScriptStorage]) -> Result<(), TurnError> {
        for ScriptStorage { user_id, session_id, content } in storages {
            match &mut self.next.session {
                Some(session) if session.id.to_string() == *session_id => session.storage.clone_from(content),
                Some(_) | None => {
                    let number = &self.lease.id().number;
                    self.app.outbox.keep_storage(number, (user_id, session_id), content, self.clock).await?;
                }
            }
        }
        Ok(())
    }

    /// Keeps what hooks have changed in storages: those of the conversation with it, others by themselves, before.
    pub(super) async fn keep_storages(&mut self) -> Result<(), TurnError> {
        let Some(mut run) = self.run.take() else { return Ok(()) };
        let storages = run.changed();
        for storage in storages {
            if storage.is_own {
                if let Some(session) = &mut self.next.session {
                    session.storage = storage.content;
                }
            } else {
                let StoragePair { user_id, session_id } = &storage.pair;
                let number = &self.lease.id().number;
                self.app.outbox.keep_storage(number, (user_id, session_id), &storage.content, self.clock).await?;
            }
        }
        Ok(())
    }

    /// The names by which the agent knows the person and the session.
    pub(super) fn names(&self, session: &Session) -> (String, String) {
        let alias = session.alias.clone().unwrap_or_default();
        let user_id = alias.user_id.unwrap_or_else(|| self.lease.agent_user_id().to_owned());
        (user_id, alias.session_id.unwrap_or_else(|| session.id.to_string()))
    }

    async fn begin_run<'a>(&self, hooks: &'a crate::hooks::Hooks, session: &Session) -> Result<Run<'a>, TurnError> {
        let secrets = self.app.credentials.transformer_secrets().await;
        // The storage of the conversation is known by our own names.
        let pair = StoragePair { user_id: self.lease.agent_user_id().to_owned(), session_id: session.id.to_string() };
        Ok(hooks.begin(self.job.id.to_string(), secrets, vec![(pair, session.storage.clone())]))
    }

    fn hook_time(&self) -> Duration {
        self.clock.left().saturating_sub(USEFUL_REST)
    }

    /// Reads storages of other pairs. One that cannot be read is empty, as a new one.
    fn recall(&self) -> Box<Recall<'_>> {
        let (outbox, number, clock) = (&self.app.outbox, self.lease.id().number.clone(), self.clock);
        Box::new(move |StoragePair { user_id, session_id }| {
            let number = number.clone();
            async move { outbox.kept_storage(&number, (&user_id, &session_id), clock).await }.boxed()
        })
    }

    /// A script that fails ends the turn if the operator wants that; else it has done nothing.
    fn or_abort<T>(&self, ended: Result<T, HookError>) -> Result<Option<T>, TurnError> {
        match ended {
            Ok(ended) => Ok(Some(ended)),
            Err(error) if self.app.settings.hooks.aborts => Err(TurnError::Transformer(error)),
            Err(error) => {
                tracing::warn!(turn = %self.job.id, error = %error, "the transformer is at fault: the turn goes on without it");
                Ok(None)
            }
        }
    }

    /// What a script may know of the endpoint, in the shape of Cognigy's.
    fn endpoint(&self) -> Value {
        endpoint(self.app, &self.lease.id().number)
    }

    /// The webhook around this one message, as Meta would have sent it.
    fn request(&self, message: &Message) -> Value {
        let person = &self.next.person;
        let contact = json!({
            "profile": { "name": person.name, "username": person.username },
            "wa_id": person.phone,
            "user_id": person.user_id,
        });
        let raw: Value = crate::json::read(message.raw.get().as_bytes()).unwrap_or_default();
        let value = json!({
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "", "phone_number_id": self.lease.id().number },
            "contacts": [contact],
            "messages": [raw],
        });
        let entry = json!({ "id": "", "changes": [{ "field": "messages", "value": value }] });
        json!({
            "method": "POST",
            "path": "/webhook",
            "query": {},
            "headers": { "idempotency-key": self.job.id },
            "body": { "object": "whatsapp_business_account", "entry": [entry] },
        })
    }
}

/// What a script may know of the endpoint, in the shape of Cognigy's; no secret.
pub(crate) fn endpoint(app: &crate::app::App, number: &crate::conversation::PhoneNumberId) -> Value {
    let settings = &app.settings;
    json!({
        "_id": number,
        "channel": "whatsapp",
        "URLToken": "",
        "name": "whatsapp-endpoint",
        "flowId": "",
        "active": true,
        "maskLogging": true,
        "settings": {
            "phoneNumberId": number,
            "graphApiVersion": settings.graph.api_version,
            "sessionExpiration": settings.conversation.session_expiration.map(|limit| limit.as_secs() / 60),
            "messageDelay": u64::try_from(settings.delivery.message_delay.as_millis()).unwrap_or(u64::MAX),
        },
        "handoverSettings": {},
    })
}

/// What would be sent, in Meta's words: one message, or several.
fn processed(outputs: &[Output]) -> Value {
    let mut messages: Vec<_> = outputs.iter().map(outbound::message_body).collect();
    match messages.len() {
        1 => messages.remove(0),
        _ => Value::Array(messages),
    }
}

/// What a return of `handleOutput` says: Meta's own messages, outputs of a flow, or a text.
fn replaced(value: &Value) -> Option<Vec<Output>> {
    match value {
        Value::Array(values) => {
            let read: Option<Vec<_>> = values.iter().map(replaced).collect();
            Some(read?.into_iter().flatten().collect())
        }
        Value::Object(object) if object.get("type").is_some_and(Value::is_string) => {
            Some(vec![Content::Raw(object.clone()).into()])
        }
        other => Some(agents::read_flow_output(other)).filter(|outputs| !outputs.is_empty()),
    }
}
