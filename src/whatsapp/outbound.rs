//! Replies in our words, rendered as messages of the Cloud API, within its limits.
//!
//! First everything is fitted: what is too long is split, what the channel cannot show falls back to what it can, down to words.
//! What is fitted is kept in the outbox; the body of the request follows from it without a decision. So Meta has nothing to refuse.
//!
//! Limits are characters; Meta does not say of which kind, so we count UTF-16 units, the strictest of them.

mod address;
mod body;
mod fit;
pub mod limits;
mod markdown;
mod raw;
mod split;

pub use address::{data, is_data};
pub use body::{reading_body, send_body};
pub use fit::{Style, fit};
pub use markdown::to_whatsapp;
pub use split::{length, split};

use crate::conversation::Content;

/// Whether Meta takes it only within [`limits::WINDOW`] of the person's last message.
#[must_use]
pub fn needs_window(said: &Content) -> bool {
    match said {
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
