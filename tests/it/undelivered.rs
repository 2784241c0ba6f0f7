//! What Meta reports of a reply after it took it is judged as what it refuses at once.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    http::{StatusCode, header},
    response::IntoResponse as _,
    routing::get,
};
use serde_json::{Value, json};
use whatsapp_endpoint::simulator::Status;

use crate::support::{
    deployed::{Deployed, echo},
    endpoint::{ADA, Endpoint, Person, webhook},
    listener::Listener,
    serve,
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a very small picture";

async fn start(settings: &[(&str, &str)]) -> (Endpoint, Listener) {
    let (agent, url) = Listener::start().await;
    let ours = [("AGENT_PROTOCOL", "http"), ("AGENT_URL", url.as_str())];
    (Endpoint::start(&[&ours, settings].concat()).await, agent)
}

/// The messages that Meta took.
fn sent(endpoint: &Endpoint) -> Vec<Value> {
    endpoint.meta.calls().into_iter().filter(|call| call["type"].is_string()).collect()
}

/// Meta reports that it could not deliver the message at this place, as often as it likes.
async fn fails(endpoint: &Endpoint, place: usize, code: i64) {
    let failed = endpoint.meta.status(&endpoint.meta.wamids()[place], Status::Failed(code)).expect("known");
    for _ in 0..2 {
        assert_eq!(endpoint.deliver(&failed).await, 200);
    }
}

/// Says hello, and gets these outputs.
async fn answered(endpoint: &Endpoint, agent: &Listener, outputs: Value) {
    agent.will_answer(200, json!({ "outputs": outputs }).to_string());
    assert_eq!(endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "hello")])).await, 200);
}

#[tokio::test]
async fn a_fault_that_passes_is_sent_again_twice_and_then_written_down() {
    for code in [131_000, 131_016] {
        let deployed = Deployed::start(&[], echo).await;
        deployed.hear(&[(ADA, "hello")]).await;
        deployed.drain().await;
        for place in 0..3 {
            assert_eq!(deployed.replies_to(ADA), vec!["hello!"; place + 1]);
            assert!(deployed.letters().is_empty());
            fails(&deployed.endpoint, place, code).await;
            deployed.drain().await;
        }
        assert_eq!(deployed.replies_to(ADA).len(), 3, "not for ever");
        let letters = deployed.letters();
        assert!(letters.len() == 1 && letters[0]["code"] == code, "{letters:?}");
        assert!(letters[0]["cure"].as_str().expect("a cure").contains("send it by hand"), "{letters:?}");
        assert_eq!(deployed.asked("hello"), 1);
    }
}

#[tokio::test]
async fn older_words_are_not_sent_again_behind_a_newer_answer() {
    let deployed = Deployed::start(&[], echo).await;
    for text in ["one", "two"] {
        deployed.hear(&[(ADA, text)]).await;
        deployed.drain().await;
    }
    fails(&deployed.endpoint, 0, 131_000).await;
    deployed.drain().await;
    assert_eq!((deployed.replies_to(ADA), deployed.letters().len()), (vec!["one!".into(), "two!".into()], 1));
}

#[tokio::test]
async fn what_turns_out_to_be_outside_of_the_window_is_followed_by_one_template() {
    let (endpoint, agent) = start(&[("WINDOW_TEMPLATE", "come_back:en_US")]).await;
    answered(&endpoint, &agent, json!(["one", "two"])).await;
    fails(&endpoint, 0, 131_047).await;
    fails(&endpoint, 1, 131_047).await;
    let kinds: Vec<_> = sent(&endpoint).iter().map(|call| call["type"].clone()).collect();
    assert_eq!(kinds, ["text", "text", "template"]);
    fails(&endpoint, 2, 131_047).await;
    assert_eq!(sent(&endpoint).len(), 3, "a template is not followed by another");
}

#[tokio::test]
async fn a_file_that_meta_cannot_use_never_takes_words_and_buttons_along() {
    let files = Router::new().route("/{name}", get(async || ([(header::CONTENT_TYPE, "image/png")], PNG)));
    let host = serve(files).await;
    let link = format!("{host}/gate.png");
    let picture = json!({ "kind": "image", "url": link });
    let choice = |id: &str| json!({ "type": "choice", "id": id, "title": format!("Book {id}") });
    let card = |id: &str| json!({ "text": format!("Room {id}"), "media": picture, "actions": [choice(id)] });
    let raw = json!({ "type": "image", "image": { "link": "https://example.invalid/a.webp", "caption": "Your code" } });
    for upload in ["false", "true"] {
        for (output, said) in [
            (
                json!({ "type": "media", "kind": "image", "url": link, "caption": "Your code" }),
                vec![format!("Your code\n{link}")],
            ),
            (
                json!({ "type": "card", "text": "Room 1", "media": picture, "actions": [choice("1")] }),
                vec!["Room 1".to_owned()],
            ),
            (
                json!({ "type": "carousel", "text": "Our rooms", "cards": [card("1"), card("2")] }),
                vec!["Our rooms".to_owned(), "Room 1".to_owned(), "Room 2".to_owned()],
            ),
            (
                json!({ "type": "whatsapp", "message": raw }),
                vec!["Your code\nhttps://example.invalid/a.webp".to_owned()],
            ),
        ] {
            let (endpoint, agent) = start(&[("UPLOAD_MEDIA", upload)]).await;
            answered(&endpoint, &agent, json!([output])).await;
            fails(&endpoint, 0, 131_053).await;
            assert_eq!(endpoint.replies()[1..], said, "{upload} {output}");
            let buttons = sent(&endpoint)[1..].iter().filter(|call| call["interactive"]["action"].is_object()).count();
            assert_eq!(buttons, output.to_string().matches("\"choice\"").count(), "{upload} {output}");
        }
    }
}

#[tokio::test]
async fn the_id_of_a_file_that_meta_cannot_use_is_forgotten() {
    let uploads = Arc::new(Mutex::new(0));
    let count = Arc::clone(&uploads);
    let file = async move || {
        *count.lock().expect("not poisoned") += 1;
        ([(header::CONTENT_TYPE, "image/png")], PNG)
    };
    let host = serve(Router::new().route("/gate.png", get(file))).await;
    let (endpoint, agent) = start(&[("UPLOAD_MEDIA", "true")]).await;
    let output = json!([{ "type": "media", "kind": "image", "url": format!("{host}/gate.png") }]);
    for _ in 0..2 {
        answered(&endpoint, &agent, output.clone()).await;
    }
    assert_eq!(*uploads.lock().expect("not poisoned"), 1);
    fails(&endpoint, 1, 131_053).await;
    answered(&endpoint, &agent, output).await;
    assert_eq!(*uploads.lock().expect("not poisoned"), 2);
}

/// A Graph that refuses what `refuses` says, with this code; returns its address and what it was sent.
async fn strict_graph(code: i64, refuses: fn(&Value) -> bool) -> (String, Arc<Mutex<Vec<Value>>>) {
    let calls: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&calls);
    let answer = move |body: Bytes| {
        let call: Value = serde_json::from_slice(&body).unwrap_or_default();
        let is_wrong = refuses(&call);
        seen.lock().expect("not poisoned").push(call);
        async move {
            if is_wrong {
                let error = json!({ "code": code, "message": "refused", "error_data": { "details": "refused" } });
                return (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
            }
            Json(json!({ "messages": [{ "id": "wamid.A" }] })).into_response()
        }
    };
    (serve(Router::new().fallback(answer)).await, calls)
}

#[tokio::test]
async fn a_test_number_is_tried_with_the_other_form_of_a_persons_number() {
    for (from, listed) in [("5491155550100", "+541155550100"), ("5215512345678", "+525512345678")] {
        let (graph, calls) = strict_graph(131_030, |call| call["to"].as_str().is_some_and(|to| to.len() == 14)).await;
        let (endpoint, _) = start(&[("GRAPH_BASE_URL", &graph), ("AGENT_PROTOCOL", "demo")]).await;
        assert_eq!(endpoint.deliver(&webhook([endpoint.message(&Person(from), "hello")])).await, 200);
        let calls = calls.lock().expect("not poisoned");
        let tried: Vec<_> = calls.iter().filter(|call| call["type"].is_string()).map(|call| &call["to"]).collect();
        assert_eq!(tried, [&json!(format!("+{from}")), &json!(listed)]);
    }
}

#[tokio::test]
async fn a_file_that_graph_refuses_at_once_by_any_of_its_codes_is_left_out() {
    for code in [131_053, 131_009, 100] {
        let (graph, calls) = strict_graph(code, |call| call["image"].is_object()).await;
        let (endpoint, agent) = start(&[("GRAPH_BASE_URL", &graph)]).await;
        let picture =
            json!({ "type": "media", "kind": "image", "url": "https://example.invalid/a.jpg", "caption": "Look" });
        answered(&endpoint, &agent, json!([picture, "and more"])).await;
        let calls = calls.lock().expect("not poisoned");
        let words: Vec<_> = calls.iter().filter_map(|call| call["text"]["body"].as_str()).collect();
        assert_eq!(words, ["Look\nhttps://example.invalid/a.jpg", "and more"], "{code}");
    }
}
