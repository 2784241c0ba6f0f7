//! Helpers that shorten and join texts.

use super::super::split::{length, split};

pub(crate) fn labelled(label: &str, value: &str) -> String {
    match label.trim() {
        "" => value.to_owned(),
        label if value.is_empty() => label.to_owned(),
        label if label == value => value.to_owned(),
        label => format!("{label}: {value}"),
    }
}

/// At most `most` characters, with an ellipsis for what is cut off.
pub(crate) fn clip(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let first = split(text, most - 1).into_iter().next().unwrap_or_default();
    format!("{first}…")
}

pub(crate) fn host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or(url)
}
