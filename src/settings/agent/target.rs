//! Which agent it is, with everything that its protocol needs.

use std::str::FromStr;

use url::Url;

use super::on_aws::AgentOnAws;
use crate::settings::vars::Vars;

/// Which agent it is, with everything that its protocol needs.
#[derive(Debug, Clone, Default)]
pub enum AgentTarget {
    /// The agent that is built in.
    #[default]
    Demo,
    /// A REST endpoint of Cognigy.AI.
    Cognigy(Url),
    /// A language model.
    OpenAi(ModelSettings),
    /// An Agent2Agent agent, or its card.
    A2a(Url),
    /// An agent with our own contract.
    Http(Url),
    /// The REST channel of Rasa.
    Rasa(Url),
    /// A Lambda function, a runtime of `AgentCore` or a bot of Lex.
    OnAws(AgentOnAws),
}

/// A language model.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// The base of its API, or the whole path.
    pub url: Url,
    /// Its name; `None` where the URL names it.
    pub name: Option<String>,
    /// The system prompt.
    pub instructions: Option<String>,
}

/// The protocols we speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum AgentProtocol {
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

impl AgentTarget {
    /// The agent of this protocol.
    pub(super) fn read(vars: &mut Vars, protocol: AgentProtocol) -> Self {
        let address = AgentAddress::read(vars, protocol);
        let model = ModelNames { name: vars.text("AGENT_MODEL"), instructions: vars.text("AGENT_INSTRUCTIONS") };
        Self::of(protocol, address, model).unwrap_or_else(|missing| {
            vars.fault(missing);
            Self::default()
        })
    }

    /// The agent of this protocol at this address.
    ///
    /// # Errors
    /// What the protocol needs and is missing, with its cure.
    fn of(protocol: AgentProtocol, address: AgentAddress, model: ModelNames) -> Result<Self, &'static str> {
        Ok(match (protocol, address) {
            (AgentProtocol::Demo, _) => Self::Demo,
            (AgentProtocol::Cognigy, AgentAddress::Url(url)) => Self::Cognigy(url),
            (AgentProtocol::A2a, AgentAddress::Url(url)) => Self::A2a(url),
            (AgentProtocol::Http, AgentAddress::Url(url)) => Self::Http(url),
            (AgentProtocol::Rasa, AgentAddress::Url(url)) => Self::Rasa(url),
            (AgentProtocol::OpenAi, AgentAddress::Url(url)) => {
                // The URL of an Azure deployment names the model.
                if model.name.is_none() && !url.path().contains("/deployments/") {
                    return Err("AGENT_PROTOCOL=openai needs AGENT_MODEL, the name of the model");
                }
                Self::OpenAi(ModelSettings { url, name: model.name, instructions: model.instructions })
            }
            (AgentProtocol::Lambda | AgentProtocol::AgentCore | AgentProtocol::Lex, AgentAddress::OnAws(agent)) => {
                Self::OnAws(agent)
            }
            (protocol, AgentAddress::Url(_) | AgentAddress::OnAws(_) | AgentAddress::Missing) => {
                return Err(protocol.address().unwrap_or("AGENT_URL is missing"));
            }
        })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Demo => "Demo",
            Self::Cognigy(_) => "Cognigy",
            Self::OpenAi(_) => "OpenAi",
            Self::A2a(_) => "A2a",
            Self::Http(_) => "Http",
            Self::Rasa(_) => "Rasa",
            Self::OnAws(agent) => agent.name(),
        }
    }

    /// The URL of an agent that is asked over HTTP.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        match self {
            Self::Cognigy(url) | Self::A2a(url) | Self::Http(url) | Self::Rasa(url) => Some(url),
            Self::OpenAi(model) => Some(&model.url),
            Self::Demo | Self::OnAws(_) => None,
        }
    }
}

/// What `AGENT_URL` says.
#[derive(Debug, Clone)]
enum AgentAddress {
    /// A URL.
    Url(Url),
    /// An address on AWS, of the kind that the protocol wants.
    OnAws(AgentOnAws),
    /// Nothing that the protocol could use.
    Missing,
}

/// What is said of a model beside its URL.
#[derive(Debug, Clone, Default)]
struct ModelNames {
    /// `AGENT_MODEL`.
    pub name: Option<String>,
    /// `AGENT_INSTRUCTIONS`.
    pub instructions: Option<String>,
}

impl AgentAddress {
    /// The URL of an agent, or its address on AWS, as the protocol wants it.
    fn read(vars: &mut Vars, protocol: AgentProtocol) -> Self {
        const NAME: &str = "AGENT_URL";
        let text = vars.text(NAME).unwrap_or_default();
        let on_aws = match protocol {
            AgentProtocol::Demo
            | AgentProtocol::Cognigy
            | AgentProtocol::Http
            | AgentProtocol::OpenAi
            | AgentProtocol::A2a
            | AgentProtocol::Rasa => return vars.url(NAME).map_or(Self::Missing, Self::Url),
            AgentProtocol::Lambda => AgentOnAws::function(&text),
            AgentProtocol::AgentCore => AgentOnAws::runtime(&text),
            AgentProtocol::Lex => AgentOnAws::bot(&text),
        };
        on_aws.map_or(Self::Missing, Self::OnAws)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(protocol: AgentProtocol, url: Option<&str>, model: Option<&str>) -> Option<&'static str> {
        let address = url.map_or(AgentAddress::Missing, |url| AgentAddress::Url(url.parse().expect("a URL")));
        let names = ModelNames { name: model.map(str::to_owned), instructions: None };
        AgentTarget::of(protocol, address, names).err()
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
