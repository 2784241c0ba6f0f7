//! How to reach the agent.

mod on_aws;
mod target;

use std::{str::FromStr, time::Duration};

use self::target::AgentProtocol;
pub use self::{
    on_aws::AgentOnAws,
    target::{AgentTarget, ModelSettings},
};
use super::{
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::with_default("AGENT_PROTOCOL", "AgentProtocol", "demo"),
        Setting::optional("AGENT_URL", "AgentUrl"),
        Setting::optional("AGENT_MODEL", "AgentModel"),
        Setting::optional("AGENT_INSTRUCTIONS", "AgentInstructions"),
        Setting::with_default("AGENT_AUTH", "AgentAuth", "bearer"),
        Setting::optional("AGENT_LOCALE", "AgentLocale"),
        Setting::with_default("USER_ID_FORMAT", "UserIdFormat", "plain"),
        Setting::with_default("AGENT_TIMEOUT_SECONDS", "AgentTimeout", "60"),
    ],
    prefixes: &["AGENT_", "USER_ID_"],
};

/// How to reach the agent.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Which agent it is.
    pub target: AgentTarget,
    /// How the agent token is shown.
    pub auth: AgentAuth,
    /// The language that is handed to the agent.
    pub locale: Option<String>,
    /// By which name the agent knows a person.
    pub user_id: UserIdFormat,
    /// Time after which a question counts as failed.
    pub timeout: Duration,
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
    pub(crate) fn read(vars: &mut Vars) -> Self {
        let protocol =
            vars.parsed("AGENT_PROTOCOL", "demo, cognigy, http, openai, a2a, rasa, lambda, agentcore or lex");
        let agent = Self {
            target: AgentTarget::read(vars, protocol),
            auth: vars.parsed("AGENT_AUTH", "bearer, basic, none, or header:<name of a header>"),
            locale: vars.text("AGENT_LOCALE"),
            user_id: vars.parsed("USER_ID_FORMAT", "plain or hashed"),
            timeout: Duration::from_secs(vars.number("AGENT_TIMEOUT_SECONDS", 1, 900)),
        };
        if protocol == AgentProtocol::Lex && agent.locale.is_none() {
            vars.fault("AGENT_PROTOCOL=lex needs AGENT_LOCALE, the locale of the bot, such as de-DE");
        }
        agent
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
