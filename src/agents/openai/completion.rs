//! A model's answer so far, and how it ended.

use crate::{
    agents::{AgentError, thoughts::strip},
    json,
};

/// Most bytes of an answer, sixteen messages of the channel: a model that writes more does not come to an end.
const MAX_WORDS: usize = 64 * 1024;

/// A model's answer so far.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    /// Its text.
    pub words: String,
    /// Its text if it refuses.
    pub refusal: String,
    /// The server's id of the answer.
    pub id: Option<String>,
    /// How it ended; `None`: not yet, or unknown.
    pub ending: Option<Ending>,
    /// Whether the stream has reported its end.
    pub is_done: bool,
    /// Whether the time was over or the connection broke before the end.
    pub is_cut_off: bool,
    /// Whether the model called a tool.
    pub calls_tools: bool,
    /// Its token usage.
    pub usage: Usage,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is complete.
    Whole,
    /// It reached the token limit.
    Truncated,
    /// A filter stopped it.
    Filtered,
}

/// The token usage of an answer, if the server reports it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Tokens read.
    pub input: Option<u64>,
    /// Tokens written, thoughts included.
    pub output: Option<u64>,
}

impl Completion {
    /// Whether the answer is at its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.is_done || self.ending.is_some()
    }

    /// Whether it is longer than anyone would read.
    pub(crate) fn is_endless(&self) -> bool {
        self.words.len() > MAX_WORDS
    }

    /// Whether it has no text for a person.
    pub(crate) fn says_nothing(&self) -> bool {
        strip(&self.words).trim().is_empty() && self.refusal.trim().is_empty()
    }

    /// Why the answer is incomplete; `None`: it is complete.
    pub(crate) fn shortened(&self) -> Option<&'static str> {
        match self.ending {
            _ if self.is_cut_off => Some("it was cut off"),
            Some(Ending::Truncated) => Some("it reached the token limit"),
            Some(Ending::Filtered) => Some("a content filter stopped it"),
            Some(Ending::Whole) | None => None,
        }
    }

    /// The text for the person.
    ///
    /// # Errors
    /// When there is none, or far too much: asking again may help.
    pub(crate) fn text(&self) -> Result<String, AgentError> {
        if self.is_endless() {
            return Err(AgentError::Unreadable(format!("it has more than {MAX_WORDS} bytes of text")));
        }
        let text = strip(&json::join(self.words.clone()));
        let words = if text.trim().is_empty() { json::join(self.refusal.clone()) } else { text };
        let words = words.trim();
        if words.is_empty() {
            let has_thoughts = !self.words.trim().is_empty();
            let why = self.shortened().or(self.calls_tools.then_some("it only calls tools"));
            let why = why.or(has_thoughts.then_some("it has only thoughts")).unwrap_or("no reason given");
            return Err(AgentError::Unreadable(format!("it is empty: {why}")));
        }
        Ok(if self.shortened().is_some() { format!("{words}…") } else { words.to_owned() })
    }
}
