//! Media: upload, which is kept for 30 days, lookup, download from a URL that is valid for five minutes, and deletion.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>

mod format;
mod store;

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, Path, Query, State as AxumState, multipart::MultipartError},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::format::Kind;
pub(in crate::simulator) use self::store::{MediaStore, url};
use self::{
    format::{MB, essence, examine},
    store::{DOWNLOAD, hash, kind_on_a_phone},
};
use super::{
    Parameters, account, answer, authorize,
    body::{Checked, Field, MEDIA, MISSING, Refusal, UNDOCUMENTED, UNSUPPORTED, refuse},
};
use crate::simulator::{Fault, Simulator};

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/image-messages>
const CAPTION: usize = 1024;

pub(super) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/{version}/{number}/media", post(upload).layer(DefaultBodyLimit::max(101 * MB)))
        .route("/{version}/{media}", get(look_up).delete(delete))
        .route(DOWNLOAD, get(download))
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

impl Simulator {
    /// Keeps a file that a person sent, as Meta does for seven days; webhooks may contain its id.
    pub fn keep_media(&self, id: &str, mime: &str, bytes: impl Into<Bytes>) {
        let (id, mime, bytes) = (id.to_owned(), mime.to_owned(), bytes.into());
        self.change(|state| state.media.keep_from_a_person(id, mime, bytes, state.clock.now()));
    }

    /// Keeps a file that a person picks. Returns its id and the type to send it as.
    pub(in crate::simulator) fn pick(&self, mime: &str, bytes: Bytes) -> Result<(String, &'static str), String> {
        let kind = kind_on_a_phone(mime, &bytes)?;
        let id = self.change(|state| state.ids.media());
        self.keep_media(&id, mime, bytes);
        Ok((id, kind.name()))
    }

    /// Returns the type and the bytes of a file, for the page.
    pub(in crate::simulator) fn media(&self, id: &str) -> Option<(String, Bytes)> {
        self.state().media.get(id).map(|stored| (stored.mime.clone(), stored.bytes.clone()))
    }

    /// Returns the URL of a file on this simulator, whose address is `base`. It is valid for five minutes.
    #[must_use]
    pub fn media_url(&self, base: &str, id: &str) -> String {
        let state = self.state();
        url(&state.account, base, id, state.clock.now())
    }
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
    let allowed = authorize(&simulator.state().account, &headers, &parameters, Some(&number));
    linger(&simulator).await;
    let read = match allowed {
        Ok(()) => read_form(form).await.and_then(check_form),
        Err(refusal) => Err(refusal),
    };
    let now = simulator.now();
    answer(read.map(|(mime, bytes)| {
        simulator.change(|state| {
            let id = state.ids.media();
            state.media.keep(id.clone(), mime, bytes, now);
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
    let node = {
        let state = simulator.state();
        let node = account::node(&state.account, &state.endpoint, &id).filter(|_| state.media.get(&id).is_none());
        node.map(|node| authorize(&state.account, &headers, &parameters, None).map(|()| node))
    };
    if let Some(node) = node {
        return answer(node);
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = simulator.state().server.base_url().map_or_else(|| format!("http://{host}"), str::to_owned);
    let (url, now) = (simulator.media_url(&base, &id), simulator.now());
    linger(&simulator).await;
    answer(simulator.change(|state| {
        authorize(&state.account, &headers, &parameters, parameters.phone_number_id.as_deref())?;
        state.media.delete_expired(now);
        let stored = state.media.find(&id)?;
        Ok(json!({
            "messaging_product": "whatsapp",
            "url": url,
            "mime_type": stored.mime,
            "sha256": stored.sha256(),
            "file_size": stored.bytes.len().to_string(),
            "id": id,
        }))
    }))
}

/// Waits, if files are to be slow.
async fn linger(simulator: &Simulator) {
    if let Some(milliseconds) = simulator.change(|state| state.faults.strikes(Fault::SlowMedia, &mut state.history)) {
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
        authorize(&state.account, &headers, &parameters, parameters.phone_number_id.as_deref())?;
        state.media.delete(&id)?;
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
        && given == hash(&state.account, &mid, ext)
        && now.as_second() < ext;
    match state.media.get(&mid).filter(|_| allowed) {
        Some(stored) => ([(header::CONTENT_TYPE, stored.mime.clone())], stored.bytes.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, Json(Value::Null)).into_response(),
    }
}
