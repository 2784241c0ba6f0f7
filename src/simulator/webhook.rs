//! Webhooks as Meta writes them: their shape, and their escapes.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    Simulator, State,
    exchanges::Kind,
    phone::{Side, user_action::UserAction},
    postman::{About, Letter},
};

pub(super) const DISPLAY_NUMBER: &str = "15550009001";
/// The WhatsApp Business Account to which the number belongs.
pub(super) const WABA: &str = "900000000000001";

impl Simulator {
    /// Writes what the person says into a webhook, and shows it on the phone.
    pub(super) fn write(&self, person: &str, said: &UserAction, reply_to: Option<&str>) -> Result<Letter, String> {
        let now = self.now();
        self.change(|state| {
            let from = state.person(person).ok_or_else(|| format!("nobody has the id {person}"))?.clone();
            let mut message = said.message(state, person, reply_to)?;
            let id = state.new_wamid();
            message["id"] = json!(id);
            message["timestamp"] = json!(now.as_second().to_string());
            from.sign(&mut message);
            let is_notice = message["type"] == "system";
            if let (true, Some(fields)) = (is_notice, message.as_object_mut()) {
                fields.remove("from_user_id");
            }
            if !matches!(said, UserAction::Reaction { .. }) {
                state.show_message(&id, person, &message);
            }
            state.open_window(person, now);
            state.pace.count(now);
            let mut value = state.head();
            // Notices of the system come without the person's card.
            if !is_notice {
                value["contacts"] = json!([from.contact(true)]);
            }
            value["messages"] = json!([message]);
            let about = About { person: Some(person.to_owned()), message: Some(id) };
            Ok(Letter { webhook: of(&value), kind: Kind::Webhook, about: vec![about] })
        })
    }
}

impl Simulator {
    /// Shows the messages of a webhook that was made elsewhere, as if the people of this simulator had written them.
    pub(super) fn take_in(&self, webhook: &Value) {
        let now = self.now();
        self.change(|state| {
            for message in values(webhook).flat_map(|value| value["messages"].as_array().into_iter().flatten()) {
                let (number, user_id) = (message["from"].as_str(), message["from_user_id"].as_str());
                let person = match user_id
                    .and_then(|_| state.people.iter().find(|person| person.user_id.as_deref() == user_id))
                {
                    Some(known) => known.id.clone(),
                    None if number.or(user_id).is_some() => state.acquaint(number, user_id).id,
                    None => continue,
                };
                let id = message["id"].as_str().unwrap_or_default();
                if state.history.bubble(id).is_some() {
                    continue;
                }
                match (&message["reaction"]["message_id"], message["reaction"]["emoji"].as_str()) {
                    (Value::String(on), emoji) => state.show_reaction(on, Side::Person, emoji.unwrap_or_default()),
                    _ => state.show_message(id, &person, message),
                }
                state.open_window(&person, now);
            }
        });
    }
}

impl State {
    /// What every value begins with.
    pub(super) fn head(&self) -> Value {
        let number = &self.account.phone_number_id;
        json!({
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": DISPLAY_NUMBER, "phone_number_id": number },
        })
    }
}

/// The webhook with this value.
pub(super) fn of(value: &Value) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": WABA, "changes": [{ "value": value, "field": "messages" }] }],
    })
}

/// The values of a webhook.
pub(super) fn values(webhook: &Value) -> impl Iterator<Item = &Value> {
    webhook["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|entry| entry["changes"].as_array().into_iter().flatten())
        .map(|change| &change["value"])
}

/// JSON as Meta writes it: other characters than ASCII as `\uXXXX`, slashes as `\/`.
pub(super) fn meta_json(value: &Value) -> String {
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
