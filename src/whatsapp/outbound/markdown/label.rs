//! Labels: the texts of buttons and rows, which WhatsApp shows as they are.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::{
    emphasis,
    signs::{OPTIONS, without_tags},
    words::{Mark, Words},
};
use crate::settings::TextFormat;

/// The text of a label in one line, without marks, which a phone does not apply there.
#[must_use]
pub(crate) fn to_plain(text: &str, format: TextFormat) -> String {
    let is_bare = !text.contains(['*', '_', '~', '`', '[', '<']);
    if format == TextFormat::Whatsapp || is_bare {
        return text.to_owned();
    }
    // After a word nothing starts a heading or a list, as "1." or "#" at the start of a line would.
    let source = format!("a {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    let source = emphasis::mended(&source);
    let mut words = Words::default();
    for (event, range) in Parser::new_ext(&source, OPTIONS).into_offset_iter() {
        let written = |most: usize| &source[range.start..range.start + most];
        match event {
            Event::Text(text) | Event::Code(text) => words.push(&text),
            Event::InlineHtml(html) => words.push(&without_tags(&html)),
            Event::Start(Tag::Emphasis) => words.open(Mark::Italic, written(1)),
            Event::Start(Tag::Strong) => words.open(Mark::Bold, written(2)),
            Event::Start(Tag::Strikethrough) => words.open(Mark::Strike, written(1)),
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => words.close(),
            _ => {}
        }
    }
    let plain = words.plain();
    plain.strip_prefix("a ").filter(|plain| !plain.trim().is_empty()).unwrap_or(text).to_owned()
}
