//! Describes in short text what a message contains besides its text: for agents that understand text alone.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    payload::read_if_shaped,
    wire::{ContactCard, Context, Location, Order, OrderItem, Reaction, Referral},
};
use crate::conversation::{Attachment, FormAnswer, INJECT, UNSHOWN};

/// Lines in brackets, the most important first; none for plain texts and taps.
pub(crate) fn describe(
    fields: &BTreeMap<&str, &RawValue>,
    flow: Option<&FormAnswer>,
    attachments: &[Attachment],
) -> Vec<String> {
    let part = |name: &str| fields.get(name).copied();
    let kind = part("type").and_then(read_if_shaped::<String>).unwrap_or_default();
    let mut lines = Vec::new();
    lines.extend(part("referral").and_then(read_if_shaped).map(referral));
    // A tap always names the message with the button, which is of no use.
    let is_tap = matches!(kind.as_str(), "interactive" | "button");
    lines.extend(part("context").filter(|_| !is_tap).and_then(read_if_shaped).and_then(context));
    lines.extend(attachments.iter().map(file));
    lines.extend(part("location").and_then(read_if_shaped).and_then(place));
    lines.extend(part("contacts").and_then(read_if_shaped::<Vec<ContactCard>>).map(|cards| contacts(&cards)));
    lines.extend(part("order").and_then(read_if_shaped::<Order>).map(|order| basket(&order)));
    lines.extend(part("reaction").and_then(read_if_shaped::<Reaction>).map(reaction));
    lines.extend(flow.map(form));
    let rest = match kind.as_str() {
        "edit" => Some("The person changed an earlier message to this".to_owned()),
        "revoke" => Some("The person deleted an earlier message".to_owned()),
        "system" => Some("The person has a new number or name".to_owned()),
        INJECT => fields.get(INJECT).map(|data| format!("From another system, not from the person: {}", data.get())),
        "text" | "interactive" | "button" => None,
        _ if lines.is_empty() => Some(UNSHOWN.to_owned()),
        _ => None,
    };
    lines.extend(rest);
    lines.into_iter().map(|line| format!("[{line}]")).collect()
}

fn referral(referral: Referral) -> String {
    let words: Vec<_> = [referral.headline, referral.body].into_iter().flatten().collect();
    format!("The person came from an advertisement: {}", words.join(" – "))
}

fn context(context: Context) -> Option<String> {
    let Context { id, forwarded, frequently_forwarded, referred_product } = context;
    match (referred_product, forwarded || frequently_forwarded, id) {
        (Some(product), _, _) => Some(format!("About the product {}", product.product_retailer_id)),
        (None, true, _) => Some("Forwarded".to_owned()),
        (None, false, Some(_)) => Some("In reply to an earlier message".to_owned()),
        (None, false, None) => None,
    }
}

fn file(file: &Attachment) -> String {
    let what = match file.kind {
        "image" => "an image",
        "audio" if file.voice => "a voice message",
        "audio" => "an audio file",
        "video" => "a video",
        "sticker" => "a sticker",
        _ => "a document",
    };
    match &file.name {
        Some(name) => format!("The person sent {what} named \"{name}\""),
        None => format!("The person sent {what}"),
    }
}

fn place(Location { latitude, longitude, name, address }: Location) -> Option<String> {
    let words: Vec<_> = [name, address].into_iter().flatten().collect();
    let coordinates = format!("({latitude}, {longitude})");
    let coordinates = Some(coordinates).filter(|_| latitude.is_number() && longitude.is_number());
    let parts: Vec<_> =
        [Some(words.join(", ")).filter(|words| !words.is_empty()), coordinates].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("The person shared a place: {}", parts.join(" ")))
}

fn contacts(cards: &[ContactCard]) -> String {
    let card = |card: &ContactCard| {
        let phones = card.phones.iter().filter_map(|phone| phone.phone.clone());
        card.name.formatted_name.iter().cloned().chain(phones).collect::<Vec<_>>().join(" ")
    };
    format!("The person shared contacts: {}", cards.iter().map(card).collect::<Vec<_>>().join("; "))
}

fn basket(order: &Order) -> String {
    let item = |item: &OrderItem| {
        let OrderItem { product_retailer_id, quantity, item_price, currency } = item;
        let [product, currency] = [product_retailer_id, currency].map(|text| text.as_deref().unwrap_or("?"));
        format!("{quantity} × {product} at {item_price} {currency}")
    };
    format!("The person ordered {}", order.product_items.iter().map(item).collect::<Vec<_>>().join(", "))
}

fn reaction(Reaction { emoji }: Reaction) -> String {
    match emoji {
        Some(emoji) if !emoji.is_empty() => format!("The person reacted to an earlier message with {emoji}"),
        _ => "The person took a reaction back".to_owned(),
    }
}

fn form(FormAnswer { name, response }: &FormAnswer) -> String {
    // The token distinguishes forms and is not an answer of the person.
    let fields = serde_json::from_str(response.get()).map(|mut fields: BTreeMap<String, Box<RawValue>>| {
        fields.remove("flow_token");
        serde_json::to_string(&fields).unwrap_or_default()
    });
    format!("The person answered the form \"{name}\": {}", fields.unwrap_or_else(|_| response.get().to_owned()))
}
