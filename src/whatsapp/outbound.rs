//! Replies in our own types, rendered as messages of the Cloud API, within its limits.
//!
//! First everything is fitted: long texts are split, and what the channel cannot show falls back to what it can, down to text.
//! Fitted replies are kept in the outbox; the request body follows from them without further decisions. So Meta has nothing to refuse.
//!
//! Limits are in characters. Meta does not say of which kind, so we count UTF-16 units, which is the strictest.

mod address;
mod body;
mod fit;
pub mod limits;
mod markdown;
mod raw;
mod split;

pub use address::{data, is_data};
pub use body::{message_body, reading_body, send_body};
pub use fit::{Style, fit};
pub use markdown::to_whatsapp;
pub use split::{length, split};

use crate::conversation::Content;

/// Whether Meta accepts it only within [`limits::WINDOW`] of the person's last message.
#[must_use]
pub fn needs_window(content: &Content) -> bool {
    match content {
        Content::Template(_) => false,
        Content::Raw(message) => message.get("type").is_none_or(|kind| kind != "template"),
        Content::Text(_)
        | Content::Card(_)
        | Content::List(_)
        | Content::Carousel { .. }
        | Content::Media(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Reaction(_)
        | Content::LocationRequest(_)
        | Content::ContactRequest(_)
        | Content::Flow(_) => true,
    }
}
