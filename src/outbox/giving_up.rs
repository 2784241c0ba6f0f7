//! Giving up: what cannot be done is written down, and who waits is told.

use super::{Held, Outbox, OutboxError, Plan};
use crate::{
    conversation::{DeliveryFailure, Errand, Job, Message, Output, Said, Undelivered},
    json,
    queue::DeadLetter,
    retry::Clock,
    store::Hold,
    whatsapp::{errors, graph::GraphError},
};

/// Most bytes of a letter that is kept with the conversation until the dead-letter queue has it; a larger one goes there first, and
/// may be there twice after a crash.
const MAX_COMMITTED_LETTER: usize = 64 * 1024;

/// Why a job is given up, and what the person is told.
#[derive(Debug)]
pub struct GivenUp {
    /// Why.
    pub reason: String,
    /// How often it has failed.
    pub tries: u32,
    /// What is said instead of an answer, if anything.
    pub apology: Option<Said>,
}

impl Outbox {
    /// Gives `job` up: it is done from now on, its letter goes into the dead-letter queue, and the person is told, all with one write.
    ///
    /// # Errors
    /// As [`Outbox::commit`].
    pub async fn give_up(
        &self,
        held: &mut Held,
        job: &Job,
        given_up: &GivenUp,
        cause: Option<&GraphError>,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let letter = self.letter(job, given_up, cause, clock).await;
        let is_small = json::size(&letter) <= MAX_COMMITTED_LETTER;
        if !is_small {
            self.dead_letters.bury(&letter).await.map_err(OutboxError::Queue)?;
        }
        let mut next = held.conversation.clone();
        next.meet(&job.person);
        next.mark_done(job, clock.now());
        let (fitted, _) = self.fit(given_up.apology.iter().cloned().map(Output::from).collect(), &next);
        let plan = Plan { fitted, letter: Some(letter).filter(|_| is_small), is_apology: true };
        self.plan(held, next, job, plan, clock).await.map(|_| ())
    }

    /// Gives up what is still to be sent of an earlier answer: it goes into a dead letter, from which it can be sent without asking the
    /// agent again.
    ///
    /// # Errors
    /// When the dead-letter queue or the store fails; then it is still to be sent.
    pub async fn write_off(
        &self,
        held: &mut Held,
        given_up: &GivenUp,
        cause: Option<&GraphError>,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let Some(pending) = held.conversation.outbox.clone() else { return Ok(()) };
        if let Some(letter) = &pending.letter {
            self.bury_committed(letter).await?;
        }
        let rest = pending.replies.iter().filter(|reply| reply.state.is_open()).map(|reply| reply.output.clone());
        let job = Job {
            id: pending.job,
            conversation: held.id.clone(),
            person: pending.to,
            message: Message::about(&pending.message_id),
            errand: Errand::Deliver(rest.collect()),
            redrives: 0,
        };
        if pending.is_apology {
            // The letter of the job itself says all there is to say.
            tracing::error!(job = %job.id, reason = given_up.reason, "the person could not be told that no answer will come");
        } else {
            let letter = self.letter(&job, given_up, cause, clock).await;
            self.dead_letters.bury(&letter).await.map_err(OutboxError::Queue)?;
        }
        held.conversation.outbox = None;
        held.conversation.failing = None;
        held.in_doubt = false;
        self.save(held, Hold::Keep).await
    }

    /// Notes that a reply was not delivered, and sends what can take its place.
    ///
    /// # Errors
    /// As [`Outbox::commit`].
    pub async fn note_undelivered(
        &self,
        held: &mut Held,
        job: &Job,
        undelivered: &Undelivered,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let mut next = held.conversation.clone();
        let replacement = next.take_replacement(&undelivered.reply);
        let is_media = |failure: &DeliveryFailure| failure.code == errors::MEDIA_REFUSED;
        let replacement = replacement.filter(|_| undelivered.failures.iter().any(is_media));
        let reasons: Vec<_> = undelivered.failures.iter().map(|failure| failure.reason.as_str()).collect();
        let reason = format!("a reply was not delivered: {}", reasons.join("; "));
        let label = self.credentials.label(&held.id).await;
        let mut letter = DeadLetter::of_reply(&undelivered.reply, &held.id, label, reason, clock.now());
        if let Some(failure) = undelivered.failures.first() {
            blame(&mut letter, failure.code, None);
        }
        next.mark_done(job, clock.now());
        let fitted = replacement.into_iter().map(Output::from).collect();
        self.plan(held, next, job, Plan { fitted, letter: Some(letter), is_apology: false }, clock).await.map(|_| ())
    }

    /// The dead letter of a job that is given up.
    pub async fn letter(&self, job: &Job, given_up: &GivenUp, cause: Option<&GraphError>, clock: &Clock) -> DeadLetter {
        let label = self.credentials.label(&job.conversation).await;
        let mut letter = DeadLetter::of_job(job, label, given_up.reason.clone(), given_up.tries, clock.now());
        if let Some(error) = cause {
            blame_graph(&mut letter, error);
        }
        letter
    }
}

/// Adds to a dead letter what we know about an error of Graph.
pub(super) fn blame_graph(letter: &mut DeadLetter, error: &GraphError) {
    if let Some(code) = error.code() {
        blame(letter, code, error.refusal().map(|refusal| refusal.trace_id.as_str()));
    }
}

/// Adds to a dead letter what we know about Meta's code.
fn blame(letter: &mut DeadLetter, code: i64, fbtrace_id: Option<&str>) {
    let errors::Advice { class, cure, .. } = errors::advise(code);
    letter.blame(code, fbtrace_id, class.name(), cure);
}
