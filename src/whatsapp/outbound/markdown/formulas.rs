//! Formulas as language models write them, `\( … \)`, `\[ … \]` and `$$ … $$`. WhatsApp cannot show them; their text stays as it is
//! written and is not read as Markdown.

use std::{borrow::Cow, ops::Range};

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::signs::OPTIONS;

/// Characters that only formulas have. Without them brackets are brackets, as in `\[1\]`, and dollars are prices.
const MATHS: &[char] = &['\\', '^', '_', '=', '{'];

/// A mark of a formula, and the one that ends it.
struct Mark {
    at: Range<usize>,
    ends_with: Option<&'static str>,
}

/// The source with the text of its formulas escaped, and without the marks around them.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !["\\(", "\\[", "$$"].iter().any(|mark| text.contains(mark)) {
        return Cow::Borrowed(text);
    }
    let marks = marks(text);
    let (mut escaped, mut from) = (String::with_capacity(text.len() * 2), 0);
    let mut marks = marks.iter().peekable();
    while let Some(Mark { at: opening, ends_with }) = marks.next() {
        let Some(ends_with) = ends_with else { continue };
        let Some(Mark { at: closing, .. }) = marks.next_if(|mark| text[mark.at.clone()] == **ends_with) else {
            continue;
        };
        let words = &text[opening.end..closing.start];
        // No one writes spaces into escaped brackets, and prices are followed by spaces as well.
        let is_apart = *ends_with != "$$" && words.starts_with(char::is_whitespace);
        // In a quote each line has its quote mark.
        let lines: Vec<_> = words.lines().map(|line| line.trim_start_matches(['>', ' ', '\t']).trim_end()).collect();
        let lines = lines.join("\n");
        let lines = lines.trim();
        if lines.contains("\n\n") || !(lines.contains(MATHS) || is_apart) {
            continue;
        }
        escaped.push_str(&text[from..opening.start]);
        for sign in lines.chars() {
            escaped.extend(sign.is_ascii_punctuation().then_some('\\'));
            escaped.push(sign);
        }
        from = closing.end;
    }
    escaped.push_str(&text[from..]);
    Cow::Owned(escaped)
}

/// The marks outside of code, in order.
fn marks(text: &str) -> Vec<Mark> {
    let (mut marks, mut is_code) = (Vec::new(), false);
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::Text(_) if !is_code => {
                let words = &text[range.clone()];
                let ends_with = match words.chars().next() {
                    Some('(') => Some("\\)"),
                    Some('[') => Some("\\]"),
                    _ => None,
                };
                // In Markdown it is an escaped bracket.
                if words.starts_with(['(', ')', '[', ']']) && text[..range.start].ends_with('\\') {
                    marks.push(Mark { at: range.start - 1..range.start + 1, ends_with });
                }
                for (at, _) in words.match_indices("$$") {
                    let at = range.start + at..range.start + at + 2;
                    if !text[..at.start].ends_with('$') && !text[at.end..].starts_with('$') {
                        marks.push(Mark { at, ends_with: Some("$$") });
                    }
                }
            }
            _ => {}
        }
    }
    marks
}
