//! What a message contains besides its text, for agents.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    described::describe,
    payload::read_if_shaped,
    wire::{File, FlowReply, Interactive},
};
use crate::conversation::{Attachment, Details, FormAnswer, INJECT};

/// The types of files; each is also the name of the file's object.
const FILES: &[&str] = &["image", "audio", "video", "document", "sticker"];

/// What `raw`, a message of a webhook, contains besides its text. Unreadable parts are left out: the agent gets the whole message too.
#[must_use]
pub fn details(raw: &RawValue) -> Details<'_> {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let part = |name: &str| fields.get(name).copied();
    let flow = part("interactive").and_then(form);
    let mut attachments: Vec<_> = FILES.iter().filter_map(|kind| attachment(kind, part(kind)?)).collect();
    let kind: String = part("type").and_then(read_if_shaped).unwrap_or_default();
    let described = describe(&fields, flow.as_ref(), &attachments);
    // A file that Meta could not fetch is only described.
    attachments.retain(|file| !file.id.is_empty());
    Details {
        described,
        location: part("location"),
        contacts: part("contacts"),
        order: part("order"),
        reaction: part("reaction"),
        context: part("context"),
        referral: part("referral"),
        inject: part(INJECT).filter(|_| kind == INJECT),
        errors: part("errors"),
        flow,
        attachments,
        kind,
    }
}

fn attachment(kind: &'static str, raw: &RawValue) -> Option<Attachment> {
    let File { id, mime_type, filename, url, voice, .. } = read_if_shaped(raw)?;
    Some(Attachment { name: filename, kind, mime: mime_type, url, open_url: None, id: id.unwrap_or_default(), voice })
}

fn form(interactive: &RawValue) -> Option<FormAnswer> {
    let Interactive { nfm_reply, call_permission_reply, .. } = serde_json::from_str(interactive.get()).ok()?;
    let Some(answer) = nfm_reply else {
        let response = call_permission_reply?.to_owned();
        return Some(FormAnswer { name: "call_permission".to_owned(), response });
    };
    let FlowReply { name, response_json } = serde_json::from_str(answer.get()).ok()?;
    let name = name.unwrap_or_else(|| "flow".to_owned());
    Some(FormAnswer { name, response: response_json.map_or_else(|| RawValue::NULL.to_owned(), answered) })
}

/// The answer to a form: an object, which Meta writes as a text of JSON. It stays as it was written, so that a large number keeps its
/// digits.
fn answered(raw: &RawValue) -> Box<RawValue> {
    let inner = serde_json::from_str::<String>(raw.get()).ok().and_then(|text| RawValue::from_string(text).ok());
    inner.unwrap_or_else(|| raw.to_owned())
}
