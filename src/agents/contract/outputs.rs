//! The outputs of our own contract, converted to our types.

use serde_json::Value;

use super::fields::{Fault, Fields, readable, shown};
use crate::conversation::{
    Action, Card, Choice, Contact, Content, Flow, List, Location, Media, MediaKind, Output, Parameter, Section, Source,
    Template,
};

/// The values of the field `type`.
const TYPES: &str = "text, choices, list, link, card, carousel, media, location, contacts, template, reaction, \
                     location_request, contact_request, flow, whatsapp";

/// Reads the outputs at `place`: empty ones are left out, and one that cannot be read does not silence the others.
pub(crate) fn outputs(place: &str, values: Vec<Value>) -> Result<Vec<Output>, Fault> {
    let filled = values.into_iter().enumerate().filter(|(_, value)| !is_empty(value));
    readable(filled.map(|(index, value)| output(&format!("{place}[{index}]"), value)))
}

/// Whether an output is empty: null, or a blank text.
fn is_empty(value: &Value) -> bool {
    let is_blank = |value: &Value| value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
    is_blank(value) || value["type"] == "text" && value.get("text").is_some_and(is_blank)
}

/// Reads the output at `place`. A plain string is one too.
pub(crate) fn output(place: &str, value: Value) -> Result<Output, Fault> {
    let mut fields = match value {
        Value::String(text) if !text.trim().is_empty() => return Ok(Content::Text(text).into()),
        value => Fields::of(place, value)?,
    };
    let quotes = fields.flag("quote")?;
    let kind = fields.text("type")?;
    let content = content(&kind, &mut fields)?;
    fields.end();
    Ok(Output { content, quotes })
}

fn content(kind: &str, fields: &mut Fields) -> Result<Content, Fault> {
    Ok(match kind {
        "text" => Content::Text(fields.text("text")?),
        "choices" => Content::Card(Card {
            media: nested_media(fields)?,
            text: fields.text("text")?,
            actions: fields.some("options", |place, value| Ok(Action::Choice(choice(place, value)?)))?,
        }),
        "list" => Content::List(list(fields)?),
        "link" | "cta" => {
            let action = Action::Link { title: fields.text("label")?, url: fields.link("url")? };
            Content::Card(Card { media: nested_media(fields)?, text: fields.text("text")?, actions: vec![action] })
        }
        "card" => Content::Card(card(fields)?),
        "carousel" => Content::Carousel {
            text: fields.maybe_text("text")?.unwrap_or_default(),
            cards: fields.some("cards", |place, value| {
                let mut fields = Fields::of(place, value)?;
                let card = card(&mut fields)?;
                fields.end();
                Ok(card)
            })?,
        },
        "media" => Content::Media(media(fields)?),
        "location" => Content::Location(Location {
            latitude: fields.degrees("latitude", 90.0)?,
            longitude: fields.degrees("longitude", 180.0)?,
            name: fields.maybe_text("name")?,
            address: fields.maybe_text("address")?,
        }),
        "contacts" => Content::Contacts(fields.some("contacts", contact)?),
        "template" => Content::Template(Template {
            name: fields.text("name")?,
            language: fields.text("language")?,
            parameters: fields.each("params", parameter)?,
        }),
        // An empty emoji removes the reaction; a missing one is a fault.
        "reaction" => match fields.any("emoji") {
            Some(Value::String(emoji)) => Content::Reaction(emoji),
            _ => return Err(fields.fault("\"emoji\" is not a text")),
        },
        "location_request" => Content::LocationRequest(fields.text("text")?),
        "contact_request" => Content::ContactRequest(fields.text("text")?),
        "flow" => Content::Flow(Flow {
            text: fields.text("text")?,
            id: fields.text("id")?,
            label: fields.text("label")?,
            token: fields.maybe_text("token")?,
            screen: fields.maybe_text("screen")?,
            data: match fields.any("data") {
                None => None,
                Some(Value::Object(data)) => Some(data),
                Some(_) => return Err(fields.fault("\"data\" is not an object")),
            },
        }),
        "whatsapp" => match fields.any("message") {
            Some(Value::Object(message)) if !message.is_empty() => Content::Raw(message),
            _ => return Err(fields.fault("\"message\" is not an object with a message of the Cloud API")),
        },
        other => return Err(fields.fault(format_args!("the type {} is none of {TYPES}", shown(other)))),
    })
}

fn card(fields: &mut Fields) -> Result<Card, Fault> {
    let card = Card {
        media: nested_media(fields)?,
        text: fields.maybe_text("text")?.unwrap_or_default(),
        actions: fields.items("actions", action)?,
    };
    let is_empty = card.media.is_none() && card.text.is_empty() && card.actions.is_empty();
    if is_empty { Err(fields.fault("a card has text, media or actions")) } else { Ok(card) }
}

fn action(place: &str, value: Value) -> Result<Action, Fault> {
    let mut fields = Fields::of(place, value)?;
    let action = match fields.text("type")?.as_str() {
        "choice" => Action::Choice(choice_of(&mut fields)?),
        "link" => Action::Link { title: fields.text("label")?, url: fields.link("url")? },
        "call" => Action::Call { title: fields.text("label")?, number: fields.text("number")? },
        other => {
            return Err(fields.fault(format_args!("the type {} is none of choice, link, call", shown(other))));
        }
    };
    fields.end();
    Ok(action)
}

fn choice(place: &str, value: Value) -> Result<Choice, Fault> {
    let mut fields = Fields::of(place, value)?;
    let choice = choice_of(&mut fields)?;
    fields.end();
    Ok(choice)
}

/// Without an id, a tap sends the title back.
fn choice_of(fields: &mut Fields) -> Result<Choice, Fault> {
    let title = fields.text("title")?;
    let id = fields.maybe_text("id")?.unwrap_or_else(|| title.clone());
    Ok(Choice { id, title, description: fields.maybe_text("description")? })
}

fn list(fields: &mut Fields) -> Result<List, Fault> {
    let (text, label) = (fields.text("text")?, fields.maybe_text("label")?);
    if fields.has("options") {
        let rows = fields.some("options", choice)?;
        return Ok(List { text, label, sections: vec![Section { title: None, rows }] });
    }
    let sections = fields.some("sections", |place, value| {
        let mut fields = Fields::of(place, value)?;
        let section = Section { title: fields.maybe_text("title")?, rows: fields.some("options", choice)? };
        fields.end();
        Ok(section)
    })?;
    Ok(List { text, label, sections })
}

fn nested_media(fields: &mut Fields) -> Result<Option<Media>, Fault> {
    let Some(mut fields) = fields.object("media")? else { return Ok(None) };
    let media = media(&mut fields)?;
    fields.end();
    Ok(Some(media))
}

fn media(fields: &mut Fields) -> Result<Media, Fault> {
    let kind = match fields.text("kind")?.as_str() {
        "image" => MediaKind::Image,
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        "voice" => MediaKind::Voice,
        "document" => MediaKind::Document,
        "sticker" => MediaKind::Sticker,
        other => {
            let kinds = "image, video, audio, voice, document, sticker";
            return Err(fields.fault(format_args!("the kind {} is none of {kinds}", shown(other))));
        }
    };
    let source = match (fields.has("url"), fields.has("id")) {
        (true, false) => Source::Link(fields.file("url")?),
        (false, true) => Source::Id(fields.text("id")?),
        (true, true) | (false, false) => return Err(fields.fault("a file has either a \"url\" or an \"id\"")),
    };
    Ok(Media { kind, source, caption: fields.maybe_text("caption")?, name: fields.maybe_text("name")? })
}

fn contact(place: &str, value: Value) -> Result<Contact, Fault> {
    let mut fields = Fields::of(place, value)?;
    let contact = Contact {
        name: fields.text("name")?,
        phones: fields.items("phones", word)?,
        emails: fields.items("emails", word)?,
        organization: fields.maybe_text("organization")?,
        url: fields.maybe_text("url")?,
    };
    fields.end();
    Ok(contact)
}

/// A variable of a template: its value, or its value and its name.
fn parameter(place: &str, value: Value) -> Result<Parameter, Fault> {
    if value.is_object() {
        let mut fields = Fields::of(place, value)?;
        let parameter = Parameter { name: fields.maybe_text("name")?, text: fields.text("text")? };
        fields.end();
        return Ok(parameter);
    }
    Ok(Parameter { name: None, text: word(place, value)? })
}

fn word(place: &str, value: Value) -> Result<String, Fault> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(format!("{place} is not a text")),
    }
}
