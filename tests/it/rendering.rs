//! Whatever an agent says becomes messages that Meta takes, by the simulator's own reading of Meta's limits.

use proptest::{option, prelude::*, sample::select};
use serde_json::{Map, Value, json, value::RawValue};
use whatsapp_endpoint::{
    conversation::{
        Action, Card, Choice, Contact, Content, Flow, List, Location, Media, MediaKind, Message, Output, Parameter,
        Person, Section, Source, Tap, Template,
    },
    https,
    settings::{TextFormat, TextSettings},
    simulator::{Account, DEVELOPMENT_SECRET, Simulator},
    whatsapp::outbound::{self, Style},
};

use crate::support::project;

const WAMID: &str = "wamid.HBgFAKEPARENT00000000000000AA==";

fn settings(merge: bool, format: TextFormat) -> TextSettings {
    TextSettings { format, merge, list_label: "☰".into() }
}

/// Short and long, with marks, white space, line ends, signs of several units, and nothing at all.
fn text() -> impl Strategy<Value = String> {
    let piece = select(
        &[
            "word",
            "*",
            "_",
            "**",
            "`",
            "```\n",
            "# ",
            "- ",
            "\n",
            "\n\n",
            " ",
            "😀",
            "👩‍👩‍👧",
            "é",
            "1. ",
            "[a](https://b.example)",
            "| a | b |\n|---|---|\n",
            "~",
            "> ",
            "x\u{200b}",
            ".",
        ][..],
    );
    (prop::collection::vec(piece, 0..40), select(&[1_usize, 1, 1, 30, 200][..]))
        .prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&["", " ", "Yes", "No", "Yes ", "a\nb", "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧"][..]).prop_map(str::to_owned),
        "[a-zé😀 ]{0,90}",
        "[a-z]{250,260}"
    ]
}

fn url() -> impl Strategy<Value = String> {
    let urls = [
        "https://example.invalid/a.jpg",
        "http://example.invalid",
        " HTTPS://example.invalid/a b.pdf?q={\"ä\":1}\n",
        "https:\\\\example.invalid\\a^b|c",
        "//example.invalid/100%",
        "data:image/png;base64,AAAA",
        "mailto:a@example.invalid",
        "https://",
        "",
        "no url",
    ];
    select(urls.to_vec()).prop_map(str::to_owned)
}

fn choice() -> impl Strategy<Value = Choice> {
    (line(), line(), option::of(line())).prop_map(|(id, title, description)| Choice { id, title, description })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => choice().prop_map(Action::Choice),
        1 => (line(), url()).prop_map(|(title, url)| Action::Link { title, url }),
        1 => line().prop_map(|title| Action::Call { title, number: "+49 30 1234".into() }),
    ]
}

fn media() -> impl Strategy<Value = Media> {
    let kinds = [
        MediaKind::Image,
        MediaKind::Video,
        MediaKind::Audio,
        MediaKind::Voice,
        MediaKind::Document,
        MediaKind::Sticker,
    ];
    (select(kinds.to_vec()), url(), option::of(text()), option::of("[a-z]{1,9}.pdf"))
        .prop_map(|(kind, link, caption, name)| Media { kind, source: Source::Link(link), caption, name })
}

fn card() -> impl Strategy<Value = Card> {
    (option::of(media()), text(), prop::collection::vec(action(), 0..6)).prop_map(|(media, text, actions)| Card {
        media,
        text,
        actions,
    })
}

/// A card as carousels want it, so that not every one falls back.
fn neat_card() -> impl Strategy<Value = Card> {
    ("[a-z ]{0,170}", select(&["One", "Two"][..]), "[a-z]{1,300}").prop_map(|(text, title, id)| {
        let media = Media {
            kind: MediaKind::Image,
            source: Source::Link("https://example.invalid/a.jpg".into()),
            caption: None,
            name: None,
        };
        Card { media: Some(media), text, actions: vec![Action::Choice(Choice::new(id, title))] }
    })
}

fn contact() -> impl Strategy<Value = Contact> {
    let phones = select(&["+49 30 123456", "0049 30 123456", "030 123456", "+49", "", "unknown"][..]);
    let phones = prop::collection::vec(phones.prop_map(str::to_owned), 0..3);
    (line(), phones, option::of(line()), option::of(url())).prop_map(|(name, phones, organization, url)| Contact {
        name,
        phones,
        organization,
        url,
        ..Contact::default()
    })
}

/// Messages in Meta's own words: the samples, whole or with a text blown up.
fn raw() -> impl Strategy<Value = Map<String, Value>> {
    let samples = std::fs::read_dir(project("tests/fixtures/outbound")).expect("fixtures").map(|entry| {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("readable");
        serde_json::from_str::<Map<String, Value>>(&text).expect("an object")
    });
    // Files need to be with Meta, and groups take other things.
    let samples: Vec<_> = samples
        .filter(|sample| {
            !json!(sample).to_string().contains(r#""id":"7"#) && sample.get("recipient_type") != Some(&json!("group"))
        })
        .filter(|sample| sample.contains_key("type"))
        .collect();
    (select(samples), any::<bool>(), option::of(url())).prop_map(|(mut sample, blown_up, url)| {
        if let Some(url) = url {
            sample.values_mut().for_each(|value| relink(value, &url));
        }
        for name in ["text", "interactive"] {
            if let (true, Some(body)) = (blown_up, sample.get_mut(name)) {
                body["body"] =
                    if name == "text" { json!("x".repeat(5000)) } else { json!({ "text": "x".repeat(5000) }) };
            }
        }
        sample
    })
}

/// Replaces the address of every file and link button by this one.
fn relink(value: &mut Value, url: &str) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match name.as_str() {
                    "link" | "url" if value.is_string() => *value = json!(url),
                    _ => relink(value, url),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| relink(value, url)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn said() -> impl Strategy<Value = Content> {
    let section =
        (option::of(line()), prop::collection::vec(choice(), 0..8)).prop_map(|(title, rows)| Section { title, rows });
    let list = (text(), option::of(line()), prop::collection::vec(section, 0..5))
        .prop_map(|(text, label, sections)| List { text, label, sections });
    let carousel = |card: BoxedStrategy<Card>| {
        (text(), prop::collection::vec(card, 0..13)).prop_map(|(text, cards)| Content::Carousel { text, cards })
    };
    let place = (-100.0..100.0_f64, -200.0..200.0_f64, option::of(line()))
        .prop_map(|(latitude, longitude, name)| Location { latitude, longitude, name, address: None });
    let flow = (text(), line(), option::of("[A-Z]{1,9}")).prop_map(|(text, label, screen)| Flow {
        text,
        id: "400000000000001".into(),
        label,
        screen,
        ..Flow::default()
    });
    prop_oneof![
        text().prop_map(Content::Text),
        card().prop_map(Content::Card),
        list.prop_map(Content::List),
        carousel(card().boxed()),
        carousel(neat_card().boxed()),
        media().prop_map(Content::Media),
        place.prop_map(Content::Location),
        prop::collection::vec(contact(), 0..4).prop_map(Content::Contacts),
        Just(Content::Reaction("👍".into())),
        text().prop_map(Content::LocationRequest),
        text().prop_map(Content::ContactRequest),
        flow.prop_map(Content::Flow),
        Just(Content::Template(Template {
            name: "come_back".into(),
            language: "en_US".into(),
            parameters: vec![
                Parameter { name: None, text: "Ada".into() },
                Parameter { name: None, text: " a\r\n\tb      c ".into() }
            ]
        })),
        raw().prop_map(Content::Raw),
    ]
}

fn people() -> Vec<Person> {
    let nobody = Person::default();
    vec![
        Person { phone: Some("15550100200".into()), ..nobody.clone() },
        Person { user_id: Some("US.90000000000000000001".into()), ..nobody.clone() },
        Person { group_id: Some("FAKEGROUP0000000000000000000000000000001ZD".into()), ..nobody },
    ]
}

fn meta() -> Simulator {
    Simulator::new(Account::from_secret(DEVELOPMENT_SECRET).expect("a secret"), https::client().expect("a client"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_said_is_taken_by_meta(
        outputs in prop::collection::vec((said(), any::<bool>()).prop_map(|(said, quotes)| Output { content: said, quotes }), 1..4),
        to in select(people()),
        merge in any::<bool>(),
        format in select(vec![TextFormat::Auto, TextFormat::Markdown, TextFormat::Whatsapp]),
    ) {
        let (meta, settings) = (meta(), settings(merge, format));
        let (fitted, _) = outbound::fit(outputs, Style { settings: &settings, to_group: to.group_id.is_some() });
        for output in fitted {
            let body = outbound::send_body(&to, &output, &WAMID.into(), "0123456789abcdef:0:somebody");
            if let Err(refusal) = meta.check(&body) {
                let text = body.to_string();
                prop_assert!(false, "{refusal}\n{}", &text[..text.floor_char_boundary(3000)]);
            }
        }
    }

    #[test]
    fn what_is_tapped_is_what_was_offered(choices in prop::collection::vec(choice(), 1..40), to_group in any::<bool>()) {
        let settings = settings(false, TextFormat::Auto);
        let mut expected: Vec<_> = choices.iter().filter_map(|choice| {
            let words = [&choice.id, &choice.title, choice.description.as_ref().unwrap_or(&choice.id)];
            let meant = if choice.id.trim().is_empty() { words.iter().skip(1).map(|words| one_line(words)).find(|words| !words.is_empty())? } else { choice.id.clone() };
            Some(meant)
        }).collect();
        let (fitted, choices) = outbound::fit(vec![Content::choices("Pick", choices).into()], Style { settings: &settings, to_group });
        let body = |output: &Output| outbound::send_body(&people()[0], output, &WAMID.into(), "t")["interactive"].clone();
        let ids: Vec<String> = fitted.iter().flat_map(|output| ids(&body(output))).collect();
        let heard = |text: &str, tap: Option<Tap>| {
            let message = Message { id: WAMID.into(), sent_at: None, text: Some(text.to_owned()), tap, is_unsupported: false, raw: Box::<RawValue>::default() };
            choices.resolve(&message).tap.clone().map(|tap| tap.id)
        };
        let mut chosen: Vec<_> = if ids.is_empty() {
            (1..=expected.len()).filter_map(|number| heard(&number.to_string(), None)).collect()
        } else {
            ids.iter().filter_map(|id| heard(id, Some(Tap { id: id.clone(), title: String::new() }))).collect()
        };
        chosen.sort();
        expected.sort();
        prop_assert_eq!(chosen, expected);
    }
}

/// The ids of the buttons or rows of an interactive message.
fn ids(interactive: &Value) -> Vec<String> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let action = &interactive["action"];
    let buttons = items(&action["buttons"]).into_iter().map(|button| button["reply"]["id"].clone());
    let rows =
        items(&action["sections"]).into_iter().flat_map(|section| items(&section["rows"])).map(|row| row["id"].clone());
    buttons.chain(rows).map(|id| id.as_str().expect("an id").to_owned()).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
