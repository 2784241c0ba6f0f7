//! Between the endpoint and the agent: what is asked and answered there is passed on as it comes, and shown.

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
    exchanges::{Exchange, Kind, told},
};
use crate::{conversation::TurnId, telemetry::Chain};

/// Where agents are reached through us.
const PREFIX: &str = "/agent";
/// The endpoint gives up before.
const PATIENCE: Duration = Duration::from_mins(15);

pub(super) fn routes() -> Router<Simulator> {
    Router::new().route(PREFIX, any(pass_on)).route("/agent/", any(pass_on)).route("/agent/{*path}", any(pass_on))
}

impl Simulator {
    /// Stands between the endpoint and the agent at this address; returns the path here that the endpoint is to ask.
    ///
    /// # Errors
    /// When the address is none of HTTP.
    pub fn stand_before_agent(&self, agent: &str) -> Result<String, String> {
        let agent = Url::parse(agent).map_err(|error| format!("{agent} is no URL: {error}"))?;
        if !matches!(agent.scheme(), "http" | "https") {
            return Err(format!("{agent} is no address of HTTP"));
        }
        let asked = format!("{PREFIX}{}", &agent[url::Position::BeforePath..]);
        self.change(|state| state.agent = Some(agent));
        Ok(asked)
    }

    /// The person and the message that the question with this idempotency key is about, among the newest messages.
    fn asked_about(&self, key: &str) -> (Option<String>, Option<String>) {
        let state = self.state();
        let number = &state.account.phone_number_id;
        let found = state.history.said().find(|bubble| key.contains(&TurnId::of(number, &bubble.id).to_string()));
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
    let agent = simulator.state().agent.clone();
    let Some(agent) = agent else {
        return (StatusCode::NOT_FOUND, "no agent is connected through the simulator").into_response();
    };
    let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
    let rest = rest.strip_prefix(PREFIX).unwrap_or(rest);
    let url = format!("{}{rest}", &agent[..url::Position::BeforePath]);
    // The length and the connection are the next hop's own.
    let own = [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING];
    let address = url.split('?').next().unwrap_or_default();
    let id = simulator.next_exchange();
    let exchange = Exchange::new(id, Kind::Agent, method.as_str(), address, &told(&headers), &body);
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
    passage.head = Some((answer.status().as_u16(), told(answer.headers())));
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
                    // What has come before goes out first: an error in the same breath would take it along.
                    tokio::task::yield_now().await;
                    Err(passage.broken(error))
                }
            }
        }))
    };
    response
}

/// A question on its way through us, and what has come of its answer. The page is shown the exchange when it ends, however that is.
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

    /// Closes the endpoint's connection: it has no other way to learn that the agent's is broken, as it would without us.
    fn breaks(mut self, error: reqwest::Error) -> Response {
        // Status and headers wait for the first bytes of the body, and there are none.
        let never = stream::once(std::future::ready(Err::<Bytes, _>(self.broken(error))));
        (StatusCode::BAD_GATEWAY, Body::from_stream(never)).into_response()
    }

    /// Notes the fault, and logs it with the address that the operator has written: the endpoint knows only ours.
    fn broken(&mut self, error: reqwest::Error) -> reqwest::Error {
        let error = error.without_url();
        let fault = Chain(&error).to_string();
        let what = if self.head.is_some() { "the agent broke off its answer" } else { "the agent cannot be reached" };
        // Without the path, which may hold a token.
        tracing::warn!(agent = self.origin, error = fault, "{what}");
        self.fault = Some(fault);
        error
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some((status, headers)) = &self.head {
            self.exchange.answered(*status, headers, &self.body, self.began);
        }
        // The endpoint may leave an answer when it has read enough of it, but not before there is one.
        let left = self.head.is_none().then(|| "the endpoint did not wait for the answer".to_owned());
        if let Some(fault) = self.fault.take().or(left) {
            self.exchange.failed(fault, self.began);
        }
        self.simulator.show_exchange(&self.exchange);
    }
}

/// Whether an agent's card is there: the only answer that says where the agent is.
fn is_card(uri: &Uri, agent: &Url) -> bool {
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let is_agent_url = path == agent.path() && path.to_ascii_lowercase().ends_with(".json");
    is_agent_url || path.ends_with("/.well-known/agent-card.json") || path.ends_with("/.well-known/agent.json")
}

/// The card with our address where it names the agent's, so that the questions go through us as well.
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

/// Whether both are at one host and port. On this machine it has two names, and servers name either.
fn is_same(url: &Url, agent: &Url) -> bool {
    let is_here = |url: &Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    let port = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    url.origin() == agent.origin() || (is_here(url) && is_here(agent) && port(url) == port(agent))
}
