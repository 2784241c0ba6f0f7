//! The REST channel of Rasa through the whole turn.

use serde_json::{Value, json};

use crate::{
    contract::sent,
    support::{
        endpoint::{ADA, Endpoint, Person, webhook},
        listener::Listener,
    },
};

async fn start() -> (Endpoint, Listener) {
    let (rasa, url) = Listener::start().await;
    let settings = [("AGENT_PROTOCOL", "rasa"), ("AGENT_URL", url.as_str()), ("AGENT_TIMEOUT_SECONDS", "1")];
    (Endpoint::start(&settings).await, rasa)
}

fn will_say(rasa: &Listener, items: &Value) {
    rasa.will_answer(200, items.to_string());
}

#[tokio::test]
async fn a_conversation_with_buttons_is_one_with_taps() {
    let (endpoint, rasa) = start().await;
    let buttons = json!([{ "title": "Yes", "payload": "/affirm" }, { "title": "No", "payload": "/deny" }]);
    will_say(
        &rasa,
        &json!([{ "recipient_id": ADA, "text": "Hi" }, { "recipient_id": ADA, "text": "Well?", "buttons": buttons }]),
    );
    assert_eq!(endpoint.say("hello").await, ["Hi", "Well?"]);
    let button = sent(&endpoint)[1]["interactive"]["action"]["buttons"][0]["reply"].clone();
    assert_eq!(button, json!({ "id": "/affirm", "title": "Yes" }));

    will_say(&rasa, &json!([{ "recipient_id": ADA, "text": "Great" }]));
    let mut tap = endpoint.message(&Person(ADA), "");
    tap["type"] = json!("interactive");
    tap["interactive"] = json!({ "type": "button_reply", "button_reply": button });
    assert_eq!(endpoint.deliver(&webhook([tap])).await, 200);
    let questions = rasa.questions();
    assert_eq!((&questions[0]["sender"], &questions[0]["message"]), (&json!(ADA), &json!("hello")));
    assert_eq!((&questions[1]["sender"], &questions[1]["message"]), (&json!(ADA), &json!("/affirm")));
    assert_eq!(questions[1]["metadata"]["title"], "Yes");
}

#[tokio::test]
async fn files_links_and_custom_payloads_go_out_in_their_native_form() {
    let (endpoint, rasa) = start().await;
    will_say(
        &rasa,
        &json!([
            { "text": "A cat", "image": "https://example.com/cat.png" },
            { "attachment": "https://example.com/cat.mp4?size=1" },
            { "attachment": { "type": "file", "payload": { "src": "https://example.com/cat.pdf" } } },
            { "text": "Our shop", "buttons": [{ "title": "Open", "type": "web_url", "url": "https://example.com/" }] },
            { "custom": { "type": "text", "text": { "body": "Meta's own words" } } },
            { "custom": { "type": "location", "latitude": 52.5, "longitude": 13.4 } },
            { "custom": { "outputs": ["one of ours", { "type": "reaction", "emoji": "👍" }] } },
        ]),
    );
    endpoint.say("everything").await;
    let sent = sent(&endpoint);
    let kinds: Vec<_> = sent.iter().map(|call| call["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["text", "image", "video", "document", "interactive", "text", "location", "text", "reaction"]);
    assert_eq!(sent[1]["image"]["link"], "https://example.com/cat.png");
    assert_eq!(sent[4]["interactive"]["type"], "cta_url");
    assert_eq!(sent[5]["text"]["body"], "Meta's own words");
}

#[tokio::test]
async fn an_empty_list_leaves_the_person_without_an_answer_and_the_turn_done() {
    let (endpoint, rasa) = start().await;
    will_say(&rasa, &json!([]));
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    assert_eq!((endpoint.deliver(&message).await, endpoint.deliver(&message).await), (200, 200));
    assert_eq!((rasa.heard().len(), sent(&endpoint).len()), (1, 0), "it is not asked twice");
}

#[tokio::test]
async fn an_answer_that_is_none_fails_the_turn() {
    let (endpoint, rasa) = start().await;
    rasa.will_answer(404, "");
    rasa.will_answer(500, r#"{"status":"failure"}"#);
    rasa.will_answer(200, "<html>");
    rasa.will_answer(200, r#"[{"blocks":[]}]"#);
    rasa.will_get_stuck_after(r#"[{"text":"hi"}"#);
    rasa.will_never_stop();
    rasa.will_be_silent();
    for number in 0..7 {
        // Different people: a job that has failed often is given up.
        let from = ["15550100201", "15550100202", "15550100203"][number % 3];
        let message = webhook([endpoint.message(&Person(from), "hello")]);
        // What has no end is given up: it would have none another time.
        let status = if number == 5 { 200 } else { 503 };
        assert_eq!((endpoint.deliver(&message).await, sent(&endpoint).len()), (status, 0), "{number}");
    }
    assert_eq!(rasa.heard().len(), 7);
}
