//! What fails: nothing is lost, nothing is doubled, and nothing ends in silence.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use whatsapp_endpoint::{outbox::Outbox, queue::DeadLetters, simulator::Fault, store::StoreError};

use crate::support::{
    agent::Agent,
    endpoint::{ADA, Endpoint, NUMBER, Person, webhook},
    store::{Faults, Faulty, Request},
};

async fn start(settings: &[(&str, &str)]) -> (Endpoint, Agent) {
    let (agent, url) = Agent::start().await;
    let agent_settings = [("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", url.as_str())];
    (Endpoint::start(&[&agent_settings, settings].concat()).await, agent)
}

/// The statuses that Meta sends for the messages of these calls.
fn statuses(calls: &[Value], state: &str) -> Value {
    let sent = calls.iter().filter(|call| call["type"].is_string());
    let statuses: Vec<_> = sent
        .map(|call| json!({ "id": "wamid.X", "status": state, "timestamp": "1796040100", "biz_opaque_callback_data": call["biz_opaque_callback_data"] }))
        .collect();
    let value =
        json!({ "messaging_product": "whatsapp", "metadata": { "phone_number_id": NUMBER }, "statuses": statuses });
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "9", "changes": [{ "field": "messages", "value": value }] }] })
}

#[tokio::test]
async fn a_message_that_comes_a_day_late_is_not_answered() {
    let (endpoint, agent) = start(&[]).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    endpoint.now.set(endpoint.now.get() + Duration::from_hours(24) + Duration::from_secs(1));
    assert_eq!(endpoint.deliver(&message).await, 200, "to repeat it would not help");
    assert!(agent.asked().is_empty() && endpoint.meta.calls().is_empty());
    assert_eq!(endpoint.say("now").await, ["now!"]);
}

#[tokio::test]
async fn a_message_that_comes_hours_late_is_answered() {
    let (endpoint, _) = start(&[]).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    endpoint.now.set(endpoint.now.get() + Duration::from_hours(23));
    assert_eq!(endpoint.deliver(&message).await, 200);
    assert_eq!(endpoint.replies(), ["hello!"]);
}

#[tokio::test]
async fn after_the_fifth_failure_the_person_is_told_and_the_next_message_is_answered() {
    let (endpoint, agent) = start(&[("FALLBACK_TEXT", "Sorry, please try again later.")]).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    for tries in 1..=5 {
        agent.will_answer(500, json!({}));
        let status = endpoint.deliver(&message).await;
        assert_eq!(status, if tries < 5 { 503 } else { 200 }, "try {tries}");
    }
    assert_eq!(endpoint.replies(), ["Sorry, please try again later."]);
    assert_eq!(endpoint.say("again").await, ["again!"]);
}

#[tokio::test]
async fn who_has_to_wait_for_a_second_try_is_told_so_once() {
    let texts = [("DELAY_TEXT", "One moment, please."), ("FALLBACK_TEXT", "Sorry.")];
    let (endpoint, agent) = start(&texts).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    for status in [503, 503, 200] {
        if status == 503 {
            agent.will_answer(500, json!({}));
        }
        assert_eq!(endpoint.deliver(&message).await, status);
    }
    assert_eq!(endpoint.replies(), ["One moment, please.", "hello!"]);
    assert_eq!(endpoint.say("again").await, ["again!"], "who is answered at once is told nothing");
    agent.will_answer(400, json!({}));
    assert_eq!(endpoint.say("and this").await, ["Sorry."], "nor who will get no answer");
}

#[tokio::test]
async fn a_delay_whose_send_is_lost_is_said_before_the_answer() {
    let (endpoint, agent) = start(&[("DELAY_TEXT", "One moment, please."), ("RESEND_AFTER_SECONDS", "0")]).await;
    endpoint.meta.misbehave(Fault::RefuseToken, 0..1);
    agent.will_answer(500, json!({}));
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    assert_eq!(endpoint.deliver(&message).await, 503);
    assert_eq!(endpoint.replies(), [""; 0]);
    assert_eq!(endpoint.deliver(&message).await, 200);
    assert_eq!(endpoint.replies(), ["One moment, please.", "hello!"]);
}

#[tokio::test]
async fn failures_of_different_messages_are_counted_apart() {
    let (endpoint, agent) = start(&[]).await;
    for text in ["one", "two", "three", "four", "five", "six"] {
        let message = webhook([endpoint.message(&Person(ADA), text)]);
        agent.will_answer(500, json!({}));
        assert_eq!((endpoint.deliver(&message).await, endpoint.deliver(&message).await), (503, 200), "{text}");
    }
    assert_eq!(endpoint.replies().len(), 6);
}

#[tokio::test]
async fn a_reply_whose_answer_is_lost_is_settled_by_its_status_and_not_sent_twice() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&["one", "two"]);
    endpoint.meta.lose_answers(0..1);
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    let status = async {
        let calls = endpoint
            .meta
            .wait_for(|calls| calls.iter().any(|call| call["type"].is_string()).then(|| calls.to_vec()))
            .await;
        assert_eq!(endpoint.deliver(&statuses(&calls, "sent")).await, 200);
    };
    let (answered, ()) = tokio::join!(endpoint.deliver(&message), status);
    assert_eq!((answered, endpoint.replies()), (200, vec!["one".to_owned(), "two".to_owned()]));
}

#[tokio::test]
async fn the_second_reply_in_doubt_waits_for_its_status_after_a_new_delivery_too() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_say(&["one", "two", "three"]);
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    // The invocation ends while it waits for the status of the second reply.
    endpoint.meta.lose_answers(1..2);
    endpoint.left.set(Duration::from_secs(4));
    assert_eq!(endpoint.deliver(&message).await, 503);
    assert_eq!(endpoint.replies(), ["one", "two"]);
    assert_eq!(endpoint.deliver(&statuses(&endpoint.meta.calls(), "sent")).await, 200);
    endpoint.left.set(Duration::from_secs(30));
    assert_eq!(endpoint.deliver(&message).await, 200);
    assert_eq!((endpoint.replies(), agent.heard().len()), (["one", "two", "three"].map(String::from).to_vec(), 1));
}

#[tokio::test]
async fn a_reply_in_doubt_is_sent_again_when_no_status_comes() {
    let (endpoint, _) = start(&[("RESEND_AFTER_SECONDS", "0")]).await;
    endpoint.meta.lose_answers(0..1);
    assert_eq!(endpoint.say("hello").await, ["hello!", "hello!"], "better twice than never");
}

#[tokio::test]
async fn a_status_of_a_reply_that_is_not_in_doubt_changes_nothing() {
    let (endpoint, _) = start(&[]).await;
    endpoint.say("hello").await;
    for state in ["sent", "delivered", "read", "failed", "something new"] {
        assert_eq!(endpoint.deliver(&statuses(&endpoint.meta.calls(), state)).await, 200);
    }
    assert_eq!(endpoint.say("again").await, ["again!"]);
}

#[tokio::test]
async fn a_message_that_makes_us_panic_takes_nobody_along() {
    let (mut endpoint, _) = start(&[]).await;
    let store = Faulty::new(PanicAt("15550100666"));
    endpoint.app.outbox = Outbox::new(
        store,
        endpoint.app.graph.clone(),
        DeadLetters::default(),
        endpoint.app.credentials.clone(),
        &endpoint.app.settings,
    );
    let people = ["15550100200", "15550100666", "15550100300"];
    let batch = webhook(people.map(|from| endpoint.message(&Person(from), "hello")));
    assert_eq!(endpoint.deliver(&batch).await, 200, "a panic does not heal by a repeat");
    assert_eq!(endpoint.replies().len(), 2);
}

/// A fault of ours, in everything that concerns one person.
#[derive(Debug)]
struct PanicAt(&'static str);

#[async_trait]
impl Faults for PanicAt {
    async fn before(&self, request: Request<'_>) -> Result<(), StoreError> {
        if let Request::Claim(id, _) = request {
            assert_ne!(id.user, self.0, "a fault of ours");
        }
        Ok(())
    }
}
