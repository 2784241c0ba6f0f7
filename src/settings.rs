//! Every setting, typed, and the only reader of the environment; it holds no secret and may be printed.
//!
//! A variable that is set to nothing counts as absent, because a template parameter left empty arrives that way.
//! All faults are reported at once, each with its cure.

mod agent;
mod vars;
mod words;

use std::{fmt, time::Duration};

use url::Url;

use self::vars::Vars;
pub use self::{
    agent::{
        AgentAddress, AgentAuth, AgentOnAws, AgentProtocol, AgentSettings, AgentTarget, ModelNames, ModelSettings,
        UserIdFormat,
    },
    words::{QuietKind, TextFormat, TextSettings},
};

use crate::telemetry::LogLevel;

/// One row of the table of settings, as the README shows it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name of the environment variable.
    pub env: &'static str,
    /// Name of the parameter in `template.yaml`; `None` where the stack sets the variable from a resource.
    pub parameter: Option<&'static str>,
    /// What holds when the variable is absent; `None` where there is no default.
    pub default: Option<&'static str>,
}

const fn setting(env: &'static str, parameter: Option<&'static str>, default: Option<&'static str>) -> Setting {
    Setting { env, parameter, default }
}

/// All settings of the deployed function, in the order in which the README lists them.
pub const SETTINGS: &[Setting] = &[
    setting("WHATSAPP_SECRET_ID", None, None),
    setting("TABLE_NAME", None, None),
    setting("QUEUE_URL", None, None),
    setting("DEAD_LETTER_QUEUE_URL", None, None),
    setting("AGENT_PROTOCOL", Some("AgentProtocol"), Some("demo")),
    setting("AGENT_URL", Some("AgentUrl"), None),
    setting("AGENT_MODEL", Some("AgentModel"), None),
    setting("AGENT_INSTRUCTIONS", Some("AgentInstructions"), None),
    setting("AGENT_AUTH", Some("AgentAuth"), Some("bearer")),
    setting("AGENT_LOCALE", Some("AgentLocale"), None),
    setting("USER_ID_FORMAT", Some("UserIdFormat"), Some("plain")),
    setting("AGENT_TIMEOUT_SECONDS", Some("AgentTimeout"), Some("60")),
    setting("MESSAGE_DELAY_MS", Some("MessageDelay"), Some("0")),
    setting("SESSION_EXPIRATION_MINUTES", Some("SessionExpiration"), Some("30")),
    setting("FALLBACK_TEXT", Some("FallbackText"), None),
    setting("DELAY_TEXT", Some("DelayText"), None),
    setting("UNSUPPORTED_TEXT", Some("UnsupportedText"), None),
    setting("ALSO_ANSWER", Some("AlsoAnswer"), None),
    setting("TEXT_FORMAT", Some("TextFormat"), Some("auto")),
    setting("MERGE_TEXTS", Some("MergeTexts"), Some("false")),
    setting("UPLOAD_MEDIA", Some("UploadMedia"), Some("false")),
    setting("LIST_LABEL", Some("ListLabel"), Some("☰")),
    setting("WINDOW_TEMPLATE", Some("WindowTemplate"), None),
    setting("RESEND_AFTER_SECONDS", Some("ResendAfter"), Some("30")),
    setting("ENDPOINT_ENABLED", Some("EndpointEnabled"), Some("true")),
    setting("REQUIRE_SIGNATURE", Some("RequireSignature"), Some("true")),
    setting("GRAPH_BASE_URL", Some("GraphBaseUrl"), Some("https://graph.facebook.com")),
    setting("GRAPH_API_VERSION", Some("GraphApiVersion"), Some("v26.0")),
    setting("LOG_LEVEL", Some("LogLevel"), Some("info")),
];

/// Settings of local runs: a file in the place of Secrets Manager, and the embedded store in the place of DynamoDB.
pub const LOCAL_SETTINGS: &[Setting] =
    &[setting("WHATSAPP_SECRET_FILE", None, None), setting("STORE_FILE", None, None)];

/// A variable whose name starts like this is meant for us; one we do not know is refused, not ignored.
const OUR_PREFIXES: &[&str] = &[
    "WHATSAPP_",
    "AGENT_",
    "USER_ID_",
    "MESSAGE_DELAY",
    "SESSION_EXPIRATION",
    "ENDPOINT_",
    "TEXT_FORMAT",
    "MERGE_",
    "UPLOAD_",
    "WINDOW_TEMPLATE",
    "REQUIRE_SIGNATURE",
    "GRAPH_",
];

/// Everything that can be configured, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the credentials are.
    pub secret: SecretSource,
    /// Where conversations are kept.
    pub store: StoreChoice,
    /// The SQS FIFO queue; `None`: a job is run as soon as it arrives.
    pub queue_url: Option<String>,
    /// Which agent answers.
    pub agent: AgentSettings,
    /// The SQS FIFO queue for what cannot be done; `None`: it is only logged.
    pub dead_letter_queue_url: Option<String>,
    /// How long things may take.
    pub pace: Pace,
    /// What a person is told when no answer will come; `None`: nothing.
    pub fallback_text: Option<String>,
    /// What a person is told once when the agent has to be asked again; `None`: nothing.
    pub delay_text: Option<String>,
    /// What a person is told who sent something that the channel does not pass on; `None`: what the agent says to it.
    pub unsupported_text: Option<String>,
    /// Kinds of messages that are put to the agent although they ask for no answer.
    pub also_answer: Vec<QuietKind>,
    /// How words are written.
    pub text: TextSettings,
    /// Whether linked files are uploaded to the channel once, in the place of being fetched by it each time.
    pub upload_media: bool,
    /// Name and language of the template that is sent when free words are not taken any more.
    pub window_template: Option<(String, String)>,
    /// `false`: webhooks are checked, acknowledged and counted, nothing else.
    pub enabled: bool,
    /// `false`: webhooks are accepted unsigned as long as the secret holds no app secret.
    pub require_signature: bool,
    /// Scheme and host of the Graph API.
    pub graph_base_url: Url,
    /// Version segment of Graph paths, such as `v26.0`.
    pub graph_api_version: String,
    /// What is logged.
    pub log_level: LogLevel,
    /// Where AWS is.
    pub aws: AwsPlace,
}

/// Where AWS is, in variables that are not ours: Lambda sets the region, and the AWS tools of a developer know both.
#[derive(Debug, Clone, Default)]
pub struct AwsPlace {
    /// `AWS_REGION`.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL`: where every AWS service is, if not at AWS.
    pub endpoint_url: Option<String>,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two replies; not before the first.
    pub message_delay: Duration,
    /// Without a message, until a session ends; `None`: it never does.
    pub session_expiration: Option<Duration>,
    /// Without a status, until a reply in doubt is sent again.
    pub resend_after: Duration,
}

/// Where the credentials are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Id or ARN of a Secrets Manager secret.
    SecretsManager(String),
    /// Path of a file with the same JSON; for local runs.
    File(String),
}

/// Where conversations are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// Name of the DynamoDB table.
    Dynamo(String),
    /// One file on this machine.
    File(String),
    /// The memory of this process: gone with it.
    Memory,
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
        let mut vars = Vars::new(vars);
        let secret = match (vars.text("WHATSAPP_SECRET_ID"), vars.text("WHATSAPP_SECRET_FILE")) {
            (Some(id), None) => SecretSource::SecretsManager(id),
            (None, Some(path)) => SecretSource::File(path),
            _ => SecretSource::File(vars.fault("set WHATSAPP_SECRET_ID to the id of the secret (or WHATSAPP_SECRET_FILE to a file, for a local run), one of them")),
        };
        let store = match (vars.text("TABLE_NAME"), vars.text("STORE_FILE")) {
            (Some(table), None) => StoreChoice::Dynamo(table),
            (None, Some(path)) if path == ":memory:" => StoreChoice::Memory,
            (None, Some(path)) => StoreChoice::File(path),
            _ => StoreChoice::File(vars.fault("set TABLE_NAME to the DynamoDB table (or STORE_FILE to a file or :memory:, for a local run), one of them")),
        };
        let protocol =
            vars.parsed("AGENT_PROTOCOL", "demo, cognigy, http, openai, a2a, rasa, lambda, agentcore or lex");
        let address = vars.agent_address(protocol);
        let model = ModelNames { name: vars.text("AGENT_MODEL"), instructions: vars.text("AGENT_INSTRUCTIONS") };
        let agent = AgentSettings {
            target: AgentTarget::of(protocol, address, model).unwrap_or_else(|missing| {
                vars.fault(missing);
                AgentTarget::default()
            }),
            auth: vars.parsed("AGENT_AUTH", "bearer, basic, none, or header:<name of a header>"),
            locale: vars.text("AGENT_LOCALE"),
            user_id: vars.parsed("USER_ID_FORMAT", "plain or hashed"),
            timeout: Duration::from_secs(vars.number("AGENT_TIMEOUT_SECONDS", 1, 900)),
        };
        if protocol == AgentProtocol::Lex && agent.locale.is_none() {
            vars.fault("AGENT_PROTOCOL=lex needs AGENT_LOCALE, the locale of the bot, such as de-DE");
        }
        let text = TextSettings {
            format: vars.parsed("TEXT_FORMAT", "auto, markdown or whatsapp"),
            merge: vars.parsed("MERGE_TEXTS", "true or false"),
            list_label: vars.label("LIST_LABEL", 20),
        };
        let also_answer =
            vars.list("ALSO_ANSWER", "some of reaction, edit, revoke and system, with commas between them");
        let upload_media = vars.parsed("UPLOAD_MEDIA", "true or false");
        let window_template = vars.template("WINDOW_TEMPLATE");
        let message_delay = Duration::from_millis(vars.number("MESSAGE_DELAY_MS", 0, 10_000));
        let session_expiration = match vars.number("SESSION_EXPIRATION_MINUTES", 0, 525_600) {
            0 => None,
            minutes => Some(Duration::from_secs(minutes * 60)),
        };
        let resend_after = Duration::from_secs(vars.number("RESEND_AFTER_SECONDS", 0, 300));
        let enabled = vars.parsed("ENDPOINT_ENABLED", "true or false");
        let require_signature = vars.parsed("REQUIRE_SIGNATURE", "true or false");
        let graph_base_url = vars.url("GRAPH_BASE_URL");
        let graph_api_version = vars.graph_version("GRAPH_API_VERSION");
        let log_level = vars.parsed("LOG_LEVEL", "error, warn, info, debug or trace");
        vars.refuse_unknown();
        match graph_base_url {
            Some(graph_base_url) if vars.faults.is_empty() => Ok(Self {
                secret,
                store,
                queue_url: vars.text("QUEUE_URL"),
                agent,
                dead_letter_queue_url: vars.text("DEAD_LETTER_QUEUE_URL"),
                pace: Pace { message_delay, session_expiration, resend_after },
                fallback_text: vars.text("FALLBACK_TEXT"),
                delay_text: vars.text("DELAY_TEXT"),
                unsupported_text: vars.text("UNSUPPORTED_TEXT"),
                also_answer,
                text,
                upload_media,
                window_template,
                enabled,
                require_signature,
                graph_base_url,
                graph_api_version,
                log_level,
                aws: AwsPlace { region: vars.text("AWS_REGION"), endpoint_url: vars.text("AWS_ENDPOINT_URL") },
            }),
            _ => Err(SettingsError(vars.faults)),
        }
    }
}

/// The environment of this process.
#[expect(clippy::disallowed_methods, reason = "this is the only reader of the environment")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let base = [("WHATSAPP_SECRET_ID", "s"), ("TABLE_NAME", "t")];
        Settings::from_vars(base.iter().chain(vars).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn defaults_hold_when_only_the_resources_are_named() {
        let settings = read(&[("AGENT_URL", "  "), ("PATH", "/bin")]).expect("valid");
        assert_eq!(settings.pace.session_expiration, Some(Duration::from_mins(30)));
        assert_eq!(settings.graph_base_url.as_str(), "https://graph.facebook.com/");
        assert!(settings.enabled && settings.require_signature && settings.queue_url.is_none());
    }

    #[test]
    fn an_expiration_of_zero_means_never() {
        assert_eq!(read(&[("SESSION_EXPIRATION_MINUTES", "0")]).expect("valid").pace.session_expiration, None);
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
