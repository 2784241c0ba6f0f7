//! What a person does on the phone: each kind of message, as the page posts it and as Meta's webhook contains it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::reply;
use crate::simulator::{
    Account, Simulator, State,
    cloud_api::media,
    feed::{Kind, Side, TapKind},
    samples,
    webhook::{self, About, Webhook},
};

/// An action on the phone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAction {
    /// A text message.
    Text(String),
    /// A tap on a button or on the row of a list.
    Tap {
        /// The id of the button or row.
        id: String,
        /// Its label.
        title: String,
        /// Id of the message that it is on.
        message_id: String,
    },
    /// An emoji on a message; an empty one takes it back.
    Reaction {
        /// Id of the message that it is on.
        message_id: String,
        /// The emoji.
        emoji: String,
    },
    /// A location.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Its name.
        #[serde(default)]
        name: Option<String>,
        /// Its address.
        #[serde(default)]
        address: Option<String>,
    },
    /// A contact card.
    Contact {
        /// The whole name.
        name: String,
        /// The phone number, as it is written.
        phone: String,
    },
    /// A file that was uploaded to Meta.
    Media {
        /// Its id.
        id: String,
        /// The type to send it as: `image`, `audio`, `video`, `document` or `sticker`.
        #[serde(rename = "type")]
        kind: String,
        /// The caption.
        #[serde(default)]
        caption: Option<String>,
        /// Whether it is a voice message.
        #[serde(default)]
        voice: bool,
        /// The file name; only documents have one.
        #[serde(default)]
        filename: Option<String>,
    },
    /// A choice about marketing messages, which is no message.
    Marketing(MarketingChoice),
    /// One of the sample messages.
    Sample(String),
}

/// A choice about marketing messages, in the menu of the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketingChoice {
    /// No more of them.
    Stop,
    /// They are welcome again.
    Resume,
}

impl Simulator {
    /// The person does something. Returns the id of the message, if it is one; it is delivered in the background.
    ///
    /// # Errors
    /// When the person is unknown, or a phone could not send this.
    pub fn speak(&self, person: &str, action: &UserAction, reply_to: Option<&str>) -> Result<String, String> {
        let webhook = match action {
            UserAction::Marketing(choice) => self.choose_marketing(person, *choice)?,
            action => self.write(person, action, reply_to)?,
        };
        let id = webhook.messages().next().unwrap_or_default().to_owned();
        self.deliver_in_background(webhook);
        Ok(id)
    }

    /// Ada writes. Returns the id of the message, which is delivered in the background.
    #[must_use]
    pub fn say(&self, text: &str) -> String {
        self.speak("ada", &UserAction::Text(text.to_owned()), None).unwrap_or_default()
    }

    /// Ada taps a button or a row of the message `message_id`. Returns the id of her message.
    #[must_use]
    pub fn tap(&self, id: &str, title: &str, message_id: &str) -> String {
        let (id, title, message_id) = (id.to_owned(), title.to_owned(), message_id.to_owned());
        self.speak("ada", &UserAction::Tap { id, title, message_id }, None).unwrap_or_default()
    }

    /// Makes the webhook of a choice about marketing messages.
    fn choose_marketing(&self, person: &str, choice: MarketingChoice) -> Result<Webhook, String> {
        self.change(|state| {
            let stops = choice == MarketingChoice::Stop;
            let from = state.people.choose_marketing(person, stops, &mut state.history);
            let from = from.ok_or_else(|| format!("nobody has the id {person}"))?;
            let word = if stops { "stop" } else { "resume" };
            let mut entry = json!({
                "detail": format!("User requested to {word} marketing messages"),
                "category": "marketing_messages",
                "value": word,
                "timestamp": state.clock.now().as_second(),
            });
            for (name, id) in [("wa_id", &from.phone), ("user_id", &from.user_id)] {
                add(&mut entry, name, id.as_deref());
            }
            let mut value = webhook::head(&state.account);
            value["contacts"] = json!([from.contact(true)]);
            value["user_preferences"] = json!([entry]);
            let about = About { person: Some(person.to_owned()), message: None };
            let body = webhook::of_field("user_preferences", &value);
            Ok(Webhook { body, kind: Kind::Webhook, about: vec![about] })
        })
    }

    /// Makes the webhook of an action, and shows the action on the phone.
    fn write(&self, person: &str, action: &UserAction, reply_to: Option<&str>) -> Result<Webhook, String> {
        self.change(|state| {
            let now = state.clock.now();
            let from = state.people.get(person).ok_or_else(|| format!("nobody has the id {person}"))?.clone();
            let mut message = action.message(state, person, reply_to)?;
            let id = state.ids.wamid();
            message["id"] = json!(id);
            message["timestamp"] = json!(now.as_second().to_string());
            from.sign(&mut message);
            let is_notice = message["type"] == "system";
            if let (true, Some(fields)) = (is_notice, message.as_object_mut()) {
                fields.remove("from_user_id");
            }
            if !matches!(action, UserAction::Reaction { .. }) {
                state.history.show_message(&id, person, &message);
            }
            state.people.open_window(person, now, &mut state.history);
            state.timing.count(now);
            let mut value = webhook::head(&state.account);
            // Notices of the system come without the person's card.
            if !is_notice {
                value["contacts"] = json!([from.contact(true)]);
            }
            value["messages"] = json!([message]);
            let about = About { person: Some(person.to_owned()), message: Some(id) };
            Ok(Webhook { body: webhook::of(&value), kind: Kind::Webhook, about: vec![about] })
        })
    }
}

impl UserAction {
    /// Returns the message of the webhook, without its sender, id and time. Shows taps and reactions, which have no bubble of their own.
    pub(in crate::simulator) fn message(
        &self,
        state: &mut State,
        person: &str,
        reply_to: Option<&str>,
    ) -> Result<Value, String> {
        let mut message = match self {
            Self::Text(text) if text.trim().is_empty() => return Err("the message is empty".to_owned()),
            Self::Text(text) => json!({ "type": "text", "text": { "body": text } }),
            Self::Tap { id, title, message_id } => {
                state.history.show_tap(message_id, id);
                let mut message = tapped(&state.history.tap_kind(message_id, id), id, title);
                message["context"] = json!({ "from": Account::DISPLAY_PHONE_NUMBER, "id": message_id });
                return Ok(message);
            }
            Self::Reaction { message_id, emoji } => {
                if state.history.bubble(message_id).is_none() {
                    return Err(format!("no message has the id {message_id}"));
                }
                state.history.show_reaction(message_id, Side::Person, emoji);
                let mut reaction = json!({ "message_id": message_id });
                // A reaction that is taken back has no emoji.
                if !emoji.is_empty() {
                    reaction["emoji"] = json!(emoji);
                }
                json!({ "type": "reaction", "reaction": reaction })
            }
            Self::Location { latitude, longitude, name, address } => {
                if !(-90.0..=90.0).contains(latitude) || !(-180.0..=180.0).contains(longitude) {
                    return Err("a latitude is -90 to 90 and a longitude -180 to 180".to_owned());
                }
                let mut location = json!({ "latitude": latitude, "longitude": longitude });
                add(&mut location, "name", name.as_deref());
                add(&mut location, "address", address.as_deref());
                json!({ "type": "location", "location": location })
            }
            Self::Contact { name, phone } => {
                let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
                if name.trim().is_empty() || digits.is_empty() {
                    return Err("a contact needs a name and a number".to_owned());
                }
                let first = name.split_whitespace().next().unwrap_or_default();
                json!({ "type": "contacts", "contacts": [{
                    "name": { "formatted_name": name, "first_name": first },
                    "phones": [{ "phone": phone, "wa_id": digits, "type": "CELL" }],
                }] })
            }
            Self::Media { id, kind, caption, voice, filename } => {
                let mut file = state.media.file(id, kind)?;
                if let Some(base) = state.server.base_url() {
                    file["url"] = json!(media::url(&state.account, base, id, state.clock.now()));
                }
                if kind == "audio" {
                    file["voice"] = json!(voice);
                } else if kind == "sticker" {
                    file["animated"] = json!(false);
                } else {
                    add(&mut file, "caption", caption.as_deref());
                }
                if kind == "document" {
                    add(&mut file, "filename", filename.as_deref());
                }
                let mut message = json!({ "type": kind });
                message[kind] = file;
                message
            }
            Self::Marketing(_) => return Err("a choice about marketing messages is no message".to_owned()),
            Self::Sample(name) if name == samples::NEW_NUMBER => state
                .people
                .change_phone(person, &mut state.history)
                .ok_or_else(|| format!("nobody has the id {person}"))?,
            Self::Sample(name) => samples::message(name).ok_or_else(|| format!("no sample has the name {name}"))?,
        };
        if let Some(quoted) = reply_to {
            message["context"] = json!({ "from": Account::DISPLAY_PHONE_NUMBER, "id": quoted });
        }
        Ok(message)
    }
}

fn add(object: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        object[name] = json!(value);
    }
}

fn tapped(kind: &TapKind, id: &str, title: &str) -> Value {
    let interactive = |name: &str, reply: Value| {
        let mut interactive = json!({ "type": name });
        interactive[name] = reply;
        json!({ "type": "interactive", "interactive": interactive })
    };
    match kind {
        TapKind::Button => interactive("button_reply", json!({ "id": id, "title": title })),
        TapKind::Row { description: None } => interactive("list_reply", json!({ "id": id, "title": title })),
        TapKind::Row { description } => {
            interactive("list_reply", json!({ "id": id, "title": title, "description": description }))
        }
        TapKind::Template => json!({ "type": "button", "button": { "payload": id, "text": title } }),
    }
}

/// Returns a message of a person as text.
pub(super) fn as_text(message: &Value) -> String {
    let kind = message["type"].as_str().unwrap_or_default();
    let content = &message[kind];
    let text = match kind {
        "interactive" => {
            let reply = &content[content["type"].as_str().unwrap_or_default()];
            reply["title"].as_str().or(reply["body"].as_str())
        }
        "button" => content["text"].as_str(),
        "system" => content["body"].as_str(),
        _ => None,
    };
    text.map_or_else(|| reply::as_text(message), str::to_owned)
}
