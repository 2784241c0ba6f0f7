//! The control API behind the page and the command line: the feed as a stream, actions as calls.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State as AxumState},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post, put},
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{ALWAYS, Fault, Newcomer, Simulator, phone::user_action::UserAction, samples};

/// Above the largest file that WhatsApp carries.
const MAX_BODY: usize = 101_000_000;

pub(super) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/api/events", get(events))
        .route("/api/messages", post(messages))
        .route("/api/media", post(pick))
        .route("/api/media/{id}", get(media))
        .route("/api/people", post(people))
        .route("/api/seen", post(seen))
        .route("/api/played", post(played))
        .route("/api/faults", put(switch).get(faults))
        .route("/api/samples", get(async || Json(json!({ "samples": samples::all().collect::<Vec<_>>() }))))
        .route("/api/recording", get(recording))
        .route("/api/deliveries", post(deliver))
        .route("/api/calls", post(call_endpoint))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// A response, or an error in words for the person who uses the page.
type Answer<T> = Result<T, (StatusCode, Json<Value>)>;

fn refused(why: impl Into<String>) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": why.into() })))
}

/// Reads a body. Its error is JSON, which axum's own is not.
fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|error| refused(format!("the body is not what this call takes: {error}")))
}

/// One page's stream, and what it has sent so far.
struct FeedStream {
    simulator: Simulator,
    changes: watch::Receiver<u64>,
    waiting: VecDeque<Event>,
    moment: Option<u64>,
}

/// Sends the whole history, then every change, so that a reloaded page and a second tab show the same.
async fn events(AxumState(simulator): AxumState<Simulator>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = simulator.0.changes.subscribe();
    let feed = FeedStream { simulator, changes, waiting: VecDeque::from([event("reset", &json!({}))]), moment: None };
    Sse::new(stream::unfold(feed, next)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

async fn next(mut feed: FeedStream) -> Option<(Result<Event, Infallible>, FeedStream)> {
    loop {
        if let Some(event) = feed.waiting.pop_front() {
            return Some((Ok(event), feed));
        }
        feed.changes.borrow_and_update();
        let (events, moment) = {
            let state = feed.simulator.state();
            if state.server.is_closed() {
                return None;
            }
            state.history.since(feed.moment.unwrap_or_default())
        };
        feed.waiting.extend(events.iter().map(|entry| event(entry.name(), entry)));
        if feed.moment.replace(moment).is_none() {
            feed.waiting.push_back(event("ready", &json!({})));
        }
        if feed.waiting.is_empty() {
            feed.changes.changed().await.ok()?;
        }
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}

#[derive(Deserialize)]
struct NewMessage {
    #[serde(default = "ada")]
    person: String,
    reply_to: Option<String>,
    #[serde(flatten)]
    action: UserAction,
}

fn ada() -> String {
    "ada".to_owned()
}

async fn messages(AxumState(simulator): AxumState<Simulator>, body: Bytes) -> Answer<(StatusCode, Json<Value>)> {
    let NewMessage { person, reply_to, action } = read(&body)?;
    let id = simulator.speak(&person, &action, reply_to.as_deref()).map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))))
}

async fn pick(
    AxumState(simulator): AxumState<Simulator>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<(StatusCode, Json<Value>)> {
    let mime = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).filter(|kind| !kind.is_empty());
    let mime = mime.unwrap_or("application/octet-stream").to_owned();
    let size = body.len();
    let (id, kind) = simulator.pick(&mime, body).map_err(refused)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id, "mime_type": mime, "type": kind, "size": size }))))
}

async fn media(AxumState(simulator): AxumState<Simulator>, Path(id): Path<String>) -> Answer<Response> {
    let gone = || (StatusCode::NOT_FOUND, Json(json!({ "error": format!("no file has the id {id}") })));
    let (mime, bytes) = simulator.media(&id).ok_or_else(gone)?;
    // A document from elsewhere must not run as a page of this origin; the PDF viewer has its own sandbox.
    let policy =
        if mime == "application/pdf" { "default-src 'none'; object-src 'self'" } else { "sandbox; default-src 'none'" };
    let headers = [
        (header::CONTENT_TYPE, mime),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy.to_owned()),
        (header::CACHE_CONTROL, "private, max-age=86400".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

async fn people(AxumState(simulator): AxumState<Simulator>, body: Bytes) -> Answer<Response> {
    let newcomer: Newcomer = read(&body)?;
    let person = simulator.add_person(newcomer).map_err(refused)?;
    Ok((StatusCode::CREATED, Json(person)).into_response())
}

#[derive(Deserialize)]
struct Seen {
    person: String,
}

async fn seen(AxumState(simulator): AxumState<Simulator>, body: Bytes) -> Answer<StatusCode> {
    let Seen { person } = read(&body)?;
    simulator.see(&person);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Played {
    message_id: String,
}

async fn played(AxumState(simulator): AxumState<Simulator>, body: Bytes) -> Answer<StatusCode> {
    let Played { message_id } = read(&body)?;
    simulator.listen_to(&message_id).map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn faults(AxumState(simulator): AxumState<Simulator>) -> Json<Value> {
    Json(json!({ "faults": simulator.faults() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    name: String,
    #[serde(default)]
    times: Times,
    value: Option<u32>,
}

/// A number, `null`, or nothing.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Times {
    Next(usize),
    Always(()),
    #[default]
    #[serde(skip)]
    AsBefore,
}

async fn switch(AxumState(simulator): AxumState<Simulator>, body: Bytes) -> Answer<Json<Value>> {
    let Switch { name, times, value } = read(&body)?;
    let names = || Fault::ALL.map(|fault| fault.labels().0).join(", ");
    let fault =
        Fault::named(&name).ok_or_else(|| refused(format!("no fault is called {name}; there are {}", names())))?;
    let which = match times {
        Times::AsBefore => simulator.switched(fault),
        Times::Always(()) => ALWAYS,
        Times::Next(times) => 0..times,
    };
    match value {
        Some(value) => simulator.misbehave_by(fault, value, which).map_err(refused)?,
        None => simulator.misbehave(fault, which),
    }
    Ok(Json(json!({ "faults": simulator.faults() })))
}

#[derive(Deserialize)]
struct Whose {
    person: Option<String>,
}

async fn recording(AxumState(simulator): AxumState<Simulator>, Query(whose): Query<Whose>) -> Response {
    let events = simulator.recording(whose.person.as_deref());
    let name = whose.person.unwrap_or_else(|| "everybody".to_owned());
    let name: String = name.chars().filter(|sign| sign.is_ascii_alphanumeric() || *sign == '-').collect();
    let disposition = format!("attachment; filename=\"recording-{name}.json\"");
    ([(header::CONTENT_DISPOSITION, disposition)], Json(events)).into_response()
}

/// Signs and delivers a webhook that was made elsewhere.
#[derive(Deserialize)]
struct NewCall {
    route: CallRoute,
    body: Value,
    idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CallRoute {
    Inject,
    Notify,
}

/// Calls a route of the endpoint, as another system would; returns what it answers.
async fn call_endpoint(AxumState(simulator): AxumState<Simulator>, body: Bytes) -> Answer<Json<Value>> {
    let NewCall { route, body, idempotency_key } = read(&body)?;
    let route = match route {
        CallRoute::Inject => "inject",
        CallRoute::Notify => "notify",
    };
    let (status, body) = simulator.call_endpoint(route, &body, idempotency_key.as_deref()).await.map_err(refused)?;
    Ok(Json(json!({ "status": status, "body": body })))
}

async fn deliver(AxumState(simulator): AxumState<Simulator>, body: Bytes) -> Answer<Json<Value>> {
    let webhook: Value = read(&body)?;
    simulator.show_webhook(&webhook);
    match simulator.deliver(&webhook).await {
        Ok(()) => Ok(Json(json!({ "status": 200 }))),
        Err(why) => Err((StatusCode::BAD_GATEWAY, Json(json!({ "error": why })))),
    }
}
