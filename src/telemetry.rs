//! What the logs contain, and what they never contain: people are masked; message texts and secrets are kept out.
//!
//! Errors of others (Meta, an agent, AWS) may quote what they refuse. Every error is printed through [`Chain`], which removes
//! numbers, ids and addresses. Errors that may also quote a text of ours go through [`redact`] where they come in.

use std::{cell::RefCell, fmt, panic, str::FromStr};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::layer,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The log level: lines of this weight and above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what needs the operator.
    Error,
    /// And what may need the operator.
    Warn,
    /// And one line per webhook and turn.
    #[default]
    Info,
    /// And every outgoing call.
    Debug,
    /// And the lines of the libraries.
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

thread_local! {
    /// Where the last panic of this thread happened. Every turn runs on the thread that reads it.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Reports panics by their place alone: the text of a panic may quote what a person wrote.
fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "a panic: a fault of this program, please report the place");
        LAST_PANIC.set(Some(place));
    }));
}

/// Where this thread last panicked, such as `src/turn.rs:12:5`.
#[must_use]
pub fn last_panic() -> Option<String> {
    LAST_PANIC.take()
}

/// Starts logging; a second call in one process changes nothing.
pub fn init(level: LogLevel, format: LogFormat) {
    report_panics();
    let (libraries, ours) = match level {
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::WARN, LevelFilter::INFO),
        LogLevel::Debug => (LevelFilter::INFO, LevelFilter::DEBUG),
        // The HTTP libraries stay at info even here: below it they print headers and bodies.
        LogLevel::Trace => (LevelFilter::INFO, LevelFilter::TRACE),
    };
    // A fixed list of targets: a parsed filter would bring a regular expression engine into the package.
    let filter = Targets::new().with_default(libraries).with_target("whatsapp_endpoint", ours).with_target("wa", ours);
    let (registry, lines) = (tracing_subscriber::registry().with(filter), layer().with_writer(std::io::stderr));
    let _already_started = match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init(),
        LogFormat::Terminal => registry.with(lines.with_target(false)).try_init(),
    };
}

/// A person's name as logs may show it: the last two characters.
///
/// For phone numbers and BSUIDs: enough to distinguish two people in a test, too little to call anyone.
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

/// An error with everything that caused it, on one line, without numbers, ids and addresses that may be a person's.
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.0.to_string();
        let mut last = line.clone();
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !last.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
                last = text;
            }
            source = cause.source();
        }
        f.write_str(&without_ids(&line))
    }
}

/// Fewest digits that count as a phone number or another id of a person; Meta's error codes have seven at most.
const ID_DIGITS: usize = 8;
/// Replaces what is cut out.
const CUT: char = '…';

/// A foreign text as it may be logged, stored with a failure, and counted: without phone numbers, message ids and mail addresses, and
/// without the words, or beginnings of words, of `ours`: the texts that the other side got and may quote.
#[must_use]
pub fn redact<'a>(text: &str, ours: impl IntoIterator<Item = &'a str>) -> String {
    let is_word = |sign: char| sign.is_alphanumeric();
    let ours: Vec<String> = ours
        .into_iter()
        .flat_map(|text| text.split(|sign: char| !is_word(sign)))
        .filter(|word| word.chars().count() > 2)
        .map(str::to_lowercase)
        .collect();
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let end = rest.find(|other: char| is_word(other) != is_word(sign)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        let is_ours = || piece.len() > 2 && ours.iter().any(|word| word.starts_with(&piece.to_lowercase()));
        // Meta's and AWS's own words are English, and ASCII.
        if is_word(sign) && (!piece.is_ascii() || is_ours()) {
            push_cut(&mut kept);
        } else {
            kept.push_str(piece);
        }
        rest = after;
    }
    without_ids(&kept)
}

/// Removes long numbers, ids of messages and mail addresses.
fn without_ids(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (place, word) in text.split(' ').enumerate() {
        if place > 0 {
            kept.push(' ');
        }
        match word.find("wamid.") {
            Some(at) => {
                kept.push_str(&word[..at]);
                push_cut(&mut kept);
            }
            None if word.trim_matches('@').contains('@') => push_cut(&mut kept),
            None => kept.push_str(word),
        }
    }
    without_numbers(&kept)
}

/// Removes numbers of [`ID_DIGITS`] digits or more, in groups or not: `+1 (555) 010-0200`.
fn without_numbers(text: &str) -> String {
    let joins = |sign: char| matches!(sign, ' ' | '-' | '.' | '/' | '(' | ')' | '+');
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|sign: char| sign.is_ascii_digit()) {
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|sign: char| !sign.is_ascii_digit() && !joins(sign)).unwrap_or(rest.len());
        let number = rest[..end].trim_end_matches(joins);
        let digits = number.chars().filter(char::is_ascii_digit).count();
        // Two codes with a space between them are two numbers; no group of a phone number is as long as a code.
        let is_id = number.split(joins).any(|group| group.len() >= ID_DIGITS)
            || (digits >= ID_DIGITS && number.split(joins).all(|group| group.len() < 6));
        if is_id {
            push_cut(&mut kept);
        } else {
            kept.push_str(number);
        }
        rest = &rest[number.len()..];
    }
    kept.push_str(rest);
    kept
}

fn push_cut(kept: &mut String) {
    if !kept.ends_with(CUT) {
        kept.push(CUT);
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

    #[test]
    fn no_number_id_or_address_is_left_in_a_foreign_text() {
        for (text, left) in [
            ("'15550100200' is not valid", "'…' is not valid"),
            ("to +1 (555) 010-0200, code 131047", "to +…, code 131047"),
            ("HTTP 400, code 2494100: no", "HTTP 400, code 2494100: no"),
            ("codes 131047 131053", "codes 131047 131053"),
            ("context wamid.HBgLMTU1NTAxMDAyMDA= is gone", "context … is gone"),
            ("user US.90000000000000000003 or ada@example.com?", "user US.… or …"),
            ("at line 1, column 12", "at line 1, column 12"),
        ] {
            assert_eq!(redact(text, []), left);
        }
    }

    #[test]
    fn no_word_that_was_sent_is_left_in_a_foreign_text() {
        let sent = ["My card number is 4111", "漢字です"];
        let quoted = "(#131009) Parameter value is not valid: 'my CARD num' and 漢字, number 4111";
        assert_eq!(redact(quoted, sent), "(#131009) Parameter value is not valid: 'my … …' and …, … …");
    }
}
