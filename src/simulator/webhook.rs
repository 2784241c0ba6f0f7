//! Webhooks as Meta writes them: their shape and their escapes.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    Account, Simulator, State,
    feed::{Kind, Side},
    history::History,
    people::People,
};

/// A webhook, and the people and messages that it is about.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub body: Value,
    pub kind: Kind,
    pub about: Vec<About>,
}

/// The person and the message of one entry.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub person: Option<String>,
    pub message: Option<String>,
}

impl Webhook {
    pub(crate) fn messages(&self) -> impl Iterator<Item = &str> {
        self.about.iter().filter_map(|about| about.message.as_deref())
    }

    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        self.about.iter().filter_map(|about| about.person.as_deref())
    }

    /// Makes one webhook of several, as Meta batches them.
    pub(crate) fn join(webhooks: Vec<Self>) -> Option<Self> {
        webhooks.into_iter().reduce(|mut one, other| {
            if let (Some(entries), Value::Array(more)) = (one.body["entry"].as_array_mut(), &other.body["entry"]) {
                entries.extend(more.iter().cloned());
            }
            one.about.extend(other.about);
            one
        })
    }

    /// Reads which people and messages a webhook is about that was made elsewhere.
    pub(super) fn read(body: &Value, people: &People, history: &History) -> Self {
        let (mut about, mut kind) = (Vec::new(), Kind::Status);
        for value in values(body) {
            for message in value["messages"].as_array().into_iter().flatten() {
                kind = Kind::Webhook;
                let person = people.sender(message).map(|person| person.id.clone());
                about.push(About { person, message: message["id"].as_str().map(str::to_owned) });
            }
            for status in value["statuses"].as_array().into_iter().flatten() {
                let message = status["id"].as_str().map(str::to_owned);
                let bubble = message.as_ref().and_then(|id| history.bubble(id));
                about.push(About { person: bubble.map(|bubble| bubble.person.clone()), message });
            }
        }
        Self { body: body.clone(), kind, about }
    }
}

impl Simulator {
    /// Shows the messages of a webhook that was made elsewhere, as if the people of this simulator had written them.
    pub(super) fn show_webhook(&self, body: &Value) {
        self.change(|State { clock, people, history, .. }| {
            let now = clock.now();
            for message in values(body).flat_map(|value| value["messages"].as_array().into_iter().flatten()) {
                let (phone, user_id) = (message["from"].as_str(), message["from_user_id"].as_str());
                let person = match user_id.and_then(|user_id| people.by_user_id(user_id)) {
                    Some(known) => known.id.clone(),
                    None if phone.or(user_id).is_some() => people.person_by_id_or_new(phone, user_id, history).id,
                    None => continue,
                };
                let id = message["id"].as_str().unwrap_or_default();
                if history.bubble(id).is_some() {
                    continue;
                }
                match (&message["reaction"]["message_id"], message["reaction"]["emoji"].as_str()) {
                    (Value::String(on), emoji) => history.show_reaction(on, Side::Person, emoji.unwrap_or_default()),
                    _ => history.show_message(id, &person, message),
                }
                people.open_window(&person, now, history);
            }
        });
    }
}

/// The fields that every value begins with.
pub(super) fn head(account: &Account) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": Account::DISPLAY_PHONE_NUMBER,
            "phone_number_id": account.phone_number_id,
        },
    })
}

/// The body of a webhook with this value.
pub(super) fn of(value: &Value) -> Value {
    of_field("messages", value)
}

/// The body of a webhook of another field with this value.
pub(super) fn of_field(field: &str, value: &Value) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": Account::WABA_ID, "changes": [{ "value": value, "field": field }] }],
    })
}

/// The values of a webhook's body.
pub(super) fn values(body: &Value) -> impl Iterator<Item = &Value> {
    body["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|entry| entry["changes"].as_array().into_iter().flatten())
        .map(|change| &change["value"])
}

/// Writes JSON as Meta does: characters outside of ASCII as `\uXXXX`, slashes as `\/`.
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
