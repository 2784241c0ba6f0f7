//! The ladder: each thing that is said becomes the richest message that Meta takes for it.

use std::collections::BTreeSet;

use url::Url;

use super::{
    limits::{
        BODY_MOST, BUTTON_ID_MOST, BUTTON_TITLE_MOST, BUTTONS_MOST, CAPTION_MOST, CARD_BODY_MOST, CARD_BUTTONS_MOST,
        CARD_LINE_ENDS_MOST, CARDS, CONTACTS_MOST, LIST_BODY_MOST, ROW_DESCRIPTION_MOST, ROW_ID_MOST, ROW_TITLE_MOST,
        ROWS_MOST, TEXT_MOST,
    },
    markdown::to_whatsapp,
    raw,
    split::{is_visible, length, split},
};
use crate::{
    conversation::{
        Action, Card, Choice, Contact, Flow, List, Location, Media, MediaKind, Offers, Output, Said, Section, Source,
    },
    settings::TextSettings,
};

/// Most lists of one answer; what has more choices is said in words, with numbers.
const LISTS_MOST: usize = 3;

/// How things are said.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// What the operator wants.
    pub settings: &'a TextSettings,
    /// Whether it goes to a group, which takes no interactive messages.
    /// <https://developers.facebook.com/documentation/business-messaging/whatsapp/groups>
    pub to_group: bool,
}

/// Turns what is said into messages that each fit, and notes what their answers stand for. What would be empty is left out.
#[must_use]
pub fn fit(outputs: Vec<Output>, style: Style<'_>) -> (Vec<Output>, Offers) {
    let mut fitter = Fitter { style, offers: Offers::default(), fitted: Vec::new() };
    for Output { said, quotes } in if style.settings.merge { merged(outputs) } else { outputs } {
        let first = fitter.fitted.len();
        fitter.say(said);
        if let Some(message) = fitter.fitted.get_mut(first) {
            message.quotes = quotes;
        }
    }
    (fitter.fitted, fitter.offers)
}

/// Consecutive texts as one, a blank line between them.
fn merged(outputs: Vec<Output>) -> Vec<Output> {
    let mut merged: Vec<Output> = Vec::with_capacity(outputs.len());
    for output in outputs {
        match (merged.last_mut().map(|last| &mut last.said), output) {
            (Some(Said::Text(before)), Output { said: Said::Text(text), quotes: false }) => {
                *before = [before.trim_end(), text.trim_start()].join("\n\n");
            }
            (_, output) => merged.push(output),
        }
    }
    merged
}

struct Fitter<'a> {
    style: Style<'a>,
    offers: Offers,
    fitted: Vec<Output>,
}

impl Fitter<'_> {
    fn say(&mut self, said: Said) {
        match said {
            Said::Text(text) => self.text(&self.marked(&text)),
            Said::Card(card) => self.card(card),
            Said::List(list) => {
                let text = self.marked(&list.text);
                self.list(List { text, ..list });
            }
            Said::Carousel { text, cards } => self.carousel(&text, cards),
            Said::Media(media) => self.media(media),
            Said::Location(place) => self.location(place),
            Said::Contacts(contacts) => self.contacts(contacts),
            // Groups take none.
            Said::Reaction(_) if self.style.to_group => {}
            Said::Reaction(emoji) => self.push(Said::Reaction(emoji)),
            Said::LocationRequest(text) => self.request(&text, Said::LocationRequest),
            Said::ContactRequest(text) => self.request(&text, Said::ContactRequest),
            Said::Flow(flow) => self.flow(flow),
            Said::Template(template) => self.push(Said::Template(template)),
            Said::Raw(message) => match raw::checked(message, self.style.to_group) {
                Ok(message) => self.push(Said::Raw(message)),
                Err(raw::Wrong { rule, words }) => {
                    tracing::warn!(rule, "a message in Meta's own words breaks a limit: its words are sent");
                    self.text(&words);
                }
            },
        }
    }

    fn push(&mut self, said: Said) {
        self.fitted.push(said.into());
    }

    fn marked(&self, text: &str) -> String {
        to_whatsapp(text, self.style.settings.format)
    }

    fn text(&mut self, text: &str) {
        for piece in split(text, TEXT_MOST) {
            self.push(Said::Text(piece));
        }
    }

    /// Says all but the last `most` characters; answers those, which belong to what follows.
    fn all_but_the_end(&mut self, text: &str, most: usize) -> String {
        // The first pieces may be as long as texts are; only the last has to be short.
        let mut pieces = if length(text) <= most { vec![text.trim().to_owned()] } else { split(text, most) };
        let last = pieces.pop().unwrap_or_default();
        self.text(&pieces.join("\n"));
        last
    }

    fn card(&mut self, Card { media, text, actions }: Card) {
        let mut text = self.marked(&text);
        let (mut choices, mut links, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for action in actions {
            match action {
                Action::Choice(choice) => choices.extend(visible(choice)),
                Action::Link { title, url } => links.push((one_line(&title), url)),
                Action::Call { title, number } => lines.push(labelled(&title, &number)),
            }
        }
        let media = media.and_then(|media| self.checked(Media { caption: None, ..media }));
        if let ([(title, url)], true, true) = (&links[..], choices.is_empty() && lines.is_empty(), self.takes_buttons())
            && length(title) <= BUTTON_TITLE_MOST
            && is_url(url)
        {
            let title = if !is_visible(title) { clip(host(url), BUTTON_TITLE_MOST) } else { title.clone() };
            let link = Action::Link { title: title.clone(), url: url.clone() };
            let media = self.header(media);
            let text = if !is_visible(&text) { title } else { self.all_but_the_end(&text, BODY_MOST) };
            return self.push(Said::Card(Card { media, text, actions: vec![link] }));
        }
        lines.extend(links.iter().map(|(title, url)| labelled(title, url)));
        for line in lines {
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
            let text = if !is_visible(&text) { words_of(&choices) } else { self.all_but_the_end(&text, BODY_MOST) };
            let actions = self.with_ids(choices, BUTTON_ID_MOST).into_iter().map(Action::Choice).collect();
            return self.push(Said::Card(Card { media, text, actions }));
        }
        if let Some(media) = media {
            self.push(Said::Media(media));
        }
        self.list(List { text, label: None, sections: vec![Section { title: None, rows: choices }] });
    }

    /// A list, or several, or numbered lines; `text` has its marks already.
    fn list(&mut self, List { text, label, sections }: List) {
        let visible_rows =
            |section: Section| Section { rows: section.rows.into_iter().filter_map(visible).collect(), ..section };
        let mut sections: Vec<_> = sections.into_iter().map(visible_rows).collect();
        sections.retain(|section| !section.rows.is_empty());
        let count: usize = sections.iter().map(|section| section.rows.len()).sum();
        if count == 0 {
            return self.text(&text);
        }
        if !self.takes_buttons() || count > LISTS_MOST * ROWS_MOST {
            return self.numbered(&text, sections);
        }
        let mut text = if !is_visible(&text) {
            sections.iter().map(|section| words_of(&section.rows)).collect::<Vec<_>>().join("\n")
        } else {
            text
        };
        let label = label.map(|label| clip(&one_line(&label), BUTTON_TITLE_MOST)).filter(|label| is_visible(label));
        let label = label.unwrap_or_else(|| self.style.settings.list_label.clone());
        for sections in in_lists(sections) {
            // The words stand above the first list; the others need some of their own.
            let words = std::mem::replace(&mut text, label.clone());
            let text = self.all_but_the_end(&words, LIST_BODY_MOST);
            let sections = self.row_ids(sections);
            self.push(Said::List(List { text, label: Some(label.clone()), sections }));
        }
    }

    fn numbered(&mut self, text: &str, sections: Vec<Section>) {
        let mut lines = vec![text.trim().to_owned()];
        for Section { title, rows } in sections {
            lines.extend(title.map(|title| format!("*{}*", title.trim())));
            for choice in rows {
                let Choice { title, description, .. } = choice.clone();
                let number = self.offers.number(choice);
                let description = description.map_or_else(String::new, |words| format!(" – {words}"));
                lines.push(format!("{number}. {title}{description}"));
            }
        }
        self.text(lines.join("\n").trim());
    }

    fn carousel(&mut self, text: &str, cards: Vec<Card>) {
        let marked = |card: Card| Card { text: self.marked(card.text.trim()), ..card };
        let cards: Vec<_> = cards.into_iter().map(marked).collect();
        let text = self.marked(text).trim().to_owned();
        if !self.takes_buttons() || !are_carousel(&cards) {
            self.text(&text);
            for card in cards {
                self.card(card);
            }
            return;
        }
        let titles = || cards.iter().filter_map(|card| card.text.lines().next()).collect::<Vec<_>>().join(" · ");
        let text = if !is_visible(&text) { clip(&titles(), BODY_MOST) } else { self.all_but_the_end(&text, BODY_MOST) };
        let last = cards.len() - 1;
        let mut ids = Ids::default();
        let mut with_ids = |card: Card, offers: &mut Offers| {
            let with_id = |action| match action {
                Action::Choice(choice) => Action::Choice(ids.give(choice, BUTTON_ID_MOST, offers)),
                Action::Link { .. } | Action::Call { .. } => action,
            };
            Card { actions: card.actions.into_iter().map(with_id).collect(), ..card }
        };
        debug_assert!(last > 0, "a carousel has two cards at least");
        let cards = cards.into_iter().map(|card| with_ids(card, &mut self.offers)).collect();
        self.push(Said::Carousel { text, cards });
    }

    fn media(&mut self, mut media: Media) {
        let caption = media.caption.take().map(|caption| self.marked(&caption)).unwrap_or_default();
        match self.checked(media) {
            Some(media) => self.captioned(media, caption.trim()),
            None => self.text(&caption),
        }
    }

    /// A file with words below it: as its caption where it takes one and they fit, else as texts behind it.
    fn captioned(&mut self, mut media: Media, words: &str) {
        let takes_caption = matches!(media.kind, MediaKind::Image | MediaKind::Video | MediaKind::Document);
        let fits = takes_caption && length(words) <= CAPTION_MOST;
        media.caption = (fits && is_visible(words)).then(|| words.to_owned());
        self.push(Said::Media(media));
        if !fits {
            self.text(words);
        }
    }

    /// The file, if Meta can fetch it; else what there is of it is said at once.
    fn checked(&mut self, media: Media) -> Option<Media> {
        match &media.source {
            Source::Link(link) if !is_url(link) => {
                let words = media.caption.as_deref().map(|caption| self.marked(caption)).unwrap_or_default();
                self.text(&labelled(&words, link));
                None
            }
            Source::Link(_) | Source::Id(_) => Some(media),
        }
    }

    /// The file as the header of an interactive message; one that cannot be a header is said before.
    fn header(&mut self, media: Option<Media>) -> Option<Media> {
        let media = media?;
        match media.kind {
            MediaKind::Image | MediaKind::Video | MediaKind::Document => Some(Media { caption: None, ..media }),
            MediaKind::Audio | MediaKind::Voice | MediaKind::Sticker => {
                self.push(Said::Media(Media { caption: None, ..media }));
                None
            }
        }
    }

    fn location(&mut self, place: Location) {
        let Location { latitude, longitude, name, address } = place;
        let (name, address) = (name.filter(|name| is_visible(name)), address.filter(|address| is_visible(address)));
        let is_on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        if is_on_earth && !self.style.to_group {
            return self.push(Said::Location(Location { latitude, longitude, name, address }));
        }
        let at = is_on_earth.then(|| format!("https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}"));
        let words: Vec<_> = [name, address, at].into_iter().flatten().collect();
        self.text(&words.join("\n"));
    }

    fn contacts(&mut self, contacts: Vec<Contact>) {
        let named = contacts.into_iter().filter_map(|mut contact| {
            contact.phones.retain(|phone| phone.contains(|sign: char| sign.is_ascii_digit()));
            contact.emails.retain(|email| is_visible(email));
            contact.organization = contact.organization.filter(|company| is_visible(company));
            contact.url = contact.url.filter(|url| is_url(url));
            if !is_visible(&contact.name) {
                contact.name = contact.phones.first().or(contact.emails.first())?.clone();
            }
            Some(contact)
        });
        let named: Vec<_> = named.collect();
        if self.style.to_group {
            let line = |contact: &Contact| {
                labelled(&contact.name, &[&contact.phones[..], &contact.emails].concat().join(", "))
            };
            return self.text(&named.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
        for contacts in named.chunks(CONTACTS_MOST) {
            self.push(Said::Contacts(contacts.to_vec()));
        }
    }

    /// Words with one button of the channel's own; a group gets the words.
    fn request(&mut self, text: &str, request: fn(String) -> Said) {
        let text = self.marked(text);
        if !self.takes_buttons() {
            return self.text(&text);
        }
        let text = self.all_but_the_end(&text, BODY_MOST);
        if is_visible(&text) {
            self.push(request(text));
        }
    }

    fn flow(&mut self, flow: Flow) {
        let text = self.marked(&flow.text);
        let label = clip(&one_line(&flow.label), BUTTON_TITLE_MOST);
        if !self.takes_buttons() || !is_visible(&label) {
            return self.text(&text);
        }
        let text = if !is_visible(&text) { label.clone() } else { self.all_but_the_end(&text, BODY_MOST) };
        self.push(Said::Flow(Flow { text, label, ..flow }));
    }

    fn takes_buttons(&self) -> bool {
        !self.style.to_group
    }

    fn with_ids(&mut self, choices: Vec<Choice>, most: usize) -> Vec<Choice> {
        let mut ids = Ids::default();
        choices.into_iter().map(|choice| ids.give(choice, most, &mut self.offers)).collect()
    }

    /// Rows as Meta takes them: a title that is too long is clipped, and stands whole below itself if that place is free.
    fn row_ids(&mut self, sections: Vec<Section>) -> Vec<Section> {
        let mut ids = Ids::default();
        let several = sections.len() > 1;
        let mut row = |choice: Choice| {
            let Choice { id, title, description } = ids.give(choice, ROW_ID_MOST, &mut self.offers);
            let below = description.filter(|words| is_visible(words));
            let below = below.or_else(|| (length(&title) > ROW_TITLE_MOST).then(|| title.clone()));
            let description = below.map(|words| clip(words.trim(), ROW_DESCRIPTION_MOST));
            Choice { id, title: clip(&title, ROW_TITLE_MOST), description }
        };
        let section = |section: Section| Section {
            // Several sections need a title each.
            title: several.then(|| clip(&one_line(section.title.as_deref().unwrap_or_default()), ROW_TITLE_MOST)),
            rows: section.rows.into_iter().map(&mut row).collect(),
        };
        sections.into_iter().map(section).collect()
    }
}

/// Keeps ids apart: two choices may mean the same, but Meta takes each id once.
#[derive(Default)]
struct Ids(BTreeSet<String>);

impl Ids {
    fn give(&mut self, choice: Choice, most: usize, offers: &mut Offers) -> Choice {
        let mut id = if length(&choice.id) <= most && one_line(&choice.id) == choice.id {
            choice.id.clone()
        } else {
            offers.alias(&choice.id)
        };
        while !self.0.insert(id.clone()) {
            id = offers.alias(&choice.id);
        }
        Choice { id, ..choice }
    }
}

/// The choice with something to see and something to give back, if it has either.
fn visible(Choice { id, title, description }: Choice) -> Option<Choice> {
    let shown = [&title, description.as_deref().unwrap_or_default(), &id];
    let title = shown.into_iter().map(one_line).find(|words| is_visible(words))?;
    let id = if is_visible(&id) { id } else { title.clone() };
    Some(Choice { id, title, description })
}

fn are_buttons(choices: &[Choice]) -> bool {
    let titles: BTreeSet<_> = choices.iter().map(|choice| &choice.title).collect();
    choices.len() <= BUTTONS_MOST
        && titles.len() == choices.len()
        && choices.iter().all(|choice| length(&choice.title) <= BUTTON_TITLE_MOST && choice.description.is_none())
}

/// Whether Meta takes these cards as a carousel: all with a picture or a video, short words, and the same kind and number of buttons.
fn are_carousel(cards: &[Card]) -> bool {
    let fits = |card: &Card| {
        let shown = matches!(&card.media, Some(Media { kind: MediaKind::Image | MediaKind::Video, source, .. }) if matches!(source, Source::Link(link) if is_url(link)) || matches!(source, Source::Id(_)));
        shown && length(&card.text) <= CARD_BODY_MOST && card.text.matches('\n').count() <= CARD_LINE_ENDS_MOST
    };
    let short = |title: &str| is_visible(title) && one_line(title) == title && length(title) <= BUTTON_TITLE_MOST;
    let links = |card: &Card| matches!(&card.actions[..], [Action::Link { title, url }] if short(title) && is_url(url));
    let replies = |card: &Card| {
        let mut titles = BTreeSet::new();
        let unique = |action: &Action| matches!(action, Action::Choice(choice) if short(&choice.title) && titles.insert(choice.title.clone()));
        (1..=CARD_BUTTONS_MOST).contains(&card.actions.len()) && card.actions.iter().all(unique)
    };
    let same_media = cards
        .windows(2)
        .all(|pair| pair[0].media.as_ref().map(|media| media.kind) == pair[1].media.as_ref().map(|media| media.kind));
    let same_count = cards.windows(2).all(|pair| pair[0].actions.len() == pair[1].actions.len());
    CARDS.contains(&cards.len())
        && same_media
        && same_count
        && cards.iter().all(fits)
        && (cards.iter().all(links) || cards.iter().all(replies))
}

/// Lists of ten rows at most, in order. A list keeps its sections if each has a title; else it has one.
fn in_lists(sections: Vec<Section>) -> Vec<Vec<Section>> {
    let titled = sections.iter().all(|section| section.title.as_deref().is_some_and(is_visible));
    let sections = if titled || sections.len() == 1 {
        sections
    } else {
        vec![Section { title: None, rows: sections.into_iter().flat_map(|section| section.rows).collect() }]
    };
    let mut lists: Vec<Vec<Section>> = vec![Vec::new()];
    let mut room = ROWS_MOST;
    for Section { title, mut rows } in sections {
        while !rows.is_empty() {
            if room == 0 {
                lists.push(Vec::new());
                room = ROWS_MOST;
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

/// What is chosen from, as words for where Meta demands some.
fn words_of(choices: &[Choice]) -> String {
    let lines: Vec<_> = choices.iter().map(|choice| format!("- {}", choice.title)).collect();
    clip(&lines.join("\n"), BODY_MOST)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn labelled(label: &str, value: &str) -> String {
    match label.trim() {
        "" => value.to_owned(),
        label if label == value => value.to_owned(),
        label => format!("{label}: {value}"),
    }
}

/// At most `most` characters, with an ellipsis for what is gone.
fn clip(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let first = split(text, most - 1).into_iter().next().unwrap_or_default();
    format!("{first}…")
}

fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or(url)
}
