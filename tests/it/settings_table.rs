//! The table of docs/settings.md, the code and the template say the same.

use std::collections::BTreeMap;

use whatsapp_endpoint::settings::{Origin, prefixes, table};

use crate::support::project;

#[test]
fn the_page_of_settings_lists_every_one_with_its_parameter_and_default() {
    let page = std::fs::read_to_string(project("docs/settings.md")).expect("the page of settings");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.split('|').nth(1).is_some_and(|cell| cell.contains('_')))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let listed: Vec<_> = rows.iter().map(|row| (row[1], row[2], row[3])).collect();
    let origin = |origin| match origin {
        Origin::Parameter(name) => name,
        Origin::Resource => "(resource)",
        Origin::Local => "(local)",
    };
    let expected: Vec<_> =
        table().map(|setting| (setting.env, origin(setting.origin), setting.default.unwrap_or("–"))).collect();
    assert_eq!(listed, expected);
    assert!(rows.iter().all(|row| row[4].len() > 10), "every setting says what it means");
}

#[test]
fn the_page_of_settings_lists_how_names_start_that_are_refused_if_unknown() {
    let page = std::fs::read_to_string(project("docs/settings.md")).expect("the page of settings");
    let (_, rest) = page.split_once("begins like one of ours (").expect("the sentence about unknown variables");
    let (list, _) = rest.split_once(')').expect("the end of the list");
    let listed: Vec<_> = list.split(',').map(|prefix| prefix.trim().trim_matches('`')).collect();
    assert_eq!(listed, prefixes().collect::<Vec<_>>());
}

#[test]
fn the_template_sets_every_variable_with_the_same_default() {
    let template = std::fs::read_to_string(project("template.yaml")).expect("a template");
    let variables: BTreeMap<_, _> = template
        .lines()
        .filter_map(|line| line.trim().split_once(": !Ref "))
        .filter(|(name, _)| name.chars().all(|sign| sign.is_ascii_uppercase() || sign == '_'))
        .collect();
    let deployed: Vec<_> = table().filter(|setting| setting.origin != Origin::Local).collect();
    assert_eq!(variables.len(), deployed.len(), "one variable per setting: {variables:?}");
    for setting in deployed {
        let reference = variables.get(setting.env).unwrap_or_else(|| panic!("{} is not set", setting.env));
        let Origin::Parameter(parameter) = setting.origin else { continue };
        assert_eq!(*reference, parameter);
        let declared = template.split(&format!("\n  {parameter}:\n")).nth(1).expect("declared");
        let default = declared.lines().find_map(|line| line.trim().strip_prefix("Default: ")).expect("a default");
        assert_eq!(default.trim_matches('"'), setting.default.unwrap_or_default(), "{parameter}");
    }
}
