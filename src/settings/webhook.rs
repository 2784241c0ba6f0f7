//! The webhook: what is accepted from Meta.

use super::{
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::with_default("ENDPOINT_ENABLED", "EndpointEnabled", "true"),
        Setting::with_default("REQUIRE_SIGNATURE", "RequireSignature", "true"),
    ],
    prefixes: &["ENDPOINT_", "REQUIRE_SIGNATURE"],
};

/// What is accepted from Meta.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// `false`: webhooks are checked, acknowledged and counted, nothing else.
    pub enabled: bool,
    /// `false`: webhooks are accepted unsigned as long as the secret holds no app secret.
    pub require_signature: bool,
}

impl WebhookSettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self {
            enabled: vars.parsed("ENDPOINT_ENABLED", "true or false"),
            require_signature: vars.parsed("REQUIRE_SIGNATURE", "true or false"),
        }
    }
}
