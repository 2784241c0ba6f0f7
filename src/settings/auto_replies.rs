//! Auto-replies: what the endpoint itself tells a person when the agent says nothing.

use super::{
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::optional("FALLBACK_TEXT", "FallbackText"),
        Setting::optional("DELAY_TEXT", "DelayText"),
        Setting::optional("UNSUPPORTED_TEXT", "UnsupportedText"),
    ],
    prefixes: &[],
};

/// Texts of the operator that are sent without the agent.
#[derive(Debug, Clone)]
pub struct AutoReplySettings {
    /// What a person is told when no answer will come; `None`: nothing.
    pub fallback: Option<String>,
    /// What a person is told once when the agent has to be asked again; `None`: nothing.
    pub delay: Option<String>,
    /// What a person is told who sent something that the channel does not pass on; `None`: what the agent says to it.
    pub unsupported: Option<String>,
}

impl AutoReplySettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self {
            fallback: vars.text("FALLBACK_TEXT"),
            delay: vars.text("DELAY_TEXT"),
            unsupported: vars.text("UNSUPPORTED_TEXT"),
        }
    }
}
