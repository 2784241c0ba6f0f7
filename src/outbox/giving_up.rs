//! Giving up: what cannot be done is written down, and who waits is told.

use std::time::Duration;

use super::{Lease, Outbox, OutboxError, Plan};
use crate::{
    conversation::{Content, Conversation, DeliveryFailure, Job, Output, Reply, Resend, Task, TurnId, Undelivered},
    json,
    queue::DeadLetter,
    retry::{Clock, Retry},
    store::Hold,
    telemetry::Chain,
    whatsapp::{
        errors,
        graph::{GraphError, Refusal},
    },
};

/// Most bytes of a letter that is kept with the conversation until the dead-letter queue has it; a larger one goes there first, and
/// may be there twice after a crash.
const MAX_COMMITTED_LETTER: usize = 64 * 1024;

/// How often a reply is sent again because Meta reports a fault that passes.
const MAX_RESENDS: u32 = 2;
/// Longest pause before that. The person's next messages wait behind it; what takes longer, Graph refuses at once.
const MAX_RESEND_PAUSE: Duration = Duration::from_secs(6);

/// Why a job is given up, and what the person is told.
#[derive(Debug)]
pub struct GivenUp {
    /// Why.
    pub reason: String,
    /// How often it has failed.
    pub tries: u32,
    /// What is said instead of an answer, if anything.
    pub apology: Option<Content>,
}

/// What follows from a reply that was not delivered.
#[derive(Debug)]
pub struct Judged {
    /// What is said in its place.
    pub replies: Vec<Reply>,
    /// The dead letter that says so.
    pub letter: Option<DeadLetter>,
}

impl Outbox {
    /// Gives `job` up: it is done from now on, its letter goes into the dead-letter queue, and the person is told, all with one write.
    ///
    /// # Errors
    /// As [`Outbox::commit`].
    pub async fn give_up(
        &self,
        lease: &mut Lease,
        job: &Job,
        given_up: &GivenUp,
        cause: Option<&GraphError>,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let letter = self.letter(job, given_up, cause, clock).await;
        let is_small = json::size(&letter) <= MAX_COMMITTED_LETTER;
        if !is_small {
            self.dead_letters.send(&letter).await.map_err(OutboxError::Queue)?;
        }
        let mut next = lease.conversation.clone();
        job.task.person().into_iter().for_each(|person| next.meet(person));
        next.mark_done(job, clock.now());
        let (fitted, _) = self.fit(given_up.apology.iter().cloned().map(Output::from).collect(), &next);
        let replies = fitted.into_iter().map(Reply::from).collect();
        let plan = Plan { replies, letter: Some(letter).filter(|_| is_small), is_apology: true };
        self.plan(lease, next, job, plan, clock).await.map(|_| ())
    }

    /// Counts a failure of `job`, says that the answer takes longer, and frees the conversation; returns how often the job has failed by
    /// now.
    ///
    /// The count and the words are one write. Words that cannot be sent now come first in the next delivery.
    ///
    /// # Errors
    /// As [`Outbox::give_back`].
    pub async fn delay(
        &self,
        lease: &mut Lease,
        job: &Job,
        reason: &str,
        said: Content,
        clock: &Clock,
    ) -> Result<u32, OutboxError> {
        let mut next = lease.conversation.clone();
        job.task.person().into_iter().for_each(|person| next.meet(person));
        let tries = next.count_failure(&job.own_id(), reason);
        // The answer will have replies under the job's own id.
        let notice = TurnId::of(&job.conversation.number, &format!("{} delay", job.own_id()));
        let notice = Job { id: notice, redrives: 0, ..job.clone() };
        let (fitted, _) = self.fit(vec![said.into()], &next);
        let replies = fitted.into_iter().map(Reply::from).collect();
        self.plan(lease, next, &notice, Plan { replies, letter: None, is_apology: true }, clock).await?;
        if let Err(error) = self.deliver(lease, &job.own_id(), Hold::Release, clock).await {
            tracing::warn!(job = %job.id, error = %Chain(&error), "DELAY_TEXT is not out yet");
            self.free(lease).await?;
        }
        Ok(tries)
    }

    /// Gives up what is still to be sent of an earlier answer: it goes into a dead letter, from which it can be sent without asking the
    /// agent again.
    ///
    /// # Errors
    /// When the dead-letter queue or the store fails; then it is still to be sent.
    pub async fn write_off(
        &self,
        lease: &mut Lease,
        given_up: &GivenUp,
        cause: Option<&GraphError>,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let Some(pending) = lease.conversation.outbox.clone() else { return Ok(()) };
        if let Some(letter) = &pending.letter {
            self.send_committed(letter).await?;
        }
        let rest = pending.replies.iter().filter(|reply| reply.state.is_open()).map(|reply| reply.output.clone());
        let job = Job {
            id: pending.job,
            conversation: lease.id.clone(),
            task: Task::Resend(Resend { message_id: pending.message_id, to: pending.to, outputs: rest.collect() }),
            redrives: 0,
        };
        if pending.is_apology {
            // The letter of the job itself says all there is to say.
            tracing::error!(job = %job.id, reason = given_up.reason, "the person could not be told that no answer will come");
        } else {
            let letter = self.letter(&job, given_up, cause, clock).await;
            self.dead_letters.send(&letter).await.map_err(OutboxError::Queue)?;
        }
        lease.conversation.outbox = None;
        lease.conversation.failing = None;
        lease.in_doubt = false;
        self.save(lease, Hold::Keep).await
    }

    /// Judges what Meta reports later as what it refuses at once: a fault that passes is sent again, what was outside of the window is a
    /// template, a file that Meta cannot use is left out. Everything but the first is a dead letter as well.
    pub async fn judge(
        &self,
        lease: &Lease,
        next: &mut Conversation,
        undelivered: &Undelivered,
        clock: &Clock,
    ) -> Judged {
        let Undelivered { reply, failures, .. } = undelivered;
        let sent = next.take_sent(reply);
        let has = |code: i64| failures.iter().any(|failure| failure.code == code);
        if let Some((sent, pause)) = sent.as_ref().and_then(|sent| Some((sent, resend_after(failures, sent.resends)?)))
        {
            tracing::warn!(%reply, resends = sent.resends, "a reply was not delivered for a reason that passes: it is sent again");
            // If there is no time for it, Graph itself says so.
            let _has_time = clock.pause(pause).await;
            let again = Reply { resends: sent.resends.saturating_add(1), ..Reply::from(sent.output.clone()) };
            return Judged { replies: vec![again], letter: None };
        }
        let substitutes = match sent {
            Some(sent) if has(errors::MEDIA_REFUSED) => {
                self.without_file(&lease.id.number, &sent.output.content, clock).await
            }
            Some(sent) if has(errors::OUTSIDE_WINDOW) => {
                // One says all that may be said, whatever else of the answer comes back.
                next.sent.retain(|other| !other.id.is_beside(reply));
                let is_template = matches!(sent.output.content, Content::Template(_));
                self.window_template.clone().filter(|_| !is_template).map(Content::Template).into_iter().collect()
            }
            Some(_) | None => Vec::new(),
        };
        let reasons: Vec<_> = failures.iter().map(|failure| failure.reason.as_str()).collect();
        let reason = format!("a reply was not delivered: {}", reasons.join("; "));
        let label = self.credentials.label(&lease.id).await;
        let mut letter = DeadLetter::of_reply(reply, &lease.id, label, reason, clock.now());
        if let Some(failure) = failures.first() {
            let errors::Advice { class, cure, .. } = errors::advise_later(failure.code);
            letter.with_meta_error(failure.code, None, class.name(), cure);
        }
        let replies = substitutes.into_iter().map(|said| Reply::from(Output::from(said))).collect();
        Judged { replies, letter: Some(letter) }
    }

    /// The dead letter of a job that is given up.
    pub async fn letter(&self, job: &Job, given_up: &GivenUp, cause: Option<&GraphError>, clock: &Clock) -> DeadLetter {
        let label = self.credentials.label(&job.conversation).await;
        let mut letter = DeadLetter::of_job(job, label, given_up.reason.clone(), given_up.tries, clock.now());
        if let Some(error) = cause {
            add_graph_error(&mut letter, error);
        }
        letter
    }
}

/// After which pause a reply is sent again that failed so often before; `None`: it is not.
fn resend_after(failures: &[DeliveryFailure], resends: u32) -> Option<Duration> {
    let pauses = failures.iter().map(|failure| match errors::advise(failure.code).retry {
        Retry::After(pause) => Some(pause.min(MAX_RESEND_PAUSE)),
        Retry::Never => None,
    });
    let pause = pauses.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    (resends < MAX_RESENDS).then_some(pause)
}

/// Adds to a dead letter what we know about an error of Graph.
pub(super) fn add_graph_error(letter: &mut DeadLetter, error: &GraphError) {
    if let Some(code) = error.code() {
        let errors::Advice { class, cure, .. } = error.refusal().map_or_else(|| errors::advise(code), Refusal::advice);
        letter.with_meta_error(code, error.refusal().map(|refusal| refusal.trace_id.as_str()), class.name(), cure);
    }
}
