use serde_json::json;

use super::*;
use crate::conversation::{Action, Card, Choice, Content, Media, MediaKind, Source};

fn answer(messages: &Value, state: &Value) -> Result<Answer, AgentError> {
    read(json!({ "messages": messages, "sessionState": state }).to_string().as_bytes())
}

fn contents(message: &Value) -> Vec<Content> {
    let answer = answer(&json!([message]), &json!({})).expect("readable");
    answer.outputs.into_iter().map(|output| output.content).collect()
}

#[test]
fn speech_is_shown_without_its_marks() {
    for (speech, expected) in [
        ("<speak>Hello</speak>", "Hello"),
        (
            "<speak>One<break time=\"1s\"/>two &amp;<s>th<emphasis level='strong'>re</emphasis>e</s> &lt;3</speak>",
            "One two & three <3",
        ),
        ("<speak>&amp;lt;", "&lt;"),
        ("half <spe", "half"),
    ] {
        assert_eq!(contents(&json!({ "contentType": "SSML", "content": speech })), [Content::Text(expected.into())]);
    }
}

#[test]
fn a_response_card_is_a_picture_with_text_and_choices() {
    let card = json!({ "contentType": "ImageResponseCard", "imageResponseCard": {
        "title": "Which one?", "subtitle": "We have two", "imageUrl": "https://example.invalid/a.jpg",
        "buttons": [{ "text": "Red", "value": "red please" }] } });
    let link = Source::Link("https://example.invalid/a.jpg".into());
    let media = Media { kind: MediaKind::Image, source: link, caption: None, name: None };
    let actions = vec![Action::Choice(Choice::new("red please", "Red"))];
    let expected = Content::Card(Card { media: Some(media), text: "Which one?\nWe have two".into(), actions });
    assert_eq!(contents(&card), [expected]);
    let bare = json!({ "contentType": "ImageResponseCard", "imageResponseCard": { "title": "Just this" } });
    assert!(matches!(&contents(&bare)[..], [Content::Card(Card { media: None, text, .. })] if text == "Just this"));
}

#[test]
fn a_custom_payload_is_our_contract_a_message_of_the_channel_or_words() {
    let payload = |content: &str| contents(&json!({ "contentType": "CustomPayload", "content": content }));
    assert!(
        matches!(&payload(r#"{"type":"sticker","sticker":{"id":"1"}}"#)[..], [Content::Raw(raw)] if raw["type"] == "sticker")
    );
    assert_eq!(payload("code 7"), [Content::Text("code 7".into())]);
    let outputs = json!({ "outputs": [{ "type": "text", "text": "one" }, "two"] }).to_string();
    assert_eq!(payload(&outputs), [Content::Text("one".into()), Content::Text("two".into())]);
    let message = json!([{ "contentType": "CustomPayload", "content": "{\"handover\":{\"reason\":\"angry\"},\"session\":{\"end\":true}}" }]);
    let answer = answer(&message, &json!({})).expect("readable");
    assert!(answer.ends_session && answer.handover.as_deref() == Some("angry"));
    let broken = json!([{ "contentType": "CustomPayload", "content": "{\"outputs\":[{\"type\":\"song\"}]}" }]);
    assert!(matches!(
        super::read(json!({ "messages": broken, "sessionState": {} }).to_string().as_bytes()),
        Err(AgentError::Unreadable(_))
    ));
    let mixed = json!([broken[0], { "contentType": "PlainText", "content": "Hello" }]);
    let rest = super::read(json!({ "messages": mixed, "sessionState": {} }).to_string().as_bytes()).expect("readable");
    assert_eq!(rest.outputs.len(), 1, "the others are sent");
}

#[test]
fn the_state_is_kept_but_not_an_intent_that_is_over() {
    let memory = |state: Value| answer(&json!([]), &state).expect("readable").memory;
    let open = json!({ "dialogAction": { "type": "ElicitSlot", "slotToElicit": "City" }, "intent": { "name": "Book" }, "sessionAttributes": { "a": "b" } });
    let mut sent = open.clone();
    sent["originatingRequestId"] = json!("1");
    assert_eq!(memory(sent), Some(open.clone()));
    for over in ["Close", "ElicitIntent"] {
        let mut closed = open.clone();
        closed["dialogAction"]["type"] = json!(over);
        assert_eq!(memory(closed), Some(json!({ "sessionAttributes": { "a": "b" } })));
    }
    let huge = json!({ "sessionAttributes": { "a": "b".repeat(MAX_MEMORY_BYTES) } });
    assert_eq!(memory(huge), Some(Value::Null), "what was kept before is forgotten as well");
}

#[test]
fn an_answer_of_another_shape_is_an_error_and_not_silence() {
    for answer in ["{}", "[]", "", "{\"messages\":[{\"content\":\"hi\"}],\"sessionState\":{}}"] {
        assert!(matches!(read(answer.as_bytes()), Err(AgentError::Unreadable(_))), "{answer}");
    }
}
