//! A webhook message with everything removed that identifies its sender.
//!
//! Only known harmless fields stay: a field that Meta invents tomorrow may contain a name. Removed are the numbers and names of
//! the sender and of the group, the ids of messages (each contains the sender's number), shared contact cards (after a contact
//! request it is the sender's own), and notices about new names.

use std::collections::BTreeMap;

use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

/// Fields with the content of a message, kept byte for byte.
const HARMLESS: &[&str] = &[
    "type",
    "timestamp",
    "text",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "interactive",
    "button",
    "location",
    "order",
    "referral",
    "errors",
    "unsupported",
    "inject",
];
/// Fields of which a part is kept.
const HARMLESS_PARTS: &[(&str, &[&str])] =
    &[("context", &["forwarded", "frequently_forwarded", "referred_product"]), ("reaction", &["emoji"])];

/// The content of `raw`, a message of a webhook, without its sender; an unreadable message becomes an empty object.
#[must_use]
pub fn redact_identity(raw: &RawValue) -> Box<RawValue> {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let mut kept: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
    for (name, field) in fields {
        if HARMLESS.contains(&name) {
            kept.insert(name, field.to_owned());
        } else if let Some((_, parts)) = HARMLESS_PARTS.iter().find(|(whole, _)| *whole == name) {
            let mut object: BTreeMap<String, Value> = serde_json::from_str(field.get()).unwrap_or_default();
            object.retain(|part, _| parts.contains(&part.as_str()));
            kept.extend(to_raw_value(&object).ok().map(|part| (name, part)));
        }
    }
    to_raw_value(&kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_stays_and_who_said_it_goes() {
        let raw = r#"{"from":"1555","from_user_id":"US.1","id":"wamid.A","type":"text","text":{"body":"h\u00e9"},"context":{"from":"1555","id":"wamid.B","forwarded":true},"news_of_2030":{"name":"Ada"}}"#;
        let raw = RawValue::from_string(raw.to_owned()).expect("JSON");
        let expected = r#"{"context":{"forwarded":true},"text":{"body":"h\u00e9"},"type":"text"}"#;
        assert_eq!(redact_identity(&raw).get(), expected);
    }

    #[test]
    fn what_is_not_an_object_becomes_an_empty_one() {
        let raw = RawValue::from_string("[\"15550100200\"]".to_owned()).expect("JSON");
        assert_eq!(redact_identity(&raw).get(), "{}");
    }
}
