//! How odd parts of an answer are handled, and that the rest of it is sent.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::*;
use crate::{
    conversation::{Action, Card, Choice, Parameter, Person, Section},
    settings::TextFormat,
    whatsapp::outbound::send_body,
};

/// The request bodies for a content, without the fields that are the same in all of them.
fn sent(content: Content) -> Vec<Value> {
    let settings = TextSettings { format: TextFormat::Auto, merge: false, list_label: "☰".into() };
    let (fitted, _) = fit(vec![content.into()], Style { settings: &settings, to_group: false });
    let body = |output| {
        let body = send_body(&Person::default(), output, &"".into(), "");
        body[body["type"].as_str().expect("a type")].clone()
    };
    fitted.iter().map(body).collect()
}

fn media(kind: MediaKind, link: &str) -> Media {
    Media { kind, source: Source::Link(link.into()), caption: None, name: None }
}

fn captioned(link: &str) -> Content {
    Content::Media(Media { caption: Some("Your **QR** code".into()), ..media(MediaKind::Image, link) })
}

fn card(link: &str, text: &str) -> Card {
    let actions = vec![Action::Choice(Choice::new("y", "Yes"))];
    Card { media: Some(media(MediaKind::Image, link)), text: text.into(), actions }
}

#[test]
fn an_address_is_sent_as_meta_accepts_it_wherever_it_is() {
    let (written, link) = (" https://files.example.com/my photo.jpg\n", "https://files.example.com/my%20photo.jpg");
    assert_eq!(sent(captioned(written)), [json!({ "link": link, "caption": "Your *QR* code" })]);
    assert_eq!(
        sent(Content::Card(card(written, "Sure?")))[0]["header"],
        json!({ "type": "image", "image": { "link": link } })
    );
    let cards = vec![card(written, "One"), card(written, "Two")];
    let carousel = &sent(Content::Carousel { text: "Look".into(), cards })[0];
    assert_eq!(carousel["action"]["cards"][1]["header"]["image"]["link"], link);
    let open = Action::Link { title: "Open".into(), url: "HTTPS://example.com/a b?q=hello world".into() };
    let button = &sent(Content::Card(Card { text: "Shop".into(), actions: vec![open], media: None }))[0];
    assert_eq!(button["action"]["parameters"]["url"], "https://example.com/a%20b?q=hello%20world");
    let contact = Contact { name: "Shop".into(), url: Some("https://münchen.example".into()), ..Contact::default() };
    assert_eq!(
        sent(Content::Contacts(vec![contact]))[0][0]["urls"],
        json!([{ "url": "https://xn--mnchen-3ya.example/" }])
    );
    let raw = json!({ "type": "image", "image": { "link": written } });
    assert_eq!(sent(Content::Raw(raw.as_object().expect("an object").clone())), [json!({ "link": link })]);
}

#[test]
fn without_an_address_the_rest_is_said() {
    for link in ["no url", "https://", "data:image/png;base64,AA=="] {
        assert_eq!(sent(captioned(link))[0]["body"], "Your *QR* code", "{link}");
        let buttons = &sent(Content::Card(card(link, "Sure?")))[0];
        assert!(buttons["header"].is_null() && buttons["body"]["text"] == "Sure?", "{buttons}");
        let cards = vec![card(link, "One"), card("https://example.com/a.jpg", "Two")];
        let bodies = sent(Content::Carousel { text: "Look".into(), cards });
        let texts: Vec<_> = bodies.iter().map(|body| body.pointer("/body/text").unwrap_or(&body["body"])).collect();
        assert_eq!(texts, ["Look", "One", "Two"]);
        assert!(bodies[1]["header"].is_null() && bodies[2]["header"].is_object());
        let named = Media { name: Some("invoice.pdf".into()), ..media(MediaKind::Document, link) };
        assert_eq!(sent(Content::Media(named))[0]["body"], "invoice.pdf");
        assert!(sent(Content::Media(media(MediaKind::Image, link))).is_empty());
        let contact = Contact { name: "Shop".into(), url: Some(link.into()), ..Contact::default() };
        assert_eq!(sent(Content::Contacts(vec![contact]))[0][0]["urls"], Value::Null);
        for raw in [
            json!({ "type": "image", "image": { "link": link, "caption": "A map" } }),
            json!({ "type": "interactive", "interactive": {
                "type": "button", "header": { "type": "image", "image": { "link": link } }, "body": { "text": "A map" },
                "action": { "buttons": [{ "type": "reply", "reply": { "id": "y", "title": "Yes" } }] },
            } }),
        ] {
            let body = &sent(Content::Raw(raw.as_object().expect("an object").clone()))[0].to_string();
            assert!(body.contains("A map") && !body.contains("data:") && !body.contains("header"), "{body}");
        }
    }
    let odd = |url: &str| Action::Link { title: "Write".into(), url: url.into() };
    let text = |url: &str| {
        sent(Content::Card(Card { text: "Us".into(), actions: vec![odd(url)], media: None }))[0]["body"].clone()
    };
    assert_eq!(text("mailto:a@example.com"), "Us\nWrite: mailto:a@example.com");
    assert_eq!(text("data:text/html,hello"), "Us\nWrite");
}

/// Collects the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no one has panicked").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_part_without_an_address_is_named_in_the_log_and_its_words_are_not() {
    let (log, secret) = (Log::default(), "Ada of 1 Example Avenue");
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        sent(captioned(secret));
        sent(Content::Carousel { text: "Look".into(), cards: vec![card(secret, "One"), card(secret, "Two")] });
        let open = Action::Link { title: "Open".into(), url: secret.into() };
        sent(Content::Card(Card { text: "Shop".into(), actions: vec![open], media: None }));
        let contact = Contact { name: "Shop".into(), url: Some(secret.into()), ..Contact::default() };
        sent(Content::Contacts(vec![contact]));
    });
    let lines = String::from_utf8(log.0.lock().expect("no one has panicked").clone()).expect("words");
    for (part, times) in [("an image", 3), ("a link", 1), ("a page of a contact", 1), ("Ada", 0)] {
        assert_eq!(lines.matches(part).count(), times, "{part}: {lines}");
    }
    assert_eq!(lines.matches("WARN").count(), 5, "{lines}");
}

#[test]
fn a_document_has_the_name_that_its_address_ends_with_unless_it_has_one() {
    let link = "https://example.com/R%C3%A9sum%C3%A9.pdf?x=1";
    let document = media(MediaKind::Document, link);
    assert_eq!(sent(Content::Media(document.clone())), [json!({ "link": link, "filename": "Résumé.pdf" })]);
    let header = Card { media: Some(document.clone()), ..card(link, "Sure?") };
    assert_eq!(sent(Content::Card(header))[0]["header"]["document"]["filename"], "Résumé.pdf");
    let named = Media { name: Some("CV.pdf".into()), ..document };
    assert_eq!(sent(Content::Media(named))[0]["filename"], "CV.pdf");
    assert_eq!(sent(Content::Media(media(MediaKind::Image, "https://example.com/a.jpg")))[0]["filename"], Value::Null);
}

#[test]
fn the_parameters_of_a_template_have_one_line() {
    let parameter = |text: &str| Parameter { name: None, text: text.into() };
    let parameters = vec![parameter("Dear Ada,\nyour parcel\t is   on its      way "), parameter("2")];
    let template = Template { name: "order_update".into(), language: "en_US".into(), parameters };
    let body = &sent(Content::Template(template))[0]["components"][0]["parameters"];
    assert_eq!((&body[0]["text"], &body[1]["text"]), (&json!("Dear Ada, your parcel is on its way"), &json!("2")));
    let raw = json!({ "type": "template", "template": { "name": "t", "language": { "code": "en" }, "components": [
        { "type": "body", "parameters": [{ "type": "text", "text": "a\nb" }] },
    ] } });
    let raw = &sent(Content::Raw(raw.as_object().expect("an object").clone()))[0];
    assert_eq!(raw["components"][0]["parameters"][0]["text"], "a b");
}

#[test]
fn labels_have_no_marks_and_what_is_tapped_is_as_the_agent_wrote_it() {
    let choice = Choice { id: String::new(), title: "**Book now**".into(), description: None };
    let buttons = &sent(Content::choices("**When?**", [choice.clone()]))[0];
    assert_eq!(buttons["action"]["buttons"][0]["reply"], json!({ "id": "**Book now**", "title": "Book now" }));
    assert_eq!(buttons["body"]["text"], "*When?*");
    let row = Choice { description: Some("_today_".into()), ..choice };
    let sections = vec![
        Section { title: Some("**Day**".into()), rows: vec![row.clone()] },
        Section { title: Some("Other".into()), rows: vec![Choice::new("n", "`None`")] },
    ];
    let list = &sent(Content::List(List { text: "?".into(), label: Some("*Menu*".into()), sections }))[0]["action"];
    assert_eq!((&list["button"], &list["sections"][0]["title"]), (&json!("Menu"), &json!("Day")));
    assert_eq!(
        list["sections"][0]["rows"][0],
        json!({ "id": "**Book now**", "title": "Book now", "description": "today" })
    );
    let link = Action::Link { title: "**Open**".into(), url: "https://example.com".into() };
    let link = &sent(Content::Card(Card { text: "Shop".into(), actions: vec![link], media: None }))[0];
    assert_eq!(link["action"]["parameters"]["display_text"], "Open");
    let cards = vec![
        Card { actions: vec![Action::Choice(row.clone())], ..card("https://example.com/a.jpg", "One") },
        Card { actions: vec![Action::Choice(row)], ..card("https://example.com/b.jpg", "Two") },
    ];
    let cards = &sent(Content::Carousel { text: "Look".into(), cards })[0]["action"]["cards"];
    assert_eq!(cards[0]["action"]["buttons"][0]["quick_reply"]["title"], "Book now");
}
