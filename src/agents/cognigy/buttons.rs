//! Buttons and quick replies, as all structures of Cognigy write them.

use serde_json::Value;

use super::lenient::{either, items, link, text_of};
use crate::conversation::{Action, Choice};

/// The buttons, in order; one without a title and without a payload is left out.
pub(crate) fn actions(buttons: &Value) -> Vec<Action> {
    items(buttons).iter().filter_map(action).collect()
}

/// One button: `{"type" | "contentType" | "content_type", "title", "payload", "url", "intentName"}`.
pub(crate) fn action(button: &Value) -> Option<Action> {
    let title = text_of(&button["title"]);
    let payload = text_of(&button["payload"]).filter(|payload| payload != "null");
    let page = || link(&button["url"]);
    match either(button, &["type", "contentType", "content_type"]).as_str().unwrap_or_default() {
        // The flow gets what its own web chat would send: the title, from which it finds the intent.
        "trigger_intent" => {
            let title = title.or_else(|| text_of(&button["intentName"]));
            choice(title, None)
        }
        // Without a number it is an ordinary button in the web chat, too.
        "phone_number" | "user_phone_number" => match payload.filter(|number| number.contains(is_digit)) {
            Some(number) => Some(call(title, &number)),
            None => choice(title, None),
        },
        "web_url" => match page().or_else(|| link(&button["payload"])) {
            Some(url) => Some(opens(title, url)),
            None => choice(title, payload),
        },
        _ => match page() {
            Some(url) if payload.is_none() => Some(opens(title, url)),
            _ => choice(title, payload),
        },
    }
}

fn choice(title: Option<String>, id: Option<String>) -> Option<Action> {
    let id = id.or_else(|| title.clone())?;
    Some(Action::Choice(Choice::new(id.clone(), title.unwrap_or(id))))
}

fn opens(title: Option<String>, url: String) -> Action {
    match url.strip_prefix("tel:") {
        Some(number) => call(title, number),
        None => Action::Link { title: title.unwrap_or_default(), url },
    }
}

fn call(title: Option<String>, number: &str) -> Action {
    let number = number.trim().trim_start_matches("tel:").to_owned();
    Action::Call { title: title.unwrap_or_default(), number }
}

fn is_digit(sign: char) -> bool {
    sign.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_button_is_what_it_does_wherever_its_type_is() {
        let choice = |id: &str, title: &str| Some(Action::Choice(Choice::new(id, title)));
        let link = |title: &str| Some(Action::Link { title: title.into(), url: "https://example.com/a".into() });
        let call = |title: &str| Some(Action::Call { title: title.into(), number: "+49 30 1".into() });
        for (button, becomes) in [
            (json!({ "type": "postback", "title": "Yes", "payload": "y" }), choice("y", "Yes")),
            (json!({ "content_type": "text", "title": "Yes", "payload": "y" }), choice("y", "Yes")),
            (json!({ "title": "Yes", "payload": 7 }), choice("7", "Yes")),
            (json!({ "type": "postback", "title": "Yes", "payload": "null" }), choice("Yes", "Yes")),
            (json!({ "type": "postback", "title": "", "payload": "y" }), choice("y", "y")),
            (json!({ "type": "postback", "title": "", "payload": null }), None),
            (
                json!({ "type": "trigger_intent", "title": "Help", "payload": "", "intentName": "help" }),
                choice("Help", "Help"),
            ),
            (json!({ "type": "trigger_intent", "title": null, "intentName": "help" }), choice("help", "help")),
            (json!({ "type": "web_url", "title": "Open", "url": "https://example.com/a" }), link("Open")),
            (json!({ "contentType": "web_url", "payload": "https://example.com/a" }), link("")),
            (json!({ "type": "web_url", "title": "Open", "url": r"https:\\example.com\a" }), link("Open")),
            (json!({ "type": "web_url", "title": "Open", "url": "undefined" }), choice("Open", "Open")),
            (json!({ "type": "unknown", "title": "Open", "url": "https://example.com/a" }), link("Open")),
            (json!({ "contentType": "phone_number", "title": "Call", "payload": "+49 30 1" }), call("Call")),
            (json!({ "type": "user_phone_number", "payload": "tel:+49 30 1" }), call("")),
            (json!({ "type": "web_url", "title": "Call", "url": "tel:+49 30 1" }), call("Call")),
            (json!({ "type": "phone_number", "title": "Call", "payload": "" }), choice("Call", "Call")),
            (json!(null), None),
            (json!([]), None),
        ] {
            assert_eq!(action(&button), becomes, "{button}");
        }
    }
}
