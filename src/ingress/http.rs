//! The HTTP door: Meta's handshake, Meta's webhooks, answers of the agent that come later, and systems that speak first.

mod agent_reply;
mod caller;
mod inject;
mod notify;
mod scripted;
mod sorting;
mod statuses;
mod webhook;

use ::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;

use self::scripted::{Go, Scripted};
use super::{Delivery, Ran, run_all};
use crate::{
    app::App,
    conversation::Job,
    credentials::CredentialsError,
    hooks::Hook,
    queue::{QueueError, Sent},
    retry::Clock,
    telemetry::Chain,
};

/// Most bytes of a webhook; Meta sends 3 MB at most.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// Handles one request.
///
/// | route | answer |
/// |---|---|
/// | `GET /webhook` | 200 and the challenge for the right verify token, else 403 |
/// | `POST /webhook` | 200 once every job is safe; 401 without a valid signature; 413 over 4 MB; 503 when the jobs are not safe |
/// | `POST /agent/reply` | 202 once the answer is safe; 401 without a valid signature; 404 for a turn that waits for none; 400 for a body that is not an answer; 413 over 1 MiB; 503 when it is not safe |
/// | `POST /inject`, `POST /notify` | 202 once it is safe; 401 without the key; 400 for a body that cannot be used; 404 for nobody; 409 with a reason; 413 over 200 KB; 503 when it is not safe |
/// | another method | 405 |
/// | another path | 404 |
///
/// A slash at the end of a path makes no difference.
pub async fn handle(app: &App, request: Request<Bytes>, clock: &Clock) -> Response<String> {
    let path = request.uri().path().to_owned();
    // People paste an address with a slash behind it.
    match (path.trim_end_matches('/'), request.method()) {
        ("/webhook", &Method::GET) => webhook::handshake(app, request.uri().query().unwrap_or_default()).await,
        ("/webhook", &Method::POST) => webhook::receive(app, request, clock).await,
        ("/webhook", _) => wrong_method("GET, POST"),
        ("/agent/reply", &Method::POST) => Box::pin(agent_reply::take(app, request, clock)).await,
        ("/agent/reply", _) => wrong_method("POST"),
        (path, method) => match (under(path, "/inject"), under(path, "/notify"), method) {
            // Boxed: large futures, which a webhook does not have to carry.
            (Some(key), _, &Method::POST) => Box::pin(take_call(app, Route::Inject, key, request, clock)).await,
            (_, Some(key), &Method::POST) => Box::pin(take_call(app, Route::Notify, key, request, clock)).await,
            (Some(_), ..) | (_, Some(_), _) => wrong_method("POST"),
            (None, None, _) => nothing_at(path),
        },
    }
}

/// Takes in a call of another system; `key` is the end of the path, which may be empty.
async fn take_call(app: &App, route: Route, key: &str, request: Request<Bytes>, clock: &Clock) -> Response<String> {
    let call = match caller::admit(app, route.name(), key, request).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let Go { body, storages, sent } = match scripted::run(app, &call, route.hook(), clock).await {
        Scripted::On(go) => go,
        Scripted::End(answered) => return answered,
    };
    let job = match route {
        Route::Inject => inject::job(app, &call, &body, storages, clock).await,
        Route::Notify => notify::job(app, &call, &body, storages, clock).await,
    };
    match job {
        Ok(job) => match call.accept(app, job, clock).await {
            accepted if accepted.status() == StatusCode::ACCEPTED => sent.unwrap_or(accepted),
            refused => refused,
        },
        Err(answered) => answered,
    }
}

/// How another system speaks.
#[derive(Clone, Copy)]
enum Route {
    Inject,
    Notify,
}

impl Route {
    fn name(self) -> &'static str {
        match self {
            Self::Inject => inject::ROUTE,
            Self::Notify => notify::ROUTE,
        }
    }

    fn hook(self) -> Hook {
        match self {
            Self::Inject => Hook::Inject,
            Self::Notify => Hook::Notify,
        }
    }
}

fn nothing_at(path: &str) -> Response<String> {
    // A path may hold anything, so it is not logged.
    if path.is_empty() || path.to_ascii_lowercase().ends_with("webhook") {
        tracing::warn!("refused with 404: the webhook is at /webhook, and the path asked for is another");
    } else {
        tracing::info!("refused with 404: there is nothing at the path asked for");
    }
    answer(StatusCode::NOT_FOUND, "nothing here: the webhook is at /webhook")
}

/// The segment of `path` below `route`; an empty one if it is the route itself, `None` if it is another.
fn under<'a>(path: &'a str, route: &str) -> Option<&'a str> {
    match path.strip_prefix(route)? {
        "" => Some(""),
        below => below.strip_prefix('/').filter(|segment| !segment.contains('/')),
    }
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
