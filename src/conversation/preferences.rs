//! What a person wants of us: whether they may be written to without having asked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a person has said about messages that they did not ask for. It lasts until they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// Whether they want none.
    pub opted_out: bool,
    /// When they said so.
    pub since: Timestamp,
    /// What they chose in WhatsApp for marketing messages, if they chose anything there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketing: Option<Marketing>,
}

/// The choice in WhatsApp for marketing messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marketing {
    /// None.
    Stop,
    /// They are welcome.
    Resume,
}

impl Preferences {
    /// A choice in WhatsApp.
    #[must_use]
    pub fn of_marketing(choice: Marketing, since: Timestamp) -> Self {
        Self { opted_out: choice == Marketing::Stop, since, marketing: Some(choice) }
    }

    /// A word in the chat.
    #[must_use]
    pub fn of_word(opted_out: bool, since: Timestamp) -> Self {
        Self { opted_out, since, marketing: None }
    }

    /// Takes `newer` over, unless something newer is `known`. Returns whether anything has changed.
    pub fn renew(known: &mut Option<Self>, newer: Self) -> bool {
        match known {
            Some(known) if known.since > newer.since => false,
            Some(known) => {
                let marketing = newer.marketing.or(known.marketing);
                let has_changed = known.opted_out != newer.opted_out || known.marketing != marketing;
                *known = Self { marketing, ..newer };
                has_changed
            }
            None => {
                *known = Some(newer);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn the_newest_word_counts_whichever_comes_first() {
        let mut known = None;
        let mut renew = |newer| Preferences::renew(&mut known, newer);
        assert!(renew(Preferences::of_word(true, at(10))));
        assert!(!renew(Preferences::of_marketing(Marketing::Resume, at(9))), "older");
        assert!(!renew(Preferences::of_word(true, at(11))), "the same again");
        assert!(renew(Preferences::of_marketing(Marketing::Resume, at(12))));
        assert!(renew(Preferences::of_word(true, at(13))));
        let known = known.expect("known");
        assert_eq!((known.opted_out, known.marketing), (true, Some(Marketing::Resume)));
    }
}
