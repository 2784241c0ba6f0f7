//! What the phone shows: bubbles, ticks, typing, and what went wrong.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Simulator, State};

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

/// A reply button.
#[derive(Debug, Clone, Serialize)]
pub struct Button {
    /// What comes back.
    pub id: String,
    /// The words on it.
    pub title: String,
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
        let kind = message["type"].as_str().unwrap_or_default().to_owned();
        let interactive = &message["interactive"];
        let text = message["text"]["body"].as_str().or(interactive["body"]["text"].as_str()).map(str::to_owned);
        let buttons = interactive["action"]["buttons"].as_array().into_iter().flatten().map(|button| Button {
            id: button["reply"]["id"].as_str().unwrap_or_default().to_owned(),
            title: button["reply"]["title"].as_str().unwrap_or_default().to_owned(),
        });
        let buttons = buttons.collect();
        self.lines.push(Line::Bubble(Bubble {
            id: id.to_owned(),
            from: "business",
            kind,
            text,
            buttons,
            tapped: None,
            at: super::now(),
        }));
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
        let bubble = self.lines.iter().rev().find_map(|line| match line {
            Line::Bubble(bubble) if bubble.id == message_id => Some(bubble.clone()),
            Line::Bubble(_) | Line::Read { .. } | Line::Typing { .. } | Line::Problem { .. } => None,
        });
        if let Some(mut bubble) = bubble {
            bubble.tapped = Some(button_id.to_owned());
            self.lines.push(Line::Bubble(bubble));
        }
    }
}
