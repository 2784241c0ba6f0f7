//! The content of a message, type by type, and open for new types.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{Button, Edit, File, Interactive, Location, Order, Text, Unsupported};
use crate::{conversation::Tap, json::JsonError, settings::QuietKind};

/// The content of a message. The bytes are kept beside it, so a variant contains only what we use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundContent {
    /// A text.
    Text(String),
    /// A file; its caption, if it has one.
    File(Option<String>),
    /// A tap on a reply button, a list row or a template's quick reply.
    Tap(Tap),
    /// The answer to a Flow, an address form or a call permission request.
    Form,
    /// A location; its name or address, if one was shared.
    Location(Option<String>),
    /// Contact cards.
    Contacts,
    /// A basket of products; the text sent along.
    Order(Option<String>),
    /// An emoji on a message, added or removed.
    Reaction,
    /// A notice, such as a changed number.
    System,
    /// An earlier message was edited; its new text, if it has one.
    Edit(Option<String>),
    /// An earlier message was deleted.
    Revoke,
    /// The person opened the chat; Meta removed this type in 2026.
    RequestWelcome,
    /// A type that Meta does not pass on; its name, if Meta reports it.
    Unsupported(Option<String>),
    /// A type we do not know, or a type we know in another shape.
    Unrecognized {
        /// Meta's name of the type.
        kind: String,
        /// What is unknown about it.
        why: String,
    },
}

impl InboundContent {
    /// The text for the agent: a text, a caption, the id of a tapped choice, the name of a place.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Tap(tap) => Some(&tap.id),
            Self::File(text) | Self::Location(text) | Self::Order(text) | Self::Edit(text) => text.as_deref(),
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

    /// Whether the agent is asked: the person expects an answer, or the operator wants one for this kind.
    #[must_use]
    pub fn starts_turn(&self, also: &[QuietKind]) -> bool {
        match self {
            Self::Reaction => also.contains(&QuietKind::Reaction),
            Self::System => also.contains(&QuietKind::System),
            Self::Edit(_) => also.contains(&QuietKind::Edit),
            Self::Revoke => also.contains(&QuietKind::Revoke),
            Self::RequestWelcome => false,
            Self::Text(_)
            | Self::File(_)
            | Self::Tap(_)
            | Self::Form
            | Self::Location(_)
            | Self::Contacts
            | Self::Order(_)
            | Self::Unrecognized { .. } => true,
            // These only concern an earlier message.
            Self::Unsupported(kind) => {
                !matches!(kind.as_deref(), Some("edit" | "pin" | "keep_in_chat" | "poll_update" | "reaction"))
            }
        }
    }

    /// Reads the object that a message of type `kind` has under that name.
    pub(super) fn read(kind: &str, fields: &BTreeMap<String, &RawValue>) -> Self {
        let known = match kind {
            "text" => body(kind, fields)
                .and_then(|text: Text| text.body.map(Self::Text).ok_or_else(|| "text.body is not a text".to_owned())),
            "image" | "audio" | "video" | "document" | "sticker" => {
                body(kind, fields).map(|file: File| Self::File(file.caption))
            }
            "interactive" => body(kind, fields).and_then(interactive),
            "button" => body(kind, fields).and_then(button),
            "location" => body(kind, fields).map(|place: Location| Self::Location(place.name.or(place.address))),
            "order" => body(kind, fields).map(|order: Order| Self::Order(order.text)),
            "contacts" => Ok(Self::Contacts),
            "reaction" => Ok(Self::Reaction),
            "system" => Ok(Self::System),
            "edit" => body(kind, fields).map(|edit: Edit| Self::Edit(edit.message.text.body)),
            "revoke" => Ok(Self::Revoke),
            "request_welcome" => Ok(Self::RequestWelcome),
            // The older name, which some numbers still get.
            "unsupported" | "unknown" => {
                Ok(Self::Unsupported(body(kind, fields).ok().and_then(|unsupported: Unsupported| unsupported.kind)))
            }
            _ => Err("a type that we do not know".to_owned()),
        };
        known.unwrap_or_else(|why| Self::Unrecognized { kind: kind.to_owned(), why })
    }
}

fn body<'a, T: Deserialize<'a>>(kind: &str, fields: &BTreeMap<String, &'a RawValue>) -> Result<T, String> {
    let raw = fields.get(kind).ok_or_else(|| format!("the object \"{kind}\" is missing"))?;
    serde_json::from_str(raw.get()).map_err(|error| JsonError::from(error).to_string())
}

/// A quick reply of a template: its payload is the one from the template, else the label.
fn button(button: Button) -> Result<InboundContent, String> {
    tap(button.payload, button.text).ok_or_else(|| "a button without payload and text".to_owned())
}

fn interactive(interactive: Interactive<'_>) -> Result<InboundContent, String> {
    let Interactive { kind, button_reply, list_reply, .. } = interactive;
    let tapped = tap(button_reply.id, button_reply.title).or_else(|| tap(list_reply.id, list_reply.title));
    match (kind.as_deref(), tapped) {
        (_, Some(tapped)) => Ok(tapped),
        (Some("nfm_reply" | "call_permission_reply"), None) => Ok(InboundContent::Form),
        (Some("button_reply" | "list_reply"), None) => Err("a choice without id and title".to_owned()),
        (Some(_) | None, None) => Err("an interactive answer of a type that we do not know".to_owned()),
    }
}

/// A choice by its id, else by its title.
fn tap(id: Option<String>, title: Option<String>) -> Option<InboundContent> {
    let [id, title] = [id, title].map(|text| text.filter(|text| !text.trim().is_empty()));
    let id = id.or_else(|| title.clone())?;
    Some(InboundContent::Tap(Tap { title: title.unwrap_or_else(|| id.clone()), id }))
}
