//! Dead letters: each failure with its reason, so that nothing is lost silently.

use aws_sdk_sqs::{Client, types::MessageSystemAttributeName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{MAX_BYTES, QueueError};
use crate::{
    conversation::{ConversationId, Job, Output, PhoneNumberId, ReplyId, Task},
    json,
    telemetry::Masked,
};

/// Most bytes of a dead letter.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_LETTER_BYTES: usize = 1024 * 1024;
/// Most characters of a text in a shortened dead letter.
const MAX_CUT_TEXT: usize = 16 * 1024;
/// Most bytes of the outputs in a shortened dead letter; as ASCII they may be twice as many.
const MAX_CUT_OUTPUTS: usize = 32 * 1024;

/// The dead-letter queue: an SQS FIFO queue, or only the log if there is none.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters(Option<(Client, String)>);

/// A dead letter that was received from the queue.
#[derive(Debug)]
pub struct ReceivedLetter {
    /// The dead letter.
    pub letter: DeadLetter,
    receipt: String,
}

/// One failure; as JSON the body of a record in the dead-letter queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// What went wrong and what can be done about it.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// How often the job had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<u32>,
    /// Meta's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// What Meta's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fbtrace_id: Option<String>,
    /// Who can do something about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What to do, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// The job, which can be done once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// The reply that was refused, or not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyId>,
    /// A record of the queue that is not a job, or a part of a webhook that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// How often it was put back by a redrive because it contained nothing that could be done.
    #[serde(default, skip_serializing_if = "json::is_zero")]
    pub returns: u32,
    /// Its size in bytes before it was shortened, because the queue accepts no larger one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_bytes: Option<usize>,
    /// A keyed hash of the conversation, the same as in the log.
    pub conversation: String,
    /// The last two characters of the person's name in the conversation.
    pub person: String,
}

impl DeadLetter {
    /// A job that is given up; `label` is the conversation's hash in the log.
    #[must_use]
    pub fn of_job(job: &Job, label: String, reason: String, tries: u32, at: Timestamp) -> Self {
        Self { job: Some(job.clone()), tries: Some(tries), ..Self::of(&job.conversation, label, reason, at) }
    }

    /// A reply that Graph refused, or accepted and could not deliver.
    #[must_use]
    pub fn of_reply(
        reply: &ReplyId,
        conversation: &ConversationId,
        label: String,
        reason: String,
        at: Timestamp,
    ) -> Self {
        Self { reply: Some(reply.clone()), ..Self::of(conversation, label, reason, at) }
    }

    /// An unreadable record of the queue, or part of a webhook.
    #[must_use]
    pub fn of_record(record: &str, reason: String, at: Timestamp) -> Self {
        let no_one = ConversationId { number: PhoneNumberId::default(), user: String::new() };
        Self { record: Some(record.to_owned()), ..Self::of(&no_one, String::new(), reason, at) }
    }

    /// Adds what is known about an error of the channel.
    pub fn with_meta_error(&mut self, code: i64, fbtrace_id: Option<&str>, class: &str, cure: &str) {
        self.code = Some(code);
        self.fbtrace_id = fbtrace_id.map(str::to_owned);
        self.class = Some(class.to_owned());
        self.cure = Some(cure.to_owned());
    }

    /// The deduplication id: equal for repeats of the same failure, so that SQS keeps only one of those within five minutes.
    ///
    /// A new one after each redrive: a dead letter that comes back must not count as a repeat of the one before.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        let job = self.job.as_ref().map(|job| format!("{} {}", job.id, job.redrives)).unwrap_or_default();
        let reply = self.reply.as_ref().map(|reply| format!("{reply} {:?}", self.code)).unwrap_or_default();
        for part in [&job, &reply, self.record.as_deref().unwrap_or_default(), &self.returns.to_string()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hex::encode(&hash.finalize()[..16])
    }

    /// The dead letter without what makes it too large: the message as it came, and the end of long texts.
    fn cut(&self, bytes: usize) -> Self {
        let mut letter = Self { cut_bytes: Some(bytes), ..self.clone() };
        match letter.job.as_mut().map(|job| &mut job.task) {
            Some(Task::Message(task)) => {
                task.message.raw = Box::<RawValue>::default();
                task.message.text = task.message.text.as_deref().map(first_signs);
            }
            Some(Task::Deferred(deferred)) => {
                deferred.answer.memory = None;
                keep_first(&mut deferred.answer.outputs);
            }
            Some(Task::Resend(resend)) => keep_first(&mut resend.outputs),
            Some(Task::Inject(inject)) => {
                inject.message.raw = Box::<RawValue>::default();
                inject.message.text = inject.message.text.as_deref().map(first_signs);
            }
            Some(Task::Notify(notice)) => keep_first(&mut notice.outputs),
            Some(Task::Undelivered(_) | Task::Prefer(_)) | None => {}
        }
        letter.record = letter.record.as_deref().map(first_signs);
        letter
    }

    fn of(conversation: &ConversationId, label: String, reason: String, at: Timestamp) -> Self {
        Self {
            reason,
            at,
            tries: None,
            code: None,
            fbtrace_id: None,
            class: None,
            cure: None,
            job: None,
            reply: None,
            record: None,
            returns: 0,
            cut_bytes: None,
            conversation: label,
            person: Masked(&conversation.user).to_string(),
        }
    }
}

impl DeadLetters {
    /// The queue at `url`; the default has none.
    #[must_use]
    pub fn new(client: Client, url: &str) -> Self {
        Self(Some((client, url.to_owned())))
    }

    /// Logs a failure and puts it into the queue.
    ///
    /// # Errors
    /// When the queue refuses it; then the failure must be reported again.
    pub async fn send(&self, letter: &DeadLetter) -> Result<(), QueueError> {
        let DeadLetter { reason, tries, code, fbtrace_id, class, cure, conversation, person, .. } = letter;
        let (turn, reply) =
            (letter.job.as_ref().map(|job| job.id.to_string()), letter.reply.as_ref().map(ToString::to_string));
        tracing::error!(reason, turn, reply, conversation, person, tries, code, fbtrace_id, class, cure, "given up");
        let Some((client, url)) = &self.0 else { return Ok(()) };
        // Each has its own group: there is no order to keep, and a list shows all of them at once.
        let id = letter.id();
        let send = async |letter: &DeadLetter| {
            let body = json::ascii(letter).map_err(QueueError::Unwritable)?;
            let request = client.send_message().queue_url(url).message_body(body);
            let sent = request.message_group_id(&id).message_deduplication_id(&id).send().await;
            sent.map(|_| ()).map_err(|error| QueueError::Refused(error.into()))
        };
        let size = json::ascii(letter).map_err(QueueError::Unwritable)?.len();
        if size > MAX_LETTER_BYTES {
            return send(&letter.cut(size)).await;
        }
        match send(letter).await {
            // A queue in an emulator or a private region may still have the older, lower limit.
            Err(QueueError::Refused(_)) if size > MAX_BYTES => send(&letter.cut(size)).await,
            result => result,
        }
    }

    /// Receives all dead letters, oldest first, and hides them from other readers for 30 s.
    ///
    /// # Errors
    /// When SQS refuses.
    pub async fn open(&self) -> Result<Vec<ReceivedLetter>, QueueError> {
        let Some((client, url)) = &self.0 else { return Ok(Vec::new()) };
        let mut opened = Vec::new();
        loop {
            let request = client.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(30);
            let request = request.message_system_attribute_names(MessageSystemAttributeName::SequenceNumber);
            let answer = request.send().await.map_err(|error| QueueError::Refused(error.into()))?;
            let messages = answer.messages.unwrap_or_default();
            if messages.is_empty() {
                opened.sort_by(|one: &(String, ReceivedLetter), other| one.0.cmp(&other.0));
                return Ok(opened.into_iter().map(|(_, opened)| opened).collect());
            }
            opened.extend(messages.into_iter().map(|message| {
                let attributes = message.attributes.unwrap_or_default();
                let sequence = attributes.get(&MessageSystemAttributeName::SequenceNumber).cloned().unwrap_or_default();
                let opened = ReceivedLetter {
                    letter: read(&message.body.unwrap_or_default()),
                    receipt: message.receipt_handle.unwrap_or_default(),
                };
                (sequence, opened)
            }));
        }
    }

    /// Puts a dead letter back, so that others see it at once.
    ///
    /// # Errors
    /// When SQS refuses; then it is visible again after 30 s.
    pub async fn put_back(&self, opened: &ReceivedLetter) -> Result<(), QueueError> {
        let Some((client, url)) = &self.0 else { return Ok(()) };
        let request = client.change_message_visibility().queue_url(url).receipt_handle(&opened.receipt);
        request.visibility_timeout(0).send().await.map(|_| ()).map_err(|error| QueueError::Refused(error.into()))
    }

    /// Deletes a dead letter.
    ///
    /// # Errors
    /// When SQS refuses.
    pub async fn delete(&self, opened: &ReceivedLetter) -> Result<(), QueueError> {
        let Some((client, url)) = &self.0 else { return Ok(()) };
        let request = client.delete_message().queue_url(url).receipt_handle(&opened.receipt);
        request.send().await.map(|_| ()).map_err(|error| QueueError::Refused(error.into()))
    }
}

/// Reads a dead letter of ours, or what SQS itself moved here: the record as it was in the queue.
fn read(body: &str) -> DeadLetter {
    serde_json::from_str(body).unwrap_or_else(|_| {
        let reason = "received too often: the function died with it again and again, or could not start".to_owned();
        match serde_json::from_str::<Job>(body) {
            Ok(job) => DeadLetter::of_job(&job, String::new(), reason, 0, Timestamp::UNIX_EPOCH),
            Err(_) => DeadLetter::of_record(body, reason, Timestamp::UNIX_EPOCH),
        }
    })
}

/// Keeps as many outputs as have room in a shortened dead letter.
fn keep_first(outputs: &mut Vec<Output>) {
    let mut bytes = 0;
    let mut fits = |output: &Output| {
        bytes += json::size(output);
        bytes <= MAX_CUT_OUTPUTS
    };
    let kept = outputs.iter().map(&mut fits).take_while(|fits| *fits).count();
    outputs.truncate(kept);
}

fn first_signs(text: &str) -> String {
    text.chars().take(MAX_CUT_TEXT).collect()
}
