//! Lenient readers for the JSON of flows: fields may be missing, `null`, empty, numbers, or spelt in several ways.

use serde_json::Value;

/// Returns a text that is not blank; a number counts as one, and the texts of an array are its lines.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => values.iter().filter_map(text_of).collect::<Vec<_>>().join("\n"),
        Value::Null | Value::Bool(_) | Value::Object(_) => String::new(),
    };
    (!text.trim().is_empty()).then_some(text)
}

/// The items of an array; other values have none.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The first of these fields that has a value.
pub(crate) fn either<'a>(object: &'a Value, names: &[&str]) -> &'a Value {
    names.iter().map(|name| &object[*name]).find(|value| !value.is_null()).unwrap_or(&Value::Null)
}

/// The URL of a page. Scripts write `undefined`, no phone opens a page in a `data:` URL, and backslashes, which browsers accept and
/// Cognigy's own samples contain, become slashes.
pub(crate) fn link(value: &Value) -> Option<String> {
    file(value).filter(|link| !begins(link, "data:"))
}

/// The URL of a file, which may be a `data:` URL.
pub(crate) fn file(value: &Value) -> Option<String> {
    let link = value.as_str()?.trim();
    let is_one = !link.is_empty() && !matches!(link, "undefined" | "null");
    is_one.then(|| if begins(link, "http") { link.replace('\\', "/") } else { link.to_owned() })
}

fn begins(link: &str, scheme: &str) -> bool {
    link.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// The first text under this name, at any depth.
pub(crate) fn first_text(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(object) => {
            text_of(&value[name]).or_else(|| object.values().find_map(|value| first_text(value, name)))
        }
        Value::Array(values) => values.iter().find_map(|value| first_text(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
