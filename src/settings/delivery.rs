//! Delivery: how replies are sent.

use std::{str::FromStr, time::Duration};

use super::{
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::with_default("MESSAGE_DELAY_MS", "MessageDelay", "0"),
        Setting::with_default("UPLOAD_MEDIA", "UploadMedia", "false"),
        Setting::optional("WINDOW_TEMPLATE", "WindowTemplate"),
        Setting::with_default("RESEND_AFTER_SECONDS", "ResendAfter", "30"),
    ],
    prefixes: &["MESSAGE_DELAY", "UPLOAD_", "WINDOW_TEMPLATE"],
};

/// How replies are sent.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// Between two replies; not before the first.
    pub message_delay: Duration,
    /// Whether linked files are uploaded to the channel once, instead of being fetched by it each time.
    pub upload_media: bool,
    /// The template that is sent when the window for free messages is closed.
    pub window_template: Option<WindowTemplate>,
    /// Without a status, until a reply in doubt is sent again.
    pub resend_after: Duration,
}

/// The template that is sent when the window for free messages is closed. It has no parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowTemplate {
    /// Its name at Meta.
    pub name: String,
    /// The code of its language, such as `en_US`.
    pub language: String,
}

impl DeliverySettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self {
            message_delay: Duration::from_millis(vars.number("MESSAGE_DELAY_MS", 0, 10_000)),
            upload_media: vars.parsed("UPLOAD_MEDIA", "true or false"),
            window_template: vars
                .optional("WINDOW_TEMPLATE", "the name and the language of a template, such as order_update:en_US"),
            resend_after: Duration::from_secs(vars.number("RESEND_AFTER_SECONDS", 0, 300)),
        }
    }
}

/// `name:language`.
impl FromStr for WindowTemplate {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            Some((name, language)) if !name.is_empty() && !language.is_empty() => {
                Ok(Self { name: name.to_owned(), language: language.to_owned() })
            }
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_a_name_and_a_language() {
        let template = WindowTemplate { name: "order_update".to_owned(), language: "en_US".to_owned() };
        assert_eq!("order_update:en_US".parse(), Ok(template));
        for wrong in ["order_update", "order_update:", ":en_US", ":"] {
            assert_eq!(wrong.parse::<WindowTemplate>(), Err(()), "{wrong}");
        }
    }
}
