//! HTTP exchanges for the page's inspector: webhooks, Graph calls and questions to the agent; and the session behind them.

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
use serde_json::{Value, json};

use super::{
    Simulator, clock,
    feed::{Exchange, FeedEvent, Kind, Person},
};
use crate::telemetry::Chain;

/// Longest body that is shown; of longer ones the page shows the size.
const MAX_SHOWN: usize = 64 * 1024;
/// Longest body that is buffered to be shown: more than every limit of the API, except for files, which are not buffered.
const MAX_BUFFERED: usize = 8 * 1024 * 1024;

/// A request that the simulator sends.
pub(super) struct OutgoingRequest<'a> {
    pub kind: Kind,
    pub url: &'a str,
    pub person: Option<&'a str>,
    pub message: Option<&'a str>,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

type ReadSession = dyn Fn(Person) -> BoxFuture<'static, Option<Value>> + Send + Sync;

/// Reads what the endpoint remembers of a conversation, if a reader is set.
#[derive(Default)]
pub(super) struct Sessions(OnceLock<Box<ReadSession>>);

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.0.get().is_some()).finish()
    }
}

impl Exchange {
    pub(super) fn new(id: u64, kind: Kind, method: &str, url: &str, headers: &Value, body: &[u8]) -> Self {
        let request = json!({ "method": method, "url": url, "headers": headers, "body": visible_body(body) });
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
            at: clock::now(),
        }
    }

    pub(super) fn record_response(&mut self, status: u16, headers: &Value, body: &[u8], began: Instant) {
        self.response = Some(json!({ "status": status, "headers": headers, "body": visible_body(body) }));
        self.record_time(began);
    }

    pub(super) fn record_error(&mut self, error: String, began: Instant) {
        self.error = Some(error);
        self.record_time(began);
    }

    fn record_time(&mut self, began: Instant) {
        self.took_ms = Some(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    }
}

impl Simulator {
    /// Sets the function that reads a session after each answered webhook; only the first call counts.
    pub fn read_sessions(&self, read: impl Fn(Person) -> BoxFuture<'static, Option<Value>> + Send + Sync + 'static) {
        // A second reader is ignored, as documented.
        let _second = self.0.sessions.0.set(Box::new(read));
    }

    pub(super) async fn show_session(&self, person: &str) {
        let Some(read) = self.0.sessions.0.get() else { return };
        let Some(whom) = self.state().people.get(person).cloned() else { return };
        let state = read(whom).await;
        let (person, at) = (Some(person.to_owned()), clock::now());
        self.change(|all| all.history.record(FeedEvent::Session { person, state, at }));
    }

    /// Returns the id for the next exchange.
    pub(super) fn next_exchange(&self) -> u64 {
        self.state().history.next_exchange()
    }

    pub(super) fn show_exchange(&self, exchange: &Exchange) {
        self.change(|state| state.history.record(FeedEvent::Wire(Box::new(exchange.clone()))));
    }

    /// Sends a request and shows it. Returns status and text of the response.
    pub(super) async fn send_and_show(
        &self,
        request: OutgoingRequest<'_>,
        patience: Duration,
    ) -> reqwest::Result<(u16, String)> {
        let OutgoingRequest { kind, url, person, message, headers, body } = request;
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
            let (status, headers) = (response.status().as_u16(), visible_headers(response.headers()));
            Ok::<_, reqwest::Error>((status, headers, response.text().await?))
        };
        let answer = answer.await;
        match &answer {
            Ok((status, headers, text)) => exchange.record_response(*status, headers, text.as_bytes(), began),
            Err(error) => exchange.record_error(Chain(error).to_string(), began),
        }
        self.show_exchange(&exchange);
        answer.map(|(status, _, text)| (status, text))
    }
}

/// Shows every call of the Graph API, with the message that it belongs to.
pub(super) async fn watch(AxumState(simulator): AxumState<Simulator>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let is_text = |headers: &HeaderMap| {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/json");
        kind.starts_with("application/json") || kind.starts_with("text/") || kind.contains("urlencoded")
    };
    let (request_body, body) = if is_text(&parts.headers) {
        match to_bytes(body, MAX_BUFFERED).await {
            Ok(bytes) => (bytes.clone(), Body::from(bytes)),
            Err(_) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        }
    } else {
        (Bytes::from_static(b"(a file)"), body)
    };
    let url = parts.uri.to_string();
    let url = url.split_once('?').map_or(url.as_str(), |(path, _)| path);
    let mut exchange = Exchange::new(
        simulator.next_exchange(),
        Kind::Graph,
        parts.method.as_str(),
        url,
        &visible_headers(&parts.headers),
        &request_body,
    );
    let response = next.run(Request::from_parts(parts, body)).await;
    let (parts, body) = response.into_parts();
    let (response_body, body) = if is_text(&parts.headers) {
        let bytes = to_bytes(body, MAX_BUFFERED).await.unwrap_or_default();
        (bytes.clone(), Body::from(bytes))
    } else {
        (Bytes::from_static(b"(a file)"), body)
    };
    exchange.record_response(parts.status.as_u16(), &visible_headers(&parts.headers), &response_body, began);
    let answer: Value = serde_json::from_slice(&response_body).unwrap_or_default();
    let call: Value = serde_json::from_slice(&request_body).unwrap_or_default();
    let message = answer["messages"][0]["id"].as_str().or(call["message_id"].as_str());
    exchange.message = message.map(str::to_owned);
    exchange.person = {
        let state = simulator.state();
        let bubble = message.and_then(|id| state.history.bubble(id)).map(|bubble| bubble.person.clone());
        bubble.or_else(|| state.people.addressee(&call).map(|person| person.id.clone()))
    };
    simulator.show_exchange(&exchange);
    Response::from_parts(parts, body)
}

/// Returns the headers without credentials, and without those that every HTTP library adds.
pub(super) fn visible_headers(headers: &HeaderMap) -> Value {
    let hidden =
        [header::AUTHORIZATION, header::COOKIE, header::SET_COOKIE, header::HOST, header::ACCEPT, header::DATE];
    let shown = headers.iter().filter(|(name, _)| !hidden.contains(name) && !name.as_str().contains("key"));
    let key = headers.get("idempotency-key").map(|value| ("idempotency-key", value));
    let shown = shown.map(|(name, value)| (name.as_str(), value)).chain(key);
    shown.map(|(name, value)| (name.to_owned(), json!(String::from_utf8_lossy(value.as_bytes())))).collect()
}

fn visible_body(body: &[u8]) -> Value {
    match body {
        [] => Value::Null,
        long if long.len() > MAX_SHOWN => json!(format!("({} bytes)", long.len())),
        text => serde_json::from_slice(text).unwrap_or_else(|_| json!(String::from_utf8_lossy(text))),
    }
}
