//! Messages that an agent writes in Meta's own format: the fields that we set are removed, addresses and parameters are repaired,
//! and the limits are checked before Meta does.

mod repair;
mod words;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use self::words::text_for_people;
use super::{
    limits::{
        CARDS, MAX_BODY, MAX_BUTTON_ID, MAX_BUTTON_TITLE, MAX_BUTTONS, MAX_CAPTION, MAX_CARD_BODY, MAX_LIST_BODY,
        MAX_ROW_DESCRIPTION, MAX_ROW_ID, MAX_ROW_TITLE, MAX_ROWS, MAX_SMALL_PRINT, MAX_TEXT,
    },
    split::length,
};

/// What we set ourselves, whatever the agent wrote.
const OURS: &[&str] = &["messaging_product", "recipient_type", "to", "recipient", "biz_opaque_callback_data"];
/// Types of messages that have an object of the same name.
const TYPES: &[&str] = &[
    "text",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "template",
    "pin",
    "location",
    "contacts",
    "reaction",
    "interactive",
];
/// Those that a group accepts.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/groups>
const GROUP_TYPES: &[&str] = &["text", "image", "audio", "video", "document", "sticker", "template", "pin"];

/// A message that Meta would refuse.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The limit it breaks.
    pub rule: &'static str,
    /// Its text, if it has any.
    pub words: String,
}

/// The message without recipient, with lenient spellings repaired, and checked against the limits that we know.
pub(crate) fn checked(mut message: Map<String, Value>, to_group: bool) -> Result<Map<String, Value>, Wrong> {
    for name in OURS {
        message.remove(*name);
    }
    // A message has a type and an object of that name; the type may be left out if there is one such object.
    let kind = match message.get("type").and_then(Value::as_str) {
        Some(kind) => kind.to_owned(),
        None => {
            TYPES.iter().find(|kind| message.contains_key(**kind)).map_or_else(String::new, |kind| (*kind).to_owned())
        }
    };
    message.insert("type".into(), kind.clone().into());
    for value in message.values_mut() {
        true_and_false(value);
        repair::addresses(value);
    }
    if let Some(template) = message.get_mut("template") {
        repair::parameters(template);
    }
    let rule = match rule_broken(&kind, &message) {
        None if to_group && !GROUP_TYPES.contains(&kind.as_str()) => {
            Some("groups accept texts, files and templates only")
        }
        rule => rule,
    };
    match rule {
        None => Ok(message),
        Some(rule) => Err(Wrong { rule, words: text_for_people(&message) }),
    }
}

/// Forms and low-code tools write booleans as text. Only known flags are converted: a text may say "true" as well.
fn true_and_false(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let meant = matches!(name.as_str(), "preview_url" | "voice");
                match value.as_str() {
                    Some("true") if meant => *value = Value::Bool(true),
                    Some("false") if meant => *value = Value::Bool(false),
                    _ => true_and_false(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(true_and_false),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rule_broken(kind: &str, message: &Map<String, Value>) -> Option<&'static str> {
    let Some(body) = message.get(kind).filter(|body| body.is_object() || body.is_array()) else {
        return Some("a message has a type and an object of that name");
    };
    if repair::lacks_address(body) {
        return Some("a file and a page have a web address");
    }
    match kind {
        "text" => (!within(&body["body"], 1, MAX_TEXT)).then_some("a text has 1 to 4,096 characters"),
        "image" | "video" | "document" | "audio" | "sticker" => {
            let place = ["id", "link"].iter().filter(|name| within(&body[**name], 1, usize::MAX)).count();
            match (place, within(&body["caption"], 0, MAX_CAPTION)) {
                (1, true) => None,
                (1, false) => Some("a caption has 1,024 characters at most"),
                _ => Some("a file has an id or a link"),
            }
        }
        "interactive" => interactive(body),
        // Meta checks the rest; most of it only Meta can check.
        _ if TYPES.contains(&kind) => None,
        _ => Some("a message is of a type that the Cloud API accepts"),
    }
}

fn interactive(body: &Value) -> Option<&'static str> {
    let kind = body["type"].as_str().unwrap_or_default();
    let body_most = if kind == "list" { MAX_LIST_BODY } else { MAX_BODY };
    let needs_body = !matches!(kind, "product");
    let action = &body["action"];
    if !within(&body["body"]["text"], usize::from(needs_body), body_most) {
        return Some("an interactive message has a body of 1 to 1,024 characters, a list of 4,096");
    }
    if !within(&body["header"]["text"], 0, MAX_SMALL_PRINT) || !within(&body["footer"]["text"], 0, MAX_SMALL_PRINT) {
        return Some("a header and a footer have 60 characters at most");
    }
    match kind {
        "button" => {
            let replies: Vec<_> = items(&action["buttons"]).iter().map(|button| &button["reply"]).collect();
            let fits = (1..=MAX_BUTTONS).contains(&replies.len())
                && replies.iter().all(|reply| {
                    within(&reply["title"], 1, MAX_BUTTON_TITLE) && within(&reply["id"], 1, MAX_BUTTON_ID)
                })
                && unique(replies.iter().map(|reply| &reply["title"]))
                && unique(replies.iter().map(|reply| &reply["id"]));
            (!fits).then_some(
                "one to three buttons, each with its own title of 1 to 20 and its own id of 1 to 256 characters",
            )
        }
        "list" => {
            let sections = items(&action["sections"]);
            let rows: Vec<_> = sections.iter().flat_map(|section| items(&section["rows"])).collect();
            let fits = within(&action["button"], 1, MAX_BUTTON_TITLE)
                && sections
                    .iter()
                    .all(|section| within(&section["title"], usize::from(sections.len() > 1), MAX_ROW_TITLE))
                && (1..=MAX_ROWS).contains(&rows.len())
                && rows.iter().all(|row| {
                    within(&row["title"], 1, MAX_ROW_TITLE)
                        && within(&row["id"], 1, MAX_ROW_ID)
                        && within(&row["description"], 0, MAX_ROW_DESCRIPTION)
                })
                && unique(rows.iter().map(|row| &row["id"]));
            (!fits).then_some("a list has a button of 1 to 20 characters, titled sections, and one to ten rows with titles of 1 to 24, ids of 1 to 200 and descriptions of at most 72")
        }
        "cta_url" => {
            let parameters = &action["parameters"];
            let fits =
                within(&parameters["display_text"], 1, MAX_BUTTON_TITLE) && within(&parameters["url"], 1, usize::MAX);
            (!fits).then_some("a link button has 1 to 20 characters and a url")
        }
        "carousel" => {
            let cards = items(&action["cards"]);
            let fits = CARDS.contains(&cards.len())
                && cards.iter().all(|card| within(&card["body"]["text"], 0, MAX_CARD_BODY));
            (!fits).then_some("a carousel has 2 to 10 cards with bodies of 160 characters at most")
        }
        _ => None,
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether it is a text of `least` to `most` characters; a text that may be empty may be absent.
fn within(value: &Value, least: usize, most: usize) -> bool {
    match value {
        Value::Null => least == 0,
        Value::String(text) => length(text.trim()) >= least && length(text) <= most,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn unique<'a>(values: impl Iterator<Item = &'a Value>) -> bool {
    let mut seen = BTreeSet::new();
    values.filter_map(Value::as_str).all(|value| seen.insert(value))
}
