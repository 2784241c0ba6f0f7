//! The phone on the laptop: people who say everything that can be said, and the real endpoint that answers.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::net::TcpListener;
use whatsapp_endpoint::{
    app::App,
    ingress,
    settings::Settings,
    simulator::{
        ALWAYS, Bubble, DEVELOPMENT_SECRET, Exchange, Fault, FeedEvent, Kind, Side, Simulator, Tick, UserAction,
    },
};

use crate::support::{agent::Agent, endpoint::start_meta, project};

mod account;
mod agent;
mod command_line;
mod faults;
mod people;

/// A simulated Meta, the real endpoint behind its own door, and an agent that says what it is told.
struct Chat {
    meta: Simulator,
    url: String,
    agent: Agent,
}

impl Chat {
    async fn start() -> Self {
        let (agent, agent_url) = Agent::start().await;
        Self::start_with(agent, &agent_url, &[("AGENT_PROTOCOL", "cognigy")]).await
    }

    /// The same with another agent at this address.
    async fn start_before(agent_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_with(Agent::default(), agent_url, settings).await
    }

    async fn start_with(agent: Agent, agent_url: &str, settings: &[(&str, &str)]) -> Self {
        let (meta, url) = start_meta(DEVELOPMENT_SECRET).await;
        meta.reached_at(&url);
        let asked = meta.stand_before_agent(agent_url).expect("an address");
        let vars = [
            ("WHATSAPP_SECRET_FILE", project("src/simulator/development-secret.json").display().to_string()),
            ("STORE_FILE", ":memory:".to_owned()),
            ("GRAPH_BASE_URL", url.clone()),
            ("AGENT_URL", format!("{url}{asked}")),
        ];
        let more = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let vars = vars.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value));
        let settings = Settings::from_vars(vars.collect::<std::collections::BTreeMap<_, _>>()).expect("settings");
        let app = Arc::new(App::new(settings).await.expect("an app"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        meta.connect(&format!("http://{}/webhook", listener.local_addr().expect("bound")));
        #[expect(clippy::disallowed_methods, reason = "a server beside the test, not on the request path")]
        tokio::spawn(ingress::local::serve(app, listener));
        Self { meta, url, agent }
    }

    /// Somebody says something, and the endpoint takes it; returns its id.
    async fn says(&self, person: &str, said: UserAction) -> String {
        let id = self.meta.speak(person, &said, None).expect("sayable");
        let is_taken = |exchange: &Exchange| {
            let status = exchange.response.as_ref().map(|response| response["status"] == 200);
            exchange.message.as_ref() == Some(&id) && status == Some(true)
        };
        let taken = self.meta.wait_to_see(|_| self.exchanges(Kind::Webhook).iter().any(is_taken).then_some(()));
        tokio::time::timeout(Duration::from_secs(20), taken).await.expect("taken in time");
        id
    }

    /// Waits until a message is as it should be.
    async fn until(&self, id: &str, is: impl Fn(&Bubble) -> bool) -> Bubble {
        let see = self.meta.wait_to_see(|_| self.meta.bubble(id).filter(|bubble| is(bubble)));
        tokio::time::timeout(Duration::from_secs(20), see).await.expect("seen in time")
    }

    /// What the business has said to somebody.
    fn heard(&self, person: &str) -> Vec<Bubble> {
        let bubbles = bubbles(&self.meta).into_iter();
        bubbles.filter(|bubble| bubble.person == person && bubble.from == Side::Business).collect()
    }

    /// Waits until the business has said so much to Ada.
    async fn hears(&self, count: usize) -> Vec<Bubble> {
        let hear = self.meta.wait_to_see(|_| Some(self.heard("ada")).filter(|heard| heard.len() >= count));
        tokio::time::timeout(Duration::from_secs(20), hear).await.expect("heard in time")
    }

    fn exchanges(&self, kind: Kind) -> Vec<Exchange> {
        let lines = self.meta.feed().into_iter();
        let exchanges =
            lines.filter_map(|line| if let FeedEvent::Wire(exchange) = line { Some(*exchange) } else { None });
        exchanges.filter(|exchange| exchange.kind == kind).collect()
    }
}

fn bubbles(meta: &Simulator) -> Vec<Bubble> {
    let lines = meta.feed().into_iter();
    lines.filter_map(|line| if let FeedEvent::Bubble(bubble) = line { Some(*bubble) } else { None }).collect()
}

fn text(words: &str) -> UserAction {
    UserAction::Text(words.to_owned())
}

#[tokio::test]
async fn the_page_of_another_site_may_not_use_the_phone() {
    let chat = Chat::start().await;
    let http = whatsapp_endpoint::https::client().expect("a client");
    let say = async |origin: &str| {
        let request = http.post(format!("{}/api/messages", chat.url)).header("origin", origin);
        crate::cloud_api::answer(request.json(&json!({ "text": "hello" }))).await.0
    };
    assert_eq!((say("https://example.com").await, say("null").await), (403, 403));
    assert_eq!(say(&chat.url).await, 202);
}

#[tokio::test]
async fn reactions_of_both_sides_stand_on_the_message_and_can_be_taken_back() {
    let chat = Chat::start().await;
    let hello = chat.says("ada", text("hello")).await;
    let reply = chat.heard("ada")[0].id.clone();
    let react = |emoji: &str| UserAction::Reaction { message_id: reply.clone(), emoji: emoji.into() };
    chat.meta.speak("ada", &react("👍"), None).expect("sayable");
    assert_eq!(chat.meta.bubble(&reply).expect("shown").reactions[0].emoji, "👍");
    chat.meta.speak("ada", &react(""), None).expect("sayable");
    assert!(chat.meta.bubble(&reply).expect("shown").reactions.is_empty());
    let unknown = UserAction::Reaction { message_id: "wamid.NEVER".into(), emoji: "👍".into() };
    assert!(chat.meta.speak("ada", &unknown, None).is_err());

    let business = crate::cloud_api::Business::start().await;
    business.meta.connect("http://127.0.0.1:9/");
    let said = business.meta.say("hello");
    let mut reaction = crate::cloud_api::fixture("reaction");
    reaction["reaction"]["message_id"] = json!(said);
    business.sent(&reaction).await;
    assert_eq!(business.meta.bubble(&said).expect("shown").reactions[0].from, Side::Business);
    assert!(chat.meta.bubble(&hello).expect("shown").reactions.is_empty());
}

#[tokio::test]
async fn ticks_go_from_sent_over_delivered_to_read_and_the_endpoint_is_told() {
    let chat = Chat::start().await;
    chat.meta.misbehave(Fault::AutomaticStatuses, ALWAYS);
    let said = chat.says("ada", text("hello")).await;
    assert_eq!(chat.meta.bubble(&said).expect("shown").status, Tick::Read, "the endpoint has read it");
    let reply = chat.heard("ada")[0].id.clone();
    chat.until(&reply, |bubble| bubble.status == Tick::Delivered).await;
    chat.meta.see("ada");
    chat.until(&reply, |bubble| bubble.status == Tick::Read).await;
    let statuses = chat
        .meta
        .wait_to_see(|_| {
            let told = chat.exchanges(Kind::Status);
            let told: Vec<_> = told.into_iter().filter(|exchange| exchange.response.is_some()).collect();
            (told.len() == 3).then_some(told)
        })
        .await;
    let value = |index: usize| statuses[index].request["body"]["entry"][0]["changes"][0]["value"].clone();
    for (index, status) in ["sent", "delivered", "read"].into_iter().enumerate() {
        let report = &value(index)["statuses"][0];
        assert_eq!((&report["status"], &report["id"]), (&json!(status), &json!(reply)));
        assert!(report["biz_opaque_callback_data"].is_string(), "what the endpoint gave is given back");
        assert_eq!(report["pricing"].is_object(), status != "read");
    }
    chat.meta.see("ada");
    assert_eq!(chat.exchanges(Kind::Status).len(), 3, "what was read is not read again");
    assert!(chat.meta.listen_to(&reply).is_err(), "it is no voice message");
}

#[tokio::test]
async fn the_inspector_shows_the_webhook_the_question_the_calls_and_no_token() {
    let chat = Chat::start().await;
    chat.meta.read_sessions(|person| Box::pin(async move { Some(json!({ "of": person.id })) }));
    let said = chat.says("ada", text("hello")).await;
    let [webhook] = &chat.exchanges(Kind::Webhook)[..] else { panic!("one webhook") };
    assert_eq!((webhook.message.as_deref(), webhook.person.as_deref()), (Some(said.as_str()), Some("ada")));
    assert!(webhook.request["headers"]["x-hub-signature-256"].is_string() && webhook.took_ms.is_some());
    assert_eq!(webhook.response.as_ref().expect("answered")["status"], json!(200));
    let [question] = &chat.exchanges(Kind::Agent)[..] else { panic!("one question") };
    assert_eq!(
        (question.message.as_deref(), &question.request["body"]["text"]),
        (Some(said.as_str()), &json!("hello"))
    );
    assert_eq!(question.response.as_ref().expect("answered")["body"]["outputStack"][0]["text"], json!("hello!"));
    let [read, send] = &chat.exchanges(Kind::Graph)[..] else { panic!("two calls") };
    assert_eq!(read.message.as_deref(), Some(said.as_str()));
    assert_eq!(send.message.as_ref(), Some(&chat.heard("ada")[0].id));
    let lines = serde_json::to_string(&chat.meta.feed()).expect("JSON");
    assert!(!lines.contains("EAADEVELOPMENTTOKEN") && !lines.contains("appsecret_proof"));
    assert!(lines.contains(r#""state":{"of":"ada"}"#), "the session is shown");
}

#[tokio::test]
async fn pages_are_told_everything_from_the_start_and_let_go_in_the_end() {
    let chat = Chat::start().await;
    chat.says("ada", text("hello")).await;
    let http = whatsapp_endpoint::https::client().expect("a client");
    let mut page = http.get(format!("{}/api/events", chat.url)).send().await.expect("an answer");
    let mut told = String::new();
    while !told.contains("event: ready") {
        told.push_str(&String::from_utf8_lossy(&page.chunk().await.expect("open").expect("more")));
    }
    let names: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names[0], "reset");
    for name in ["person", "bubble", "wire", "faults", "endpoint"] {
        assert!(names.contains(&name), "{name} is told: {names:?}");
    }
    assert_eq!(names.iter().filter(|name| **name == "bubble").count(), 2, "each message once, as it is now");
    chat.meta.close();
    while page.chunk().await.expect("no error").is_some() {}
}

#[tokio::test]
async fn a_recording_holds_each_webhook_of_a_conversation_once_as_an_event_of_api_gateway() {
    let chat = Chat::start().await;
    chat.says("ada", text("one")).await;
    chat.says("bob", text("two")).await;
    chat.meta.misbehave(Fault::RepeatWebhook, 0..1);
    chat.says("ada", text("three")).await;
    let recording = chat.meta.recording(Some("ada"));
    assert_eq!((recording.len(), chat.meta.recording(None).len()), (2, 3));
    let event = &recording[1];
    assert!(event["body"].as_str().is_some_and(|body| body.contains("three")));
    assert!(event["headers"]["x-hub-signature-256"].as_str().is_some_and(|value| value.starts_with("sha256=")));
}
