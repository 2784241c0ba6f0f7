//! How to reach the agent.

use std::{str::FromStr, time::Duration};

use url::Url;

/// How to reach the agent.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The protocol it speaks.
    pub protocol: AgentProtocol,
    /// Its address; the `demo` agent has none.
    pub url: Option<Url>,
    /// The model, for protocols that need a name.
    pub model: Option<String>,
    /// The system prompt, for protocols that have one.
    pub instructions: Option<String>,
    /// How the agent token is shown.
    pub auth: AgentAuth,
    /// The language that is handed to the agent.
    pub locale: Option<String>,
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
    pub fn lack(&self) -> Option<&'static str> {
        // The URL of an Azure deployment names the model.
        let is_deployment = |url: &Url| url.path().contains("/deployments/");
        match (self.protocol, &self.url) {
            (AgentProtocol::Cognigy, None) => {
                Some("AGENT_PROTOCOL=cognigy needs AGENT_URL, the URL of the Cognigy REST endpoint")
            }
            (AgentProtocol::OpenAi, None) => {
                Some("AGENT_PROTOCOL=openai needs AGENT_URL, such as https://api.openai.com/v1")
            }
            (AgentProtocol::OpenAi, Some(url)) if self.model.is_none() && !is_deployment(url) => {
                Some("AGENT_PROTOCOL=openai needs AGENT_MODEL, the name of the model")
            }
            (AgentProtocol::A2a, None) => {
                Some("AGENT_PROTOCOL=a2a needs AGENT_URL, the URL of the agent or of its card")
            }
            (AgentProtocol::Demo | AgentProtocol::Cognigy | AgentProtocol::OpenAi | AgentProtocol::A2a, _) => None,
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
            _ => Err(()),
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

    fn lack(protocol: AgentProtocol, url: Option<&str>, model: Option<&str>) -> Option<&'static str> {
        let settings = AgentSettings {
            protocol,
            url: url.map(|url| url.parse().expect("a URL")),
            model: model.map(str::to_owned),
            instructions: None,
            auth: AgentAuth::Bearer,
            locale: None,
            timeout: Duration::from_secs(1),
        };
        settings.lack()
    }

    #[test]
    fn a_model_needs_a_url_and_a_name_unless_its_url_is_that_of_a_deployment() {
        let (base, deployment) = (Some("https://h.invalid/v1"), Some("https://h.invalid/openai/deployments/d"));
        assert!(lack(AgentProtocol::OpenAi, None, Some("m")).is_some_and(|lack| lack.contains("AGENT_URL")));
        assert!(lack(AgentProtocol::OpenAi, base, None).is_some_and(|lack| lack.contains("AGENT_MODEL")));
        assert_eq!(lack(AgentProtocol::OpenAi, base, Some("m")), None);
        assert_eq!(lack(AgentProtocol::OpenAi, deployment, None), None);
    }
}
