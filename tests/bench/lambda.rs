//! The Lambda beside the smallest `lambda_http` program: start, answers, memory and size, in one run.
//!
//! Both programs run as Lambda runs them, under a Runtime API on loopback, and take turns, so that whatever else the
//! machine does meets both alike. `make bench` builds them for release first, each as it is deployed, and prints the
//! table of docs/performance.md. It judges nothing: a missed budget is printed, not failed.

mod instance;
mod report;
mod services;
mod size;
mod wire;

use std::{env, fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Parser;
use serde_json::Value;

use crate::{
    instance::{Instance, Program, RuntimeApi},
    report::median,
    services::{Counts, Services},
};

/// Warm handshakes of one run.
const HANDSHAKES: usize = 200;
/// Warm text turns of one run.
const TEXTS: usize = 50;
/// The secret without Secrets Manager.
const SECRET_IN_A_FILE: (&str, &str) =
    ("WHATSAPP_SECRET_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/development-secret.json"));

/// What can be chosen.
#[derive(Parser)]
struct Arguments {
    /// How often each program is started and measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Another build of the endpoint than the one of `make bench`.
    #[arg(long)]
    endpoint: Option<PathBuf>,
    /// Another program to compare with.
    #[arg(long)]
    smallest: Option<PathBuf>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one run of a program showed.
struct Run {
    /// From exec to the first request for an event.
    init: Duration,
    /// The first handshake.
    first: Duration,
    /// A later one.
    warm: Duration,
    /// Peak memory after the handshakes, in KiB.
    memory: u32,
}

/// What one run of the endpoint showed. Each text turn finds a new conversation, greets, and so sends one reply.
struct EndpointRun {
    /// What both programs can do.
    run: Run,
    /// Another init: with the secret in a file it makes no request.
    init_from_file: Duration,
    /// What was called before the first event.
    calls_at_init: Counts,
    /// The first text turn, with the first connections to DynamoDB and Graph.
    first_text: Duration,
    /// A later one.
    warm_text: Duration,
    /// Peak memory after them, in KiB.
    memory: u32,
    /// What the warm turns called, all together.
    calls: Counts,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (api, services) = (RuntimeApi::start()?, Services::start()?);
    let (handshake, text) = (event("handshake")?, event("text")?);
    let release = release_folder()?;
    let path = arguments.endpoint.unwrap_or_else(|| release.join("whatsapp-endpoint"));
    let from_file = Program { path: path.clone(), env: settings(&services.url, SECRET_IN_A_FILE) };
    let endpoint = Program { path, env: settings(&services.url, ("WHATSAPP_SECRET_ID", "whatsapp")) };
    let path = arguments.smallest.unwrap_or_else(|| release.join("examples/smallest"));
    let smallest = Program { path, env: Vec::new() };

    let run_endpoint = || -> anyhow::Result<EndpointRun> {
        let init_from_file = api.run(&from_file)?.init;
        services.take_counts();
        let instance = api.run(&endpoint)?;
        let calls_at_init = services.take_counts();
        let run = handshakes(&instance, &handshake)?;
        let first_text = answered(&instance, &text)?;
        services.take_counts();
        let warm_text = warm(&instance, &text, TEXTS)?;
        let (memory, calls) = (instance.peak_memory()?, services.take_counts());
        Ok(EndpointRun { run, init_from_file, calls_at_init, first_text, warm_text, memory, calls })
    };
    let run_smallest = || handshakes(&api.run(&smallest)?, &handshake);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round brings both binaries into the page cache and does not count.
    for round in 0..=arguments.rounds {
        // They take turns in going first.
        let (our, their) = if round % 2 == 0 {
            let our = run_endpoint()?;
            (our, run_smallest()?)
        } else {
            let their = run_smallest()?;
            (run_endpoint()?, their)
        };
        if round > 0 {
            ours.push(our);
            theirs.push(their);
        }
    }
    report::print(&ours, &theirs, [size::of(&endpoint.path)?, size::of(&smallest.path)?]);
    Ok(())
}

/// The handshakes of one run.
fn handshakes(instance: &Instance, event: &str) -> anyhow::Result<Run> {
    let first = answered(instance, event)?;
    let warm = warm(instance, event, HANDSHAKES)?;
    Ok(Run { init: instance.init, first, warm, memory: instance.peak_memory()? })
}

/// The median of so many answers.
fn warm(instance: &Instance, event: &str, times: usize) -> anyhow::Result<Duration> {
    let all: Vec<_> = (0..times).map(|_| answered(instance, event)).collect::<Result<_, _>>()?;
    Ok(median(all))
}

/// How long the answer to an event takes; it must be HTTP's 200.
fn answered(instance: &Instance, event: &str) -> anyhow::Result<Duration> {
    let (took, answer) = instance.answer(event)?;
    let status = serde_json::from_str::<Value>(&answer)?["statusCode"].clone();
    ensure!(status == 200, "not answered with 200: {answer}");
    Ok(took)
}

/// An event of the folder `events`.
fn event(name: &str) -> anyhow::Result<String> {
    let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
}

/// Where cargo puts release builds: this program lies in `deps` of another profile beside it.
fn release_folder() -> anyhow::Result<PathBuf> {
    let this = env::current_exe()?;
    Ok(this.ancestors().nth(3).context("this program lies where cargo does not put it")?.join("release"))
}

/// The settings of the deployed function, with everything it calls at one address and no queue: a turn is run at once.
fn settings(services: &str, secret: (&'static str, &str)) -> Vec<(&'static str, String)> {
    let fixed = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", "test"),
        secret,
        ("TABLE_NAME", "conversations"),
        ("AWS_ENDPOINT_URL", services),
        ("GRAPH_BASE_URL", services),
    ];
    fixed.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}
