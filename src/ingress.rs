//! The doors: where bytes become jobs. API Gateway and the queue come through the same function.

pub mod http;
#[cfg(feature = "local")]
pub mod local;
mod queue;

use std::{collections::BTreeMap, time::Duration};

use ::http::{Request, Response, uri::PathAndQuery};
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

/// Lambda ends every invocation after 15 minutes.
const LONGEST_INVOCATION_MS: u64 = 15 * 60 * 1000;

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
    let clock = Clock::start(now, time_left(context.deadline, now));
    let door: Door<'_> = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
    if door.records.is_some() {
        let event = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
        return to_raw(&queue::handle(app, event, &clock).await);
    }
    let mut request: LambdaRequest = serde_json::from_str(payload.get()).map_err(IngressError::Unknown)?;
    tidy_path(&mut request);
    let mut adapter = Adapter::from(service_fn(|request: lambda_http::Request| {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, Bytes::copy_from_slice(&body));
        let clock = &clock;
        async move { Ok::<Response<String>, std::convert::Infallible>(http::handle(app, request, clock).await) }
    }));
    let Ok(answer) = adapter.call(LambdaEvent::new(request, context)).await;
    to_raw(&answer)
}

/// The time until the deadline that the runtime told: a moment in milliseconds since 1970.
///
/// The emulator of `cargo lambda watch` tells the milliseconds that are left instead; a moment long past means that.
fn time_left(deadline: u64, now: Timestamp) -> Duration {
    let now = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Duration::from_millis(deadline.checked_sub(now).unwrap_or(deadline.min(LONGEST_INVOCATION_MS)))
}

/// Takes the stage out of the path, and puts `/` in the place of what is no path at all.
///
/// `lambda_http` would put the stage in front of the path, and would panic on a path with a space, which
/// API Gateway decodes and strangers try.
fn tidy_path(request: &mut LambdaRequest) {
    let (path, stage) = match request {
        LambdaRequest::ApiGatewayV1(request) => (&mut request.path, &mut request.request_context.stage),
        LambdaRequest::ApiGatewayV2(request) => (&mut request.raw_path, &mut request.request_context.stage),
        _ => return,
    };
    let given = path.take().unwrap_or_default();
    let prefix = format!("/{}/", stage.take().unwrap_or_default());
    let without_stage = given.strip_prefix(&prefix).map(|rest| format!("/{rest}")).unwrap_or(given);
    *path = Some(without_stage.parse::<PathAndQuery>().map_or_else(|_| "/".to_owned(), |path| path.path().to_owned()));
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
    let took_ms = milliseconds(clock.now().duration_since(started_at).unsigned_abs());
    let (conversation, person) = (job.conversation.group(), Masked(&job.conversation.user));
    match &result {
        Ok(outcome) => {
            let (outcome, messages, agent_ms) = match outcome {
                Outcome::Answered { messages, agent } => ("answered", Some(*messages), Some(milliseconds(*agent))),
                Outcome::Resumed => ("resumed", None, None),
                Outcome::Repeated => ("repeated", None, None),
            };
            tracing::info!(job = %job.id, conversation, %person, outcome, messages, agent_ms, took_ms, "turn");
        }
        Err(error) => {
            tracing::error!(job = %job.id, conversation, %person, error = %Chain(error), retry = ?error.retry(), took_ms, "a message is not answered yet");
        }
    }
    result
}

/// For logs, where a number of 128 bits would become a text.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
