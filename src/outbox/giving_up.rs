//! Giving up: a dead letter is written, and the person who waits gets an apology.

use std::time::Duration;

use super::{Lease, Outbox, OutboxError, commit::Plan};
use crate::{
    conversation::{
        Content, Conversation, DeliveryFailure, Job, Marketing, Output, Preferences, Reply, Resend, Task, TurnId,
        Undelivered, Wamid,
    },
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

/// Most bytes of a dead letter that is stored with the conversation until the queue has it; a larger one goes to the queue first, and
/// may be there twice after a crash.
const MAX_COMMITTED_LETTER: usize = 64 * 1024;

/// How often a reply is sent again because Meta reports a temporary fault.
const MAX_RESENDS: u32 = 2;
/// Longest pause before that. The person's next messages wait behind it; if Meta needs longer, Graph refuses the reply at once.
const MAX_RESEND_PAUSE: Duration = Duration::from_secs(6);

/// Why a job is given up, and what is sent to the person.
#[derive(Debug)]
pub struct GivenUp {
    /// Why.
    pub reason: String,
    /// How often it has failed.
    pub tries: u32,
    /// What is sent instead of an answer, if anything.
    pub apology: Option<Content>,
}

/// What to do about a reply that was not delivered.
#[derive(Debug)]
pub struct Judged {
    /// What is sent instead.
    pub replies: Vec<Reply>,
    /// Its dead letter.
    pub dead_letter: Option<DeadLetter>,
}

impl Outbox {
    /// Gives `job` up with one write: the job is done, its dead letter goes into the queue, and the person gets the apology.
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
        let dead_letter = self.dead_letter(job, given_up, cause, clock).await;
        let is_small = json::size(&dead_letter) <= MAX_COMMITTED_LETTER;
        if !is_small {
            self.dead_letters.send(&dead_letter).await.map_err(OutboxError::Queue)?;
        }
        let mut next = lease.conversation.clone();
        next.note_question(job, clock.now());
        next.mark_done(job, clock.now());
        let (fitted, _) = self.fit(given_up.apology.iter().cloned().map(Output::from).collect(), &next);
        let replies = fitted.into_iter().map(Reply::from).collect();
        let plan = Plan { replies, dead_letter: Some(dead_letter).filter(|_| is_small), is_apology: true };
        self.plan(lease, next, job, plan, clock).await.map(|_| ())
    }

    /// Counts a failure of `job`, sends `content` because the answer takes longer, and frees the conversation; returns how often the job has
    /// failed by now.
    ///
    /// The count and the reply are one write. If the reply cannot be sent now, it comes first in the next delivery.
    ///
    /// # Errors
    /// As [`Outbox::give_back`].
    pub async fn delay(
        &self,
        lease: &mut Lease,
        job: &Job,
        reason: &str,
        content: Content,
        clock: &Clock,
    ) -> Result<u32, OutboxError> {
        let mut next = lease.conversation.clone();
        next.note_question(job, clock.now());
        let tries = next.count_failure(&job.own_id(), reason);
        // The replies of the answer will use the job's own id.
        let notice = TurnId::of(&job.conversation.number, &format!("{} delay", job.own_id()));
        let notice = Job { id: notice, redrives: 0, ..job.clone() };
        let (fitted, _) = self.fit(vec![content.into()], &next);
        let replies = fitted.into_iter().map(Reply::from).collect();
        self.plan(lease, next, &notice, Plan { replies, dead_letter: None, is_apology: true }, clock).await?;
        if let Err(error) = self.deliver(lease, &job.own_id(), Hold::Release, clock).await {
            tracing::warn!(turn = %job.id, error = %Chain(&error), "DELAY_TEXT is not out yet");
            self.free(lease).await?;
        }
        Ok(tries)
    }

    /// Gives up the unsent replies of an earlier answer: they go into a dead letter, from which they can be sent without asking the
    /// agent again.
    ///
    /// # Errors
    /// When the dead-letter queue or the store fails; then they are still to be sent.
    pub async fn write_off(
        &self,
        lease: &mut Lease,
        given_up: &GivenUp,
        cause: Option<&GraphError>,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let Some(pending) = lease.conversation.outbox.clone() else { return Ok(()) };
        if let Some(dead_letter) = &pending.dead_letter {
            self.send_committed(dead_letter).await?;
        }
        // Redriven, they are still nothing that the person has asked for: they answer no message.
        let is_unasked = pending.replies.iter().any(|reply| reply.is_unasked);
        let rest = pending.replies.iter().filter(|reply| reply.state.is_open()).map(|reply| reply.output.clone());
        let job = Job {
            id: pending.turn,
            conversation: lease.id.clone(),
            task: Task::Resend(Resend {
                message_id: if is_unasked { Wamid::default() } else { pending.message_id },
                to: pending.to,
                outputs: rest.collect(),
                is_notice: pending.is_notice,
            }),
            redrives: 0,
        };
        if pending.is_apology {
            // The dead letter of the job itself says everything.
            tracing::error!(turn = %job.id, reason = given_up.reason, "the person could not be informed that no answer will come");
        } else {
            let dead_letter = self.dead_letter(&job, given_up, cause, clock).await;
            self.dead_letters.send(&dead_letter).await.map_err(OutboxError::Queue)?;
        }
        lease.conversation.outbox = None;
        lease.conversation.failing = None;
        lease.in_doubt = false;
        self.save(lease, Hold::Keep).await
    }

    /// Treats what Meta reports later like what it refuses at once: after a temporary fault the reply is sent again, outside of the
    /// window the template is sent, a file that Meta cannot use is left out. All but the first get a dead letter as well.
    pub async fn judge(
        &self,
        lease: &Lease,
        next: &mut Conversation,
        undelivered: &Undelivered,
        clock: &Clock,
    ) -> Judged {
        let Undelivered { reply, failures, .. } = undelivered;
        let has = |code: i64| failures.iter().any(|failure| failure.code == code);
        if has(errors::OPTED_OUT) {
            next.prefer(Preferences::of_marketing(Marketing::Stop, clock.now()));
        }
        let is_opted_out = next.is_opted_out();
        // What they have not asked for is not sent again, in whatever form.
        let sent = next.take_sent(reply).filter(|sent| !(is_opted_out && sent.is_unasked));
        let is_unasked = sent.as_ref().is_some_and(|sent| sent.is_unasked);
        if let Some((sent, pause)) = sent.as_ref().and_then(|sent| Some((sent, resend_after(failures, sent.resends)?)))
        {
            tracing::warn!(%reply, resends = sent.resends, "a reply was not delivered because of a temporary fault: it is sent again");
            // If there is no time for the pause, Graph itself will refuse if it is too early.
            let _has_time = clock.pause(pause).await;
            let resends = sent.resends.saturating_add(1);
            let again = Reply { resends, is_unasked, ..Reply::from(sent.output.clone()) };
            return Judged { replies: vec![again], dead_letter: None };
        }
        let substitutes = match sent {
            Some(sent) if has(errors::MEDIA_REFUSED) => {
                self.without_file(&lease.id.number, &sent.output.content, clock).await
            }
            Some(sent) if has(errors::OUTSIDE_WINDOW) => {
                // One template is enough, whatever else of the answer is not delivered.
                next.sent.retain(|other| !other.id.is_beside(reply));
                self.template_unless(matches!(sent.output.content, Content::Template(_)))
            }
            Some(_) | None => Vec::new(),
        };
        let reasons: Vec<_> = failures.iter().map(|failure| failure.reason.as_str()).collect();
        let reason = format!("a reply was not delivered: {}", reasons.join("; "));
        let label = self.credentials.label(&lease.id).await;
        let mut dead_letter = DeadLetter::of_reply(reply, &lease.id, label, reason, clock.now());
        if let Some(failure) = failures.first() {
            let errors::Advice { class, cure, .. } = errors::advise_later(failure.code);
            dead_letter.with_meta_error(failure.code, None, class.name(), cure);
        }
        let replies = substitutes.into_iter().map(|content| Reply { is_unasked, ..Reply::from(content) }).collect();
        Judged { replies, dead_letter: Some(dead_letter) }
    }

    /// The dead letter of a job that is given up.
    pub async fn dead_letter(
        &self,
        job: &Job,
        given_up: &GivenUp,
        cause: Option<&GraphError>,
        clock: &Clock,
    ) -> DeadLetter {
        let label = self.credentials.label(&job.conversation).await;
        let mut dead_letter = DeadLetter::of_job(job, label, given_up.reason.clone(), given_up.tries, clock.now());
        if let Some(error) = cause {
            add_graph_error(&mut dead_letter, error);
        }
        dead_letter
    }
}

/// The pause before a reply is sent again after `resends` earlier tries; `None`: it is not sent again.
fn resend_after(failures: &[DeliveryFailure], resends: u32) -> Option<Duration> {
    let pauses = failures.iter().map(|failure| match errors::advise(failure.code).retry {
        Retry::After(pause) => Some(pause.min(MAX_RESEND_PAUSE)),
        Retry::Never => None,
    });
    let pause = pauses.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    (resends < MAX_RESENDS).then_some(pause)
}

/// Adds to a dead letter what we know about an error of Graph.
pub(super) fn add_graph_error(dead_letter: &mut DeadLetter, error: &GraphError) {
    if let Some(code) = error.code() {
        let errors::Advice { class, cure, .. } = error.refusal().map_or_else(|| errors::advise(code), Refusal::advice);
        dead_letter.with_meta_error(code, error.refusal().map(|refusal| refusal.trace_id.as_str()), class.name(), cure);
    }
}
