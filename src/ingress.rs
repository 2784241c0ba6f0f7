//! The doors: where bytes become jobs. API Gateway and the queue come through the same function.

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
    retry::{Clock, Retry},
    telemetry::{Chain, Masked},
    turn::{self, Outcome, TurnError},
};

/// Conversations that are worked on at the same time.
const AT_ONCE: usize = 32;

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
    let LambdaEvent { payload, context } = event;
    #[expect(clippy::disallowed_methods, reason = "a door is where time comes in")]
    let now = Timestamp::now();
    let deadline = context.deadline().duration_since(now.into()).unwrap_or(Duration::ZERO);
    let clock = Clock::start(now, deadline);
    let door: Door<'_> = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
    if door.records.is_some() {
        let event = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
        return to_raw(&queue::handle(app, event, &clock).await);
    }
    let request: LambdaRequest = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
    let mut adapter = Adapter::from(service_fn(|request: lambda_http::Request| {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, Bytes::copy_from_slice(&body));
        let clock = &clock;
        async move { Ok::<Response<String>, std::convert::Infallible>(http::handle(app, request, clock).await) }
    }));
    let Ok(answer) = adapter.call(LambdaEvent::new(request, context)).await;
    to_raw(&answer)
}

fn to_raw(answer: &impl Serialize) -> Result<Box<RawValue>, IngressError> {
    to_raw_value(answer).map_err(IngressError::Unwritable)
}

/// What became of one job, with whatever the caller knows it by.
struct Ran<T> {
    tag: T,
    result: Result<Outcome, NotDone>,
}

/// Why a job is not done.
enum NotDone {
    /// Its own failure.
    Failed(TurnError),
    /// A job before it in the same conversation failed, and order counts.
    Behind,
}

/// Runs jobs: those of one conversation one after the other, different conversations side by side.
async fn run_all<T>(app: &App, jobs: impl IntoIterator<Item = (T, Job)>, clock: &Clock) -> Vec<Ran<T>> {
    let mut conversations: BTreeMap<ConversationId, Vec<(T, Job)>> = BTreeMap::new();
    for (tag, job) in jobs {
        conversations.entry(job.conversation.clone()).or_default().push((tag, job));
    }
    let runs = conversations.into_values().map(|jobs| run_in_order(app, jobs, clock));
    stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten().collect()
}

async fn run_in_order<T>(app: &App, jobs: Vec<(T, Job)>, clock: &Clock) -> Vec<Ran<T>> {
    let mut ran = Vec::with_capacity(jobs.len());
    let mut blocked = false;
    for (tag, job) in jobs {
        let result =
            if blocked { Err(NotDone::Behind) } else { run_one(app, &job, clock).await.map_err(NotDone::Failed) };
        // A job that can never succeed must not hold up the ones behind it.
        blocked |= matches!(&result, Err(NotDone::Failed(error)) if error.retry() != Retry::Never);
        ran.push(Ran { tag, result });
    }
    ran
}

/// One turn and its line in the log.
async fn run_one(app: &App, job: &Job, clock: &Clock) -> Result<Outcome, TurnError> {
    let started_at = clock.now();
    let result = turn::run(app, job, clock).await;
    let took = clock.now().duration_since(started_at).as_millis();
    let (conversation, person) = (job.conversation.group(), Masked(&job.conversation.user));
    match &result {
        Ok(outcome) => tracing::info!(job = %job.id, conversation, %person, ?outcome, took_ms = took, "turn"),
        Err(error) => {
            tracing::error!(job = %job.id, conversation, %person, error = %Chain(error), retry = ?error.retry(), took_ms = took, "a message is not answered yet");
        }
    }
    result
}
