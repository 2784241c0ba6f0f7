//! What a message holds beside its words, for agents.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use super::described::describe;
use crate::conversation::{Attachment, Details, FormAnswer};

/// The types of files, each an object of that name.
const FILES: &[&str] = &["image", "audio", "video", "document", "sticker"];

#[derive(Deserialize)]
struct File {
    id: String,
    mime_type: Option<String>,
    filename: Option<String>,
    url: Option<String>,
    #[serde(default)]
    voice: bool,
}

#[derive(Deserialize)]
struct Interactive {
    nfm_reply: Option<FlowAnswer>,
    call_permission_reply: Option<Value>,
}

#[derive(Deserialize)]
struct FlowAnswer {
    name: Option<String>,
    response_json: Option<String>,
}

/// What `raw`, a message of a webhook, holds beside its words. What cannot be read is left out: the message goes along whole.
#[must_use]
pub fn details(raw: &RawValue) -> Details<'_> {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let part = |name: &str| fields.get(name).copied();
    let flow = part("interactive").and_then(read).and_then(form);
    let attachments: Vec<_> = FILES.iter().filter_map(|kind| attachment(kind, part(kind)?)).collect();
    Details {
        described: describe(&fields, flow.as_ref(), &attachments),
        kind: part("type").and_then(read).unwrap_or_default(),
        location: part("location"),
        contacts: part("contacts"),
        order: part("order"),
        reaction: part("reaction"),
        context: part("context"),
        referral: part("referral"),
        errors: part("errors"),
        flow,
        attachments,
    }
}

fn attachment(kind: &'static str, raw: &RawValue) -> Option<Attachment> {
    let File { id, mime_type, filename, url, voice } = read(raw)?;
    Some(Attachment { name: filename, kind, mime: mime_type, url, open_url: None, id, voice })
}

fn form(Interactive { nfm_reply, call_permission_reply }: Interactive) -> Option<FormAnswer> {
    match (nfm_reply, call_permission_reply) {
        (Some(FlowAnswer { name, response_json }), _) => {
            let text = response_json.unwrap_or_default();
            let response = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Some(FormAnswer { name: name.unwrap_or_else(|| "flow".to_owned()), response })
        }
        (None, Some(response)) => Some(FormAnswer { name: "call_permission".to_owned(), response }),
        (None, None) => None,
    }
}

pub(super) fn read<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}
