//! Whole conversations with crashes, refusals, lost answers and repeats at seeded moments, and what holds whatever happens.
//!
//! The turn, the outbox and the HTTP clients are the real ones, over loopback to the simulator and to an agent, on a store that
//! fails as well. A crash drops the turn at one of its awaits. Time is virtual, so a schedule takes milliseconds.
//!
//! `CRASH_SEED=17` runs that schedule alone and prints its story, `CRASH_SCHEDULES=20000` runs more than the usual number of them.

pub mod crash;
mod outside;
mod schedule;
mod statuses;
mod store;
mod tally;
mod world;
mod writer;

use std::{path::PathBuf, time::Duration};

use whatsapp_endpoint::{settings::environment, simulator::DEVELOPMENT_SECRET};

use schedule::Schedule;
use tally::Tally;
use world::{Statuses, World};

/// Schedules of each kind in an ordinary run.
const SCHEDULES: u64 = 150;
/// How far time goes on while everybody waits: far less than any timeout, so an answer on its way is never late by this.
const TICK: Duration = Duration::from_millis(5);

#[test]
fn whatever_crashes_nothing_is_lost_and_statuses_let_nothing_be_doubled() {
    run_all(Statuses::InTime);
}

#[test]
fn whatever_crashes_nothing_is_lost_and_without_statuses_only_what_is_in_doubt_is_doubled() {
    assert!(run_all(Statuses::Never).sent_again > 20, "nothing was ever in doubt");
}

fn run_all(statuses: Statuses) -> Tally {
    let secret = SecretFile::write();
    let (seed, schedules) = (number("CRASH_SEED"), number("CRASH_SCHEDULES"));
    let schedules = schedules.unwrap_or(if seed.is_some() { 1 } else { SCHEDULES });
    let mut total = Tally::default();
    for seed in (seed.unwrap_or(0)..).take(usize::try_from(schedules).expect("fewer")) {
        let world = run(seed, statuses, &secret);
        if schedules == 1 {
            println!("{}", world.story());
        }
        total += world.tally();
    }
    println!("{schedules} schedules: {total:?}");
    if schedules >= SCHEDULES {
        total.assert_everything_happened();
    }
    total
}

/// Runs one schedule in a runtime of its own, so that nothing of another one is left in it.
fn run(seed: u64, statuses: Statuses, secret: &SecretFile) -> World {
    // The dice of the back-off.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        tick();
        let mut schedule = Schedule::new(seed, statuses, &secret.0.display().to_string()).await;
        schedule.run().await;
        schedule.world
    })
}

/// Paused time jumps to the next timer whenever nobody can go on, even while bytes are on their way; a timer that is always
/// near makes the jumps small.
#[expect(clippy::disallowed_methods, reason = "the time beside the test, not on the request path")]
fn tick() {
    tokio::spawn(async {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
        }
    });
}

fn number(name: &str) -> Option<u64> {
    environment().find(|(known, _)| known == name).map(|(_, value)| value.parse().expect("a number"))
}

struct SecretFile(PathBuf);

impl SecretFile {
    fn write() -> Self {
        let path = std::env::temp_dir().join(format!("wa-test-{}.json", uuid::Uuid::now_v7()));
        std::fs::write(&path, DEVELOPMENT_SECRET).expect("a writable temporary folder");
        Self(path)
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}
