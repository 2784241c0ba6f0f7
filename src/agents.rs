//! The agents: one protocol each, chosen by `AGENT_PROTOCOL`, all asked the same way.

mod a2a;
mod aws;
mod circuit;
mod client;
mod cognigy;
mod contract;
mod demo;
mod flow;
mod http;
mod openai;
mod proactive;
mod pseudonym;
mod question;
mod rasa;
mod refusal;
mod shapes;
mod thoughts;

use std::{sync::Arc, time::Duration};

use aws_config::SdkConfig;

pub(crate) use self::contract::{PostedAnswer, read_posted};
pub(crate) use self::flow::{flow_outputs, read_flow_output};
pub(crate) use self::proactive::{InjectBody, read_inject, read_notify};
use self::{aws::Aws, circuit::Circuit, client::Client, question::Data};
pub use self::{
    aws::AwsError,
    client::{MAX_ANSWER_BYTES, SIGNATURE, is_signed},
    pseudonym::pseudonym,
    question::Question,
    refusal::Refusal,
    thoughts::without_thoughts,
};
use crate::{
    conversation::Answer,
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
        self.circuit.learn(question.turn, &answer);
        answer.map(|answer| Answer { outputs: without_thoughts(answer.outputs), ..answer })
    }
}
