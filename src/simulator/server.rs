//! The simulator as a server: its address, who may call it, and whether it is closed.

use axum::{
    Json,
    extract::{Request, State as AxumState},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;
use url::Url;

use super::Simulator;

/// The simulator as a server.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// The address of this simulator without a slash at the end, if it is set.
    base_url: Option<String>,
    is_closed: bool,
}

impl Server {
    pub(super) fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Any domain may point to this machine, so it is not enough that `Host` and `Origin` agree: `Host` has to be a name of this machine,
    /// or of the tunnel in front of it.
    fn is_asked_by_own_page(&self, headers: &HeaderMap) -> bool {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = header(header::HOST).unwrap_or_default();
        let origin = header(header::ORIGIN).map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
        origin.is_none_or(|origin| origin == host) && self.is_called(host)
    }

    /// Whether `host`, the value of the header, is a name of this simulator.
    fn is_called(&self, host: &str) -> bool {
        let of = |url: &str| Url::parse(url).ok()?.host_str().map(str::to_owned);
        let Some(name) = of(&format!("http://{host}/")) else { return false };
        let tunnel = self.base_url().and_then(of);
        matches!(name.as_str(), "localhost" | "127.0.0.1" | "[::1]") || tunnel.is_some_and(|tunnel| tunnel == name)
    }
}

impl Simulator {
    /// Sets the address of this simulator, which webhooks use for files.
    pub fn reached_at(&self, base_url: &str) {
        self.change(|state| state.server.base_url = Some(base_url.trim_end_matches('/').to_owned()));
    }

    /// Ends the streams of all pages, which would otherwise stay open.
    pub fn close(&self) {
        self.change(|state| state.server.is_closed = true);
    }
}

/// Refuses requests of other sites' pages, on every route.
pub(super) async fn only_own_pages(
    AxumState(simulator): AxumState<Simulator>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = simulator.state().server.is_asked_by_own_page(request.headers());
    if !allowed {
        let why = "only the simulator's own page may do this";
        return (StatusCode::FORBIDDEN, Json(json!({ "error": why }))).into_response();
    }
    next.run(request).await
}
