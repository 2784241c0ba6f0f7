//! The end of a failed turn: the job comes again, or it is given up.
//!
//! A job fails five times at most. Failures are counted in the conversation and not by the queue, which also counts the jobs behind
//! a failing one. Only if the store refuses for days, the queue's count ends it.

use super::{Failure, MAX_TRIES, Outcome, Turn, TurnError, caught};
use crate::{
    app::App,
    conversation::{Content, DONE_KEPT, Job, TurnId},
    outbox::{GivenUp, OutboxError},
    retry::{Clock, Retry, after},
    store::Hold,
    telemetry::Chain,
    whatsapp::graph::GraphError,
};

/// After so many deliveries a job is given up even if none of its failures could be counted. The queue itself would drop it after
/// 1,000; at 150 seconds each this takes a day and a half.
const MAX_RECEIVES: u32 = 900;

/// Decides what follows from `error`, and frees the conversation.
pub(super) async fn end(
    app: &App,
    job: &Job,
    mut turn: Option<Turn<'_>>,
    error: TurnError,
    receives: u32,
    clock: &Clock,
) -> Result<Outcome, Failure> {
    let ended = match &mut turn {
        Some(turn) => caught(Box::pin(turn.settle(error, receives))).await,
        // No conversation is claimed in which it could be counted.
        None if error.retry() == Retry::Never || receives >= MAX_RECEIVES => {
            caught(async { Ok(lose(app, job, error, receives, clock).await) }).await
        }
        None => return Err(Failure { error, tries: 0 }),
    };
    match ended {
        Ok(ended) => ended,
        // Giving up has failed as well. The dead letter is what must not be lost.
        Err(error) => {
            let given_up = GivenUp { reason: Chain(&error).to_string(), tries: 0, apology: None };
            let written = caught(write_dead_letter(app, job, &given_up, None, clock)).await;
            if let Some(turn) = &turn {
                let freed = caught(async { Ok(app.outbox.free(&turn.lease).await?) }).await;
                warn_unless_free(job, freed);
            }
            written.map(|()| Outcome::GivenUp).map_err(|error| Failure { error, tries: 0 })
        }
    }
}

impl Turn<'_> {
    /// The outer result is a panic.
    async fn settle(&mut self, error: TurnError, receives: u32) -> Result<Result<Outcome, Failure>, TurnError> {
        let Turn { app, job, clock, .. } = *self;
        if error.is_waiting() && receives < MAX_RECEIVES {
            warn_unless_free(job, app.outbox.free(&self.lease).await.map_err(TurnError::from));
            return Ok(Err(Failure { error, tries: 0 }));
        }
        // Replies of an earlier job come first; their failure is not this job's fault.
        let failing = self.lease.delivering().cloned().unwrap_or_else(|| job.own_id());
        let failures = self.lease.conversation.failures(&failing).saturating_add(1).min(MAX_TRIES);
        let is_final = error.retry() == Retry::Never || failures >= MAX_TRIES || receives >= MAX_RECEIVES;
        if !is_final {
            let tries = self.give_back(&error, &failing, failures == 1).await;
            return Ok(Err(Failure { error, tries }));
        }
        let apology = apology(app, job, &error, clock);
        let given_up = GivenUp { reason: Chain(&error).to_string(), tries: failures, apology };
        match self.give_up(&given_up, &error).await {
            Ok(true) => Ok(Ok(Outcome::GivenUp)),
            Ok(false) => Ok(Err(Failure { error, tries: 0 })),
            Err(why) => {
                tracing::error!(turn = %job.id, error = %Chain(&why), "a message could not be given up: it comes again");
                let counted = app.outbox.give_back(&mut self.lease, &failing, &given_up.reason).await;
                warn_unless_free(job, counted.map(|_| ()).map_err(TurnError::from));
                // Without the store only the dead letter is left, and waiting longer does not help.
                if receives >= MAX_RECEIVES {
                    return Ok(lose(app, job, error, receives, clock).await);
                }
                Ok(Err(Failure { error: why, tries: failures }))
            }
        }
    }

    /// Counts a failure of the job `failing` and frees the conversation; returns how often it has failed, or 0 if that is unknown.
    async fn give_back(&mut self, error: &TurnError, failing: &TurnId, is_first: bool) -> u32 {
        let Turn { app, job, clock, .. } = *self;
        let reason = Chain(error).to_string();
        let delay = delay(app, job, error).filter(|_| is_first && *failing == job.own_id());
        let counted = match delay {
            Some(content) => app.outbox.delay(&mut self.lease, job, &reason, content, clock).await,
            None => app.outbox.give_back(&mut self.lease, failing, &reason).await,
        };
        let tries = counted.as_ref().copied().unwrap_or_default();
        warn_unless_free(job, counted.map(|_| ()).map_err(TurnError::from));
        tries
    }

    /// Returns whether the job itself is given up; if not, it was the job before it.
    async fn give_up(&mut self, given_up: &GivenUp, error: &TurnError) -> Result<bool, TurnError> {
        let Turn { app, job, clock, .. } = *self;
        let cause = graph_error(error);
        let is_own = self.lease.delivering().is_none_or(|delivering| *delivering == job.own_id());
        app.outbox.write_off(&mut self.lease, given_up, cause, clock).await?;
        if self.lease.has_done(job) || !is_own {
            app.outbox.free(&self.lease).await?;
            return Ok(is_own);
        }
        app.outbox.give_up(&mut self.lease, job, given_up, cause, clock).await?;
        // From here on the job is done: unsent replies follow with the next delivery.
        app.outbox.deliver(&mut self.lease, &job.own_id(), Hold::Release, clock).await?;
        Ok(true)
    }
}

/// Gives up a job whose conversation cannot be claimed: it only gets a dead letter.
async fn lose(app: &App, job: &Job, error: TurnError, receives: u32, clock: &Clock) -> Result<Outcome, Failure> {
    let given_up = GivenUp { reason: Chain(&error).to_string(), tries: receives, apology: None };
    match write_dead_letter(app, job, &given_up, graph_error(&error), clock).await {
        Ok(()) => Ok(Outcome::GivenUp),
        Err(error) => Err(Failure { error, tries: 0 }),
    }
}

async fn write_dead_letter(
    app: &App,
    job: &Job,
    given_up: &GivenUp,
    cause: Option<&GraphError>,
    clock: &Clock,
) -> Result<(), TurnError> {
    let dead_letter = app.outbox.dead_letter(job, given_up, cause, clock).await;
    Ok(app.dead_letters.send(&dead_letter).await?)
}

/// The text that is sent once if the agent has to be asked again.
fn delay(app: &App, job: &Job, error: &TurnError) -> Option<Content> {
    let is_asked_again = job.task.question().is_some() && matches!(error, TurnError::Agent(_));
    app.settings.auto_replies.delay.clone().filter(|_| is_asked_again).map(Content::Text)
}

/// The apology to the person, if the operator has configured one for this error.
fn apology(app: &App, job: &Job, error: &TurnError, clock: &Clock) -> Option<Content> {
    // Only a person who waits for an answer gets an apology.
    let fallback = || app.settings.auto_replies.fallback.clone().filter(|_| job.task.is_awaited()).map(Content::Text);
    match error {
        TurnError::TooLate => {
            // A template costs money. After a long time no one waits for one, and a message older than our memory may be a repeat.
            let sent_at = job.task.question().and_then(|message| message.sent_at);
            let is_recent = |sent_at| after(sent_at, DONE_KEPT) >= clock.now();
            let template = app.outbox.window_template().filter(|_| sent_at.is_some_and(is_recent));
            template.map(Content::Template)
        }
        TurnError::Outbox(OutboxError::Graph(_)) | TurnError::Busy(_) => None,
        TurnError::NoTime
        | TurnError::SessionOver
        | TurnError::Transformer(_)
        | TurnError::TriedOut(_)
        | TurnError::Panicked(_)
        | TurnError::Agent(_)
        | TurnError::Memory(_)
        | TurnError::Outbox(_) => fallback(),
    }
}

fn graph_error(error: &TurnError) -> Option<&GraphError> {
    if let TurnError::Outbox(OutboxError::Graph(error)) = error { Some(error) } else { None }
}

fn warn_unless_free(job: &Job, freed: Result<(), TurnError>) {
    if let Err(error) = freed {
        tracing::warn!(turn = %job.id, error = %Chain(&error), "the conversation stays claimed until its lease ends");
    }
}
