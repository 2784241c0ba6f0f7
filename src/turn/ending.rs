//! The end of a turn that failed: it comes again, or it is given up.
//!
//! A job fails five times at most. Failures are counted with the conversation, and by nobody else: the queue counts the jobs behind a
//! failing one as well. Only where the store refuses for days, the queue's count ends it.

use super::{Failure, Outcome, TRIES_MOST, TurnError, caught};
use crate::{
    app::App,
    conversation::{DONE_KEPT, Errand, Job, Said},
    outbox::{GivenUp, Held, OutboxError},
    retry::{Clock, Retry, after},
    store::Hold,
    telemetry::Chain,
    whatsapp::graph::GraphError,
};

/// After so many deliveries a job is given up although no failure of it could be counted. The queue itself would drop it after 1,000;
/// at 150 seconds each it takes a day and a half.
const MAX_RECEIVES: u32 = 900;

/// Decides what follows from `error`, and sees to it that the conversation is free afterwards.
pub(super) async fn end(
    app: &App,
    job: &Job,
    mut held: Option<Held>,
    error: TurnError,
    receives: u32,
    clock: &Clock,
) -> Result<Outcome, Failure> {
    let ended = caught(Box::pin(settle(app, job, held.as_mut(), error, receives, clock))).await;
    match ended {
        Ok(ended) => ended,
        // Giving up has failed as well. The letter is what must not be missing.
        Err(error) => {
            let given_up = GivenUp { reason: Chain(&error).to_string(), tries: 0, apology: None };
            let buried = caught(bury(app, job, &given_up, None, clock)).await;
            if let Some(held) = &held {
                let freed = caught(async { Ok(app.outbox.free(held).await?) }).await;
                warn_unless_free(job, freed);
            }
            buried.map(|()| Outcome::GivenUp).map_err(|error| Failure { error, tries: 0 })
        }
    }
}

/// The outer result is a panic.
async fn settle(
    app: &App,
    job: &Job,
    held: Option<&mut Held>,
    error: TurnError,
    receives: u32,
    clock: &Clock,
) -> Result<Result<Outcome, Failure>, TurnError> {
    let Some(held) = held else {
        // There is no conversation to count it in.
        let is_final = error.retry() == Retry::Never || receives >= MAX_RECEIVES;
        return Ok(match is_final {
            true => lose(app, job, error, receives, clock).await,
            false => Err(Failure { error, tries: 0 }),
        });
    };
    if error.is_waiting() && receives < MAX_RECEIVES {
        warn_unless_free(job, app.outbox.free(held).await.map_err(TurnError::from));
        return Ok(Err(Failure { error, tries: 0 }));
    }
    // Replies of an earlier job are on their way before this one is looked at; their failure is not its fault.
    let failing = held.delivering().cloned().unwrap_or_else(|| job.own_id());
    let failures = held.conversation.failures(&failing).saturating_add(1).min(TRIES_MOST);
    let is_final = error.retry() == Retry::Never || failures >= TRIES_MOST || receives >= MAX_RECEIVES;
    if !is_final {
        let reason = Chain(&error).to_string();
        let counted = match delay(app, job, &error).filter(|_| failures == 1 && failing == job.own_id()) {
            Some(said) => app.outbox.delay(held, job, &reason, said, clock).await,
            None => app.outbox.give_back(held, &failing, &reason).await,
        };
        let tries = counted.as_ref().copied().unwrap_or_default();
        warn_unless_free(job, counted.map(|_| ()).map_err(TurnError::from));
        return Ok(Err(Failure { error, tries }));
    }
    let given_up =
        GivenUp { reason: Chain(&error).to_string(), tries: failures, apology: apology(app, job, &error, clock) };
    match give_up(app, job, held, &given_up, &error, clock).await {
        Ok(true) => Ok(Ok(Outcome::GivenUp)),
        Ok(false) => Ok(Err(Failure { error, tries: 0 })),
        Err(why) => {
            tracing::error!(job = %job.id, error = %Chain(&why), "a message could not be given up: it comes again");
            let counted = app.outbox.give_back(held, &failing, &given_up.reason).await;
            warn_unless_free(job, counted.map(|_| ()).map_err(TurnError::from));
            // Without the store there is nothing but the letter, and nothing to wait for any more.
            if receives >= MAX_RECEIVES {
                return Ok(lose(app, job, error, receives, clock).await);
            }
            Ok(Err(Failure { error: why, tries: failures }))
        }
    }
}

/// Returns whether `job` is done with; if not, it was the job before it that was given up.
async fn give_up(
    app: &App,
    job: &Job,
    held: &mut Held,
    given_up: &GivenUp,
    error: &TurnError,
    clock: &Clock,
) -> Result<bool, TurnError> {
    let cause = graph_error(error);
    let is_own = held.delivering().is_none_or(|delivering| *delivering == job.own_id());
    app.outbox.write_off(held, given_up, cause, clock).await?;
    if held.has_done(job) || !is_own {
        app.outbox.free(held).await?;
        return Ok(is_own);
    }
    app.outbox.give_up(held, job, given_up, cause, clock).await?;
    // From here on the job is done: what is not out yet follows with the next delivery.
    app.outbox.deliver(held, &job.own_id(), Hold::Release, clock).await?;
    Ok(true)
}

/// Gives up a job whose conversation cannot be had: all that can be done is to write it down.
async fn lose(app: &App, job: &Job, error: TurnError, receives: u32, clock: &Clock) -> Result<Outcome, Failure> {
    let given_up = GivenUp { reason: Chain(&error).to_string(), tries: receives, apology: None };
    match bury(app, job, &given_up, graph_error(&error), clock).await {
        Ok(()) => Ok(Outcome::GivenUp),
        Err(error) => Err(Failure { error, tries: 0 }),
    }
}

async fn bury(
    app: &App,
    job: &Job,
    given_up: &GivenUp,
    cause: Option<&GraphError>,
    clock: &Clock,
) -> Result<(), TurnError> {
    let letter = app.outbox.letter(job, given_up, cause, clock).await;
    Ok(app.dead_letters.bury(&letter).await?)
}

/// What the person is told once when the agent has to be asked again.
fn delay(app: &App, job: &Job, error: &TurnError) -> Option<Said> {
    let is_asked_again = job.asks() && matches!(error, TurnError::Agent(_));
    app.settings.delay_text.clone().filter(|_| is_asked_again).map(Said::Text)
}

/// What the person is told, in what the operator has prepared for it.
fn apology(app: &App, job: &Job, error: &TurnError, clock: &Clock) -> Option<Said> {
    // Only who waits for an answer is told that none will come.
    let awaits = job.asks() || matches!(job.errand, Errand::Say(_));
    let fallback = || app.settings.fallback_text.clone().filter(|_| awaits).map(Said::Text);
    match error {
        TurnError::TooLate => {
            // A template is paid for. Nobody waits for one after so long, and what is older than our memory may be a repeat.
            let is_recent = |sent_at| after(sent_at, DONE_KEPT) >= clock.now();
            let template = app.outbox.window_template().filter(|_| job.message.sent_at.is_some_and(is_recent));
            template.cloned().map(Said::Template)
        }
        TurnError::Outbox(OutboxError::Graph(_)) | TurnError::Busy(_) => None,
        TurnError::NoTime
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
        tracing::warn!(job = %job.id, error = %Chain(&error), "the conversation is not free before the lease ends");
    }
}
