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
    /// The model, for protocols that need a name.
    pub model: Option<String>,
    /// The system prompt, for protocols that have one.
    pub instructions: Option<String>,
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
    /// Chat Completions or Responses of OpenAI, and of the many servers that speak like it.
    OpenAi,
    /// Agent2Agent, by the agent's card.
    A2a,
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

impl AgentSettings {
    /// What the protocol needs and is missing, with its cure; `None`: nothing.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        if self.url.is_none() && self.on_aws.is_none() {
            return self.protocol.address();
        }
        // The URL of an Azure deployment names the model.
        let names_model = self.url.as_ref().is_some_and(|url| url.path().contains("/deployments/"));
        match self.protocol {
            AgentProtocol::OpenAi if self.model.is_none() && !names_model => {
                Some("AGENT_PROTOCOL=openai needs AGENT_MODEL, the name of the model")
            }
            AgentProtocol::Lex if self.locale.is_none() => {
                Some("AGENT_PROTOCOL=lex needs AGENT_LOCALE, the locale of the bot, such as de-DE")
            }
            AgentProtocol::Demo
            | AgentProtocol::Cognigy
            | AgentProtocol::Http
            | AgentProtocol::OpenAi
            | AgentProtocol::A2a
            | AgentProtocol::Rasa
            | AgentProtocol::Lambda
            | AgentProtocol::AgentCore
            | AgentProtocol::Lex => None,
        }
    }
}

impl FromStr for AgentProtocol {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "demo" => Ok(Self::Demo),
            "cognigy" => Ok(Self::Cognigy),
            "openai" => Ok(Self::OpenAi),
            "a2a" => Ok(Self::A2a),
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
    fn address(self) -> Option<&'static str> {
        match self {
            Self::Demo => None,
            Self::Cognigy => Some("AGENT_PROTOCOL=cognigy needs AGENT_URL, the URL of the Cognigy REST endpoint"),
            Self::Http => Some("AGENT_PROTOCOL=http needs AGENT_URL, the URL that takes the questions"),
            Self::OpenAi => Some("AGENT_PROTOCOL=openai needs AGENT_URL, such as https://api.openai.com/v1"),
            Self::A2a => Some("AGENT_PROTOCOL=a2a needs AGENT_URL, the URL of the agent or of its card"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(protocol: AgentProtocol, url: Option<&str>, model: Option<&str>) -> Option<&'static str> {
        let settings = AgentSettings {
            protocol,
            url: url.map(|url| url.parse().expect("a URL")),
            model: model.map(str::to_owned),
            instructions: None,
            on_aws: None,
            user_id: UserIdFormat::Plain,
            auth: AgentAuth::Bearer,
            locale: None,
            timeout: Duration::from_secs(1),
        };
        settings.missing()
    }

    #[test]
    fn a_model_needs_a_url_and_a_name_unless_its_url_is_that_of_a_deployment() {
        let (base, deployment) = (Some("https://h.invalid/v1"), Some("https://h.invalid/openai/deployments/d"));
        assert!(missing(AgentProtocol::OpenAi, None, Some("m")).is_some_and(|missing| missing.contains("AGENT_URL")));
        assert!(missing(AgentProtocol::OpenAi, base, None).is_some_and(|missing| missing.contains("AGENT_MODEL")));
        assert_eq!(missing(AgentProtocol::OpenAi, base, Some("m")), None);
        assert_eq!(missing(AgentProtocol::OpenAi, deployment, None), None);
    }
}
