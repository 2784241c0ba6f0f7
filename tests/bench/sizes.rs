//! What a memory size does to the time of an invocation, with services that take their time: the figures of the cheapest size.

use std::time::Duration;

use crate::{
    deployed::{self, MAX_BATCH, done},
    events,
    instance::{Program, RuntimeApi},
    quota::Quota,
    report::median,
    services::{Delays, Services},
};

/// Memory sizes in megabytes: the last one has a whole processor.
const SIZES: [u32; 6] = [128, 192, 256, 512, 1024, 1769];
/// Invocations of one kind with one size.
const INVOCATIONS: usize = 15;
/// How long the services take: about as on AWS, but for Graph and the agent, for which nobody wants to wait so often.
pub const DELAYS: Delays = Delays {
    dynamodb: Duration::from_millis(6),
    sqs: Duration::from_millis(12),
    graph: Duration::from_millis(60),
    agent: Duration::from_millis(150),
};

/// What one memory size showed.
pub struct Sized {
    /// Megabytes.
    pub memory: u32,
    /// The first turn of an instance, which makes all connections.
    pub first_turn: Duration,
    /// A webhook with the most messages that Meta sends at once.
    pub largest_webhook: Duration,
    /// A full batch of the queue.
    pub batch: Duration,
    /// Every kind of invocation by its name: from the event to the answer.
    pub kinds: Vec<(&'static str, Duration)>,
}

/// Measures every size; a fresh instance each. The start itself gets a whole processor, as on Lambda.
pub fn measure(api: &RuntimeApi, services: &Services, endpoint: &Program) -> anyhow::Result<Vec<Sized>> {
    let quota = Quota::new()?;
    services.take_time(DELAYS);
    let all = SIZES.iter().map(|memory| one(api, services, endpoint, &quota, *memory)).collect();
    services.take_time(Delays::default());
    all
}

fn one(api: &RuntimeApi, services: &Services, endpoint: &Program, quota: &Quota, memory: u32) -> anyhow::Result<Sized> {
    let instance = api.run(endpoint)?;
    quota.set(memory)?;
    quota.hold(instance.id())?;
    services.say(1);
    let first_turn = done(&instance, &events::batch(1)?)?;
    let mut kinds = Vec::new();
    for plan in deployed::plans()? {
        services.say(plan.replies);
        done(&instance, &plan.event)?;
        let times = (0..INVOCATIONS).map(|_| done(&instance, &plan.event)).collect::<Result<_, _>>()?;
        kinds.push((plan.name, median(times)));
    }
    services.say(1);
    let batch = events::batch(MAX_BATCH)?;
    let batch = median((0..INVOCATIONS).map(|_| done(&instance, &batch)).collect::<Result<_, _>>()?);
    let largest_webhook = done(&instance, &events::webhook(1_000, events::LARGE_TEXT)?)?;
    Ok(Sized { memory, first_turn, largest_webhook, batch, kinds })
}
