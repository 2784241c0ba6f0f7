//! What a model has said so far, and how it came to an end.

use crate::{
    agents::{AgentError, thoughts::strip},
    json,
};

/// Most bytes of what is said at once, sixteen messages of the channel: more is a model that does not find an end.
const MAX_WORDS: usize = 64 * 1024;

/// What a model has said so far.
#[derive(Debug, Default)]
pub struct Completion {
    /// Its words.
    pub words: String,
    /// Its words where it declines.
    pub refusal: String,
    /// The id under which the server remembers the answer.
    pub id: Option<String>,
    /// How it ended; `None`: not yet, or without a word about it.
    pub ending: Option<Ending>,
    /// Whether the stream has said that nothing more comes.
    pub is_done: bool,
    /// Whether the time was over or the connection broke before.
    pub is_cut_off: bool,
    /// Whether it wants a tool.
    pub calls_tools: bool,
    /// What it cost.
    pub usage: Usage,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is whole.
    Whole,
    /// It reached the most tokens.
    Truncated,
    /// A filter stopped it.
    Filtered,
}

/// What an answer cost, in tokens, where the server tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// What it read.
    pub input: Option<u64>,
    /// What it wrote, its thoughts included.
    pub output: Option<u64>,
}

impl Completion {
    /// Whether nothing more is to come.
    pub fn has_ended(&self) -> bool {
        self.is_done || self.ending.is_some()
    }

    /// Whether it says more than anybody would read.
    pub fn is_endless(&self) -> bool {
        self.words.len() > MAX_WORDS
    }

    /// Whether there is nothing to read for a person.
    pub fn says_nothing(&self) -> bool {
        strip(&self.words).trim().is_empty() && self.refusal.trim().is_empty()
    }

    /// Why there is less of it than the model had to say; `None`: it is whole.
    pub fn shortened(&self) -> Option<&'static str> {
        match self.ending {
            _ if self.is_cut_off => Some("it was cut off"),
            Some(Ending::Truncated) => Some("it reached the most tokens"),
            Some(Ending::Filtered) => Some("a content filter stopped it"),
            Some(Ending::Whole) | None => None,
        }
    }

    /// What the person gets.
    ///
    /// # Errors
    /// When there is nothing, or far too much: to ask again may help.
    pub fn text(&self) -> Result<String, AgentError> {
        if self.is_endless() {
            return Err(AgentError::Unreadable(format!("it has more than {MAX_WORDS} bytes of words")));
        }
        let said = strip(&json::join(self.words.clone()));
        let words = if said.trim().is_empty() { json::join(self.refusal.clone()) } else { said };
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
