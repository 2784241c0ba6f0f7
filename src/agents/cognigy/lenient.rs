//! The JSON of flows, read loosely: fields are missing, `null`, empty, numbers, or spelt in several ways.

use serde_json::Value;

/// The words, if there are some; numbers are words, and texts in an array are lines.
pub fn words(value: &Value) -> Option<String> {
    let words = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => values.iter().filter_map(words).collect::<Vec<_>>().join("\n"),
        Value::Null | Value::Bool(_) | Value::Object(_) => String::new(),
    };
    (!words.trim().is_empty()).then_some(words)
}

/// What an array holds; nothing else holds anything.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The first of these fields that is there.
pub fn either<'a>(object: &'a Value, names: &[&str]) -> &'a Value {
    names.iter().map(|name| &object[*name]).find(|value| !value.is_null()).unwrap_or(&Value::Null)
}

/// Where a page is. Scripts write `undefined`; a page in its own URL no phone opens; and backslashes, which browsers take and
/// Cognigy's own samples have, are slashes.
pub fn link(value: &Value) -> Option<String> {
    file(value).filter(|link| !begins(link, "data:"))
}

/// Where a file is; it may stand in its URL.
pub fn file(value: &Value) -> Option<String> {
    let link = value.as_str()?.trim();
    let is_one = !link.is_empty() && !matches!(link, "undefined" | "null");
    is_one.then(|| if begins(link, "http") { link.replace('\\', "/") } else { link.to_owned() })
}

fn begins(link: &str, scheme: &str) -> bool {
    link.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// The first words under this name, however deep.
pub fn first_words(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(object) => {
            words(&value[name]).or_else(|| object.values().find_map(|value| first_words(value, name)))
        }
        Value::Array(values) => values.iter().find_map(|value| first_words(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
