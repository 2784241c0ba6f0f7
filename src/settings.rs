//! Every setting, typed, and the only reader of the environment; it holds no secret and may be printed.
//!
//! There is one group for each room, in a file of its own: its rows of the table of settings, a struct, and how it is read.
//! A variable that is set to nothing counts as absent, because a template parameter left empty arrives that way.
//! All faults are reported at once, each with its cure.

mod agent;
mod auto_replies;
mod conversation;
mod delivery;
mod graph;
mod hooks;
mod host_rule;
mod keywords;
mod proactive;
mod resources;
mod table;
mod telemetry;
mod text;
mod vars;
mod webhook;

use std::fmt;

pub use self::{
    agent::{AgentAuth, AgentOnAws, AgentSettings, AgentTarget, ModelSettings, UserIdFormat},
    auto_replies::AutoReplySettings,
    conversation::{ConversationSettings, QuietKind},
    delivery::{DeliverySettings, WindowTemplate},
    graph::GraphSettings,
    hooks::HookSettings,
    host_rule::{HostRule, NoHost},
    keywords::Keywords,
    proactive::{DirectSend, ProactiveSettings},
    resources::{AwsPlace, ResourceSettings, SecretSource, StoreChoice},
    table::{Origin, Setting},
    telemetry::TelemetrySettings,
    text::{TextFormat, TextSettings},
    webhook::WebhookSettings,
};
use self::{table::Group, vars::Vars};

/// The groups, in the order of docs/settings.md.
const GROUPS: &[Group] = &[
    resources::GROUP,
    agent::GROUP,
    conversation::GROUP,
    auto_replies::GROUP,
    text::GROUP,
    delivery::GROUP,
    proactive::GROUP,
    hooks::GROUP,
    webhook::GROUP,
    graph::GROUP,
    telemetry::GROUP,
];

/// Everything that can be configured, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the secret, the conversations and the queues are.
    pub resources: ResourceSettings,
    /// Which agent answers.
    pub agent: AgentSettings,
    /// When a session ends, and which messages are given to the agent.
    pub conversation: ConversationSettings,
    /// What the endpoint itself tells a person.
    pub auto_replies: AutoReplySettings,
    /// How an agent's texts become messages.
    pub text: TextSettings,
    /// How replies are sent.
    pub delivery: DeliverySettings,
    /// The operator's own code.
    pub hooks: HookSettings,
    /// Who speaks first: opting out, the greeting, messages outside of the window.
    pub proactive: ProactiveSettings,
    /// What is accepted from Meta.
    pub webhook: WebhookSettings,
    /// Where the Graph API is.
    pub graph: GraphSettings,
    /// What is logged.
    pub telemetry: TelemetrySettings,
}

/// What is wrong with the environment, one sentence per fault.
#[derive(Debug, thiserror::Error)]
pub struct SettingsError(pub Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings cannot be used: {}", self.0.join("; "))
    }
}

impl Settings {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// Names every variable that cannot be used and what would be right.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_vars(environment())
    }

    /// Reads settings from pairs of name and value.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut vars = Vars::new(vars, GROUPS);
        let settings = Self {
            resources: ResourceSettings::read(&mut vars),
            agent: AgentSettings::read(&mut vars),
            conversation: ConversationSettings::read(&mut vars),
            auto_replies: AutoReplySettings::read(&mut vars),
            text: TextSettings::read(&mut vars),
            delivery: DeliverySettings::read(&mut vars),
            proactive: ProactiveSettings::read(&mut vars),
            hooks: HookSettings::read(&mut vars),
            webhook: WebhookSettings::read(&mut vars),
            graph: GraphSettings::read(&mut vars),
            telemetry: TelemetrySettings::read(&mut vars),
        };
        vars.refuse_unknown();
        if vars.faults.is_empty() { Ok(settings) } else { Err(SettingsError(vars.faults)) }
    }
}

/// The table of settings, in the order of docs/settings.md.
pub fn table() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|group| group.settings)
}

/// How names start that are meant for us, in the order of docs/settings.md.
pub fn prefixes() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| group.prefixes).copied()
}

/// The environment of this process.
#[expect(clippy::disallowed_methods, reason = "this is the only reader of the environment")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let base = [("WHATSAPP_SECRET_ID", "s"), ("TABLE_NAME", "t")];
        Settings::from_vars(base.iter().chain(vars).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn defaults_hold_when_only_the_resources_are_named() {
        let settings = read(&[("AGENT_URL", "  "), ("PATH", "/bin")]).expect("valid");
        assert_eq!(settings.conversation.session_expiration, Some(Duration::from_mins(30)));
        assert_eq!(settings.graph.base_url.as_str(), "https://graph.facebook.com/");
        assert!(
            settings.webhook.enabled && settings.webhook.require_signature && settings.resources.queue_url.is_none()
        );
    }

    #[test]
    fn an_expiration_of_zero_means_never() {
        assert_eq!(read(&[("SESSION_EXPIRATION_MINUTES", "0")]).expect("valid").conversation.session_expiration, None);
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let error = read(&[
            ("AGENT_PROTOCOL", "telepathy"),
            ("MESSAGE_DELAY_MS", "-1"),
            ("AGENT_TIMEOUT", "9"),
            ("GRAPH_API_VERSION", "26"),
        ]);
        let text = error.expect_err("must be refused").to_string();
        for name in ["AGENT_PROTOCOL", "MESSAGE_DELAY_MS", "AGENT_TIMEOUT is not a setting", "GRAPH_API_VERSION"] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
    }

    #[test]
    fn variables_of_others_are_not_refused() {
        for name in
            ["AWS_LAMBDA_LOG_FORMAT", "LOG_FORMAT", "TABLE_PREFIX", "QUEUE_NAME", "STORE_URL", "USER", "SESSION_ID"]
        {
            assert!(read(&[(name, "theirs")]).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_stands_in_for_a_value_that_cannot_be_used_is_not_used() {
        for (name, value) in
            [("GRAPH_BASE_URL", "graph"), ("WINDOW_TEMPLATE", "order_update"), ("STORE_FILE", "beside")]
        {
            assert!(read(&[(name, value)]).expect_err("must be refused").to_string().contains(name));
        }
    }

    #[test]
    fn an_agent_on_aws_is_addressed_as_its_protocol_wants_it() {
        for (protocol, wrong, right) in [
            ("lambda", "https://host/agent", "agent:prod"),
            ("agentcore", "agent", "arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/agent-AbCdEf1234"),
            ("lex", "", "ABCDE12345/TSTALIASID"),
        ] {
            let read = |url| read(&[("AGENT_PROTOCOL", protocol), ("AGENT_URL", url), ("AGENT_LOCALE", "de-DE")]);
            let text = read(wrong).expect_err("must be refused").to_string();
            assert!(text.contains(&format!("AGENT_PROTOCOL={protocol} needs AGENT_URL")), "{text}");
            let agent = read(right).expect("valid").agent;
            assert!(matches!(agent.target, AgentTarget::OnAws(_)));
        }
        let text = read(&[("AGENT_PROTOCOL", "lex"), ("AGENT_URL", "ABCDE12345/TSTALIASID")]);
        assert!(text.expect_err("must be refused").to_string().contains("AGENT_LOCALE"));
    }

    #[test]
    fn the_url_of_an_agent_is_not_repeated_in_an_error() {
        let text = read(&[("AGENT_URL", "ftp://host/secret-token")]).expect_err("must be refused").to_string();
        assert!(text.contains("AGENT_URL") && !text.contains("secret-token"));
    }
}
