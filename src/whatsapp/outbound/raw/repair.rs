//! Repairs addresses and template parameters in place.

use serde_json::Value;

use super::super::{
    address::{address, no_address, part},
    split::one_line,
};

/// The data of a form: it is not part of the message, whatever its fields are called.
const FORMS: &[&str] = &["flow_action_payload", "flow_action_data"];

/// Repairs every address; a picture in a header, or a page of a contact, is left out if it has none.
pub(crate) fn addresses(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter_mut().filter(|(name, _)| !FORMS.contains(&name.as_str())) {
                match (name.as_str(), &mut *value) {
                    ("link" | "url", Value::String(text)) => {
                        if let Some(repaired) = address(text) {
                            *text = repaired;
                        }
                    }
                    _ => addresses(value),
                }
            }
            // The cards of a carousel need their pictures; a message with buttons does not.
            let has_lost = |header: &Value| header["type"].as_str().is_some_and(|kind| is_lost(&header[kind]["link"]));
            if object.contains_key("body")
                && !object.contains_key("card_index")
                && object.get("header").is_some_and(has_lost)
            {
                no_address("the header of a message in Meta's own words");
                object.remove("header");
            }
            if let Some(Value::Array(pages)) = object.get_mut("urls") {
                let all = pages.len();
                pages.retain(|page| !is_lost(&page["url"]));
                if pages.len() < all {
                    no_address("a page of a contact");
                }
                if pages.is_empty() {
                    object.remove("urls");
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(addresses),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether some file or page still has no address.
pub(crate) fn lacks_address(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(name, value)| match name.as_str() {
            "link" | "url" if value.is_string() => is_lost(value),
            name => !FORMS.contains(&name) && lacks_address(value),
        }),
        Value::Array(values) => values.iter().any(lacks_address),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_lost(link: &Value) -> bool {
    link.as_str().is_some_and(|link| address(link).is_none())
}

/// Fits the texts of all parameters of a template, including those of its cards.
pub(crate) fn parameters(template: &mut Value) {
    for component in items(template, "components") {
        let is_link = component["type"] == "button" && component["sub_type"] == "url";
        for parameter in items(component, "parameters") {
            if let Some(text) = text(parameter, "text") {
                // The text parameter of a link button is the end of its address.
                *text = if is_link { part(text) } else { one_line(text) };
            }
            for kind in ["currency", "date_time"] {
                if let Some(text) = parameter.get_mut(kind).and_then(|value| text(value, "fallback_value")) {
                    *text = one_line(text);
                }
            }
        }
        items(component, "cards").iter_mut().for_each(parameters);
    }
}

fn items<'a>(object: &'a mut Value, name: &str) -> &'a mut [Value] {
    object.get_mut(name).and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

/// The text under this name; a number counts as one.
fn text<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut String> {
    let value = object.get_mut(name)?;
    if let Value::Number(number) = value {
        *value = Value::String(number.to_string());
    }
    match value {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_repaired_wherever_they_stand_but_not_in_the_data_of_a_form() {
        let mut message = json!({
            "header": { "type": "image", "image": { "link": " https://example.com/a b.jpg" } },
            "body": { "text": "https://example.com/a b" },
            "action": { "parameters": { "url": "https://example.com/a b?q={}", "flow_action_payload": { "link": "a b" } } },
        });
        addresses(&mut message);
        assert_eq!(
            message,
            json!({
                "header": { "type": "image", "image": { "link": "https://example.com/a%20b.jpg" } },
                "body": { "text": "https://example.com/a b" },
                "action": { "parameters": { "url": "https://example.com/a%20b?q=%7B%7D", "flow_action_payload": { "link": "a b" } } },
            })
        );
    }

    #[test]
    fn what_can_be_spared_is_left_out_where_it_has_no_address() {
        let mut message =
            json!({ "header": { "type": "image", "image": { "link": "/a.jpg" } }, "body": { "text": "Hello" } });
        addresses(&mut message);
        assert_eq!(message, json!({ "body": { "text": "Hello" } }));
        let mut contacts = json!([{ "urls": [{ "url": "none" }, { "url": "https://example.com/ä" }] }, { "urls": [{ "url": "none" }] }]);
        addresses(&mut contacts);
        assert_eq!(contacts, json!([{ "urls": [{ "url": "https://example.com/%C3%A4" }] }, {}]));
    }

    #[test]
    fn the_parameters_of_a_template_have_one_line_at_every_place() {
        let words = |text: &str| json!({ "type": "text", "text": text });
        let mut template = json!({ "name": "t", "components": [
            { "type": "header", "parameters": [words(" a\tb ")] },
            { "type": "body", "parameters": [words("Dear Ada,\r\n\nyour      parcel"), { "type": "text", "text": 7 }, { "type": "currency", "currency": { "fallback_value": "1\n€" } }] },
            { "type": "button", "sub_type": "url", "index": "0", "parameters": [words(" a b/ü?x=1 ")] },
            { "type": "button", "sub_type": "quick_reply", "index": "1", "parameters": [{ "type": "payload", "payload": "a\nb" }] },
            { "type": "carousel", "cards": [{ "card_index": 0, "components": [{ "type": "body", "parameters": [words("c\nd")] }] }] },
        ] });
        parameters(&mut template);
        let at = |pointer: &str| template.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/components/0/parameters/0/text"), "a b");
        assert_eq!(at("/components/1/parameters/0/text"), "Dear Ada, your parcel");
        assert_eq!(at("/components/1/parameters/1/text"), "7");
        assert_eq!(at("/components/1/parameters/2/currency/fallback_value"), "1 €");
        assert_eq!(at("/components/2/parameters/0/text"), "a%20b/%C3%BC?x=1");
        assert_eq!(at("/components/3/parameters/0/payload"), "a\nb");
        assert_eq!(at("/components/4/cards/0/components/0/parameters/0/text"), "c d");
    }
}
