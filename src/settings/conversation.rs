//! Conversations: when a session ends, and which messages are given to the agent.

use std::{str::FromStr, time::Duration};

use super::{
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::with_default("SESSION_EXPIRATION_MINUTES", "SessionExpiration", "30"),
        Setting::optional("ALSO_ANSWER", "AlsoAnswer"),
    ],
    prefixes: &["SESSION_EXPIRATION"],
};

/// When a session ends, and which messages are given to the agent.
#[derive(Debug, Clone)]
pub struct ConversationSettings {
    /// Without a message, until a session ends; `None`: it never does.
    pub session_expiration: Option<Duration>,
    /// Kinds of messages that are put to the agent although they ask for no answer.
    pub also_answer: Vec<QuietKind>,
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

impl ConversationSettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self {
            session_expiration: match vars.number("SESSION_EXPIRATION_MINUTES", 0, 525_600) {
                0 => None,
                minutes => Some(Duration::from_secs(minutes * 60)),
            },
            also_answer: vars
                .list("ALSO_ANSWER", "some of reaction, edit, revoke and system, with commas between them"),
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
