//! The queue between the routes and the turns: an SQS FIFO queue, one message group per conversation.
//!
//! Bodies are JSON in ASCII, so that SQS accepts every one.

mod dead_letters;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use aws_sdk_sqs::{
    Client,
    types::{BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, SendMessageBatchRequestEntry},
};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

pub use dead_letters::{DeadLetter, DeadLetters, ReceivedLetter};

use crate::{
    conversation::{ConversationId, Job},
    json,
};

/// Most records of one request, and most bytes of their bodies together.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_RECORDS: usize = 10;
/// The limit is 1 MiB since August 2025; emulators and private regions may still have this older one.
const MAX_BYTES: usize = 256 * 1024;
/// Most requests at the same time.
const REQUESTS_AT_ONCE: usize = 8;

/// The queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// The result of sending jobs to the queue.
#[derive(Debug, Default)]
pub struct Sent {
    /// How many are in the queue.
    pub queued: usize,
    /// The jobs that the queue will never accept: too large, or refused for their content. With them the ones behind them in
    /// their conversations, in order.
    pub at_once: Vec<Job>,
    /// Why other jobs are not in the queue; they may be sent again.
    pub error: Option<QueueError>,
}

/// Why jobs did not reach the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// SQS could not be reached or refused the whole request.
    #[error("SQS did not take the jobs: check QUEUE_URL and sqs:SendMessage of the function's role")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// SQS accepted some jobs and refused others.
    #[error("SQS refused {count} entries of a batch, the first with {code}")]
    Partly {
        /// How many.
        count: usize,
        /// The error code of SQS.
        code: String,
    },
    /// A job cannot be written as JSON.
    #[error("a job cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
}

/// A job and its body.
type Entry = (Job, String);

impl Queue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }

    /// Puts `jobs` into the queue, those of one conversation in order.
    ///
    /// A job is sent only when the one before it in its conversation is in the queue, so a refused job is not overtaken. A refusal
    /// does not affect other conversations. A job is never put in twice: SQS knows its id for five minutes, our store for eight days.
    pub async fn send(&self, jobs: Vec<Job>) -> Sent {
        let mut sent = Sent::default();
        let mut waiting: BTreeMap<ConversationId, VecDeque<Job>> = BTreeMap::new();
        for job in jobs {
            waiting.entry(job.conversation.clone()).or_default().push_back(job);
        }
        loop {
            let mut batches: Vec<Vec<Entry>> = Vec::new();
            let mut bytes = 0;
            for jobs in waiting.values_mut() {
                let Some(job) = jobs.pop_front() else { continue };
                match json::ascii(&job) {
                    Ok(body) if body.len() <= MAX_BYTES => {
                        bytes += body.len();
                        match batches.last_mut() {
                            Some(batch) if batch.len() < MAX_RECORDS && bytes <= MAX_BYTES => batch.push((job, body)),
                            Some(_) | None => {
                                bytes = body.len();
                                batches.push(vec![(job, body)]);
                            }
                        }
                    }
                    Ok(_) | Err(_) => sent.at_once.extend([job].into_iter().chain(jobs.drain(..))),
                }
            }
            if batches.is_empty() {
                return sent;
            }
            let sending = stream::iter(batches).map(|batch| self.send_batch(batch)).buffer_unordered(REQUESTS_AT_ONCE);
            for (batch, refusals) in sending.collect::<Vec<_>>().await {
                sent.take_in(batch, refusals, &mut waiting);
            }
        }
    }

    /// Puts a body into the queue as it is, even if SQS remembers an equal one.
    ///
    /// # Errors
    /// When SQS refuses.
    pub async fn put(&self, body: &str, group: &str) -> Result<(), QueueError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(body).message_group_id(group);
        let request = request.message_deduplication_id(Uuid::now_v7().to_string());
        request.send().await.map(|_| ()).map_err(|error| QueueError::Refused(error.into()))
    }

    /// Lets records be delivered again after their own pause instead of the queue's.
    ///
    /// # Errors
    /// The first refusal; all are tried. For refused ones the queue's own visibility timeout applies.
    pub async fn postpone(&self, receipts: &[(String, Duration)]) -> Result<(), QueueError> {
        let mut result = Ok(());
        for receipts in receipts.chunks(MAX_RECORDS) {
            let entries = receipts.iter().enumerate().map(|(index, (receipt, pause))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt)
                    .visibility_timeout(i32::try_from(pause.as_secs()).unwrap_or(i32::MAX))
                    .build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| QueueError::Refused(error.into()))?;
            let request = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
            let postponed = match request.send().await {
                Ok(answer) => partly(answer.failed()),
                Err(error) => Err(QueueError::Refused(error.into())),
            };
            result = result.and(postponed);
        }
        result
    }

    /// Sends a batch and returns it with the entries that SQS refused.
    async fn send_batch(&self, batch: Vec<Entry>) -> (Vec<Entry>, Result<Vec<BatchResultErrorEntry>, QueueError>) {
        let entries = batch.iter().enumerate().map(|(index, (job, body))| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_group_id(job.conversation.group())
                .message_deduplication_id(job.id.to_string())
                .message_body(body)
                .build()
        });
        let entries = match entries.collect::<Result<Vec<_>, _>>() {
            Ok(entries) => entries,
            Err(error) => return (batch, Err(QueueError::Refused(error.into()))),
        };
        let answer = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
        (batch, answer.map(|answer| answer.failed).map_err(|error| QueueError::Refused(error.into())))
    }
}

impl Sent {
    /// Handles the result of one batch. If a job is not in the queue, the later ones of its conversation wait.
    fn take_in(
        &mut self,
        batch: Vec<Entry>,
        refusals: Result<Vec<BatchResultErrorEntry>, QueueError>,
        waiting: &mut BTreeMap<ConversationId, VecDeque<Job>>,
    ) {
        let refusals = match refusals {
            Ok(refusals) => refusals,
            Err(error) => {
                for (job, _) in &batch {
                    waiting.remove(&job.conversation);
                }
                self.error.get_or_insert(error);
                return;
            }
        };
        let passing: Vec<_> = refusals.iter().filter(|refusal| !refusal.sender_fault()).cloned().collect();
        if let Err(error) = partly(&passing) {
            self.error.get_or_insert(error);
        }
        for (index, (job, _)) in batch.into_iter().enumerate() {
            let Some(refusal) = refusals.iter().find(|refusal| refusal.id() == index.to_string()) else {
                self.queued += 1;
                continue;
            };
            let behind = waiting.remove(&job.conversation).unwrap_or_default();
            if refusal.sender_fault() {
                tracing::warn!(turn = %job.id, code = refusal.code(), "SQS will never accept this job: it is done at once");
                self.at_once.extend([job].into_iter().chain(behind));
            }
        }
    }
}

/// The error of a batch of which some entries were refused.
fn partly(failed: &[BatchResultErrorEntry]) -> Result<(), QueueError> {
    match failed {
        [] => Ok(()),
        [first, ..] => Err(QueueError::Partly { count: failed.len(), code: first.code().to_owned() }),
    }
}
