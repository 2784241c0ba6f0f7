//! The chat page and its small API.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    extract::State as AxumState,
    http::{StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Simulator;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/chat.css", get(async || file("text/css; charset=utf-8", include_str!("page/chat.css"))))
        .route("/chat.js", get(async || file("text/javascript; charset=utf-8", include_str!("page/chat.js"))))
        .route("/api/events", get(events))
        .route("/api/messages", post(messages))
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// The whole history, then what happens, so that a page that was reloaded and a second tab show the same.
async fn events(AxumState(simulator): AxumState<Simulator>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = simulator.0.changes.subscribe();
    let reset = stream::iter([Ok(Event::default().event("reset").data("{}"))]);
    let lines = stream::unfold((simulator, changes, 0), async |(simulator, mut changes, shown)| {
        loop {
            changes.borrow_and_update();
            let line = simulator.state().lines.get(shown).cloned();
            if let Some(line) = line {
                let data = serde_json::to_string(&line).unwrap_or_default();
                return Some((Ok(Event::default().event(line.event()).data(data)), (simulator, changes, shown + 1)));
            }
            changes.changed().await.ok()?;
        }
    });
    Sse::new(futures_util::StreamExt::chain(reset, lines))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Text(String),
    Tap { id: String, title: String, message_id: String },
}

async fn messages(AxumState(simulator): AxumState<Simulator>, Json(said): Json<Said>) -> (StatusCode, Json<Value>) {
    let id = match said {
        Said::Text(text) if text.trim().is_empty() => {
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": "the message is empty" })));
        }
        Said::Text(text) => simulator.say(&text),
        Said::Tap { id, title, message_id } => simulator.tap(&id, &title, &message_id),
    };
    (StatusCode::ACCEPTED, Json(json!({ "id": id })))
}
