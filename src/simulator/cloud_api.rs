//! The simulated Graph API: it takes what Meta takes, and refuses what Meta refuses or would lose.

mod body;
mod interactive;
mod limits;
pub(super) mod media;
mod template;

use std::ops::Range;

use axum::{
    Json, Router,
    extract::{Path, Query, State as AxumState},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use self::body::{Checked, Refusal, UNSUPPORTED, refuse};
use super::{Line, Simulator, State};
use crate::{credentials::Secret, whatsapp::signature::appsecret_proof};

/// The code of a token that is not the right one.
const TOKEN: i64 = 190;

pub(super) fn routes() -> Router<Simulator> {
    Router::new().route("/{version}/{number}/messages", post(messages)).merge(media::routes())
}

#[derive(Deserialize)]
struct Parameters {
    appsecret_proof: Option<String>,
    phone_number_id: Option<String>,
}

/// The token, the proof, and the number if the call names one.
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

async fn messages(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, number)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = simulator.now();
    let result = simulator.change(|state| {
        authorize(state, &headers, &parameters, Some(&number))?;
        let body = read(&headers, &body)?;
        state.media.tidy(now);
        limits::check(&body, &state.media)?;
        state.calls.push(body.clone());
        Ok(state.take(&body))
    });
    match result {
        Ok(None) => (StatusCode::BAD_GATEWAY, Json(json!("lost"))).into_response(),
        Ok(Some(taken)) => answer(Ok(taken)),
        Err(refusal) => answer(Err(refusal)),
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Checked<Value> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return refuse(UNSUPPORTED, format!("a body of type {kind} cannot be read"));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refusal { code: UNSUPPORTED, details: format!("the body is no JSON: {error}") })
}

impl State {
    /// Takes a body that was checked; answers what Meta answers, unless that is to be lost.
    fn take(&mut self, body: &Value) -> Option<Value> {
        if body["status"] == "read" {
            let id = body["message_id"].as_str().unwrap_or_default().to_owned();
            self.lines.push(Line::Read { id });
            self.lines.push(Line::Typing { on: body["typing_indicator"].is_object() });
            return Some(json!({ "success": true }));
        }
        let wamid = self.new_wamid();
        self.lines.push(Line::Typing { on: false });
        self.show_reply(&wamid, body);
        self.remember(&wamid, body);
        let Range { start, end } = self.answers_to_lose;
        self.answers_to_lose = start.saturating_sub(1)..end.saturating_sub(1);
        if start == 0 && end > 0 {
            return None;
        }
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
        Some(json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [message] }))
    }
}

impl Simulator {
    /// Whether the simulated Meta would take this body of a send request.
    ///
    /// # Errors
    /// What it would say.
    pub fn check(&self, body: &Value) -> Result<(), String> {
        limits::check(body, &self.state().media).map_err(|Refusal { code, details }| format!("{code}: {details}"))
    }
}
