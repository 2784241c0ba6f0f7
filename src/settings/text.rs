//! Texts: what agents write, and how it becomes messages.

use std::str::FromStr;

use super::{
    table::{Group, Setting},
    vars::Vars,
};

/// WhatsApp's limit for the button of a list.
const MAX_LIST_LABEL: usize = 20;

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::with_default("TEXT_FORMAT", "TextFormat", "auto"),
        Setting::with_default("MERGE_TEXTS", "MergeTexts", "false"),
        Setting::with_default("LIST_LABEL", "ListLabel", "☰"),
    ],
    prefixes: &["TEXT_FORMAT", "MERGE_"],
};

/// How an agent's texts become messages.
#[derive(Debug, Clone)]
pub struct TextSettings {
    /// What agents write.
    pub format: TextFormat,
    /// Whether consecutive texts of one answer become one message.
    pub merge: bool,
    /// The words on the button that opens a list, where the agent names none.
    pub list_label: String,
}

/// What agents write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextFormat {
    /// Markdown if the text holds something that only Markdown has, else WhatsApp's marks.
    #[default]
    Auto,
    /// Markdown.
    Markdown,
    /// WhatsApp's marks.
    Whatsapp,
}

impl TextSettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self {
            format: vars.parsed("TEXT_FORMAT", "auto, markdown or whatsapp"),
            merge: vars.parsed("MERGE_TEXTS", "true or false"),
            list_label: vars.label("LIST_LABEL", MAX_LIST_LABEL),
        }
    }
}

impl FromStr for TextFormat {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "markdown" => Ok(Self::Markdown),
            "whatsapp" => Ok(Self::Whatsapp),
            _ => Err(()),
        }
    }
}
