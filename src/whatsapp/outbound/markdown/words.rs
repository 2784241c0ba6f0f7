//! The text of one block, with the marks as spans over it until the block is complete.
//!
//! Only then do we know what surrounds a span. WhatsApp has no escape character, so a mark that it would show literally is
//! dropped.

use super::emphasis::{JOINT, is_spaceless};

/// A style that WhatsApp has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Bold,
    Italic,
    Strike,
    Code,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::Bold => "*",
            Self::Italic => "_",
            Self::Strike => "~",
            Self::Code => "`",
        }
    }
}

/// A text, the spans over it, and the spans that are still open.
#[derive(Debug, Default)]
pub(crate) struct Words<'a> {
    text: String,
    spans: Vec<Span<'a>>,
    open: Vec<Span<'a>>,
}

#[derive(Debug)]
struct Span<'a> {
    mark: Mark,
    start: usize,
    end: usize,
    /// The Markdown mark, to be put back if it was not meant as one.
    written: &'a str,
    /// Whether it is inside a span of the same mark: a bold word in a heading.
    doubled: bool,
}

impl<'a> Words<'a> {
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.extend(text.split(JOINT));
    }

    pub(crate) fn open(&mut self, mark: Mark, written: &'a str) {
        let doubled = self.open.iter().any(|span| span.mark == mark);
        let start = self.text.len();
        self.open.push(Span { mark, start, end: start, written, doubled });
    }

    pub(crate) fn close(&mut self) {
        if let Some(span) = self.open.pop() {
            self.spans.push(Span { end: self.text.len(), ..span });
        }
    }

    pub(crate) fn code(&mut self, code: &str) {
        self.open(Mark::Code, "");
        self.push(code);
        self.close();
    }

    /// Ends the link or image whose text began at `from`: the address, if any, follows the text, or replaces it if both are the same.
    pub(crate) fn link(&mut self, from: usize, url: &str) {
        let address = ["mailto:", "tel:"].iter().find_map(|scheme| url.strip_prefix(scheme)).unwrap_or(url);
        // An anchor without a page, or an image inside its own address, leads nowhere.
        let leads = !address.is_empty() && !address.starts_with('#') && !address.starts_with("data:");
        let words = self.text[from..].trim();
        if leads && (words.is_empty() || stem(words).eq_ignore_ascii_case(stem(address))) {
            self.text.truncate(from);
            while self.spans.last().is_some_and(|span| span.start >= from) {
                self.spans.pop();
            }
            self.push(address);
        } else if leads {
            self.text.extend([" (", address, ")"]);
        }
    }

    /// The text alone, in one line.
    pub(crate) fn bare(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The text with WhatsApp's marks. A span over several lines gets its marks on each line, because a mark ends with its line.
    pub(crate) fn marked(&self) -> String {
        self.with_signs(true)
    }

    /// The text without marks, but with the characters that were not meant as marks.
    pub(crate) fn plain(&self) -> String {
        self.with_signs(false)
    }

    fn with_signs(&self, has_marks: bool) -> String {
        let mut codes: Vec<_> = self.spans.iter().filter(|span| span.mark == Mark::Code).collect();
        codes.sort_by_key(|span| span.start);
        let mut signs = Vec::new();
        for span in &self.spans {
            // At one place, closing marks go before opening ones; a shorter span closes first and opens last, and bold contains italic.
            let rank = span.mark as usize;
            let mut put = |sign, start, end| {
                signs.extend([
                    (start, 1, usize::MAX - end, rank, sign),
                    (end, 0, usize::MAX - start, usize::MAX - rank, sign),
                ]);
            };
            if self.is_no_mark(span) {
                put(span.written, span.start, span.end);
            }
            if !has_marks || span.doubled || self.is_no_mark(span) {
                continue;
            }
            let mut line_start = span.start;
            for line in self.text[span.start..span.end].split('\n') {
                let start = line_start + line.len() - line.trim_start().len();
                let end = start + line.trim().len();
                line_start += line.len() + 1;
                let next_code = codes.partition_point(|code| code.end < end);
                let is_code = span.mark != Mark::Code && codes.get(next_code).is_some_and(|code| code.start <= start);
                if start < end && !is_code && self.obeyed(span.mark, start, end) {
                    put(span.mark.sign(), start, end);
                }
            }
        }
        signs.sort_unstable();
        let mut marked = String::with_capacity(self.text.len() + signs.len());
        let mut from = 0;
        for (at, _, _, _, sign) in signs {
            marked.extend([&self.text[from..at], sign]);
            from = at;
        }
        marked.push_str(&self.text[from..]);
        tidy(&marked)
    }

    /// Whether the marks were not meant: `2*3*4` has no italic three, and `2**3**4` no bold one.
    fn is_no_mark(&self, span: &Span) -> bool {
        let words = &self.text[span.start..span.end];
        // In scripts without spaces between words, letters on both sides mean nothing.
        let joins = |before: Option<char>, after: Option<char>| {
            let is_letter = |sign: &char| sign.is_alphanumeric() && !is_spaceless(*sign);
            before.as_ref().is_some_and(is_letter) && after.as_ref().is_some_and(is_letter)
        };
        let is_joined = joins(self.text[..span.start].chars().next_back(), words.chars().next())
            || joins(words.chars().next_back(), self.text[span.end..].chars().next());
        is_joined && (span.written.len() == 1 || words.chars().all(char::is_numeric))
    }

    fn in_word(&self, start: usize, end: usize) -> bool {
        self.text[..start].ends_with(char::is_alphanumeric) || self.text[end..].starts_with(char::is_alphanumeric)
    }

    /// Whether WhatsApp applies the marks around this text.
    fn obeyed(&self, mark: Mark, start: usize, end: usize) -> bool {
        let (words, sign) = (&self.text[start..end], mark.sign());
        // The mark would become a part of the address.
        let address = || {
            words.rsplit(char::is_whitespace).next().is_some_and(|last| last.contains("://") && !last.ends_with(')'))
        };
        let ends_early = |(at, sign): (usize, &str)| {
            let (before, after) = (&words[..at], &words[at + sign.len()..]);
            let both = |kind: fn(char) -> bool| before.ends_with(kind) && after.starts_with(kind);
            !both(char::is_alphanumeric) && !both(char::is_whitespace)
        };
        !self.in_word(start, end)
            && match mark {
                Mark::Code => !words.contains(sign),
                Mark::Bold | Mark::Italic | Mark::Strike => !address() && !words.match_indices(sign).any(ends_early),
            }
    }
}

/// An address without the parts that people leave out.
fn stem(address: &str) -> &str {
    let bare = ["https://", "http://"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    bare.strip_suffix('/').unwrap_or(bare)
}

/// Trims lines, and keeps one empty line in a row at most.
fn tidy(text: &str) -> String {
    let mut lines: Vec<_> = text.trim().lines().map(str::trim).collect();
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines.join("\n")
}
