//! A proxy between the endpoint and the agent: it passes questions and answers on as they come, and shows them.

use std::time::{Duration, Instant};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State as AxumState,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::any,
};
use futures_util::stream;
use serde_json::Value;
use url::Url;

use super::{
    Simulator,
    exchanges::visible_headers,
    feed::{Exchange, Kind},
};
use crate::{conversation::TurnId, telemetry::Chain};

/// The path of the proxy.
const PREFIX: &str = "/agent";
/// Longer than the endpoint waits.
const PATIENCE: Duration = Duration::from_mins(15);

/// The HTTP address of the agent behind the proxy, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxied(Option<Url>);

pub(super) fn routes() -> Router<Simulator> {
    Router::new().route(PREFIX, any(pass_on)).route("/agent/", any(pass_on)).route("/agent/{*path}", any(pass_on))
}

impl Simulator {
    /// Puts the proxy before the agent at this address. Returns the path at which the endpoint reaches it.
    ///
    /// # Errors
    /// When it is not an HTTP address.
    pub fn stand_before_agent(&self, agent: &str) -> Result<String, String> {
        let agent = Url::parse(agent).map_err(|error| format!("{agent} is not a URL: {error}"))?;
        if !matches!(agent.scheme(), "http" | "https") {
            return Err(format!("{agent} is not an HTTP address"));
        }
        let asked = format!("{PREFIX}{}", &agent[url::Position::BeforePath..]);
        self.change(|state| state.proxied = Proxied(Some(agent)));
        Ok(asked)
    }

    /// Returns the person and the message of the question with this idempotency key.
    fn asked_about(&self, key: &str) -> (Option<String>, Option<String>) {
        let state = self.state();
        let number = state.account.phone_number_id.as_str().into();
        let found = state
            .history
            .messages_of_people()
            .find(|bubble| key.contains(&TurnId::of(&number, &bubble.id).to_string()));
        found.map(|bubble| (Some(bubble.person.clone()), Some(bubble.id.clone()))).unwrap_or_default()
    }
}

async fn pass_on(
    AxumState(simulator): AxumState<Simulator>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Proxied(agent) = simulator.state().proxied.clone();
    let Some(agent) = agent else {
        return (StatusCode::NOT_FOUND, "no agent is connected through the simulator").into_response();
    };
    let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
    let rest = rest.strip_prefix(PREFIX).unwrap_or(rest);
    let url = format!("{}{rest}", &agent[..url::Position::BeforePath]);
    // These headers belong to one hop only.
    let own = [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING];
    let address = url.split('?').next().unwrap_or_default();
    let id = simulator.next_exchange();
    let exchange = Exchange::new(id, Kind::Agent, method.as_str(), address, &visible_headers(&headers), &body);
    let mut passage = Passage::begin(&simulator, &agent, exchange, &headers);
    let is_card = method == Method::GET && is_card(&uri, &agent);
    let mut request = simulator.0.http.request(method, &url).timeout(PATIENCE);
    for (name, value) in headers.iter().filter(|(name, _)| !own.contains(name)) {
        request = request.header(name, value);
    }
    let mut answer = match request.body(body).send().await {
        Ok(answer) => answer,
        Err(error) => return passage.breaks(error),
    };
    passage.head = Some((answer.status().as_u16(), visible_headers(answer.headers())));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    for (name, value) in answer.headers().iter().filter(|(name, _)| !own.contains(name)) {
        response.headers_mut().append(name, value.clone());
    }
    *response.body_mut() = if is_card {
        loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => passage.body.extend_from_slice(&bytes),
                Ok(None) => break through_us(&passage.body, &url, &agent, headers.get(header::HOST)).into(),
                Err(error) => return passage.breaks(error),
            }
        }
    } else {
        Body::from_stream(stream::try_unfold((answer, passage), async |(mut answer, mut passage)| {
            match answer.chunk().await {
                Ok(bytes) => {
                    passage.body.extend_from_slice(bytes.as_deref().unwrap_or_default());
                    Ok(bytes.map(|bytes| (bytes, (answer, passage))))
                }
                Err(error) => {
                    // Lets the bytes before it go out first: an error right after them would discard them.
                    tokio::task::yield_now().await;
                    Err(passage.broken(error))
                }
            }
        }))
    };
    response
}

/// A question on its way through the proxy, and what has come of its answer. When it ends in any way, the page shows the exchange.
struct Passage {
    simulator: Simulator,
    exchange: Exchange,
    began: Instant,
    /// Scheme, host and port of the agent.
    origin: String,
    /// Status and headers of the answer.
    head: Option<(u16, Value)>,
    body: Vec<u8>,
    fault: Option<String>,
}

impl Passage {
    fn begin(simulator: &Simulator, agent: &Url, mut exchange: Exchange, headers: &HeaderMap) -> Self {
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
        (exchange.person, exchange.message) = simulator.asked_about(key);
        simulator.show_exchange(&exchange);
        Self {
            simulator: simulator.clone(),
            exchange,
            began: Instant::now(),
            origin: agent.origin().ascii_serialization(),
            head: None,
            body: Vec::new(),
            fault: None,
        }
    }

    /// Closes the endpoint's connection: without the proxy, the endpoint would see the agent's own broken connection.
    fn breaks(mut self, error: reqwest::Error) -> Response {
        // Status and headers wait for the first bytes of the body, which never come.
        let never = stream::once(std::future::ready(Err::<Bytes, _>(self.broken(error))));
        (StatusCode::BAD_GATEWAY, Body::from_stream(never)).into_response()
    }

    /// Records the error and logs it with the agent's address: the endpoint knows only that of the proxy.
    fn broken(&mut self, error: reqwest::Error) -> reqwest::Error {
        let error = error.without_url();
        let fault = Chain(&error).to_string();
        let what = if self.head.is_some() { "the agent broke off its answer" } else { "the agent cannot be reached" };
        // Without the path, which may contain a token.
        tracing::warn!(agent = self.origin, error = fault, "{what}");
        self.fault = Some(fault);
        error
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some((status, headers)) = &self.head {
            self.exchange.record_response(*status, headers, &self.body, self.began);
        }
        // The endpoint may close the connection when it has read enough of an answer, but not before there is one.
        let left = self.head.is_none().then(|| "the endpoint did not wait for the answer".to_owned());
        if let Some(fault) = self.fault.take().or(left) {
            self.exchange.record_error(fault, self.began);
        }
        self.simulator.show_exchange(&self.exchange);
    }
}

/// Whether this is the URL of an agent card, the only answer that contains the agent's address.
fn is_card(uri: &Uri, agent: &Url) -> bool {
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let is_agent_url = path == agent.path() && path.to_ascii_lowercase().ends_with(".json");
    is_agent_url || path.ends_with("/.well-known/agent-card.json") || path.ends_with("/.well-known/agent.json")
}

/// Returns the card with the agent's address replaced by the proxy's, so that the questions go through the proxy as well.
fn through_us(card: &[u8], card_url: &str, agent: &Url, host: Option<&HeaderValue>) -> Vec<u8> {
    let host = host.and_then(|host| host.to_str().ok());
    let (Ok(mut json), Ok(base), Some(host)) = (serde_json::from_slice::<Value>(card), Url::parse(card_url), host)
    else {
        return card.to_vec();
    };
    let ours = |address: &mut Value| {
        let url = address.as_str().and_then(|address| base.join(address).ok());
        if let Some(url) = url.filter(|url| is_same(url, agent)) {
            *address = format!("http://{host}{PREFIX}{}", &url[url::Position::BeforePath..]).into();
        }
    };
    if let Some(main) = json.get_mut("url") {
        ours(main);
    }
    for list in ["supportedInterfaces", "additionalInterfaces"] {
        let listed = json.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        listed.filter_map(|interface| interface.get_mut("url")).for_each(ours);
    }
    json.to_string().into_bytes()
}

/// Whether both have the same host and port. This machine has two names, and servers use either.
fn is_same(url: &Url, agent: &Url) -> bool {
    let is_here = |url: &Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    let port = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    url.origin() == agent.origin() || (is_here(url) && is_here(agent) && port(url) == port(agent))
}
