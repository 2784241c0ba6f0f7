//! What is said: by the person (a message) and by the agent (replies in our own words).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a person said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// The channel's id of the message.
    pub id: String,
    /// When it was sent, by the channel's clock, which counts whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The words: a text, a caption, the id of a tapped choice; `None` where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The choice that was tapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap: Option<Tap>,
    /// The message as the channel sent it, byte for byte.
    pub raw: Box<RawValue>,
}

/// A choice that a person tapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// The id we gave the choice.
    pub id: String,
    /// The words on it.
    pub title: String,
}

/// What an agent says, ready to be rendered for the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Words.
    Text(String),
    /// Words, and choices to tap.
    Choices {
        /// The words above the choices.
        text: String,
        /// The choices, in order.
        options: Vec<Choice>,
    },
}

/// A choice to tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What comes back as the text when it is tapped.
    pub id: String,
    /// The words on it.
    pub title: String,
}
