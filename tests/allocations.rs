//! How often the way of a text through the program asks for memory: more than that would be noticed nowhere else.
//!
//! A program of its own, because it counts what the whole process does.

use std::fs;

use bytes::Bytes;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{Content, Output, Person},
    credentials::Keys,
    settings::{TextFormat, TextSettings},
    simulator::DEVELOPMENT_SECRET,
    whatsapp::{
        inbound::{self, Event},
        outbound::{self, Style},
        signature::{SignedBody, sign},
    },
};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// One test, for there is one count.
#[test]
fn a_text_costs_few_allocations_and_a_thousand_a_thousand_times_that() {
    let _counts = dhat::Profiler::builder().testing().build();
    let keys: Keys = serde_json::from_str(DEVELOPMENT_SECRET).expect("a secret");
    for (messages, parsing, making) in [(1, 37, 8), (1_000, 20_000, 7_500)] {
        let body = webhook(messages);
        let header = sign(&keys.app_secret, &body);
        let (checking, signed) = allocations(|| SignedBody::verify(body, Some(header.as_bytes()), &keys, true));
        let signed = signed.expect("signed");
        assert_eq!(checking, 0, "to check a signature of {messages} messages");
        let (parsed, events) = allocations(|| inbound::parse(&signed));
        assert!(parsed <= parsing, "{parsed} to read {messages} messages");
        let (made, records) = allocations(|| events.into_iter().map(record).collect::<Vec<_>>());
        assert!(made <= making && records.len() == messages, "{made} to write {messages} jobs");
    }
    let (rendered, bodies) = allocations(|| render(vec![Content::Text("Your order is on its way.".to_owned()).into()]));
    assert!(rendered <= 34 && bodies.len() == 1, "{rendered} to write a reply");
}

/// How often `work` asks for memory.
fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = dhat::HeapStats::get().total_blocks;
    let result = work();
    (dhat::HeapStats::get().total_blocks - before, result)
}

fn record(event: Event) -> String {
    let Event::Message(received) = event else { panic!("{event:?}") };
    serde_json::to_string(&received.job(&[]).expect("a text is answered")).expect("JSON")
}

fn render(outputs: Vec<Output>) -> Vec<Value> {
    let settings = TextSettings { format: TextFormat::Auto, merge: false, list_label: "Options".to_owned() };
    let person = Person { phone: Some("15550100200".to_owned()), ..Person::default() };
    let (fitted, _) = outbound::fit(outputs, Style { settings: &settings, to_group: false });
    fitted.iter().map(|output| outbound::send_body(&person, output, &"wamid.A==".into(), "0:0:15550100200")).collect()
}

/// The webhook of the fixtures with so many messages.
fn webhook(messages: usize) -> Bytes {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inbound/text.json");
    let mut body: Value = serde_json::from_slice(&fs::read(file).expect("a fixture")).expect("JSON");
    let sent = &mut body["entry"][0]["changes"][0]["value"]["messages"];
    let first = sent[0].take();
    let message = |nth: usize| {
        let mut message = first.clone();
        message["id"] = json!(format!("wamid.{nth}=="));
        message
    };
    *sent = (0..messages).map(message).collect();
    body.to_string().into()
}
