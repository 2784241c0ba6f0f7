//! A trace of the start: what happens between exec and the first request for an event.

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    instance::{Program, RuntimeApi},
    report::median,
};

/// What the endpoint puts before the name of a step in its log.
const MARK: &str = "start: ";

/// A step that is done.
pub struct Step {
    /// What was reached.
    pub name: String,
    /// From exec to there, in microseconds.
    pub at: f64,
}

/// Starts the program so many times and reads the steps out of its log; medians.
pub fn trace(api: &RuntimeApi, program: &Program, rounds: u16) -> anyhow::Result<Vec<Step>> {
    let mut program = program.clone();
    program.env.push(("LOG_LEVEL", "debug".to_owned()));
    let runs = (0..rounds).map(|_| once(api, &program));
    let runs: Vec<_> = runs.collect::<anyhow::Result<_>>()?;
    let names = runs.first().context("no round")?.iter().map(|(name, _)| name.clone());
    let steps = names.enumerate().map(|(place, name)| {
        let times = runs.iter().map(|run| run[place].1).collect();
        Step { name, at: f64::from(median::<u32>(times)) / 1e3 }
    });
    Ok(steps.collect())
}

/// The steps of one start, in nanoseconds.
fn once(api: &RuntimeApi, program: &Program) -> anyhow::Result<Vec<(String, u32)>> {
    let instance = api.run(program)?;
    let (started, init) = (Timestamp::try_from(instance.started)?, instance.init);
    let mut steps = Vec::new();
    for line in instance.end()?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let Some(name) = line["message"].as_str().and_then(|message| message.strip_prefix(MARK)) else { continue };
        let at: Timestamp = line["timestamp"].as_str().context("a line without a time")?.parse()?;
        steps.push((name.to_owned(), u32::try_from(at.duration_since(started).as_nanos())?));
    }
    steps.push(("the first event is asked for".to_owned(), u32::try_from(init.as_nanos())?));
    Ok(steps)
}
