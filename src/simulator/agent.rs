//! Between the endpoint and the agent: what is asked and answered there is passed on as it is, and shown.

use std::time::{Duration, Instant};

use axum::{
    Router,
    body::Bytes,
    extract::State as AxumState,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::any,
};
use url::Url;

use super::{
    Simulator,
    wire::{Exchange, Kind, told},
};
use crate::{conversation::JobId, telemetry::Chain};

/// Where agents are reached through us.
const PREFIX: &str = "/agent";
/// The endpoint gives up before.
const PATIENCE: Duration = Duration::from_mins(15);

pub(super) fn routes() -> Router<Simulator> {
    Router::new().route(PREFIX, any(pass_on)).route("/agent/", any(pass_on)).route("/agent/{*path}", any(pass_on))
}

impl Simulator {
    /// Stands between the endpoint and the agent at this address; answers the path here that the endpoint is to ask.
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
    let mut exchange = Exchange::new(
        simulator.next_exchange(),
        Kind::Agent,
        method.as_str(),
        url.split('?').next().unwrap_or_default(),
        &told(&headers),
        &body,
    );
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    (exchange.person, exchange.message) = simulator.asked_about(key);
    simulator.show_exchange(&exchange);

    let headers_of_ours = headers.get(header::HOST).cloned();
    let mut request = simulator.0.http.request(method, &url).timeout(PATIENCE);
    // The length and the connection are the next hop's own.
    let own = [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING];
    for (name, value) in headers.iter().filter(|(name, _)| !own.contains(name)) {
        request = request.header(name, value);
    }
    let began = Instant::now();
    let answer = async {
        let response = request.body(body).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
    };
    let answer = answer.await.map_err(reqwest::Error::without_url);
    match &answer {
        Ok((status, headers, bytes)) => exchange.answered(status.as_u16(), &told(headers), bytes, began),
        Err(error) => exchange.failed(Chain(error).to_string(), began),
    }
    simulator.show_exchange(&exchange);
    match answer {
        Ok((status, headers, bytes)) => {
            let bytes = if is_card(&url) { through_us(&bytes, &agent, headers_of_ours.as_ref()) } else { bytes };
            let mut response = (status, bytes).into_response();
            let passed = headers.iter().filter(|(name, _)| !own.contains(name));
            for (name, value) in passed {
                response.headers_mut().insert(name, value.clone());
            }
            response
        }
        Err(error) => {
            (StatusCode::BAD_GATEWAY, format!("the agent cannot be reached: {}", Chain(&error))).into_response()
        }
    }
}

/// Whether an agent's card is at `url`: the only answer that says where the agent is.
fn is_card(url: &str) -> bool {
    url.ends_with("/.well-known/agent-card.json") || url.ends_with("/.well-known/agent.json")
}

/// The card with our address where it names the agent's, so that the questions go through us as well.
fn through_us(card: &Bytes, agent: &Url, host: Option<&HeaderValue>) -> Bytes {
    let (Ok(text), Some(host)) = (std::str::from_utf8(card), host.and_then(|host| host.to_str().ok())) else {
        return card.clone();
    };
    let mut own = vec![agent.origin().ascii_serialization()];
    if let (Some("localhost" | "127.0.0.1"), Some(port)) = (agent.host_str(), agent.port()) {
        own = ["localhost", "127.0.0.1"].map(|name| format!("{}://{name}:{port}", agent.scheme())).into();
    }
    own.iter().fold(text.to_owned(), |text, own| text.replace(own, &format!("http://{host}{PREFIX}"))).into()
}

impl Simulator {
    /// The person and the message that the question with this idempotency key is about, among the newest messages.
    fn asked_about(&self, key: &str) -> (Option<String>, Option<String>) {
        let state = self.state();
        let number = &state.account.phone_number_id;
        let found = state.history.said().find(|bubble| key.contains(&JobId::of(number, &bubble.id).to_string()));
        found.map(|bubble| (Some(bubble.person.clone()), Some(bubble.id.clone()))).unwrap_or_default()
    }
}
