//! An Agent2Agent agent through the whole turn: the official SDK where it can be had, and a fake for what that never does.

use std::{
    collections::VecDeque,
    process::Command,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri},
    routing::get,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{
    self,
    endpoint::{ADA, Endpoint, Person, webhook},
    parts::{end_with_us, free_port, ready, tool},
    project,
};

const INTERFACES: [&str; 4] = ["1.0/JSONRPC", "1.0/HTTP+JSON", "0.3/JSONRPC", "0.3/HTTP+JSON"];

/// The URL of the SDK's agent.
async fn sdk() -> &'static str {
    static URL: OnceCell<String> = OnceCell::const_new();
    URL.get_or_init(|| async {
        let port = free_port();
        let mut command = Command::new(tool("a2a-sdk-1.3.0/bin/python"));
        command.arg(project("tests/it/a2a/agent.py")).arg(port.to_string());
        end_with_us(&command);
        let url = format!("http://127.0.0.1:{port}");
        ready(&url, "the agent of the A2A SDK").await;
        url
    })
    .await
}

async fn start(url: &str, settings: &[(&str, &str)]) -> Endpoint {
    let ours = [("AGENT_PROTOCOL", "a2a"), ("AGENT_URL", url), ("AGENT_TIMEOUT_SECONDS", "5")];
    let settings: std::collections::BTreeMap<_, _> = ours.iter().chain(settings).copied().collect();
    Endpoint::start(&settings.into_iter().collect::<Vec<_>>()).await
}

/// An agent of version 1.0 that says what it is told.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<Value>>>,
    told: Arc<Mutex<VecDeque<(u16, Value)>>>,
    card: Arc<Mutex<Option<Value>>>,
    cards: Arc<Mutex<usize>>,
}

impl Fake {
    async fn start() -> (Self, String) {
        let fake = Self::default();
        let router = Router::new().route("/.well-known/agent-card.json", get(card)).fallback(answer);
        (fake.clone(), support::serve(router.with_state(fake)).await)
    }

    fn has_card(&self, card: Value) {
        *self.card.lock().expect("not poisoned") = Some(card);
    }

    fn will_answer(&self, status: u16, body: Value) {
        self.told.lock().expect("not poisoned").push_back((status, body));
    }

    fn will_reply(&self, result: &Value) {
        self.will_answer(200, json!({ "jsonrpc": "2.0", "id": "1", "result": result }));
    }

    /// The messages it was sent, and the ids of the tasks it was asked for.
    fn asked(&self) -> Vec<Value> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

async fn card(State(fake): State<Fake>) -> Json<Value> {
    *fake.cards.lock().expect("not poisoned") += 1;
    let card = fake.card.lock().expect("not poisoned").clone();
    let listed = json!([{ "url": "/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "shop" }]);
    Json(card.unwrap_or_else(|| json!({ "name": "Fake", "supportedInterfaces": listed })))
}

async fn answer(State(fake): State<Fake>, uri: Uri, body: Option<Json<Value>>) -> (StatusCode, Json<Value>) {
    let Some(Json(body)) = body.filter(|_| uri.path() == "/rpc") else {
        return (StatusCode::NOT_FOUND, Json(json!({})));
    };
    fake.asked.lock().expect("not poisoned").push(body);
    let hello = json!({ "message": { "role": "ROLE_AGENT", "messageId": "m", "parts": [{ "text": "hello" }] } });
    let told = fake.told.lock().expect("not poisoned").pop_front();
    let (status, body) = told.unwrap_or_else(|| (200, json!({ "jsonrpc": "2.0", "id": "1", "result": hello })));
    (StatusCode::from_u16(status).expect("a status"), Json(body))
}

#[tokio::test]
async fn in_every_version_and_binding_the_agent_is_asked_and_asks_back() {
    for interface in INTERFACES {
        let endpoint = start(&format!("{}/{interface}", sdk().await), &[]).await;
        let first = endpoint.say("message").await.remove(0);
        let second = endpoint.say("message").await.remove(0);
        let context = |reply: &str| reply.split(' ').nth(3).map(str::to_owned).expect("a context");
        assert!(first.starts_with("Ada Example in ") && context(&first) == context(&second), "{interface}: {first}");
        assert_ne!(first, second, "{interface}: every message has an id of its own");
        assert_eq!(endpoint.say("ask").await, ["Which size?", "We have tea."], "{interface}");
        assert_eq!(
            endpoint.say("large").await,
            ["One large coming up."],
            "{interface}: to the same task, nothing twice"
        );
        assert_eq!(endpoint.say("hello").await, ["hello!"], "{interface}: a new task");
        assert_eq!(endpoint.say("files").await, ["Look:", "image", "document"], "{interface}");
    }
}

#[tokio::test]
async fn an_answer_that_was_streamed_is_a_message_for_each_artifact() {
    for interface in INTERFACES {
        let endpoint = start(&format!("{}/{interface}", sdk().await), &[]).await;
        let [hours, total] = <[String; 2]>::try_from(endpoint.say("stream").await).expect("two messages");
        assert_eq!(
            (hours.as_str(), total.as_str()),
            ("Our hours:\n\n- *Mon* is 9 is is", "The total is 42."),
            "{interface}"
        );
    }
}

#[tokio::test]
async fn a_card_that_sends_us_where_nobody_answers_is_named_and_not_the_setting() {
    let card = serde_json::json!({ "url": "http://127.0.0.1:9/rpc", "protocolVersion": "0.3.0", "preferredTransport": "JSONRPC" });
    let router = axum::Router::new().fallback(move || std::future::ready(axum::Json(card.clone())));
    let url = crate::support::serve(router).await;
    let settings = [("AGENT_PROTOCOL", "a2a"), ("AGENT_URL", url.as_str()), ("AGENT_AUTH", "none")];
    let deployed = crate::support::deployed::Deployed::start(&settings, |_| (500, serde_json::json!({}))).await;
    deployed.hear(&[(ADA, "hello")]).await;
    deployed.drain().await;
    let reasons = deployed.reasons();
    assert!(reasons[0].contains("card") && !reasons[0].contains("check AGENT_URL"), "{reasons:?}");
}

#[tokio::test]
async fn a_task_that_ends_badly_is_an_error_and_its_words_are_not_an_answer() {
    for interface in INTERFACES {
        let endpoint = start(&format!("{}/{interface}", sdk().await), &[]).await;
        // What was rejected would be rejected again.
        for (words, status) in [("fail", 503), ("reject", 200), ("authorize", 503)] {
            let message = webhook([endpoint.message(&Person(ADA), words)]);
            assert_eq!(endpoint.deliver(&message).await, status, "{interface}: {words}");
        }
        assert!(endpoint.replies().is_empty(), "{interface}");
    }
}

#[tokio::test]
async fn a_task_that_takes_longer_than_the_turn_is_gone_on_with_and_not_started_again() {
    for interface in INTERFACES {
        let url = format!("{}/{interface}", sdk().await);
        let endpoint = start(&url, &[("AGENT_TIMEOUT_SECONDS", "1")]).await;
        let message = webhook([endpoint.message(&Person(ADA), "slow")]);
        assert_eq!(endpoint.deliver(&message).await, 503, "{interface}");
        assert_eq!(endpoint.deliver(&message).await, 200, "{interface}");
        assert_eq!(endpoint.replies(), ["Started 1 times."], "{interface}");
    }
}

#[tokio::test]
async fn the_message_goes_to_a_new_task_when_the_agent_has_forgotten_the_one_that_asked() {
    let (fake, url) = Fake::start().await;
    let endpoint = start(&url, &[]).await;
    let asks = json!({ "role": "ROLE_AGENT", "messageId": "m", "parts": [{ "text": "Which size?" }] });
    let status = json!({ "state": "TASK_STATE_INPUT_REQUIRED", "message": asks });
    fake.will_reply(&json!({ "task": { "id": "t1", "contextId": "c1", "status": status } }));
    fake.will_answer(
        200,
        json!({ "jsonrpc": "2.0", "id": "1", "error": { "code": -32001, "message": "Task not found" } }),
    );
    assert_eq!(endpoint.say("tea").await, ["Which size?"]);
    assert_eq!(endpoint.say("large").await, ["hello"]);
    let asked = fake.asked();
    let ids: Vec<_> = asked
        .iter()
        .map(|asked| &asked["params"]["message"])
        .map(|message| (message["contextId"].clone(), message["taskId"].clone()))
        .collect();
    let (context, none) = (json!("c1"), Value::Null);
    assert_eq!(ids, [(none.clone(), none.clone()), (context.clone(), json!("t1")), (context, none)]);
    assert_eq!(asked[1]["params"]["message"]["messageId"], asked[2]["params"]["message"]["messageId"]);
    assert_eq!((&asked[0]["method"], &asked[0]["params"]["tenant"]), (&json!("SendMessage"), &json!("shop")));
    assert_eq!(*fake.cards.lock().expect("not poisoned"), 1, "the card is kept");
}

#[tokio::test]
async fn what_no_agent_should_answer_is_an_error_and_the_next_message_is_answered() {
    let (fake, url) = Fake::start().await;
    let endpoint = start(&url, &[]).await;
    let strange = [
        (200, json!({ "jsonrpc": "2.0", "id": "1", "error": { "code": -32603, "message": "a secret" } })),
        (200, json!({ "jsonrpc": "2.0", "id": "1", "result": {} })),
        (200, json!({ "result": { "task": { "id": "t", "status": { "state": "TASK_STATE_DREAMING" } } } })),
        (200, json!("words")),
        (500, json!({})),
        (404, json!({})),
    ];
    for (status, body) in strange {
        fake.will_answer(status, body);
        let message = webhook([endpoint.message(&Person(ADA), "hello")]);
        assert_eq!(endpoint.deliver(&message).await, 503);
    }
    assert_eq!(endpoint.say("hello").await, ["hello"]);
    assert_eq!(*fake.cards.lock().expect("not poisoned"), 2, "after 404 the agent may have moved");
}

#[tokio::test]
async fn a_card_that_names_no_way_we_can_go_is_an_error() {
    let listed = |url: &str, binding: &str, version: &str| json!({ "supportedInterfaces": [{ "url": url, "protocolBinding": binding, "protocolVersion": version }] });
    let elsewhere = listed("http://localhost:1/rpc", "JSONRPC", "1.0");
    for card in [json!({}), json!([]), listed("/rpc", "GRPC", "1.0"), listed("/rpc", "JSONRPC", "7.0"), elsewhere] {
        let (fake, url) = Fake::start().await;
        fake.has_card(card.clone());
        let endpoint = start(&url, &[]).await;
        let message = webhook([endpoint.message(&Person(ADA), "hello")]);
        assert_eq!(endpoint.deliver(&message).await, 503, "{card}");
        assert!(fake.asked().is_empty(), "{card}");
    }
    let (fake, url) = Fake::start().await;
    let (_, other) = Fake::start().await;
    let other = other.replace("127.0.0.1", "localhost");
    fake.has_card(listed(&format!("{other}/rpc"), "JSONRPC", "1.0"));
    let endpoint = start(&url, &[("AGENT_AUTH", "none")]).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    assert_eq!(endpoint.deliver(&message).await, 503, "a card leads nobody into our network, token or not");
}
