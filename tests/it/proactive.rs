//! Systems that speak first: to the agent, and to the person.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use whatsapp_endpoint::{
    simulator::{ALWAYS, Fault},
    store::Dynamo,
};

use crate::{
    contract::{self, sent},
    support::{
        deployed::{Deployed, echo},
        endpoint::{ADA, Endpoint, NUMBER, Person, webhook},
        listener::Listener,
        parts,
    },
};

/// The key of the systems in these stories.
pub const KEY: &str = "key-of-other-systems";
/// Ada's id at the channel.
pub const ADA_ID: &str = "US.90000000000000000001";

/// An endpoint that other systems may speak through, with an agent that repeats what it is told.
pub async fn start(settings: &[(&str, &str)]) -> (Endpoint, Listener) {
    let (agent, url) = Listener::start().await;
    let agent_settings = [("AGENT_PROTOCOL", "http"), ("AGENT_URL", url.as_str()), ("AGENT_TIMEOUT_SECONDS", "1")];
    let settings: Vec<_> = agent_settings.iter().chain(settings).copied().collect();
    let fields = [("agent_token", contract::TOKEN), ("api_key", KEY)];
    (Endpoint::start_with_secret(&fields, &settings).await, agent)
}

/// Calls a route with the key; returns the status and the body.
pub async fn call(endpoint: &Endpoint, route: &str, body: &Value) -> (u16, Value) {
    keyed(endpoint, route, body, None).await
}

/// The same, with the caller's own name for the call.
pub async fn keyed(endpoint: &Endpoint, route: &str, body: &Value, key: Option<&str>) -> (u16, Value) {
    let mut request = Request::post(format!("/{route}")).header("x-api-key", KEY);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    read(endpoint.request(request.body(Bytes::from(body.to_string())).expect("a request")).await)
}

fn read(response: Response<String>) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.into_body();
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn later(endpoint: &Endpoint, time: Duration) {
    endpoint.now.set(endpoint.now.get() + time);
}

#[tokio::test]
async fn what_is_injected_is_answered_to_the_person_in_their_session() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    let receipts = endpoint.meta.calls().len() - sent(&endpoint).len();
    later(&endpoint, Duration::from_mins(29));
    agent.will_say(&json!([{ "type": "text", "text": "your parcel is here", "quote": true }]));
    let body = json!({ "userId": format!("+{ADA}"), "text": "parcel", "data": { "id": 7 } });
    let (status, answered) = call(&endpoint, "inject", &body).await;
    assert_eq!(status, 202, "{answered}");
    let questions = agent.questions();
    let question = &questions[1];
    assert_eq!(question["turnId"], answered["turnId"]);
    assert_eq!((&question["text"], &question["data"]["inject"]), (&json!("parcel"), &json!({ "id": 7 })));
    assert_eq!((&question["sessionId"], &question["newSession"]), (&questions[0]["sessionId"], &json!(false)));
    assert!(question["data"].get("whatsapp").is_none() && question["messages"][0]["type"] == "inject");
    assert!(contract::schema("question").is_valid(question), "{question}");
    assert_eq!(endpoint.replies(), ["hello", "your parcel is here"]);
    assert!(sent(&endpoint)[1].get("context").is_none(), "there is no message to quote");
    assert_eq!(endpoint.meta.calls().len() - sent(&endpoint).len(), receipts, "nobody is shown as reading");
    // The silence begins anew, so the session goes on; the window does not.
    later(&endpoint, Duration::from_mins(29));
    agent.will_say(&json!(["still here"]));
    endpoint.say("hello again").await;
    assert_eq!(agent.questions()[2]["sessionId"], questions[0]["sessionId"]);
}

#[tokio::test]
async fn an_inject_needs_a_person_who_has_written_and_a_session_that_is_open() {
    let (endpoint, agent) = start(&[]).await;
    let inject = async |body: Value| call(&endpoint, "inject", &body).await;
    assert_eq!(inject(json!({ "userId": ADA, "text": "a" })).await.0, 404);
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    let session = agent.questions()[0]["sessionId"].clone();
    for user in ["15550100201", "US.1", "somebody", ""] {
        let (status, why) = inject(json!({ "userId": user, "text": "a" })).await;
        assert_eq!(status, if user.is_empty() { 400 } else { 404 }, "{why}");
    }
    for body in [json!({ "userId": ADA, "text": "" }), json!({ "userId": ADA, "text": 7 }), json!([])] {
        assert_eq!(inject(body).await.0, 400);
    }
    agent.will_say(&json!(["in time"]));
    assert_eq!(inject(json!({ "userId": ADA, "text": "a", "sessionId": session })).await.0, 202);
    for other in [json!("0192d3a0-0000-7000-8000-000000000000"), json!("another")] {
        let (status, body) = inject(json!({ "userId": ADA, "text": "a", "sessionId": other })).await;
        assert_eq!((status, &body["reason"]), (409, &json!("session_over")));
    }
    later(&endpoint, Duration::from_mins(31));
    let (status, body) = inject(json!({ "userId": ADA, "text": "a", "sessionId": session })).await;
    assert_eq!((status, &body["reason"]), (409, &json!("session_over")));
    agent.will_say(&json!(["in a new session"]));
    assert_eq!(inject(json!({ "userId": ADA, "text": "a" })).await.0, 202);
    assert_ne!(agent.questions()[2]["sessionId"], session);
    assert_eq!(endpoint.replies(), ["hello", "in time", "in a new session"]);
}

#[tokio::test]
async fn a_notice_goes_to_the_person_without_the_agent() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_answer(200, r#"{"outputs":["hello"],"memory":{"step":1}}"#);
    endpoint.say("hello").await;
    later(&endpoint, Duration::from_mins(29));
    let quick = json!({ "type": "quick_replies", "text": "Pick",
        "quickReplies": [{ "id": 1, "contentType": "postback", "payload": "p", "title": "One" }] });
    let body = json!({ "userId": ADA, "text": "**now**", "data": { "_cognigy": { "_default": { "_quickReplies": quick } } },
        "outputs": ["and", { "type": "template", "name": "order", "language": "en_US", "params": ["7"] }] });
    let (status, answered) = call(&endpoint, "notify", &body).await;
    assert!(status == 202 && answered["turnId"].as_str().is_some_and(|id| id.len() == 16), "{answered}");
    assert_eq!(endpoint.replies(), ["hello", "*now*", "Pick", "and", "template"]);
    assert_eq!(agent.questions().len(), 1);
    later(&endpoint, Duration::from_mins(29));
    agent.will_say(&json!(["go on"]));
    endpoint.say("1").await;
    let question = &agent.questions()[1];
    assert_eq!((&question["memory"], &question["newSession"]), (&json!({ "step": 1 }), &json!(false)));
}

#[tokio::test]
async fn a_copy_of_a_call_changes_nothing_however_late() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    let body = json!({ "userId": ADA, "text": "once" });
    let first = keyed(&endpoint, "notify", &body, Some("42")).await;
    assert_eq!(first.0, 202);
    for hours in [0, 1, 100] {
        later(&endpoint, Duration::from_hours(hours));
        assert_eq!(keyed(&endpoint, "notify", &body, Some("42")).await, first, "also outside of the window");
    }
    agent.will_say(&json!(["hello"]));
    endpoint.say("again").await;
    assert_eq!(endpoint.replies_to(None).iter().filter(|text| *text == "once").count(), 1);
    let (one, two) = (call(&endpoint, "notify", &body).await, call(&endpoint, "notify", &body).await);
    assert!(one.0 == 202 && two.0 == 202 && one.1 != two.1, "without a key, two equal calls are two: {one:?} {two:?}");
    assert_ne!(keyed(&endpoint, "notify", &body, Some("43")).await.1, first.1);
    for key in ["", &"k".repeat(256)] {
        assert_eq!(keyed(&endpoint, "notify", &body, Some(key)).await.0, 400);
    }
}

#[tokio::test]
async fn the_key_is_shown_in_one_of_three_ways_before_anything_is_looked_at() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    let body = json!({ "userId": ADA, "text": "hi" }).to_string();
    let post = async |path: &str, header: Option<(&str, &str)>, body: &str| {
        let request = Request::post(path);
        let request = header.map_or(Request::post(path), |(name, value)| request.header(name, value));
        read(endpoint.request(request.body(Bytes::from(body.to_owned())).expect("a request")).await)
    };
    let bearer = format!("Bearer {KEY}");
    for (path, header) in [
        ("/notify", Some(("x-api-key", KEY))),
        ("/notify", Some(("authorization", bearer.as_str()))),
        (&format!("/notify/{KEY}"), None),
        (&format!("/inject/{}/", KEY.replace('-', "%2D")), None),
    ] {
        if path.starts_with("/inject") {
            agent.will_say(&json!(["hi"]));
        }
        assert_eq!(post(path, header, &body).await.0, 202, "{path} {header:?}");
    }
    for (path, header) in [
        ("/notify", None),
        ("/inject", Some(("x-api-key", "another"))),
        ("/inject/another", Some(("x-api-key", KEY))),
        ("/notify", Some(("authorization", KEY))),
    ] {
        for body in [body.as_str(), "{", &"x".repeat(300_000)] {
            assert_eq!(post(path, header, body).await.0, 401, "{path} {header:?}");
        }
    }
    let (status, why) = post("/notify", Some(("x-api-key", KEY)), &" ".repeat(200 * 1024 + 1)).await;
    assert_eq!(status, 413, "{why}");
    let looked = Request::get("/inject").body(Bytes::new()).expect("a request");
    assert_eq!(endpoint.request(looked).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post(&format!("/notify/{KEY}/more"), None, &body).await.0, 404);
    // A new key is in force at once.
    endpoint.change_secret(&[("api_key", "new")]);
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(2)).await;
    tokio::time::resume();
    assert_eq!(post("/notify", Some(("x-api-key", "new")), &body).await.0, 202);
}

#[tokio::test]
async fn without_a_key_in_the_secret_nobody_may_speak_and_hears_why() {
    let endpoint = Endpoint::start(&[]).await;
    let (status, why) = call(&endpoint, "notify", &json!({ "userId": ADA, "text": "hi" })).await;
    assert!(status == 401 && why.as_str().is_some_and(|why| why.contains("api_key is empty")), "{why}");
}

#[tokio::test]
async fn outside_of_the_window_a_notice_is_a_template_or_refused() {
    let notice = json!({ "userId": ADA, "text": "hi" });
    let template = json!({ "userId": ADA, "outputs": [{ "type": "template", "name": "hello", "language": "en_US" }] });
    let (endpoint, agent) = start(&[]).await;
    for known in [false, true] {
        let (status, body) = call(&endpoint, "notify", &notice).await;
        assert_eq!((status, &body["reason"]), (409, &json!("window_closed")), "{known}");
        assert_eq!(call(&endpoint, "notify", &template).await.0, 202, "{known}");
        if !known {
            assert_eq!(call(&endpoint, "inject", &notice).await.0, 404, "a template makes nobody known to the agent");
            agent.will_say(&json!(["hello"]));
            endpoint.say("hello").await;
            later(&endpoint, Duration::from_hours(25));
        }
    }
    assert_eq!(endpoint.replies(), ["template", "hello", "template"]);
    let (endpoint, _agent) = start(&[("WINDOW_TEMPLATE", "come_back:en_US")]).await;
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "outputs": ["a", "b"] })).await.0, 202);
    assert_eq!(sent(&endpoint).len(), 1, "one template asks the person to write");
    assert_eq!(sent(&endpoint)[0]["template"]["name"], "come_back");
    for name in ["US.1", "somebody", "123", "1234567890123456"] {
        let body = json!({ "userId": name, "text": "hi" });
        assert_eq!(call(&endpoint, "notify", &body).await.0, 404, "{name} is no phone number and unknown");
    }
}

#[tokio::test]
async fn outside_of_the_window_text_goes_directly_where_the_account_may() {
    let settings = [("DIRECT_SEND", "utility"), ("WINDOW_TEMPLATE", "come_back:en_US")];
    let (endpoint, agent) = start(&settings).await;
    let notice = json!({ "userId": ADA, "outputs": ["hi", { "type": "location", "latitude": 1, "longitude": 2 }] });
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    later(&endpoint, Duration::from_hours(25));
    endpoint.meta.misbehave(Fault::DirectSend, ALWAYS);
    assert_eq!(call(&endpoint, "notify", &notice).await.0, 202);
    let messages = sent(&endpoint);
    assert_eq!((&messages[1]["text"]["body"], &messages[1]["category"]), (&json!("hi"), &json!("utility")));
    assert_eq!(messages[2]["type"], "template", "only text goes directly");
    for code in [100, 139_200] {
        endpoint.meta.misbehave_by(Fault::DirectSend, code, ALWAYS).expect("a code");
        let before = sent(&endpoint).len();
        assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "text": "hi" })).await.0, 202);
        let kinds: Vec<_> = sent(&endpoint)[before..].iter().map(|call| call["type"].clone()).collect();
        assert_eq!(kinds, ["template"], "{code}");
    }
    // Nobody has an agreement with a person who has never written.
    let stranger = json!({ "userId": "15550100299", "text": "hi" });
    assert_eq!(call(&endpoint, "notify", &stranger).await.0, 202);
    assert_eq!(sent(&endpoint).last().expect("sent")["type"], "template");
}

/// Ada, whom Meta names by both.
fn ada(endpoint: &Endpoint, text: &str) -> Value {
    let mut message = endpoint.message(&Person(ADA), text);
    message["from_user_id"] = json!(ADA_ID);
    message
}

#[tokio::test]
async fn a_person_is_found_by_each_of_their_names() {
    for format in ["plain", "hashed"] {
        let (endpoint, agent) = start(&[("USER_ID_FORMAT", format)]).await;
        // Opened by number, then moved to the id that Meta gives.
        agent.will_say(&json!(["hello"]));
        endpoint.say("hello").await;
        agent.will_say(&json!(["hello"]));
        assert_eq!(endpoint.deliver(&webhook([ada(&endpoint, "again")])).await, 200);
        let known = agent.questions()[1]["userId"].as_str().expect("a name").to_owned();
        assert_eq!(known.len() == 32, format == "hashed", "{known}");
        for name in [ADA, ADA_ID, known.as_str(), &format!("+{ADA}")] {
            let (status, body) = call(&endpoint, "notify", &json!({ "userId": name, "text": name })).await;
            assert_eq!(status, 202, "{name}: {body}");
            assert_eq!(endpoint.replies().last().map(String::as_str), Some(name));
        }
    }
}

#[tokio::test]
async fn somebody_who_came_with_both_names_is_found_by_number() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&json!(["hello"]));
    assert_eq!(endpoint.deliver(&webhook([ada(&endpoint, "hello")])).await, 200);
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "text": "hi" })).await.0, 202);
    // Found for as long as the conversation is kept, however often they write.
    for _ in 0..4 {
        later(&endpoint, Duration::from_hours(7 * 24));
        agent.will_say(&json!(["hello"]));
        assert_eq!(endpoint.deliver(&webhook([ada(&endpoint, "hello")])).await, 200);
        later(&endpoint, Duration::from_hours(7 * 24));
        let (_, body) = call(&endpoint, "notify", &json!({ "userId": ADA, "text": "hi" })).await;
        assert_eq!(body["reason"], "window_closed", "known, and silent for a week");
    }
    assert_eq!(agent.questions()[0]["channel"]["phoneNumberId"], NUMBER);
}

#[tokio::test]
async fn the_first_words_of_a_first_conversation_say_who_speaks() {
    let greeting = "I am a machine.";
    let (endpoint, agent) = start(&[("GREETING_TEXT", greeting), ("FALLBACK_TEXT", "sorry")]).await;
    agent.will_answer(400, "{}");
    assert_eq!(endpoint.say("hello").await, ["sorry"], "no agent has spoken yet");
    agent.will_say(&json!(["hello", "there"]));
    assert_eq!(endpoint.say("hello").await, [format!("{greeting}\n\nhello").as_str(), "there"]);
    agent.will_say(&json!(["once"]));
    assert_eq!(endpoint.say("hello").await, ["once"]);
    let (endpoint, agent) = start(&[("GREETING_TEXT", greeting)]).await;
    agent.will_say(&json!([{ "type": "media", "kind": "image", "url": "https://example.com/a.jpg" }]));
    assert_eq!(endpoint.say("hello").await, [greeting, "image"]);
    let (endpoint, agent) = start(&[("GREETING_TEXT", greeting)]).await;
    agent.will_say(&json!(["x".repeat(4090)]));
    assert_eq!(endpoint.say("hello").await.len(), 2, "what does not fit into one message is two");
}

#[tokio::test]
async fn whoever_was_written_to_first_is_greeted_with_the_first_answer() {
    let greeting = "I am a machine.";
    let (endpoint, agent) = start(&[("GREETING_TEXT", greeting)]).await;
    let template = json!({ "type": "template", "name": "hello", "language": "en_US" });
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "outputs": [template] })).await.0, 202);
    agent.will_say(&json!(["hello"]));
    assert_eq!(endpoint.say("hello").await, [format!("{greeting}\n\nhello")]);
    agent.will_say(&json!(["once"]));
    assert_eq!(endpoint.say("hello").await, ["once"]);
}

#[tokio::test]
async fn a_greeting_that_is_due_is_said_under_a_new_name() {
    let greeting = "I am a machine.";
    let (endpoint, agent) = start(&[("GREETING_TEXT", greeting)]).await;
    agent.will_say(&json!([]));
    assert_eq!(endpoint.say("hello").await, Vec::<String>::new(), "the agent has nothing to say");
    for expected in [format!("{greeting}\n\nhello").as_str(), "hello"] {
        agent.will_say(&json!(["hello"]));
        assert_eq!(endpoint.deliver(&webhook([ada(&endpoint, "again")])).await, 200);
        assert_eq!(endpoint.replies().last().map(String::as_str), Some(expected));
    }
}

#[tokio::test]
async fn data_of_a_notice_that_is_no_output_of_cognigy_is_refused() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    for data in [json!("a text"), json!([1]), json!(7), json!({ "a": 1 })] {
        let (status, why) = call(&endpoint, "notify", &json!({ "userId": ADA, "text": "hi", "data": data })).await;
        assert!(status == 400 && why.as_str().is_some_and(|why| why.contains("\"data\"")), "{data}: {why}");
    }
    for data in [json!(null), json!(""), json!({})] {
        assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "text": "hi", "data": data })).await.0, 202);
    }
}

#[tokio::test]
async fn nobody_has_a_name_that_is_longer_than_a_key_of_the_table() {
    let aws = parts::aws(parts::dynamodb_local().await);
    parts::make_table(&aws, "names").await;
    let mut deployed = Deployed::start_with(&[("api_key", KEY)], &[], echo).await;
    deployed.keep_in(Arc::new(Dynamo::new(&aws, "names")));
    for route in ["inject", "notify"] {
        let (status, why) = call(&deployed.endpoint, route, &json!({ "userId": "a".repeat(3000), "text": "hi" })).await;
        assert_eq!(status, 404, "{route}: {why}");
    }
}

#[tokio::test]
async fn a_notice_that_can_never_be_kept_is_refused() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    let (status, why) = call(&endpoint, "notify", &json!({ "userId": ADA, "outputs": vec!["a"; 9000] })).await;
    assert_eq!((status, endpoint.replies().len()), (413, 1), "{why}");
}

#[tokio::test]
async fn somebody_whose_message_the_agent_did_not_answer_has_written() {
    let (endpoint, agent) = start(&[("FALLBACK_TEXT", "sorry")]).await;
    agent.will_answer(400, "{}");
    assert_eq!(endpoint.say("hello").await, ["sorry"]);
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "text": "we are back" })).await.0, 202);
    agent.will_say(&json!(["hello"]));
    assert_eq!(call(&endpoint, "inject", &json!({ "userId": ADA, "text": "a hand-back" })).await.0, 202);
    assert_eq!(endpoint.replies(), ["sorry", "we are back", "hello"]);
}
