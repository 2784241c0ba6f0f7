//! The agents: one protocol each, chosen by `AGENT_PROTOCOL`, all asked the same way.

mod a2a;
mod aws;
mod circuit;
mod client;
mod cognigy;
mod demo;
mod http;
mod openai;
mod pseudonym;
mod rasa;
mod refusal;
mod shapes;
mod thoughts;

use std::{sync::Arc, time::Duration};

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

pub(crate) use self::http::{PostedAnswer, read_posted};
use self::{aws::Aws, circuit::Circuit, client::Client};
pub use self::{
    aws::AwsError,
    client::{MAX_ANSWER_BYTES, SIGNATURE, is_signed},
    pseudonym::pseudonym,
    refusal::Refusal,
    thoughts::without_thoughts,
};
use crate::{
    conversation::{Answer, Details, Message, Person, Tap, TurnId, UNSHOWN},
    credentials::{Credentials, CredentialsError},
    retry::Retry,
    settings::{AgentSettings, AgentTarget},
};

/// The agent that answers.
#[derive(Debug)]
pub struct Agent {
    protocol: Protocol,
    circuit: Circuit,
}

/// How it is asked.
#[derive(Debug)]
enum Protocol {
    /// Built in.
    Demo,
    /// A Cognigy REST endpoint.
    Cognigy(Client),
    /// Chat Completions or Responses, as many servers speak them.
    OpenAi(openai::Model),
    /// An agent with a card.
    A2a(a2a::CardedAgent),
    /// Our own contract.
    Http(Client),
    /// The REST channel of Rasa.
    Rasa(Client),
    /// A Lambda function, a runtime of `AgentCore` or a bot of Lex.
    Aws(Aws),
}

/// What an agent is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The person, under a name that lasts.
    pub user_id: &'a str,
    /// The person under a name that says nothing outside, where there is a key to make it with.
    pub person_hash: Option<&'a str>,
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
    pub key: &'a TurnId,
    /// What the agent wanted to be told: see [`Answer::memory`].
    pub memory: Option<&'a Value>,
    /// The language of the conversation, such as `de-DE`, as the operator has set it.
    pub locale: Option<&'a str>,
    /// The id of the number the person wrote to.
    pub number: &'a str,
    /// Until when the channel takes free words.
    pub window_ends: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
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
    /// The message as words alone: what was said, and in brackets what was not said in words.
    fn in_words(&self) -> String {
        let mut lines = self.details.described.clone();
        match (&self.message.tap, &self.message.text) {
            (Some(Tap { id, title }), _) if title.is_empty() || id == title => lines.push(format!("[Tapped: {id}]")),
            (Some(Tap { id, title }), _) => lines.push(format!("[Tapped: {title} (id: {id})]")),
            // The name of a place is the text, and stands in its description too.
            (None, Some(text)) if self.details.location.is_none() => lines.push(text.clone()),
            (None, Some(_) | None) => {}
        }
        let words = lines.join("\n");
        // A model that is asked nothing makes something up.
        if words.trim().is_empty() { format!("[{UNSHOWN}]") } else { words }
    }

    /// The pictures of the message, as URLs that the agent can open.
    fn images(&self) -> Vec<&str> {
        let images = self.details.attachments.iter().filter(|file| file.kind == "image");
        images.filter_map(|image| image.open_url.as_deref()).collect()
    }

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
    /// Its card sends us to an address where nobody answers.
    #[error("the agent's card names {host}, which cannot be reached: check the url in its card, not AGENT_URL")]
    UnreachableCard {
        /// Host and port.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It says that it will not do what it is asked.
    #[error("the agent has rejected the task: it would do so again")]
    Rejected,
    /// It took longer than `AGENT_TIMEOUT_SECONDS` or than the invocation had left.
    #[error("the agent did not answer within {0:?}: see AGENT_TIMEOUT_SECONDS")]
    TimedOut(Duration),
    /// It answered with an HTTP status other than 2xx.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its answer is not what the protocol says.
    #[error("the answer of the agent is not what AGENT_PROTOCOL says: {0}")]
    Unreadable(String),
    /// Its answer is more than we read.
    #[error("the answer of the agent is larger than {max} bytes, and no more is read")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// It says itself that it has failed.
    #[error("the agent reports a failure of its own: {0}: its own log says more")]
    Failed(String),
    /// It has failed so often that it is left alone for a while.
    #[error("the agent has failed {failures} times in a row and is left alone for {left:?}")]
    Resting {
        /// Failures in a row.
        failures: u32,
        /// Until it is asked again.
        left: Duration,
    },
    /// There is nothing to make pseudonyms with.
    #[error(
        "USER_ID_FORMAT=hashed needs the verify_token of the secret, which is empty: without it a pseudonym could be guessed"
    )]
    NoPseudonym,
    /// The token for it cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// AWS, where the agent is, says why.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl AgentError {
    /// Whether asking again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Resting { left, .. } => Retry::After(*left),
            Self::Aws(error) => error.retry(),
            Self::TooLarge { .. } | Self::Rejected => Retry::Never,
            Self::Refused(refusal) => refusal.retry(),
            Self::Failed(code) if refusal::is_filter(code) || refusal::is_too_long(code) => Retry::Never,
            Self::Unreachable(_)
            | Self::UnreachableCard { .. }
            | Self::TimedOut(_)
            | Self::Unreadable(_)
            | Self::Failed(_)
            | Self::NoPseudonym
            | Self::Credentials(_) => Retry::SOON,
        }
    }
}

impl Agent {
    /// The agent that the settings name.
    #[must_use]
    pub fn new(
        settings: &AgentSettings,
        http: reqwest::Client,
        credentials: Arc<Credentials>,
        aws: &SdkConfig,
    ) -> Self {
        let client = |url: &url::Url, http| Client::new(http, url.clone(), settings.auth.clone(), credentials);
        let protocol = match &settings.target {
            AgentTarget::Demo => Protocol::Demo,
            AgentTarget::Cognigy(url) => Protocol::Cognigy(client(url, http)),
            AgentTarget::Http(url) => Protocol::Http(client(url, http)),
            AgentTarget::Rasa(url) => Protocol::Rasa(client(url, http)),
            AgentTarget::OpenAi(model) => Protocol::OpenAi(openai::Model::new(client(&model.url, http), model)),
            AgentTarget::A2a(url) => Protocol::A2a(a2a::CardedAgent::new(client(url, http))),
            AgentTarget::OnAws(agent) => Protocol::Aws(Aws::new(agent.clone(), http, aws)),
        };
        Self { protocol, circuit: Circuit::default() }
    }

    /// Whether it wants the pictures of a message, and not only their ids.
    #[must_use]
    pub fn sees_pictures(&self) -> bool {
        match self.protocol {
            Protocol::OpenAi(_) => true,
            Protocol::Demo
            | Protocol::Cognigy(_)
            | Protocol::Http(_)
            | Protocol::A2a(_)
            | Protocol::Rasa(_)
            | Protocol::Aws(_) => false,
        }
    }

    /// Asks, and waits for the whole answer, `patience` at most.
    ///
    /// # Errors
    /// The situation.
    pub async fn ask(&self, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
        self.circuit.admits()?;
        let answer = match &self.protocol {
            Protocol::Demo => Ok(demo::answer(question)),
            Protocol::Cognigy(client) => cognigy::ask(client, question, patience).await,
            Protocol::OpenAi(model) => model.ask(question, patience).await,
            Protocol::A2a(agent) => agent.ask(question, patience).await,
            Protocol::Http(client) => http::ask(client, question, patience).await,
            Protocol::Rasa(client) => rasa::ask(client, question, patience).await,
            Protocol::Aws(aws) => aws::ask(aws, question, patience).await,
        };
        self.circuit.learn(question.key, &answer);
        answer.map(|answer| Answer { outputs: without_thoughts(answer.outputs), ..answer })
    }
}
