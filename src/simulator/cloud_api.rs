//! The simulated Graph API: it accepts what Meta accepts, and refuses what Meta refuses or would lose.

mod account;
mod body;
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
    Fault, Simulator, State, exchanges,
    feed::{FeedEvent, Person, Tick},
    rules,
};
use crate::{credentials::Secret, whatsapp::signature::appsecret_proof};

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
fn authorize(state: &State, headers: &HeaderMap, parameters: &Parameters, number: Option<&str>) -> Checked {
    let account = &state.account;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if bearer != format!("Bearer {}", account.access_token) {
        return refuse(TOKEN, "Error validating access token");
    }
    let proof = appsecret_proof(&Secret::from(account.app_secret.clone()), &Secret::from(account.access_token.clone()));
    if parameters.appsecret_proof.as_ref() != Some(&proof) {
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

/// The outcome of a call.
enum Outcome {
    /// It is accepted and answered.
    Accepted(Value),
    /// It is accepted, and a gateway loses the answer.
    Lost,
    /// It is rejected with this status and these seconds in `Retry-After`.
    Rejected(StatusCode, Option<u32>),
}

async fn messages(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, number)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = simulator.now();
    let (mut pause, mut accepted) = (None, None);
    let result = simulator.change(|state| {
        authorize(state, &headers, &parameters, Some(&number))?;
        let body = read(&headers, &body)?;
        state.media.delete_expired(now);
        message::check(&body, &state.media)?;
        if body["status"] == "read" {
            state.calls.push(body.clone());
            return Ok(Outcome::Accepted(state.accept_read(&body)));
        }
        if let Some(rejected) = state.reject()? {
            return Ok(rejected);
        }
        let person = state.recipient(&body);
        if let Some((code, details)) = state.too_fast(&person, now) {
            return refuse(code, details);
        }
        state.calls.push(body.clone());
        let kind = body["type"].as_str().unwrap_or_default();
        let outside = state.is_outside_window(&person, kind, now).then_some(rules::OUTSIDE_WINDOW);
        let (wamid, answer) = state.accept(&person, &body);
        let fails = outside.or_else(|| state.strikes(Fault::FailSend).map(i64::from));
        accepted = Some((wamid, fails));
        pause = state.strikes(Fault::AnswerLate);
        Ok(if state.strikes(Fault::LoseAnswer).is_some() { Outcome::Lost } else { Outcome::Accepted(answer) })
    });
    if let Some((wamid, fails)) = accepted {
        simulator.report_in_background(&wamid, fails);
    }
    if let Some(milliseconds) = pause {
        tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
    }
    match result {
        Ok(Outcome::Accepted(body)) => answer(Ok(body)),
        Ok(Outcome::Lost) => (StatusCode::BAD_GATEWAY, Json(json!("lost"))).into_response(),
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
    /// Rejects a send, if a fault says so.
    fn reject(&mut self) -> Checked<Option<Outcome>> {
        if self.strikes(Fault::RefuseToken).is_some() {
            return refuse(TOKEN, "Error validating access token");
        }
        if let Some(seconds) = self.strikes(Fault::RateLimit) {
            return Ok(Some(Outcome::Rejected(StatusCode::TOO_MANY_REQUESTS, Some(seconds))));
        }
        let status = self.strikes(Fault::ServerError).and_then(|status| u16::try_from(status).ok());
        let status = status.map(|status| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        Ok(status.map(|status| Outcome::Rejected(status, None)))
    }

    /// Accepts that a message was read, with or without a typing indicator. Returns Meta's answer.
    fn accept_read(&mut self, body: &Value) -> Value {
        let id = body["message_id"].as_str().unwrap_or_default();
        let person = self.history.bubble(id).map(|bubble| bubble.person.clone());
        self.show_tick(id, Tick::Read, None);
        self.history.record(FeedEvent::Typing { person, on: body["typing_indicator"].is_object() });
        json!({ "success": true })
    }

    /// Returns the person that a send goes to.
    fn recipient(&mut self, body: &Value) -> Person {
        let (to, recipient) = (body["to"].as_str(), body["recipient"].as_str());
        match to {
            Some(group) if body["recipient_type"] == "group" => self.group_by_id_or_new(group),
            to => self.person_by_id_or_new(to, recipient),
        }
    }

    /// Accepts a body that was checked. Returns the id of the message and Meta's answer.
    fn accept(&mut self, person: &Person, body: &Value) -> (String, Value) {
        let wamid = self.new_wamid();
        self.show_reply(&wamid, &person.id, body);
        self.record_send(&wamid, person, body);
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
        (wamid, json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [message] }))
    }
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
