//! The simulated Graph API: it accepts what Meta accepts, and refuses what Meta refuses or would lose.

mod account;
mod body;
pub(super) mod calls;
mod interactive;
pub(super) mod media;
mod message;
mod template;

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, Query, State as AxumState},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use self::body::{Checked, Refusal, UNSUPPORTED, refuse};
use super::{
    Account, Fault, Simulator, State, exchanges,
    faults::Faults,
    feed::{FeedEvent, Person, Tick},
    history::History,
    rules,
};

/// The code of an invalid token.
const TOKEN: i64 = 190;

pub(super) fn routes(simulator: &Simulator) -> Router<Simulator> {
    Router::new()
        .route("/{version}/{number}/messages", post(messages))
        .merge(media::routes())
        .merge(account::routes())
        .layer(middleware::from_fn_with_state(simulator.clone(), exchanges::watch))
}

#[derive(Deserialize)]
struct Parameters {
    appsecret_proof: Option<String>,
    phone_number_id: Option<String>,
}

/// Checks the token, the proof, and the id of the number if the call names one.
fn authorize(account: &Account, headers: &HeaderMap, parameters: &Parameters, number: Option<&str>) -> Checked {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if bearer != format!("Bearer {}", account.access_token) {
        return refuse(TOKEN, "Error validating access token");
    }
    if parameters.appsecret_proof.as_ref() != Some(&account.proof()) {
        return refuse(UNSUPPORTED, "Invalid appsecret_proof provided in the API argument");
    }
    match number {
        Some(number) if number != account.phone_number_id => {
            refuse(33, format!("Unsupported post request. Object with ID '{number}' does not exist"))
        }
        Some(_) | None => Ok(()),
    }
}

fn answer(result: Checked<Value>) -> Response {
    match result {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => {
            let status = if refusal.code == TOKEN { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
            (status, Json(refusal.json())).into_response()
        }
    }
}

/// The outcome of a call that Meta does not refuse.
enum Outcome {
    /// A message of a person was read.
    Read,
    /// A message of the business is accepted.
    Accepted(Acceptance),
    /// The call is rejected with this status and these seconds in `Retry-After`.
    Rejected(StatusCode, Option<u32>),
}

/// A message of the business that is accepted.
struct Acceptance {
    wamid: String,
    /// The code with which it fails later.
    fails: Option<i64>,
    /// Milliseconds before the answer.
    pause: Option<u32>,
    /// Meta's answer; `None`: a gateway loses it.
    answer: Option<Value>,
}

async fn messages(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, number)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let result = simulator.change(|state| {
        authorize(&state.account, &headers, &parameters, Some(&number))?;
        let body = read(&headers, &body)?;
        state.media.delete_expired(state.clock.now());
        message::check(&body, &state.media)?;
        if body["status"] == "read" {
            state.calls.record(&body);
            accept_read(&body, &mut state.history);
            return Ok(Outcome::Read);
        }
        state.send(&body)
    });
    match result {
        Ok(Outcome::Read) => answer(Ok(json!({ "success": true }))),
        Ok(Outcome::Accepted(Acceptance { wamid, fails, pause, answer: body })) => {
            simulator.report_in_background(&wamid, fails);
            if let Some(milliseconds) = pause {
                tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
            }
            match body {
                Some(body) => answer(Ok(body)),
                None => (StatusCode::BAD_GATEWAY, Json(json!("lost"))).into_response(),
            }
        }
        Ok(Outcome::Rejected(status, None)) => {
            let refusal = Refusal { code: 131_016, details: "Service unavailable".to_owned() };
            (status, Json(refusal.json())).into_response()
        }
        Ok(Outcome::Rejected(status, Some(seconds))) => {
            let refusal = Refusal { code: rules::THROUGHPUT, details: "Rate limit hit".to_owned() };
            (status, [(header::RETRY_AFTER, seconds.to_string())], Json(refusal.json())).into_response()
        }
        Err(refusal) => answer(Err(refusal)),
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Checked<Value> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return refuse(UNSUPPORTED, format!("a body of type {kind} cannot be read"));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refusal { code: UNSUPPORTED, details: format!("the body is not JSON: {error}") })
}

impl State {
    /// Accepts a message that was checked, unless a fault or a rule is against it.
    fn send(&mut self, body: &Value) -> Checked<Outcome> {
        let now = self.clock.now();
        if let Some(rejected) = reject(&mut self.faults, &mut self.history)? {
            return Ok(rejected);
        }
        let person = self.people.recipient(body, &mut self.history);
        if let Some(code) = rules::refuses_category(body, || self.faults.strikes(Fault::DirectSend, &mut self.history))
        {
            return refuse(code, "category: text without a template is not enabled for this account");
        }
        if rules::is_unwanted(&person, body) {
            return refuse(rules::OPTED_OUT, "User has stopped marketing messages from your business");
        }
        let strikes = |fault| self.faults.strikes(fault, &mut self.history);
        if let Some((code, details)) = self.timing.too_fast(&person, now, strikes) {
            return refuse(code, details);
        }
        self.calls.record(body);
        let outside = self.faults.strikes(Fault::Window, &mut self.history).is_some()
            && rules::is_outside_window(&person, body, now);
        let wamid = self.accept(&person, body);
        let mut strikes = |fault| self.faults.strikes(fault, &mut self.history);
        let fails = match outside {
            true => Some(rules::OUTSIDE_WINDOW),
            false => strikes(Fault::FailSend).map(i64::from),
        };
        let pause = strikes(Fault::AnswerLate);
        let is_lost = strikes(Fault::LoseAnswer).is_some();
        let answer = (!is_lost).then(|| acceptance(&wamid, body));
        Ok(Outcome::Accepted(Acceptance { wamid, fails, pause, answer }))
    }

    /// Shows and records a message that is accepted. Returns its id.
    fn accept(&mut self, person: &Person, body: &Value) -> String {
        let wamid = self.ids.wamid();
        self.history.show_reply(&wamid, &person.id, body);
        let member = self.people.member_of_a_group().filter(|_| body["recipient_type"] == "group");
        self.sent.record(&wamid, member.unwrap_or(person).clone(), body);
        wamid
    }
}

/// Rejects a send, if a fault says so.
fn reject(faults: &mut Faults, history: &mut History) -> Checked<Option<Outcome>> {
    let mut strikes = |fault| faults.strikes(fault, history);
    if strikes(Fault::RefuseToken).is_some() {
        return refuse(TOKEN, "Error validating access token");
    }
    if let Some(seconds) = strikes(Fault::RateLimit) {
        return Ok(Some(Outcome::Rejected(StatusCode::TOO_MANY_REQUESTS, Some(seconds))));
    }
    let status = strikes(Fault::ServerError).and_then(|status| u16::try_from(status).ok());
    let status = status.map(|status| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    Ok(status.map(|status| Outcome::Rejected(status, None)))
}

/// Accepts that a message was read, with or without a typing indicator.
fn accept_read(body: &Value, history: &mut History) {
    let id = body["message_id"].as_str().unwrap_or_default();
    let person = history.bubble(id).map(|bubble| bubble.person.clone());
    history.show_tick(id, Tick::Read, None);
    history.record(FeedEvent::Typing { person, on: body["typing_indicator"].is_object() });
}

/// Returns Meta's answer to a message that is accepted.
fn acceptance(wamid: &str, body: &Value) -> Value {
    let (to, recipient) = (&body["to"], &body["recipient"]);
    let mut message = json!({ "id": wamid });
    let contact = if body["recipient_type"] == "group" {
        message["group_id"] = to.clone();
        json!({ "input": to })
    } else if let Some(to) = to.as_str() {
        json!({ "input": to, "wa_id": to.trim_start_matches('+') })
    } else {
        json!({ "input": recipient, "user_id": recipient })
    };
    if body["type"] == "template" {
        message["message_status"] = json!("accepted");
    }
    json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [message] })
}

impl Simulator {
    /// Checks whether the simulated Meta accepts this body of a send request.
    ///
    /// # Errors
    /// The refusal.
    pub fn check(&self, body: &Value) -> Result<(), String> {
        message::check(body, &self.state().media).map_err(|Refusal { code, details }| format!("{code}: {details}"))
    }
}
