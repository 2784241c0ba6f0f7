//! What the phone shows: bubbles, ticks, typing, and what went wrong.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Simulator, State};

mod reply;

/// One line of the phone's history. A line is also an event of the page's stream.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// Something was said; a later bubble with the same id replaces it.
    Bubble(Bubble),
    /// The business has read a message of the person.
    Read {
        /// Which.
        id: String,
    },
    /// The business is writing, or stopped.
    Typing {
        /// Whether it is.
        on: bool,
    },
    /// A webhook was not taken.
    Problem {
        /// Why.
        text: String,
        /// When.
        at: Timestamp,
    },
}

/// Something that was said.
#[derive(Debug, Clone, Serialize)]
pub struct Bubble {
    /// The wamid.
    pub id: String,
    /// `person` or `business`.
    pub from: &'static str,
    /// The type of the message.
    #[serde(rename = "type")]
    pub kind: String,
    /// The words.
    pub text: Option<String>,
    /// Reply buttons.
    pub buttons: Vec<Button>,
    /// Id of the button that was tapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tapped: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What can be tapped.
#[derive(Debug, Clone, Serialize)]
pub struct Button {
    /// What comes back.
    pub id: String,
    /// The words on it.
    pub title: String,
    /// As what it comes back.
    #[serde(skip)]
    pub(super) answer: Answer,
}

/// The kind of the message that a tap makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A reply button, also one of a carousel's card.
    Button,
    /// A row of a list.
    Row { description: Option<String> },
    /// A quick reply of a template.
    Template,
}

impl Line {
    /// The name of the event on the page's stream.
    pub(super) fn event(&self) -> &'static str {
        match self {
            Self::Bubble(_) => "bubble",
            Self::Read { .. } => "read",
            Self::Typing { .. } => "typing",
            Self::Problem { .. } => "problem",
        }
    }
}

impl Simulator {
    /// Everything the phone has shown, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.state().lines.clone()
    }
}

impl State {
    /// Shows a message of the business.
    pub(super) fn show_reply(&mut self, id: &str, message: &Value) {
        self.lines.push(Line::Bubble(Bubble {
            id: id.to_owned(),
            from: "business",
            kind: message["type"].as_str().unwrap_or_default().to_owned(),
            text: Some(reply::words(message)),
            buttons: reply::buttons(message),
            tapped: None,
            at: super::now(),
        }));
    }

    /// As what a tap on this button comes back.
    pub(super) fn answer_of(&self, message_id: &str, button_id: &str) -> Answer {
        let bubble = self.bubble(message_id);
        let button = bubble.into_iter().flat_map(|bubble| &bubble.buttons).find(|button| button.id == button_id);
        button.map_or(Answer::Button, |button| button.answer.clone())
    }

    fn bubble(&self, message_id: &str) -> Option<&Bubble> {
        self.lines.iter().rev().find_map(|line| match line {
            Line::Bubble(bubble) if bubble.id == message_id => Some(bubble),
            Line::Bubble(_) | Line::Read { .. } | Line::Typing { .. } | Line::Problem { .. } => None,
        })
    }

    /// Shows a message of the person.
    pub(super) fn show_message(&mut self, id: &str, text: &str) {
        let bubble = Bubble {
            id: id.to_owned(),
            from: "person",
            kind: "text".into(),
            text: Some(text.to_owned()),
            buttons: Vec::new(),
            tapped: None,
            at: super::now(),
        };
        self.lines.push(Line::Bubble(bubble));
    }

    /// Shows which button of a bubble was tapped.
    pub(super) fn show_tap(&mut self, message_id: &str, button_id: &str) {
        if let Some(mut bubble) = self.bubble(message_id).cloned() {
            bubble.tapped = Some(button_id.to_owned());
            self.lines.push(Line::Bubble(bubble));
        }
    }
}
