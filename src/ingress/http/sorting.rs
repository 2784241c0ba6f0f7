//! What a webhook asks of us: jobs, news of replies, and what cannot be read.

use std::{collections::BTreeMap, sync::Arc};

use ::http::{Response, StatusCode};

use super::{answer, no_credentials};
use crate::{
    app::App,
    conversation::{DONE_KEPT, Job, PhoneNumberId, Task},
    credentials::{CredentialsError, Keys, RejectedBy},
    queue::DeadLetter,
    retry::{Clock, after},
    telemetry::{Chain, redact},
    whatsapp::inbound::{Event, InboundContent, Part, Received, Status, Unanswered},
};

/// Most characters of Meta's word for a type that goes into the log.
const MAX_WORD: usize = 40;

/// What a webhook asks of us.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// In the order in which people wrote.
    pub jobs: Vec<Job>,
    /// What became of our replies.
    pub statuses: Vec<Status>,
    /// What may hold somebody's words and cannot be read.
    pub letters: Vec<DeadLetter>,
}

/// What is acknowledged and not answered, counted.
#[derive(Debug, Default)]
struct Ignored {
    /// As it should be.
    usual: BTreeMap<String, usize>,
    /// For numbers that are not ours.
    foreign: BTreeMap<String, usize>,
    /// So old that we cannot know any more whether they were answered.
    replayed: usize,
}

/// Sorts the events; everything that asks nothing is noted here and done with.
pub(super) async fn sort(app: &App, events: Vec<Event>, clock: &Clock) -> Result<Sorted, Response<String>> {
    let keys = keys_for(app, &events).await.map_err(|error| no_credentials(&error))?;
    let (mut sorted, mut ignored) = (Sorted::default(), Ignored::default());
    let is_ours = |number: &PhoneNumberId| *number == keys.phone_number_id;
    for event in events {
        match event {
            Event::Message(_) if keys.phone_number_id.is_empty() => {
                tracing::error!(
                    "messages arrive and phone_number_id is empty in the secret: fill it in; Meta repeats the messages until then"
                );
                return Err(answer(StatusCode::SERVICE_UNAVAILABLE, "phone_number_id is empty in the secret"));
            }
            Event::Message(received) if !is_ours(&received.number) => {
                *ignored.foreign.entry(format!("message to the number {}", received.number)).or_default() += 1;
            }
            // Another stack at the same app has sent these.
            Event::Status(status) if !is_ours(&status.number) => {
                *ignored.usual.entry(format!("status of the number {}", status.number)).or_default() += 1;
            }
            Event::Message(received) => take_message(app, *received, clock, &mut sorted, &mut ignored),
            Event::Status(status) => {
                *ignored.usual.entry(status.kind()).or_default() += 1;
                sorted.statuses.push(status);
            }
            Event::Choice(choice) if !is_ours(&choice.number) => {
                *ignored.foreign.entry(format!("choice for the number {}", choice.number)).or_default() += 1;
            }
            Event::Choice(choice) => {
                if let Some(job) = choice.job(clock.now()) {
                    sorted.jobs.push(at_home(app, job, clock).await?);
                }
            }
            Event::Problem(problem) => {
                let advice = problem.advice();
                let (title, details) =
                    (redact(&problem.title, []), problem.details.as_deref().map(|text| redact(text, [])));
                tracing::error!(code = problem.code, title, details, class = ?advice.class, cure = advice.cure, "Meta reports a problem");
            }
            Event::Field(field) => *ignored.usual.entry(format!("field {field}")).or_default() += 1,
            Event::Nothing(why) => tracing::warn!(
                why = redact(&why, []),
                "acknowledged, and there is nothing in it for us: Meta's webhooks of WhatsApp are an object whatsapp_business_account with entry[].changes[]"
            ),
            Event::Unrecognized { part, raw, why } => {
                tracing::error!(
                    part = part.name(),
                    bytes = raw.len(),
                    why,
                    "a part of a webhook cannot be read; the rest is handled"
                );
                if part.may_hold_words() {
                    let reason = format!("the {} of a webhook cannot be read: {why}", part.name());
                    sorted.letters.push(DeadLetter::of_record(&raw, reason, clock.now()));
                }
            }
        }
    }
    ignored.tell();
    // Meta promises no order inside a batch; its clock counts seconds, and what it leaves open stays as it came.
    sorted.jobs.sort_by_key(|job| match &job.task {
        Task::Message(task) => task.message.sent_at,
        Task::Prefer(change) => Some(change.preferences.since),
        Task::Deferred(_) | Task::Undelivered(_) | Task::Resend(_) | Task::Inject(_) | Task::Notify(_) => None,
    });
    Ok(sorted)
}

/// The job in the conversation that the person has already: a choice may name them by their number alone.
async fn at_home(app: &App, job: Job, clock: &Clock) -> Result<Job, Response<String>> {
    match app.outbox.find(&job.conversation.number, &job.conversation.user, clock).await {
        Ok(Some((conversation, _))) => Ok(Job { conversation, ..job }),
        Ok(None) => Ok(job),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a choice is refused: it has to come again");
            Err(answer(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read; send it again"))
        }
    }
}

/// The keys in force, or newer ones: the secret may have got another number, or its first one, since it was read.
async fn keys_for(app: &App, events: &[Event]) -> Result<Arc<Keys>, CredentialsError> {
    let is_foreign = |keys: &Result<Arc<Keys>, CredentialsError>| {
        keys.as_ref().is_ok_and(|keys| {
            let is_foreign =
                |event: &Event| matches!(event, Event::Message(received) if received.number != keys.phone_number_id);
            events.iter().any(is_foreign)
        })
    };
    app.credentials.with_keys(RejectedBy::Door, is_foreign, |keys| std::future::ready(Ok(keys))).await
}

fn take_message(app: &App, received: Received, clock: &Clock, sorted: &mut Sorted, ignored: &mut Ignored) {
    // Meta repeats a webhook for seven days. What is older was recorded by somebody, and our memory of it is over.
    if received.sent_at.is_some_and(|sent_at| after(sent_at, DONE_KEPT) < clock.now()) {
        ignored.replayed += 1;
        return;
    }
    if let InboundContent::Unrecognized { kind, why } = &received.content {
        let kind: String = redact(kind, []).chars().take(MAX_WORD).collect();
        tracing::warn!(
            kind,
            why,
            "a message is understood in part: the agent gets what is, and the message as it came"
        );
    }
    let raw = received.raw.get().to_owned();
    match received.job(&app.settings.conversation.also_answer) {
        Ok(job) => sorted.jobs.push(job),
        Err(Unanswered::Kind(kind)) => *ignored.usual.entry(format!("message of type {kind}")).or_default() += 1,
        Err(Unanswered::NoSender) => {
            let reason = "a message without phone number, BSUID and group cannot be answered";
            tracing::error!(part = Part::Message.name(), bytes = raw.len(), reason);
            sorted.letters.push(DeadLetter::of_record(&raw, reason.to_owned(), clock.now()));
        }
    }
}

impl Ignored {
    fn tell(&self) {
        if !self.usual.is_empty() {
            tracing::info!(ignored = ?self.usual, "acknowledged, nothing to answer");
        }
        if !self.foreign.is_empty() {
            tracing::warn!(
                ignored = ?self.foreign,
                "acknowledged and dropped: these are for a number that is not phone_number_id of the secret"
            );
        }
        if self.replayed > 0 {
            tracing::warn!(
                messages = self.replayed,
                "acknowledged and dropped: they are more than eight days old, and Meta repeats a webhook for seven"
            );
        }
    }
}
