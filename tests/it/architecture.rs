//! Imports only go down, and neighbours on one floor do not know each other.

use std::{collections::BTreeMap, path::Path};

use crate::support::project;

/// The floors from the roof down; a module may use what is below it, and itself.
const FLOORS: &[&[&str]] = &[
    &["main", "bin"],
    &["ingress", "simulator"],
    &["turn"],
    &["app"],
    &["outbox"],
    &["whatsapp", "agents", "store", "queue"],
    &["credentials"],
    &["conversation"],
    &["settings"],
    &["retry", "telemetry", "https", "json"],
];

#[test]
fn imports_only_go_down() {
    let floor_of: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let mut edges = 0;
    for file in files(&project("src")) {
        let relative = file.strip_prefix(project("src")).expect("under src").to_string_lossy().replace(".rs", "");
        let module = relative.split('/').next().expect("a name");
        if module == "lib" {
            continue;
        }
        let floor =
            *floor_of.get(module).unwrap_or_else(|| panic!("{module} has no floor: give it one here and in lib.rs"));
        let text = std::fs::read_to_string(&file).expect("readable");
        let text = text.split("#[cfg(test)]").next().expect("a part");
        for used in used_modules(text) {
            let Some(used_floor) = floor_of.get(used.as_str()) else {
                panic!("{} uses {used}, which has no floor", file.display())
            };
            edges += 1;
            assert!(
                used == module || *used_floor > floor,
                "{} uses {used}, which is not below {module}",
                file.display()
            );
        }
    }
    assert!(edges > 40, "only {edges} imports found: is this test still reading them?");
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

/// The modules after `crate::`, alone or as the first names of a group.
fn used_modules(text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for prefix in ["crate::", "whatsapp_endpoint::"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            match rest.strip_prefix('{') {
                None => used.push(name(rest)),
                Some(group) => {
                    let mut depth = 0;
                    let mut start = true;
                    for (index, sign) in group.char_indices() {
                        match sign {
                            '{' => depth += 1,
                            '}' if depth == 0 => break,
                            '}' => depth -= 1,
                            ',' if depth == 0 => start = true,
                            sign if start && depth == 0 && sign.is_alphabetic() => {
                                used.push(name(&group[index..]));
                                start = false;
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
    }
    used
}

fn name(text: &str) -> String {
    text.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}
