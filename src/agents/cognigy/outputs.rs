//! The outputs of a flow, in our words.
//!
//! A flow may say the same thing for several channels. What it says for WhatsApp goes out as it is; else what it says
//! for every channel is taken, else what it says for the web chat or Facebook, else its text.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    adaptive_card, attached,
    lenient::{first_words, link, words},
    messenger, structured,
};
use crate::conversation::{Action, Card, Content, List, Output};

/// Where a flow says what is not meant for WhatsApp, the best first.
const CHANNELS: &[&str] = &["_default", "_webchat", "_facebook"];
/// Fields whose text nobody gets to read.
const UNSEEN: &[&str] =
    &["type", "contentType", "content_type", "template_type", "media_type", "payload", "intentName"];

/// What one output of the stack says, from its `text` and its `data`; a private one leaves no trace of its content in logs.
pub fn read(text: &Value, data: &Value, is_private: bool) -> Vec<Output> {
    let channels = nested(data, "_cognigy");
    let own = raw(&channels["_whatsapp"]);
    let has_own = !own.is_empty();
    let field = |name: &str, read: fn(&Value) -> Vec<Content>| (nested(data, name), read(nested(data, name)));
    let structures = match if has_own { own } else { first_channel(channels) } {
        // A plugin often shows in the web chat what the structures say elsewhere.
        said if said.is_empty() => field("_plugin", plugin),
        said => (channels, said),
    };
    let sources = [
        structures,
        field("location", attached::place),
        field("contacts", attached::contacts),
        field("attachments", attached::files),
    ];
    let (known, said): (Vec<_>, Vec<_>) = sources.into_iter().filter(|(_, said)| !said.is_empty()).unzip();
    let mut said: Vec<_> = said.into_iter().flatten().collect();

    // Beside words for WhatsApp the text is what all other channels say.
    let mut texts = if has_own { Vec::new() } else { texts(text) };
    if !said.is_empty() {
        texts.retain(|text| !is_repeated(text, &known));
    }
    if said.is_empty() && texts.is_empty() {
        texts.extend(fallback(data));
    }
    if let Some(words) = said.first_mut().and_then(open_words)
        && let Some(text) = texts.pop()
    {
        *words = if words.is_empty() { text } else { [text.trim_end(), words].join("\n") };
    }
    let all = texts.into_iter().map(Content::Text).chain(said);
    let mut outputs: Vec<_> = all.map(Output::from).collect();
    match outputs.first_mut() {
        Some(first) => first.quotes = nested(data, "quote") == &Value::Bool(true),
        None => report(data, is_private),
    }
    outputs
}

/// A field of the data; the function `say` of flows puts its data one level deeper.
fn nested<'a>(data: &'a Value, name: &str) -> &'a Value {
    if data[name].is_null() { &data["_data"][name] } else { &data[name] }
}

fn texts(text: &Value) -> Vec<String> {
    match text {
        Value::Array(texts) => texts.iter().filter_map(words).collect(),
        text => words(text).into_iter().collect(),
    }
}

/// Messages in Meta's own words: one or several, each alone or as the `message` of an object.
fn raw(own: &Value) -> Vec<Content> {
    let messages = match own {
        Value::Array(messages) => messages.as_slice(),
        message => std::slice::from_ref(message),
    };
    let mut said = Vec::new();
    for message in messages {
        match message {
            Value::Object(object) => match &message["message"] {
                wrapped @ (Value::Object(_) | Value::Array(_) | Value::String(_)) => said.extend(raw(wrapped)),
                _ if object.is_empty() => {}
                _ => said.push(Content::Raw(object.clone())),
            },
            other => said.extend(other.as_str().and_then(|_| words(other)).map(Content::Text)),
        }
    }
    said
}

/// What the first channel that says anything says: in structures, or in a message in the style of Messenger.
fn first_channel(channels: &Value) -> Vec<Content> {
    let said = CHANNELS.iter().map(|name| {
        let channel = &channels[*name];
        let structures = structured::read(channel);
        if !structures.is_empty() {
            return structures;
        }
        messenger::read(if channel["message"].is_object() { &channel["message"] } else { channel })
    });
    said.into_iter().find(|said| !said.is_empty()).unwrap_or_default()
}

/// Plugins of the web chat have no place here, but cards have words and apps have a page.
fn plugin(plugin: &Value) -> Vec<Content> {
    let said = match plugin["type"].as_str().unwrap_or_default() {
        "adaptivecards" => adaptive_card::read(&plugin["payload"]),
        "x-app" => link(&plugin["data"]["sessionUrl"]).map(|url| {
            let title = words(&plugin["data"]["openButtonLabel"]).unwrap_or_default();
            let text = words(&plugin["text"]).unwrap_or_default();
            Content::Card(Card { media: None, text, actions: vec![Action::Link { title, url }] })
        }),
        _ => None,
    };
    said.into_iter().collect()
}

/// What a flow would have said where its structures cannot be shown.
fn fallback(data: &Value) -> Option<String> {
    let plugin = nested(data, "_plugin");
    let found = first_words(nested(data, "_cognigy"), "fallbackText").or_else(|| words(&plugin["text"]));
    found.or_else(|| first_words(plugin, "fallbackText")).or_else(|| words(nested(data, "fallbackText")))
}

/// Whether every line of the text is said already. Cognigy repeats the words of a structure beside it, for channels
/// that show text alone.
fn is_repeated(text: &str, said: &[&Value]) -> bool {
    fn gather<'a>(value: &'a Value, lines: &mut BTreeSet<&'a str>) {
        match value {
            Value::String(text) => lines.extend(text.lines().map(str::trim)),
            Value::Array(values) => {
                for value in values {
                    gather(value, lines);
                }
            }
            Value::Object(object) => {
                for (name, value) in object {
                    if !(value.is_string() && UNSEEN.contains(&name.as_str())) {
                        gather(value, lines);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut lines = BTreeSet::new();
    for value in said {
        gather(value, &mut lines);
    }
    text.lines().map(str::trim).all(|line| line.is_empty() || lines.contains(line))
}

/// The words of a structure that the text belongs before: those of a list, which are lines beside its rows, and none.
fn open_words(said: &mut Content) -> Option<&mut String> {
    match said {
        Content::List(List { text, .. }) => Some(text),
        Content::Card(Card { text, .. }) | Content::Carousel { text, .. } => text.is_empty().then_some(text),
        Content::Text(_)
        | Content::Media(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Template(_)
        | Content::Reaction(_)
        | Content::LocationRequest(_)
        | Content::ContactRequest(_)
        | Content::Flow(_)
        | Content::Raw(_) => None,
    }
}

/// Says in the log that an output is not sent, and what it looked like, if that may be said.
fn report(data: &Value, is_private: bool) {
    let channels = nested(data, "_cognigy");
    let is_empty = match data {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    // Events tell a web chat who came and went; nobody waits for them.
    let is_event = !channels["event"]["type"].is_null() || !channels["_webchat3"]["type"].is_null();
    if is_empty || is_event {
        return;
    }
    if is_private {
        return tracing::warn!("an output of the agent cannot be sent; it is not to be logged");
    }
    let mut keys = Vec::new();
    shape(data, "", &mut keys);
    tracing::warn!(
        ?keys,
        "an output of the agent cannot be sent: give it a text, or a structure of the default channel"
    );
}

/// The names of the fields, and below those of Cognigy's own, which begin with `_`, the names there.
fn shape(value: &Value, above: &str, keys: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value.as_object() {
            Some(object) if name.starts_with('_') && !object.is_empty() => shape(value, &path, keys),
            _ => keys.push(path),
        }
    }
}

#[cfg(test)]
mod tests;
