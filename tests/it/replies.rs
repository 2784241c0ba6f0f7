//! How answers are given: within the window, in few messages, with files that arrive, and understood when they are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::header, routing::get};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use whatsapp_endpoint::simulator::Status;

use crate::support::{
    self,
    agent::Agent,
    endpoint::{ADA, Endpoint, Person, signed, webhook},
    project,
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a very small picture";
const GROUP: &str = "FAKEGROUP0000000000000000000000000000001ZD";

async fn start(settings: &[(&str, &str)]) -> (Endpoint, Agent) {
    let (agent, url) = Agent::start().await;
    let agent_settings = [("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", url.as_str())];
    let settings: Vec<_> = agent_settings.iter().chain(settings).copied().collect();
    (Endpoint::start(&settings).await, agent)
}

/// The messages that Meta took.
fn sent(endpoint: &Endpoint) -> Vec<Value> {
    endpoint.meta.calls().into_iter().filter(|call| call["type"].is_string()).collect()
}

/// A Cognigy output with these choices.
fn choices(payloads: impl IntoIterator<Item = String>) -> Value {
    let button = |payload: String| json!({ "type": "postback", "title": format!("Choice {}", &payload[..payload.len().min(9)]), "payload": payload });
    let buttons: Vec<_> = payloads.into_iter().map(button).collect();
    json!({ "text": null, "data": { "_cognigy": { "_default": { "_buttons": { "type": "buttons", "text": "Pick one", "buttons": buttons } } } } })
}

fn image(link: &str) -> Value {
    json!({ "text": null, "data": { "_cognigy": { "_default": { "_image": { "type": "image", "imageUrl": link, "imageAltText": "A cat" } } } } })
}

async fn tap(endpoint: &Endpoint, id: &str) {
    let mut message = endpoint.message(&Person(ADA), "");
    message["type"] = json!("interactive");
    message["interactive"] = json!({ "type": "button_reply", "button_reply": { "id": id, "title": "Choice" } });
    assert_eq!(endpoint.deliver(&webhook([message])).await, 200);
}

#[tokio::test]
async fn markdown_becomes_the_marks_of_the_channel() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&["# Choices\n\n**Bold** and *slanted*, see [here](https://example.invalid/a)", "*already bold*"]);
    let replies = endpoint.say("talk").await;
    assert_eq!(replies, ["*Choices*\n\n*Bold* and _slanted_, see here (https://example.invalid/a)", "*already bold*"]);
}

#[tokio::test]
async fn consecutive_texts_become_one_message_if_the_operator_wants_that() {
    let (endpoint, agent) = start(&[("MERGE_TEXTS", "true")]).await;
    agent.will_answer(200, json!({ "outputStack": [{ "text": "one" }, { "text": "two" }, choices(["a".to_owned()]), { "text": "three" }] }));
    assert_eq!(endpoint.say("talk").await, ["one\n\ntwo", "Pick one", "three"]);
}

#[tokio::test]
async fn an_answer_quotes_the_message_if_the_agent_asks_for_it() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_answer(
        200,
        json!({ "outputStack": [{ "text": "this one", "data": { "quote": true } }, { "text": "and more" }] }),
    );
    endpoint.say("talk").await;
    let quoted: Vec<_> = sent(&endpoint).into_iter().map(|call| call["context"]["message_id"].clone()).collect();
    assert_eq!(quoted, [json!("wamid.TEST0001=="), Value::Null]);
}

#[tokio::test]
async fn a_choice_with_a_payload_that_is_too_long_gives_it_back_whole() {
    let (endpoint, agent) = start(&[]).await;
    let payload = "p".repeat(900);
    agent.will_answer(200, json!({ "outputStack": [choices([payload.clone(), "short".to_owned()])] }));
    endpoint.say("menu").await;
    let buttons = sent(&endpoint)[0]["interactive"]["action"]["buttons"].clone();
    tap(&endpoint, buttons[0]["reply"]["id"].as_str().expect("an id")).await;
    tap(&endpoint, "short").await;
    assert_eq!(agent.heard()[1..], [payload, "short".to_owned()]);
    assert_eq!(agent.asked()[1].body["data"]["tap"]["id"].as_str().map(str::len), Some(900));
}

#[tokio::test]
async fn a_group_gets_numbered_lines_and_its_numbers_are_understood() {
    let (endpoint, agent) = start(&[]).await;
    let in_group = |text: &str| {
        let mut message = endpoint.message(&Person(ADA), text);
        message["group_id"] = json!(GROUP);
        webhook([message])
    };
    agent.will_answer(200, json!({ "outputStack": [choices(["apples".to_owned(), "pears".to_owned()])] }));
    for text in ["menu", "2", "2"] {
        assert_eq!(endpoint.deliver(&in_group(text)).await, 200);
    }
    assert_eq!(endpoint.replies_to(Some(GROUP))[0], "Pick one\n1. Choice apples\n2. Choice pears");
    assert_eq!(agent.heard(), ["menu", "pears", "2"], "a number counts for the last answer only");
}

#[tokio::test]
async fn what_meta_does_not_pass_on_is_answered_with_the_words_of_the_operator() {
    let (endpoint, agent) = start(&[("UNSUPPORTED_TEXT", "Sorry, I cannot read that.")]).await;
    let body = std::fs::read_to_string(project("tests/fixtures/inbound/unsupported_poll.json")).expect("a fixture");
    let signature = signed(&body);
    assert_eq!(endpoint.post(body, Some(&signature)).await.status(), 200);
    assert_eq!((endpoint.replies(), agent.asked().len()), (vec!["Sorry, I cannot read that.".to_owned()], 0));
}

#[tokio::test]
async fn reactions_edits_and_deletions_start_a_turn_only_if_the_operator_wants_that() {
    for (also, expected) in [("", 0), ("reaction", 2), ("reaction,edit,revoke", 5)] {
        let (endpoint, agent) = start(&[("ALSO_ANSWER", also)]).await;
        for kind in
            ["reaction", "reaction_removed", "edit", "edit_text", "revoke", "request_welcome", "unsupported_edit"]
        {
            let body =
                std::fs::read_to_string(project(&format!("tests/fixtures/inbound/{kind}.json"))).expect("a fixture");
            let signature = signed(&body);
            assert_eq!(endpoint.post(body, Some(&signature)).await.status(), 200, "{kind}");
        }
        assert_eq!(agent.asked().len(), expected, "{also}");
    }
}

#[tokio::test]
async fn outside_the_window_the_template_goes_out_once_and_free_words_are_not_tried() {
    let (endpoint, agent) = start(&[("WINDOW_TEMPLATE", "come_back:en_US"), ("MESSAGE_DELAY_MS", "5000")]).await;
    agent.will_say(&["one", "two", "three"]);
    // The invocation ends before the second reply, and the next one comes a day later.
    endpoint.left.set(Duration::from_secs(4));
    assert_eq!(endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "hello")])).await, 503);
    endpoint.left.set(Duration::from_secs(30));
    endpoint.now.set(endpoint.now.get() + Duration::from_hours(25));
    // The next message brings the old replies up, but opens the window only for its own answer.
    let status = endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "again")])).await;
    let kinds: Vec<_> = sent(&endpoint).into_iter().map(|call| call["type"].clone()).collect();
    assert_eq!((status, kinds), (200, ["text", "template", "text"].map(Value::from).to_vec()));
    assert_eq!(sent(&endpoint)[1]["template"], json!({ "name": "come_back", "language": { "code": "en_US" } }));
}

#[tokio::test]
async fn a_message_that_comes_a_day_late_is_answered_with_the_template() {
    let (endpoint, agent) = start(&[("WINDOW_TEMPLATE", "come_back:en_US")]).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    endpoint.now.set(endpoint.now.get() + Duration::from_hours(25));
    assert_eq!(endpoint.deliver(&message).await, 200);
    assert_eq!(sent(&endpoint)[0]["template"]["name"], "come_back");
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn a_file_that_meta_cannot_fetch_is_followed_by_its_link_once() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_answer(200, json!({ "outputStack": [image("https://example.invalid/cat.jpg")] }));
    endpoint.say("a cat").await;
    assert_eq!(sent(&endpoint)[0]["image"], json!({ "link": "https://example.invalid/cat.jpg", "caption": "A cat" }));
    let failed = endpoint.meta.status(&endpoint.meta.wamids()[0], Status::Failed(131_053)).expect("known");
    for _ in 0..2 {
        assert_eq!(endpoint.deliver(&failed).await, 200);
    }
    let texts: Vec<_> = sent(&endpoint)[1..].iter().map(|call| call["text"]["body"].clone()).collect();
    assert_eq!(texts, [json!("A cat\nhttps://example.invalid/cat.jpg")]);
}

#[tokio::test]
async fn linked_files_are_uploaded_once_if_the_operator_wants_that() {
    let files = Router::new().route("/cat.png", get(async || ([(header::CONTENT_TYPE, "image/png")], PNG)));
    let host = support::serve(files).await;
    let (endpoint, agent) = start(&[("UPLOAD_MEDIA", "true")]).await;
    for link in ["cat.png", "cat.png", "gone.png"] {
        agent.will_answer(200, json!({ "outputStack": [{ "text": "look" }, image(&format!("{host}/{link}"))] }));
        endpoint.say("a cat").await;
    }
    let images: Vec<_> =
        sent(&endpoint).into_iter().filter(|call| call["type"] == "image").map(|call| call["image"].clone()).collect();
    assert!(images[0]["id"].is_string() && images[0] == images[1], "{images:?}");
    assert_eq!(images[2]["link"], format!("{host}/gone.png"), "Meta may be able to fetch it");
}

#[tokio::test]
async fn a_picture_that_stands_in_its_address_is_uploaded_once_and_its_bytes_are_kept_nowhere() {
    let (endpoint, agent) = start(&[]).await;
    let picture = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(PNG.repeat(20_000)));
    assert!(picture.len() > 400_000, "more than a conversation can hold");
    for _ in 0..2 {
        agent.will_answer(200, json!({ "outputStack": [{ "text": "look" }, image(&picture)] }));
        endpoint.say("a cat").await;
    }
    let images: Vec<_> =
        sent(&endpoint).into_iter().filter(|call| call["type"] == "image").map(|call| call["image"].clone()).collect();
    assert!(images[0]["id"].is_string() && images[0]["caption"] == "A cat" && images[0] == images[1], "{images:?}");
    assert_eq!(endpoint.meta.calls().iter().filter(|call| call.to_string().contains("data:")).count(), 0);
}

#[tokio::test]
async fn of_a_picture_that_cannot_be_uploaded_the_caption_is_said() {
    let (endpoint, agent) = start(&[("UPLOAD_MEDIA", "true")]).await;
    let large = format!("data:image/png;base64,{}", "A".repeat(700_000));
    for picture in ["data:image/png;base64,%%%", "data:image/svg+xml,<svg/>", "data:text/nothing;base64,AAAA", &large] {
        agent.will_answer(200, json!({ "outputStack": [{ "text": "look" }, image(picture)] }));
        assert_eq!(
            endpoint.say("a cat").await.last().map(String::as_str),
            Some("A cat"),
            "{}",
            &picture[..30.min(picture.len())]
        );
    }
}

#[tokio::test]
async fn no_more_than_two_files_are_in_memory_at_once() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (loading, peak) = (Arc::clone(&now), Arc::clone(&most));
    let file = async move || {
        peak.fetch_max(loading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Long enough for everybody who may come.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        loading.fetch_sub(1, Ordering::SeqCst);
        ([(header::CONTENT_TYPE, "image/png")], PNG)
    };
    let host = support::serve(Router::new().route("/{name}", get(file))).await;
    let (endpoint, agent) = start(&[("UPLOAD_MEDIA", "true")]).await;
    let messages = (0..10).map(|person| {
        agent.will_answer(200, json!({ "outputStack": [image(&format!("{host}/{person}.png"))] }));
        let mut message = endpoint.message(&Person(ADA), "a picture");
        message["from"] = json!(format!("1555010030{person}"));
        message
    });
    assert_eq!(endpoint.deliver(&webhook(messages)).await, 200);
    assert_eq!(sent(&endpoint).iter().filter(|call| call["image"]["id"].is_string()).count(), 10);
    assert_eq!((now.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 2));
}

#[tokio::test]
async fn typing_is_shown_again_while_the_agent_works() {
    let (endpoint, agent) = start(&[("AGENT_TIMEOUT_SECONDS", "22")]).await;
    // Two askers never come, so the agent takes longer than the 20 seconds after which the sign is renewed.
    agent.will_wait_for(2);
    endpoint.left.set(Duration::from_secs(90));
    assert_eq!(endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "think")])).await, 503);
    let signs = endpoint.meta.calls().into_iter().filter(|call| call["typing_indicator"].is_object());
    assert_eq!(signs.count(), 2);
}
