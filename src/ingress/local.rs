//! The HTTP door on a port of this machine, for local runs: the same handler without Lambda around it.

use std::{sync::Arc, time::Duration};

use ::http::{Request, Response, StatusCode};
use axum::{Router, body::Body, extract::State};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::http;
use crate::{app::App, retry::Clock};

/// What an invocation has beside the time of the agent.
const REST: Duration = Duration::from_secs(30);

/// Serves until the process ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(app: Arc<App>, listener: TcpListener) -> std::io::Result<()> {
    axum::serve(listener, Router::new().fallback(handle).with_state(app)).await
}

async fn handle(State(app): State<Arc<App>>, request: Request<Body>) -> Response<String> {
    #[expect(clippy::disallowed_methods, reason = "a door is where time comes in")]
    let clock = Clock::start(Timestamp::now(), app.settings.agent.timeout.saturating_add(REST));
    let (parts, body) = request.into_parts();
    // One byte more than allowed is enough for the handler to see that it is too much.
    let body: Result<Bytes, _> = axum::body::to_bytes(body, http::MAX_BODY + 1).await;
    match body {
        Ok(body) => http::handle(&app, Request::from_parts(parts, body), &clock).await,
        Err(_) => http::answer(StatusCode::PAYLOAD_TOO_LARGE, "a webhook has 4 MB at most"),
    }
}
