//! The function as the template deploys it: with a queue, an agent outside, and one invocation for each step of a message.
//!
//! What counts here is the processor's time and not the clock's: the stand-ins share the machine with the program, and on AWS
//! everything else is waiting.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{
    events,
    instance::{Instance, Program, RuntimeApi},
    report::median,
    services::{Counts, Services},
};

/// Invocations of one kind in one run.
const INVOCATIONS: usize = 50;
/// Batches of the queue in one run.
const BATCHES: usize = 30;
/// Most jobs of a batch: `BatchSize` of the template.
pub const MAX_BATCH: usize = 10;

/// One kind of invocation.
#[derive(Clone)]
pub struct Kind {
    /// Its name in the file of figures.
    pub name: &'static str,
    /// What happens, in a few words.
    pub what: &'static str,
    /// The processor's time.
    pub processor: Duration,
    /// From the event to the answer.
    pub took: Duration,
    /// What it wrote into the log, in bytes.
    pub log_bytes: usize,
    /// What it called.
    pub calls: Counts,
}

/// What one run showed.
pub struct DeployedRun {
    /// From exec to the first request for an event, with the client of the queue and without a request for the secret.
    pub init: Duration,
    /// Every kind of invocation.
    pub kinds: Vec<Kind>,
    /// The processor's time for a message in full batches.
    pub in_batches: Duration,
    /// The same for the calls alone.
    pub bare: Duration,
}

/// A kind of invocation that is to be measured.
pub struct Plan {
    /// Its name in the file of figures.
    pub name: &'static str,
    /// What happens, in a few words.
    pub what: &'static str,
    /// The event.
    pub event: String,
    /// How many texts the agent answers with.
    pub replies: usize,
}

/// Every kind of invocation that a message costs.
pub fn plans() -> anyhow::Result<[Plan; 5]> {
    let plan = |name, what, event, replies| Plan { name, what, event, replies };
    let (webhook, turn) = (events::webhook(1, 40)?, events::batch(1)?);
    Ok([
        plan("webhook", "a webhook with one text", webhook, 1),
        plan("turn_1", "a turn with one reply", turn.clone(), 1),
        plan("turn_3", "a turn with three replies", turn, 3),
        plan("status_sent", "a webhook with the status sent", events::status("sent")?, 1),
        plan("status_other", "a webhook with another status", events::status("delivered")?, 1),
    ])
}

/// Measures all kinds of invocations, then full batches beside the bare calls.
pub fn run(api: &RuntimeApi, services: &Services, endpoint: &Program, bare: &Program) -> anyhow::Result<DeployedRun> {
    let instance = api.run(endpoint)?;
    let init = instance.init;
    let kinds = plans()?.into_iter().map(|plan| kind(&instance, services, &plan)).collect::<Result<_, _>>()?;
    services.say(1);
    let in_batches = batches(&instance)?;
    drop(instance);
    let bare = batches(&api.run(bare)?)?;
    Ok(DeployedRun { init, kinds, in_batches, bare })
}

fn kind(instance: &Instance, services: &Services, plan: &Plan) -> anyhow::Result<Kind> {
    let Plan { name, what, event, replies } = plan;
    services.say(*replies);
    done(instance, event)?;
    services.take_counts();
    let (processor, log_bytes) = (instance.processor_time()?, instance.log_bytes());
    let took: Vec<_> = (0..INVOCATIONS).map(|_| done(instance, event)).collect::<Result<_, _>>()?;
    let processor = instance.processor_time()?.saturating_sub(processor) / u32::try_from(INVOCATIONS)?;
    let log_bytes = (instance.log_bytes() - log_bytes) / INVOCATIONS;
    let mut calls = services.take_counts();
    ensure!(calls.values().all(|count| count % INVOCATIONS == 0), "not every {what} calls the same: {calls:?}");
    for count in calls.values_mut() {
        *count /= INVOCATIONS;
    }
    Ok(Kind { name, what, processor, took: median(took), log_bytes, calls })
}

/// The processor's time for a message.
fn batches(instance: &Instance) -> anyhow::Result<Duration> {
    let event = events::batch(MAX_BATCH)?;
    done(instance, &event)?;
    let before = instance.processor_time()?;
    for _ in 0..BATCHES {
        done(instance, &event)?;
    }
    Ok(instance.processor_time()?.saturating_sub(before) / u32::try_from(BATCHES * MAX_BATCH)?)
}

/// How long an event takes that must be answered with success.
pub fn done(instance: &Instance, event: &str) -> anyhow::Result<Duration> {
    let (took, answer) = instance.answer(event)?;
    let told: Value = serde_json::from_str(&answer)?;
    let is_done = told["statusCode"] == 200 || told["batchItemFailures"] == json!([]);
    ensure!(is_done, "not done: {answer}");
    Ok(took)
}
