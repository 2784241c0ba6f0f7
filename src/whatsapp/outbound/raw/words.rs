//! The text of a message that Meta would refuse, in the order in which people read it.

use serde_json::{Map, Value};

use super::super::address::is_data;

/// The fields with text, or parts with text, that come first, in order.
const FIRST: &[&str] = &["header", "title", "subtitle", "body", "text", "description", "caption", "footer"];
/// The fields with choices and addresses, which come last, in order.
const LAST: &[&str] = &[
    "display_text",
    "url",
    "link",
    "action",
    "cards",
    "elements",
    "sections",
    "rows",
    "options",
    "buttons",
    "quick_replies",
];
/// The fields whose values are text for people.
const WORDS: &[&str] =
    &["header", "title", "subtitle", "body", "text", "description", "caption", "footer", "display_text", "url", "link"];
/// What is meant for later: a bot's answer to a tap.
const LATER: &[&str] = &["replyMessage"];

/// All text for people, line by line.
pub(crate) fn text_for_people(message: &Map<String, Value>) -> String {
    let mut lines = Vec::new();
    gather_fields(message, &mut lines);
    lines.join("\n")
}

fn gather_fields<'a>(object: &'a Map<String, Value>, lines: &mut Vec<&'a str>) {
    let mut fields: Vec<_> = object.iter().filter(|(name, _)| !LATER.contains(&name.as_str())).collect();
    fields.sort_by_key(|(name, _)| place(name));
    for (name, value) in fields {
        match value {
            Value::String(text) => {
                let is_read = WORDS.contains(&name.as_str()) && !text.trim().is_empty() && !is_data(text);
                lines.extend(is_read.then_some(text.as_str()));
            }
            value => gather(value, lines),
        }
    }
}

fn gather<'a>(value: &'a Value, lines: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => gather_fields(object, lines),
        Value::Array(values) => values.iter().for_each(|value| gather(value, lines)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The position of a field: texts first, then parts of any name, then choices.
fn place(name: &str) -> usize {
    let in_first = FIRST.iter().position(|first| *first == name);
    let in_last = || LAST.iter().position(|last| *last == name).map(|at| FIRST.len() + 1 + at);
    in_first.or_else(in_last).unwrap_or(FIRST.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_come_in_the_order_of_reading_and_what_is_meant_for_later_does_not_come() {
        let image = format!("data:image/png;base64,{}", "A".repeat(40));
        for (message, expected) in [
            (
                json!({ "templateType": "ListPicker", "version": "1.0", "data": {
                    "replyMessage": { "title": "Thanks", "subtitle": "Got it" },
                    "content": {
                        "elements": [{ "title": "Red", "subtitle": "Like a rose" }, { "title": "Blue" }],
                        "subtitle": "Tap to choose", "title": "Which colour?",
                    },
                } }),
                "Which colour?\nTap to choose\nRed\nLike a rose\nBlue",
            ),
            (
                json!({ "quick_replies": [{ "content_type": "text", "title": "Red", "payload": "r" }], "text": "Pick a color:" }),
                "Pick a color:\nRed",
            ),
            (
                json!({ "type": "interactive", "interactive": {
                    "type": "button", "action": { "buttons": [{ "type": "reply", "reply": { "id": "y", "title": "Yes" } }] },
                    "body": { "text": "Sure?" }, "footer": { "text": "Small print" }, "header": { "type": "text", "text": "Order" },
                } }),
                "Order\nSure?\nSmall print\nYes",
            ),
            (
                json!({ "interactive": { "action": { "parameters": { "url": "https://example.com", "display_text": "Open" } }, "body": { "text": "Shop" } } }),
                "Shop\nOpen\nhttps://example.com",
            ),
            (json!({ "image": { "link": image, "caption": "A map" } }), "A map"),
            (json!({ "template": { "name": "x" }, "text": " " }), ""),
        ] {
            let message = message.as_object().expect("an object");
            assert_eq!(text_for_people(message), expected);
        }
    }
}
