//! Reads which modules a source file uses: its `use` statements, and every path that begins with `crate`, `super` or `self`.

/// One name that a file imports or mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The segments of the path as they are written, without braces.
    pub path: Vec<String>,
    /// The name under which the file knows it.
    pub name: String,
}

/// Paths that begin with one of these are found outside of `use` statements, too.
const ROOTS: [&str; 4] = ["crate::", "whatsapp_endpoint::", "super::", "self::"];

/// All imports of a source text. Comments and unit tests are not looked at.
pub fn imports(text: &str) -> Vec<Import> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for root in ROOTS {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|sign| sign != ':' && !is_of_a_name(sign)) {
                read(&code[at..], Vec::new(), &mut found);
            }
        }
    }
    for statement in code.split(';') {
        let Some((before, tree)) = statement.split_once("use ") else { continue };
        if before
            .lines()
            .next_back()
            .is_none_or(|visibility| matches!(visibility.trim(), "" | "pub" | "pub(crate)" | "pub(super)"))
        {
            read(tree, Vec::new(), &mut found);
        }
    }
    found
}

/// Reads a tree of paths from the beginning of `text`, and returns the rest.
fn read<'a>(text: &'a str, mut path: Vec<String>, found: &mut Vec<Import>) -> &'a str {
    let mut rest = text.trim_start();
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                let after = read(rest, path.clone(), found).trim_start_matches([',', ' ', '\n']);
                // What is no path, such as a star, must not hold us up.
                rest = if after.len() < rest.len() { after } else { rest.get(1..).unwrap_or_default() };
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let segment: String = rest.chars().take_while(|sign| is_of_a_name(*sign)).collect();
        rest = &rest[segment.len()..];
        if !segment.is_empty() {
            path.push(segment);
        }
        match rest.strip_prefix("::") {
            Some(deeper) => rest = deeper,
            None => break,
        }
    }
    // `use a::{self, b}` names the module itself.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if let Some(other) = rest.trim_start().strip_prefix("as ") {
        name = other.chars().take_while(|sign| is_of_a_name(*sign)).collect();
        rest = &other[name.len()..];
    }
    if !path.is_empty() {
        found.push(Import { path, name });
    }
    rest
}

fn is_of_a_name(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

#[test]
fn groups_aliases_and_paths_in_code_are_read() {
    let text = "pub use one::{Two, three::{self, Four as Five}};\n\
        fn six() { super::super::seven(crate::eight::nine::<Ten>()) } // crate::comment\n\
        #[cfg(test)]\nuse crate::test;";
    let found = imports(text);
    let paths: Vec<_> = found.iter().map(|Import { path, name }| format!("{} {name}", path.join("::"))).collect();
    let expected = [
        "crate::eight::nine nine",
        "super::super::seven seven",
        "one::Two Two",
        "one::three three",
        "one::three::Four Five",
    ];
    assert_eq!(paths, expected);
}
