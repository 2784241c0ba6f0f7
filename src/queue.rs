//! The queue between the door and the turns: an SQS FIFO queue, one message group per conversation.

mod dead_letters;

use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    types::{ChangeMessageVisibilityBatchRequestEntry, SendMessageBatchRequestEntry},
};
use uuid::Uuid;

pub use dead_letters::{DeadLetter, DeadLetters, Opened};

use crate::conversation::Job;

/// Most records of one request, and most bytes of their bodies together.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const RECORDS_MOST: usize = 10;
/// The limit is 1 MiB since August 2025; the old one still holds where the endpoint is an emulator or a private region.
const BYTES_MOST: usize = 256 * 1024;

/// The queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// Why jobs did not reach the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// SQS could not be reached or refused the whole request.
    #[error("SQS did not take the jobs: check QUEUE_URL and sqs:SendMessage of the function's role")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// SQS took some and refused others.
    #[error("SQS refused {count} jobs of a batch, the first with {code}")]
    Partly {
        /// How many.
        count: usize,
        /// SQS's word for the reason.
        code: String,
    },
    /// A job cannot be written as JSON.
    #[error("a job cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
}

impl Queue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }

    /// Puts `jobs` into the queue, in order; answers the ones that are too large for it.
    ///
    /// A job that is already there is not put in twice: SQS knows its id for five minutes, our store for eight days.
    ///
    /// # Errors
    /// The first refusal. Jobs before it are in the queue, so the caller may offer all of them again.
    pub async fn send(&self, jobs: Vec<Job>) -> Result<Vec<Job>, QueueError> {
        let (mut batch, mut bytes, mut too_large) = (Vec::new(), 0, Vec::new());
        for job in jobs {
            let body = serde_json::to_string(&job).map_err(QueueError::Unwritable)?;
            if body.len() > BYTES_MOST {
                too_large.push(job);
                continue;
            }
            if batch.len() == RECORDS_MOST || bytes + body.len() > BYTES_MOST {
                self.send_batch(std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
            bytes += body.len();
            batch.push((job, body));
        }
        self.send_batch(batch).await?;
        Ok(too_large)
    }

    /// Puts a job into the queue once more, also if SQS still remembers its first time.
    ///
    /// # Errors
    /// When SQS refuses.
    pub async fn send_again(&self, job: &Job) -> Result<(), QueueError> {
        let body = serde_json::to_string(job).map_err(QueueError::Unwritable)?;
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let request = request.message_group_id(job.conversation.group());
        let request = request.message_deduplication_id(Uuid::now_v7().to_string());
        request.send().await.map(|_| ()).map_err(|error| QueueError::Refused(error.into()))
    }

    /// Lets records of the queue be delivered again after a pause of their own instead of the queue's.
    ///
    /// # Errors
    /// When SQS refuses; then the queue's own visibility timeout counts.
    pub async fn postpone(&self, receipts: &[(String, Duration)]) -> Result<(), QueueError> {
        for receipts in receipts.chunks(RECORDS_MOST) {
            let entries = receipts.iter().enumerate().map(|(index, (receipt, pause))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt)
                    .visibility_timeout(i32::try_from(pause.as_secs()).unwrap_or(i32::MAX))
                    .build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| QueueError::Refused(error.into()))?;
            let request = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
            request.send().await.map_err(|error| QueueError::Refused(error.into()))?;
        }
        Ok(())
    }

    async fn send_batch(&self, batch: Vec<(Job, String)>) -> Result<(), QueueError> {
        if batch.is_empty() {
            return Ok(());
        }
        let entries = batch.into_iter().enumerate().map(|(index, (job, body))| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_group_id(job.conversation.group())
                .message_deduplication_id(job.id.to_string())
                .message_body(body)
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| QueueError::Refused(error.into()))?;
        let answer = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| QueueError::Refused(error.into()))?;
        match answer.failed() {
            [] => Ok(()),
            [first, ..] => Err(QueueError::Partly { count: answer.failed().len(), code: first.code().to_owned() }),
        }
    }
}
