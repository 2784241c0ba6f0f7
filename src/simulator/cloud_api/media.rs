//! Media: upload, which is kept for 30 days, lookup, download from a URL that is valid for five minutes, and deletion.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>

mod format;

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, Path, Query, State as AxumState, multipart::MultipartError},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(super) use self::format::Kind;
use self::format::{MB, essence, examine, kind_of};
use super::{
    Parameters, account, answer, authorize,
    body::{Checked, Field, MEDIA, MISSING, Refusal, UNDOCUMENTED, UNSUPPORTED, refuse},
};
use crate::{
    credentials::Secret,
    simulator::{Fault, Simulator, State},
    whatsapp::signature::sign,
};

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/image-messages>
const CAPTION: usize = 1024;
const KEPT: Duration = Duration::from_hours(30 * 24);
const KEPT_FROM_A_PERSON: Duration = Duration::from_hours(7 * 24);
const URL_LIVES: Duration = Duration::from_mins(5);
const DOWNLOAD: &str = "/whatsapp_business/attachments/";

/// The files that Meta keeps.
#[derive(Debug, Default)]
pub(in crate::simulator) struct MediaStore(BTreeMap<String, Stored>);

#[derive(Debug)]
struct Stored {
    mime: String,
    bytes: Bytes,
    until: Timestamp,
}

pub(super) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/{version}/{number}/media", post(upload).layer(DefaultBodyLimit::max(101 * MB)))
        .route("/{version}/{media}", get(look_up).delete(delete))
        .route(DOWNLOAD, get(download))
}

impl MediaStore {
    /// Checks whether the file with this id can be sent as this kind.
    pub(super) fn check(&self, id: &Field<'_>, kind: Kind, voice: bool) -> Checked {
        let name = id.text(1024)?;
        let Some(Stored { mime, .. }) = self.0.get(name) else { return Err(unknown_id(name)) };
        let essence = essence(mime);
        let fits = kind == Kind::Document || kind_of(&essence) == Some(kind);
        match fits && (!voice || essence == "audio/ogg") {
            true => Ok(()),
            false => id.refused(MEDIA, &format!("{mime} cannot be sent as {kind:?}, voice: {voice}")),
        }
    }

    fn find(&self, id: &str) -> Checked<&Stored> {
        self.0.get(id).ok_or_else(|| unknown_id(id))
    }

    /// Deletes files that are too old.
    pub(super) fn delete_expired(&mut self, now: Timestamp) {
        self.0.retain(|_, stored| stored.until > now);
    }
}

/// Checks a file by id or link, with the further properties that its kind may have.
pub(super) fn check(content: &Field<'_>, kind: Kind, beside: &[&str], store: &MediaStore) -> Checked {
    let known: Vec<_> = ["id", "link"].iter().chain(beside).copied().collect();
    let media = content.object(&known)?;
    media.either("id", "link")?;
    if let Some(link) = media.optional("link") {
        link.link()?;
    }
    if let Some(caption) = media.optional("caption") {
        caption.text(CAPTION)?;
    }
    if let Some(filename) = media.optional("filename") {
        filename.text(UNDOCUMENTED)?;
    }
    let voice = media.optional("voice").map(|voice| voice.flag()).transpose()? == Some(true);
    match media.optional("id") {
        Some(id) => store.check(&id, kind, voice),
        None => Ok(()),
    }
}

/// The refusal of a media id that was never uploaded.
fn unknown_id(id: &str) -> Refusal {
    Refusal { code: UNSUPPORTED, details: format!("Invalid parameter: no media has the id {id}") }
}

impl Simulator {
    /// Keeps a file that a person sent, as Meta does for seven days; webhooks may contain its id.
    pub fn keep_media(&self, id: &str, mime: &str, bytes: impl Into<Bytes>) {
        let stored = Stored { mime: mime.to_owned(), bytes: bytes.into(), until: self.now() + KEPT_FROM_A_PERSON };
        self.change(|state| state.media.0.insert(id.to_owned(), stored));
    }

    /// Keeps a file that a person picks. Returns its id and the type to send it as.
    pub(in crate::simulator) fn pick(&self, mime: &str, bytes: Bytes) -> Result<(String, &'static str), String> {
        // A phone sends every other file as a document.
        let kind = kind_of(&essence(mime)).unwrap_or(Kind::Document);
        if kind == Kind::Document && (essence(mime).starts_with("audio/") || bytes.len() > 100 * MB) {
            return Err(format!(
                "a phone does not send {mime} of {} bytes: voice is audio/ogg (Opus) or audio/mp4",
                bytes.len()
            ));
        }
        if kind != Kind::Document {
            examine(&essence(mime), &bytes).map_err(|refusal| refusal.details)?;
        }
        let id = self.change(|state| {
            state.next_id += 1;
            state.next_id.to_string()
        });
        self.keep_media(&id, mime, bytes);
        Ok((id, kind.name()))
    }

    /// Returns the type and the bytes of a file, for the page.
    pub(in crate::simulator) fn media(&self, id: &str) -> Option<(String, Bytes)> {
        self.state().media.0.get(id).map(|stored| (stored.mime.clone(), stored.bytes.clone()))
    }

    /// Returns the URL of a file on this simulator, whose address is `base`. It is valid for five minutes.
    #[must_use]
    pub fn media_url(&self, base: &str, id: &str) -> String {
        let now = self.now();
        address(&self.state(), base, id, now)
    }
}

impl State {
    /// Returns the file as a webhook contains it.
    pub(in crate::simulator) fn file(&self, id: &str, kind: &str) -> Result<Value, String> {
        let Stored { mime, bytes, .. } = self.media.0.get(id).ok_or_else(|| format!("no file has the id {id}"))?;
        let fits = kind == "document" || kind_of(&essence(mime)).is_some_and(|known| known.name() == kind);
        if !fits {
            return Err(format!("{mime} cannot be sent as {kind}"));
        }
        let mut file = json!({ "mime_type": mime, "sha256": BASE64_STANDARD.encode(Sha256::digest(bytes)), "id": id });
        if let Some(base) = &self.base_url {
            let now = crate::simulator::now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX);
            file["url"] = json!(address(self, base, id, now));
        }
        Ok(file)
    }
}

fn address(state: &State, base: &str, id: &str, now: Timestamp) -> String {
    let until = (now + URL_LIVES).as_second();
    format!("{base}{DOWNLOAD}?mid={id}&ext={until}&hash={}", hash(state, id, until))
}

/// Only Meta can make the URLs of its files.
fn hash(state: &State, id: &str, until: i64) -> String {
    sign(&Secret::from(state.account.app_secret.clone()), format!("{id} {until}").as_bytes()).replace("sha256=", "")
}

#[derive(Default)]
struct Form {
    messaging_product: Option<String>,
    kind: Option<String>,
    file: Option<(String, Bytes)>,
}

async fn upload(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, number)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    form: Multipart,
) -> Response {
    let allowed = authorize(&simulator.state(), &headers, &parameters, Some(&number));
    linger(&simulator).await;
    let read = match allowed {
        Ok(()) => read_form(form).await.and_then(check_form),
        Err(refusal) => Err(refusal),
    };
    let now = simulator.now();
    answer(read.map(|(mime, bytes)| {
        simulator.change(|state| {
            state.next_id += 1;
            let id = state.next_id.to_string();
            state.media.0.insert(id.clone(), Stored { mime, bytes, until: now + KEPT });
            json!({ "id": id })
        })
    }))
}

async fn read_form(mut parts: Multipart) -> Checked<Form> {
    #[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
    fn broken(error: MultipartError) -> Refusal {
        let code = if error.status() == StatusCode::PAYLOAD_TOO_LARGE { MEDIA } else { UNSUPPORTED };
        Refusal { code, details: error.body_text() }
    }
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "messaging_product" => form.messaging_product = Some(part.text().await.map_err(broken)?),
            "type" => form.kind = Some(part.text().await.map_err(broken)?),
            "file" if part.file_name().is_none() => return refuse(UNSUPPORTED, "file must be a file, with a name"),
            "file" => {
                let mime = part.content_type().unwrap_or_default().to_owned();
                form.file = Some((mime, part.bytes().await.map_err(broken)?));
            }
            _ => return refuse(UNSUPPORTED, format!("Unexpected key \"{name}\"")),
        }
    }
    Ok(form)
}

fn check_form(form: Form) -> Checked<(String, Bytes)> {
    let missing = |name: &str| Refusal { code: MISSING, details: format!("Required parameter is missing: {name}") };
    if form.messaging_product.ok_or_else(|| missing("messaging_product"))? != "whatsapp" {
        return refuse(UNSUPPORTED, "messaging_product must be whatsapp");
    }
    let kind = form.kind.ok_or_else(|| missing("type"))?;
    let (mime, bytes) = form.file.ok_or_else(|| missing("file"))?;
    let mime = essence(&mime);
    if essence(&kind) != mime {
        return refuse(MEDIA, format!("type is {kind}, the file's Content-Type {mime}"));
    }
    examine(&mime, &bytes)?;
    Ok((mime, bytes))
}

/// Looks up a file or a part of the account.
async fn look_up(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, id)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = simulator.state().base_url.clone().unwrap_or_else(|| format!("http://{host}"));
    let url = simulator.media_url(&base, &id);
    let now = simulator.now();
    let node =
        |state: &State| account::node(state, &id, &headers, &parameters).filter(|_| !state.media.0.contains_key(&id));
    let found = node(&simulator.state());
    if let Some(node) = found {
        return answer(node);
    }
    linger(&simulator).await;
    answer(simulator.change(|state| {
        authorize(state, &headers, &parameters, parameters.phone_number_id.as_deref())?;
        state.media.delete_expired(now);
        let Stored { mime, bytes, .. } = state.media.find(&id)?;
        Ok(json!({
            "messaging_product": "whatsapp",
            "url": url,
            "mime_type": mime,
            "sha256": BASE64_STANDARD.encode(Sha256::digest(bytes)),
            "file_size": bytes.len().to_string(),
            "id": id,
        }))
    }))
}

/// Waits, if files are to be slow.
async fn linger(simulator: &Simulator) {
    if let Some(milliseconds) = simulator.change(|state| state.strikes(Fault::SlowMedia)) {
        tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
    }
}

async fn delete(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, id)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    answer(simulator.change(|state| {
        authorize(state, &headers, &parameters, parameters.phone_number_id.as_deref())?;
        state.media.find(&id)?;
        state.media.0.remove(&id);
        Ok(json!({ "success": true }))
    }))
}

#[derive(Deserialize)]
struct Address {
    mid: String,
    ext: i64,
    hash: String,
}

/// Every failure is a 404, as at Meta: a client should get a new URL first, and a new token second.
async fn download(
    AxumState(simulator): AxumState<Simulator>,
    Query(Address { mid, ext, hash: given }): Query<Address>,
    headers: HeaderMap,
) -> Response {
    linger(&simulator).await;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (now, state) = (simulator.now(), simulator.state());
    // Without a User-Agent, or with a browser's, Meta's host sends a page instead of the file.
    let agent = text(header::USER_AGENT);
    let allowed = text(header::AUTHORIZATION) == format!("Bearer {}", state.account.access_token)
        && !agent.is_empty()
        && !agent.starts_with("Mozilla")
        && given == hash(&state, &mid, ext)
        && now.as_second() < ext;
    match state.media.0.get(&mid).filter(|_| allowed) {
        Some(Stored { mime, bytes, .. }) => ([(header::CONTENT_TYPE, mime.clone())], bytes.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, Json(Value::Null)).into_response(),
    }
}
