//! The Markdown of language models, turned into the marks of WhatsApp through a syntax tree.
//!
//! <https://faq.whatsapp.com/539178204879377> lists the marks. They end with their line and need a word boundary beside them, and
//! there are none for headings, links with a text, tables, rules or nested lists.

mod emphasis;
mod formulas;
mod label;
mod layout;
mod signs;
mod table;
mod words;
mod wrapping;

pub(crate) use label::to_plain;
use pulldown_cmark::{CowStr, Event, LinkType, Parser, Tag, TagEnd};

use self::{
    layout::Layout,
    signs::{OPTIONS, UNDERLINE_LEAST, is_markdown, mended, underline, without_tags},
    table::Table,
    words::{Mark, Words},
    wrapping::{unwrapped, without_references},
};
use crate::settings::TextFormat;

/// The line that represents a rule.
const RULE: &str = "━━━━━━━━━━";
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
    let mut page = Page::of(&source);
    // Events instead of a tree: deep nesting cannot overflow our stack.
    for (event, range) in Parser::new_ext(&source, OPTIONS).into_offset_iter() {
        page.take(event, range.start, range.end);
    }
    page.put_words();
    page.layout.finish()
}

/// The output so far, and the blocks that are being read.
struct Page<'a> {
    source: &'a str,
    layout: Layout<'a>,
    words: Words<'a>,
    /// The start and end of the collected text in the source.
    words_at: Option<(usize, usize)>,
    links: Vec<(usize, CowStr<'a>)>,
    code: Option<String>,
    table: Option<Table<'a>>,
}

impl<'a> Page<'a> {
    fn of(source: &'a str) -> Self {
        let (words, layout) = (Words::default(), Layout::of(source));
        Self { source, layout, words, words_at: None, links: Vec::new(), code: None, table: None }
    }

    fn take(&mut self, event: Event<'a>, start: usize, end: usize) {
        match event {
            Event::Start(tag) => self.open(tag, start, end),
            Event::End(tag) => self.close(tag, start, end),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.text_at(start, end).push(&text),
            },
            Event::Code(code) => self.text_at(start, end).code(&code),
            Event::Html(html) | Event::InlineHtml(html) => {
                let text = without_tags(&html);
                self.text_at(start, end).push(&text);
            }
            Event::SoftBreak | Event::HardBreak => self.text_at(start, end).push("\n"),
            Event::Rule => {
                self.put_words();
                self.layout.put(start, end, RULE);
            }
            Event::TaskListMarker(done) => self.layout.check_box(done),
            // Not enabled in our options.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.text_at(start, end).push(&text);
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
                self.text_at(start, end).open(Mark::Italic, written);
            }
            Tag::Strong => {
                let written = written(2);
                self.text_at(start, end).open(Mark::Bold, written);
            }
            Tag::Strikethrough => {
                let written = written(2);
                self.text_at(start, end).open(Mark::Strike, written);
            }
            Tag::Link { dest_url, link_type, .. } => {
                // The text of an autolink is its address.
                let bare = matches!(link_type, LinkType::Autolink | LinkType::Email);
                let from = self.text_at(start, end).len();
                self.links.push((from, if bare { CowStr::Borrowed("") } else { dest_url }));
            }
            Tag::Image { dest_url, .. } => {
                let from = self.text_at(start, end).len();
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
            Tag::BlockQuote(_) => self.layout.open_quote(),
            Tag::CodeBlock(_) => self.code = Some(String::new()),
            Tag::List(_) => self.layout.open_list(),
            Tag::Item => self.layout.open_item(start, end),
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
                match table.aligned().filter(|_| !self.layout.is_quoted()) {
                    Some(lines) => self.layout.put_fence(start, end, &lines),
                    None => self.layout.put(start, end, &table.listed()),
                }
            }
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                self.layout.put_fence(start, end, code.trim_end());
            }
            TagEnd::Heading(_) => self.close_heading(start, end),
            TagEnd::Item => {
                self.put_words();
                self.layout.close_item(start, end);
            }
            TagEnd::List(_) => {
                self.put_words();
                self.layout.close_list();
            }
            TagEnd::BlockQuote(_) => {
                self.put_words();
                self.layout.close_quote();
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
            self.layout.skip_to(start + heading.trim_end().len());
            return;
        }
        self.put_words();
        let line = underline(heading).unwrap_or_default();
        let ended = start + heading.trim_end().len();
        let rule = line.starts_with('-') && line.len() >= UNDERLINE_LEAST;
        self.layout.put(ended - line.len(), ended, if rule { RULE } else { line });
    }

    /// The text that is being collected; it may begin without its own event, in a list for instance.
    fn text_at(&mut self, start: usize, end: usize) -> &mut Words<'a> {
        let (began, ended) = self.words_at.unwrap_or((start, end));
        self.words_at = Some((began, ended.max(end)));
        &mut self.words
    }

    fn put_words(&mut self) {
        let words = std::mem::take(&mut self.words);
        if let Some((start, end)) = self.words_at.take() {
            let text = words.marked();
            if !text.is_empty() {
                self.layout.put(start, end, &text);
            }
        }
    }
}

/// Whether people see a heading, too: with `#`, or one line above a line of three or more characters.
fn is_heading(source: &str) -> bool {
    underline(source).is_none_or(|line| line.len() >= UNDERLINE_LEAST && source.trim_end().matches('\n').count() == 1)
}

#[cfg(test)]
mod tests;
