use serde_json::{Value, json};

use super::*;
use crate::conversation::{Content, Output};

fn why(answer: &Value) -> String {
    match read(answer.to_string().as_bytes()) {
        Err(AgentError::Unreadable(why)) => why,
        other => panic!("{answer}: {other:?}"),
    }
}

#[test]
fn a_broken_output_is_named_by_its_place_and_its_fault() {
    for (output, expected) in [
        (json!({ "text": "hi" }), "outputs[0]: \"type\" is missing or empty"),
        (json!({ "type": "dance" }), "outputs[0]: the type \"dance\" is none of text, choices"),
        (json!({ "type": "text", "text": { "a": 1 } }), "outputs[0]: \"text\" is not a text"),
        (json!({ "type": "choices", "text": "?", "options": [] }), "outputs[0]: \"options\" is missing or empty"),
        (json!({ "type": "choices", "text": "?", "options": [{ "id": "a" }] }), "outputs[0].options[0]: \"title\""),
        (json!({ "type": "media", "kind": "image" }), "outputs[0]: a file has either a \"url\" or an \"id\""),
        (json!({ "type": "media", "kind": "gif", "id": 7 }), "outputs[0]: the kind \"gif\" is none of image"),
        (json!({ "type": "link", "text": "t", "label": "l", "url": "javascript:0" }), "outputs[0]: \"url\" does not"),
        (json!({ "type": "location", "latitude": 91, "longitude": 0 }), "\"latitude\" is not a number from -90 to 90"),
        (json!({ "type": "card" }), "outputs[0]: a card has text, media or actions"),
        (json!({ "type": "card", "text": "t", "media": "x" }), "outputs[0].media is not an object"),
        (
            json!({ "type": "carousel", "cards": [{ "text": "t", "actions": [{ "type": "x" }] }] }),
            "outputs[0].cards[0].actions[0]: the type \"x\"",
        ),
        (json!({ "type": "whatsapp", "message": {} }), "outputs[0]: \"message\" is not an object"),
        (json!({ "type": "text", "text": "hi", "quote": "yes" }), "outputs[0]: \"quote\" is neither true nor false"),
        (json!(7), "outputs[0] is not an object"),
    ] {
        let why = why(&json!({ "outputs": [output] }));
        assert!(why.contains(expected), "{output}: {why}");
    }
}

#[test]
fn an_answer_that_says_nothing_or_something_unknown_is_refused() {
    for (answer, expected) in [
        (json!({}), "neither outputs nor"),
        (json!({ "status": "ok" }), "neither outputs nor"),
        (json!({ "text": "An error occurred", "error": "why" }), "an error of its own"),
        (json!({ "outputs": { "text": "hi" } }), "\"outputs\" is not a list"),
        (json!({ "session": { "end": 1 } }), "session: \"end\""),
        (json!({ "handover": { "to": "robot" } }), "handover: \"to\" is not \"human\""),
        (json!([]), "the answer is not an object"),
    ] {
        assert!(why(&answer).contains(expected), "{}", why(&answer));
    }
}

#[test]
fn a_fault_repeats_no_words() {
    let secret = "Ada lives at 1 Example Avenue";
    for answer in [
        json!({ "outputs": [{ "type": secret }] }),
        json!({ "outputs": [{ "type": "media", "kind": secret, "id": "1" }] }),
        json!({ "outputs": [{ "type": "link", "text": "t", "label": "l", "url": secret }] }),
        json!({ "error": secret }),
    ] {
        assert!(!why(&answer).contains("Ada"), "{answer}");
    }
}

#[test]
fn what_can_be_meant_in_one_way_only_is_taken() {
    let answer = json!({ "version": 1, "turnId": "1", "memory": null, "outputs": [
        "hello",
        { "type": "choices", "text": "?", "quote": true, "options": [{ "id": 7, "title": "Seven", "description": null }, { "title": "Eight" }] },
        { "type": "template", "name": "t", "language": "de", "params": ["a", 2, { "name": "n", "text": "c" }] },
    ] });
    let outputs = read(answer.to_string().as_bytes()).expect("readable").outputs;
    assert!(outputs[0].content == Content::Text("hello".into()) && outputs[1].quotes);
    insta::assert_json_snapshot!(outputs[1..]);
}

#[test]
fn an_address_may_be_written_as_people_copy_it_and_a_file_may_stand_in_its_own() {
    let picture = "data:image/png;base64,AAAA";
    for (url, is_page, is_file) in [
        (" HTTPS://example.com/my photo.jpg\n", true, true),
        ("Http://example.com", true, true),
        (picture, false, true),
        ("DATA:image/png;base64,AAAA", false, true),
        ("javascript:0", false, false),
        ("example.com", false, false),
        ("ht", false, false),
        ("häß", false, false),
    ] {
        let reads = |output: Value| read(json!({ "outputs": [output] }).to_string().as_bytes()).is_ok();
        assert_eq!(reads(json!({ "type": "link", "text": "t", "label": "l", "url": url })), is_page, "{url}");
        assert_eq!(reads(json!({ "type": "media", "kind": "image", "url": url })), is_file, "{url}");
        let media = json!({ "kind": "image", "url": url });
        assert_eq!(reads(json!({ "type": "card", "media": media })), is_file, "{url}");
    }
}

#[test]
fn any_value_of_a_field_is_read_or_named_without_its_text() {
    let samples = [
        json!({ "type": "choices", "text": "t", "options": [{ "title": "a" }], "media": { "kind": "image", "id": "1" }, "quote": true }),
        json!({ "type": "list", "text": "t", "label": "l", "sections": [{ "title": "s", "options": [{ "title": "a" }] }] }),
        json!({ "type": "link", "text": "t", "label": "l", "url": "https://example.com" }),
        json!({ "type": "carousel", "text": "t", "cards": [{ "text": "c", "actions": [{ "type": "call", "label": "l", "number": "1" }] }] }),
        json!({ "type": "location", "latitude": 1, "longitude": 2, "name": "n", "address": "a" }),
        json!({ "type": "contacts", "contacts": [{ "name": "n", "phones": ["1"] }] }),
        json!({ "type": "template", "name": "n", "language": "l", "params": ["p"] }),
        json!({ "type": "reaction", "emoji": "👍" }),
        json!({ "type": "flow", "text": "t", "id": "1", "label": "l", "data": {} }),
        json!({ "type": "whatsapp", "message": { "type": "text" } }),
    ];
    let odd = [
        json!(null),
        json!(true),
        json!(1e308),
        json!("Ada of 1 Example Avenue"),
        json!([]),
        json!(["Ada", null]),
        json!([[{ "Ada lives here": {} }]]),
        json!({}),
        json!({ "type": "Ada of 1 Example Avenue", "kind": [] }),
    ];
    let mut refused = 0;
    for sample in &samples {
        assert!(read(json!({ "outputs": [sample] }).to_string().as_bytes()).is_ok(), "{sample}");
        for name in sample.as_object().into_iter().flat_map(serde_json::Map::keys) {
            for value in &odd {
                let mut output = sample.clone();
                output[name] = value.clone();
                if let Err(error) = read(json!({ "outputs": [output] }).to_string().as_bytes()) {
                    assert!(!error.to_string().contains("Ada"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn what_is_empty_is_nothing_and_what_is_odd_silences_nothing_else() {
    let texts = |answer: Value| -> Vec<String> {
        let outputs = read(answer.to_string().as_bytes()).unwrap_or_else(|error| panic!("{answer}: {error}")).outputs;
        let text = |output: Output| if let Content::Text(text) = output.content { text } else { "?".to_owned() };
        outputs.into_iter().map(text).collect()
    };
    for (answer, expected) in [
        (json!({ "outputs": [""] }), vec![]),
        (json!({ "outputs": ["Hello", null, " ", { "type": "text", "text": "" }] }), vec!["Hello"]),
        (json!({ "outputs": ["Hello", { "type": "dance" }, 7, "Bye"] }), vec!["Hello", "Bye"]),
        (json!({ "outputs": ["Hello"], "executionId": "12" }), vec!["Hello"]),
        (json!({ "outputs": [{ "type": "text", "text": "Hello", "color": "red" }] }), vec!["Hello"]),
        (json!({ "outputs": ["Hello"], "session": { "end": "yes" }, "handover": { "to": "robot" } }), vec!["Hello"]),
        (json!({ "outputs": "Hello" }), vec!["Hello"]),
        // n8n, Flowise, Dify, and what others write.
        (json!([{ "output": "Hello" }]), vec!["Hello"]),
        (json!({ "output": "Hello" }), vec!["Hello"]),
        (json!([{ "outputs": ["Hello"] }]), vec!["Hello"]),
        (json!({ "text": "Hello", "question": "hi", "chatId": "c", "sessionId": "s" }), vec!["Hello"]),
        (json!({ "event": "message", "answer": "Hello", "conversation_id": "c", "metadata": {} }), vec!["Hello"]),
        (json!({ "response": "Hello", "error": null }), vec!["Hello"]),
        (json!({ "result": "", "text": "Hello" }), vec!["Hello"]),
        (json!({ "output": [], "text": "Hello" }), vec!["Hello"]),
        // What n8n answers when the workflow goes on by itself.
        (json!({ "message": "Workflow was started" }), vec![]),
        (json!(["Hello", null, "Bye"]), vec!["Hello", "Bye"]),
        (json!("Hello"), vec!["Hello"]),
    ] {
        assert_eq!(texts(answer.clone()), expected, "{answer}");
    }
    let options = json!([{ "title": "A" }, { "id": "b" }, { "title": "C" }]);
    let answer = json!({ "outputs": [{ "type": "choices", "text": "?", "options": options }] });
    let outputs = read(answer.to_string().as_bytes()).expect("readable").outputs;
    assert!(matches!(&outputs[0].content, Content::Card(card) if card.actions.len() == 2), "{outputs:?}");
}
