//! Choices: as rows of one list or several, or as numbered lines; each with its own id.

use std::collections::BTreeSet;

use super::{
    super::{
        limits::{MAX_BODY, MAX_BUTTON_TITLE, MAX_LIST_BODY, MAX_ROW_DESCRIPTION, MAX_ROW_ID, MAX_ROW_TITLE, MAX_ROWS},
        split::{is_visible, length, one_line},
    },
    Fitter,
    words::clip,
};
use crate::conversation::{Choice, Choices, Content, List, Section};

/// Most lists of one answer; more choices become numbered lines of a text.
const MAX_LISTS: usize = 3;

impl Fitter<'_> {
    /// Sends a list, several lists, or numbered lines; `text` has its marks already.
    pub(super) fn list(&mut self, List { text, label, sections }: List) {
        let visible_rows = |Section { title, rows }: Section| Section {
            title: title.map(|title| self.plain(&title)),
            rows: rows.into_iter().filter_map(|choice| visible(self.plain_choice(choice))).collect(),
        };
        let mut sections: Vec<_> = sections.into_iter().map(visible_rows).collect();
        sections.retain(|section| !section.rows.is_empty());
        let count: usize = sections.iter().map(|section| section.rows.len()).sum();
        if count == 0 {
            return self.text(&text);
        }
        if !self.takes_buttons() || count > MAX_LISTS * MAX_ROWS {
            return self.numbered(&text, sections);
        }
        let mut text = if is_visible(&text) {
            text
        } else {
            sections.iter().map(|section| titles(&section.rows)).collect::<Vec<_>>().join("\n")
        };
        let label =
            label.map(|label| clip(&one_line(&self.plain(&label)), MAX_BUTTON_TITLE)).filter(|label| is_visible(label));
        let label = label.unwrap_or_else(|| self.style.settings.list_label.clone());
        for sections in in_lists(sections) {
            // The text is above the first list; the others need their own.
            let words = std::mem::replace(&mut text, label.clone());
            let text = self.all_but_the_end(&words, MAX_LIST_BODY);
            let sections = self.row_ids(sections);
            self.push(Content::List(List { text, label: Some(label.clone()), sections }));
        }
    }

    /// The choice with labels without marks; its id, which comes back with a tap, stays as the agent wrote it.
    pub(super) fn plain_choice(&self, Choice { id, title, description }: Choice) -> Choice {
        let id = if is_visible(&id) { id } else { one_line(&title) };
        Choice { id, title: self.plain(&title), description: description.map(|words| self.plain(&words)) }
    }

    fn numbered(&mut self, text: &str, sections: Vec<Section>) {
        let mut lines = vec![text.trim().to_owned()];
        for Section { title, rows } in sections {
            lines.extend(title.map(|title| format!("*{}*", title.trim())));
            for choice in rows {
                let Choice { title, description, .. } = choice.clone();
                let number = self.choices.number(choice);
                let description = description.map_or_else(String::new, |words| format!(" – {words}"));
                lines.push(format!("{number}. {title}{description}"));
            }
        }
        self.text(lines.join("\n").trim());
    }

    pub(super) fn with_ids(&mut self, choices: Vec<Choice>, most: usize) -> Vec<Choice> {
        let mut ids = Ids::default();
        choices.into_iter().map(|choice| ids.give(choice, most, &mut self.choices)).collect()
    }

    /// Rows as Meta accepts them: a title that is too long is clipped, and is repeated in full as the description if there is none.
    fn row_ids(&mut self, sections: Vec<Section>) -> Vec<Section> {
        let mut ids = Ids::default();
        let several = sections.len() > 1;
        let mut row = |choice: Choice| {
            let Choice { id, title, description } = ids.give(choice, MAX_ROW_ID, &mut self.choices);
            let below = description.filter(|words| is_visible(words));
            let below = below.or_else(|| (length(&title) > MAX_ROW_TITLE).then(|| title.clone()));
            let description = below.map(|words| clip(words.trim(), MAX_ROW_DESCRIPTION));
            Choice { id, title: clip(&title, MAX_ROW_TITLE), description }
        };
        let section = |section: Section| Section {
            // Several sections need a title each.
            title: several.then(|| clip(&one_line(section.title.as_deref().unwrap_or_default()), MAX_ROW_TITLE)),
            rows: section.rows.into_iter().map(&mut row).collect(),
        };
        sections.into_iter().map(section).collect()
    }
}

/// Makes ids unique: two choices may mean the same, but Meta accepts each id once.
#[derive(Default)]
pub(super) struct Ids(BTreeSet<String>);

impl Ids {
    pub(super) fn give(&mut self, choice: Choice, most: usize, choices: &mut Choices) -> Choice {
        let mut id = if length(&choice.id) <= most && one_line(&choice.id) == choice.id {
            choice.id.clone()
        } else {
            choices.alias(&choice.id)
        };
        while !self.0.insert(id.clone()) {
            id = choices.alias(&choice.id);
        }
        Choice { id, ..choice }
    }
}

/// The choice with a visible title and an id; `None` if it has neither.
pub(super) fn visible(Choice { id, title, description }: Choice) -> Option<Choice> {
    let shown = [&title, description.as_deref().unwrap_or_default(), &id];
    let title = shown.into_iter().map(one_line).find(|words| is_visible(words))?;
    let id = if is_visible(&id) { id } else { title.clone() };
    Some(Choice { id, title, description })
}

/// Lists of ten rows at most, in order. A list keeps its sections if each has a title; else it has a single one.
fn in_lists(sections: Vec<Section>) -> Vec<Vec<Section>> {
    let titled = sections.iter().all(|section| section.title.as_deref().is_some_and(is_visible));
    let sections = if titled || sections.len() == 1 {
        sections
    } else {
        vec![Section { title: None, rows: sections.into_iter().flat_map(|section| section.rows).collect() }]
    };
    let mut lists: Vec<Vec<Section>> = vec![Vec::new()];
    let mut room = MAX_ROWS;
    for Section { title, mut rows } in sections {
        while !rows.is_empty() {
            if room == 0 {
                lists.push(Vec::new());
                room = MAX_ROWS;
            }
            let rest = rows.split_off(rows.len().min(room));
            room -= rows.len();
            if let Some(list) = lists.last_mut() {
                list.push(Section { title: title.clone(), rows });
            }
            rows = rest;
        }
    }
    lists
}

/// The titles of the choices, as the text that Meta requires.
pub(super) fn titles(choices: &[Choice]) -> String {
    let lines: Vec<_> = choices.iter().map(|choice| format!("- {}", choice.title)).collect();
    clip(&lines.join("\n"), MAX_BODY)
}
