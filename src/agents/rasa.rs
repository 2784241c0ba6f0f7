//! The REST channel of Rasa.
//!
//! `POST {"sender","message","metadata"}` answers `[{"recipient_id","text","buttons","image","attachment","custom"}, …]`. When a
//! story fails the channel still answers 200, often with an empty list: the turn then logs that there is no answer.
//! <https://rasa.com/docs/rasa/connectors/your-own-website#restinput>

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use super::{
    AgentError, Answer, Data, Question,
    client::{self, Client},
    contract::{Fault, Fields, output, readable},
};
use crate::conversation::{Action, Card, Choice, Content, Media, MediaKind, Output, Source};

/// Asks the assistant.
pub(crate) async fn ask(client: &Client, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
    let body = Input {
        sender: question.user_id,
        message: question.message.text.as_deref().unwrap_or_default(),
        metadata: question.data(),
    };
    let bytes = client.post(&body, &[("idempotency-key", question.turn.to_string().as_str())], patience).await?;
    Ok(read(&bytes, client.url())?.into())
}

#[derive(Serialize)]
struct Input<'a> {
    sender: &'a str,
    message: &'a str,
    metadata: Data<'a>,
}

fn read(bytes: &[u8], base: &Url) -> Result<Vec<Output>, AgentError> {
    let items: Vec<Value> = client::read("JSON list", bytes)?;
    let items = items.into_iter().enumerate().map(|(index, item)| outputs(&format!("[{index}]"), item, base));
    Ok(readable(items).map_err(AgentError::Unreadable)?.into_iter().flatten().collect())
}

/// The outputs of one item, in the order in which Rasa sends the parts of a response. A faulty part does not spoil the others.
fn outputs(place: &str, item: Value, base: &Url) -> Result<Vec<Output>, Fault> {
    let mut fields = Fields::of(place, item)?;
    let is_empty = !["text", "buttons", "image", "attachment", "custom"].iter().any(|name| fields.has(name));
    if is_empty {
        return Err(fields.fault("it has no text, buttons, image, attachment or custom"));
    }
    let text = (fields.has("text") || fields.has("buttons")).then(|| text_and_buttons(&mut fields));
    let image = fields.fills("image").then(|| Ok(vec![file(MediaKind::Image, address(&mut fields, "image", base)?)]));
    let attachment = fields.any("attachment").map(|attachment| match attachment {
        Value::Object(attachment) => attached(&format!("{place}.attachment"), attachment, base),
        Value::String(link) => Ok(resolved(&link, base).map(|link| file(kind_of(&link), link)).into_iter().collect()),
        _ => Err(format!("{place}: \"attachment\" is neither a link nor an object with one")),
    });
    let custom = fields.any("custom").map(|custom| custom_outputs(&format!("{place}.custom"), custom));
    let parts = [text, image, attachment, custom].into_iter().flatten();
    Ok(readable(parts)?.into_iter().flatten().collect())
}

fn text_and_buttons(fields: &mut Fields) -> Result<Vec<Output>, Fault> {
    let (text, actions) = (fields.maybe_text("text")?, fields.items("buttons", button));
    let content = match (text, actions?) {
        (text, actions) if !actions.is_empty() => {
            Some(Content::Card(Card { text: text.unwrap_or_default(), actions, media: None }))
        }
        (text, _) => text.map(Content::Text),
    };
    Ok(content.map(Output::from).into_iter().collect())
}

fn button(place: &str, value: Value) -> Result<Action, Fault> {
    let mut fields = Fields::of(place, value)?;
    let title = fields.text("title")?;
    if fields.fills("url") {
        return Ok(Action::Link { title, url: fields.link("url")? });
    }
    let id = fields.maybe_text("payload")?.unwrap_or_else(|| title.clone());
    Ok(Action::Choice(Choice { id, title, description: None }))
}

/// The address of a file; a path refers to the assistant's own host.
fn address(fields: &mut Fields, name: &str, base: &Url) -> Result<String, Fault> {
    let given = fields.text(name)?;
    resolved(&given, base).ok_or_else(|| fields.fault(format_args!("\"{name}\" is not an address")))
}

fn resolved(given: &str, base: &Url) -> Option<String> {
    let mut url = base.join(given.trim()).ok()?;
    // What shows us to the assistant is nobody else's.
    let is_own = url.host() == base.host();
    let is_bare = !is_own || url.set_username("").and_then(|()| url.set_password(None)).is_ok();
    (is_bare && matches!(url.scheme(), "http" | "https")).then(|| url.to_string())
}

/// `{"type":"video","payload":{"src":"https://…"}}`, as many web chats have it, or a generic template of Messenger.
/// <https://developers.facebook.com/docs/messenger-platform/send-messages/template/generic>
fn attached(place: &str, attachment: Map<String, Value>, base: &Url) -> Result<Vec<Output>, Fault> {
    let mut fields = Fields::of(place, Value::Object(attachment))?;
    let kind = fields.maybe_text("type")?;
    let mut payload = fields.object("payload")?.ok_or_else(|| fields.fault("\"payload\" is missing"))?;
    if payload.has("elements") {
        return Ok(template(payload.some("elements", |place, element| card(place, element, base))?));
    }
    let name = ["src", "url", "link"].into_iter().find(|name| payload.fills(name)).unwrap_or("src");
    let link = address(&mut payload, name, base)?;
    let kind = match kind.as_deref() {
        Some("image") => MediaKind::Image,
        Some("video") => MediaKind::Video,
        Some("audio") => MediaKind::Audio,
        Some(_) | None => kind_of(&link),
    };
    Ok(vec![file(kind, link)])
}

/// Cards side by side if each has a picture and a button, else one below the other.
fn template(cards: Vec<Card>) -> Vec<Output> {
    let is_carousel = cards.len() > 1 && cards.iter().all(|card| card.media.is_some() && !card.actions.is_empty());
    if is_carousel {
        return vec![Content::Carousel { text: String::new(), cards }.into()];
    }
    cards.into_iter().map(|card| Content::Card(card).into()).collect()
}

fn card(place: &str, value: Value, base: &Url) -> Result<Card, Fault> {
    let mut fields = Fields::of(place, value)?;
    let (title, subtitle) = (fields.maybe_text("title")?, fields.maybe_text("subtitle")?);
    let link = fields.fills("image_url").then(|| address(&mut fields, "image_url", base)).transpose()?;
    let kind = MediaKind::Image;
    let media = link.map(|link| Media { kind, source: Source::Link(link), caption: None, name: None });
    let title = title.map(|title| format!("**{title}**"));
    let text = [title, subtitle].into_iter().flatten().collect::<Vec<_>>().join("\n");
    let actions = fields.items("buttons", button)?;
    if text.is_empty() && media.is_none() && actions.is_empty() {
        return Err(fields.fault("an element has a title, a picture or buttons"));
    }
    Ok(Card { media, text, actions })
}

fn file(kind: MediaKind, link: String) -> Output {
    Content::Media(Media { kind, source: Source::Link(link), caption: None, name: None }).into()
}

/// The kind of file that a link leads to, by its extension.
fn kind_of(link: &str) -> MediaKind {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "png" => MediaKind::Image,
        "mp4" | "3gp" => MediaKind::Video,
        "mp3" | "m4a" | "aac" | "amr" | "ogg" => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

/// Reads a message of the Cloud API, one of our outputs, a list of these, or `{"outputs": […]}`.
fn custom_outputs(place: &str, custom: Value) -> Result<Vec<Output>, Fault> {
    match custom {
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(index, item)| custom_outputs(&format!("{place}[{index}]"), item));
            Ok(readable(items)?.into_iter().flatten().collect())
        }
        Value::Object(message) if is_of_the_channel(&message) => Ok(vec![Content::Raw(message).into()]),
        Value::Object(ref object) if object.contains_key("outputs") => {
            let mut fields = Fields::of(place, custom)?;
            let outputs = fields.some("outputs", output)?;
            fields.end();
            Ok(outputs)
        }
        custom => Ok(vec![output(place, custom)?]),
    }
}

/// Whether it is a message of the Cloud API, which has an object with the name of its type.
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

    fn base() -> Url {
        "https://rasa.example.com/webhooks/rest/webhook".parse().expect("a URL")
    }

    #[test]
    fn empty_fields_are_absent_and_an_odd_part_silences_nothing_else() {
        let contents = |items: Value| -> Vec<Content> {
            let outputs =
                read(items.to_string().as_bytes(), &base()).unwrap_or_else(|error| panic!("{items}: {error}"));
            outputs.into_iter().map(|output| output.content).collect()
        };
        let hi = || Content::Text("hi".into());
        for items in [
            json!([{ "text": "hi" }, { "recipient_id": "1" }, { "attachment": 7 }]),
            json!([{ "text": "hi", "image": "javascript:0" }]),
            json!([{ "text": "hi", "image": "" }, { "text": "" }]),
            json!([{ "text": "hi", "custom": { "blocks": [] } }]),
        ] {
            assert_eq!(contents(items.clone()), [hi()], "{items}");
        }
        let buttons = json!([{ "title": "Yes", "payload": "/affirm", "url": "" }, { "payload": "/lost" }]);
        let card = contents(json!([{ "text": "Sure?", "buttons": buttons }]));
        assert_eq!(card, [Content::choices("Sure?", [Choice::new("/affirm", "Yes")])]);
        let with_password: Url = "https://me:secret@rasa.example.com/webhooks".parse().expect("a URL");
        assert_eq!(resolved("/a.png", &with_password).as_deref(), Some("https://rasa.example.com/a.png"));
        let picture = contents(json!([{ "image": "/static/cat.png" }]));
        assert!(
            matches!(&picture[0], Content::Media(media) if media.source == Source::Link("https://rasa.example.com/static/cat.png".into()))
        );
    }

    #[test]
    fn a_generic_template_is_cards() {
        let element = |title: &str| {
            json!({ "title": title, "subtitle": "From 90 €", "image_url": "https://example.com/room.jpg",
                "buttons": [{ "type": "postback", "title": "Book", "payload": "/book" }, { "type": "web_url", "title": "", "url": "" }] })
        };
        let template = |elements: Value| {
            let payload = json!({ "template_type": "generic", "elements": elements });
            let items = json!([{ "attachment": { "type": "template", "payload": payload } }]);
            read(items.to_string().as_bytes(), &base()).expect("readable").remove(0).content
        };
        let Content::Card(card) = template(json!([element("Sea view")])) else { panic!("no card") };
        assert_eq!(
            (card.text.as_str(), card.actions.len(), card.media.is_some()),
            ("**Sea view**\nFrom 90 €", 1, true)
        );
        assert!(
            matches!(template(json!([element("One"), element("Two")])), Content::Carousel { cards, .. } if cards.len() == 2)
        );
    }

    #[test]
    fn an_item_that_says_nothing_we_know_is_named() {
        let why = |items: &Value| read(items.to_string().as_bytes(), &base()).expect_err("broken").to_string();
        for (items, expected) in [
            (json!([{ "recipient_id": "1" }]), "[0]: it has no text"),
            (json!([{ "buttons": [{ "payload": "/a" }] }]), "[0].buttons[0]: \"title\""),
            (json!([{ "image": "javascript:0" }]), "[0]: \"image\" is not an address"),
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
        assert_eq!(read(b"[]", &base()).expect("readable"), []);
    }

    #[test]
    fn a_custom_message_of_the_channel_is_distinguished_from_ours() {
        let first = |custom: Value| {
            read(json!([{ "custom": custom }]).to_string().as_bytes(), &base()).expect("readable").remove(0)
        };
        for message in [
            json!({ "type": "text", "text": { "body": "hi" } }),
            json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Bob" } }] }),
            json!({ "messaging_product": "whatsapp", "type": "interactive", "interactive": {} }),
        ] {
            assert!(matches!(first(message.clone()).content, Content::Raw(_)), "{message}");
        }
        for ours in [
            json!({ "type": "text", "text": "hi" }),
            json!({ "type": "contacts", "contacts": [{ "name": "Bob" }] }),
            json!([{ "type": "location", "latitude": 1, "longitude": 2 }]),
        ] {
            assert!(!matches!(first(ours.clone()).content, Content::Raw(_)), "{ours}");
        }
    }
}
