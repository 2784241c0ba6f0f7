//! Other systems that speak first: who may, for whom, and how their calls are told apart.

use std::sync::Arc;

use ::http::{HeaderMap, Request, Response, StatusCode, header, request::Parts};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{Unsafe, answer, make_safe, no_credentials};
use crate::{
    app::App,
    conversation::{Conversation, ConversationId, Job, PhoneNumberId, TurnId},
    credentials::{CredentialsError, Keys, RejectedBy},
    outbox::OutboxError,
    retry::Clock,
    telemetry::Chain,
};

/// Most bytes of a body: as a job in the queue it is a few times as large.
const MAX_BODY: usize = 200 * 1024;
/// Most bytes of an `Idempotency-Key`.
const MAX_KEY: usize = 255;
/// Digits of a phone number with its country (E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A call of somebody who has the key.
pub(super) struct Call {
    /// The number that speaks.
    pub number: PhoneNumberId,
    /// What it says.
    pub body: Bytes,
    /// How it came: for the operator's script.
    pub parts: Parts,
    route: &'static str,
    /// The caller's own name for this call.
    key: Option<String>,
}

/// The result of a check: to go on, or to answer at once.
pub(super) type Checked<T> = Result<T, Response<String>>;

/// Checks the key, which the caller shows in a header or at the end of the path; then the size.
pub(super) async fn admit(app: &App, route: &'static str, in_path: &str, request: Request<Bytes>) -> Checked<Call> {
    let (parts, body) = request.into_parts();
    let shown = shown_key(in_path, &parts.headers).unwrap_or_default();
    let check = |keys: Arc<Keys>| {
        std::future::ready(Ok::<_, CredentialsError>(match keys.api_key.present() {
            Some(key) if bool::from(key.expose().as_bytes().ct_eq(shown.as_bytes())) => {
                Ok(keys.phone_number_id.clone())
            }
            Some(_) if shown.is_empty() => Err(
                "show api_key of the secret: in the header X-API-Key, as Authorization: Bearer <api_key>, or at the end of the path",
            ),
            Some(_) => Err("this is not api_key of the secret"),
            None => Err("api_key is empty in the secret: fill it in to let other systems speak"),
        }))
    };
    let is_stranger =
        |number: &Result<Result<PhoneNumberId, &'static str>, CredentialsError>| matches!(number, Ok(Err(_)));
    let number = app.credentials.with_keys(RejectedBy::Caller, is_stranger, check).await;
    let number = match number.map_err(|error| no_credentials(&error))? {
        Ok(number) => number,
        Err(why) => {
            tracing::warn!(route, why, "a call is refused");
            return Err(answer(StatusCode::UNAUTHORIZED, why));
        }
    };
    if number.is_empty() || !app.settings.webhook.enabled {
        let why =
            if number.is_empty() { "phone_number_id is empty in the secret" } else { "ENDPOINT_ENABLED is false" };
        tracing::error!(route, why, "a call is refused");
        return Err(answer(StatusCode::SERVICE_UNAVAILABLE, why));
    }
    if body.len() > MAX_BODY {
        tracing::warn!(route, bytes = body.len(), max = MAX_BODY, "a call is refused: too large");
        return Err(answer(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body has {MAX_BODY} bytes at most")));
    }
    let key = parts.headers.get("idempotency-key").map(::http::HeaderValue::as_bytes);
    if key.is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
        return Err(refuse(route, &format!("Idempotency-Key is empty or has more than {MAX_KEY} bytes")));
    }
    let key = key.map(|key| String::from_utf8_lossy(key).into_owned());
    Ok(Call { number, body, parts, route, key })
}

fn shown_key(in_path: &str, headers: &HeaderMap) -> Option<String> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, key) = header(header::AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    };
    let in_path = percent_decode_str(in_path).decode_utf8_lossy();
    Some(in_path.into_owned())
        .filter(|key| !key.is_empty())
        .or_else(|| header("x-api-key").map(|key| key.trim().to_owned()))
        .or_else(bearer)
}

/// Refuses a body: `why` says where and what.
pub(super) fn refuse(route: &str, why: &str) -> Response<String> {
    tracing::warn!(route, why, "a call is refused");
    answer(StatusCode::BAD_REQUEST, why)
}

/// Refuses what the state of the conversation does not allow.
pub(super) fn conflict(route: &str, reason: &str, details: &str) -> Response<String> {
    tracing::info!(route, reason, "a call is refused");
    json(StatusCode::CONFLICT, &serde_json::json!({ "reason": reason, "details": details }))
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<String> {
    let mut response = answer(status, &body.to_string());
    response.headers_mut().insert(header::CONTENT_TYPE, ::http::HeaderValue::from_static("application/json"));
    response
}

/// The person's name without what people write around it; a phone number is its digits.
pub(super) fn name_of(user_id: &str) -> &str {
    user_id.strip_prefix('+').filter(|rest| is_phone(rest)).unwrap_or(user_id)
}

/// Whether a name is a phone number.
pub(super) fn is_phone(name: &str) -> bool {
    PHONE_DIGITS.contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
}

impl Call {
    /// The id of its turn: the same for each copy of the call, of which there are none without an `Idempotency-Key`.
    ///
    /// It holds the name that the caller uses, which stays when the channel renames the person.
    pub(super) fn turn(&self, name: &str) -> TurnId {
        let key = self.key.as_ref().map_or_else(|| format!("once {}", Uuid::now_v7()), |key| format!("key {key}"));
        TurnId::of(&self.number, &format!("{} {name} {key}", self.route))
    }

    /// The conversation with a person, as it is stored, and what they want as it is kept under any of their names: another conversation
    /// with the same person may know better.
    pub(super) async fn find(
        &self,
        app: &App,
        name: &str,
        clock: &Clock,
    ) -> Checked<Option<(ConversationId, Conversation)>> {
        let found = app.outbox.find(&self.number, name, clock).await.map_err(|error| self.unreadable(&error))?;
        let Some((id, mut conversation)) = found else { return Ok(None) };
        let kept = app.outbox.kept_preferences(&id, &conversation.person, clock).await;
        if let Some(kept) = kept.map_err(|error| self.unreadable(&error))? {
            conversation.prefer(kept);
        }
        Ok(Some((id, conversation)))
    }

    /// Nothing can be said while the store cannot be read.
    pub(super) fn unreadable(&self, error: &OutboxError) -> Response<String> {
        tracing::error!(route = self.route, error = %Chain(error), "a call is refused: it has to come again");
        answer(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read; send it again")
    }

    /// Nobody of this name.
    pub(super) fn nobody(&self) -> Response<String> {
        tracing::info!(route = self.route, "a call is refused: nobody of that name has written");
        answer(StatusCode::NOT_FOUND, "nobody with this userId has written to this number")
    }

    /// Makes the job safe, and says so.
    pub(super) async fn accept(&self, app: &App, job: Job, clock: &Clock) -> Response<String> {
        let turn = job.id.clone();
        tracing::info!(turn = %turn, route = self.route, "a call is taken");
        match make_safe(app, vec![job], clock).await {
            Ok(_) => accepted(&turn),
            Err(Unsafe::NotQueued(error)) => {
                tracing::error!(turn = %turn, error = %Chain(&error), "a call is refused: it has to come again");
                answer(StatusCode::SERVICE_UNAVAILABLE, "the queue did not take it; send it again")
            }
            Err(Unsafe::NotDone) => answer(StatusCode::SERVICE_UNAVAILABLE, "it is not done; send it again"),
        }
    }
}

/// It is safe, now or since an earlier copy.
pub(super) fn accepted(turn: &TurnId) -> Response<String> {
    json(StatusCode::ACCEPTED, &serde_json::json!({ "turnId": turn }))
}
