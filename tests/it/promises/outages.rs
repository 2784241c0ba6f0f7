//! Somebody refuses, fails or is slow, for a moment or for hours.

use std::time::Duration;

use serde_json::json;
use whatsapp_endpoint::{
    conversation::{ConversationId, TurnId},
    store::{Claim, LeaseToken},
};

use crate::crashes::crash::{Crash, MayCrash};
use crate::support::{
    deployed::{BOB, Deployed, INVOCATION, LETTERS, QUEUE, SORRY, echo},
    endpoint::{ADA, NUMBER, Person, now, webhook},
    jobs,
    store::{Faulty, Refusals},
};

#[tokio::test]
async fn while_the_agent_is_down_everybody_is_asked_for_and_nobody_is_charged_for_another() {
    let deployed = Deployed::start(&[], |_| (503, json!({}))).await;
    let texts: Vec<String> = (0..10).map(|index| format!("message {index}")).collect();
    deployed.hear(&texts.iter().map(|text| (ADA, text.as_str())).collect::<Vec<_>>()).await;
    deployed.drain().await;
    assert_eq!(deployed.replies_to(ADA), vec![SORRY; 10]);
    let letters = deployed.letters();
    let said: Vec<_> = letters.iter().map(|letter| jobs::text(&letter["job"])).collect();
    assert_eq!(said, texts, "each has a letter of ours, in order");
    assert!(letters.iter().all(|letter| letter["tries"] == 5), "{letters:?}");
    assert!(texts.iter().all(|text| deployed.asked(text) <= 5));
}

#[tokio::test]
async fn a_store_that_refuses_for_an_hour_costs_nobody_a_message() {
    let mut deployed = Deployed::start(&[], echo).await;
    let store = Faulty::new(Refusals::default());
    deployed.keep_in(store.clone());
    store.faults.set(|refused| refused.all = true);
    deployed.hear(&[(ADA, "hello"), (BOB, "hi")]).await;
    let until = deployed.sqs.now() + Duration::from_hours(1);
    while deployed.sqs.now() < until {
        assert!(deployed.sqs.deliver_once(&deployed.endpoint.app, QUEUE, INVOCATION).await);
    }
    let pauses = deployed.sqs.pauses();
    assert_eq!(pauses[..8].iter().step_by(2).copied().collect::<Vec<_>>(), [5, 20, 80, 150]);
    store.faults.set(|refused| refused.all = false);
    deployed.drain().await;
    assert_eq!((deployed.replies_to(ADA), deployed.replies_to(BOB)), (vec!["hello!".into()], vec!["hi!".into()]));
    assert!(deployed.letters().is_empty() && deployed.asked("hello") == 1);
}

#[tokio::test]
async fn before_the_queue_would_drop_a_job_it_is_written_down() {
    let mut deployed = Deployed::start(&[], echo).await;
    let store = Faulty::new(Refusals::default());
    deployed.keep_in(store.clone());
    store.faults.set(|refused| refused.all = true);
    deployed.hear(&[(ADA, "hello")]).await;
    assert_eq!(deployed.drain().await, 900);
    let letters = deployed.letters();
    assert_eq!((letters.len(), jobs::text(&letters[0]["job"])), (1, "hello"));
}

#[tokio::test]
async fn a_dead_letter_queue_that_refuses_keeps_the_job_in_the_queue() {
    let deployed = Deployed::start(&[], |_| (503, json!({}))).await;
    deployed.sqs.set_down(LETTERS, true);
    deployed.hear(&[(ADA, "hello")]).await;
    for _ in 0..9 {
        assert!(deployed.sqs.deliver_once(&deployed.endpoint.app, QUEUE, INVOCATION).await);
    }
    assert_eq!(deployed.asked("hello"), 5);
    deployed.sqs.set_down(LETTERS, false);
    deployed.drain().await;
    assert_eq!(
        (deployed.letters().len(), deployed.replies_to(ADA), deployed.asked("hello")),
        (1, vec![SORRY.into()], 5)
    );
}

#[tokio::test]
async fn a_job_that_the_queue_will_never_take_is_done_at_once_and_holds_up_nobody() {
    let deployed = Deployed::start(&[], echo).await;
    deployed.sqs.refuse(Some(("poison", true)));
    let people = [(ADA, "first"), (ADA, "poison"), (ADA, "third"), (BOB, "hi")];
    assert_eq!(deployed.hear(&people).await, 200);
    assert_eq!(deployed.sqs.bodies(QUEUE).len(), 2, "the others are queued");
    deployed.drain().await;
    assert_eq!(deployed.replies_to(BOB), ["hi!"]);
    let mut replies = deployed.replies_to(ADA);
    replies.sort();
    assert_eq!(replies, ["first!", "poison!", "third!"]);
}

#[tokio::test]
async fn a_part_of_a_batch_that_is_refused_is_not_overtaken() {
    let deployed = Deployed::start(&[], echo).await;
    deployed.sqs.refuse(Some(("first", false)));
    let messages: Vec<_> = ["first", "second"].map(|text| deployed.endpoint.message(&Person(ADA), text)).into();
    let bob = deployed.endpoint.message(&Person(BOB), "hi");
    let body = webhook(messages.into_iter().chain([bob]));
    assert_eq!(deployed.endpoint.deliver(&body).await, 503);
    assert_eq!(deployed.sqs.bodies(QUEUE).len(), 1, "only Bob's");
    deployed.sqs.refuse(None);
    assert_eq!(deployed.endpoint.deliver(&body).await, 200);
    deployed.drain().await;
    assert_eq!(deployed.replies_to(ADA), ["first!", "second!"]);
    assert_eq!(deployed.replies_to(BOB), ["hi!"]);
}

#[tokio::test]
async fn a_status_that_cannot_be_kept_does_not_hold_up_a_message() {
    let mut deployed = Deployed::start(&[], echo).await;
    let store = Faulty::new(Refusals::default());
    deployed.keep_in(store.clone());
    store.faults.set(|refused| refused.settle = true);
    let mut body = webhook([deployed.endpoint.message(&Person(BOB), "hello")]);
    body["entry"][0]["changes"][0]["value"]["statuses"] =
        json!([{ "id": "wamid.X", "status": "sent", "biz_opaque_callback_data": format!("0011223344556677:0:{ADA}") }]);
    assert_eq!(deployed.endpoint.deliver(&body).await, 503);
    deployed.drain().await;
    assert_eq!(deployed.replies_to(BOB), ["hello!"]);
}

#[tokio::test]
async fn a_burst_asks_a_healthy_agent_once_each() {
    let deployed = Deployed::start(&[("AGENT_TIMEOUT_SECONDS", "1")], echo).await;
    let texts = ["slow one", "slow two", "slow three", "slow four", "slow five"];
    deployed.hear(&texts.map(|text| (ADA, text))).await;
    // Time for an agent that takes all of its time, but not for five that do.
    deployed.sqs.drain(&deployed.endpoint.app, QUEUE, Duration::from_millis(6_600)).await;
    assert_eq!(deployed.replies_to(ADA), texts.map(|text| format!("{text}!")));
    assert!(texts.iter().all(|text| deployed.asked(text) == 1));
}

#[tokio::test]
async fn a_busy_conversation_is_postponed_until_its_lease_ends() {
    let deployed = Deployed::start(&[], echo).await;
    let id = ConversationId { number: NUMBER.into(), user: ADA.into() };
    let until = deployed.sqs.now() + Duration::from_mins(1);
    let lease = LeaseToken { owner: uuid::Uuid::now_v7(), until };
    let claimed = deployed.endpoint.app.store.claim(&id, &TurnId::of(&NUMBER.into(), "x"), &lease, now(), None).await;
    assert!(matches!(claimed, Ok(Claim::Fresh(_))));
    deployed.hear(&[(ADA, "hello"), (BOB, "hi")]).await;
    let began = std::time::Instant::now();
    deployed.sqs.deliver_once(&deployed.endpoint.app, QUEUE, INVOCATION).await;
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for a lease");
    assert_eq!(deployed.replies_to(BOB), ["hi!"]);
    assert!(matches!(deployed.sqs.pauses()[..], [60 | 61]), "{:?}", deployed.sqs.pauses());
    deployed.drain().await;
    assert_eq!(deployed.replies_to(ADA), ["hello!"]);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_in_doubt() {
    let mut deployed = Deployed::start(&[], echo).await;
    let store = Faulty::new(Refusals::default());
    deployed.keep_in(store.clone());
    store.faults.set(|refused| refused.saves = 1);
    deployed.hear(&[(ADA, "hello")]).await;
    let began = std::time::Instant::now();
    deployed.drain().await;
    assert!(began.elapsed() < Duration::from_secs(10), "no status is waited for");
    assert_eq!((deployed.replies_to(ADA), deployed.asked("hello")), (vec!["hello!".into()], 1));
}

#[tokio::test]
async fn a_token_that_was_broken_into_lines_is_named_before_anything_is_done() {
    let deployed = Deployed::start_with(&[("access_token", "EAADEVELOP\nMENTTOKEN")], &[], echo).await;
    assert_eq!(deployed.hear(&[(ADA, "hello")]).await, 503);
    let error = deployed.endpoint.app.credentials.keys().await.expect_err("not usable").to_string();
    assert!(error.starts_with("access_token in the secret"), "{error}");
}

#[tokio::test]
async fn a_webhook_that_dies_at_any_await_loses_nothing_while_the_queue_refuses_parts() {
    for polls in 0..25 {
        let deployed = Deployed::start(&[], echo).await;
        let is_final = polls % 2 == 0;
        deployed.sqs.refuse(Some(("second", is_final)));
        let people = [(ADA, "first"), (ADA, "second"), (ADA, "third"), (BOB, "hi")];
        let messages = people.map(|(from, text)| deployed.endpoint.message(&Person(from), text));
        let body = webhook(messages);
        let dead = MayCrash::new(Box::pin(deployed.endpoint.deliver(&body)), Some(Crash::after(polls))).await;
        deployed.sqs.refuse(None);
        if dead != Some(200) {
            assert_eq!(deployed.endpoint.deliver(&body).await, 200, "Meta repeats it");
        }
        deployed.drain().await;
        let (mut ada, bob) = (deployed.replies_to(ADA), deployed.replies_to(BOB));
        // What the queue will never take is done at once, and may overtake what the queue has. Dead between its send and the note of
        // it, and without a status, it is sent again.
        ada.sort();
        if is_final {
            ada.dedup();
        }
        assert_eq!((ada.concat().as_str(), bob.concat().as_str()), ("first!second!third!", "hi!"), "{polls} polls");
    }
}
