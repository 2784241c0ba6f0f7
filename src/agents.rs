//! The agents: one protocol each, chosen by `AGENT_PROTOCOL`, all asked the same way.

mod cognigy;
mod demo;

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    conversation::{Details, JobId, Message, Output, Person, Tap},
    credentials::{Credentials, CredentialsError},
    retry::Retry,
    settings::{AgentProtocol, AgentSettings},
};

/// The agent that answers.
#[derive(Debug)]
pub enum Agent {
    /// Built in.
    Demo,
    /// A Cognigy REST endpoint.
    Cognigy(cognigy::Cognigy),
}

/// What an agent is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The person, under a name that lasts.
    pub user_id: &'a str,
    /// The person, as far as we know them.
    pub person: &'a Person,
    /// The session.
    pub session_id: Uuid,
    /// How many messages the session has, this one included.
    pub inputs: u32,
    /// What the person said.
    pub message: &'a Message,
    /// What the message holds beside its words.
    pub details: &'a Details<'a>,
    /// The same when the same question has to be asked again.
    pub key: &'a JobId,
}

/// What an agent gets beside the words.
#[derive(Debug, Serialize)]
struct Data<'a> {
    /// The message as the channel sent it, byte for byte.
    whatsapp: &'a RawValue,
    profile: Profile<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tap: Option<&'a Tap>,
    /// Id of the tapped choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// Words on the tapped choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(flatten)]
    details: &'a Details<'a>,
    #[serde(rename = "newSession")]
    new_session: bool,
}

#[derive(Debug, Serialize)]
struct Profile<'a> {
    name: Option<&'a str>,
    username: Option<&'a str>,
    wa_id: Option<&'a str>,
    user_id: Option<&'a str>,
}

impl Question<'_> {
    fn data(&self) -> Data<'_> {
        let Person { phone, user_id, name, username, .. } = self.person;
        let profile = Profile {
            name: name.as_deref(),
            username: username.as_deref(),
            wa_id: phone.as_deref(),
            user_id: user_id.as_deref(),
        };
        let tap = self.message.tap.as_ref();
        Data {
            whatsapp: &self.message.raw,
            profile,
            tap,
            id: tap.map(|tap| tap.id.as_str()),
            title: tap.map(|tap| tap.title.as_str()),
            details: self.details,
            new_session: self.inputs == 1,
        }
    }
}

/// Why an agent gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No connection, or it broke.
    #[error("the agent cannot be reached: check AGENT_URL")]
    Unreachable(#[source] reqwest::Error),
    /// It took longer than `AGENT_TIMEOUT_SECONDS` or than the invocation had left.
    #[error("the agent did not answer within {0:?}: see AGENT_TIMEOUT_SECONDS")]
    TimedOut(Duration),
    /// It answered with an HTTP status other than 2xx.
    #[error("the agent answered HTTP {0}: check AGENT_URL and agent_token in the secret")]
    Refused(u16),
    /// Its answer is not what the protocol says.
    #[error("the answer of the agent is not what AGENT_PROTOCOL says: {0}")]
    Unreadable(String),
    /// The token for it cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl AgentError {
    /// Whether asking again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::Refused(_)
            | Self::Unreadable(_)
            | Self::Credentials(_) => Retry::SOON,
        }
    }
}

impl Agent {
    /// The agent that the settings name.
    #[must_use]
    pub fn new(settings: &AgentSettings, http: reqwest::Client, credentials: Arc<Credentials>) -> Self {
        match (settings.protocol, &settings.url) {
            (AgentProtocol::Cognigy, Some(url)) => Self::Cognigy(cognigy::Cognigy::new(http, url.clone(), credentials)),
            (AgentProtocol::Demo | AgentProtocol::Cognigy, _) => Self::Demo,
        }
    }

    /// Asks, and waits for the whole answer, `patience` at most.
    ///
    /// # Errors
    /// The situation.
    pub async fn ask(&self, question: &Question<'_>, patience: Duration) -> Result<Vec<Output>, AgentError> {
        match self {
            Self::Demo => Ok(demo::answer(question)),
            Self::Cognigy(cognigy) => cognigy.ask(question, patience).await,
        }
    }
}
