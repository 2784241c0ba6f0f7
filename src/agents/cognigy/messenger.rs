//! Messages in the style of Messenger, as the channels for the web chat and Facebook write them, and older default ones.
//!
//! `{"text","quick_replies":[…]}` or `{"attachment":{"type":"image|video|audio|file|template","payload":{…}}}`.

use serde_json::Value;

use super::{
    buttons::actions,
    lenient::{either, file, items, text_of},
    structured::{carousel, list, media},
};
use crate::conversation::{Card, Content, Media, MediaKind, Source};

/// The contents of the message: its attachment first, then its text with the buttons.
pub(crate) fn read(message: &Value) -> Vec<Content> {
    let attached = attachment(&message["attachment"]);
    let replies = actions(either(message, &["quick_replies", "quickReplies"]));
    attached.into_iter().chain(Content::card(text_of(&message["text"]), replies)).collect()
}

fn attachment(attachment: &Value) -> Option<Content> {
    let payload = &attachment["payload"];
    let file = |kind| media(kind, &payload["url"], None, text_of(either(payload, &["altText", "alt_text"])));
    match attachment["type"].as_str().unwrap_or_default() {
        "image" => file(MediaKind::Image),
        "video" => file(MediaKind::Video),
        "audio" => file(MediaKind::Audio),
        "file" => file(MediaKind::Document),
        "template" => template(payload).or_else(|| text_of(&payload["text"]).map(Content::Text)),
        _ => None,
    }
}

fn template(payload: &Value) -> Option<Content> {
    let (text, elements) = (text_of(&payload["text"]), &payload["elements"]);
    match payload["template_type"].as_str().unwrap_or_default() {
        "button" => Content::card(text, actions(&payload["buttons"])),
        "list" => list(text, elements, actions(&payload["buttons"])),
        "media" => shown(items(elements).first()?),
        // Receipts and similar templates have elements with titles as well.
        _ => carousel(text, elements),
    }
}

/// The one element of a media template: `{"media_type","url","buttons"}`.
fn shown(element: &Value) -> Option<Content> {
    let kind = if element["media_type"] == "video" { MediaKind::Video } else { MediaKind::Image };
    let media = file(&element["url"]).map(|url| Media { kind, source: Source::Link(url), caption: None, name: None });
    let actions = actions(&element["buttons"]);
    match media {
        Some(media) if actions.is_empty() => Some(Content::Media(media)),
        Some(_) => Some(Content::Card(Card { media, text: String::new(), actions })),
        None => Content::card(None, actions),
    }
}
