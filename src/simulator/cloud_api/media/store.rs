//! The files that Meta keeps, and the URLs under which only it serves them.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    super::body::{Checked, Field, MEDIA, Refusal, UNSUPPORTED},
    format::{Kind, MB, essence, examine, kind_of},
};
use crate::simulator::Account;

const KEPT: Duration = Duration::from_hours(30 * 24);
const KEPT_FROM_A_PERSON: Duration = Duration::from_hours(7 * 24);
const URL_LIVES: Duration = Duration::from_mins(5);
pub(super) const DOWNLOAD: &str = "/whatsapp_business/attachments/";

/// The files that Meta keeps.
#[derive(Debug, Default)]
pub(in crate::simulator) struct MediaStore(BTreeMap<String, Stored>);

#[derive(Debug)]
pub(super) struct Stored {
    pub(super) mime: String,
    pub(super) bytes: Bytes,
    until: Timestamp,
}

impl Stored {
    pub(super) fn sha256(&self) -> String {
        BASE64_STANDARD.encode(Sha256::digest(&self.bytes))
    }
}

impl MediaStore {
    /// Keeps a file that the business uploaded.
    pub(super) fn keep(&mut self, id: String, mime: String, bytes: Bytes, now: Timestamp) {
        self.0.insert(id, Stored { mime, bytes, until: now + KEPT });
    }

    /// Keeps a file that a person sent.
    pub(super) fn keep_from_a_person(&mut self, id: String, mime: String, bytes: Bytes, now: Timestamp) {
        self.0.insert(id, Stored { mime, bytes, until: now + KEPT_FROM_A_PERSON });
    }

    /// Checks whether the file with this id can be sent as this kind.
    pub(super) fn check(&self, id: &Field<'_>, kind: Kind, voice: bool) -> Checked {
        let Stored { mime, .. } = self.find(id.text(1024)?)?;
        let essence = essence(mime);
        let fits = kind == Kind::Document || kind_of(&essence) == Some(kind);
        match fits && (!voice || essence == "audio/ogg") {
            true => Ok(()),
            false => id.refused(MEDIA, &format!("{mime} cannot be sent as {kind:?}, voice: {voice}")),
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Stored> {
        self.0.get(id)
    }

    /// Returns the file with this id, or Meta's refusal of an id that was never uploaded.
    pub(super) fn find(&self, id: &str) -> Checked<&Stored> {
        let unknown = || Refusal { code: UNSUPPORTED, details: format!("Invalid parameter: no media has the id {id}") };
        self.get(id).ok_or_else(unknown)
    }

    pub(super) fn delete(&mut self, id: &str) -> Checked {
        self.find(id)?;
        self.0.remove(id);
        Ok(())
    }

    /// Deletes files that are too old.
    pub(in crate::simulator::cloud_api) fn delete_expired(&mut self, now: Timestamp) {
        self.0.retain(|_, stored| stored.until > now);
    }

    /// Returns the file as a webhook contains it, without its URL.
    pub(in crate::simulator) fn file(&self, id: &str, kind: &str) -> Result<Value, String> {
        let stored = self.get(id).ok_or_else(|| format!("no file has the id {id}"))?;
        let mime = &stored.mime;
        let fits = kind == "document" || kind_of(&essence(mime)).is_some_and(|known| known.name() == kind);
        match fits {
            true => Ok(json!({ "mime_type": mime, "sha256": stored.sha256(), "id": id })),
            false => Err(format!("{mime} cannot be sent as {kind}")),
        }
    }
}

/// Returns the kind as which a phone sends this file. Every file that is nothing else is a document.
pub(super) fn kind_on_a_phone(mime: &str, bytes: &Bytes) -> Result<Kind, String> {
    let essence = essence(mime);
    let kind = kind_of(&essence).unwrap_or(Kind::Document);
    if kind == Kind::Document && (essence.starts_with("audio/") || bytes.len() > 100 * MB) {
        return Err(format!(
            "a phone does not send {mime} of {} bytes: voice is audio/ogg (Opus) or audio/mp4",
            bytes.len()
        ));
    }
    if kind != Kind::Document {
        examine(&essence, bytes).map_err(|refusal| refusal.details)?;
    }
    Ok(kind)
}

/// Returns the URL of a file on the simulator, whose address is `base`.
pub(in crate::simulator) fn url(account: &Account, base: &str, id: &str, now: Timestamp) -> String {
    let until = (now + URL_LIVES).as_second();
    format!("{base}{DOWNLOAD}?mid={id}&ext={until}&hash={}", hash(account, id, until))
}

/// Only Meta can make the URLs of its files.
pub(super) fn hash(account: &Account, id: &str, until: i64) -> String {
    account.signature(format!("{id} {until}").as_bytes()).replace("sha256=", "")
}
