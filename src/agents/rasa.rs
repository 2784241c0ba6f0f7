//! The REST channel of Rasa.
//!
//! `POST {"sender","message","metadata"}` answers `[{"recipient_id","text","buttons","image","attachment","custom"}, …]`. When a
//! story fails the channel still answers 200, often with an empty list: the turn then warns that nobody was answered.
//! <https://rasa.com/docs/rasa/connectors/your-own-website#restinput>

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    AgentError, Answer, Data, Question,
    http::{Fault, Fields, output},
    wire::{self, Wire},
};
use crate::conversation::{Action, Card, Choice, Media, MediaKind, Output, Said, Source};

/// Asks the assistant.
pub async fn ask(wire: &Wire, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
    let body = Input {
        sender: question.user_id,
        message: question.message.text.as_deref().unwrap_or_default(),
        metadata: question.data(),
    };
    let bytes = wire.post(&body, &[("idempotency-key", question.key.to_string().as_str())], patience).await?;
    Ok(read(&bytes)?.into())
}

#[derive(Serialize)]
struct Input<'a> {
    sender: &'a str,
    message: &'a str,
    metadata: Data<'a>,
}

fn read(bytes: &[u8]) -> Result<Vec<Output>, AgentError> {
    let items: Vec<Value> = wire::read("JSON list", bytes)?;
    let said = items.into_iter().enumerate().map(|(index, item)| said(&format!("[{index}]"), item));
    let outputs = said.collect::<Result<Vec<_>, _>>().map_err(AgentError::Unreadable)?;
    Ok(outputs.into_iter().flatten().collect())
}

/// What one item of the list says, in the order in which Rasa sends the parts of a response.
fn said(place: &str, item: Value) -> Result<Vec<Output>, Fault> {
    let mut fields = Fields::of(place, item)?;
    let mut outputs: Vec<Output> = Vec::new();
    let (text, actions) = (fields.maybe_text("text")?, fields.items("buttons", button)?);
    match (text, actions) {
        (text, actions) if !actions.is_empty() => {
            outputs.push(Said::Card(Card { text: text.unwrap_or_default(), actions, media: None }).into());
        }
        (Some(text), _) => outputs.push(Said::Text(text).into()),
        (None, _) => {}
    }
    if fields.has("image") {
        outputs.push(file(MediaKind::Image, fields.link("image")?));
    }
    match fields.any("attachment") {
        None => {}
        Some(Value::Object(attachment)) => outputs.push(attached(&format!("{place}.attachment"), attachment)?),
        Some(Value::String(link)) if link.starts_with("http") => outputs.push(file(kind_of(&link), link)),
        Some(_) => return Err(fields.fault("\"attachment\" is neither a link nor an object with one")),
    }
    if let Some(custom) = fields.any("custom") {
        outputs.extend(custom_outputs(&format!("{place}.custom"), custom)?);
    }
    if outputs.is_empty() {
        return Err(fields.fault("it has no text, buttons, image, attachment or custom"));
    }
    Ok(outputs)
}

fn button(place: &str, value: Value) -> Result<Action, Fault> {
    let mut fields = Fields::of(place, value)?;
    let title = fields.text("title")?;
    if fields.has("url") {
        return Ok(Action::Link { title, url: fields.link("url")? });
    }
    let id = fields.maybe_text("payload")?.unwrap_or_else(|| title.clone());
    Ok(Action::Choice(Choice { id, title, description: None }))
}

/// `{"type":"video","payload":{"src":"https://…"}}`, as it is common for web chats.
fn attached(place: &str, attachment: Map<String, Value>) -> Result<Output, Fault> {
    let mut fields = Fields::of(place, Value::Object(attachment))?;
    let kind = fields.maybe_text("type")?;
    let mut payload = fields.object("payload")?.ok_or_else(|| fields.fault("\"payload\" is missing"))?;
    let name = ["src", "url", "link"].into_iter().find(|name| payload.has(name)).unwrap_or("src");
    let link = payload.link(name)?;
    let kind = match kind.as_deref() {
        Some("image") => MediaKind::Image,
        Some("video") => MediaKind::Video,
        Some("audio") => MediaKind::Audio,
        Some(_) | None => kind_of(&link),
    };
    Ok(file(kind, link))
}

fn file(kind: MediaKind, link: String) -> Output {
    Said::Media(Media { kind, source: Source::Link(link), caption: None, name: None }).into()
}

/// What a link leads to, as far as its end tells.
fn kind_of(link: &str) -> MediaKind {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "png" => MediaKind::Image,
        "mp4" | "3gp" => MediaKind::Video,
        "mp3" | "m4a" | "aac" | "amr" | "ogg" => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

/// A message of the Cloud API, one of our outputs, a list of these, or `{"outputs": […]}`.
fn custom_outputs(place: &str, custom: Value) -> Result<Vec<Output>, Fault> {
    match custom {
        Value::Array(items) => {
            let outputs = items.into_iter().enumerate();
            let outputs = outputs.map(|(index, item)| custom_outputs(&format!("{place}[{index}]"), item));
            Ok(outputs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        }
        Value::Object(message) if is_of_the_channel(&message) => Ok(vec![Said::Raw(message).into()]),
        Value::Object(ref object) if object.contains_key("outputs") => {
            let mut fields = Fields::of(place, custom)?;
            let outputs = fields.some("outputs", output)?;
            fields.end().map(|()| outputs)
        }
        custom => Ok(vec![output(place, custom)?]),
    }
}

/// Whether it is a message of the Cloud API: there, what belongs to a type stands in an object of its name.
fn is_of_the_channel(message: &Map<String, Value>) -> bool {
    let body = message.get("type").and_then(Value::as_str).and_then(|kind| message.get(kind));
    let has_card =
        body.and_then(Value::as_array).is_some_and(|cards| cards.iter().any(|card| card["name"].is_object()));
    message.contains_key("messaging_product") || body.is_some_and(Value::is_object) || has_card
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_that_says_nothing_we_know_is_named() {
        let why = |items: &Value| read(items.to_string().as_bytes()).expect_err("broken").to_string();
        for (items, expected) in [
            (json!([{ "text": "hi" }, { "recipient_id": "1" }]), "[1]: it has no text"),
            (json!([{ "text": "hi", "buttons": [{ "payload": "/a" }] }]), "[0].buttons[0]: \"title\""),
            (json!([{ "image": "cat.png" }]), "[0]: \"image\" does not start with https://"),
            (json!([{ "attachment": 7 }]), "[0]: \"attachment\""),
            (json!([{ "custom": { "blocks": [] } }]), "[0].custom: \"type\" is missing"),
            (json!([{ "custom": { "outputs": [{ "type": "dance" }] } }]), "[0].custom.outputs[0]: the type \"dance\""),
            (json!({ "text": "hi" }), "JSON list"),
        ] {
            assert!(why(&items).contains(expected), "{items}: {}", why(&items));
        }
    }

    #[test]
    fn an_empty_list_says_nothing_and_is_no_fault() {
        assert_eq!(read(b"[]").expect("readable"), []);
    }

    #[test]
    fn a_custom_message_of_the_channel_is_told_from_ours() {
        let first =
            |custom: Value| read(json!([{ "custom": custom }]).to_string().as_bytes()).expect("readable").remove(0);
        for message in [
            json!({ "type": "text", "text": { "body": "hi" } }),
            json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Bob" } }] }),
            json!({ "messaging_product": "whatsapp", "type": "interactive", "interactive": {} }),
        ] {
            assert!(matches!(first(message.clone()).said, Said::Raw(_)), "{message}");
        }
        for ours in [
            json!({ "type": "text", "text": "hi" }),
            json!({ "type": "contacts", "contacts": [{ "name": "Bob" }] }),
            json!([{ "type": "location", "latitude": 1, "longitude": 2 }]),
        ] {
            assert!(!matches!(first(ours.clone()).said, Said::Raw(_)), "{ours}");
        }
    }
}
