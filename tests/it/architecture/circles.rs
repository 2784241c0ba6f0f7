//! Inside a room, files that stand beside each other import in one direction only.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Import, imports};

/// The segments of a module's path; without any, the crate.
type Module = Vec<String>;

/// Modules that import each other, directly or around, and because of which files.
type Circle = BTreeMap<(Module, Module), (Module, Module)>;

/// The circles of a set of source texts.
///
/// A file may use its parent and its children: `foo.rs` and `foo/bar.rs` are one thing. What two files of different branches import
/// counts for the branches: if `foo/bar.rs` uses `baz.rs`, then `baz.rs` must not use `foo.rs`. A name that a parent hands on counts
/// as an import of the child in which it is defined.
pub fn circles(texts: &BTreeMap<Module, String>) -> Circle {
    let uses: BTreeMap<&Module, Vec<Import>> = texts.iter().map(|(module, text)| (module, imports(text))).collect();
    let mut edges = Circle::new();
    for (module, imports) in &uses {
        for target in imports.iter().filter_map(|import| target(module, &import.path, &uses, 5)) {
            let common = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
            if common > 0 && common < module.len() && common < target.len() {
                let branches = (module[..=common].to_vec(), target[..=common].to_vec());
                edges.entry(branches).or_insert_with(|| ((*module).clone(), target));
            }
        }
    }
    // A branch from which, or to which, nothing leads is in no circle.
    loop {
        let (from, to): (BTreeSet<Module>, BTreeSet<Module>) = edges.keys().cloned().unzip();
        let before = edges.len();
        edges.retain(|(one, other), _| to.contains(one) && from.contains(other));
        if edges.len() == before {
            return edges;
        }
    }
}

/// The module in which this path of `module` ends, through at most `steps` names that are handed on.
fn target(module: &Module, path: &[String], uses: &BTreeMap<&Module, Vec<Import>>, steps: usize) -> Option<Module> {
    let mut path = path.to_vec();
    let mut base: Module = match path.first()?.as_str() {
        "crate" | "whatsapp_endpoint" => Vec::new(),
        "super" | "self" => module.clone(),
        first if uses.contains_key(&[module.as_slice(), &[first.to_owned()]].concat()) => {
            path.insert(0, "self".to_owned());
            module.clone()
        }
        _ => return None,
    };
    if path[0] != "super" {
        path.remove(0);
    }
    while path.first().is_some_and(|first| first == "super") {
        base.pop();
        path.remove(0);
    }
    while let Some(deeper) = path.first().map(|first| [base.as_slice(), std::slice::from_ref(first)].concat())
        && uses.contains_key(&deeper)
    {
        base = deeper;
        path.remove(0);
    }
    let handed_on = path.first().and_then(|name| {
        let of_a_child = |import: &&Import| import.name == *name && import.path.len() > 1 && import.path[0] != "super";
        let import = uses.get(&base)?.iter().find(of_a_child)?;
        target(&base, &import.path, uses, steps.checked_sub(1)?)
    });
    handed_on.or(Some(base)).filter(|found| found != module)
}

#[test]
fn circles_are_found_directly_around_and_through_names_that_are_handed_on() {
    let found = |files: &[(&str, &str)]| {
        let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
        let texts = files.iter().map(|(path, text)| (module(path), (*text).to_owned())).collect();
        circles(&texts).len()
    };
    let room = ("room", "mod a;\nmod b;\nmod c;\npub use self::c::Seal;\nuse b::Brush as Tool;");
    assert_eq!(found(&[room, ("room::a", "use super::b::B;"), ("room::b", "use crate::room::{a::A, Other};")]), 2);
    assert_eq!(
        found(&[
            room,
            ("room::a", "use super::b;"),
            ("room::b", "fn f() { super::c::f() }"),
            ("room::c", "use super::a;")
        ]),
        3
    );
    assert_eq!(found(&[room, ("room::a", "use super::{Room, Seal};"), ("room::c", "use super::a::A;")]), 2);
    assert_eq!(found(&[room, ("room::a", "use super::Tool;"), ("room::b", "use super::a::A;")]), 2);
    assert_eq!(
        found(&[room, ("room::a", "mod d;"), ("room::a::d", "use crate::room::b;"), ("room::b", "use super::a;")]),
        2
    );
    let parent = [room, ("room::a", "mod d;\nuse d::D;"), ("room::a::d", "use super::A;\nuse crate::room::b;")];
    assert_eq!(
        found(&[&parent[..], &[("room::b", "use super::Room;")]].concat()),
        0,
        "a parent, its child, and one way"
    );
}
