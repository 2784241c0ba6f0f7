//! The Lambda beside the smallest `lambda_http` program: start, answers, memory and size, in one run.
//!
//! Both programs run as Lambda runs them, under a Runtime API on loopback, and take turns, so that whatever else the
//! machine does meets both alike. `make bench` builds them for release first, each as it is deployed, and prints the
//! tables of docs/performance.md; docs/cost.md reckons with the file of figures that it leaves. It judges nothing: a missed
//! budget is printed, not failed.
#![allow(unreachable_pub, reason = "nothing of a benchmark is used elsewhere")]
#![allow(clippy::arithmetic_side_effects, reason = "its times are its own")]

mod deployed;
mod events;
mod growth;
mod instance;
mod peers;
mod plot;
mod programs;
mod quota;
mod report;
mod services;
mod size;
mod sizes;
mod start;
mod uses;
mod wire;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Parser;

use crate::{
    deployed::done,
    instance::{Instance, Program, RuntimeApi},
    peers::Peer,
    programs::{SECRET, SECRET_IN_A_FILE},
    report::median,
    services::{Counts, Services},
};

/// Warm handshakes of one run.
const HANDSHAKES: usize = 200;
/// Warm text turns of one run.
const TEXTS: usize = 50;

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
    /// Another program that makes the calls of a turn and nothing else.
    #[arg(long)]
    bare: Option<PathBuf>,
    /// Where npm has installed whatsapp-api-js; node must be on the PATH.
    #[arg(long)]
    whatsapp_api_js: Option<PathBuf>,
    /// A virtual environment of Python with pywa.
    #[arg(long)]
    pywa: Option<PathBuf>,
    /// Measures how time and memory grow with what comes, and nothing else, and draws it into this file.
    #[arg(long)]
    growth: Option<PathBuf>,
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
    /// Pages that the kernel had to give it until the first request for an event.
    page_faults: u32,
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
    let (handshake, text) = (events::sample("handshake")?, events::sample("text")?);
    let release = programs::release_folder()?;
    let path = arguments.endpoint.unwrap_or_else(|| release.join("whatsapp-endpoint"));
    let from_file =
        Program { path: path.clone(), arguments: Vec::new(), env: programs::at_once(&services.url, SECRET_IN_A_FILE) };
    let endpoint = Program { path: path.clone(), arguments: Vec::new(), env: programs::at_once(&services.url, SECRET) };
    let deployed = Program { path, arguments: Vec::new(), env: programs::deployed(&services.url) };
    if let Some(plot) = arguments.growth {
        let grown = growth::measure(&api, &services, &from_file, &deployed, arguments.rounds)?;
        growth::print(&grown);
        return fs::write(&plot, plot::svg(&grown)).with_context(|| format!("{} cannot be written", plot.display()));
    }
    let path = arguments.smallest.unwrap_or_else(|| release.join("examples/smallest"));
    let smallest = Program { path, arguments: Vec::new(), env: Vec::new() };
    let path = arguments.bare.unwrap_or_else(|| release.join("examples/bare"));
    let bare = Program { path, arguments: Vec::new(), env: deployed.env.clone() };

    let mut peers = Vec::new();
    if let Some(folder) = arguments.whatsapp_api_js {
        peers.push(Peer::new("whatsapp-api-js", &programs::on_path("node")?, "node.mjs", &folder, &services.url)?);
    }
    if let Some(folder) = arguments.pywa {
        peers.push(Peer::new("pywa", &folder.join("bin/python"), "python.py", &folder, &services.url)?);
    }

    let run_endpoint = || -> anyhow::Result<EndpointRun> {
        let init_from_file = api.run(&from_file)?.init;
        services.take_counts();
        let instance = api.run(&endpoint)?;
        let calls_at_init = services.take_counts();
        let run = handshakes(&instance, &handshake)?;
        let first_text = done(&instance, &text)?;
        services.take_counts();
        let warm_text = warm(&instance, &text, TEXTS)?;
        let (memory, calls) = (instance.peak_memory()?, services.take_counts());
        Ok(EndpointRun { run, init_from_file, calls_at_init, first_text, warm_text, memory, calls })
    };
    let run_smallest = || handshakes(&api.run(&smallest)?, &handshake);
    let (mut ours, mut theirs, mut as_deployed) = (Vec::new(), Vec::new(), Vec::new());
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
        let run = deployed::run(&api, &services, &deployed, &bare)?;
        for peer in &mut peers {
            peer.run(&api, &services, &handshake, &text)?;
        }
        if round > 0 {
            ours.push(our);
            theirs.push(their);
            as_deployed.push(run);
        } else {
            for peer in &mut peers {
                peer.runs.clear();
            }
        }
    }
    let steps = start::trace(&api, &endpoint, arguments.rounds)?;
    let sized = sizes::measure(&api, &services, &deployed);
    if let Err(error) = &sized {
        eprintln!("\nWithout figures by memory size, for which Linux must let us make a control group: {error:#}");
    }
    let uses = uses::measure(&api, &services, &from_file, arguments.rounds)?;
    let figures = report::print(&report::Figures {
        ours: &ours,
        theirs: &theirs,
        sizes: [size::of(&endpoint.path)?, size::of(&smallest.path)?],
        steps: &steps,
        uses: &uses,
        deployed: &as_deployed,
        by_memory: sized.ok().as_deref(),
        peers: &peers,
    });
    let file = release.with_file_name("bench.json");
    fs::write(&file, format!("{figures:#}\n")).with_context(|| format!("{} cannot be written", file.display()))?;
    println!("\nThe same as JSON: {}", file.display());
    Ok(())
}

/// The handshakes of one run.
fn handshakes(instance: &Instance, event: &str) -> anyhow::Result<Run> {
    let page_faults = instance.page_faults()?;
    let first = done(instance, event)?;
    let warm = warm(instance, event, HANDSHAKES)?;
    Ok(Run { init: instance.init, first, warm, memory: instance.peak_memory()?, page_faults })
}

/// The median of so many answers.
fn warm(instance: &Instance, event: &str, times: usize) -> anyhow::Result<Duration> {
    let all: Vec<_> = (0..times).map(|_| done(instance, event)).collect::<Result<_, _>>()?;
    Ok(median(all))
}
