//! Each fault strikes when it is told to, and the endpoint lives with it: nothing is lost, nothing is doubled.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use whatsapp_endpoint::simulator::{ALWAYS, Fault, FeedEvent, Kind, Tick};

use super::{Chat, bubbles, text};
use crate::{
    cloud_api::{Business, answer, fixture},
    support::serve,
};

const SOON: [Duration; 4] = [Duration::from_millis(100); 4];

impl Chat {
    fn words(&self) -> Vec<String> {
        self.heard("ada").into_iter().filter_map(|bubble| bubble.text).collect()
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_made_up_for_by_the_status() {
    let chat = Chat::start().await;
    chat.meta.misbehave(Fault::AutomaticStatuses, ALWAYS);
    chat.meta.repeat_webhooks_after(&SOON);
    chat.meta.misbehave(Fault::LoseAnswer, 0..1);
    chat.says("ada", text("hello")).await;
    assert_eq!((chat.words(), chat.agent.heard().len()), (vec!["hello!".to_owned()], 1));
}

#[tokio::test]
async fn an_answer_that_is_late_is_waited_for() {
    let chat = Chat::start().await;
    chat.meta.misbehave_by(Fault::AnswerLate, 300, 0..1).expect("a value");
    let began = Instant::now();
    chat.says("ada", text("hello")).await;
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(chat.words(), ["hello!"]);
}

#[tokio::test]
async fn a_send_that_meta_cannot_take_now_is_sent_again() {
    for fault in [Fault::ServerError, Fault::RateLimit, Fault::RefuseToken] {
        let chat = Chat::start().await;
        chat.meta.repeat_webhooks_after(&SOON);
        chat.meta.misbehave(fault, 0..1);
        chat.says("ada", text("hello")).await;
        let refused = chat.exchanges(Kind::Graph).into_iter().filter_map(|call| call.response);
        let refused: Vec<_> =
            refused.map(|response| response["status"].clone()).filter(|status| *status != 200).collect();
        let status = match fault {
            Fault::ServerError => 503,
            Fault::RateLimit => 429,
            _ => 401,
        };
        assert_eq!((chat.words(), refused), (vec!["hello!".to_owned()], vec![json!(status)]), "{fault:?}");
    }
}

#[tokio::test]
async fn a_message_that_fails_later_is_shown_with_its_reason() {
    let chat = Chat::start().await;
    chat.meta.misbehave_by(Fault::FailSend, 131_026, 0..1).expect("a value");
    chat.says("ada", text("hello")).await;
    let failed = chat.until(&chat.heard("ada")[0].id, |bubble| bubble.status == Tick::Failed).await;
    assert_eq!(failed.reason.as_deref(), Some("131026 Message undeliverable"));
    chat.says("ada", text("again")).await;
    assert_ne!(chat.heard("ada")[1].status, Tick::Failed, "only the first was to fail");
}

#[tokio::test]
async fn a_webhook_that_comes_twice_is_answered_once() {
    let chat = Chat::start().await;
    chat.meta.misbehave(Fault::RepeatWebhook, ALWAYS);
    chat.says("ada", text("one")).await;
    chat.says("ada", text("two")).await;
    chat.meta
        .wait_to_see(|_| {
            let webhooks = chat.exchanges(Kind::Webhook);
            (webhooks.len() == 4 && webhooks.iter().all(|webhook| webhook.response.is_some())).then_some(())
        })
        .await;
    assert_eq!(chat.words(), ["one!", "two!"]);
}

#[tokio::test]
async fn a_webhook_that_is_overtaken_is_answered_after_the_next() {
    let chat = Chat::start().await;
    chat.meta.misbehave(Fault::ReorderWebhooks, 0..1);
    let _first = chat.meta.say("one");
    chat.meta.wait_to_see(|_| (chat.meta.faults().len() == Fault::ALL.len()).then_some(())).await;
    chat.meta.wait_to_see(|_| is_spent(&chat, "reorder_webhooks").then_some(())).await;
    let _second = chat.meta.say("two");
    chat.hears(2).await;
    assert_eq!(chat.agent.heard(), ["two", "one"]);
    chat.meta.misbehave(Fault::ReorderWebhooks, 0..1);
    chat.says("ada", text("three")).await;
    assert_eq!(chat.agent.heard().len(), 3, "whom nobody overtakes arrives all the same");
}

#[tokio::test]
async fn statuses_out_of_order_do_not_turn_a_tick_back() {
    let chat = Chat::start().await;
    chat.meta.misbehave(Fault::AutomaticStatuses, ALWAYS);
    chat.meta.misbehave(Fault::ReorderWebhooks, 1..2);
    chat.says("ada", text("hello")).await;
    let statuses = chat.meta.wait_to_see(|_| Some(chat.exchanges(Kind::Status)).filter(|told| told.len() == 2)).await;
    let names =
        statuses.iter().map(|told| &told.request["body"]["entry"][0]["changes"][0]["value"]["statuses"][0]["status"]);
    assert_eq!(names.collect::<Vec<_>>(), ["delivered", "sent"]);
    assert_eq!(chat.heard("ada")[0].status, Tick::Delivered);
}

/// Whether a fault has struck as often as it should.
fn is_spent(chat: &Chat, name: &str) -> bool {
    let faults = serde_json::to_value(chat.meta.faults()).expect("JSON");
    faults.as_array().into_iter().flatten().any(|fault| fault["name"] == name && fault["times"] == 0)
}

#[tokio::test]
async fn messages_that_come_in_one_webhook_are_all_answered() {
    let chat = Chat::start().await;
    chat.meta.misbehave_by(Fault::BatchWebhooks, 2, ALWAYS).expect("a value");
    let (_one, _two) = (chat.meta.say("one"), chat.meta.say("two"));
    chat.hears(2).await;
    assert_eq!(chat.exchanges(Kind::Webhook).len(), 1);
    chat.says("ada", text("three")).await;
    assert_eq!(chat.words().len(), 3, "a batch that does not fill up is sent too");
}

#[tokio::test]
async fn files_are_slow_when_they_should_be() {
    let business = Business::start().await;
    let look = async || {
        let began = Instant::now();
        assert_eq!(answer(business.call(http::Method::GET, "700000000000001")).await.0, 200);
        began.elapsed()
    };
    business.meta.misbehave_by(Fault::SlowMedia, 300, 0..1).expect("a value");
    assert!(look().await >= Duration::from_millis(300));
    assert!(look().await < Duration::from_millis(300));
}

#[tokio::test]
async fn after_a_day_only_a_template_arrives() {
    let business = Business::start().await;
    business.meta.connect(&serve(axum::Router::new().fallback(async || ())).await);
    business.meta.misbehave(Fault::Window, ALWAYS);
    let status = async |name: &str| {
        let wamid = business.sent(&fixture(name)).await;
        let state = business.meta.bubble(&wamid).expect("shown");
        (state.status, state.reason)
    };
    assert_eq!(status("text").await.0, Tick::Failed, "nobody has written yet");
    let _opened = business.meta.say("hello");
    assert_eq!(status("text").await.0, Tick::Accepted);
    business.meta.let_time_pass(Duration::from_hours(24));
    let (tick, reason) = status("text").await;
    assert!(tick == Tick::Failed && reason.is_some_and(|reason| reason.starts_with("131047")));
    assert_eq!(status("template_plain").await.0, Tick::Accepted);
}

#[tokio::test]
async fn too_many_messages_to_one_person_or_in_one_second_are_refused() {
    let business = Business::start().await;
    business.meta.misbehave(Fault::PairLimit, ALWAYS);
    for _ in 0..45 {
        business.sent(&fixture("text")).await;
    }
    let code = async || business.send(&fixture("text")).await.1["error"]["code"].clone();
    assert_eq!(code().await, json!(131_056));
    business.meta.let_time_pass(Duration::from_secs(6));
    assert_eq!(code().await, Value::Null, "one more after six seconds");
    business.meta.misbehave(Fault::PairLimit, 0..0);
    business.meta.misbehave_by(Fault::Throughput, 1, ALWAYS).expect("a value");
    assert_eq!(code().await, json!(130_429));
    business.meta.let_time_pass(Duration::from_secs(1));
    assert_eq!(code().await, Value::Null);
}

#[tokio::test]
async fn a_webhook_that_is_not_taken_is_sent_again_and_given_up_in_words() {
    let chat = Chat::start().await;
    chat.meta.repeat_webhooks_after(&SOON[..1]);
    chat.agent.will_answer(500, json!({}));
    chat.says("ada", text("hello")).await;
    assert_eq!(chat.words(), ["hello!"], "the second delivery was taken");
    chat.meta.connect("http://127.0.0.1:9/webhook");
    let lost = chat.meta.say("lost");
    let failed = chat.until(&lost, |bubble| bubble.status == Tick::Failed).await;
    assert!(failed.reason.is_some_and(|reason| reason.contains("cannot be reached")));
    let problems: Vec<_> = chat.meta.feed().into_iter().filter_map(problem).collect();
    assert!(problems.iter().any(|text| text.contains("503") && text.contains("sent again")), "{problems:?}");
    assert!(problems.last().is_some_and(|text| text.contains("given up")), "{problems:?}");
}

fn problem(line: FeedEvent) -> Option<String> {
    if let FeedEvent::Problem { text, .. } = line { Some(text) } else { None }
}

#[tokio::test]
async fn faults_are_switched_through_the_small_api_and_odd_ones_are_refused_in_words() {
    let business = Business::start().await;
    let switch = async |body: Value| {
        let request = business.http.put(format!("{}/api/faults", business.url)).json(&body);
        answer(request).await
    };
    let (status, panel) = switch(json!({ "name": "answer_late", "times": 2, "value": 1 })).await;
    let late = &panel["faults"][1];
    assert_eq!(
        (status, &late["times"], &late["value"], &late["unit"]),
        (200, &json!(2), &json!(1), &json!("milliseconds"))
    );
    business.sent(&fixture("text")).await;
    let (_, panel) = answer(business.http.get(format!("{}/api/faults", business.url))).await;
    assert_eq!(panel["faults"][1]["times"], json!(1), "it counts down");
    let (_, panel) = switch(json!({ "name": "answer_late", "times": null })).await;
    assert_eq!((&panel["faults"][1]["times"], &panel["faults"][1]["value"]), (&Value::Null, &json!(1)));
    for odd in [
        json!({ "name": "nothing", "times": 1 }),
        json!({ "name": "answer_late", "times": 1, "value": 0 }),
        json!({ "name": "lose_answer", "times": 1, "value": 1 }),
        json!({ "times": 1 }),
    ] {
        let (status, said) = switch(odd.clone()).await;
        assert!(status == 400 && said["error"].is_string(), "{odd}: {said}");
    }
    assert_eq!(bubbles(&business.meta).len(), 1);
}
