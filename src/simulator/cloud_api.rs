//! The simulated Graph API: it takes what Meta takes, and refuses what Meta refuses or would lose.

use std::{collections::BTreeSet, ops::Range};

use axum::{
    Json, Router,
    extract::{Path, Query, State as AxumState},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Line, Simulator};
use crate::{credentials::Secret, whatsapp::signature::appsecret_proof};

pub(super) fn routes() -> Router<Simulator> {
    Router::new().route("/{version}/{number}/messages", post(messages))
}

#[derive(Deserialize)]
struct Parameters {
    appsecret_proof: Option<String>,
}

/// A refusal: Meta's code and the details.
type Refused = (i64, String);

async fn messages(
    AxumState(simulator): AxumState<Simulator>,
    Path((_version, number)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let result = simulator.change(|state| {
        let account = &state.account;
        if bearer != format!("Bearer {}", account.access_token) {
            return Err((190, "Error validating access token".to_owned()));
        }
        let proof =
            appsecret_proof(&Secret::from(account.app_secret.clone()), &Secret::from(account.access_token.clone()));
        if parameters.appsecret_proof.as_ref() != Some(&proof) {
            return Err((100, "Invalid appsecret_proof provided in the API argument".to_owned()));
        }
        if number != account.phone_number_id {
            return Err((33, format!("Unsupported post request. Object with ID '{number}' does not exist")));
        }
        check(&body).map_err(|details| (100, details))?;
        state.calls.push(body.clone());
        if body["status"] == "read" {
            let id = body["message_id"].as_str().unwrap_or_default().to_owned();
            state.lines.push(Line::Read { id });
            state.lines.push(Line::Typing { on: body["typing_indicator"].is_object() });
            return Ok(json!({ "success": true }));
        }
        let wamid = state.new_wamid();
        state.lines.push(Line::Typing { on: false });
        state.show_reply(&wamid, &body);
        let contact = match (body["to"].as_str(), body["recipient"].as_str()) {
            (Some(to), _) => json!({ "input": to, "wa_id": to.trim_start_matches('+') }),
            (None, id) => json!({ "input": id, "user_id": id }),
        };
        let Range { start, end } = state.answers_to_lose;
        state.answers_to_lose = start.saturating_sub(1)..end.saturating_sub(1);
        if start == 0 && end > 0 {
            return Ok(Value::Null);
        }
        Ok(json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [{ "id": wamid }] }))
    });
    match result {
        Ok(Value::Null) => (StatusCode::BAD_GATEWAY, Json(json!("lost"))),
        Ok(answer) => (StatusCode::OK, Json(answer)),
        Err(refused) => refusal(refused),
    }
}

fn refusal((code, details): Refused) -> (StatusCode, Json<Value>) {
    let status = if code == 190 { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let error = json!({
        "message": format!("(#{code}) {details}"),
        "type": "OAuthException",
        "code": code,
        "error_data": { "messaging_product": "whatsapp", "details": details },
        "fbtrace_id": "SIMULATED",
    });
    (status, Json(json!({ "error": error })))
}

/// Whether Meta would take and deliver this body; else what is wrong.
fn check(body: &Value) -> Result<(), String> {
    let wrong = |details: &str| Err(details.to_owned());
    if body["messaging_product"] != "whatsapp" {
        return wrong("messaging_product must be whatsapp");
    }
    if !body["status"].is_null() {
        let known = body["status"] == "read" && body["message_id"].as_str().is_some_and(|id| id.starts_with("wamid."));
        return if known { Ok(()) } else { wrong("status must be read, with the message_id of a message") };
    }
    let group = body["recipient_type"] == "group";
    match (body["to"].as_str(), body["recipient"].as_str()) {
        (Some(to), None) if group && !to.is_empty() => {}
        // Meta would put a country code in front of a number without a plus sign and deliver nowhere.
        (Some(to), None) if !group && is_phone(to) => {}
        (None, Some(id)) if is_bsuid(id) => {}
        (to, recipient) => {
            return Err(format!(
                "one of to (a number with +) and recipient (a BSUID) is needed, not {to:?} and {recipient:?}"
            ));
        }
    }
    if body["biz_opaque_callback_data"].as_str().is_some_and(|data| data.chars().count() > 512) {
        return wrong("biz_opaque_callback_data has more than 512 characters");
    }
    match body["type"].as_str() {
        Some("text") => within(&body["text"]["body"], 4096, "text.body"),
        Some("interactive") if body["interactive"]["type"] == "button" => check_buttons(&body["interactive"]),
        other => Err(format!("the simulator knows text and interactive buttons, not {other:?}")),
    }
}

fn check_buttons(interactive: &Value) -> Result<(), String> {
    within(&interactive["body"]["text"], 1024, "interactive.body.text")?;
    let buttons = interactive["action"]["buttons"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !(1..=3).contains(&buttons.len()) {
        return Err(format!("{} reply buttons; 1 to 3 are allowed", buttons.len()));
    }
    let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for button in buttons {
        let reply = &button["reply"];
        within(&reply["title"], 20, "reply.title")?;
        within(&reply["id"], 256, "reply.id")?;
        if !ids.insert(reply["id"].as_str()) || !titles.insert(reply["title"].as_str()) {
            return Err("ids and titles of reply buttons must be unique".to_owned());
        }
    }
    Ok(())
}

fn within(value: &Value, most: usize, name: &str) -> Result<(), String> {
    match value.as_str().map(|text| (text.trim().is_empty(), text.chars().count())) {
        Some((false, count)) if count <= most => Ok(()),
        Some((false, count)) => Err(format!("{name} has {count} characters; {most} are allowed")),
        Some((true, _)) | None => Err(format!("{name} is missing or empty")),
    }
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_bsuid(text: &str) -> bool {
    text.split_once('.').is_some_and(|(country, id)| {
        country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()) && !id.is_empty()
    })
}
