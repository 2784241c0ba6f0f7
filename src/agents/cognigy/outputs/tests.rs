//! How outputs are converted, and what no output can do.

use std::{
    fmt::Write as _,
    io::Write,
    sync::{Arc, Mutex},
};

use proptest::{
    prelude::{Just, Strategy, any, prop_oneof, proptest},
    sample::{Index, select},
};
use serde_json::json;

use super::*;

fn fixtures() -> Vec<(String, Value)> {
    let mut fixtures: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cognigy"))
        .expect("fixtures")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let item = serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
            (path.file_stem().expect("a name").to_string_lossy().into_owned(), item)
        })
        .collect();
    fixtures.sort_by(|one, other| one.0.cmp(&other.0));
    fixtures
}

/// Reads an item and checks the rules that hold for all outputs.
fn outputs_of(item: &Value) -> Vec<Output> {
    let outputs = read(&item["text"], &item["data"], false);
    let stored = serde_json::to_string(&outputs).expect("an output can be stored");
    assert_eq!(serde_json::from_str::<Vec<Output>>(&stored).expect("and read again"), outputs);
    for output in &outputs {
        let is_something = match &output.content {
            Content::Text(text) => !text.trim().is_empty(),
            Content::Card(card) => !card.actions.is_empty(),
            Content::List(list) => {
                list.rows().all(|row| !row.id.is_empty() && !row.title.is_empty()) && list.rows().count() > 0
            }
            Content::Carousel { cards, .. } => !cards.is_empty(),
            Content::Contacts(contacts) => !contacts.is_empty(),
            Content::Raw(message) => !message.is_empty(),
            Content::Media(_) | Content::Location(_) => true,
            Content::Template(_)
            | Content::Reaction(_)
            | Content::LocationRequest(_)
            | Content::ContactRequest(_)
            | Content::Flow(_) => false,
        };
        assert!(is_something, "{output:?}");
    }
    assert!(!outputs.is_empty() || item["text"].as_str().is_none_or(|text| text.trim().is_empty()), "{item}");
    outputs
}

#[test]
fn every_structure_becomes_what_it_means() {
    let mut table = String::new();
    for (name, item) in fixtures() {
        writeln!(table, "{name}").expect("a String");
        for output in outputs_of(&item) {
            writeln!(table, "  {}", serde_json::to_string(&output).expect("JSON")).expect("a String");
        }
    }
    insta::assert_snapshot!(table);
}

/// The same item once for each field and each wrong value, and once without the field.
fn mutants(value: &Value) -> Vec<Value> {
    let wrong = [
        json!(null),
        json!(""),
        json!("null"),
        json!(0.5),
        json!(true),
        json!([]),
        json!({}),
        json!([null, 1, "a", [], {}]),
        json!({ "text": 1 }),
    ];
    let mut mutants: Vec<_> = wrong.into_iter().filter(|wrong| wrong != value).collect();
    match value {
        Value::Object(object) => {
            for (name, field) in object {
                let mut without = object.clone();
                without.remove(name);
                mutants.push(Value::Object(without));
                mutants.extend(self::mutants(field).into_iter().map(|field| {
                    let mut changed = object.clone();
                    changed.insert(name.clone(), field);
                    Value::Object(changed)
                }));
            }
        }
        Value::Array(values) => {
            for (index, item) in values.iter().enumerate() {
                mutants.extend(self::mutants(item).into_iter().map(|item| {
                    let mut changed = values.clone();
                    changed[index] = item;
                    Value::Array(changed)
                }));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    mutants
}

#[test]
fn no_field_has_to_be_there_or_of_its_type() {
    let mutants: Vec<_> = fixtures().iter().flat_map(|(_, item)| mutants(item)).collect();
    assert!(mutants.len() > 5_000, "only {}", mutants.len());
    for mutant in mutants {
        outputs_of(&mutant);
    }
}

/// Every name in a fixture, so that arbitrary JSON gets deep into the readers.
fn names() -> Vec<String> {
    fn gather(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                names.extend(object.keys().cloned());
                object.values().for_each(|value| gather(value, names));
            }
            Value::Array(values) => values.iter().for_each(|value| gather(value, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    for (_, item) in fixtures() {
        gather(&item, &mut names);
    }
    names.into_iter().collect()
}

fn anything() -> impl Strategy<Value = Value> {
    let names = names();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        // Floats that survive being printed.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec![
            "postback",
            "web_url",
            "template",
            "generic",
            "list",
            "image",
            "NaN",
            "Action.Submit",
            "TextBlock"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(select(names.clone()), inner, 0..6)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

/// The JSON pointers of the value and everything in it.
fn places(value: &Value, place: String) -> Vec<String> {
    let below: Vec<_> = match value {
        Value::Object(object) => {
            object.iter().flat_map(|(name, value)| places(value, format!("{place}/{name}"))).collect()
        }
        Value::Array(values) => {
            values.iter().enumerate().flat_map(|(index, value)| places(value, format!("{place}/{index}"))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    [place].into_iter().chain(below).collect()
}

proptest! {
    #[test]
    fn no_json_stops_a_turn(text in anything(), data in anything(), channels in anything()) {
        outputs_of(&json!({ "text": text.clone(), "data": data }));
        outputs_of(&json!({ "text": text, "data": { "_cognigy": channels } }));
    }

    #[test]
    fn anything_may_stand_in_the_place_of_anything(index in any::<Index>(), place in any::<Index>(), thing in anything()) {
        let mut item = index.get(&fixtures()).1.clone();
        let places = places(&item, String::new());
        *item.pointer_mut(place.get::<String>(&places)).expect("a place in it") = thing;
        outputs_of(&item);
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(item: &Value, is_private: bool) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || read(&item["text"], &item["data"], is_private));
    let bytes = log.0.lock().expect("one thread").clone();
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn what_cannot_be_sent_is_logged_by_its_names_and_a_private_output_without() {
    let item = json!({ "text": null, "data": { "basket": "secret", "_cognigy": { "_default": { "_ticker": { "stock": "secret" } } } } });
    let open = logged(&item, false);
    assert!(open.contains("basket") && open.contains("_cognigy._default._ticker.stock"), "{open}");
    assert!(!open.contains("secret"), "{open}");
    let private = logged(&item, true);
    assert!(private.contains("cannot be sent") && !private.contains("basket"), "{private}");
}

#[test]
fn what_says_nothing_is_no_reason_for_a_warning() {
    let event = json!({ "data": { "_cognigy": { "event": { "type": "user-connected" } } } });
    for item in [json!({}), json!({ "text": "", "data": {} }), json!({ "text": "Hello", "data": { "a": 1 } }), event] {
        assert_eq!(logged(&item, false), "", "{item}");
    }
}

#[test]
fn a_text_is_left_out_only_if_people_read_it_in_the_structure() {
    let buttons = json!({ "_cognigy": { "_default": { "_buttons": { "type": "buttons", "text": "Pick one.\nOr none.",
        "fallbackText": "Say a or b.", "buttons": [{ "type": "postback", "title": "A", "payload": "letter a" }] } } } });
    for (text, is_sent) in [
        ("Pick one.", false),
        ("  Pick one.\n\nOr none.\nA ", false),
        ("Say a or b.", false),
        ("Pick one. Or none.", true),
        ("letter a", true),
        ("postback", true),
    ] {
        let outputs = outputs_of(&json!({ "text": text, "data": buttons }));
        assert_eq!(outputs.len(), 1 + usize::from(is_sent), "{text}");
    }
}
