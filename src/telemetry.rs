//! What the logs say, and what they never say: people are masked, message text and secrets have no way in.

use std::{fmt, str::FromStr};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::layer,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// What is logged: lines of this weight and above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// And what may need one.
    Warn,
    /// And one line per webhook and turn.
    #[default]
    Info,
    /// And every outside call.
    Debug,
    /// And what the libraries say.
    Trace,
}

impl FromStr for LogLevel {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_ascii_lowercase().as_str() {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(()),
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for CloudWatch.
    Json,
    /// For a terminal.
    Terminal,
}

/// Starts logging; a second call in one process changes nothing.
pub fn init(level: LogLevel, format: LogFormat) {
    let (libraries, ours) = match level {
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::WARN, LevelFilter::INFO),
        LogLevel::Debug => (LevelFilter::INFO, LevelFilter::DEBUG),
        // Even here the HTTP libraries stay at info: below it they print headers and bodies.
        LogLevel::Trace => (LevelFilter::INFO, LevelFilter::TRACE),
    };
    // A fixed list of targets. A filter that is parsed would bring an engine for regular expressions into the package.
    let filter = Targets::new().with_default(libraries).with_target("whatsapp_endpoint", ours).with_target("wa", ours);
    let (registry, lines) = (tracing_subscriber::registry().with(filter), layer().with_writer(std::io::stderr));
    let _already_started = match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init(),
        LogFormat::Terminal => registry.with(lines.with_target(false)).try_init(),
    };
}

/// The name of a person as logs may show it: the last two characters.
///
/// For phone numbers and BSUIDs; enough to tell two people of one test apart, too little to call one.
#[derive(Clone, Copy)]
pub struct Masked<T>(pub T);

impl<T: AsRef<str>> fmt::Display for Masked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        let tail = text.char_indices().rev().nth(1).filter(|_| text.chars().count() > 4);
        write!(f, "***{}", tail.map_or("", |(start, _)| &text[start..]))
    }
}

impl<T: AsRef<str>> fmt::Debug for Masked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An error with everything that caused it, on one line.
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut said = self.0.to_string();
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_person_keeps_two_characters_at_most() {
        assert_eq!(Masked("15550100200").to_string(), "***00");
        assert_eq!(Masked("abc").to_string(), "***");
    }
}
