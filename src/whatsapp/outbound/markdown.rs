//! The Markdown of language models, turned into the marks of WhatsApp through a syntax tree.
//!
//! <https://faq.whatsapp.com/539178204879377> lists the marks. They end with their line and need a word boundary beside them, and
//! there are none for headings, links with a text, tables, rules or nested lists.

mod emphasis;
mod formulas;
mod label;
mod signs;
mod table;
mod words;
mod wrapping;

pub(crate) use label::to_plain;
use pulldown_cmark::{CowStr, Event, LinkType, Parser, Tag, TagEnd};

use self::{
    signs::{OPTIONS, UNDERLINE_LEAST, is_markdown, mended, underline, without_tags},
    table::Table,
    words::{Mark, Words},
    wrapping::{unwrapped, without_references},
};
use crate::settings::TextFormat;

/// The line that represents a rule.
const RULE: &str = "━━━━━━━━━━";
/// The indentation of a nested list: WhatsApp does not show spaces at the start of a line, but shows these.
const INDENT: &str = "\u{2002}\u{2002}";
/// Deeper lists are not indented further: a phone is narrow.
const MAX_INDENTS: usize = 4;

/// Converts Markdown to WhatsApp's formatting marks.
#[must_use]
pub fn to_whatsapp(text: &str, format: TextFormat) -> String {
    if format == TextFormat::Whatsapp {
        return text.to_owned();
    }
    let words = without_references(text);
    let block = unwrapped(&words);
    let shown = match (block, format) {
        (Some(block), _) => converted(block),
        (None, TextFormat::Auto) if !is_markdown(&emphasis::mended(&words)) => words.into_owned(),
        (None, _) => converted(&words),
    };
    // A lone character may be an empty heading or a comment; such a text is kept.
    if shown.is_empty() { text.to_owned() } else { shown }
}

fn converted(text: &str) -> String {
    let source = mended(&formulas::escaped(text));
    let source = emphasis::mended(&source);
    let mut page = Page { source: &source, ..Page::default() };
    // Events instead of a tree: deep nesting cannot overflow our stack.
    for (event, range) in Parser::new_ext(&source, OPTIONS).into_offset_iter() {
        page.take(event, range.start, range.end);
    }
    page.put_words();
    page.out
}

/// The output so far, and the open blocks.
#[derive(Default)]
struct Page<'a> {
    source: &'a str,
    out: String,
    /// The end in the source of the last output.
    ended: usize,
    words: Words<'a>,
    /// The start and end of the collected text in the source.
    words_at: Option<(usize, usize)>,
    quotes: usize,
    lists: Vec<List<'a>>,
    /// Bullets and numbers that wait for the first line of their item.
    markers: String,
    links: Vec<(usize, CowStr<'a>)>,
    code: Option<String>,
    table: Option<Table<'a>>,
}

/// An open list.
struct List<'a> {
    /// The number of its first item; `None` for bullets.
    first: &'a str,
    /// How many items have been numbered.
    items: u64,
}

impl<'a> Page<'a> {
    fn take(&mut self, event: Event<'a>, start: usize, end: usize) {
        match event {
            Event::Start(tag) => self.open(tag, start, end),
            Event::End(tag) => self.close(tag, start, end),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.words(start, end).push(&text),
            },
            Event::Code(code) => self.words(start, end).code(&code),
            Event::Html(html) | Event::InlineHtml(html) => {
                let text = without_tags(&html);
                self.words(start, end).push(&text);
            }
            Event::SoftBreak | Event::HardBreak => self.words(start, end).push("\n"),
            Event::Rule => {
                self.put_words();
                self.put(start, end, RULE);
            }
            Event::TaskListMarker(done) => {
                let kept = self.markers.trim_end().trim_end_matches(['-', '+', '•', '◦']).len();
                self.markers.truncate(kept);
                // A number keeps its space.
                let space = if self.markers.ends_with(['.', ')']) { " " } else { "" };
                self.markers.extend([space, if done { "☑ " } else { "☐ " }]);
            }
            // Not enabled in our options.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.words(start, end).push(&text);
            }
        }
    }

    fn open(&mut self, tag: Tag<'a>, start: usize, end: usize) {
        let written = |most: usize| {
            let source = &self.source[start..end];
            let sign = source.chars().next();
            let count = source.chars().take(most).take_while(|next| Some(*next) == sign).count();
            &source[..count]
        };
        match tag {
            Tag::Emphasis => {
                let written = written(1);
                self.words(start, end).open(Mark::Italic, written);
            }
            Tag::Strong => {
                let written = written(2);
                self.words(start, end).open(Mark::Bold, written);
            }
            Tag::Strikethrough => {
                let written = written(2);
                self.words(start, end).open(Mark::Strike, written);
            }
            Tag::Link { dest_url, link_type, .. } => {
                // The text of an autolink is its address.
                let bare = matches!(link_type, LinkType::Autolink | LinkType::Email);
                let from = self.words(start, end).len();
                self.links.push((from, if bare { CowStr::Borrowed("") } else { dest_url }));
            }
            Tag::Image { dest_url, .. } => {
                let from = self.words(start, end).len();
                self.links.push((from, dest_url));
            }
            Tag::TableCell => self.words = Words::default(),
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            block => {
                self.put_words();
                self.open_block(block, start, end);
            }
        }
    }

    fn open_block(&mut self, block: Tag<'a>, start: usize, end: usize) {
        match block {
            Tag::Heading { .. } if is_heading(&self.source[start..end]) => self.words.open(Mark::Bold, ""),
            Tag::BlockQuote(_) => self.quotes += 1,
            Tag::CodeBlock(_) => self.code = Some(String::new()),
            Tag::List(_) => self.lists.push(List { first: "", items: 0 }),
            Tag::Item => {
                let marker = self.marker(&self.source[start..end]);
                self.markers.push_str(&marker);
            }
            Tag::Table(alignments) => self.table = Some(Table { alignments, rows: Vec::new() }),
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd, start: usize, end: usize) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => self.words.close(),
            TagEnd::Link | TagEnd::Image => {
                // A picture inside a link leads where the link does.
                let inner = matches!(tag, TagEnd::Image) && self.links.len() > 1;
                if let Some((from, url)) = self.links.pop() {
                    self.words.link(from, if inner { "" } else { &url });
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.words);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {}
            TagEnd::Table => {
                self.words_at = None;
                let table = self.table.take().unwrap_or_default();
                match table.aligned().filter(|_| self.quotes == 0) {
                    Some(lines) => self.put_fence(start, end, &lines),
                    None => self.put(start, end, &table.listed()),
                }
            }
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                self.put_fence(start, end, code.trim_end());
            }
            TagEnd::Heading(_) => self.close_heading(start, end),
            TagEnd::Item => {
                self.put_words();
                if !self.markers.is_empty() {
                    self.put(start, end, "");
                }
            }
            TagEnd::List(_) => {
                self.put_words();
                self.lists.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.put_words();
                self.quotes -= 1;
            }
            _ => self.put_words(),
        }
    }

    /// What looks like the underline of a heading may be a rule or a lone character under a paragraph.
    fn close_heading(&mut self, start: usize, end: usize) {
        let heading = &self.source[start..end];
        if is_heading(heading) {
            self.words.close();
            self.put_words();
            self.ended = start + heading.trim_end().len();
            return;
        }
        self.put_words();
        let line = underline(heading).unwrap_or_default();
        let ended = start + heading.trim_end().len();
        let rule = line.starts_with('-') && line.len() >= UNDERLINE_LEAST;
        self.put(ended - line.len(), ended, if rule { RULE } else { line });
    }

    /// The text that is being collected; it may begin without its own event, in a list for instance.
    fn words(&mut self, start: usize, end: usize) -> &mut Words<'a> {
        let (began, ended) = self.words_at.unwrap_or((start, end));
        self.words_at = Some((began, ended.max(end)));
        &mut self.words
    }

    fn put_words(&mut self) {
        let words = std::mem::take(&mut self.words);
        if let Some((start, end)) = self.words_at.take() {
            let text = words.marked();
            if !text.is_empty() {
                self.put(start, end, &text);
            }
        }
    }

    fn put(&mut self, start: usize, end: usize, text: &str) {
        self.part(start, end);
        let indent = INDENT.repeat(self.lists.len().saturating_sub(1).min(MAX_INDENTS));
        let markers = std::mem::take(&mut self.markers);
        let before = if markers.is_empty() { &indent } else { &markers };
        let mut lines = text.split('\n');
        let first = format!("{}{before}{}", self.quote(), lines.next().unwrap_or_default());
        self.out.push_str(first.trim_end());
        for line in lines {
            self.out.push('\n');
            if !line.is_empty() {
                let quote = self.quote();
                self.out.extend([quote, &indent, line]);
            }
        }
    }

    /// Puts lines into a monospaced block, which starts its own line.
    fn put_fence(&mut self, start: usize, end: usize, lines: &str) {
        if !self.markers.is_empty() {
            self.put(start, start, "");
        }
        if self.quotes > 0 {
            // The block would contain the quote's marks.
            let line = |line: &str| {
                if line.trim().is_empty() || line.contains('`') {
                    line.to_owned()
                } else {
                    format!("`{}`", line.trim_end())
                }
            };
            let lines: Vec<_> = lines.split('\n').map(line).collect();
            return self.put(start, end, &lines.join("\n"));
        }
        self.part(start, end);
        match lines.contains("```") {
            // A block inside a block, such as a page of Markdown, would end the outer one.
            true => self.out.push_str(lines),
            false => self.out.extend(["```\n", lines, "\n```"]),
        }
    }

    /// Starts a line, after an empty one if the source has any between this and the last output.
    fn part(&mut self, start: usize, end: usize) {
        let gap = self.source.get(self.ended..start).unwrap_or_default();
        if !self.out.is_empty() {
            self.out.push_str(if gap.matches('\n').count() > 1 { "\n\n" } else { "\n" });
        }
        self.ended = self.source[..end].trim_end().len().max(self.ended);
    }

    fn quote(&self) -> &'static str {
        match self.quotes {
            0 => "",
            1 => "> ",
            // WhatsApp reads only the first quote mark.
            2.. => "> » ",
        }
    }

    /// The prefix of an item: its number, or a bullet.
    fn marker(&mut self, item: &'a str) -> String {
        let depth = self.lists.len().saturating_sub(1);
        let indent = if self.markers.is_empty() { INDENT.repeat(depth.min(MAX_INDENTS)) } else { String::new() };
        let item = item.trim_start();
        let digits = &item[..item.bytes().take_while(u8::is_ascii_digit).count()];
        let Some(list) = self.lists.last_mut().filter(|_| !digits.is_empty()) else {
            let bullet = match depth {
                // WhatsApp leaves a plus alone, and so do we: it may belong to a phone number.
                0 if item.starts_with('+') => '+',
                0 => '-',
                1 => '•',
                2.. => '◦',
            };
            return format!("{indent}{bullet} ");
        };
        let sign = if item[digits.len()..].starts_with(')') { ')' } else { '.' };
        list.items += 1;
        if list.items == 1 {
            list.first = digits;
        }
        // Numbers stay as they are, but "1." for every item means that the items are to be counted.
        match digits.parse::<u64>() {
            Ok(first) if list.items > 1 && digits == list.first => format!("{indent}{}{sign} ", first + list.items - 1),
            _ => format!("{indent}{digits}{sign} "),
        }
    }
}

/// Whether people see a heading, too: with `#`, or one line above a line of three or more characters.
fn is_heading(source: &str) -> bool {
    underline(source).is_none_or(|line| line.len() >= UNDERLINE_LEAST && source.trim_end().matches('\n').count() == 1)
}

#[cfg(test)]
mod tests;
