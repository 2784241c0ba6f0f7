//! What the processor does for a message, piece by piece: signature, parsing, rendering, splitting; and what they allocate.
//!
//! `cargo bench --features local --bench micro` measures all of it; a word behind `--` only what has it in its name.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use std::{fmt::Write as _, fs};

use bytes::Bytes;
use divan::{
    AllocProfiler, Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{Action, Card, Choice, Content, List, Output, Person, Section, TurnId},
    credentials::Keys,
    settings::{TextFormat, TextSettings},
    simulator::DEVELOPMENT_SECRET,
    whatsapp::{
        inbound,
        outbound::{self, Style, limits::MAX_TEXT},
        signature::{SignedBody, sign},
    },
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Bytes of a small webhook, of a large one, and of the largest that Meta sends.
#[divan::bench(args = [1_000, 100_000, 3_000_000])]
fn signature(bencher: Bencher, bytes: usize) {
    let keys: Keys = serde_json::from_str(DEVELOPMENT_SECRET).expect("a secret");
    let body = Bytes::from(vec![b'a'; bytes]);
    let header = sign(&keys.app_secret, &body);
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        let body = black_box(body.clone());
        SignedBody::verify(body, Some(header.as_bytes()), &keys, true).expect("signed")
    });
}

#[divan::bench(args = [1, 1_000])]
fn parse(bencher: Bencher, messages: usize) {
    let body = signed(&webhook(messages));
    bencher.counter(ItemsCount::new(messages)).bench(|| inbound::parse(black_box(&body)));
}

/// Parsing, and the jobs that come of it as the queue takes them.
#[divan::bench(args = [1, 1_000])]
fn jobs(bencher: Bencher, messages: usize) {
    let body = signed(&webhook(messages));
    bencher.counter(ItemsCount::new(messages)).bench(|| {
        let mut bytes = 0;
        for event in inbound::parse(black_box(&body)) {
            if let inbound::Event::Message(received) = event {
                let job = received.job(&[]).expect("a text is answered");
                bytes += serde_json::to_string(&job).expect("JSON").len();
            }
        }
        bytes
    });
}

#[divan::bench]
fn render_text(bencher: Bencher) {
    bencher.with_inputs(|| vec![Content::Text("Your order is on its way.".to_owned()).into()]).bench_values(render);
}

#[divan::bench]
fn render_markdown_of_4_kb(bencher: Bencher) {
    let text = markdown(4_000);
    bencher.with_inputs(|| vec![Content::Text(text.clone()).into()]).bench_values(render);
}

#[divan::bench]
fn render_list(bencher: Bencher) {
    let rows = (0..10).map(|row| Choice::new(format!("row-{row}"), format!("Choice number {row}"))).collect();
    let sections = vec![Section { title: Some("All of them".to_owned()), rows }];
    let list = List { text: "Please **choose** one.".to_owned(), label: Some("Choose".to_owned()), sections };
    bencher.with_inputs(|| vec![Content::List(list.clone()).into()]).bench_values(render);
}

#[divan::bench]
fn render_carousel(bencher: Bencher) {
    let card = |nth: usize| {
        let url = format!("https://example.com/{nth}");
        let media = json!({ "kind": "image", "source": { "link": format!("{url}.png") } });
        Card {
            media: Some(serde_json::from_value(media).expect("a picture")),
            text: format!("Thing number {nth}, with *a few words* about it."),
            actions: vec![Action::Link { title: "Look".to_owned(), url }],
        }
    };
    let carousel = Content::Carousel { text: "Look at these.".to_owned(), cards: (0..10).map(card).collect() };
    bencher.with_inputs(|| vec![carousel.clone().into()]).bench_values(render);
}

#[divan::bench]
fn markdown_to_whatsapp_of_4_kb(bencher: Bencher) {
    let text = markdown(4_000);
    let count = BytesCount::new(text.len());
    bencher.counter(count).bench(|| outbound::to_whatsapp(black_box(&text), TextFormat::Auto));
}

#[divan::bench]
fn split_of_100_kb(bencher: Bencher) {
    let text = markdown(100_000);
    bencher.counter(BytesCount::new(text.len())).bench(|| outbound::split(black_box(&text), MAX_TEXT));
}

/// From what the agent says to the bodies of the requests.
fn render(outputs: Vec<Output>) -> Vec<Value> {
    let settings = TextSettings { format: TextFormat::Auto, merge: false, list_label: "Options".to_owned() };
    let person = Person { phone: Some("15550100200".to_owned()), ..Person::default() };
    let job = TurnId::of(&"800000000000002".into(), "wamid.BENCHMARK==").to_string();
    let (fitted, _) = outbound::fit(outputs, Style { settings: &settings, to_group: false });
    fitted.iter().map(|output| outbound::send_body(&person, output, &"wamid.BENCHMARK==".into(), &job)).collect()
}

/// The webhook of `events/text.json` with so many messages.
fn webhook(messages: usize) -> String {
    let event = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/events/text.json")).expect("a sample");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    let mut body: Value = serde_json::from_str(event["body"].as_str().expect("a body")).expect("JSON");
    let sent = &mut body["entry"][0]["changes"][0]["value"]["messages"];
    let first = sent[0].clone();
    *sent = (0..messages)
        .map(|nth| {
            let mut message = first.clone();
            message["id"] = json!(format!("wamid.BENCHMARK{nth}=="));
            message
        })
        .collect();
    body.to_string()
}

fn signed(body: &str) -> SignedBody {
    let keys: Keys = serde_json::from_str(DEVELOPMENT_SECRET).expect("a secret");
    let header = sign(&keys.app_secret, body.as_bytes());
    SignedBody::verify(Bytes::from(body.to_owned()), Some(header.as_bytes()), &keys, true).expect("signed")
}

/// What language models write, at least so many bytes of it.
fn markdown(bytes: usize) -> String {
    let mut text = String::new();
    for nth in 1.. {
        let _never_fails = write!(
            text,
            "## Step {nth}\n\nTake the **small** key and open the [second door](https://example.com/doors/{nth}), _slowly_.\n\n\
             - one thing, with `code`\n- another, ~~not~~ this one\n\n| left | right |\n| --- | --- |\n| {nth} | ä ö ü 😀 |\n\n"
        );
        if text.len() >= bytes {
            break;
        }
    }
    text
}
