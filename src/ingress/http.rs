//! The HTTP door: Meta's handshake, Meta's webhooks, and answers of the agent that come later.

mod agent_reply;
mod sorting;
mod statuses;

use std::{collections::BTreeMap, sync::Arc};

use ::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use subtle::ConstantTimeEq;

use futures_util::future;

use self::sorting::{Sorted, sort};
use super::{Delivery, Ran, run_all};
use crate::{
    app::App,
    conversation::Job,
    credentials::{CredentialsError, Keys, RejectedBy},
    queue::{DeadLetter, QueueError, Sent},
    retry::Clock,
    telemetry::Chain,
    whatsapp::{
        inbound,
        signature::{self, SignatureError, SignedBody},
    },
};

/// Most bytes of a webhook; Meta sends 3 MB at most.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// Answers one request.
///
/// | route | answer |
/// |---|---|
/// | `GET /webhook` | 200 and the challenge for the right verify token, else 403 |
/// | `POST /webhook` | 200 once every job is safe; 401 without a valid signature; 413 over 4 MB; 503 when the jobs are not safe |
/// | `POST /agent/reply` | 202 once the answer is safe; 401 without a valid signature; 404 for a turn that waits for none; 400 for a body that is no answer; 413 over 4 MB; 503 when it is not safe |
/// | another method | 405 |
/// | another path | 404 |
///
/// A slash at the end of a path makes no difference.
pub async fn handle(app: &App, request: Request<Bytes>, clock: &Clock) -> Response<String> {
    let path = request.uri().path().to_owned();
    // People paste an address with a slash behind it.
    match (path.trim_end_matches('/'), request.method()) {
        ("/webhook", &Method::GET) => handshake(app, request.uri().query().unwrap_or_default()).await,
        ("/webhook", &Method::POST) => webhook(app, request, clock).await,
        ("/webhook", _) => wrong_method("GET, POST"),
        ("/agent/reply", &Method::POST) => agent_reply::take(app, request, clock).await,
        ("/agent/reply", _) => wrong_method("POST"),
        (path, _) => {
            // A path may hold anything, so it is not logged.
            if path.is_empty() || path.to_ascii_lowercase().ends_with("webhook") {
                tracing::warn!("refused with 404: the webhook is at /webhook, and the path asked for is another");
            } else {
                tracing::info!("refused with 404: there is nothing at the path asked for");
            }
            answer(StatusCode::NOT_FOUND, "nothing here: the webhook is at /webhook")
        }
    }
}

async fn handshake(app: &App, query: &str) -> Response<String> {
    let parameters: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let parameter = |name| parameters.get(name).map(AsRef::as_ref).unwrap_or_default();
    let given: &str = parameter("hub.verify_token");
    let matches = |keys: &Keys| {
        keys.verify_token.present().is_some_and(|token| bool::from(token.expose().as_bytes().ct_eq(given.as_bytes())))
    };
    let check = |keys: Arc<Keys>| std::future::ready(Ok::<_, CredentialsError>(matches(&keys)));
    let verified = app.credentials.with_keys(RejectedBy::Door, |verified| matches!(verified, Ok(false)), check).await;
    match verified {
        Ok(true) if parameter("hub.mode") == "subscribe" => {
            tracing::info!("handshake: the webhook is connected");
            answer(StatusCode::OK, parameter("hub.challenge"))
        }
        Ok(_) => {
            tracing::warn!(
                "handshake refused: hub.verify_token is not verify_token of the secret, or hub.mode is not subscribe"
            );
            answer(
                StatusCode::FORBIDDEN,
                "hub.mode must be subscribe and hub.verify_token the verify_token of the secret",
            )
        }
        Err(error) => no_credentials(&error),
    }
}

async fn webhook(app: &App, request: Request<Bytes>, clock: &Clock) -> Response<String> {
    if request.body().len() > MAX_BODY {
        tracing::warn!(bytes = request.body().len(), "webhook refused: larger than 4 MB");
        return answer(StatusCode::PAYLOAD_TOO_LARGE, "a webhook has 4 MB at most");
    }
    let (parts, body) = request.into_parts();
    let header = parts.headers.get(signature::HEADER).map(HeaderValue::as_bytes);
    let signed = match verify(app, &body, header).await {
        Ok(Ok(signed)) => signed,
        Ok(Err(error)) => {
            tracing::warn!(error = %error, bytes = body.len(), "webhook refused");
            return answer(StatusCode::UNAUTHORIZED, &error.to_string());
        }
        Err(error) => return no_credentials(&error),
    };
    if !signed.is_checked() {
        tracing::warn!(
            "a webhook is believed without a signature, as REQUIRE_SIGNATURE=false allows while app_secret is empty: whoever knows this address can write as anybody"
        );
    }
    let events = inbound::parse(&signed);
    if !app.settings.enabled {
        tracing::info!(
            events = events.len(),
            "the endpoint is disabled (ENDPOINT_ENABLED): acknowledged and not answered"
        );
        return answer(StatusCode::OK, "");
    }
    let Sorted { mut jobs, statuses, letters } = match sort(app, events, clock).await {
        Ok(sorted) => sorted,
        Err(refused) => return refused,
    };
    jobs.extend(statuses.iter().filter_map(inbound::Status::job));
    // Side by side, each to its end: what cannot be kept of one must not hold up the others, and a turn of this very webhook may be
    // waiting for what a status tells.
    let (written, (settled, safe)) = future::join(
        send_letters(app, letters),
        future::join(statuses::settle(app, statuses), make_safe(app, jobs, clock)),
    )
    .await;
    if let Err(error) = settled {
        tracing::error!(error = %Chain(&error), "webhook refused: Meta repeats its statuses");
        return answer(StatusCode::SERVICE_UNAVAILABLE, "a status could not be kept; send it again");
    }
    if let Err(error) = written {
        tracing::error!(error = %Chain(&error), "webhook refused: the dead-letter queue did not take what cannot be read");
        return answer(StatusCode::SERVICE_UNAVAILABLE, "what cannot be read could not be kept; send it again");
    }
    match safe {
        Ok(_) => answer(StatusCode::OK, ""),
        Err(Unsafe::NotQueued(error)) => {
            tracing::error!(error = %Chain(&error), "webhook refused: Meta repeats it");
            answer(StatusCode::SERVICE_UNAVAILABLE, "the queue did not take the messages; send them again")
        }
        Err(Unsafe::NotDone) => {
            answer(StatusCode::SERVICE_UNAVAILABLE, "not every message is answered; send them again")
        }
    }
}

/// Writes down what cannot be read, all of it, whatever becomes of one.
async fn send_letters(app: &App, letters: Vec<DeadLetter>) -> Result<(), QueueError> {
    let mut result = Ok(());
    for letter in letters {
        result = result.and(app.dead_letters.send(&letter).await);
    }
    result
}

/// Checks the signature, once more with a newer secret if there is one.
async fn verify(
    app: &App,
    body: &Bytes,
    header: Option<&[u8]>,
) -> Result<Result<SignedBody, SignatureError>, CredentialsError> {
    let check = |keys: Arc<Keys>| {
        let signed = SignedBody::verify(body.clone(), header, &keys, app.settings.require_signature);
        std::future::ready(Ok(signed))
    };
    let is_rejected = |signed: &Result<Result<SignedBody, SignatureError>, CredentialsError>| {
        matches!(signed, Ok(Err(SignatureError::Mismatch | SignatureError::NoAppSecret)))
    };
    app.credentials.with_keys(RejectedBy::Door, is_rejected, check).await
}

/// Why jobs are not safe: whoever brought them has to bring them again.
enum Unsafe {
    /// The queue did not take them.
    NotQueued(QueueError),
    /// There is no queue, and not all of them are done.
    NotDone,
}

/// What became of jobs that are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Safe {
    /// They are in the queue, or done.
    Kept,
    /// At least one of those that were done at once is given up.
    GivenUp,
}

/// Stores the jobs, or does them at once where there is no queue, or one that will never take them.
async fn make_safe(app: &App, jobs: Vec<Job>, clock: &Clock) -> Result<Safe, Unsafe> {
    if jobs.is_empty() {
        return Ok(Safe::Kept);
    }
    let Sent { queued, at_once, error } = match &app.queue {
        None => Sent { at_once: jobs, ..Sent::default() },
        Some(queue) => queue.send(jobs).await,
    };
    if app.queue.is_some() {
        tracing::info!(jobs = queued, at_once = at_once.len(), "queued");
    }
    let deliveries = at_once.into_iter().map(|job| Delivery { tag: (), job, receives: 1 });
    let ran = run_all(app, deliveries, clock).await;
    if let Some(error) = error {
        return Err(Unsafe::NotQueued(error));
    }
    let has = |which: fn(&Ran) -> bool| ran.iter().any(|((), ran)| which(ran));
    match (has(|ran| matches!(ran, Ran::Again(_))), has(|ran| matches!(ran, Ran::GivenUp))) {
        (true, _) => Err(Unsafe::NotDone),
        (false, true) => Ok(Safe::GivenUp),
        (false, false) => Ok(Safe::Kept),
    }
}

fn wrong_method(allowed: &'static str) -> Response<String> {
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, &format!("only {}", allowed.replace(", ", " and ")));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn no_credentials(error: &CredentialsError) -> Response<String> {
    tracing::error!(error = %Chain(error), "no credentials");
    answer(StatusCode::SERVICE_UNAVAILABLE, "the credentials of this endpoint cannot be read; its log says why")
}

pub(super) fn answer(status: StatusCode, body: &str) -> Response<String> {
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
