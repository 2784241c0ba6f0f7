//! Who speaks first: words by which people opt out, the greeting, and messages outside of the window.

use std::str::FromStr;

use super::{
    Keywords,
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::optional("OPT_OUT_WORDS", "OptOutWords"),
        Setting::optional("OPT_OUT_TEXT", "OptOutText"),
        Setting::optional("OPT_IN_WORDS", "OptInWords"),
        Setting::optional("OPT_IN_TEXT", "OptInText"),
        Setting::optional("GREETING_TEXT", "GreetingText"),
        Setting::optional("DIRECT_SEND", "DirectSend"),
    ],
    prefixes: &["OPT_OUT_", "OPT_IN_", "GREETING_", "DIRECT_SEND"],
};

/// Who speaks first.
#[derive(Debug, Clone, Default)]
pub struct ProactiveSettings {
    /// Words by which a person says that they want no messages that they did not ask for.
    pub opt_out_words: Keywords,
    /// What confirms that.
    pub opt_out_text: Option<String>,
    /// Words by which they take it back.
    pub opt_in_words: Keywords,
    /// What confirms that.
    pub opt_in_text: Option<String>,
    /// What a person is told before the first answer of their first conversation.
    pub greeting_text: Option<String>,
    /// How free text goes out outside of the window, where the account may send any; `None`: not at all.
    pub direct_send: Option<DirectSend>,
}

/// Meta's category of free text outside of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectSend {
    /// About something that the person has ordered or asked for.
    Utility,
}

impl ProactiveSettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        let words = |name| Keywords::read(&vars.text(name).unwrap_or_default());
        let (opt_out_words, opt_in_words) = (words("OPT_OUT_WORDS"), words("OPT_IN_WORDS"));
        Self {
            opt_out_words,
            opt_out_text: vars.text("OPT_OUT_TEXT"),
            opt_in_words,
            opt_in_text: vars.text("OPT_IN_TEXT"),
            greeting_text: vars.text("GREETING_TEXT"),
            direct_send: vars
                .optional("DIRECT_SEND", "utility, or empty where the account may not send without a template"),
        }
    }
}

impl FromStr for DirectSend {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "utility" => Ok(Self::Utility),
            _ => Err(()),
        }
    }
}
