//! The variables of the environment: what a group reads its values with, and where it notes faults.

use std::{collections::BTreeMap, str::FromStr};

use url::Url;

use super::table::{Group, Origin, Setting};

/// The variables and the faults found while reading them.
pub(crate) struct Vars {
    values: BTreeMap<String, String>,
    groups: &'static [Group],
    /// One sentence each, with the cure.
    pub faults: Vec<String>,
}

impl Vars {
    /// The variables, of which these groups know some.
    pub(crate) fn new(vars: impl IntoIterator<Item = (String, String)>, groups: &'static [Group]) -> Self {
        let trimmed = vars.into_iter().map(|(name, value)| (name, value.trim().to_owned()));
        Self { values: trimmed.filter(|(_, value)| !value.is_empty()).collect(), groups, faults: Vec::new() }
    }

    /// Notes a fault; the empty text stands in for the value that is missing and is never used.
    pub(crate) fn fault(&mut self, sentence: impl Into<String>) -> String {
        self.faults.push(sentence.into());
        String::new()
    }

    /// The value, or the default from the table.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let default = self.settings().find(|setting| setting.env == name).and_then(|setting| setting.default);
        self.values.get(name).cloned().or_else(|| default.map(str::to_owned))
    }

    /// A value that says of its type how it is read.
    pub(crate) fn parsed<T: FromStr + Default>(&mut self, name: &str, expected: &str) -> T {
        let text = self.text(name).unwrap_or_default();
        text.parse().unwrap_or_else(|_| {
            self.wrong(name, &text, expected);
            T::default()
        })
    }

    /// The same where nothing is a value too.
    pub(crate) fn optional<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.wrong(name, &text, expected);
        }
        value
    }

    /// Values with commas between them.
    pub(crate) fn list<T: FromStr>(&mut self, name: &str, expected: &str) -> Vec<T> {
        let text = self.text(name).unwrap_or_default();
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(str::parse).collect::<Result<_, _>>().unwrap_or_else(|_| {
            self.wrong(name, &text, expected);
            Vec::new()
        })
    }

    /// A whole number in this range.
    pub(crate) fn number(&mut self, name: &str, least: u64, most: u64) -> u64 {
        let text = self.text(name).unwrap_or_default();
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.wrong(name, &text, &format!("a whole number from {least} to {most}"));
                least
            }
        }
    }

    /// A short text for a button of WhatsApp, which counts like UTF-16.
    pub(crate) fn label(&mut self, name: &str, most: usize) -> String {
        let text = self.text(name).unwrap_or_default();
        if text.encode_utf16().count() > most {
            return self.fault(format!("{name} has more than {most} characters"));
        }
        text
    }

    /// The URL of a server.
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

    /// Notes a fault for each variable that is meant for us and that no group knows.
    pub(crate) fn refuse_unknown(&mut self) {
        let known = |name: &str| self.settings().any(|setting| setting.env == name);
        let ours =
            |name: &str| self.groups.iter().flat_map(|group| group.prefixes).any(|prefix| name.starts_with(prefix));
        let unknown: Vec<_> = self.values.keys().filter(|name| ours(name) && !known(name)).cloned().collect();
        let deployed = self.settings().filter(|setting| setting.origin != Origin::Local);
        let names = deployed.map(|setting| setting.env).collect::<Vec<_>>().join(", ");
        for name in unknown {
            self.fault(format!("{name} is not a setting; the settings are {names}"));
        }
    }

    fn wrong(&mut self, name: &str, text: &str, expected: &str) {
        self.fault(format!("{name} is \"{text}\" but must be {expected}"));
    }

    fn settings(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        self.groups.iter().flat_map(|group| group.settings)
    }
}
