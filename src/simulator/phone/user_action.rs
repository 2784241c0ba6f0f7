//! What a person says: each kind of message, as the page posts it and as Meta's webhook holds it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Side, reply};
use crate::simulator::{Simulator, State, samples, webhook::DISPLAY_NUMBER};

/// What a person does with the phone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAction {
    /// Words.
    Text(String),
    /// A tap on a button or on the row of a list.
    Tap {
        /// What comes back.
        id: String,
        /// The words on it.
        title: String,
        /// On which message.
        message_id: String,
    },
    /// An emoji on a message; an empty one takes it back.
    Reaction {
        /// On which message.
        message_id: String,
        /// Which.
        emoji: String,
    },
    /// A place.
    Location {
        /// Degrees to the north.
        latitude: f64,
        /// Degrees to the east.
        longitude: f64,
        /// What it is called.
        #[serde(default)]
        name: Option<String>,
        /// Where it is.
        #[serde(default)]
        address: Option<String>,
    },
    /// Somebody's card.
    Contact {
        /// Who.
        name: String,
        /// The number, as it is written.
        phone: String,
    },
    /// A file that Meta holds.
    Media {
        /// Which.
        id: String,
        /// As what: `image`, `audio`, `video`, `document` or `sticker`.
        #[serde(rename = "type")]
        kind: String,
        /// Words under it.
        #[serde(default)]
        caption: Option<String>,
        /// Whether the person has just spoken it.
        #[serde(default)]
        voice: bool,
        /// Its name; only documents have one.
        #[serde(default)]
        filename: Option<String>,
    },
    /// One of the sample messages.
    Sample(String),
}

impl Simulator {
    /// The person says something; answers the id of the message, which is delivered in the background.
    ///
    /// # Errors
    /// When there is no such person, or a phone could not send this.
    pub fn speak(&self, person: &str, said: &UserAction, reply_to: Option<&str>) -> Result<String, String> {
        let letter = self.write(person, said, reply_to)?;
        let id = letter.messages().next().unwrap_or_default().to_owned();
        self.post_off(letter);
        Ok(id)
    }

    /// Ada writes; answers the id of the message, which is delivered in the background.
    #[must_use]
    pub fn say(&self, text: &str) -> String {
        self.speak("ada", &UserAction::Text(text.to_owned()), None).unwrap_or_default()
    }

    /// Ada taps a button or a row of the message `message_id`.
    #[must_use]
    pub fn tap(&self, id: &str, title: &str, message_id: &str) -> String {
        let (id, title, message_id) = (id.to_owned(), title.to_owned(), message_id.to_owned());
        self.speak("ada", &UserAction::Tap { id, title, message_id }, None).unwrap_or_default()
    }
}

impl UserAction {
    /// The message of the webhook, but for its sender, id and time; shows on the phone what is no bubble of its own.
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
                state.show_tap(message_id, id);
                let mut message = tapped(&state.answer_of(message_id, id), id, title);
                message["context"] = json!({ "from": DISPLAY_NUMBER, "id": message_id });
                return Ok(message);
            }
            Self::Reaction { message_id, emoji } => {
                if state.history.bubble(message_id).is_none() {
                    return Err(format!("no message has the id {message_id}"));
                }
                state.show_reaction(message_id, Side::Person, emoji);
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
                let mut file = state.file(id, kind)?;
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
            Self::Sample(name) if name == samples::NEW_NUMBER => {
                state.change_number(person).ok_or_else(|| format!("nobody has the id {person}"))?
            }
            Self::Sample(name) => samples::message(name).ok_or_else(|| format!("no sample has the name {name}"))?,
        };
        if let Some(quoted) = reply_to {
            message["context"] = json!({ "from": DISPLAY_NUMBER, "id": quoted });
        }
        Ok(message)
    }
}

fn add(object: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        object[name] = json!(value);
    }
}

fn tapped(answer: &Answer, id: &str, title: &str) -> Value {
    let interactive = |kind: &str, reply: Value| {
        let mut interactive = json!({ "type": kind });
        interactive[kind] = reply;
        json!({ "type": "interactive", "interactive": interactive })
    };
    match answer {
        Answer::Button => interactive("button_reply", json!({ "id": id, "title": title })),
        Answer::Row { description: None } => interactive("list_reply", json!({ "id": id, "title": title })),
        Answer::Row { description } => {
            interactive("list_reply", json!({ "id": id, "title": title, "description": description }))
        }
        Answer::Template => json!({ "type": "button", "button": { "payload": id, "text": title } }),
    }
}

/// Words for every kind of message that a person can send.
pub(super) fn words(message: &Value) -> String {
    let kind = message["type"].as_str().unwrap_or_default();
    let content = &message[kind];
    let words = match kind {
        "interactive" => {
            let reply = &content[content["type"].as_str().unwrap_or_default()];
            reply["title"].as_str().or(reply["body"].as_str())
        }
        "button" => content["text"].as_str(),
        "system" => content["body"].as_str(),
        _ => None,
    };
    words.map_or_else(|| reply::words(message), str::to_owned)
}
