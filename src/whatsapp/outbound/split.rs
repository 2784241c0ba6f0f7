//! Long texts, cut into pieces that fit.
//!
//! The place of a cut is sought from the largest unit to the smallest: paragraph, line, sentence, word, grapheme. It is in the
//! second half of what fits: a short piece followed by a long one reads worse than a cut at a smaller unit.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

/// What opens and closes a monospaced block.
const FENCE: &str = "```";
/// Added after a piece that ends inside a fence.
const CLOSE: &str = "\n```";
/// Added before a piece that starts inside a fence.
const REOPEN: &str = "```\n";
/// Below this limit a fence is ordinary text: its marks would take the room of their content.
const FENCES_FROM: usize = 32;
/// How far beyond a cut we check whether a grapheme continues; bounded, so that no text is read again and again.
const LOOKAHEAD: usize = 16;

/// How many characters Meta may count in `text`: its UTF-16 units.
#[must_use]
pub fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Cuts `text` into pieces of at most `most` UTF-16 units, and at least two, which one character may need.
///
/// Only white space at the cuts is lost. A cut inside a fence of three backticks closes it there and opens it again in the
/// next piece. Pieces without a visible character are left out.
#[must_use]
pub fn split(text: &str, most: usize) -> Vec<String> {
    let (text, most) = (text.trim(), most.max(2));
    let fences = if most < FENCES_FROM { Vec::new() } else { fences(text) };
    let mut pieces = Vec::new();
    let (mut from, mut prefix) = (0, "");
    while from < text.len() {
        let rest = &text[from..];
        let room = most - prefix.len();
        let end = fitting(rest, room);
        if end == rest.len() {
            pieces.extend(piece(prefix, rest, ""));
            break;
        }
        // Room for the closing mark is kept only if there is a fence to close.
        let window = if touches(&fences, from..from + end) { fitting(rest, room - CLOSE.len()) } else { end };
        let half = fitting(rest, room / 2).min(window);
        let cut = from + joint(rest, half, window);
        match fence_at(&fences, cut) {
            None => {
                pieces.extend(piece(prefix, &text[from..cut], ""));
                (from, prefix) = (cut, "");
            }
            // A fence that starts in the second half goes to the next piece whole, and so does one with nothing before the cut.
            Some(fence) if fence.start > from + half || (fence.start > from && is_mark(&text[fence.start..cut])) => {
                pieces.extend(piece(prefix, &text[from..fence.start], ""));
                (from, prefix) = (fence.start, "");
            }
            Some(fence) => {
                // The closing mark is not cut, nor left to the next piece without a word before it.
                let words_end = fence.start + text[fence.start..fence.end - FENCE.len()].trim_end().len();
                let cut = cut.min(words_end);
                pieces.extend(piece(prefix, &text[from..cut], CLOSE));
                // Only one white space is dropped: after a line end comes the indentation of code.
                let space = text[cut..].chars().next().filter(|sign| sign.is_whitespace()).map_or(0, char::len_utf8);
                (from, prefix) = if cut == words_end { (fence.end, "") } else { (cut + space, REOPEN) };
            }
        }
        if prefix.is_empty() {
            from += gap(&text[from..]);
        }
    }
    pieces
}

/// Returns the text on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether it has a visible character: Meta refuses texts of only white space and invisible characters.
pub(crate) fn is_visible(text: &str) -> bool {
    let draws_nothing = |sign: char| {
        matches!(sign,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
    };
    text.chars().any(|sign| !sign.is_whitespace() && !sign.is_control() && !draws_nothing(sign))
}

/// A piece with its marks, if it has a visible character.
fn piece(prefix: &str, words: &str, suffix: &str) -> Option<String> {
    let words = words.trim_end();
    let bare = match suffix {
        "" => words,
        _ => words.strip_prefix(FENCE).unwrap_or(words),
    };
    is_visible(bare).then(|| format!("{prefix}{words}{suffix}"))
}

/// How many bytes at the start of `text` have at most `most` characters.
fn fitting(text: &str, most: usize) -> usize {
    let mut units = 0;
    let too_much = |(_, sign): &(usize, char)| {
        units += sign.len_utf16();
        units > most
    };
    text.char_indices().find(too_much).map_or(text.len(), |(at, _)| at)
}

/// Where to cut `text`, at most at `end` and if possible after `half`; never at its start.
fn joint(text: &str, half: usize, end: usize) -> usize {
    let upto = |more: usize| &text[..text.ceil_char_boundary((end + more).min(text.len()))];
    let later = |at: &usize| *at > half && *at <= end;
    // Like white space, but the kinds that say "not here".
    let space = |sign: char| sign.is_whitespace() && !matches!(sign, '\u{a0}' | '\u{2007}' | '\u{202f}');
    let paragraph = || upto(2).rfind("\n\n").filter(later);
    let line = || upto(1).rfind('\n').filter(later);
    let sentence = || {
        let bounds = upto(1)[half..].split_sentence_bound_indices().map(|(at, _)| text[..half + at].trim_end().len());
        bounds.filter(later).last()
    };
    let word = || upto(1).rfind(space).filter(later);
    // Scripts without spaces, and addresses.
    let part = || {
        upto(LOOKAHEAD).split_word_bound_indices().map(|(at, _)| at).take_while(|at| *at <= end).filter(later).last()
    };
    let grapheme = || {
        upto(LOOKAHEAD).grapheme_indices(true).map(|(at, _)| at).take_while(|at| *at <= end).filter(|at| *at > 0).last()
    };
    let within = || if end > 0 { end } else { text.chars().next().map_or(0, char::len_utf8) };
    paragraph().or_else(line).or_else(sentence).or_else(word).or_else(part).or_else(grapheme).unwrap_or_else(within)
}

/// The white space that a cut before `rest` drops: all of it, except for the indentation of the next line.
fn gap(rest: &str) -> usize {
    let spaces = &rest[..rest.len() - rest.trim_start().len()];
    spaces.rfind('\n').map_or(spaces.len(), |at| at + 1)
}

/// The fences of `text` with their marks, in order. One that is never closed does not count.
fn fences(text: &str) -> Vec<Range<usize>> {
    let marks: Vec<_> = text.match_indices(FENCE).map(|(at, _)| at).collect();
    marks.chunks_exact(2).map(|pair| pair[0]..pair[1] + FENCE.len()).collect()
}

/// The fence that a cut at `at` would split.
fn fence_at(fences: &[Range<usize>], at: usize) -> Option<&Range<usize>> {
    let next = fences.partition_point(|fence| fence.end <= at);
    fences.get(next).filter(|fence| fence.start < at)
}

/// Whether this start of a fence is only its mark.
fn is_mark(start: &str) -> bool {
    start.trim_start_matches('`').trim_start().is_empty()
}

fn touches(fences: &[Range<usize>], part: Range<usize>) -> bool {
    let next = fences.partition_point(|fence| fence.end <= part.start);
    fences.get(next).is_some_and(|fence| fence.start < part.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bare(text: &str) -> String {
        text.split_whitespace().collect()
    }

    #[test]
    fn the_largest_joint_in_the_second_half_is_taken() {
        for (text, first) in [
            ("One two three.\n\nFour\nfive six", "One two three."),
            ("One\n\nTwo three\nfour five six", "One\n\nTwo three"),
            ("One. Two three. Four five six", "One. Two three."),
            ("One two three four five six", "One two three four"),
            ("Exactly sixteen 12 is cut at the limit", "Exactly sixteen 12"),
            ("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqr"),
            ("a\u{a0}b a b c d e f g\u{a0}h i j k", "a\u{a0}b a b c d e f"),
            ("一二三四五六七八九十一二三四五六七八九十", "一二三四五六七八九十一二三四五六七八"),
        ] {
            assert_eq!(split(text, 18)[0], first, "{text}");
        }
    }

    #[test]
    fn a_family_or_a_flag_stays_whole_and_a_tower_of_accents_does_not() {
        assert_eq!(split(&"👨‍👩‍👧".repeat(3), 20), ["👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧"]);
        assert_eq!(split(&"🇩🇪".repeat(5), 10), ["🇩🇪🇩🇪", "🇩🇪🇩🇪", "🇩🇪"]);
        let pieces = split(&format!("a{}", "\u{301}".repeat(50)), 20);
        assert_eq!(pieces.iter().map(|piece| length(piece)).collect::<Vec<_>>(), [20, 20, 11]);
    }

    #[test]
    fn a_cut_inside_a_fence_closes_it_and_opens_it_again_with_the_indentation_of_the_code() {
        let text = "Look:\n```\nfn main() {\n    first();\n    second();\n    third();\n}\n```\nDone.";
        assert_eq!(
            split(text, 40),
            ["Look:\n```\nfn main() {\n    first();\n```", "```\n    second();\n    third();\n}\n```", "Done."]
        );
    }

    #[test]
    fn a_fence_that_starts_late_is_not_cut_while_it_fits_into_the_next_piece() {
        let text = "Some words that come before it:\n```\nlet a = 1;\nlet b = 2;\n```";
        assert_eq!(split(text, 48), ["Some words that come before it:", "```\nlet a = 1;\nlet b = 2;\n```"]);
    }

    #[test]
    fn a_fence_that_is_never_closed_is_text() {
        assert_eq!(split("``` and so on", 4096), ["``` and so on"]);
    }

    #[test]
    fn what_cannot_be_seen_is_left_out() {
        assert!(split(" \n\u{200b}\n ", 10).is_empty());
        assert_eq!(split(&format!("a{}b", " ".repeat(50)), 10), ["a", "b"]);
    }

    #[test]
    fn the_indentation_of_a_nested_list_outlives_a_cut() {
        assert_eq!(split("- one two three\n\u{2002}\u{2002}• four", 18), ["- one two three", "\u{2002}\u{2002}• four"]);
    }

    #[test]
    fn a_long_text_is_cut_in_a_moment_whatever_it_is_made_of() {
        for unit in ["a", "\u{301}", "🇩🇪", "a b. ", "\n", "```", "` ", "é\n\n", "```\nx\n```\n"] {
            let text = unit.repeat(200_000 / unit.len());
            for most in [20, 4096] {
                assert!(split(&text, most).iter().all(|piece| length(piece) <= most), "{unit:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn split_text_fits_and_joins_back_to_the_same_words(text in "[a-zé😀. \u{301}\n]{0,400}", most in 2_usize..60) {
            let pieces = split(&text, most);
            prop_assert!(pieces.iter().all(|piece| length(piece) <= most && !piece.trim().is_empty()));
            prop_assert_eq!(bare(&pieces.concat()), bare(&text));
        }

        #[test]
        fn a_piece_never_ends_inside_a_fence(parts in prop::collection::vec("[a-z  \n]{0,60}", 0..12), most in 32_usize..120) {
            // An even number of fences, with something in each.
            let text = parts.iter().map(|part| format!("{part}\n```\nx{part}\n```\n")).collect::<Vec<_>>().concat();
            let pieces = split(&text, most);
            for piece in &pieces {
                prop_assert!(length(piece) <= most, "{piece:?}");
                prop_assert_eq!(piece.matches(FENCE).count() % 2, 0, "{:?}", piece);
            }
            prop_assert_eq!(bare(&pieces.concat()).replace(FENCE, ""), bare(&text).replace(FENCE, ""));
        }

        #[test]
        fn no_text_makes_it_stumble(text in "(?s)(```|\n|`|[ a-c]|.){0,200}", most in 0_usize..50) {
            prop_assert!(split(&text, most).iter().all(|piece| length(piece) <= most.max(2)));
        }
    }
}
