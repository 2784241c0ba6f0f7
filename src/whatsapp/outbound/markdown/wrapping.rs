//! Removes what language models put around and into their text that is not for people.

use std::borrow::Cow;

/// The names of a code block that contains a whole answer.
const LABELS: &[&str] = &["markdown", "md"];
/// Most bytes of a reference to a source.
const MAX_REFERENCE: usize = 200;
/// The start, the content and the end of references: those of assistants with files, and those of searches.
const REFERENCES: &[(char, &str, char)] = &[('【', "†", '】'), ('\u{e200}', "\u{e202}", '\u{e201}')];

/// The answer inside a single code block that is named Markdown, from its first line to its last.
pub(crate) fn unwrapped(text: &str) -> Option<&str> {
    let text = text.trim();
    let (first, rest) = text.split_once('\n')?;
    let label = first.trim_start_matches('`');
    let fence = &first[..first.len() - label.len()];
    let (words, last) = rest.rsplit_once('\n')?;
    let is_wrapped =
        fence.len() >= 3 && LABELS.iter().any(|name| label.trim().eq_ignore_ascii_case(name)) && last.trim() == fence;
    // Without a name, the first fence inside would end the block, and the rest would not be in it.
    let fences: Vec<_> = words.lines().map(str::trim).filter(|line| line.starts_with(fence)).collect();
    let is_one = fences.len() % 2 == 0 && fences.first() != Some(&fence);
    (is_wrapped && is_one).then_some(words)
}

/// The text without references to sources that only the model can see, such as `【12†source】`.
pub(crate) fn without_references(text: &str) -> Cow<'_, str> {
    if !text.contains(|sign| REFERENCES.iter().any(|(start, _, _)| *start == sign)) {
        return Cow::Borrowed(text);
    }
    let (mut bare, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((at, (start, holds, end))) = first(rest) {
        let within = &rest[at + start.len_utf8()..];
        let most = within.floor_char_boundary(MAX_REFERENCE);
        let words = within[..most].split_once([*start, *end]).map(|(words, _)| words);
        let is_reference = words.is_some_and(|words| words.contains(holds) && within[words.len()..].starts_with(*end));
        bare.push_str(&rest[..at]);
        if let Some(words) = words.filter(|_| is_reference) {
            rest = &within[words.len() + end.len_utf8()..];
            // The space before is removed too if a sentence or a line ends after it.
            if rest.is_empty() || rest.starts_with(|sign: char| sign.is_whitespace() || ".,;:!?".contains(sign)) {
                bare.truncate(bare.trim_end_matches(' ').len());
            }
        } else {
            bare.push(*start);
            rest = within;
        }
    }
    bare.push_str(rest);
    Cow::Owned(bare)
}

fn first(text: &str) -> Option<(usize, &'static (char, &'static str, char))> {
    let (at, sign) = text.char_indices().find(|(_, sign)| REFERENCES.iter().any(|(start, _, _)| start == sign))?;
    REFERENCES.iter().find(|(start, _, _)| *start == sign).map(|reference| (at, reference))
}
