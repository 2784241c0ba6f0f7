//! The HTTP door: Meta's handshake, Meta's webhooks, and answers of the agent that come later.

mod reply;
mod statuses;

use std::{collections::BTreeMap, sync::Arc};

use ::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use subtle::ConstantTimeEq;

use super::{Ran, run_all};
use crate::{
    app::App,
    conversation::Job,
    credentials::{CredentialsError, Keys, Refuser},
    queue::QueueError,
    retry::Clock,
    telemetry::Chain,
    whatsapp::{
        inbound::{self, Event, Status, Unanswered},
        signature::{self, SignatureError, SignedBody},
    },
};

/// Most bytes of a webhook; Meta sends 3 MB at most.
pub const BODY_MOST: usize = 4 * 1024 * 1024;

/// Answers one request.
///
/// | route | answer |
/// |---|---|
/// | `GET /webhook` | 200 and the challenge for the right verify token, else 403 |
/// | `POST /webhook` | 200 once every job is safe; 401 without a valid signature; 413 over 4 MB; 503 when the jobs are not safe |
/// | `POST /agent/reply` | 202 once the answer is safe; 401 without a valid signature; 404 for a turn that waits for none; 400 for a body that is no answer; 413 over 4 MB; 503 when it is not safe |
/// | another method | 405 |
/// | another path | 404 |
pub async fn handle(app: &App, request: Request<Bytes>, clock: &Clock) -> Response<String> {
    match (request.uri().path(), request.method()) {
        ("/webhook", &Method::GET) => handshake(app, request.uri().query().unwrap_or_default()).await,
        ("/webhook", &Method::POST) => webhook(app, request, clock).await,
        ("/webhook", _) => wrong_method("GET, POST"),
        ("/agent/reply", &Method::POST) => reply::take_in(app, request, clock).await,
        ("/agent/reply", _) => wrong_method("POST"),
        _ => answer(StatusCode::NOT_FOUND, "nothing here: the webhook is at /webhook"),
    }
}

async fn handshake(app: &App, query: &str) -> Response<String> {
    let parameters: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let parameter = |name| parameters.get(name).map(AsRef::as_ref).unwrap_or_default();
    let given: &str = parameter("hub.verify_token");
    let matches = |keys: &Keys| {
        keys.verify_token.present().is_some_and(|token| bool::from(token.expose().as_bytes().ct_eq(given.as_bytes())))
    };
    let verified = match app.credentials.keys().await {
        Ok(keys) if matches(&keys) => Ok(true),
        Ok(keys) => {
            app.credentials.newer_than(&keys, Refuser::Door).await.map(|newer| newer.is_some_and(|keys| matches(&keys)))
        }
        Err(error) => Err(error),
    };
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
    if request.body().len() > BODY_MOST {
        tracing::warn!(bytes = request.body().len(), "webhook refused: larger than 4 MB");
        return answer(StatusCode::PAYLOAD_TOO_LARGE, "a webhook has 4 MB at most");
    }
    let (parts, body) = request.into_parts();
    let header = parts.headers.get(signature::HEADER).map(HeaderValue::as_bytes);
    let (keys, signed) = match verify(app, &body, header).await {
        Ok((keys, Ok(signed))) => (keys, signed),
        Ok((_, Err(error))) => {
            tracing::warn!(error = %error, bytes = body.len(), "webhook refused");
            return answer(StatusCode::UNAUTHORIZED, &error.to_string());
        }
        Err(error) => return no_credentials(&error),
    };
    let events = inbound::parse(&signed);
    if !app.settings.enabled {
        tracing::info!(
            events = events.len(),
            "the endpoint is disabled (ENDPOINT_ENABLED): acknowledged and not answered"
        );
        return answer(StatusCode::OK, "");
    }
    let (mut jobs, statuses) = match sort(app, keys, events).await {
        Ok(sorted) => sorted,
        Err(refused) => return refused,
    };
    // First: a turn of this very webhook may be waiting for what a status tells.
    match statuses::take_in(app, statuses, clock).await {
        Ok(consequences) => jobs.extend(consequences),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "webhook refused: Meta repeats its statuses");
            return answer(StatusCode::SERVICE_UNAVAILABLE, "a status could not be kept; send it again");
        }
    }
    match make_safe(app, jobs, clock).await {
        Ok(()) => answer(StatusCode::OK, ""),
        Err(Unsafe::NotQueued(error)) => {
            tracing::error!(error = %Chain(&error), "webhook refused: Meta repeats it");
            answer(StatusCode::SERVICE_UNAVAILABLE, "the queue did not take the messages; send them again")
        }
        Err(Unsafe::NotDone) => {
            answer(StatusCode::SERVICE_UNAVAILABLE, "not every message is answered; send them again")
        }
    }
}

/// Checks the signature, once more with a newer secret if there is one.
async fn verify(
    app: &App,
    body: &Bytes,
    header: Option<&[u8]>,
) -> Result<(Arc<Keys>, Result<SignedBody, SignatureError>), CredentialsError> {
    let check = |keys: &Keys| SignedBody::verify(body.clone(), header, keys, app.settings.require_signature);
    let keys = app.credentials.keys().await?;
    match check(&keys) {
        Err(error @ (SignatureError::Mismatch | SignatureError::NoAppSecret)) => {
            match app.credentials.newer_than(&keys, Refuser::Door).await? {
                Some(newer) => {
                    let checked = check(&newer);
                    Ok((newer, checked))
                }
                None => Ok((keys, Err(error))),
            }
        }
        checked => Ok((keys, checked)),
    }
}

/// The jobs among the events, in the order in which people wrote, and the statuses; everything else is noted here and done with.
async fn sort(app: &App, mut keys: Arc<Keys>, events: Vec<Event>) -> Result<(Vec<Job>, Vec<Status>), Response<String>> {
    let (mut jobs, mut statuses, mut ignored) = (Vec::new(), Vec::new(), BTreeMap::<String, usize>::new());
    for event in events {
        match event {
            Event::Message(received) => {
                if received.number != keys.phone_number_id {
                    // The secret may have got another number, or its first one, since it was read.
                    if let Some(newer) = app
                        .credentials
                        .newer_than(&keys, Refuser::Door)
                        .await
                        .map_err(|error| no_credentials(&error))?
                    {
                        keys = newer;
                    }
                }
                if keys.phone_number_id.is_empty() {
                    tracing::error!(
                        "messages arrive and phone_number_id is empty in the secret: fill it in; Meta repeats the messages until then"
                    );
                    return Err(answer(StatusCode::SERVICE_UNAVAILABLE, "phone_number_id is empty in the secret"));
                }
                if received.number != keys.phone_number_id {
                    *ignored
                        .entry(format!(
                            "message to the number {}, which is not phone_number_id of the secret",
                            received.number
                        ))
                        .or_default() += 1;
                    continue;
                }
                match received.job(&app.settings.also_answer) {
                    Ok(job) => jobs.push(job),
                    Err(Unanswered::Kind(kind)) => *ignored.entry(format!("message of type {kind}")).or_default() += 1,
                    Err(Unanswered::NoSender) => {
                        tracing::error!("a message without phone number, BSUID and group cannot be answered");
                    }
                }
            }
            Event::Status(status) => {
                *ignored.entry(status.kind()).or_default() += 1;
                statuses.push(status);
            }
            Event::Problem(problem) => {
                let advice = problem.advice();
                tracing::error!(code = problem.code, title = problem.title, details = problem.details, class = ?advice.class, cure = advice.cure, "Meta reports a problem");
            }
            Event::Field(field) => *ignored.entry(format!("field {field}")).or_default() += 1,
            Event::Unrecognized { kind, raw, why } => {
                tracing::error!(
                    kind,
                    bytes = raw.get().len(),
                    why,
                    "a part of a webhook cannot be read; the rest is handled"
                );
            }
        }
    }
    if !ignored.is_empty() {
        tracing::info!(?ignored, "acknowledged, nothing to answer");
    }
    // Meta promises no order inside a batch; its clock counts seconds, and what it leaves open stays as it came.
    jobs.sort_by_key(|job| job.message.sent_at);
    Ok((jobs, statuses))
}

/// Why jobs are not safe: whoever brought them has to bring them again.
enum Unsafe {
    /// The queue did not take them.
    NotQueued(QueueError),
    /// There is no queue, and not all of them are done.
    NotDone,
}

/// Stores the jobs, or does them at once where there is no queue.
async fn make_safe(app: &App, jobs: Vec<Job>, clock: &Clock) -> Result<(), Unsafe> {
    if jobs.is_empty() {
        return Ok(());
    }
    let at_once = match &app.queue {
        None => jobs,
        Some(queue) => {
            let count = jobs.len();
            let too_large = queue.send(jobs).await.map_err(Unsafe::NotQueued)?;
            tracing::info!(jobs = count - too_large.len(), too_large = too_large.len(), "queued");
            too_large
        }
    };
    let ran = run_all(app, at_once.into_iter().map(|job| ((), job)), clock).await;
    if ran.iter().all(|((), ran)| matches!(ran, Ran::Done)) { Ok(()) } else { Err(Unsafe::NotDone) }
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
