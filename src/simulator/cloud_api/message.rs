//! Checks whether a body is a message that Meta accepts. Written from Meta's pages and not from our renderer, so that an error in one
//! shows in the other.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages>

use serde_json::Value;

use super::{
    body::{Checked, Field, Object, Refusal, UNDOCUMENTED, UNKNOWN_TYPE, UNSUPPORTED, refuse, texts},
    interactive,
    media::{Kind, MediaStore, check as media},
    template,
};

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages>
const TEXT: usize = 4096;
const OPAQUE: usize = 512;
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/contacts-messages>
const CONTACTS: usize = 257;
const TYPES: [&str; 12] = [
    "text",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
    "pin",
];
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/groups>
const GROUP_TYPES: [&str; 8] = ["text", "image", "audio", "video", "document", "sticker", "template", "pin"];

/// Checks whether Meta would accept and deliver this body, with the media in `store`.
///
/// # Errors
/// Meta's refusal, or why Meta would lose the message.
pub(super) fn check(body: &Value, store: &MediaStore) -> Result<(), Refusal> {
    let body = Object::body(body)?;
    body.required("messaging_product")?.one_of(&["whatsapp"])?;
    if body.has("status") {
        return reading(body);
    }
    let field = body.required("type")?;
    let kind = field.text(UNDOCUMENTED)?;
    if !TYPES.contains(&kind) {
        return refuse(UNKNOWN_TYPE, format!("Message type unknown: {kind}"));
    }
    let body = body.only(&[
        "messaging_product",
        "recipient_type",
        "to",
        "recipient",
        "recipient_identity_key_hash",
        "biz_opaque_callback_data",
        "category",
        "context",
        "type",
        kind,
    ])?;
    let group = recipient(&body)?;
    if group && !GROUP_TYPES.contains(&kind) {
        return refuse(UNKNOWN_TYPE, format!("groups take no messages of type {kind}"));
    }
    if let Some(data) = body.optional("biz_opaque_callback_data") {
        data.text(OPAQUE)?;
    }
    if let Some(category) = body.optional("category") {
        category.one_of(&["utility", "authentication"])?;
        if kind != "text" {
            return refuse(UNSUPPORTED, "category: only text goes out without a template");
        }
    }
    if let Some(hash) = body.optional("recipient_identity_key_hash") {
        hash.text(UNDOCUMENTED)?;
    }
    if let Some(context) = body.optional("context") {
        context.object(&["message_id"])?.required("message_id")?.wamid()?;
    }
    let content = body.required(kind)?;
    match kind {
        "text" => text(&content),
        "image" => media(&content, Kind::Image, &["caption"], store),
        "video" => media(&content, Kind::Video, &["caption"], store),
        "audio" => media(&content, Kind::Audio, &["voice"], store),
        "document" => media(&content, Kind::Document, &["caption", "filename"], store),
        "sticker" => media(&content, Kind::Sticker, &[], store),
        "location" => location(&content),
        "contacts" => content.list(1..=CONTACTS)?.iter().try_for_each(contact),
        "reaction" => {
            body.without("context", "a reaction cannot be a reply")?;
            reaction(&content)
        }
        "interactive" => interactive::check(&content, store),
        "template" => template::check(&content, store),
        "pin" if group => pin(&content),
        _ => refuse(UNKNOWN_TYPE, format!("{kind} is for groups")),
    }
}

/// Checks a read receipt, with or without a typing indicator.
fn reading(body: Object<'_>) -> Checked {
    let body = body.only(&["messaging_product", "status", "message_id", "typing_indicator"])?;
    body.required("status")?.one_of(&["read"])?;
    body.required("message_id")?.wamid()?;
    match body.optional("typing_indicator") {
        Some(typing) => typing.object(&["type"])?.required("type")?.one_of(&["text"]).map(drop),
        None => Ok(()),
    }
}

/// Checks the recipient. Returns whether it is a group.
fn recipient(body: &Object<'_>) -> Checked<bool> {
    let kind = body.optional("recipient_type").map(|kind| kind.one_of(&["individual", "group"])).transpose()?;
    if kind == Some("group") {
        body.without("recipient", "a group is addressed with to")?;
        body.required("to")?.shaped(is_group, "the id of a group")?;
        return Ok(true);
    }
    // Meta accepts both and ignores the BSUID; a sender of both has a bug.
    body.either("to", "recipient")?;
    if let Some(to) = body.optional("to") {
        // Without a plus sign Meta prepends a country code, and it reads a BSUID as a number; neither is delivered.
        to.shaped(is_phone, "a phone number with + and digits only")?;
    }
    if let Some(recipient) = body.optional("recipient") {
        recipient.shaped(is_bsuid, "a BSUID")?;
    }
    Ok(false)
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
    })
}

fn is_bsuid(text: &str) -> bool {
    let Some((country, id)) = text.split_once('.') else { return false };
    let id = id.strip_prefix("ENT.").unwrap_or(id);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_group(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    !digits && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn text(content: &Field<'_>) -> Checked {
    let text = content.object(&["body", "preview_url"])?;
    text.required("body")?.text(TEXT)?;
    text.optional("preview_url").map_or(Ok(()), |flag| flag.flag().map(drop))
}

fn location(content: &Field<'_>) -> Checked {
    let location = content.object(&["latitude", "longitude", "name", "address"])?;
    location.required("latitude")?.degrees(90.0)?;
    location.required("longitude")?.degrees(180.0)?;
    texts(&location, &["name", "address"])
}

fn reaction(content: &Field<'_>) -> Checked {
    let reaction = content.object(&["message_id", "emoji"])?;
    reaction.required("message_id")?.wamid()?;
    let emoji = reaction.required("emoji")?;
    let sign = emoji.possibly_empty(64)?;
    if sign.is_empty() || is_one_emoji(sign) { Ok(()) } else { emoji.invalid("must be one emoji, or empty") }
}

/// One character with its modifiers: joined characters, skin tones, variation selectors, keycaps, flags.
fn is_one_emoji(text: &str) -> bool {
    let signs: Vec<_> = text.chars().collect();
    let hangs = |sign: char| matches!(sign, '\u{200d}' | '\u{20e3}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}');
    let flag = |sign: char| matches!(sign, '\u{1f1e6}'..='\u{1f1ff}');
    let keycap = matches!(signs.first(), Some('0'..='9' | '#' | '*')) && signs.ends_with(&['\u{20e3}']);
    // A few letters in circles and squares are emoji; some of them only where a selector says so.
    let letter = |sign: char| sign.is_alphabetic() && !('\u{1f170}'..='\u{1f19a}').contains(&sign);
    let selected = signs.get(1) == Some(&'\u{fe0f}');
    let starts = signs
        .first()
        .is_some_and(|&first| !hangs(first) && (keycap || (first > '\u{a8}' && (selected || !letter(first)))));
    let follows = signs
        .windows(2)
        .enumerate()
        .all(|(place, pair)| hangs(pair[1]) || pair[0] == '\u{200d}' || (place == 0 && flag(pair[0]) && flag(pair[1])));
    starts && follows
}

fn pin(content: &Field<'_>) -> Checked {
    let pin = content.object(&["type", "message_id", "expiration_days"])?;
    pin.required("message_id")?.wamid()?;
    if pin.required("type")?.one_of(&["pin", "unpin"])? == "pin" {
        pin.required("expiration_days")?.whole(1..=30)?;
    }
    Ok(())
}

fn contact(contact: &Field<'_>) -> Checked {
    let contact = contact.object(&["name", "phones", "emails", "addresses", "urls", "org", "birthday"])?;
    let parts = ["first_name", "last_name", "middle_name", "suffix", "prefix"];
    let name = contact.required("name")?.object(&[&["formatted_name"], &parts[..]].concat())?;
    name.required("formatted_name")?.text(UNDOCUMENTED)?;
    texts(&name, &parts)?;
    if !parts.iter().any(|part| name.has(part)) {
        name.required("first_name")?;
    }
    each(&contact, "phones", &["phone", "type", "wa_id"], &["phone"])?;
    each(&contact, "emails", &["email", "type"], &["email"])?;
    each(&contact, "urls", &["url", "type"], &["url"])?;
    each(&contact, "addresses", &["street", "city", "state", "zip", "country", "country_code", "type"], &[])?;
    if let Some(phones) = contact.optional("phones") {
        for phone in phones.list(1..=usize::MAX)? {
            if let Some(wa_id) = phone.any_object()?.optional("wa_id") {
                wa_id.shaped(|id| id.bytes().all(|byte| byte.is_ascii_digit()), "digits")?;
            }
        }
    }
    if let Some(org) = contact.optional("org") {
        let parts = ["company", "department", "title"];
        texts(&org.object(&parts)?, &parts)?;
    }
    match contact.optional("birthday") {
        Some(day) => {
            day.shaped(|day| day.len() == 10 && day.parse::<jiff::civil::Date>().is_ok(), "YYYY-MM-DD").map(drop)
        }
        None => Ok(()),
    }
}

/// Checks a list of objects whose properties are texts.
fn each(contact: &Object<'_>, name: &str, known: &[&str], required: &[&str]) -> Checked {
    let Some(list) = contact.optional(name) else { return Ok(()) };
    for item in list.list(1..=usize::MAX)? {
        let item = item.object(known)?;
        for name in required {
            item.required(name)?;
        }
        texts(&item, known)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_is_told_from_words_and_from_two_of_them() {
        for one in ["👍", "👍🏽", "❤️", "👨‍👩‍👧", "🇩🇪", "1️⃣", "🅰️", "Ⓜ️", "ℹ️", "🏴\u{e0067}\u{e0062}\u{e007f}", "😀"]
        {
            assert!(is_one_emoji(one), "{one}");
        }
        for other in ["", "a", "ok", "👍👍", "👍 ", "中", "1", ":)", "a\u{20e3}", "\u{fe0f}", "🇩🇪🇫🇷"]
        {
            assert!(!is_one_emoji(other), "{other}");
        }
    }
}
