//! The account as a health check reads it: the token, the app's webhook, the subscription, the number.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/override> and
//! <https://developers.facebook.com/docs/graph-api/reference/debug_token>

use std::time::Duration;

use axum::{
    Router,
    extract::{Path, Query, RawQuery, State as AxumState},
    http::{HeaderMap, header},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Parameters, TOKEN, answer, authorize,
    body::{Checked, UNSUPPORTED, refuse},
};
use crate::simulator::{Account, Simulator, endpoint::Endpoint};

/// Longest callback URL, in characters.
const MAX_URL: usize = 200;
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
const APP_NAME: &str = "Simulated app";

pub(super) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/debug_token", get(debug_token))
        .route("/{version}/debug_token", get(debug_token))
        .route("/{version}/{node}/subscriptions", get(subscriptions).post(subscribe))
        .route("/{version}/{node}/subscribed_apps", get(subscribed).post(join).delete(leave))
        .route("/{version}/{node}/phone_numbers", get(numbers))
}

#[derive(Deserialize)]
struct Asked {
    input_token: Option<String>,
    access_token: Option<String>,
}

/// Returns the node with this id if it is not a file: the number, the WhatsApp Business Account or the app.
pub(super) fn node(account: &Account, endpoint: &Endpoint, id: &str) -> Option<Value> {
    if id == account.phone_number_id {
        Some(number(account, endpoint))
    } else if id == Account::WABA_ID {
        Some(json!({ "id": Account::WABA_ID, "name": "Simulated business", "currency": "USD", "timezone_id": "1" }))
    } else if id == account.app_id {
        Some(json!({ "id": account.app_id, "name": APP_NAME }))
    } else {
        None
    }
}

/// Returns the number with all its fields.
fn number(account: &Account, endpoint: &Endpoint) -> Value {
    json!({
        "id": account.phone_number_id,
        "display_phone_number": "+1 555-000-9001",
        "verified_name": "Simulated business",
        "quality_rating": "GREEN",
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "status": "CONNECTED",
        "platform_type": "CLOUD_API",
        "account_mode": "LIVE",
        "throughput": { "level": "STANDARD" },
        "webhook_configuration": { "application": endpoint.url() },
        "health_status": { "can_send_message": "AVAILABLE" },
    })
}

/// Whether a call has the token of the app.
fn is_app(account: &Account, headers: &HeaderMap, given: Option<&str>) -> bool {
    let token = account.app_token();
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given == Some(token.as_str()) || bearer == Some(format!("Bearer {token}").as_str())
}

fn only_the_app(account: &Account, headers: &HeaderMap, given: Option<&str>, node: &str) -> Checked {
    if node != account.app_id {
        return refuse(UNSUPPORTED, format!("Unsupported request. Object with ID '{node}' does not exist"));
    }
    match is_app(account, headers, given) {
        true => Ok(()),
        false => refuse(TOKEN, "This call wants the token of the app: app id, a bar, app secret"),
    }
}

async fn debug_token(
    AxumState(simulator): AxumState<Simulator>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let state = simulator.state();
    let account = &state.account;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = format!("Bearer {}", account.access_token);
    let may = is_app(account, &headers, asked.access_token.as_deref())
        || bearer == own
        || asked.access_token.as_ref() == Some(&account.access_token);
    if !may {
        return answer(refuse(TOKEN, "Invalid OAuth access token: the app's token or the asked one is wanted"));
    }
    let Some(token) = asked.input_token else {
        return answer(refuse(UNSUPPORTED, "Required parameter is missing: input_token"));
    };
    let scopes = ["whatsapp_business_management", "whatsapp_business_messaging"];
    answer(Ok(if token == account.access_token {
        let granular = scopes.map(|scope| json!({ "scope": scope, "target_ids": [Account::WABA_ID] }));
        json!({ "data": {
            "app_id": account.app_id, "application": APP_NAME, "type": "SYSTEM_USER", "is_valid": true,
            "expires_at": 0, "data_access_expires_at": 0, "scopes": scopes, "granular_scopes": granular,
        } })
    } else {
        let error = json!({ "code": TOKEN, "message": "The access token could not be decrypted" });
        json!({ "data": { "app_id": account.app_id, "is_valid": false, "scopes": [], "error": error } })
    }))
}

async fn subscriptions(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, node)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let state = simulator.state();
    answer(only_the_app(&state.account, &headers, asked.access_token.as_deref(), &node).map(|()| {
        let subscription = state.endpoint.url().map(|url| {
            json!({
                "object": "whatsapp_business_account", "callback_url": url, "active": true,
                "fields": [{ "name": "messages", "version": "v26.0" }],
            })
        });
        json!({ "data": subscription.into_iter().collect::<Vec<_>>() })
    }))
}

#[derive(Deserialize)]
struct Subscription {
    object: String,
    callback_url: String,
    verify_token: String,
    access_token: Option<String>,
}

/// Connects another endpoint, once it has answered the handshake.
async fn subscribe(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, node)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = if body.is_empty() { Bytes::from(query.unwrap_or_default()) } else { body };
    let parameters = url::form_urlencoded::parse(&body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    let asked = serde_json::from_value::<Subscription>(Value::Object(parameters));
    let Ok(asked) = asked.or_else(|_| serde_json::from_slice(&body)) else {
        return answer(refuse(UNSUPPORTED, "object, callback_url and verify_token are wanted"));
    };
    let allowed = only_the_app(&simulator.state().account, &headers, asked.access_token.as_deref(), &node);
    if let Err(refusal) = allowed {
        return answer(Err(refusal));
    }
    if asked.object != "whatsapp_business_account" || asked.callback_url.len() > MAX_URL {
        return answer(refuse(
            UNSUPPORTED,
            "object must be whatsapp_business_account; a URL has 200 characters at most",
        ));
    }
    let connected = simulator.handshake(&asked.callback_url, &asked.verify_token).await;
    answer(match connected {
        Ok(()) => {
            simulator.connect(&asked.callback_url);
            Ok(json!({ "success": true }))
        }
        Err(why) => refuse(2200, format!("Callback verification failed with the following errors: {why}")),
    })
}

impl Simulator {
    /// Verifies an endpoint, as Meta does when a callback URL is saved.
    ///
    /// # Errors
    /// The answer that is not the challenge, or why there is none.
    pub async fn handshake(&self, url: &str, verify_token: &str) -> Result<(), String> {
        let challenge = fastrand::u64(1_000_000_000..10_000_000_000).to_string();
        let mut address = url::Url::parse(url).map_err(|error| format!("{url} is not a URL: {error}"))?;
        address
            .query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge)
            .append_pair("hub.verify_token", verify_token);
        let request = self.0.http.get(address).timeout(HANDSHAKE_PATIENCE);
        let response =
            request.send().await.map_err(|error| format!("{url} cannot be reached: {}", error.without_url()))?;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        match status == 200 && text == challenge {
            true => Ok(()),
            false => Err(format!("HTTP {status}: {text}")),
        }
    }
}

async fn subscribed(caller: Caller) -> Response {
    with_account(caller, |account, endpoint| {
        let id = &account.app_id;
        let app =
            json!({ "whatsapp_business_api_data": { "id": id, "link": "https://example.com/", "name": APP_NAME } });
        json!({ "data": endpoint.is_subscribed().then_some(app).into_iter().collect::<Vec<_>>() })
    })
}

async fn join(caller: Caller) -> Response {
    with_account(caller, |_, endpoint| {
        endpoint.subscribe(true);
        json!({ "success": true })
    })
}

async fn leave(caller: Caller) -> Response {
    with_account(caller, |_, endpoint| {
        endpoint.subscribe(false);
        json!({ "success": true })
    })
}

async fn numbers(caller: Caller) -> Response {
    with_account(caller, |account, endpoint| json!({ "data": [number(account, endpoint)] }))
}

/// The caller and its token.
type Caller = (AxumState<Simulator>, Path<(String, String)>, Query<Parameters>, HeaderMap);

/// Checks the token and the id of the WhatsApp Business Account, then acts on it.
fn with_account(caller: Caller, act: impl FnOnce(&Account, &mut Endpoint) -> Value) -> Response {
    let (AxumState(simulator), Path((_version, node)), Query(parameters), headers) = caller;
    answer(simulator.change(|state| {
        authorize(&state.account, &headers, &parameters, None)?;
        if node != Account::WABA_ID {
            return refuse(UNSUPPORTED, format!("Unsupported request. Object with ID '{node}' does not exist"));
        }
        Ok(act(&state.account, &mut state.endpoint))
    }))
}
