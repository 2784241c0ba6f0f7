//! Webhooks as Meta sends them: built, written with Meta's escapes, signed, delivered.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Line, Simulator, phone::Answer};
use crate::{
    credentials::Secret,
    telemetry::Chain,
    whatsapp::signature::{HEADER, sign},
};

/// The person who holds the phone.
pub(super) const PERSON: &str = "15550100200";
pub(super) const PERSON_ID: &str = "US.90000000000000000001";
pub(super) const PERSON_NAME: &str = "Ada Example";
pub(super) const DISPLAY_NUMBER: &str = "15550009001";

impl Simulator {
    /// The person writes; answers the id of the message, which is delivered in the background.
    #[must_use]
    pub fn say(&self, text: &str) -> String {
        self.write(text, json!({ "type": "text", "text": { "body": text } }))
    }

    /// The person taps a button or a row of the message `message_id`.
    #[must_use]
    pub fn tap(&self, id: &str, title: &str, message_id: &str) -> String {
        let answer = self.change(|state| {
            state.show_tap(message_id, id);
            state.answer_of(message_id, id)
        });
        let mut reply = match answer {
            Answer::Button => interactive("button_reply", json!({ "id": id, "title": title })),
            Answer::Row { description: None } => interactive("list_reply", json!({ "id": id, "title": title })),
            Answer::Row { description } => {
                interactive("list_reply", json!({ "id": id, "title": title, "description": description }))
            }
            Answer::Template => json!({ "type": "button", "button": { "payload": id, "text": title } }),
        };
        reply["context"] = json!({ "from": DISPLAY_NUMBER, "id": message_id });
        self.write(title, reply)
    }

    #[expect(clippy::disallowed_methods, reason = "Meta delivers webhooks while the phone goes on")]
    fn write(&self, shown: &str, mut message: Value) -> String {
        let (id, number) = self.change(|state| {
            let id = state.new_wamid();
            state.show_message(&id, shown);
            (id, state.account.phone_number_id.clone())
        });
        message["id"] = json!(id);
        message["from"] = json!(PERSON);
        message["from_user_id"] = json!(PERSON_ID);
        message["timestamp"] = json!(self.now().as_second().to_string());
        let value = json!({
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": DISPLAY_NUMBER, "phone_number_id": number },
            "contacts": [{ "profile": { "name": PERSON_NAME }, "wa_id": PERSON, "user_id": PERSON_ID }],
            "messages": [message],
        });
        let webhook = of(&value);
        let simulator = self.clone();
        tokio::spawn(async move {
            if let Err(text) = simulator.deliver(&webhook).await {
                simulator.change(|state| {
                    state.lines.push(Line::Typing { on: false });
                    state.lines.push(Line::Problem { text, at: super::now() });
                });
            }
        });
        id
    }

    /// Signs a webhook and posts it to the endpoint that is connected.
    ///
    /// # Errors
    /// Why it was not taken, in words for the person who tries it out.
    pub async fn deliver(&self, webhook: &Value) -> Result<(), String> {
        let body = meta_json(webhook);
        let (url, secret) = {
            let state = self.state();
            (state.endpoint.clone(), Secret::from(state.account.app_secret.clone()))
        };
        let url = url.ok_or("no endpoint is connected")?;
        let request = self
            .0
            .http
            .post(&url)
            .header("content-type", "application/json")
            .header(HEADER, sign(&secret, body.as_bytes()));
        let response =
            request.body(body).send().await.map_err(|error| format!("{url} cannot be reached: {}", Chain(&error)))?;
        let status = response.status();
        if status.as_u16() == 200 {
            return Ok(());
        }
        let text = response.text().await.unwrap_or_default();
        Err(format!("the endpoint answered {status}: {text} (its log says why)"))
    }
}

/// The webhook with this value.
pub(super) fn of(value: &Value) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "900000000000001", "changes": [{ "value": value, "field": "messages" }] }],
    })
}

fn interactive(kind: &str, reply: Value) -> Value {
    let mut interactive = json!({ "type": kind });
    interactive[kind] = reply;
    json!({ "type": "interactive", "interactive": interactive })
}

/// JSON as Meta writes it: other characters than ASCII as `\uXXXX`, slashes as `\/`.
fn meta_json(value: &Value) -> String {
    let mut escaped = String::new();
    for unit in value.to_string().encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'/') => escaped.push_str("\\/"),
            Ok(ascii) if ascii.is_ascii() => escaped.push(ascii.into()),
            // Writing to a String cannot fail.
            _ => write!(escaped, "\\u{unit:04x}").unwrap_or_default(),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_are_escaped_as_meta_does() {
        let value = json!({ "a": "é/😀" });
        let text = meta_json(&value);
        assert_eq!(text, r#"{"a":"\u00e9\/\ud83d\ude00"}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }
}
