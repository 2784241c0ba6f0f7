//! The queue's door: a batch of records in, the records to be delivered again out.
//!
//! The rule of a FIFO queue: what we do not name is deleted, so with a record that failed we also name everything behind it
//! in its group. <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};

use super::{NotDone, Ran, run_all};
use crate::{app::App, conversation::Job, retry::Clock};

/// Handles one batch.
pub async fn handle(app: &App, event: SqsEvent, clock: &Clock) -> SqsBatchResponse {
    let mut failed = Vec::new();
    let mut jobs: Vec<(String, Job)> = Vec::new();
    let mut blocked_groups: Vec<String> = Vec::new();
    for record in event.records {
        let group = record.attributes.get("MessageGroupId").cloned().unwrap_or_default();
        let id = record.message_id.clone().unwrap_or_default();
        match read(&record) {
            Ok(job) if !blocked_groups.contains(&group) => jobs.push((id, job)),
            Ok(_) => failed.push(id),
            Err(why) => {
                tracing::error!(
                    record = id,
                    why,
                    "a record of the queue is not a job: it goes to the dead-letter queue after its last try"
                );
                failed.push(id);
                blocked_groups.push(group);
            }
        }
    }
    for Ran { tag, result } in run_all(app, jobs, clock).await {
        match result {
            Ok(_) => {}
            Err(NotDone::Failed(_) | NotDone::Behind) => failed.push(tag),
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed.into_iter().map(failure).collect();
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
