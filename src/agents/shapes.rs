//! Answers of agents without a contract: a text, or an object that contains it under one of the usual names.
//!
//! n8n answers `[{"output":"…"}]` or `{"output":"…"}`, Flowise `{"text":"…"}`, Dify `{"answer":"…"}`, many frameworks `{"response":"…"}`.

use serde_json::Value;

use crate::conversation::{Content, Output};

/// The usual names of an answer's field, the most specific first.
pub(crate) const NAMES: &[&str] = &["result", "response", "output", "answer", "reply", "text", "message", "content"];

/// The texts in a value; `None`: its shape is unknown.
pub(crate) fn texts_of(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        // The blocks of a message: some of them contain no text.
        Value::Array(items) => {
            let found: Vec<_> = items.iter().filter_map(texts_of).collect();
            (!found.is_empty() || items.is_empty()).then(|| found.concat())
        }
        // An empty one says nothing; another may.
        Value::Object(object) => {
            let found = || NAMES.iter().filter_map(|name| object.get(*name)).filter_map(texts_of);
            found().find(|texts| texts.iter().any(|text| !text.trim().is_empty())).or_else(|| found().next())
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// The texts as outputs, without blank ones.
pub(crate) fn outputs(texts: impl IntoIterator<Item = String>) -> Vec<Output> {
    texts.into_iter().filter(|text| !text.trim().is_empty()).map(|text| Content::Text(text).into()).collect()
}
