//! The queue's door: a batch of records in, the records to be delivered again out.
//!
//! The rule of a FIFO queue: what we do not name is deleted, so with a record that has to come again we also name everything
//! behind it in its group. <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};

use super::{Ran, next_try, run_all};
use crate::{
    app::App,
    conversation::Job,
    queue::DeadLetter,
    retry::{Clock, Retry},
    telemetry::Chain,
};

/// What a record is named and postponed by.
struct Handle {
    id: String,
    receipt: Option<String>,
}

/// Handles one batch.
pub async fn handle(app: &App, event: SqsEvent, clock: &Clock) -> SqsBatchResponse {
    let mut jobs = Vec::new();
    let mut again: Vec<(Handle, Duration)> = Vec::new();
    let mut blocked_groups = Vec::new();
    for record in event.records {
        let group = record.attributes.get("MessageGroupId").cloned().unwrap_or_default();
        let handle =
            Handle { id: record.message_id.clone().unwrap_or_default(), receipt: record.receipt_handle.clone() };
        if blocked_groups.contains(&group) {
            again.push((handle, next_try(1, Retry::SOON)));
            continue;
        }
        match read(&record) {
            Ok(job) => jobs.push((handle, job)),
            Err(why) => {
                let reason = format!("a record of the queue is not a job: {why}");
                let letter =
                    DeadLetter::of_record(record.body.as_deref().unwrap_or_default(), &group, reason, clock.now());
                if let Err(error) = app.dead_letters.bury(&letter).await {
                    tracing::error!(error = %Chain(&error), "the dead-letter queue did not take a record: it is delivered again");
                    again.push((handle, next_try(1, Retry::SOON)));
                    blocked_groups.push(group);
                }
            }
        }
    }
    for (handle, ran) in run_all(app, jobs, clock).await {
        match ran {
            Ran::Done => {}
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

fn read(record: &SqsMessage) -> Result<Job, String> {
    let body = record.body.as_deref().ok_or("it has no body")?;
    serde_json::from_str(body)
        .map_err(|error| format!("no JSON of a job at line {} column {}", error.line(), error.column()))
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
