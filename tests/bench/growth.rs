//! Whether a message costs the same when much comes at once or much is remembered: time and memory per message.

use std::{
    iter,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use jiff::Timestamp;
use whatsapp_endpoint::conversation::{Done, TurnId};

use crate::{
    deployed::done,
    events,
    instance::{Instance, Program, RuntimeApi},
    report::median,
    services::Services,
};

/// Messages over which a figure is taken, so that one message alone is measured often enough.
const MESSAGES: usize = 200;
/// Events of one message before anything is measured.
const WARM_UP: usize = 5;

/// What grows.
pub struct Series {
    /// What is done.
    pub title: &'static str,
    /// What there is more and more of.
    pub axis: &'static str,
    /// From little to much.
    pub points: Vec<Point>,
}

/// One size.
pub struct Point {
    /// How much of it.
    pub size: usize,
    /// The processor's time for a message, in microseconds.
    pub micros: f64,
    /// What the peak of memory rose by over that of single messages, for a message, in kilobytes.
    pub kilobytes: f64,
}

/// Measures all series; every point on fresh instances.
pub fn measure(
    api: &RuntimeApi,
    services: &Services,
    at_once: &Program,
    deployed: &Program,
    rounds: u16,
) -> anyhow::Result<Vec<Series>> {
    let webhook = |size| events::webhook(size, events::LARGE_TEXT);
    let point = |size, messages, program, warm_up: &str, event: &str| {
        let runs = iter::repeat_with(|| one(&api.run(program)?, warm_up, event, messages));
        let runs: Vec<_> = runs.take(rounds.into()).collect::<anyhow::Result<_>>()?;
        let micros = median(runs.iter().map(|run| run.0).collect()).as_secs_f64() * 1e6;
        let kilobytes = f64::from(median(runs.iter().map(|run| run.1).collect())) * 1.024;
        let per_event = f64::from(u32::try_from(messages)?);
        anyhow::Ok(Point { size, micros, kilobytes: kilobytes / per_event })
    };
    let (one_webhook, one_turn) = (webhook(1)?, events::batch(1)?);
    let sizes = [1, 10, 100, 1_000];
    let queued = sizes.map(|size| point(size, size, deployed, &one_webhook, &webhook(size)?));
    let at_once = sizes.map(|size| point(size, size, at_once, &one_webhook, &webhook(size)?));
    let batches = [1, 2, 5, 10].map(|size| point(size, size, deployed, &one_turn, &events::batch(size)?));
    let remembered = [0, 2_000, 4_000, 6_000, 8_000].map(|size| {
        let (mut done, now) = (Done::default(), now()?);
        (0..size).for_each(|job| done.mark(&TurnId::of(&"8".into(), &job.to_string()), now));
        services.remember_done(&done);
        let point = point(size, 1, deployed, &one_turn, &one_turn);
        services.remember_done(&Done::default());
        point
    });
    Ok(vec![
        series("A webhook into the queue", "messages", queued)?,
        series("A webhook without a queue", "messages", at_once)?,
        series("A batch of the queue", "conversations", batches)?,
        series("A turn of a long conversation", "messages in eight days", remembered)?,
    ])
}

/// Prints a table for each series.
pub fn print(all: &[Series]) {
    for Series { title, axis, points } in all {
        println!("{title}, for each message:\n");
        println!("| {axis} | processor | memory |\n| --: | --: | --: |");
        for Point { size, micros, kilobytes } in points {
            println!("| {size} | {micros:.0} µs | {kilobytes:.1} kB |");
        }
        println!();
    }
}

/// The processor's time for a message of an event, and by how many KiB the peak of memory rose in the end.
fn one(instance: &Instance, warm_up: &str, event: &str, messages: usize) -> anyhow::Result<(Duration, u32)> {
    for _ in 0..WARM_UP {
        done(instance, warm_up)?;
    }
    let (memory, processor) = (instance.peak_memory()?, instance.processor_time()?);
    let times = MESSAGES.div_ceil(messages);
    for _ in 0..times {
        done(instance, event)?;
    }
    let processor = instance.processor_time()?.saturating_sub(processor) / u32::try_from(times * messages)?;
    Ok((processor, instance.peak_memory()?.saturating_sub(memory)))
}

fn series<const N: usize>(
    title: &'static str,
    axis: &'static str,
    points: [anyhow::Result<Point>; N],
) -> anyhow::Result<Series> {
    let points = points.into_iter().collect::<Result<_, _>>().with_context(|| title)?;
    Ok(Series { title, axis, points })
}

#[expect(clippy::disallowed_methods, reason = "what is done too long ago would be forgotten")]
fn now() -> anyhow::Result<Timestamp> {
    Ok(SystemTime::now().try_into()?)
}
