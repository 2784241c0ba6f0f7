//! Tables, which WhatsApp does not have: aligned in a monospaced block where a phone is wide enough, else a line per cell.

use pulldown_cmark::Alignment;
use unicode_segmentation::UnicodeSegmentation as _;

use super::words::Words;

/// Most characters of a line that a phone shows in a monospaced block without wrapping; from experience.
const WIDE_FROM: usize = 37;
/// The separator of two columns.
const GAP: &str = "  ";

/// The table that is being read, its head first.
#[derive(Debug, Default)]
pub(crate) struct Table<'a> {
    pub alignments: Vec<Alignment>,
    pub rows: Vec<Vec<Words<'a>>>,
}

impl Table<'_> {
    /// The lines of the monospaced block; `None` if they would be too wide, or contain what ends the block.
    pub(crate) fn aligned(&self) -> Option<String> {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(Words::bare).collect()).collect();
        let columns = rows.iter().map(Vec::len).max()?;
        let widths: Vec<_> = (0..columns)
            .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max().unwrap_or(0))
            .collect();
        let whole = widths.iter().sum::<usize>() + GAP.len() * columns.saturating_sub(1);
        if whole >= WIDE_FROM || rows.iter().flatten().any(|cell| cell.contains("```")) {
            return None;
        }
        let line = |row: &Vec<String>| {
            let cells = row.iter().enumerate().map(|(at, cell)| {
                let fill = " ".repeat(widths[at] - width(cell));
                match self.alignments.get(at) {
                    Some(Alignment::Right) => fill + cell,
                    Some(Alignment::None | Alignment::Left | Alignment::Center) | None => format!("{cell}{fill}"),
                }
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        let mut lines: Vec<_> = rows.iter().map(line).collect();
        let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
        lines.insert(1, rule.join(GAP));
        Some(lines.join("\n"))
    }

    /// One block for each row, one line with `Name: value` for each cell.
    pub(crate) fn listed(&self) -> String {
        let Some((head, rows)) = self.rows.split_first() else { return String::new() };
        let names: Vec<_> = head.iter().map(Words::bare).collect();
        let line = |(at, cell): (usize, &Words)| {
            let value = cell.marked().replace('\n', " ");
            match names.get(at).filter(|name| !name.is_empty()) {
                _ if value.is_empty() => None,
                Some(name) => Some(format!("{}: {value}", name.trim_end_matches(':'))),
                None => Some(value),
            }
        };
        let block = |row: &Vec<Words>| row.iter().enumerate().filter_map(line).collect::<Vec<_>>().join("\n");
        if rows.is_empty() {
            return names.join(GAP);
        }
        rows.iter().map(block).filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n\n")
    }
}

fn width(cell: &str) -> usize {
    cell.graphemes(true).count()
}
