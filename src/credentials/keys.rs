//! The fields of the secret: texts that never print, read from JSON and checked.

use std::fmt;

use serde::Deserialize;

use super::CredentialsError;
use crate::conversation::PhoneNumberId;

/// A text that never prints.
///
/// White space around it is dropped: it comes along when a token is pasted.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret, unless it is empty.
    #[must_use]
    pub fn present(&self) -> Option<&Self> {
        (!self.0.is_empty()).then_some(self)
    }
}

/// An object, kept as text; it never prints either.
fn object<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    let object = serde_json::Map::deserialize(from)?;
    Ok(Secret(if object.is_empty() { String::new() } else { serde_json::Value::Object(object).to_string() }))
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Secret(empty)" } else { "Secret(***)" })
    }
}

/// What the secret holds; an empty field is one that the operator has not filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Keys {
    /// Id of the Meta app.
    pub app_id: String,
    /// Bearer token for the Graph API.
    pub access_token: Secret,
    /// Id of the number we send from; webhooks of another number are not ours.
    pub phone_number_id: PhoneNumberId,
    /// What Meta must present at the handshake.
    pub verify_token: Secret,
    /// Key of webhook signatures and of `appsecret_proof`.
    pub app_secret: Secret,
    /// The app secret before the last rotation: its signatures are still accepted.
    pub app_secret_previous: Secret,
    /// Bearer token for the agent.
    pub agent_token: Secret,
    /// Key of the callers of inject and notify.
    pub api_key: Secret,
    /// What the operator's script may know: a JSON object, as text.
    #[serde(deserialize_with = "object")]
    pub transformer: Secret,
}

pub(super) fn parse(text: &str) -> Result<Keys, CredentialsError> {
    let mut keys: Keys = serde_json::from_str(text)
        .map_err(|error| CredentialsError::Malformed { line: error.line(), column: error.column() })?;
    keys.app_id = keys.app_id.trim().to_owned();
    keys.phone_number_id = keys.phone_number_id.as_str().trim().into();
    keys.check()?;
    Ok(keys)
}

impl Keys {
    /// A terminal that breaks a long line puts a line break into a token, and nobody sees it. Headers hold visible ASCII.
    fn check(&self) -> Result<(), CredentialsError> {
        let is_visible: fn(char) -> bool = |sign| sign.is_ascii_graphic();
        // A user and a password, for one.
        let is_printed: fn(char) -> bool = |sign| sign == ' ' || sign.is_ascii_graphic();
        let is_any: fn(char) -> bool = |sign| !sign.is_control();
        let fields = [
            ("app_id", self.app_id.as_str(), is_visible),
            ("phone_number_id", self.phone_number_id.as_str(), is_visible),
            ("access_token", self.access_token.expose(), is_visible),
            ("api_key", self.api_key.expose(), is_visible),
            ("agent_token", self.agent_token.expose(), is_printed),
            ("app_secret", self.app_secret.expose(), is_any),
            ("app_secret_previous", self.app_secret_previous.expose(), is_any),
            ("verify_token", self.verify_token.expose(), is_any),
        ];
        match fields.into_iter().find(|(_, text, is_allowed)| !text.chars().all(is_allowed)) {
            Some((field, ..)) => Err(CredentialsError::Unusable { field }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_print_without_their_secrets() {
        let keys = parse(r#"{"access_token":"EAAB","app_secret":"","phone_number_id":"8"}"#).expect("valid");
        let printed = format!("{keys:?}");
        assert!(!printed.contains("EAAB") && printed.contains("Secret(empty)"), "{printed}");
    }

    #[test]
    fn a_broken_secret_is_not_repeated_in_the_error() {
        let error = parse("{\"access_token\": EAAB}").expect_err("not JSON");
        assert!(!telemetry_text(&error).contains("EAAB"));
    }

    #[test]
    fn a_secret_that_was_broken_into_lines_is_named_and_not_repeated() {
        for (field, text) in
            [("access_token", "EAAB\\nCDE"), ("app_secret", "a\\nb"), ("agent_token", "schl\u{fc}ssel")]
        {
            let error = parse(&format!("{{\"{field}\": \"{text}\"}}")).expect_err("not usable");
            let text = telemetry_text(&error);
            assert!(text.starts_with(&format!("{field} in the secret")) && !text.contains("EAAB"), "{text}");
        }
        let fine = r#"{"access_token": " EAAB\n", "verify_token": "my own words", "agent_token": "user:pass word"}"#;
        assert!(parse(fine).is_ok(), "white space around is dropped");
    }

    fn telemetry_text(error: &CredentialsError) -> String {
        crate::telemetry::Chain(error).to_string()
    }
}
