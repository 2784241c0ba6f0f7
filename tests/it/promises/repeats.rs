//! What comes again changes nothing, and what is given up stays so.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;

use crate::support::{
    deployed::{BOB, Deployed, LETTERS, QUEUE, SORRY, echo, graph},
    endpoint::{ADA, NUMBER, Person, now, webhook},
};

#[tokio::test]
async fn a_repeat_changes_nothing_whenever_it_comes() {
    let deployed = Deployed::start(&[("WINDOW_TEMPLATE", "come_back:en_US")], echo).await;
    let message = webhook([deployed.endpoint.message(&Person(ADA), "hello")]);
    let late = webhook([deployed.endpoint.message(&Person(BOB), "too late")]);
    deployed.endpoint.deliver(&message).await;
    deployed.drain().await;
    for hours in [1, 25, 26, 24 * 7, 24 * 12, 24 * 12 + 1] {
        let at = now() + Duration::from_hours(hours);
        deployed.sqs.skip(at.duration_since(deployed.sqs.now()).unsigned_abs());
        deployed.endpoint.now.set(at);
        assert_eq!(deployed.endpoint.deliver(&message).await, 200);
        deployed.drain().await;
        assert_eq!((deployed.replies_to(ADA), deployed.letters().len()), (vec!["hello!".into()], 0), "after {hours} h");
    }
    // A message that comes late for the first time is answered by a template, once.
    deployed.endpoint.now.set(now() + Duration::from_hours(25));
    for _ in 0..3 {
        deployed.sqs.skip(Duration::from_mins(6));
        assert_eq!(deployed.endpoint.deliver(&late).await, 200);
        deployed.drain().await;
    }
    assert_eq!(deployed.letters().len(), 1);
}

#[tokio::test]
async fn a_job_that_is_given_up_stays_so_until_somebody_moves_its_letter_back() {
    let is_down = Arc::new(Mutex::new(true));
    let down = Arc::clone(&is_down);
    let deployed = Deployed::start(&[], move |question| match *down.lock().expect("not poisoned") {
        true => (503, json!({})),
        false => echo(question),
    })
    .await;
    let message = webhook([deployed.endpoint.message(&Person(ADA), "hello")]);
    deployed.endpoint.deliver(&message).await;
    deployed.drain().await;
    *is_down.lock().expect("not poisoned") = false;
    deployed.sqs.skip(Duration::from_mins(10));
    deployed.endpoint.deliver(&message).await;
    deployed.drain().await;
    assert_eq!(
        (deployed.replies_to(ADA), deployed.asked("hello"), deployed.letters().len()),
        (vec![SORRY.into()], 5, 1)
    );
    // What SQS's own redrive does.
    let letters = deployed.letters();
    deployed.sqs.move_all(LETTERS, QUEUE);
    deployed.drain().await;
    assert_eq!((deployed.replies_to(ADA), deployed.letters().len()), (vec![SORRY.into(), "hello!".into()], 0));
    // The webhook once more, and nothing else.
    deployed.sqs.skip(Duration::from_mins(10));
    deployed.endpoint.deliver(&message).await;
    deployed.drain().await;
    assert_eq!((deployed.replies_to(ADA).len(), letters[0]["tries"].as_u64()), (2, Some(5)));
}

#[tokio::test]
async fn an_answer_that_cannot_be_sent_is_sent_from_its_letter_without_asking_again() {
    let (graph, calls) = graph(|call| (call < 5).then_some((190, "the token has expired".to_owned()))).await;
    let deployed = Deployed::start(&[("GRAPH_BASE_URL", &graph)], echo).await;
    deployed.hear(&[(ADA, "hello")]).await;
    deployed.drain().await;
    assert_eq!((calls.lock().expect("not poisoned").len(), deployed.letters().len()), (5, 1));
    deployed.sqs.move_all(LETTERS, QUEUE);
    deployed.drain().await;
    let last = calls.lock().expect("not poisoned").last().cloned().expect("a call");
    assert_eq!((&last["text"]["body"], deployed.asked("hello")), (&json!("hello!"), 1));
    assert!(deployed.letters().is_empty());
}

#[tokio::test]
async fn a_status_that_tells_of_a_failure_is_one_letter_however_often_it_comes() {
    let deployed = Deployed::start(&[], echo).await;
    let status = |number: &str| {
        let status = json!({ "id": "wamid.X", "status": "failed", "timestamp": "1796040100", "recipient_id": ADA,
            "biz_opaque_callback_data": format!("0011223344556677:0:{ADA}"),
            "errors": [{ "code": 131_026, "title": "Message undeliverable", "error_data": { "details": "to 15550100200" } }] });
        let value = json!({ "metadata": { "phone_number_id": number }, "statuses": [status] });
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "9", "changes": [{ "field": "messages", "value": value }] }] })
    };
    for _ in 0..3 {
        assert_eq!(deployed.endpoint.deliver(&status(NUMBER)).await, 200);
        deployed.drain().await;
        deployed.sqs.skip(Duration::from_mins(6));
    }
    assert_eq!(deployed.reasons(), ["a reply was not delivered: to …"]);
    assert_eq!(deployed.letters()[0]["code"], 131_026);
    // Another stack at the same app has sent these.
    assert_eq!(deployed.endpoint.deliver(&status("800000000000009")).await, 200);
    deployed.drain().await;
    assert_eq!(deployed.letters().len(), 1);
}
