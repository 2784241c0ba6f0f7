//! The outputs of a flow, in our words.

use serde_json::Value;

use crate::conversation::{Output, Said};

/// What one output of the stack says, from its `text` and its `data`.
pub fn read(text: &Value, data: &Value) -> Vec<Output> {
    let words: Vec<Output> = match text {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).map(said).collect(),
        other => other.as_str().filter(|words| !words.is_empty()).map(said).into_iter().collect(),
    };
    if words.is_empty() && data.as_object().is_some_and(|data| !data.is_empty()) {
        let keys: Vec<_> = data.as_object().into_iter().flat_map(|data| data.keys()).collect();
        tracing::warn!(?keys, "an output of the agent has data and no text: only texts are sent, so give it a text");
    }
    words
}

fn said(words: &str) -> Output {
    Said::Text(words.to_owned()).into()
}
