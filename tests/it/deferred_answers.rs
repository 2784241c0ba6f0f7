//! Answers that come later: matched to their turn, in order, once.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    agents::SIGNATURE,
    conversation::{Job, Person as Somebody, Task, TurnId},
    credentials::Secret,
    retry::Clock,
    turn,
    whatsapp::signature::sign,
};

use crate::{
    contract::{TOKEN, schema, sent, start},
    support::{
        endpoint::{ADA, Endpoint, NUMBER, Person, webhook},
        jobs,
        listener::Listener,
        project,
    },
};

/// Posts an answer, signed with this token; returns the status and the reason.
pub async fn post(endpoint: &Endpoint, body: impl ToString, token: &str) -> (u16, String) {
    let body = body.to_string();
    let signature = sign(&Secret::from(token.to_owned()), body.as_bytes());
    let request = Request::post("/agent/reply").header(SIGNATURE, signature).body(Bytes::from(body));
    let response = endpoint.request(request.expect("a request")).await;
    (response.status().as_u16(), response.into_body())
}

/// Ada writes, and the agent promises an answer; returns the id of the turn.
async fn promise(endpoint: &Endpoint, agent: &Listener, text: &str) -> Value {
    agent.will_answer(202, r#"{"accepted":true}"#);
    assert!(endpoint.say(text).await.is_empty());
    agent.questions().last().expect("a question")["turnId"].clone()
}

#[tokio::test]
async fn an_answer_that_comes_later_is_said_once() {
    let (endpoint, agent) = start(&[]).await;
    let turn = promise(&endpoint, &agent, "a hard question").await;
    agent.will_say(&json!(["an easy answer"]));
    endpoint.say("an easy question").await;
    endpoint.now.set(endpoint.now.get() + Duration::from_hours(23));
    let first = json!({ "turnId": turn, "outputs": [{ "type": "text", "text": "part one", "quote": true }, "more"] });
    let second = json!({ "turnId": turn, "id": "2", "outputs": ["part two"] });
    let third = json!({ "turnId": turn, "id": "2", "outputs": ["not said: it has the id of another"] });
    for answer in [&first, &first, &second, &second, &third] {
        assert!(schema("laterAnswer").is_valid(answer));
        assert_eq!(post(&endpoint, answer, TOKEN).await, (202, String::new()));
    }
    assert_eq!(endpoint.replies(), ["an easy answer", "part one", "more", "part two"]);
    assert_eq!(sent(&endpoint)[1]["context"]["message_id"], "wamid.TEST0001==");
    assert!(sent(&endpoint).iter().all(|call| call["to"].as_str().is_some_and(|to| to.ends_with(ADA))));
}

#[tokio::test]
async fn answers_of_one_turn_keep_their_order_while_others_are_given() {
    let (endpoint, agent) = start(&[]).await;
    let (first, second) = (promise(&endpoint, &agent, "one").await, promise(&endpoint, &agent, "two").await);
    for (turn, text) in [(&second, "2a"), (&first, "1"), (&second, "2b")] {
        assert_eq!(post(&endpoint, json!({ "turnId": turn, "outputs": [text] }), TOKEN).await.0, 202);
    }
    assert_eq!(endpoint.replies(), ["2a", "1", "2b"]);
}

#[tokio::test]
async fn an_answer_that_cannot_be_taken_is_refused_with_the_reason() {
    let (endpoint, agent) = start(&[]).await;
    let turn = promise(&endpoint, &agent, "hello").await;
    let answer = json!({ "turnId": turn, "outputs": ["hello"] });
    let status = async |body: Value, token: &str| post(&endpoint, body, token).await;
    assert_eq!(status(answer.clone(), "another-secret").await.0, 401);
    let unsigned = Request::post("/agent/reply").body(Bytes::from(answer.to_string())).expect("a request");
    assert_eq!(endpoint.request(unsigned).await.status(), 401);
    for (body, expected) in [
        (json!({ "outputs": ["hello"] }), "\"turnId\" is missing"),
        (json!({ "turnId": "800#turn#1", "outputs": ["hello"] }), "\"turnId\": a turn's id has 16 hex digits"),
        (json!({ "turnId": turn }), "neither outputs nor"),
        (json!({ "turnId": turn, "outputs": [{ "type": "dance" }] }), "outputs[0]: the type \"dance\""),
        (json!("hello"), "not an object"),
    ] {
        let (status, why) = status(body, TOKEN).await;
        assert!(status == 400 && why.contains(expected), "{status} {why}");
    }
    let unknown = json!({ "turnId": "0123456789abcdef", "outputs": ["hello"] });
    assert_eq!(status(unknown, TOKEN).await.0, 404);
    assert_eq!(post(&endpoint, " ".repeat(4 * 1024 * 1024 + 1), TOKEN).await.0, 413);
    endpoint.now.set(endpoint.now.get() + Duration::from_hours(25));
    assert_eq!(status(answer, TOKEN).await.0, 404, "a day is over");
    assert!(endpoint.replies().is_empty());
}

#[tokio::test]
async fn a_turn_that_was_answered_waits_for_nothing() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    let turn = agent.questions()[0]["turnId"].clone();
    assert_eq!(post(&endpoint, json!({ "turnId": turn, "outputs": ["again"] }), TOKEN).await.0, 404);
}

#[tokio::test]
async fn a_promise_that_could_not_be_checked_is_not_taken() {
    let (agent, url) = Listener::start().await;
    let endpoint = Endpoint::start(&[("AGENT_PROTOCOL", "http"), ("AGENT_URL", &url)]).await;
    agent.will_answer(202, "");
    assert_eq!(endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "hello")])).await, 503);
    assert_eq!(post(&endpoint, json!({ "turnId": "0123456789abcdef", "outputs": ["hi"] }), "").await.0, 401);
}

#[tokio::test]
async fn a_later_answer_touches_its_own_session_only() {
    let (endpoint, agent) = start(&[]).await;
    let turn = promise(&endpoint, &agent, "one").await;
    let remember = json!({ "turnId": turn, "outputs": [], "memory": { "cart": 1 } });
    assert_eq!(post(&endpoint, remember, TOKEN).await.0, 202);
    let turn = promise(&endpoint, &agent, "two").await;
    assert_eq!(post(&endpoint, json!({ "turnId": turn, "session": { "end": true } }), TOKEN).await.0, 202);
    promise(&endpoint, &agent, "three").await;
    let late = json!({ "turnId": turn, "id": "late", "memory": { "cart": 2 }, "session": { "end": true } });
    assert_eq!(post(&endpoint, late, TOKEN).await.0, 202);
    promise(&endpoint, &agent, "four").await;
    let questions = agent.questions();
    let memories: Vec<_> = questions.iter().map(|question| question["memory"].clone()).collect();
    assert_eq!(memories, [Value::Null, json!({ "cart": 1 }), Value::Null, Value::Null]);
    let sessions: Vec<_> = questions.iter().map(|question| question["sessionId"].clone()).collect();
    assert!(sessions[0] == sessions[1] && sessions[1] != sessions[2] && sessions[2] == sessions[3]);
}

#[tokio::test]
async fn a_rotated_token_is_picked_up_at_the_door() {
    let (endpoint, agent) = start(&[]).await;
    let turn = promise(&endpoint, &agent, "hello").await;
    endpoint.change_secret(&[("agent_token", "newer-secret")]);
    assert_eq!(post(&endpoint, json!({ "turnId": turn, "outputs": ["hello"] }), "newer-secret").await.0, 202);
    assert_eq!(endpoint.replies(), ["hello"]);
}

#[tokio::test]
async fn an_answer_outside_the_window_goes_out_as_the_template() {
    let (endpoint, agent) = start(&[("WINDOW_TEMPLATE", "come_back:en_US")]).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    // The message was an hour old when the turn began, so its window closes before the promise does.
    endpoint.now.set(endpoint.now.get() + Duration::from_hours(1));
    agent.will_answer(202, "");
    assert_eq!(endpoint.deliver(&message).await, 200);
    let turn = agent.questions()[0]["turnId"].clone();
    endpoint.now.set(endpoint.now.get() + Duration::from_mins(23 * 60 + 30));
    assert_eq!(post(&endpoint, json!({ "turnId": turn, "outputs": ["too late"] }), TOKEN).await.0, 202);
    assert_eq!(sent(&endpoint)[0]["template"]["name"], "come_back");
}

#[tokio::test]
async fn an_answer_that_the_queue_refuses_has_to_come_again() {
    // Nobody listens at the queue.
    let (endpoint, agent) = start(&[("QUEUE_URL", "http://127.0.0.1:9/000000000000/jobs.fifo")]).await;
    let raw = endpoint.message(&Person(ADA), "hello");
    let job = jobs::of_text(&raw, Somebody { phone: Some(ADA.into()), ..Somebody::default() });
    agent.will_answer(202, "");
    let clock = Clock::start(endpoint.now.get(), endpoint.left.get());
    turn::run(&endpoint.app, &job, 1, &clock).await.expect("the promise is taken");
    let answer = json!({ "turnId": job.id, "outputs": ["hello"] });
    assert_eq!(post(&endpoint, answer, TOKEN).await.0, 503);
    assert!(sent(&endpoint).is_empty());
}

#[test]
fn a_later_answer_goes_through_the_queue_unchanged() {
    let text = std::fs::read_to_string(project("tests/fuzz/seeds/stored/job-deferred.json")).expect("a job");
    let job: Job = serde_json::from_str(&text).expect("a job");
    let Task::Deferred(deferred) = &job.task else { panic!("{job:?}") };
    assert!(deferred.answer.outputs[0].quotes && deferred.answer.ends_session);
    let printed = serde_json::to_value(&job).expect("JSON");
    assert_eq!(printed, serde_json::from_str::<Value>(&text).expect("JSON"));
}

#[tokio::test]
async fn an_answer_that_is_faster_than_its_promise_waits_for_it() {
    let (endpoint, agent) = start(&[]).await;
    let message = endpoint.message(&Person(ADA), "hello");
    let turn = TurnId::of(&NUMBER.into(), message["id"].as_str().expect("an id"));
    agent.will_answer(202, "");
    let answer = json!({ "turnId": turn, "outputs": ["so soon"] });
    let message = webhook([message]);
    let (taken, status) = tokio::join!(post(&endpoint, answer, TOKEN), endpoint.deliver(&message));
    assert_eq!((taken.0, status, endpoint.replies()), (202, 200, vec!["so soon".to_owned()]));
}
