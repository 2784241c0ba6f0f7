//! The queue's door: a batch of records in, the records to be delivered again out.
//!
//! The rule of a FIFO queue: what we do not name is deleted, so with a record that has to come again we also name everything
//! behind it in its group. <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};

use super::{Delivery, Ran, run_all};
use crate::{app::App, conversation::Job, json::JsonError, queue::DeadLetter, retry::Clock, telemetry::Chain};

/// The pause of a record whose letter the dead-letter queue did not take.
const LETTER_PAUSE: Duration = Duration::from_secs(20);

/// What a record is named and postponed by.
struct Handle {
    id: String,
    receipt: Option<String>,
}

/// Handles one batch.
pub(crate) async fn handle(app: &App, event: SqsEvent, clock: &Clock) -> SqsBatchResponse {
    let mut deliveries = Vec::new();
    let mut again: Vec<(Handle, Duration)> = Vec::new();
    let mut blocked_groups = Vec::new();
    for record in event.records {
        let group = record.attributes.get("MessageGroupId").cloned().unwrap_or_default();
        let receives = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let tag = Handle { id: record.message_id.clone().unwrap_or_default(), receipt: record.receipt_handle.clone() };
        if blocked_groups.contains(&group) {
            again.push((tag, LETTER_PAUSE));
            continue;
        }
        match read(&record, clock) {
            Ok(job) => deliveries.push(Delivery { tag, job, receives: receives.unwrap_or(1) }),
            Err(letter) => {
                if let Err(error) = app.dead_letters.send(&letter).await {
                    tracing::error!(error = %Chain(&error), "the dead-letter queue did not take a record: it is delivered again");
                    again.push((tag, LETTER_PAUSE));
                    blocked_groups.push(group);
                }
            }
        }
    }
    for (handle, ran) in run_all(app, deliveries, clock).await {
        match ran {
            Ran::Done | Ran::GivenUp => {}
            Ran::Again(pause) => again.push((handle, pause)),
        }
    }
    if let Some(queue) = app.queue.as_ref().filter(|_| !again.is_empty()) {
        let receipts = again.iter().filter_map(|(handle, pause)| Some((handle.receipt.clone()?, *pause)));
        if let Err(error) = queue.postpone(&receipts.collect::<Vec<_>>()).await {
            tracing::warn!(error = %Chain(&error), "the next try comes after the queue's own visibility timeout");
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = again.into_iter().map(|(handle, _)| failure(handle.id)).collect();
    response
}

/// The job of a record: of one that we have put into the queue, or of a dead letter that somebody has put back there.
///
/// The letter of a record that holds none is the error.
fn read(record: &SqsMessage, clock: &Clock) -> Result<Job, Box<DeadLetter>> {
    let body = record.body.as_deref().unwrap_or_default();
    let error = match serde_json::from_str::<Job>(body) {
        Ok(job) => return Ok(job),
        Err(error) => error,
    };
    if let Ok(letter) = serde_json::from_str::<DeadLetter>(body) {
        return match letter.job {
            Some(job) => Ok(Job { redrives: job.redrives.saturating_add(1), ..job }),
            // There is nothing in it that can be done again.
            None => Err(Box::new(DeadLetter { returns: letter.returns.saturating_add(1), ..letter })),
        };
    }
    let reason = format!("a record of the queue is not a job, and no dead letter either: {}", JsonError::from(error));
    Err(Box::new(DeadLetter::of_record(body, reason, clock.now())))
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
