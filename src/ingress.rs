//! The doors: where bytes become jobs. API Gateway and the queue come through the same function.

mod gateway;
pub mod http;
#[cfg(feature = "local")]
pub mod local;
mod queue;

use std::{collections::BTreeMap, time::Duration};

use ::http::{Request, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use lambda_http::{
    Adapter,
    request::LambdaRequest,
    tower::{Service, service_fn},
};
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    app::App,
    conversation::{ConversationId, Job},
    outbox::OutboxError,
    retry::{Clock, Retry, between},
    telemetry::{Chain, Masked},
    turn::{self, Failure, Outcome, TurnError},
};

/// Conversations that are worked on at the same time.
const AT_ONCE: usize = 32;

/// Lambda ends every invocation after 15 minutes.
const LONGEST_INVOCATION_MS: u64 = 15 * 60 * 1000;

/// Longest pause that we choose ourselves: the queue's own.
const LONGEST_PAUSE: Duration = Duration::from_secs(150);
/// Longest pause that somebody may ask of us.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How requests of API Gateway begin: HTTP APIs and Function URLs, and REST APIs.
const REQUESTS_BEGIN: [&str; 2] = ["\"version\"", "\"resource\""];

/// Why an event was not handled at all.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// Neither API Gateway nor SQS.
    #[error(
        "this event comes neither from API Gateway (HTTP API, REST API, Function URL) nor from SQS: see the samples in events/"
    )]
    Unknown(#[source] serde_json::Error),
    /// The answer cannot be written.
    #[error("the answer cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
}

/// Enough of an event to tell the doors apart without reading all of it.
#[derive(Deserialize)]
struct Door<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
}

/// Handles one Lambda event.
///
/// # Errors
/// When the event is of no kind that we know. Everything else is an HTTP status or a failed record.
pub async fn handle(app: &App, event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, IngressError> {
    #[expect(clippy::disallowed_methods, reason = "a door is where time comes in")]
    let now = Timestamp::now();
    handle_at(app, event, now).await
}

/// Handles one Lambda event that comes at `now`.
///
/// # Errors
/// As [`handle`].
pub async fn handle_at(
    app: &App,
    event: LambdaEvent<Box<RawValue>>,
    now: Timestamp,
) -> Result<Box<RawValue>, IngressError> {
    let LambdaEvent { payload, context } = event;
    let clock = Clock::start(now, time_left(context.deadline, now));
    if comes_from_the_queue(payload.get())? {
        let event = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
        return to_raw(&queue::handle(app, event, &clock).await);
    }
    let mut request: LambdaRequest = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
    gateway::tidy(&mut request);
    let mut adapter = Adapter::from(service_fn(|request: lambda_http::Request| {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, Bytes::copy_from_slice(&body));
        let clock = &clock;
        async move { Ok::<Response<String>, std::convert::Infallible>(http::handle(app, request, clock).await) }
    }));
    let Ok(answer) = adapter.call(LambdaEvent::new(request, context)).await;
    to_raw(&answer)
}

/// Whether an event has records; a request is not read through to find that out.
fn comes_from_the_queue(event: &str) -> Result<bool, IngressError> {
    let first = event.trim_start().strip_prefix('{').unwrap_or_default().trim_start();
    if REQUESTS_BEGIN.iter().any(|name| first.starts_with(name)) {
        return Ok(false);
    }
    let door: Door<'_> = serde_json::from_str(event).map_err(IngressError::Unknown)?;
    Ok(door.records.is_some())
}

/// The time until the deadline that the runtime told: a moment in milliseconds since 1970.
///
/// The emulator of `cargo lambda watch` tells the milliseconds that are left instead; a moment long past means that.
fn time_left(deadline: u64, now: Timestamp) -> Duration {
    let now = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Duration::from_millis(deadline.checked_sub(now).unwrap_or(deadline.min(LONGEST_INVOCATION_MS)))
}

fn to_raw(answer: &impl Serialize) -> Result<Box<RawValue>, IngressError> {
    to_raw_value(answer).map_err(IngressError::Unwritable)
}

/// Whether a job is done with, for better or worse.
#[derive(Debug, Clone, Copy)]
enum Ran {
    /// It is answered.
    Done,
    /// It is given up: a dead letter says why.
    GivenUp,
    /// It should be delivered again, after a pause.
    Again(Duration),
}

/// A job that somebody handed to us.
struct Delivery<T> {
    /// What the door knows it by.
    tag: T,
    job: Job,
    /// How often the queue has handed it out, this time included.
    receives: u32,
}

/// Runs jobs: those of one conversation one after the other, different conversations side by side.
///
/// A job that has to come again keeps the ones behind it waiting, for order counts; one that is given up does not.
async fn run_all<T>(app: &App, deliveries: impl IntoIterator<Item = Delivery<T>>, clock: &Clock) -> Vec<(T, Ran)> {
    let mut conversations: BTreeMap<ConversationId, Vec<Delivery<T>>> = BTreeMap::new();
    for delivery in deliveries {
        conversations.entry(delivery.job.conversation.clone()).or_default().push(delivery);
    }
    // In boxes, as in `main`: a turn is a large future.
    let runs = conversations.into_values().map(|deliveries| Box::pin(run_in_order(app, deliveries, clock)));
    stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten().collect()
}

async fn run_in_order<T>(app: &App, deliveries: Vec<Delivery<T>>, clock: &Clock) -> Vec<(T, Ran)> {
    let mut ran = Vec::with_capacity(deliveries.len());
    let mut waiting = None;
    for Delivery { tag, job, receives } in deliveries {
        let result = match waiting {
            Some(pause) => Ran::Again(pause),
            None => run_one(app, &job, receives, clock).await,
        };
        if let Ran::Again(pause) = result {
            waiting = Some(pause);
        }
        ran.push((tag, result));
    }
    ran
}

/// One turn, its line in the log, and what follows from its failure.
async fn run_one(app: &App, job: &Job, receives: u32, clock: &Clock) -> Ran {
    let started_at = clock.now();
    let turn = turn::run(app, job, receives, clock).await;
    let took_ms = milliseconds(between(started_at, clock.now()));
    let conversation = app.credentials.label(&job.conversation).await;
    let person = Masked(&job.conversation.user);
    match turn {
        Ok(outcome) => {
            let (outcome, messages, agent_ms, ran) = match outcome {
                Outcome::Answered { messages, agent } => {
                    ("answered", Some(messages), Some(milliseconds(agent)), Ran::Done)
                }
                Outcome::Followed { messages } => ("answered later", Some(messages), None, Ran::Done),
                Outcome::Notified { messages } => ("notified", Some(messages), None, Ran::Done),
                Outcome::Resumed => ("resumed", None, None, Ran::Done),
                Outcome::Repeated => ("repeated", None, None, Ran::Done),
                Outcome::Suppressed => ("suppressed", Some(0), None, Ran::Done),
                Outcome::Noted => ("noted", None, None, Ran::Done),
                Outcome::GivenUp => ("given up", None, None, Ran::GivenUp),
            };
            tracing::info!(turn = %job.id, conversation, %person, outcome, messages, agent_ms, took_ms, "turn");
            ran
        }
        Err(Failure { error, tries }) => {
            let pause = next_try(&error, tries, receives, clock);
            let next_try_s = pause.as_secs();
            if let TurnError::Busy(_) | TurnError::NoTime = error {
                tracing::info!(turn = %job.id, conversation, %person, why = %Chain(&error), next_try_s, took_ms, "a message waits for its turn");
            } else {
                tracing::error!(turn = %job.id, conversation, %person, error = %Chain(&error), tries, receives, next_try_s, took_ms, "a message is not answered yet");
            }
            Ran::Again(pause)
        }
    }
}

/// The pause before the next delivery: 5 s after the first failure, four times as long after each further one.
///
/// Where failures could not be counted, the queue's count of deliveries stands in for them.
fn next_try(error: &TurnError, tries: u32, receives: u32, clock: &Clock) -> Duration {
    let failures = if tries > 0 { tries } else { receives };
    let usual = Duration::from_secs(5 << (2 * failures.saturating_sub(1)).min(6)).min(LONGEST_PAUSE);
    match (error, error.retry()) {
        (TurnError::NoTime, _) => Duration::ZERO,
        (TurnError::Busy(until) | TurnError::Outbox(OutboxError::Busy(until)), _) => {
            // Whole seconds: one more, so that the lease has ended.
            between(clock.now(), *until).saturating_add(Duration::from_secs(1)).min(LONGEST_WAIT)
        }
        (_, Retry::After(asked)) => usual.max(asked).min(LONGEST_WAIT),
        (_, Retry::Never) => usual,
    }
}

/// For logs, where a number of 128 bits would become a text.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
