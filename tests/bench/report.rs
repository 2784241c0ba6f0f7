//! The tables, and the same figures as JSON.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    EndpointRun, Run, TEXTS,
    deployed::{DeployedRun, Kind, MAX_BATCH},
    peers::{Peer, PeerRun},
    services::{Counts, Delays},
    size::Size,
    sizes::{self, Sized},
    start::Step,
    uses::Cost,
};

/// The least share of the processor's time in a turn that must go into the calls themselves.
const SHARE_LEAST: f64 = 0.80;

/// What a figure may come to.
enum Budget {
    /// So many times the smallest program.
    Times(f64),
    /// So many megabytes.
    Megabytes(f64),
    /// Nothing is promised.
    None,
}

/// The middle one.
///
/// # Panics
/// When there is none.
pub fn median<T: Copy + Ord>(mut all: Vec<T>) -> T {
    all.sort_unstable();
    all[all.len() / 2]
}

/// All that was measured.
pub struct Figures<'a> {
    /// The endpoint.
    pub ours: &'a [EndpointRun],
    /// The smallest program.
    pub theirs: &'a [Run],
    /// Both binaries.
    pub sizes: [Size; 2],
    /// The start of the endpoint.
    pub steps: &'a [Step],
    /// What features cost.
    pub uses: &'a [Cost],
    /// The endpoint as it is deployed.
    pub deployed: &'a [DeployedRun],
    /// The same with shares of a processor, where Linux lets us give them.
    pub by_memory: Option<&'a [Sized]>,
    /// Functions of other languages.
    pub peers: &'a [Peer],
}

/// Prints the figures of all programs, in Markdown that a terminal shows well; answers them for other programs.
pub fn print(all: &Figures<'_>) -> Value {
    let Figures { ours, theirs, sizes: [our_size, their_size], steps, uses, deployed, by_memory, peers } = all;
    let mut figures = json!({ "rounds": ours.len() });
    let mut row = |name, unit, both: (f64, Option<f64>), budget| {
        figures["figures"][name] = json!({ "unit": unit, "endpoint": both.0, "smallest": both.1 });
        row(name, unit, both, budget);
    };
    println!("Medians of {} runs each, taken in turns.\n", ours.len());
    line(["", "endpoint", "smallest", "ratio", "budget"]);
    line(["---", "--:", "--:", "--:", "---"]);
    let both = |figure: fn(&Run) -> Duration| (micros(ours, |our| figure(&our.run)), Some(micros(theirs, figure)));
    row("init, exec to first GET /next", "µs", both(|run| run.init), Budget::Times(1.7));
    let from_file = (micros(ours, |our| our.init_from_file), both(|run| run.init).1);
    row("init, the secret from a file", "µs", from_file, Budget::None);
    let with_queue = (micros(deployed, |run| run.init), both(|run| run.init).1);
    row("init, from a file, and a queue", "µs", with_queue, Budget::None);
    let faults = |runs: &[u32]| f64::from(median(runs.to_vec()));
    let our_faults: Vec<_> = ours.iter().map(|our| our.run.page_faults).collect();
    let their_faults: Vec<_> = theirs.iter().map(|run| run.page_faults).collect();
    row("page faults until then", "", (faults(&our_faults), Some(faults(&their_faults))), Budget::None);
    row("first handshake", "µs", both(|run| run.first), Budget::None);
    row("warm handshake", "µs", both(|run| run.warm), Budget::Times(1.2));
    row("first text turn", "µs", (micros(ours, |our| our.first_text), None), Budget::None);
    row("warm text turn", "µs", (micros(ours, |our| our.warm_text), None), Budget::None);
    let their_memory = Some(megabytes(theirs, |run| run.memory));
    let memory = (megabytes(ours, |our| our.run.memory), their_memory);
    row("peak memory, after handshakes", "MB", memory, Budget::None);
    let memory = (megabytes(ours, |our| our.memory), their_memory);
    row("peak memory, after text turns", "MB", memory, Budget::Times(2.7));
    let sizes = |figure: fn(&Size) -> u32| (mega(figure(our_size)), Some(mega(figure(their_size))));
    row("binary", "MB", sizes(|size| size.binary), Budget::None);
    row("zipped", "MB", sizes(|size| size.zip), Budget::Megabytes(4.5));
    println!("\nThe start with the secret in Secrets Manager, with a log of its steps:\n");
    println!("| reached | after | the step took |\n| --- | --: | --: |");
    let befores = std::iter::once(0.0).chain(steps.iter().map(|step| step.at));
    for (Step { name, at }, before) in steps.iter().zip(befores) {
        println!("| {name} | {at:.0} µs | {:.0} µs |", at - before);
    }
    if let Some(our) = ours.last() {
        requests("Requests at init", &our.calls_at_init, 1);
        requests("Requests of a warm text turn with one reply", &our.calls, TEXTS);
    }
    println!("\nPeak memory of an instance that does one thing ten times:\n");
    println!("| what | memory | more than greeting |\n| --- | --: | --: |");
    let kilobytes = |cost: &Cost| f64::from(cost.memory) * 1.024;
    let least = uses.first().map_or(0.0, kilobytes);
    for cost in *uses {
        println!("| {} | {:.0} kB | {:+.0} kB |", cost.name, kilobytes(cost), kilobytes(cost) - least);
    }
    let kinds = kinds(deployed);
    println!("\nAs deployed, with a queue and an agent outside; the processor's time of one invocation:\n");
    println!("| {:30} | {:>9} | {:>9} | {:>9} | calls |", "", "processor", "clock", "log");
    println!("| --- | --: | --: | --: | --- |");
    for Kind { name, what, processor, took, log_bytes, calls } in kinds {
        let called: Vec<_> = calls.iter().map(|(operation, count)| format!("{count} × {operation}")).collect();
        let (processor, took) = (processor.as_secs_f64() * 1e6, took.as_secs_f64() * 1e6);
        println!("| {what:30} | {processor:>6.0} µs | {took:>6.0} µs | {log_bytes:>7} B | {} |", called.join(", "));
        figures["kinds"][name] =
            json!({ "processor_us": processor, "took_us": took, "log_bytes": log_bytes, "calls": calls });
    }
    figures["throughput"] = throughput(deployed);
    if let Some(sizes) = by_memory {
        figures["by_memory"] = sizes_of_memory(sizes);
    }
    if !peers.is_empty() {
        beside(ours, peers);
    }
    figures
}

/// The medians of every kind of invocation.
fn kinds(runs: &[DeployedRun]) -> Vec<Kind> {
    let Some(last) = runs.last() else { return Vec::new() };
    let medians = last.kinds.iter().enumerate().map(|(place, kind)| Kind {
        processor: median(runs.iter().map(|run| run.kinds[place].processor).collect()),
        took: median(runs.iter().map(|run| run.kinds[place].took).collect()),
        log_bytes: median(runs.iter().map(|run| run.kinds[place].log_bytes).collect()),
        ..kind.clone()
    });
    medians.collect()
}

/// How many messages a core can do, beside the calls alone.
fn throughput(runs: &[DeployedRun]) -> Value {
    let per_second = |time: f64| 1e6 / time;
    let (ours, bare) = (per_second(micros(runs, |run| run.in_batches)), per_second(micros(runs, |run| run.bare)));
    let share = ours / bare;
    let kept = if share >= SHARE_LEAST { "kept" } else { "missed" };
    println!("\nMessages per second and core, one reply each, in batches of {MAX_BATCH}:\n");
    println!("| endpoint | the calls alone | share | budget |");
    println!("| --: | --: | --: | --- |");
    println!("| {ours:.0} | {bare:.0} | {:.0} % | ≥ {:.0} %, {kept} |", share * 100.0, SHARE_LEAST * 100.0);
    json!({ "endpoint": ours, "calls_alone": bare, "share": share })
}

/// Prints what a memory size does to the time of an invocation.
fn sizes_of_memory(sizes: &[Sized]) -> Value {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let Delays { dynamodb, sqs, graph, agent } = sizes::DELAYS;
    let [dynamodb, sqs, graph, agent] = [dynamodb, sqs, graph, agent].map(milliseconds);
    println!(
        "\nWith the share of a processor that comes with a memory size, where DynamoDB takes {dynamodb} ms, SQS {sqs}, "
    );
    println!("Graph {graph} and the agent {agent}:\n");
    println!("| memory | a webhook | a turn | the first turn | {MAX_BATCH} turns at once | 3 MB of webhook |");
    println!("| --: | --: | --: | --: | --: | --: |");
    let mut by_memory = Vec::new();
    for Sized { memory, first_turn, largest_webhook, batch, kinds } in sizes {
        let kind = |name| kinds.iter().find(|(kind, _)| *kind == name).map_or(Duration::ZERO, |(_, took)| *took);
        let shown = [kind("webhook"), kind("turn_1"), *first_turn, *batch, *largest_webhook].map(milliseconds);
        println!("| {memory} MB | {} |", shown.map(|took| format!("{took:.1} ms")).join(" | "));
        let kinds: BTreeMap<_, _> = kinds.iter().map(|(name, took)| (*name, milliseconds(*took))).collect();
        by_memory.push(json!({ "memory": memory, "took_ms": kinds }));
    }
    json!({ "delays_ms": { "dynamodb": dynamodb, "sqs": sqs, "graph": graph, "agent": agent }, "sizes": by_memory })
}

/// Prints the endpoint beside functions of other languages; all have their secrets without a request.
fn beside(ours: &[EndpointRun], peers: &[Peer]) {
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    println!("\nBeside functions on other libraries, which keep nothing:\n");
    println!("| | endpoint | {} |\n| --- | --: |{}", names.join(" | "), " --: |".repeat(names.len()));
    let row = |name: &str, our: f64, unit: &str, decimals: usize, figure: &dyn Fn(&[PeerRun]) -> f64| {
        let theirs = peers.iter().map(|peer| figure(&peer.runs));
        let theirs: Vec<_> = theirs.map(|value| format!("{value:.decimals$} {unit}, {:.1} ×", value / our)).collect();
        println!("| {name} | {our:.decimals$} {unit} | {} |", theirs.join(" | "));
    };
    let time = |name: &str, our: fn(&EndpointRun) -> Duration, their: fn(&PeerRun) -> Duration| {
        row(name, micros(ours, our), "µs", 0, &|runs: &[PeerRun]| micros(runs, their));
    };
    time("init", |our| our.init_from_file, |their| their.init);
    time("first handshake", |our| our.run.first, |their| their.first);
    time("warm handshake", |our| our.run.warm, |their| their.warm);
    time("first text", |our| our.first_text, |their| their.first_text);
    time("warm text", |our| our.warm_text, |their| their.warm_text);
    let our_memory = megabytes(ours, |our| our.memory);
    row("peak memory", our_memory, "MB", 2, &|runs: &[PeerRun]| megabytes(runs, |their| their.memory));
}

/// One figure of both programs; the ratio when there are both.
fn row(name: &str, unit: &str, (ours, theirs): (f64, Option<f64>), budget: Budget) {
    let ratio = theirs.map(|theirs| ours / theirs);
    let kept = |kept: bool| if kept { "kept" } else { "missed" };
    let budget = match (budget, ratio) {
        (Budget::Times(most), Some(ratio)) => format!("≤ {most} ×, {}", kept(ratio <= most)),
        (Budget::Megabytes(most), _) => format!("≤ {most} MB, {}", kept(ours <= most)),
        (Budget::Times(_) | Budget::None, _) => String::new(),
    };
    let decimals = if unit == "MB" { 2 } else { 0 };
    let figure = |value: f64| format!("{value:.decimals$} {unit}");
    let ratio = ratio.map(|ratio| format!("{ratio:.2} ×")).unwrap_or_default();
    line([name, &figure(ours), &theirs.map(figure).unwrap_or_default(), &ratio, &budget]);
}

fn line([name, ours, theirs, ratio, budget]: [&str; 5]) {
    println!("| {name:30} | {ours:>9} | {theirs:>9} | {ratio:>7} | {budget:16} |");
}

fn requests(title: &str, counts: &Counts, turns: usize) {
    println!("\n{title}:\n");
    for (operation, count) in counts {
        let rest = if count % turns == 0 { String::new() } else { format!(" and {}/{turns}", count % turns) };
        println!("- {}{rest} × {operation}", count / turns);
    }
}

fn micros<T>(runs: &[T], figure: impl Fn(&T) -> Duration) -> f64 {
    median(runs.iter().map(figure).collect()).as_secs_f64() * 1e6
}

/// From KiB.
fn megabytes<T>(runs: &[T], figure: impl Fn(&T) -> u32) -> f64 {
    f64::from(median(runs.iter().map(figure).collect())) * 1024.0 / 1e6
}

/// From bytes.
fn mega(bytes: u32) -> f64 {
    f64::from(bytes) / 1e6
}
