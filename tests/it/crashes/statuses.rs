//! What becomes of the statuses of messages.

/// What becomes of the statuses of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statuses {
    /// Every one reaches the door before the next delivery: whatever was in doubt is settled.
    InTime,
    /// None comes: what is in doubt is sent again.
    Never,
}

impl Statuses {
    /// Seconds after which a reply in doubt is sent again: where statuses come, they come before that.
    pub fn resend_after(self) -> &'static [&'static str] {
        match self {
            Self::InTime => &["5", "30"],
            Self::Never => &["0", "1", "5"],
        }
    }
}
