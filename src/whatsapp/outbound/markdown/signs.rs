//! Distinguishes Markdown from WhatsApp's marks, and repairs a source before it is read.

use std::collections::BTreeSet;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag};

/// The extensions of `CommonMark` that we read. Footnotes and formulas stay as they are typed: WhatsApp has nothing for them.
pub(crate) const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH).union(Options::ENABLE_TASKLISTS);

/// The HTML elements that models write. Other texts in angle brackets are placeholders, like `<your name>`, and stay.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "big",
    "blockquote",
    "body",
    "br",
    "button",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "li",
    "link",
    "main",
    "mark",
    "meta",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "script",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
];

/// Whether a text contains anything that only Markdown has. `*word*` does not count: it is bold in WhatsApp and italic in Markdown.
pub(crate) fn is_markdown(text: &str) -> bool {
    let mut lists = 0_usize;
    Parser::new_ext(text, OPTIONS).into_offset_iter().any(|(event, range)| {
        let source = &text[range.clone()];
        match event {
            Event::Start(Tag::Strong | Tag::Image { .. } | Tag::Table(_)) | Event::TaskListMarker(_) | Event::Rule => {
                true
            }
            Event::Start(Tag::Strikethrough) => source.starts_with("~~"),
            Event::Start(Tag::Heading { .. }) => underline(source).is_none_or(|line| line.len() >= UNDERLINE_LEAST),
            Event::Start(Tag::Link { link_type: LinkType::Email, .. }) => false,
            Event::Start(Tag::Link { dest_url, .. }) => {
                ["http", "mailto:", "tel:"].iter().any(|scheme| dest_url.starts_with(scheme))
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(label))) => {
                // ```WhatsApp's own block
                // may begin and end like this```
                let closed = source
                    .trim_end()
                    .rsplit('\n')
                    .next()
                    .is_some_and(|line| line.trim_start_matches(['>', ' ']).starts_with(['`', '~']));
                !label.is_empty() && !label.contains(char::is_whitespace) && closed
            }
            Event::Start(Tag::List(_)) => {
                lists += 1;
                lists > 1
            }
            Event::End(pulldown_cmark::TagEnd::List(_)) => {
                lists -= 1;
                false
            }
            Event::Html(html) | Event::InlineHtml(html) => without_tags(&html) != *html,
            // A shrug, ¯\_(ツ)_/¯, does not count.
            Event::Text(_) => {
                source.starts_with(['*', '_', '~', '`', '#', '[', ']', '>', '-', '+', '.', '!', '|', '(', ')'])
                    && text[..range.start].strip_suffix('\\').is_some_and(|before| !before.ends_with('¯'))
            }
            _ => false,
        }
    })
}

/// Least characters of the underline of a heading; a shorter one is more likely a minus or an equals sign.
pub(crate) const UNDERLINE_LEAST: usize = 3;

/// The underline of a heading without `#`.
pub(crate) fn underline(heading: &str) -> Option<&str> {
    let (_, line) = heading.trim_end().rsplit_once('\n')?;
    Some(line.trim_start_matches(['>', ' ', '\t']))
}

/// The source with one kind of line end, without the tags of HTML blocks, and with all addresses that no link refers to.
///
/// An HTML block hides the Markdown in it, even if a placeholder opens it, and a definition such as `[1]: https://…` is not shown.
pub(crate) fn mended(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Parser::new_ext(&text, OPTIONS).into_offset_iter();
    let (mut used, mut edits) = (BTreeSet::new(), Vec::new());
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(Tag::HtmlBlock) => edits.push((range.clone(), without_tags(&text[range]).replace('<', "\\<"))),
            Event::Start(Tag::Link { id, .. } | Tag::Image { id, .. }) => {
                used.extend(events.reference_definitions().get(&id).map(|definition| definition.span.start));
            }
            _ => {}
        }
    }
    let starts = events.reference_definitions().iter().map(|(_, definition)| definition.span.start);
    edits.extend(starts.filter(|start| !used.contains(start)).map(|start| (start..start, "\\".to_owned())));
    if edits.is_empty() {
        return text;
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut mended, mut from) = (String::with_capacity(text.len()), 0);
    for (range, new) in edits.into_iter().filter(|(range, _)| text.is_char_boundary(range.start)) {
        if range.start >= from {
            mended.extend([&text[from..range.start], &new]);
            from = range.end;
        }
    }
    mended + &text[from..]
}

/// HTML without its comments and tags: `<br>` becomes a line end, `<li>` a bullet.
pub(crate) fn without_tags(html: &str) -> String {
    let (mut bare, mut rest) = (String::with_capacity(html.len()), html);
    while let Some((before, tag)) = rest.split_once('<') {
        bare.push_str(before);
        if let Some(comment) = tag.strip_prefix("!--") {
            // An unclosed comment is text, and is not searched again for each one that starts in it.
            let Some((_, after)) = comment.split_once("-->") else { return bare + "<" + tag };
            rest = after;
            continue;
        }
        let end = tag.find(['<', '>']).filter(|at| tag[*at..].starts_with('>') && is_element(&tag[..*at]));
        if let Some(end) = end {
            match name(&tag[..end]).as_str() {
                "br" => bare.push('\n'),
                "li" if !tag.starts_with('/') => bare.push_str("\n- "),
                _ => {}
            }
            rest = &tag[end + 1..];
        } else {
            bare.push('<');
            rest = tag;
        }
    }
    bare + rest
}

fn is_element(tag: &str) -> bool {
    ELEMENTS.contains(&name(tag).as_str())
}

/// The name in `name`, `/name`, `name attribute="…"` or `name/`.
fn name(tag: &str) -> String {
    let name = tag.strip_prefix('/').unwrap_or(tag).split([' ', '\n', '\t', '/']).next();
    name.unwrap_or_default().to_ascii_lowercase()
}
