//! What a flow sends besides its text: files, a location, contact cards.

use serde_json::Value;

use super::lenient::{self, either, items, text_of};
use crate::conversation::{Contact, Content, Location, Media, MediaKind, Source};

/// The files of `attachments: [{"url","mimeType","fileName"}]`, also in the spelling that we send: `type`, `name`.
pub(crate) fn files(attachments: &Value) -> Vec<Content> {
    items(attachments).iter().filter_map(file).map(Content::Media).collect()
}

fn file(attachment: &Value) -> Option<Media> {
    let source = Source::Link(lenient::file(&attachment["url"])?);
    let mime = text_of(either(attachment, &["mimeType", "type"])).unwrap_or_default();
    let kind = match mime.split('/').next().unwrap_or_default() {
        "image" => MediaKind::Image,
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        _ => MediaKind::Document,
    };
    let name = text_of(either(attachment, &["fileName", "name"])).filter(|_| kind == MediaKind::Document);
    Some(Media { kind, source, caption: None, name })
}

/// The location of `location: {"latitude","longitude","name","address"}`.
pub(crate) fn place(location: &Value) -> Vec<Content> {
    let degrees = |name: &str| match &location[name] {
        Value::Number(number) => number.as_f64(),
        // Rust parses "NaN" and "inf" as numbers, but JSON has none of them.
        Value::String(text) => text.trim().parse().ok().filter(|degrees: &f64| degrees.is_finite()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let (Some(latitude), Some(longitude)) = (degrees("latitude"), degrees("longitude")) else { return Vec::new() };
    vec![Content::Location(Location {
        latitude,
        longitude,
        name: text_of(&location["name"]),
        address: text_of(&location["address"]),
    })]
}

/// The cards of `contacts`, in the shape of people's own cards:
/// `[{"name":{"formatted_name"},"phones":[{"phone"}],"emails":[{"email"}],"org":{"company"},"urls":[{"url"}]}]`.
pub(crate) fn contacts(contacts: &Value) -> Vec<Content> {
    let contacts: Vec<_> = items(contacts).iter().filter_map(contact).collect();
    if contacts.is_empty() { Vec::new() } else { vec![Content::Contacts(contacts)] }
}

fn contact(card: &Value) -> Option<Contact> {
    let all = |name: &str, field: &str| -> Vec<String> {
        items(&card[name]).iter().filter_map(|entry| text_of(&entry[field]).or_else(|| text_of(entry))).collect()
    };
    let name = &card["name"];
    let parts = || {
        let parts: Vec<_> = ["first_name", "last_name"].iter().filter_map(|part| text_of(&name[*part])).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    let contact = Contact {
        name: text_of(&name["formatted_name"]).or_else(parts).or_else(|| text_of(name)).unwrap_or_default(),
        phones: all("phones", "phone"),
        emails: all("emails", "email"),
        organization: text_of(&card["org"]["company"]),
        url: all("urls", "url").into_iter().next(),
    };
    let is_filled = !(contact.name.is_empty() && contact.phones.is_empty() && contact.emails.is_empty());
    is_filled.then_some(contact)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_has_two_numbers_that_are_some() {
        let is_place = |latitude: Value| !place(&json!({ "latitude": latitude, "longitude": 13 })).is_empty();
        for latitude in [json!(52), json!(-0.5), json!("52.5"), json!(" 52 ")] {
            assert!(is_place(latitude.clone()), "{latitude}");
        }
        for latitude in [json!(null), json!("NaN"), json!("inf"), json!("north"), json!(""), json!([52]), json!(true)] {
            assert!(!is_place(latitude.clone()), "{latitude}");
        }
        assert_eq!(place(&json!("Berlin")), []);
    }

    #[test]
    fn a_file_is_what_its_media_type_says_and_a_document_otherwise() {
        let kind = |file: Value| match &files(&json!([file]))[..] {
            [Content::Media(media)] => Some((media.kind, media.name.clone())),
            _ => None,
        };
        let file = |mime: &str| kind(json!({ "url": "https://example.com/a", "mimeType": mime, "fileName": "a" }));
        assert_eq!(file("image/jpeg"), Some((MediaKind::Image, None)));
        assert_eq!(file("video/mp4"), Some((MediaKind::Video, None)));
        assert_eq!(file("audio/ogg; codecs=opus"), Some((MediaKind::Audio, None)));
        assert_eq!(file("text/csv"), Some((MediaKind::Document, Some("a".into()))));
        let plain = json!({ "url": "https://example.com/a", "type": "image", "name": "a" });
        assert_eq!(kind(plain), Some((MediaKind::Image, None)));
        assert_eq!(kind(json!({ "url": "https://example.com/a" })), Some((MediaKind::Document, None)));
        let inline = json!({ "mimeType": "image/png", "url": "data:image/png;base64,AA==" });
        assert_eq!(kind(inline), Some((MediaKind::Image, None)));
        assert_eq!(kind(json!({ "mimeType": "image/png", "url": "undefined" })), None);
    }
}
