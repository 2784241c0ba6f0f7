//! Adaptive Cards as text, choices and links; their pictures and input fields have no place in a chat.
//!
//! <https://adaptivecards.io/explorer/>

use serde_json::Value;

use super::lenient::{either, items, link, text_of};
use crate::conversation::{Action, Choice, Content};

/// The fields in a submit button's data that may contain its text.
const PAYLOADS: &[&str] = &["value", "payload", "text"];

/// The card itself, or a structure with the card in `adaptiveCard`.
pub(crate) fn read(structure: &Value) -> Option<Content> {
    let of = if structure["adaptiveCard"].is_object() { &structure["adaptiveCard"] } else { structure };
    let flattened = || {
        let mut lines = Vec::new();
        flatten(&of["body"], &mut lines);
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    let text =
        ["fallbackText", "text"].iter().find_map(|name| text_of(&structure[*name]).or_else(|| text_of(&of[*name])));
    let mut actions = Vec::new();
    gather(&of["body"], &mut actions);
    actions.extend(items(&of["actions"]).iter().filter_map(action));
    Content::card(text.or_else(flattened), actions)
}

/// The text of the elements, in order.
fn flatten(elements: &Value, lines: &mut Vec<String>) {
    for element in visible(elements) {
        match element["type"].as_str().unwrap_or_default() {
            "TextBlock" => lines.extend(text_of(&element["text"])),
            "RichTextBlock" => {
                let run = |run: &Value| text_of(&run["text"]).or_else(|| text_of(run));
                let runs: String = items(&element["inlines"]).iter().filter_map(run).collect();
                lines.extend((!runs.is_empty()).then_some(runs));
            }
            "FactSet" => {
                for fact in items(&element["facts"]) {
                    let title = text_of(&fact["title"]).map(|title| title.trim_end_matches(':').to_owned());
                    let parts: Vec<_> = title.into_iter().chain(text_of(&fact["value"])).collect();
                    lines.extend((!parts.is_empty()).then(|| parts.join(": ")));
                }
            }
            _ => parts(element).for_each(|part| flatten(part, lines)),
        }
    }
}

/// The buttons within the body.
fn gather(elements: &Value, actions: &mut Vec<Action>) {
    for element in visible(elements) {
        if element["type"] == "ActionSet" {
            actions.extend(items(&element["actions"]).iter().filter_map(action));
        }
        parts(element).for_each(|part| gather(part, actions));
    }
}

fn visible(elements: &Value) -> impl Iterator<Item = &Value> {
    items(elements).iter().filter(|element| element["isVisible"] != false)
}

/// The elements of containers, columns and tables.
fn parts(element: &Value) -> impl Iterator<Item = &Value> {
    ["items", "columns", "rows", "cells"].iter().map(|name| &element[*name])
}

fn action(action: &Value) -> Option<Action> {
    let title = text_of(&action["title"]);
    match action["type"].as_str().unwrap_or_default() {
        "Action.OpenUrl" => Some(Action::Link { title: title.unwrap_or_default(), url: link(&action["url"])? }),
        "Action.Submit" | "Action.Execute" => {
            let data = &action["data"];
            let id = text_of(data).or_else(|| text_of(either(data, PAYLOADS)))?;
            Some(Action::Choice(Choice::new(id.clone(), title.unwrap_or(id))))
        }
        _ => None,
    }
}
