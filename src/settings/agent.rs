//! How to reach the agent.

mod on_aws;

use std::{str::FromStr, time::Duration};

use url::Url;

pub use self::on_aws::AgentOnAws;

/// How to reach the agent.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The protocol it speaks.
    pub protocol: AgentProtocol,
    /// Its address; the `demo` agent has none, and those on AWS have another.
    pub url: Option<Url>,
    /// Its address on AWS, of the kind that the protocol wants.
    pub on_aws: Option<AgentOnAws>,
    /// How the agent token is shown.
    pub auth: AgentAuth,
    /// The language that is handed to the agent.
    pub locale: Option<String>,
    /// By which name the agent knows a person.
    pub user_id: UserIdFormat,
    /// Time after which a question counts as failed.
    pub timeout: Duration,
}

/// The protocols we speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgentProtocol {
    /// The agent that is built in and needs nothing.
    #[default]
    Demo,
    /// The REST endpoint of Cognigy.AI.
    Cognigy,
    /// Our own contract.
    Http,
    /// The REST channel of Rasa.
    Rasa,
    /// Another Lambda function, with the plain contract of `http`.
    Lambda,
    /// Amazon Bedrock `AgentCore`.
    AgentCore,
    /// Amazon Lex V2.
    Lex,
}

/// By which name the agent knows a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserIdFormat {
    /// The channel's own name.
    #[default]
    Plain,
    /// A pseudonym; nothing else that tells who the person is goes along.
    Hashed,
}

/// How the agent token is shown to the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AgentAuth {
    /// `Authorization: Bearer <token>`.
    #[default]
    Bearer,
    /// `Authorization: Basic …`, the token being `user:password`.
    Basic,
    /// The token as the value of this header.
    Header(String),
    /// Not at all.
    None,
}

impl FromStr for AgentProtocol {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "demo" => Ok(Self::Demo),
            "cognigy" => Ok(Self::Cognigy),
            "http" => Ok(Self::Http),
            "rasa" => Ok(Self::Rasa),
            "lambda" => Ok(Self::Lambda),
            "agentcore" => Ok(Self::AgentCore),
            "lex" => Ok(Self::Lex),
            _ => Err(()),
        }
    }
}

impl FromStr for UserIdFormat {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "plain" => Ok(Self::Plain),
            "hashed" => Ok(Self::Hashed),
            _ => Err(()),
        }
    }
}

impl AgentProtocol {
    /// What `AGENT_URL` has to be; `None` where none is needed.
    pub(super) fn address(self) -> Option<&'static str> {
        match self {
            Self::Demo => None,
            Self::Cognigy => Some("AGENT_PROTOCOL=cognigy needs AGENT_URL, the URL of the Cognigy REST endpoint"),
            Self::Http => Some("AGENT_PROTOCOL=http needs AGENT_URL, the URL that takes the questions"),
            Self::Rasa => Some(
                "AGENT_PROTOCOL=rasa needs AGENT_URL, the URL of the REST channel: https://<host>/webhooks/rest/webhook",
            ),
            Self::Lambda => Some("AGENT_PROTOCOL=lambda needs AGENT_URL, the name or the ARN of a Lambda function"),
            Self::AgentCore => Some(
                "AGENT_PROTOCOL=agentcore needs AGENT_URL, the ARN of a runtime: arn:aws:bedrock-agentcore:<region>:<account>:runtime/<id>, and behind it ?qualifier=<endpoint> for another endpoint than DEFAULT",
            ),
            Self::Lex => {
                Some("AGENT_PROTOCOL=lex needs AGENT_URL, the id of a bot and that of its alias: ABCDE12345/TSTALIASID")
            }
        }
    }
}

impl FromStr for AgentAuth {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let in_names = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match (text, text.strip_prefix("header:")) {
            ("bearer", _) => Ok(Self::Bearer),
            ("basic", _) => Ok(Self::Basic),
            ("none", _) => Ok(Self::None),
            (_, Some(name)) if !name.is_empty() && name.bytes().all(in_names) => Ok(Self::Header(name.to_owned())),
            _ => Err(()),
        }
    }
}
