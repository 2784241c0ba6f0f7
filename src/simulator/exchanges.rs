//! What went over the wire, for the page's inspector: webhooks, Graph calls, questions to the agent, and the session.

use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State as AxumState},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Simulator, people::Person, phone::Line};
use crate::telemetry::Chain;

/// Longest body that is shown; longer ones are told by their size.
const MAX_SHOWN: usize = 64 * 1024;
/// Longest body that is held to be looked at: more than every limit of the API but that of files, which are not.
const MAX_HELD: usize = 8 * 1024 * 1024;

/// Which of the three wires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message on its way to the endpoint.
    Webhook,
    /// What became of a message, on its way to the endpoint.
    Status,
    /// The endpoint's call to Meta.
    Graph,
    /// The endpoint's question to the agent.
    Agent,
}

/// A request and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    /// Counts them.
    pub id: u64,
    /// In whose conversation.
    pub person: Option<String>,
    /// To which message it belongs.
    pub message: Option<String>,
    /// Which wire.
    pub kind: Kind,
    /// Method and address.
    pub title: String,
    /// `method`, `url`, `headers`, `body`; no tokens.
    pub request: Value,
    /// `status`, `headers`, `body`; `None`: there is none yet, or never.
    pub response: Option<Value>,
    /// Why there will be no answer.
    pub error: Option<String>,
    /// Milliseconds until the answer.
    pub took_ms: Option<u64>,
    /// When it began.
    pub at: Timestamp,
}

/// A request that we send.
pub(super) struct Shipment<'a> {
    pub kind: Kind,
    pub url: &'a str,
    pub person: Option<&'a str>,
    pub message: Option<&'a str>,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

type ReadSession = dyn Fn(Person) -> BoxFuture<'static, Option<Value>> + Send + Sync;

/// Reads what the endpoint remembers of a conversation, where that can be read.
#[derive(Default)]
pub(super) struct Sessions(OnceLock<Box<ReadSession>>);

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.0.get().is_some()).finish()
    }
}

impl Exchange {
    pub(super) fn new(id: u64, kind: Kind, method: &str, url: &str, headers: &Value, body: &[u8]) -> Self {
        let request = json!({ "method": method, "url": url, "headers": headers, "body": shown(body) });
        Self {
            id,
            person: None,
            message: None,
            kind,
            title: format!("{method} {url}"),
            request,
            response: None,
            error: None,
            took_ms: None,
            at: super::now(),
        }
    }

    pub(super) fn answered(&mut self, status: u16, headers: &Value, body: &[u8], began: Instant) {
        self.response = Some(json!({ "status": status, "headers": headers, "body": shown(body) }));
        self.took(began);
    }

    pub(super) fn failed(&mut self, error: String, began: Instant) {
        self.error = Some(error);
        self.took(began);
    }

    fn took(&mut self, began: Instant) {
        self.took_ms = Some(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    }
}

impl Simulator {
    /// Reads what the endpoint remembers of a conversation with this, whenever a webhook was answered; only the first counts.
    pub fn read_sessions(&self, read: impl Fn(Person) -> BoxFuture<'static, Option<Value>> + Send + Sync + 'static) {
        // A second reader changes nothing, as documented.
        let _second = self.0.sessions.0.set(Box::new(read));
    }

    pub(super) async fn look_into_session(&self, person: &str) {
        let Some(read) = self.0.sessions.0.get() else { return };
        let Some(whom) = self.state().person(person).cloned() else { return };
        let state = read(whom).await;
        let (person, at) = (Some(person.to_owned()), super::now());
        self.change(|all| all.history.tell(Line::Session { person, state, at }));
    }

    /// The number of the next exchange.
    pub(super) fn next_exchange(&self) -> u64 {
        let mut state = self.state();
        state.next_exchange += 1;
        state.next_exchange
    }

    pub(super) fn show_exchange(&self, exchange: &Exchange) {
        self.change(|state| state.history.tell(Line::Wire(Box::new(exchange.clone()))));
    }

    /// Posts something and shows it; answers the status and the text.
    pub(super) async fn ship(&self, shipment: Shipment<'_>, patience: Duration) -> reqwest::Result<(u16, String)> {
        let Shipment { kind, url, person, message, headers, body } = shipment;
        let shown: serde_json::Map<_, _> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let mut exchange =
            Exchange::new(self.next_exchange(), kind, "POST", url, &Value::Object(shown), body.as_bytes());
        (exchange.person, exchange.message) = (person.map(str::to_owned), message.map(str::to_owned));
        self.show_exchange(&exchange);
        let mut request = self.0.http.post(url).timeout(patience);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let began = Instant::now();
        let answer = async {
            let response = request.body(body).send().await?;
            let (status, headers) = (response.status().as_u16(), told(response.headers()));
            Ok::<_, reqwest::Error>((status, headers, response.text().await?))
        };
        let answer = answer.await;
        match &answer {
            Ok((status, headers, text)) => exchange.answered(*status, headers, text.as_bytes(), began),
            Err(error) => exchange.failed(Chain(error).to_string(), began),
        }
        self.show_exchange(&exchange);
        answer.map(|(status, _, text)| (status, text))
    }
}

/// Shows every call of the Graph API, and to which message it belongs.
pub(super) async fn watch(AxumState(simulator): AxumState<Simulator>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let is_text = |headers: &HeaderMap| {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/json");
        kind.starts_with("application/json") || kind.starts_with("text/") || kind.contains("urlencoded")
    };
    let (held, body) = if is_text(&parts.headers) {
        match to_bytes(body, MAX_HELD).await {
            Ok(bytes) => (bytes.clone(), Body::from(bytes)),
            Err(_) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        }
    } else {
        (Bytes::from_static(b"(a file)"), body)
    };
    let url = parts.uri.to_string();
    let url = url.split_once('?').map_or(url.as_str(), |(path, _)| path);
    let mut exchange =
        Exchange::new(simulator.next_exchange(), Kind::Graph, parts.method.as_str(), url, &told(&parts.headers), &held);
    let response = next.run(Request::from_parts(parts, body)).await;
    let (parts, body) = response.into_parts();
    let (told_body, body) = if is_text(&parts.headers) {
        let bytes = to_bytes(body, MAX_HELD).await.unwrap_or_default();
        (bytes.clone(), Body::from(bytes))
    } else {
        (Bytes::from_static(b"(a file)"), body)
    };
    exchange.answered(parts.status.as_u16(), &told(&parts.headers), &told_body, began);
    let taken: Value = serde_json::from_slice(&told_body).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&held).unwrap_or_default();
    let message = taken["messages"][0]["id"].as_str().or(asked["message_id"].as_str());
    exchange.message = message.map(str::to_owned);
    exchange.person = {
        let state = simulator.state();
        let bubble = message.and_then(|id| state.history.bubble(id)).map(|bubble| bubble.person.clone());
        bubble.or_else(|| state.addressee(&asked))
    };
    simulator.show_exchange(&exchange);
    Response::from_parts(parts, body)
}

/// Headers without what opens doors, and without what every HTTP library adds.
pub(super) fn told(headers: &HeaderMap) -> Value {
    let hidden =
        [header::AUTHORIZATION, header::COOKIE, header::SET_COOKIE, header::HOST, header::ACCEPT, header::DATE];
    let shown = headers.iter().filter(|(name, _)| !hidden.contains(name) && !name.as_str().contains("key"));
    let key = headers.get("idempotency-key").map(|value| ("idempotency-key", value));
    let shown = shown.map(|(name, value)| (name.as_str(), value)).chain(key);
    shown.map(|(name, value)| (name.to_owned(), json!(String::from_utf8_lossy(value.as_bytes())))).collect()
}

fn shown(body: &[u8]) -> Value {
    match body {
        [] => Value::Null,
        long if long.len() > MAX_SHOWN => json!(format!("({} bytes)", long.len())),
        text => serde_json::from_slice(text).unwrap_or_else(|_| json!(String::from_utf8_lossy(text))),
    }
}
