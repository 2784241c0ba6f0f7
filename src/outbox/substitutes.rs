//! What can be sent instead of a reply that Meta refuses, at once or later by a status.

use serde_json::{Map, Value};

use super::{Outbox, uploads::links};
use crate::{
    conversation::{Action, Card, Content, Media, Pending, PhoneNumberId, Source, Template},
    retry::Clock,
    whatsapp::{
        errors,
        graph::{GraphError, Refusal},
        inbound::without_mobile_digit,
    },
};

impl Outbox {
    /// What to send instead of the reply at `index`, which is refused for good; empty if there is nothing.
    pub(super) async fn substitutes(
        &self,
        number: &PhoneNumberId,
        pending: &Pending,
        index: usize,
        error: &GraphError,
        clock: &Clock,
    ) -> Vec<Content> {
        let content = &pending.replies[index].output.content;
        match error {
            GraphError::WindowClosed | GraphError::OutsideWindow(_) => {
                // One template is enough: it asks the person to write again.
                let has_template =
                    pending.replies.iter().any(|reply| matches!(reply.output.content, Content::Template(_)));
                self.template_unless(has_template)
            }
            GraphError::Refused(refusal) if may_be_the_file(refusal) => self.without_file(number, content, clock).await,
            _ => Vec::new(),
        }
    }

    /// The template for messages outside of the window, unless one is there already.
    pub(super) fn template_unless(&self, has_template: bool) -> Vec<Content> {
        self.window_template().filter(|_| !has_template).map(Content::Template).into_iter().collect()
    }

    /// The content without a file that Meta cannot use; the id of its upload is forgotten.
    pub(super) async fn without_file(&self, number: &PhoneNumberId, content: &Content, clock: &Clock) -> Vec<Content> {
        for media in links(content) {
            if let Source::Link(link) = &media.source {
                self.forget_upload(number, link, clock).await;
            }
        }
        without_file(content)
    }
}

/// The other form of the recipient's number, if Meta does not know this one: the recipient list of a test number has one form, and
/// people of some countries write from the other.
pub(super) fn other_number(pending: &Pending, error: &GraphError) -> Option<String> {
    let GraphError::Refused(refusal) = error else { return None };
    let phone = pending.to.phone.as_deref().filter(|_| refusal.code == errors::RECIPIENT_NOT_ALLOWED)?;
    Some(without_mobile_digit(phone)).filter(|other| other != phone)
}

/// Meta names a file that it cannot use in three ways.
fn may_be_the_file(refusal: &Refusal) -> bool {
    let is_parameter =
        matches!(refusal.code, errors::PARAMETER_REFUSED | errors::VALUE_REFUSED) && refusal.subcode == 0;
    refusal.code == errors::MEDIA_REFUSED || is_parameter
}

/// The content without its file: a text with the link in it, or a text and buttons without the picture above them.
pub(super) fn without_file(content: &Content) -> Vec<Content> {
    match content {
        Content::Media(media) => text_of(media).into_iter().collect(),
        Content::Card(card @ Card { media: Some(_), .. }) => vec![without_picture(card)],
        // Meta does not say which picture it refuses, and a carousel needs all of them.
        Content::Carousel { text, cards } => {
            let text = Some(Content::Text(text.clone())).filter(|_| !text.trim().is_empty());
            text.into_iter().chain(cards.iter().map(without_picture)).collect()
        }
        Content::Raw(message) => raw_without_file(message).into_iter().collect(),
        Content::Card(Card { media: None, .. })
        | Content::Text(_)
        | Content::List(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Template(Template { .. })
        | Content::Reaction(_)
        | Content::LocationRequest(_)
        | Content::ContactRequest(_)
        | Content::Flow(_) => Vec::new(),
    }
}

fn text_of(Media { source, caption, .. }: &Media) -> Option<Content> {
    let link = match source {
        Source::Link(link) => Some(link.as_str()),
        Source::Id(_) => None,
    };
    text([caption.as_deref(), link])
}

fn text(parts: [Option<&str>; 2]) -> Option<Content> {
    let texts: Vec<_> = parts.into_iter().flatten().filter(|text| !text.trim().is_empty()).collect();
    (!texts.is_empty()).then(|| Content::Text(texts.join("\n")))
}

fn without_picture(card: &Card) -> Content {
    let title = |action: &Action| match action {
        Action::Choice(choice) => choice.title.clone(),
        Action::Link { title, .. } | Action::Call { title, .. } => title.clone(),
    };
    // Buttons need a text above them.
    let text = match card.text.trim() {
        "" => card.actions.first().map(title).unwrap_or_default(),
        _ => card.text.clone(),
    };
    match card.actions.is_empty() {
        true => Content::Text(text),
        false => Content::Card(Card { media: None, text, actions: card.actions.clone() }),
    }
}

/// A message in Meta's own format without its file: a caption and a link, or the message without its header.
fn raw_without_file(message: &Map<String, Value>) -> Option<Content> {
    let kind = message.get("type")?.as_str()?;
    let object = message.get(kind)?;
    match kind {
        "image" | "video" | "audio" | "document" | "sticker" => {
            text([object["caption"].as_str(), object["link"].as_str()])
        }
        "interactive" if matches!(object["header"]["type"].as_str(), Some("image" | "video" | "document")) => {
            let mut message = message.clone();
            message.get_mut(kind)?.as_object_mut()?.remove("header");
            Some(Content::Raw(message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conversation::{Choice, MediaKind};

    fn picture(caption: Option<&str>) -> Media {
        let source = Source::Link("https://example.invalid/a.webp".into());
        Media { kind: MediaKind::Image, source, caption: caption.map(str::to_owned), name: None }
    }

    #[test]
    fn whatever_has_a_file_is_said_without_it() {
        let link = "https://example.invalid/a.webp";
        let book = vec![Action::Choice(Choice::new("a", "Book"))];
        let card = |text: &str| Card { media: Some(picture(None)), text: text.into(), actions: book.clone() };
        let bare = |text: &str| Content::Card(Card { media: None, text: text.into(), actions: book.clone() });
        assert_eq!(
            without_file(&Content::Media(picture(Some("Your code")))),
            [Content::Text(format!("Your code\n{link}"))]
        );
        assert_eq!(without_file(&Content::Media(picture(None))), [Content::Text(link.into())]);
        let by_id = Media { source: Source::Id("7".into()), ..picture(None) };
        assert_eq!(without_file(&Content::Media(by_id)), []);
        assert_eq!(without_file(&Content::Card(card("Pick"))), [bare("Pick")]);
        let carousel = Content::Carousel { text: "Rooms".into(), cards: vec![card("One"), card("")] };
        assert_eq!(without_file(&carousel), [Content::Text("Rooms".into()), bare("One"), bare("Book")]);
        assert_eq!(without_file(&Content::Text("hi".into())), []);
    }

    #[test]
    fn a_raw_message_is_said_without_its_file() {
        let raw = |value: Value| Content::Raw(value.as_object().expect("an object").clone());
        let image = raw(json!({ "type": "image", "image": { "link": "https://h.invalid/a", "caption": "Look" } }));
        assert_eq!(without_file(&image), [Content::Text("Look\nhttps://h.invalid/a".into())]);
        let buttons = |header: Value| {
            let mut interactive = json!({ "type": "button", "body": { "text": "Pick" } });
            if !header.is_null() {
                interactive["header"] = header;
            }
            raw(json!({ "type": "interactive", "interactive": interactive }))
        };
        let with = buttons(json!({ "type": "image", "image": { "link": "https://h.invalid/a" } }));
        assert_eq!(without_file(&with), [buttons(Value::Null)]);
        assert_eq!(without_file(&buttons(json!({ "type": "text", "text": "Title" }))), []);
    }
}
