//! The table.

use std::time::Duration;

use crate::{EndpointRun, Run, TEXTS, services::Counts, size::Size};

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

/// Prints the figures of both programs, in Markdown that a terminal shows well.
pub fn print(ours: &[EndpointRun], theirs: &[Run], [our_size, their_size]: [Size; 2]) {
    println!("Medians of {} runs each, taken in turns.\n", ours.len());
    line(["", "endpoint", "smallest", "ratio", "budget"]);
    line(["---", "--:", "--:", "--:", "---"]);
    let both = |figure: fn(&Run) -> Duration| (micros(ours, |our| figure(&our.run)), Some(micros(theirs, figure)));
    row("init, exec to first GET /next", "µs", both(|run| run.init), Budget::Times(1.8));
    let from_file = (micros(ours, |our| our.init_from_file), both(|run| run.init).1);
    row("init, the secret from a file", "µs", from_file, Budget::None);
    row("first handshake", "µs", both(|run| run.first), Budget::None);
    row("warm handshake", "µs", both(|run| run.warm), Budget::Times(1.25));
    row("first text turn", "µs", (micros(ours, |our| our.first_text), None), Budget::None);
    row("warm text turn", "µs", (micros(ours, |our| our.warm_text), None), Budget::None);
    let their_memory = Some(megabytes(theirs, |run| run.memory));
    let memory = (megabytes(ours, |our| our.run.memory), their_memory);
    row("peak memory, after handshakes", "MB", memory, Budget::Times(2.5));
    let memory = (megabytes(ours, |our| our.memory), their_memory);
    row("peak memory, after text turns", "MB", memory, Budget::Times(2.5));
    let sizes = |figure: fn(&Size) -> u32| (mega(figure(&our_size)), Some(mega(figure(&their_size))));
    row("binary", "MB", sizes(|size| size.binary), Budget::None);
    row("zipped", "MB", sizes(|size| size.zip), Budget::Megabytes(4.0));
    if let Some(our) = ours.last() {
        requests("Requests at init", &our.calls_at_init, 1);
        requests("Requests of a warm text turn with one reply", &our.calls, TEXTS);
    }
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
