//! Fits contents to the channel: each becomes the richest message that Meta accepts for it.

mod cards;
mod lists;
mod words;

use self::words::{clip, labelled};
use super::{
    address::{address, file_name, is_data, no_address},
    limits::{MAX_BODY, MAX_BUTTON_TITLE, MAX_CAPTION, MAX_CONTACTS, MAX_TEXT},
    markdown::{to_plain, to_whatsapp},
    raw,
    split::{is_visible, length, one_line, split},
};
use crate::{
    conversation::{Choices, Contact, Content, Flow, List, Location, Media, MediaKind, Output, Source, Template},
    settings::TextSettings,
};

/// How contents are rendered.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// The operator's settings.
    pub settings: &'a TextSettings,
    /// Whether it goes to a group, which accepts no interactive messages.
    /// <https://developers.facebook.com/documentation/business-messaging/whatsapp/groups>
    pub to_group: bool,
}

/// Converts outputs to messages that each fit, and returns the choices in them. Empty messages are left out.
#[must_use]
pub fn fit(outputs: Vec<Output>, style: Style<'_>) -> (Vec<Output>, Choices) {
    let mut fitter = Fitter { style, choices: Choices::default(), fitted: Vec::new() };
    for Output { content, quotes } in if style.settings.merge { merged(outputs) } else { outputs } {
        let first = fitter.fitted.len();
        fitter.say(content);
        if let Some(message) = fitter.fitted.get_mut(first) {
            message.quotes = quotes;
        }
    }
    (fitter.fitted, fitter.choices)
}

/// Joins consecutive texts, with a blank line between them.
fn merged(outputs: Vec<Output>) -> Vec<Output> {
    let mut merged: Vec<Output> = Vec::with_capacity(outputs.len());
    for output in outputs {
        match (merged.last_mut().map(|last| &mut last.content), output) {
            (Some(Content::Text(before)), Output { content: Content::Text(text), quotes: false }) => {
                *before = [before.trim_end(), text.trim_start()].join("\n\n");
            }
            (_, output) => merged.push(output),
        }
    }
    merged
}

struct Fitter<'a> {
    style: Style<'a>,
    choices: Choices,
    fitted: Vec<Output>,
}

impl Fitter<'_> {
    fn say(&mut self, content: Content) {
        match content {
            Content::Text(text) => self.text(&self.marked(&text)),
            Content::Card(card) => self.card(card),
            Content::List(list) => {
                let text = self.marked(&list.text);
                self.list(List { text, ..list });
            }
            Content::Carousel { text, cards } => self.carousel(&text, &cards),
            Content::Media(media) => self.media(media),
            Content::Location(place) => self.location(place),
            Content::Contacts(contacts) => self.contacts(contacts),
            // Groups accept no reactions.
            Content::Reaction(_) if self.style.to_group => {}
            Content::Reaction(emoji) => self.push(Content::Reaction(emoji)),
            Content::LocationRequest(text) => self.request(&text, Content::LocationRequest),
            Content::ContactRequest(text) => self.request(&text, Content::ContactRequest),
            Content::Flow(flow) => self.flow(flow),
            Content::Template(template) => self.push(Content::Template(one_lined(template))),
            Content::Raw(message) => match raw::checked(message, self.style.to_group) {
                Ok(message) => self.push(Content::Raw(message)),
                Err(raw::Wrong { rule, words }) => {
                    tracing::warn!(rule, "a message in Meta's own format breaks a limit: its text is sent");
                    self.text(&words);
                }
            },
        }
    }

    fn push(&mut self, content: Content) {
        self.fitted.push(content.into());
    }

    fn marked(&self, text: &str) -> String {
        to_whatsapp(text, self.style.settings.format)
    }

    /// The text of a label, without marks, which a phone does not apply there.
    fn plain(&self, text: &str) -> String {
        to_plain(text, self.style.settings.format)
    }

    fn text(&mut self, text: &str) {
        for piece in split(text, MAX_TEXT) {
            self.push(Content::Text(piece));
        }
    }

    /// Sends all but the last `most` characters, and returns those, which belong to the next message.
    fn all_but_the_end(&mut self, text: &str, most: usize) -> String {
        // The first pieces may be as long as a text message; only the last has to be short.
        let mut pieces = if length(text) <= most { vec![text.trim().to_owned()] } else { split(text, most) };
        let last = pieces.pop().unwrap_or_default();
        self.text(&pieces.join("\n"));
        last
    }

    fn media(&mut self, mut media: Media) {
        let caption = media.caption.take().map(|caption| self.marked(&caption)).unwrap_or_default();
        match checked(media) {
            Ok(media) => self.captioned(media, caption.trim()),
            // A file without an address still has its caption, or at least a name.
            Err(name) => self.text(if is_visible(&caption) { &caption } else { &name }),
        }
    }

    /// A file with a text below it: as its caption if it can have one and the text fits, else as texts after it.
    fn captioned(&mut self, mut media: Media, words: &str) {
        let takes_caption = matches!(media.kind, MediaKind::Image | MediaKind::Video | MediaKind::Document);
        let fits = takes_caption && length(words) <= MAX_CAPTION;
        media.caption = (fits && is_visible(words)).then(|| words.to_owned());
        self.push(Content::Media(media));
        if !fits {
            self.text(words);
        }
    }

    /// The file as the header of an interactive message; one that cannot be a header is sent before it.
    fn header(&mut self, media: Option<Media>) -> Option<Media> {
        let media = media?;
        match media.kind {
            MediaKind::Image | MediaKind::Video | MediaKind::Document => Some(Media { caption: None, ..media }),
            MediaKind::Audio | MediaKind::Voice | MediaKind::Sticker => {
                self.push(Content::Media(Media { caption: None, ..media }));
                None
            }
        }
    }

    fn location(&mut self, place: Location) {
        let Location { latitude, longitude, name, address } = place;
        let (name, address) = (name.filter(|name| is_visible(name)), address.filter(|address| is_visible(address)));
        let is_on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        if is_on_earth && !self.style.to_group {
            return self.push(Content::Location(Location { latitude, longitude, name, address }));
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
            contact.url = contact.url.and_then(|url| {
                address(&url).or_else(|| {
                    no_address("a page of a contact");
                    None
                })
            });
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
        for contacts in named.chunks(MAX_CONTACTS) {
            self.push(Content::Contacts(contacts.to_vec()));
        }
    }

    /// A text with one button of the channel's own; a group gets the text.
    fn request(&mut self, text: &str, request: fn(String) -> Content) {
        let text = self.marked(text);
        if !self.takes_buttons() {
            return self.text(&text);
        }
        let text = self.all_but_the_end(&text, MAX_BODY);
        if is_visible(&text) {
            self.push(request(text));
        }
    }

    fn flow(&mut self, flow: Flow) {
        let text = self.marked(&flow.text);
        let label = clip(&one_line(&self.plain(&flow.label)), MAX_BUTTON_TITLE);
        if !self.takes_buttons() || !is_visible(&label) {
            return self.text(&text);
        }
        let text = if is_visible(&text) { self.all_but_the_end(&text, MAX_BODY) } else { label.clone() };
        self.push(Content::Flow(Flow { text, label, ..flow }));
    }

    fn takes_buttons(&self) -> bool {
        !self.style.to_group
    }
}

/// The template with parameters of one line each, with single spaces: Meta accepts no line ends, tabs or five spaces in a row.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes> (132018)
fn one_lined(mut template: Template) -> Template {
    for parameter in &mut template.parameters {
        parameter.text = one_line(&parameter.text);
    }
    template
}

/// The file as Meta can fetch it; a document gets the name from its address if it has no other. If the address is unusable, the
/// error is the file's name.
fn checked(mut media: Media) -> Result<Media, String> {
    media.name = media.name.filter(|name| is_visible(name));
    let Source::Link(written) = &media.source else { return Ok(media) };
    let Some(link) = address(written) else {
        no_address(match media.kind {
            MediaKind::Image => "an image",
            MediaKind::Video => "a video",
            MediaKind::Audio | MediaKind::Voice => "sound",
            MediaKind::Document => "a document",
            MediaKind::Sticker => "a sticker",
        });
        return Err(media.name.unwrap_or_default());
    };
    if media.kind == MediaKind::Document && media.name.is_none() {
        media.name = file_name(&link);
    }
    Ok(Media { source: Source::Link(link), ..media })
}

/// The page that a button opens. Another address is kept as it is, to be shown as text, except for a `data:` URL.
fn page(url: &str) -> String {
    let url = url.trim();
    let is_other = ["mailto:", "tel:"].iter().any(|scheme| url.starts_with(scheme));
    address(url).unwrap_or_else(|| {
        if !is_other {
            no_address("a link");
        }
        if is_data(url) { String::new() } else { url.to_owned() }
    })
}

#[cfg(test)]
mod tests;
