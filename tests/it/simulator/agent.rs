//! Between the endpoint and the agent the simulator changes nothing: not when bytes come, and not how a connection ends.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use whatsapp_endpoint::{
    https,
    simulator::{DEVELOPMENT_SECRET, Exchange, FeedEvent, Kind, Simulator},
};

use super::{Chat, text};
use crate::support::{
    self,
    endpoint::start_meta,
    model::{End, Model, chunk},
};

/// A simulator before this agent, and the address under which it is asked there.
async fn stand_before(agent: &str) -> (Simulator, String) {
    let (meta, url) = start_meta(DEVELOPMENT_SECRET).await;
    let asked = meta.stand_before_agent(agent).expect("an address");
    (meta, format!("{url}{asked}"))
}

/// The only question so far.
fn question(meta: &Simulator) -> Exchange {
    let lines = meta.feed().into_iter();
    let questions = lines.filter_map(|line| if let FeedEvent::Wire(exchange) = line { Some(*exchange) } else { None });
    let [question] = <[Exchange; 1]>::try_from(questions.collect::<Vec<_>>()).expect("one question");
    assert_eq!(question.kind, Kind::Agent);
    question
}

#[tokio::test]
async fn an_answer_is_passed_on_as_it_comes_and_shown_when_it_ends() {
    let (go_on, wait) = oneshot::channel::<()>();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let stream = move || {
        let wait = wait.lock().expect("not poisoned").take().expect("asked once");
        let rest = stream::once(async { wait.await.map(|()| Bytes::from("two")) });
        async { Body::from_stream(stream::iter([Ok(Bytes::from("one "))]).chain(rest)) }
    };
    let agent = support::serve(Router::new().route("/stream", post(stream))).await;
    let (meta, url) = stand_before(&format!("{agent}/stream")).await;
    let request = https::client().expect("a client").post(url).body("hello");
    let mut answer = request.send().await.expect("an answer");
    assert_eq!(answer.chunk().await.expect("no error").as_deref(), Some(&b"one "[..]), "the agent holds back the rest");
    assert!(question(&meta).response.is_none());
    go_on.send(()).expect("the agent waits for it");
    assert_eq!(answer.chunk().await.expect("no error").as_deref(), Some(&b"two"[..]));
    assert_eq!(answer.chunk().await.expect("no error"), None);
    let shown = question(&meta);
    assert_eq!(shown.response.as_ref().expect("answered")["body"], json!("one two"));
    assert!(shown.error.is_none() && shown.took_ms.is_some());
}

#[tokio::test]
async fn an_agent_that_cannot_be_reached_is_no_answer_with_a_status() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let agent = format!("http://{}/rest", listener.local_addr().expect("bound"));
    drop(listener);
    let (meta, url) = stand_before(&agent).await;
    let refused = https::client().expect("a client").post(url).body("hello").send().await;
    assert!(refused.expect_err("no answer").is_request());
    let shown = question(&meta);
    assert!(shown.response.is_none() && shown.error.is_some_and(|error| error.contains("refused")));
}

#[tokio::test]
async fn of_a_stream_that_breaks_the_person_hears_what_had_come() {
    let (model, url) = Model::start().await;
    let settings = [("AGENT_PROTOCOL", "openai"), ("AGENT_MODEL", "small-1")];
    let chat = Chat::start_before(&format!("{url}/v1"), &settings).await;
    model.will_stream(&[chunk("Hello there, ", None), chunk("your order", None)], End::Broken);
    chat.says("ada", text("hello")).await;
    assert_eq!(chat.hears(1).await[0].text.as_deref(), Some("Hello there, your order…"));
    let shown = chat.exchanges(Kind::Agent).remove(0);
    assert!(shown.error.is_some(), "the page tells that it broke");
    let body = shown.response.expect("the page shows what had come")["body"].clone();
    assert!(body.as_str().is_some_and(|body| body.contains("your order")), "{body}");
}

#[tokio::test]
async fn a_card_leads_through_the_simulator_however_it_writes_the_address_of_the_agent() {
    let card = Arc::new(Mutex::new(Value::Null));
    let served = Arc::clone(&card);
    let router = Router::new().fallback(get(move || {
        let card = served.lock().expect("not poisoned").to_string();
        async { card }
    }));
    let agent = support::serve(router).await;
    let port = agent.rsplit(':').next().expect("a port");
    *card.lock().expect("not poisoned") = json!({
        "url": format!("http://localhost:{port}/main"),
        "additionalInterfaces": [{ "url": "rpc" }, { "url": format!("{agent}0/rpc") }, { "transport": "GRPC" }],
        "supportedInterfaces": [{ "url": "/rpc?tenant=1" }, { "url": format!("https://127.0.0.1:{port}/rpc") }, 5],
        "provider": { "url": agent },
    });
    for path in ["", "/shop", "/cards/Shop.JSON?x=1"] {
        let (_, url) = stand_before(&format!("{agent}{path}")).await;
        let ours = url.split("/agent").next().expect("a part").to_owned() + "/agent";
        let asked =
            if path.contains('?') { url } else { format!("{}/.well-known/agent-card.json", url.trim_end_matches('/')) };
        let got = https::client().expect("a client").get(&asked).send().await.expect("an answer");
        let got: Value = serde_json::from_str(&got.text().await.expect("text")).expect("JSON");
        let beside = asked.split('?').next().and_then(|url| url.rsplit_once('/')).expect("a folder").0;
        assert_eq!(got["url"], json!(format!("{ours}/main")));
        assert_eq!(got["additionalInterfaces"][0]["url"], json!(format!("{beside}/rpc")), "relative to the card");
        assert_eq!(got["supportedInterfaces"][0]["url"], json!(format!("{ours}/rpc?tenant=1")));
        let card = card.lock().expect("not poisoned");
        for other in ["/additionalInterfaces/1", "/additionalInterfaces/2", "/supportedInterfaces/1", "/provider"] {
            assert_eq!(got.pointer(other), card.pointer(other), "another place, or no interface");
        }
    }
}
