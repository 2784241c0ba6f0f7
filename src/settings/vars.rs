//! Variables and their kinds: every value is read here, and every fault noted with its cure.

use std::{collections::BTreeMap, str::FromStr};

use url::Url;

use super::{AgentAddress, AgentOnAws, AgentProtocol, LOCAL_SETTINGS, OUR_PREFIXES, SETTINGS};

/// The variables and the faults found while reading them.
pub(crate) struct Vars {
    values: BTreeMap<String, String>,
    /// One sentence each, with the cure.
    pub faults: Vec<String>,
}

impl Vars {
    pub(crate) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let trimmed = vars.into_iter().map(|(name, value)| (name, value.trim().to_owned()));
        Self { values: trimmed.filter(|(_, value)| !value.is_empty()).collect(), faults: Vec::new() }
    }

    /// Notes a fault; the empty text stands in for the value that is missing and is never used.
    pub(crate) fn fault(&mut self, sentence: impl Into<String>) -> String {
        self.faults.push(sentence.into());
        String::new()
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let default = SETTINGS.iter().find(|setting| setting.env == name).and_then(|setting| setting.default);
        self.values.get(name).cloned().or_else(|| default.map(str::to_owned))
    }

    pub(crate) fn parsed<T: FromStr + Default>(&mut self, name: &str, expected: &str) -> T {
        let text = self.text(name).unwrap_or_default();
        text.parse().unwrap_or_else(|_| {
            self.fault(format!("{name} is \"{text}\" but must be {expected}"));
            T::default()
        })
    }

    pub(crate) fn number(&mut self, name: &str, least: u64, most: u64) -> u64 {
        let text = self.text(name).unwrap_or_default();
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.fault(format!("{name} is \"{text}\" but must be a whole number from {least} to {most}"));
                least
            }
        }
    }

    pub(crate) fn list<T: FromStr>(&mut self, name: &str, expected: &str) -> Vec<T> {
        let text = self.text(name).unwrap_or_default();
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(str::parse).collect::<Result<_, _>>().unwrap_or_else(|_| {
            self.fault(format!("{name} is \"{text}\" but must be {expected}"));
            Vec::new()
        })
    }

    pub(crate) fn label(&mut self, name: &str, most: usize) -> String {
        let text = self.text(name).unwrap_or_default();
        if text.encode_utf16().count() > most {
            return self.fault(format!("{name} has more than {most} characters"));
        }
        text
    }

    /// `name:language`.
    pub(crate) fn template(&mut self, name: &str) -> Option<(String, String)> {
        let text = self.text(name)?;
        match text.split_once(':') {
            Some((template, language)) if !template.is_empty() && !language.is_empty() => {
                Some((template.to_owned(), language.to_owned()))
            }
            _ => {
                self.fault(format!("{name} is \"{text}\" but must look like order_update:en_US, the name and the language of a template"));
                None
            }
        }
    }

    pub(crate) fn url(&mut self, name: &str) -> Option<Url> {
        let text = self.text(name)?;
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                // The text is not repeated: the URL of an agent may carry a token.
                self.fault(format!("{name} must be a full URL that starts with https:// (or http://)"));
                None
            }
        }
    }

    /// The URL of an agent, or its address on AWS, as the protocol wants it.
    pub(crate) fn agent_address(&mut self, protocol: AgentProtocol) -> AgentAddress {
        const NAME: &str = "AGENT_URL";
        let text = self.text(NAME).unwrap_or_default();
        let on_aws = match protocol {
            AgentProtocol::Demo
            | AgentProtocol::Cognigy
            | AgentProtocol::Http
            | AgentProtocol::OpenAi
            | AgentProtocol::A2a
            | AgentProtocol::Rasa => return self.url(NAME).map_or(AgentAddress::Missing, AgentAddress::Url),
            AgentProtocol::Lambda => AgentOnAws::function(&text),
            AgentProtocol::AgentCore => AgentOnAws::runtime(&text),
            AgentProtocol::Lex => AgentOnAws::bot(&text),
        };
        on_aws.map_or(AgentAddress::Missing, AgentAddress::OnAws)
    }

    pub(crate) fn graph_version(&mut self, name: &str) -> String {
        let text = self.text(name).unwrap_or_default();
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        match text.strip_prefix('v').and_then(|rest| rest.split_once('.')) {
            Some((major, minor)) if digits(major) && digits(minor) => text,
            _ => self.fault(format!("{name} is \"{text}\" but must look like v26.0")),
        }
    }

    pub(crate) fn refuse_unknown(&mut self) {
        let known = |name: &str| SETTINGS.iter().chain(LOCAL_SETTINGS).any(|setting| setting.env == name);
        let ours = |name: &str| OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let unknown: Vec<_> = self.values.keys().filter(|name| ours(name) && !known(name)).cloned().collect();
        for name in unknown {
            let names: Vec<_> = SETTINGS.iter().map(|setting| setting.env).collect();
            self.fault(format!("{name} is not a setting; the settings are {}", names.join(", ")));
        }
    }
}
