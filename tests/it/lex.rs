//! A bot of Amazon Lex V2 through the whole turn.

use serde_json::{Value, json};

use crate::support::{
    aws::AwsService,
    endpoint::{ADA, Endpoint, Person, signed, webhook},
    project,
};

async fn start() -> (Endpoint, AwsService) {
    let (service, aws) = AwsService::start("lex").await;
    let settings = [
        ("AGENT_PROTOCOL", "lex"),
        ("AGENT_URL", "ABCDE12345/TSTALIASID"),
        ("AGENT_LOCALE", "de-DE"),
        ("AGENT_TIMEOUT_SECONDS", "1"),
    ];
    (Endpoint::start_on(&settings, &aws).await, service)
}

fn recognized(messages: &Value, state: &Value) -> Value {
    json!({ "messages": messages, "sessionState": state, "interpretations": [], "requestAttributes": {}, "sessionId": "1" })
}

fn plain(text: &str) -> Value {
    json!([{ "contentType": "PlainText", "content": text }])
}

#[tokio::test]
async fn the_bot_is_asked_in_its_locale_and_told_where_the_conversation_is() {
    let (endpoint, service) = start().await;
    let state = json!({
        "dialogAction": { "type": "ElicitSlot", "slotToElicit": "City" },
        "intent": { "name": "Book", "state": "InProgress", "slots": { "City": null } },
        "sessionAttributes": { "cart": "7" },
    });
    service.will_answer(&recognized(&plain("Which city?"), &state));
    service.will_answer(&recognized(&plain("Booked."), &json!({ "sessionAttributes": {} })));
    assert_eq!(endpoint.say("a room please").await, ["Which city?"]);
    assert_eq!(endpoint.say("Berlin").await, ["Booked."]);
    let asked = service.asked();
    let path = asked[0].path.strip_prefix("/bots/ABCDE12345/botAliases/TSTALIASID/botLocales/de_DE/sessions/");
    let session = path.and_then(|path| path.strip_suffix("/text")).expect("the path of RecognizeText");
    assert!(asked[1].path.contains(session));
    assert_eq!((&asked[0].body["text"], asked[0].body.get("sessionState")), (&json!("a room please"), None));
    assert_eq!(asked[1].body["sessionState"], state);
    let attributes = &asked[0].body["requestAttributes"];
    assert_eq!((&attributes["userId"], &attributes["channel"]), (&json!(ADA), &json!("whatsapp")));
    let data: Value = serde_json::from_str(attributes["data"].as_str().expect("text")).expect("JSON");
    assert_eq!(data["profile"]["name"], "Ada Example");
}

#[tokio::test]
async fn every_kind_of_message_goes_out_in_its_native_form() {
    let (endpoint, service) = start().await;
    let payload = json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "Raw" }, "action": { "buttons": [{ "type": "reply", "reply": { "id": "1", "title": "One" } }] } } });
    let messages = json!([
        { "contentType": "PlainText", "content": "Plain" },
        { "contentType": "SSML", "content": "<speak>Spoken &amp; <emphasis>written</emphasis></speak>" },
        { "contentType": "CustomPayload", "content": payload.to_string() },
        { "contentType": "CustomPayload", "content": json!({ "outputs": [{ "type": "text", "text": "Ours" }] }).to_string() },
        { "contentType": "ImageResponseCard", "imageResponseCard": { "title": "Card", "imageUrl": "https://example.invalid/a.jpg", "buttons": [{ "text": "Red", "value": "red please" }] } },
    ]);
    service.will_answer(&recognized(&messages, &json!({})));
    assert_eq!(endpoint.say("show me").await, ["Plain", "Spoken & written", "Raw", "Ours", "Card"]);
    let sent: Vec<_> = endpoint.meta.calls().into_iter().filter(|call| call["type"].is_string()).collect();
    assert_eq!(sent[2]["interactive"], payload["interactive"]);
    assert_eq!(sent[4]["interactive"]["header"]["image"]["link"], "https://example.invalid/a.jpg");
    let reply = &sent[4]["interactive"]["action"]["buttons"][0]["reply"];
    assert_eq!((&reply["id"], &reply["title"]), (&json!("red please"), &json!("Red")));
}

#[tokio::test]
async fn what_has_no_words_or_too_many_is_said_as_far_as_lex_takes_it() {
    let (endpoint, service) = start().await;
    service.will_answer(&recognized(&plain("A sticker!"), &json!({})));
    let body = std::fs::read_to_string(project("tests/fixtures/inbound/sticker.json")).expect("a fixture");
    let signature = signed(&body);
    assert_eq!(endpoint.post(body, Some(&signature)).await.status(), 200);
    assert_eq!(service.asked()[0].body["text"], "sticker");
    service.will_answer(&recognized(&plain("Long."), &json!({})));
    endpoint.say(&"ä".repeat(3000)).await;
    let asked = service.asked();
    assert_eq!(asked[1].body["text"].as_str().map(|text| text.chars().count()), Some(1024));
}

#[tokio::test]
async fn what_fails_is_asked_again_with_the_state_as_it_was() {
    let (endpoint, service) = start().await;
    let state = json!({ "sessionAttributes": { "step": "1" } });
    service.will_answer(&recognized(&plain("First"), &state));
    endpoint.say("start").await;
    let message = webhook([endpoint.message(&Person(ADA), "next")]);
    for (status, code) in [
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException:http://internal.amazon.com/coral/"),
        (424, "DependencyFailedException"),
    ] {
        service.will_send(status, &[("x-amzn-errortype", code)], "{\"message\":\"no\"}");
        assert_eq!(endpoint.deliver(&message).await, 503, "{code}");
    }
    service.will_send(200, &[], "<html>");
    assert_eq!(endpoint.deliver(&message).await, 503);
    let asked = service.asked();
    assert!(asked[1..].iter().all(|asked| asked.body["sessionState"] == state));
    let turns: Vec<_> = asked[1..].iter().map(|asked| &asked.body["requestAttributes"]["turnId"]).collect();
    assert!(turns.windows(2).all(|pair| pair[0] == pair[1]), "{turns:?}");
}

#[tokio::test]
async fn a_bot_with_nothing_to_say_is_no_fault() {
    let (endpoint, service) = start().await;
    service.will_answer(&json!({ "sessionState": {}, "sessionId": "1" }));
    assert!(endpoint.say("bye").await.is_empty());
}
