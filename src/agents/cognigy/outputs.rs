//! The outputs of a flow, converted to our types.
//!
//! A flow may give the same output for several channels. The one for WhatsApp goes out as it is; else the one for every channel
//! is used, else the one for the web chat or Facebook, else the text.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    adaptive_card, attached,
    lenient::{first_text, link, text_of},
    messenger, structured,
};
use crate::conversation::{Action, Card, Content, List, Output};

/// Channels other than WhatsApp, the best first.
const CHANNELS: &[&str] = &["_default", "_webchat", "_facebook"];
/// Fields whose text is not shown to people.
const UNSEEN: &[&str] =
    &["type", "contentType", "content_type", "template_type", "media_type", "payload", "intentName"];

/// Reads one output of the stack from its `text` and its `data`; the content of a private one is never logged.
pub(crate) fn read(text: &Value, data: &Value, is_private: bool) -> Vec<Output> {
    let channels = nested(data, "_cognigy");
    let own = raw(&channels["_whatsapp"]);
    let has_own = !own.is_empty();
    let field = |name: &str, read: fn(&Value) -> Vec<Content>| (nested(data, name), read(nested(data, name)));
    let structures = match if has_own { own } else { first_channel(channels) } {
        // A web chat plugin often shows what the structures say for other channels.
        contents if contents.is_empty() => field("_plugin", plugin),
        contents => (channels, contents),
    };
    let sources = [
        structures,
        field("location", attached::place),
        field("contacts", attached::contacts),
        field("attachments", attached::files),
    ];
    let (known, contents): (Vec<_>, Vec<_>) = sources.into_iter().filter(|(_, contents)| !contents.is_empty()).unzip();
    let mut contents: Vec<_> = contents.into_iter().flatten().collect();

    // If there is an output for WhatsApp, the text is for all other channels.
    let mut texts = if has_own { Vec::new() } else { texts(text) };
    if !contents.is_empty() {
        texts.retain(|text| !is_repeated(text, &known));
    }
    if contents.is_empty() && texts.is_empty() {
        texts.extend(fallback(data));
    }
    if let Some(open) = contents.first_mut().and_then(open_text)
        && let Some(text) = texts.pop()
    {
        *open = if open.is_empty() { text } else { [text.trim_end(), open].join("\n") };
    }
    let all = texts.into_iter().map(Content::Text).chain(contents);
    let mut outputs: Vec<_> = all.map(Output::from).collect();
    match outputs.first_mut() {
        Some(first) => first.quotes = nested(data, "quote") == &Value::Bool(true),
        None => report(data, is_private),
    }
    outputs
}

/// A field of the data; the flow function `say` puts its data one level deeper.
fn nested<'a>(data: &'a Value, name: &str) -> &'a Value {
    if data[name].is_null() { &data["_data"][name] } else { &data[name] }
}

fn texts(text: &Value) -> Vec<String> {
    match text {
        Value::Array(texts) => texts.iter().filter_map(text_of).collect(),
        text => text_of(text).into_iter().collect(),
    }
}

/// Messages in Meta's own format: one or several, each alone or as the `message` of an object.
fn raw(own: &Value) -> Vec<Content> {
    let messages = match own {
        Value::Array(messages) => messages.as_slice(),
        message => std::slice::from_ref(message),
    };
    let mut contents = Vec::new();
    for message in messages {
        match message {
            Value::Object(object) => match &message["message"] {
                wrapped @ (Value::Object(_) | Value::Array(_) | Value::String(_)) => contents.extend(raw(wrapped)),
                _ if object.is_empty() => {}
                _ => contents.push(Content::Raw(object.clone())),
            },
            other => contents.extend(other.as_str().and_then(|_| text_of(other)).map(Content::Text)),
        }
    }
    contents
}

/// The contents of the first channel that has any: structures, or a message in the style of Messenger.
fn first_channel(channels: &Value) -> Vec<Content> {
    let contents = CHANNELS.iter().map(|name| {
        let channel = &channels[*name];
        let structures = structured::read(channel);
        if !structures.is_empty() {
            return structures;
        }
        messenger::read(if channel["message"].is_object() { &channel["message"] } else { channel })
    });
    contents.into_iter().find(|contents| !contents.is_empty()).unwrap_or_default()
}

/// Web chat plugins cannot be shown, but cards have a text and apps have a page.
fn plugin(plugin: &Value) -> Vec<Content> {
    let contents = match plugin["type"].as_str().unwrap_or_default() {
        "adaptivecards" => adaptive_card::read(&plugin["payload"]),
        "x-app" => link(&plugin["data"]["sessionUrl"]).map(|url| {
            let title = text_of(&plugin["data"]["openButtonLabel"]).unwrap_or_default();
            let text = text_of(&plugin["text"]).unwrap_or_default();
            Content::Card(Card { media: None, text, actions: vec![Action::Link { title, url }] })
        }),
        _ => None,
    };
    contents.into_iter().collect()
}

/// The flow's text for channels that cannot show its structures.
fn fallback(data: &Value) -> Option<String> {
    let plugin = nested(data, "_plugin");
    let found = first_text(nested(data, "_cognigy"), "fallbackText").or_else(|| text_of(&plugin["text"]));
    found.or_else(|| first_text(plugin, "fallbackText")).or_else(|| text_of(nested(data, "fallbackText")))
}

/// Whether the structures contain every line of the text already. Cognigy repeats the text of a structure beside it, for
/// channels that show text alone.
fn is_repeated(text: &str, contents: &[&Value]) -> bool {
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
    for value in contents {
        gather(value, &mut lines);
    }
    text.lines().map(str::trim).all(|line| line.is_empty() || lines.contains(line))
}

/// The text of a structure that the output's text may be put before: that of a list, whose rows are apart from it, or an empty one.
fn open_text(contents: &mut Content) -> Option<&mut String> {
    match contents {
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

/// Logs that an output is not sent, and its shape, unless it is private.
fn report(data: &Value, is_private: bool) {
    let channels = nested(data, "_cognigy");
    let is_empty = match data {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    // Events inform a web chat who joined or left; they are not messages.
    let is_event = !channels["event"]["type"].is_null() || !channels["_webchat3"]["type"].is_null();
    if is_empty || is_event {
        return;
    }
    if is_private {
        return tracing::warn!("an output of the agent cannot be sent; it is private and not logged");
    }
    let mut keys = Vec::new();
    shape(data, "", &mut keys);
    tracing::warn!(
        ?keys,
        "an output of the agent cannot be sent: give it a text, or a structure of the default channel"
    );
}

/// The names of the fields, and those inside Cognigy's own fields, which begin with `_`.
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
