//! The four hooks.

/// A function that a script registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// `handleInput`: before the agent is asked.
    Input,
    /// `handleOutput`: before an output is sent.
    Output,
    /// `handleInject`: at a call of `/inject`.
    Inject,
    /// `handleNotify`: at a call of `/notify`.
    Notify,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Input, Self::Output, Self::Inject, Self::Notify];

    /// Its name in a script.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "handleInput",
            Self::Output => "handleOutput",
            Self::Inject => "handleInject",
            Self::Notify => "handleNotify",
        }
    }
}
