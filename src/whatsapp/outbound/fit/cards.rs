//! Cards: texts with buttons, alone or side by side.

use std::collections::BTreeSet;

use super::{
    super::{
        address::address,
        limits::{
            CARDS, MAX_BODY, MAX_BUTTON_ID, MAX_BUTTON_TITLE, MAX_BUTTONS, MAX_CARD_BODY, MAX_CARD_BUTTONS,
            MAX_CARD_LINE_ENDS,
        },
        split::{is_visible, length, one_line},
    },
    Fitter, checked,
    lists::{Ids, titles, visible},
    page,
    words::{clip, host, labelled},
};
use crate::conversation::{Action, Card, Choice, Content, List, Media, MediaKind, Section};

impl Fitter<'_> {
    pub(super) fn card(&mut self, card: Card) {
        let card = self.fit_parts(card);
        self.fitted_card(card);
    }

    /// The card with a picture that Meta can fetch, pages that a phone can open, and labels without marks.
    fn fit_parts(&self, Card { media, text, actions }: Card) -> Card {
        let media = media.and_then(|media| checked(Media { caption: None, ..media }).ok());
        let action = |action| match action {
            Action::Choice(choice) => Action::Choice(self.plain_choice(choice)),
            Action::Link { title, url } => Action::Link { title: self.plain(&title), url: page(&url) },
            Action::Call { title, number } => Action::Call { title: self.plain(&title), number },
        };
        Card { media, text, actions: actions.into_iter().map(action).collect() }
    }

    fn fitted_card(&mut self, Card { media, text, actions }: Card) {
        let mut text = self.marked(&text);
        let (mut choices, mut links, mut below) = (Vec::new(), Vec::new(), Vec::new());
        for action in actions {
            match action {
                Action::Choice(choice) => choices.extend(visible(choice)),
                Action::Link { title, url } => links.push((one_line(&title), url)),
                Action::Call { title, number } => below.push(labelled(&title, &number)),
            }
        }
        if let ([(title, url)], true, true) = (&links[..], choices.is_empty() && below.is_empty(), self.takes_buttons())
            && length(title) <= MAX_BUTTON_TITLE
            && address(url).is_some()
        {
            let title = if is_visible(title) { title.clone() } else { clip(host(url), MAX_BUTTON_TITLE) };
            let link = Action::Link { title: title.clone(), url: url.clone() };
            let media = self.header(media);
            let text = if is_visible(&text) { self.all_but_the_end(&text, MAX_BODY) } else { title };
            return self.push(Content::Card(Card { media, text, actions: vec![link] }));
        }
        below.extend(links.iter().map(|(title, url)| labelled(title, url)));
        for line in below {
            text = [text.trim_end(), &line].join("\n");
        }
        let text = text.trim().to_owned();
        if choices.is_empty() {
            return match media {
                Some(media) => self.captioned(media, &text),
                None => self.text(&text),
            };
        }
        if self.takes_buttons() && are_buttons(&choices) {
            let media = self.header(media);
            let text = if is_visible(&text) { self.all_but_the_end(&text, MAX_BODY) } else { titles(&choices) };
            let actions = self.with_ids(choices, MAX_BUTTON_ID).into_iter().map(Action::Choice).collect();
            return self.push(Content::Card(Card { media, text, actions }));
        }
        if let Some(media) = media {
            self.push(Content::Media(media));
        }
        self.list(List { text, label: None, sections: vec![Section { title: None, rows: choices }] });
    }

    pub(super) fn carousel(&mut self, text: &str, cards: &[Card]) {
        let mut text = self.marked(text).trim().to_owned();
        let cards: Vec<_> = cards.iter().cloned().map(|card| self.fit_parts(card)).collect();
        for cards in cards.chunks(*CARDS.end()) {
            let text = std::mem::take(&mut text);
            let marked = |card: &Card| Card { text: self.marked(card.text.trim()), ..card.clone() };
            let shown: Vec<_> = cards.iter().map(marked).collect();
            if self.takes_buttons() && are_carousel(&shown) {
                self.side_by_side(&text, shown);
                continue;
            }
            self.text(&text);
            for card in cards {
                self.fitted_card(card.clone());
            }
        }
    }

    fn side_by_side(&mut self, text: &str, cards: Vec<Card>) {
        let titles = || cards.iter().filter_map(|card| card.text.lines().next()).collect::<Vec<_>>().join(" · ");
        let words = if is_visible(text) { text.to_owned() } else { titles() };
        // Meta requires a text above the cards; the cards themselves may have none.
        let words = if is_visible(&words) { words } else { self.style.settings.list_label.clone() };
        let text = self.all_but_the_end(&words, MAX_BODY);
        let mut ids = Ids::default();
        let with_ids = |card: Card| {
            let with_id = |action| match action {
                Action::Choice(choice) => {
                    visible(choice).map(|choice| Action::Choice(ids.give(choice, MAX_BUTTON_ID, &mut self.choices)))
                }
                Action::Link { .. } | Action::Call { .. } => Some(action),
            };
            Card { actions: card.actions.into_iter().filter_map(with_id).collect(), ..card }
        };
        let cards = cards.into_iter().map(with_ids).collect();
        self.push(Content::Carousel { text, cards });
    }
}

fn are_buttons(choices: &[Choice]) -> bool {
    let titles: BTreeSet<_> = choices.iter().map(|choice| &choice.title).collect();
    choices.len() <= MAX_BUTTONS
        && titles.len() == choices.len()
        && choices.iter().all(|choice| length(&choice.title) <= MAX_BUTTON_TITLE && choice.description.is_none())
}

/// Whether Meta accepts these cards as a carousel: all with a picture or a video, a short text, and the same kind and number of buttons.
fn are_carousel(cards: &[Card]) -> bool {
    let fits =
        |card: &Card| length(&card.text) <= MAX_CARD_BODY && card.text.matches('\n').count() <= MAX_CARD_LINE_ENDS;
    let short = |title: &str| is_visible(title) && one_line(title) == title && length(title) <= MAX_BUTTON_TITLE;
    let links = |card: &Card| matches!(&card.actions[..], [Action::Link { title, url }] if short(title) && address(url).is_some());
    let replies = |card: &Card| {
        let mut titles = BTreeSet::new();
        let unique = |action: &Action| matches!(action, Action::Choice(choice) if short(&choice.title) && titles.insert(choice.title.clone()));
        (1..=MAX_CARD_BUTTONS).contains(&card.actions.len()) && card.actions.iter().all(unique)
    };
    let kind = |card: &Card| card.media.as_ref().map(|media| media.kind);
    let alike = |pair: &[Card]| kind(&pair[0]) == kind(&pair[1]) && pair[0].actions.len() == pair[1].actions.len();
    CARDS.contains(&cards.len())
        && cards.iter().all(|card| matches!(kind(card), Some(MediaKind::Image | MediaKind::Video)))
        && cards.windows(2).all(alike)
        && cards.iter().all(fits)
        && (cards.iter().all(links) || cards.iter().all(replies))
}
