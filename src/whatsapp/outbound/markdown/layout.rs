//! The lines of the output: the quote's mark, the bullet or the indentation with which each begins, and the empty lines between them.

/// The indentation of a nested list: WhatsApp does not show spaces at the start of a line, but shows these.
const INDENT: &str = "\u{2002}\u{2002}";
/// Deeper lists are not indented further: a phone is narrow.
const MAX_INDENTS: usize = 4;

/// The output so far, and the quotes and lists that are open.
#[derive(Default)]
pub(crate) struct Layout<'a> {
    source: &'a str,
    out: String,
    /// The end in the source of the last output.
    ended: usize,
    quotes: usize,
    lists: Vec<List<'a>>,
    /// Bullets and numbers that wait for the first line of their item.
    markers: String,
}

/// An open list.
struct List<'a> {
    /// The number of its first item; `None` for bullets.
    first: &'a str,
    /// How many items have been numbered.
    items: u64,
}

impl<'a> Layout<'a> {
    pub(crate) fn of(source: &'a str) -> Self {
        Self { source, ..Self::default() }
    }

    /// Returns the whole output.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    pub(crate) fn is_quoted(&self) -> bool {
        self.quotes > 0
    }

    pub(crate) fn open_quote(&mut self) {
        self.quotes += 1;
    }

    pub(crate) fn close_quote(&mut self) {
        self.quotes -= 1;
    }

    pub(crate) fn open_list(&mut self) {
        self.lists.push(List { first: "", items: 0 });
    }

    pub(crate) fn close_list(&mut self) {
        self.lists.pop();
    }

    pub(crate) fn open_item(&mut self, start: usize, end: usize) {
        let marker = self.marker(&self.source[start..end]);
        self.markers.push_str(&marker);
    }

    /// An item without a line of its own still shows its bullet.
    pub(crate) fn close_item(&mut self, start: usize, end: usize) {
        if !self.markers.is_empty() {
            self.put(start, end, "");
        }
    }

    /// Puts a box in place of the item's bullet.
    pub(crate) fn check_box(&mut self, done: bool) {
        let kept = self.markers.trim_end().trim_end_matches(['-', '+', '•', '◦']).len();
        self.markers.truncate(kept);
        // A number keeps its space.
        let space = if self.markers.ends_with(['.', ')']) { " " } else { "" };
        self.markers.extend([space, if done { "☑ " } else { "☐ " }]);
    }

    /// Counts what is before this place in the source as part of the last output.
    pub(crate) fn skip_to(&mut self, end: usize) {
        self.ended = end;
    }

    /// Puts a text, line by line, with what each line begins with.
    pub(crate) fn put(&mut self, start: usize, end: usize, text: &str) {
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
    pub(crate) fn put_fence(&mut self, start: usize, end: usize, lines: &str) {
        if !self.markers.is_empty() {
            self.put(start, start, "");
        }
        if self.is_quoted() {
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
