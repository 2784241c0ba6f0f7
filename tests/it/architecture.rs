//! Imports only go down, and neighbours on one floor do not know each other.

mod circles;
mod imports;

use std::{collections::BTreeMap, path::Path};

use self::imports::imports;
use crate::support::project;

/// The floors from the roof down; a module may use what is below it, and itself.
const FLOORS: &[&[&str]] = &[
    &["main", "bin"],
    &["ingress"],
    &["turn"],
    &["app"],
    &["outbox"],
    &["whatsapp", "agents", "hooks", "store", "queue"],
    &["credentials"],
    &["conversation"],
    &["settings"],
    &["retry", "telemetry", "https", "json"],
];

/// The simulator stands outside: it plays Meta, so what it may know of the endpoint is what Meta knows, and how we log.
const SIMULATOR_USES: &[&str] =
    &["conversation::TurnId", "credentials::Secret", "simulator", "telemetry::Chain", "whatsapp::signature"];
/// Only the command line starts it.
const SIMULATOR_IS_USED_BY: &[&str] = &["bin", "simulator"];

#[test]
fn imports_only_go_down() {
    let floor_of: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let floor = |module: &str| {
        *floor_of.get(module).unwrap_or_else(|| panic!("{module} has no floor: give it one here and in lib.rs"))
    };
    let mut edges = 0;
    for (module, text) in modules() {
        let name = module[0].as_str();
        for used in used(&text).iter().filter(|used| *used != name && name != "simulator") {
            edges += 1;
            if used == "simulator" {
                assert!(SIMULATOR_IS_USED_BY.contains(&name), "{} uses the simulator", module.join("::"));
            } else {
                assert!(floor(used) > floor(name), "{} uses {used}, which is not below {name}", module.join("::"));
            }
        }
    }
    assert!(edges > 40, "only {edges} imports found: is this test still reading them?");
}

#[test]
fn the_simulator_knows_of_the_endpoint_what_meta_knows() {
    let mut seen = std::collections::BTreeSet::new();
    for (module, text) in modules().iter().filter(|(module, _)| module[0] == "simulator") {
        for import in imports(text).iter().filter(|import| is_ours(&import.path)) {
            let path = import.path[1..].join("::");
            let allowed =
                SIMULATOR_USES.iter().find(|allowed| path == **allowed || path.starts_with(&format!("{allowed}::")));
            seen.insert(
                *allowed.unwrap_or_else(|| panic!("{} uses {path}: may the simulator know that?", module.join("::"))),
            );
        }
    }
    assert!(seen.iter().eq(SIMULATOR_USES), "only {seen:?} are used: take the rest off the list");
}

#[test]
fn files_of_a_room_do_not_import_in_circles() {
    let circles = circles::circles(&modules());
    let lines = circles.values().map(|(file, used)| format!("  {} uses {}\n", file.join("::"), used.join("::")));
    assert!(circles.is_empty(), "these files import each other:\n{}", lines.collect::<String>());
}

/// `json!` panics at what is valid JSON and fits into no tree, as a person's message may hold: too deep, or a number too large.
#[test]
fn json_as_it_came_never_meets_a_macro_that_panics() {
    let mut with_raw = 0;
    for file in files(&project("src")) {
        let text = std::fs::read_to_string(&file).expect("readable");
        let text = text.split("#[cfg(test)]").next().expect("a part");
        let (is_raw, is_test) = (text.contains("RawValue"), file.ends_with("tests.rs"));
        with_raw += usize::from(is_raw);
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| line.contains("json!(") && !is_test) {
            let holds_raw = is_raw || line.contains(".raw") || line.contains(".data()");
            assert!(!holds_raw, "{}:{number}: serde_json::to_value reports what json! would panic at", file.display());
        }
    }
    assert!(with_raw > 5, "only {with_raw} files know RawValue: is this test still reading them?");
}

/// Every module with its text, but for tests and the table of modules.
fn modules() -> BTreeMap<Vec<String>, String> {
    let source = project("src");
    let module = |file: &Path| -> Vec<String> {
        let relative = file.strip_prefix(&source).expect("under src").with_extension("");
        let names = relative.iter().map(|name| name.to_string_lossy().into_owned());
        names.enumerate().filter(|(depth, name)| *depth == 0 || name != "main").map(|(_, name)| name).collect()
    };
    let modules =
        files(&source).into_iter().map(|file| (module(&file), std::fs::read_to_string(&file).expect("readable")));
    modules.filter(|(module, _)| module[0] != "lib" && !module.contains(&"tests".to_owned())).collect()
}

/// The rooms of this crate that a text uses.
fn used(text: &str) -> Vec<String> {
    let ours = imports(text).into_iter().filter(|import| is_ours(&import.path));
    ours.filter_map(|import| import.path.get(1).cloned()).collect()
}

fn is_ours(path: &[String]) -> bool {
    matches!(path[0].as_str(), "crate" | "whatsapp_endpoint")
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}
