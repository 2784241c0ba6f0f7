//! Outputs in the form in which a flow of Cognigy gives them: what `handleOutput` gets and may return.

use serde_json::{Value, json};

use super::cognigy;
use crate::conversation::{Action, Card, Content, FlowOutput, MediaKind, Output, Source};

/// The outputs of an answer, each as a flow would give it, with what we have read of it.
///
/// A flow may give data that means nothing to us, and something to the script; then nothing was read of it.
pub(crate) fn flow_outputs(given: Vec<FlowOutput>, outputs: Vec<Output>) -> Vec<(Value, Vec<Output>)> {
    if given.iter().map(|output| output.outputs).sum::<usize>() != outputs.len() || given.is_empty() {
        return outputs.into_iter().map(|output| (as_flow_output(&output), vec![output])).collect();
    }
    let mut outputs = outputs.into_iter();
    given
        .into_iter()
        .map(|FlowOutput { text, data, is_private, outputs: count }| {
            let data = if data.is_object() { data } else { json!({}) };
            let flow = json!({ "text": text, "data": data, "source": "bot", "disableSensitiveLogging": is_private });
            (flow, outputs.by_ref().take(count).collect())
        })
        .collect()
}

/// Reads an output as one of a flow: an object with `text` or `data`, or a text.
pub(crate) fn read_flow_output(value: &Value) -> Vec<Output> {
    match value {
        Value::String(_) => cognigy::read_item(value, &Value::Null),
        value => cognigy::read_item(&value["text"], &value["data"]),
    }
}

/// An output of another agent, as a flow would give it.
fn as_flow_output(output: &Output) -> Value {
    let structure = |name: &str, structure: Value| json!({ "_cognigy": { "_default": { name: structure } } });
    let (text, data) = match &output.content {
        Content::Text(text) => (Some(text.clone()), json!({})),
        Content::Card(Card { media: None, text, actions }) => {
            let replies: Vec<_> = actions.iter().filter_map(quick_reply).collect();
            let data = match replies.is_empty() {
                true => json!({}),
                false => structure(
                    "_quickReplies",
                    json!({ "type": "quick_replies", "text": text, "quickReplies": replies }),
                ),
            };
            (Some(text.clone()), data)
        }
        Content::Media(media) => {
            let Source::Link(link) = &media.source else {
                return json!({ "text": media.caption, "data": {}, "source": "bot" });
            };
            let data = match media.kind {
                MediaKind::Image | MediaKind::Sticker => {
                    structure("_image", json!({ "type": "image", "imageUrl": link }))
                }
                MediaKind::Video => structure("_video", json!({ "type": "video", "videoUrl": link })),
                MediaKind::Audio | MediaKind::Voice => {
                    structure("_audio", json!({ "type": "audio", "audioUrl": link }))
                }
                MediaKind::Document => json!({ "attachments": [{ "url": link, "name": media.name }] }),
            };
            (media.caption.clone(), data)
        }
        Content::Raw(message) => (None, json!({ "_cognigy": { "_whatsapp": message } })),
        Content::Card(_)
        | Content::List(_)
        | Content::Carousel { .. }
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Template(_)
        | Content::Reaction(_)
        | Content::LocationRequest(_)
        | Content::ContactRequest(_)
        | Content::Flow(_) => (None, json!({})),
    };
    json!({ "text": text, "data": data, "source": "bot" })
}

fn quick_reply(action: &Action) -> Option<Value> {
    match action {
        Action::Choice(choice) => {
            Some(json!({ "id": choice.id, "contentType": "postback", "payload": choice.id, "title": choice.title }))
        }
        Action::Link { .. } | Action::Call { .. } => None,
    }
}
