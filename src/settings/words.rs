//! How words are heard and written.

use std::str::FromStr;

/// How words are written.
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

/// Kinds of messages that ask for no answer by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuietKind {
    /// An emoji on a message.
    Reaction,
    /// An earlier message was changed.
    Edit,
    /// An earlier message was deleted.
    Revoke,
    /// A notice, such as a changed number.
    System,
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

impl FromStr for QuietKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "reaction" => Ok(Self::Reaction),
            "edit" => Ok(Self::Edit),
            "revoke" => Ok(Self::Revoke),
            "system" => Ok(Self::System),
            _ => Err(()),
        }
    }
}
