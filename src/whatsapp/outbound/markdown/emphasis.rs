//! Bold, italic and struck words beside punctuation and in scripts without spaces.
//!
//! `CommonMark` looks at both sides of a row of stars: in `**注意：**请看` the second one cannot close, because there is punctuation
//! before it and a letter after it. Language models write like that all the same, and a phone would show the stars.
//! <https://spec.commonmark.org/0.31.2/#delimiter-run>

use std::{borrow::Cow, ops::Range};

use pulldown_cmark::{Event, LinkType, Parser, Tag, TagEnd};

use super::signs::OPTIONS;

/// A punctuation character that no one uses, the editorial coronis. Beside it a row of stars may open and close; it is removed again.
pub(crate) const JOINT: char = '\u{2e0e}';
/// Longest row of stars that is a mark.
const MAX_ROW: usize = 3;
/// Characters that a bold text does not begin with.
const ENDS: &str = ")]},.;:!?%…」』）】》〉。，、；：！？";
/// Characters that a bold text does not end with.
const STARTS: &str = "([{<=,/+-「『（【《〈";

/// A row of stars or tildes.
struct Row {
    at: Range<usize>,
    before: Option<char>,
    after: Option<char>,
}

/// The source with a joint beside each row of stars that is meant as a mark and that `CommonMark` reads as text.
pub(crate) fn mended(text: &str) -> Cow<'_, str> {
    if text.contains(JOINT) || !rows(text).any(|row| row.ends_oddly() || row.begins_oddly()) {
        return Cow::Borrowed(text);
    }
    let parts = inline_parts(text);
    let (mut next, mut block) = (0, usize::MAX);
    // The open rows, by character and length.
    let mut open = [[false; MAX_ROW + 1]; 2];
    let (mut mended, mut from) = (String::with_capacity(text.len() + 16), 0);
    for row in rows(text) {
        next += parts[next..].partition_point(|(part, _)| part.end <= row.at.start);
        let Some((_, of)) = parts.get(next).filter(|(part, _)| part.contains(&row.at.start)) else { continue };
        if *of != block {
            (open, block) = (Default::default(), *of);
        }
        let is_open = &mut open[usize::from(text[row.at.clone()].starts_with('~'))][row.at.len()];
        let touches = |sign: Option<char>| sign.is_some_and(|sign| !sign.is_whitespace());
        if *is_open && touches(row.before) && (row.ends_oddly() || !row.is_before_word()) {
            *is_open = false;
            if row.ends_oddly() {
                mended.extend([&text[from..row.at.end], JOINT.encode_utf8(&mut [0; 4])]);
                from = row.at.end;
            }
        } else if touches(row.after) && (row.begins_oddly() || !row.is_behind_word()) {
            *is_open = true;
            if row.begins_oddly() {
                mended.extend([&text[from..row.at.start], JOINT.encode_utf8(&mut [0; 4])]);
                from = row.at.start;
            }
        }
    }
    mended.push_str(&text[from..]);
    Cow::Owned(mended)
}

/// Whether this character belongs to a script without spaces between words, or to its punctuation.
pub(crate) fn is_spaceless(sign: char) -> bool {
    matches!(sign, '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

impl Row {
    /// Punctuation before it and a letter after it: for `CommonMark` it can only open.
    fn is_before_word(&self) -> bool {
        self.before.is_some_and(is_punctuation) && self.after.is_some_and(char::is_alphanumeric)
    }

    /// A letter before it and punctuation after it: for `CommonMark` it can only close.
    fn is_behind_word(&self) -> bool {
        self.before.is_some_and(char::is_alphanumeric) && self.after.is_some_and(is_punctuation)
    }

    /// Whether it may close though `CommonMark` says no. A single star is also a sign of multiplication.
    fn ends_oddly(&self) -> bool {
        let ends =
            |sign: char| !STARTS.contains(sign) && (self.at.len() > 1 || self.is_spaceless() || "!?.:;".contains(sign));
        self.is_before_word() && self.before.is_some_and(ends)
    }

    /// Whether it may open though `CommonMark` says no.
    fn begins_oddly(&self) -> bool {
        let begins = |sign: char| !ENDS.contains(sign) && (self.at.len() > 1 || self.is_spaceless());
        self.is_behind_word() && self.after.is_some_and(begins)
    }

    fn is_spaceless(&self) -> bool {
        [self.before, self.after].into_iter().flatten().any(is_spaceless)
    }
}

fn is_punctuation(sign: char) -> bool {
    !sign.is_whitespace() && !sign.is_alphanumeric()
}

/// The rows that may be marks, in order; tildes come in pairs.
fn rows(text: &str) -> impl Iterator<Item = Row> {
    let mut from = 0;
    let every = std::iter::from_fn(move || {
        let start = from + text[from..].find(['*', '~'])?;
        let sign = text.as_bytes()[start];
        let end = start + text.as_bytes()[start..].iter().take_while(|byte| **byte == sign).count();
        from = end;
        Some(Row { at: start..end, before: text[..start].chars().next_back(), after: text[end..].chars().next() })
    });
    every.filter(|row| {
        let is_pair = row.at.len() == 2 || text[row.at.clone()].starts_with('*');
        row.at.len() <= MAX_ROW && is_pair && row.before != Some('\\')
    })
}

/// The ranges of text that may have marks, in order, each with the number of its block: marks do not cross blocks.
fn inline_parts(text: &str) -> Vec<(Range<usize>, usize)> {
    let (mut parts, mut block, mut is_verbatim) = (Vec::new(), 0, false);
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. }) => {
                is_verbatim = true;
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Link) => is_verbatim = false,
            Event::Text(_) if !is_verbatim => parts.push((range, block)),
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough) => {
                parts.push((range.start..range.start + 1, block));
            }
            Event::End(TagEnd::Emphasis) => parts.push((range.end - 1..range.end, block)),
            Event::End(TagEnd::Strong | TagEnd::Strikethrough) => {
                parts.push((range.end.saturating_sub(2)..range.end, block));
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(_) | Event::End(_) => block += 1,
            _ => {}
        }
    }
    parts
}
