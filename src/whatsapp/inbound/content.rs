//! What a message says, type by type; open for what Meta invents next.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{conversation::Tap, settings::QuietKind};

/// What a message says. The bytes stay beside it, so a variant holds only what we act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Text(String),
    /// A file of some kind.
    Media(Media),
    /// A tap on a reply button, a list row or a template's quick reply.
    Tap(Tap),
    /// The answer to a Flow, an address form or a call permission request.
    Form,
    /// A place; its name or address, if one was shared.
    Location(Option<String>),
    /// Contact cards.
    Contacts,
    /// A basket of products; the words sent along.
    Order(Option<String>),
    /// An emoji on a message, set or taken back.
    Reaction,
    /// A notice, such as a changed number.
    System,
    /// An earlier message was changed; its new words, if it has some.
    Edit(Option<String>),
    /// An earlier message was deleted.
    Revoke,
    /// The person opened the chat; Meta took this type back in 2026.
    RequestWelcome,
    /// A type that Meta does not pass on; its name, where Meta tells it.
    Unsupported(Option<String>),
    /// A type we do not know, or a type we know in another shape.
    Unrecognized {
        /// Meta's word for it.
        kind: String,
        /// What surprised us.
        why: String,
    },
}

/// A file as a webhook announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Id under which Graph gives it out, for 7 days.
    pub id: String,
    /// The words sent along.
    pub caption: Option<String>,
}

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// `image`
    Image,
    /// `audio`, also voice messages
    Audio,
    /// `video`
    Video,
    /// `document`
    Document,
    /// `sticker`
    Sticker,
}

impl Content {
    /// The words the agent gets: a text, a caption, the id of a tapped choice, the name of a place.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Media(media) => media.caption.as_deref(),
            Self::Tap(tap) => Some(&tap.id),
            Self::Location(text) | Self::Order(text) | Self::Edit(text) => text.as_deref(),
            Self::Form
            | Self::Contacts
            | Self::Reaction
            | Self::System
            | Self::Revoke
            | Self::RequestWelcome
            | Self::Unsupported(_)
            | Self::Unrecognized { .. } => None,
        }
    }

    /// Whether the agent is asked: the person expects an answer, or the operator wants one for this kind as well.
    #[must_use]
    pub fn starts_turn(&self, also: &[QuietKind]) -> bool {
        match self {
            Self::Reaction => also.contains(&QuietKind::Reaction),
            Self::System => also.contains(&QuietKind::System),
            Self::Edit(_) => also.contains(&QuietKind::Edit),
            Self::Revoke => also.contains(&QuietKind::Revoke),
            Self::RequestWelcome => false,
            Self::Text(_)
            | Self::Media(_)
            | Self::Tap(_)
            | Self::Form
            | Self::Location(_)
            | Self::Contacts
            | Self::Order(_)
            | Self::Unrecognized { .. } => true,
            // These only touch an earlier message.
            Self::Unsupported(kind) => {
                !matches!(kind.as_deref(), Some("edit" | "pin" | "keep_in_chat" | "poll_update" | "reaction"))
            }
        }
    }

    /// Reads the object that a message of type `kind` carries under that name.
    pub(super) fn read(kind: &str, fields: &BTreeMap<String, &RawValue>) -> Self {
        let known = match kind {
            "text" => body(kind, fields).map(|text: Text| Self::Text(text.body)),
            "image" => media(MediaKind::Image, kind, fields),
            "audio" => media(MediaKind::Audio, kind, fields),
            "video" => media(MediaKind::Video, kind, fields),
            "document" => media(MediaKind::Document, kind, fields),
            "sticker" => media(MediaKind::Sticker, kind, fields),
            "interactive" => body(kind, fields).and_then(interactive),
            "button" => body(kind, fields).and_then(button),
            "location" => body(kind, fields).map(|place: Place| Self::Location(place.name.or(place.address))),
            "order" => body(kind, fields).map(|order: Order| Self::Order(order.text)),
            "contacts" => Ok(Self::Contacts),
            "reaction" => Ok(Self::Reaction),
            "system" => Ok(Self::System),
            "edit" => body(kind, fields).map(|edit: Edit| Self::Edit(edit.message.text.map(|text| text.body))),
            "revoke" => Ok(Self::Revoke),
            "request_welcome" => Ok(Self::RequestWelcome),
            "unsupported" => {
                Ok(Self::Unsupported(body(kind, fields).ok().and_then(|unsupported: Unsupported| unsupported.kind)))
            }
            _ => Err("a type that we do not know".to_owned()),
        };
        known.unwrap_or_else(|why| Self::Unrecognized { kind: kind.to_owned(), why })
    }
}

#[derive(Deserialize)]
struct Text {
    body: String,
}

#[derive(Deserialize)]
struct Edit {
    message: Edited,
}

#[derive(Deserialize)]
struct Edited {
    text: Option<Text>,
}

#[derive(Deserialize)]
struct File {
    id: String,
    caption: Option<String>,
}

#[derive(Deserialize)]
struct Button {
    payload: Option<String>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Place {
    name: Option<String>,
    address: Option<String>,
}

#[derive(Deserialize)]
struct Order {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Unsupported {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Interactive {
    #[serde(rename = "type")]
    kind: String,
    button_reply: Option<Tap>,
    list_reply: Option<Tap>,
}

fn body<T: DeserializeOwned>(kind: &str, fields: &BTreeMap<String, &RawValue>) -> Result<T, String> {
    let raw = fields.get(kind).ok_or_else(|| format!("the object \"{kind}\" is missing"))?;
    serde_json::from_str(raw.get()).map_err(super::wire::why)
}

fn media(media: MediaKind, kind: &str, fields: &BTreeMap<String, &RawValue>) -> Result<Content, String> {
    body(kind, fields).map(|file: File| Content::Media(Media { kind: media, id: file.id, caption: file.caption }))
}

/// A quick reply of a template: its payload is what the template set, else the label.
fn button(button: Button) -> Result<Content, String> {
    let id = button.payload.or_else(|| button.text.clone()).ok_or("a button without payload and text")?;
    Ok(Content::Tap(Tap { title: button.text.unwrap_or_else(|| id.clone()), id }))
}

fn interactive(interactive: Interactive) -> Result<Content, String> {
    match (interactive.kind.as_str(), interactive.button_reply.or(interactive.list_reply)) {
        (_, Some(tap)) => Ok(Content::Tap(tap)),
        ("nfm_reply" | "call_permission_reply", None) => Ok(Content::Form),
        (kind, None) => Err(format!("an interactive answer of type \"{kind}\" that we do not know")),
    }
}
