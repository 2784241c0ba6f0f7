//! What is acknowledged is safe: through the real doors, the queue between them, and a store with the limits of the real one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{Json, Router, body::Bytes, http::HeaderMap, response::IntoResponse};
use jiff::Timestamp;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{Conversation, ConversationId, JobId, ReplyId},
    outbox::Outbox,
    store::{Claim, Embedded, Hold, Lease, Store, StoreError},
};

use crate::support::{
    endpoint::{ADA, Endpoint, NUMBER, Person, now, webhook},
    serve,
    sqs::Sqs,
};

const QUEUE: &str = "jobs.fifo";
const LETTERS: &str = "letters.fifo";
const BOB: &str = "15550100300";
const SORRY: &str = "Sorry, please try again later.";
const INVOCATION: Duration = Duration::from_secs(30);

/// An endpoint behind a queue, and an agent that answers as `say` does; the texts it was asked, in order.
struct Deployed {
    endpoint: Endpoint,
    sqs: Sqs,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Deployed {
    async fn start(settings: &[(&str, &str)], say: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self::start_with(&[], settings, say).await
    }

    async fn start_with(
        secret: &[(&str, &str)],
        settings: &[(&str, &str)],
        say: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let (sqs, url) = Sqs::start(now()).await;
        let (queue, letters) = (format!("{url}/0/{QUEUE}"), format!("{url}/0/{LETTERS}"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (say, heard) = (Arc::new(say), Arc::clone(&asked));
        let agent = serve(Router::new().fallback(move |_: HeaderMap, body: Bytes| {
            let (say, heard) = (Arc::clone(&say), Arc::clone(&heard));
            async move {
                // A question may be deeper than a tree can be.
                let unread = if body.is_empty() { Value::Null } else { json!({}) };
                let question: Value = serde_json::from_slice(&body).unwrap_or(unread);
                let text = question["text"].as_str().unwrap_or_default().to_owned();
                let is_slow = text.starts_with("slow");
                heard.lock().expect("not poisoned").push(text);
                if is_slow {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                let (status, answer) = say(&question);
                (axum::http::StatusCode::from_u16(status).expect("a status"), Json(answer)).into_response()
            }
        }))
        .await;
        let base = [
            ("QUEUE_URL", queue.as_str()),
            ("DEAD_LETTER_QUEUE_URL", &letters),
            ("AWS_ENDPOINT_URL", &url),
            ("AWS_REGION", "eu-central-1"),
            ("AGENT_PROTOCOL", "http"),
            ("AGENT_URL", &agent),
            ("FALLBACK_TEXT", SORRY),
        ];
        let vars: BTreeMap<&str, &str> = base.into_iter().chain(settings.iter().copied()).collect();
        let vars: Vec<_> = vars.into_iter().collect();
        let aws = crate::support::parts::aws(0).into_builder().endpoint_url(&url).build();
        let endpoint = Endpoint::start_with_all(secret, &vars, &aws).await;
        Self { endpoint, sqs, asked }
    }

    /// Several people write; returns the status of the webhook.
    async fn hear(&self, messages: &[(&'static str, &str)]) -> u16 {
        let messages: Vec<_> = messages.iter().map(|(from, text)| self.endpoint.message(&Person(from), text)).collect();
        self.endpoint.deliver(&webhook(messages)).await
    }

    async fn drain(&self) -> u32 {
        self.sqs.drain(&self.endpoint.app, QUEUE, INVOCATION).await
    }

    fn letters(&self) -> Vec<Value> {
        self.sqs.bodies(LETTERS)
    }

    fn reasons(&self) -> Vec<String> {
        self.letters().iter().map(|letter| letter["reason"].as_str().expect("a reason").to_owned()).collect()
    }

    fn asked(&self, text: &str) -> usize {
        self.asked.lock().expect("not poisoned").iter().filter(|asked| *asked == text).count()
    }

    fn replies_to(&self, phone: &str) -> Vec<String> {
        self.endpoint.replies_to(Some(&format!("+{phone}")))
    }

    /// Puts the conversations into this store.
    fn keep_in(&mut self, store: Arc<dyn Store>) {
        let app = &mut self.endpoint.app;
        app.store = Arc::clone(&store);
        app.outbox = Outbox::new(
            store,
            app.graph.clone(),
            app.dead_letters.clone(),
            Arc::clone(&app.credentials),
            &app.settings,
        );
    }
}

/// A Graph that refuses the sends for which `refuse` names a code and a reason; it returns its address and the sends.
async fn graph(
    refuse: impl Fn(usize) -> Option<(i64, String)> + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Value>>>) {
    let calls: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (seen, refuse) = (Arc::clone(&calls), Arc::new(refuse));
    let url = serve(Router::new().fallback(move |body: Bytes| {
        let (seen, refuse) = (Arc::clone(&seen), Arc::clone(&refuse));
        async move {
            let call: Value = serde_json::from_slice(&body).unwrap_or_default();
            if call["status"] == "read" {
                return Json(json!({ "success": true })).into_response();
            }
            let mut seen = seen.lock().expect("not poisoned");
            seen.push(call);
            match refuse(seen.len() - 1) {
                None => Json(json!({ "messages": [{ "id": format!("wamid.{}", seen.len()) }] })).into_response(),
                Some((code, details)) => {
                    let error = json!({ "code": code, "message": "refused", "error_data": { "details": details } });
                    (axum::http::StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
                }
            }
        }
    }))
    .await;
    (url, calls)
}

fn echo(question: &Value) -> (u16, Value) {
    (200, json!({ "outputs": [format!("{}!", question["text"].as_str().unwrap_or_default())] }))
}

/// A store that refuses or fails as it is told.
#[derive(Debug)]
struct Refusing {
    inner: Embedded,
    state: Mutex<Refusals>,
}

#[derive(Debug, Default)]
struct Refusals {
    /// Everything fails.
    is_down: bool,
    /// So many writes still fail, before they are done.
    saves: u32,
    /// Nothing can be settled.
    settle: bool,
}

impl Refusing {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: Embedded::in_memory().expect("a store"), state: Mutex::default() })
    }

    fn set(&self, change: impl FnOnce(&mut Refusals)) {
        change(&mut self.state.lock().expect("not poisoned"));
    }

    fn check(&self, fails: impl FnOnce(&mut Refusals) -> bool) -> Result<(), StoreError> {
        let mut state = self.state.lock().expect("not poisoned");
        if state.is_down || fails(&mut state) {
            return Err(StoreError::Unavailable { verb: "do that", source: "ThrottlingException".into() });
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Refusing {
    async fn claim(
        &self,
        id: &ConversationId,
        job: &JobId,
        lease: &Lease,
        now: Timestamp,
        keep_until: Option<Timestamp>,
    ) -> Result<Claim, StoreError> {
        self.check(|_| false)?;
        self.inner.claim(id, job, lease, now, keep_until).await
    }

    async fn save(
        &self,
        id: &ConversationId,
        lease: &Lease,
        next: &Conversation,
        hold: Hold,
    ) -> Result<(), StoreError> {
        self.check(|state| {
            let fails = state.saves > 0;
            state.saves -= u32::from(fails);
            fails
        })?;
        self.inner.save(id, lease, next, hold).await
    }

    async fn read(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.check(|_| false)?;
        self.inner.read(id).await
    }

    async fn remember(&self, key: &str, value: &str, until: Timestamp) -> Result<(), StoreError> {
        self.check(|_| false)?;
        self.inner.remember(key, value, until).await
    }

    async fn recall(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.check(|_| false)?;
        self.inner.recall(key, now).await
    }

    async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, StoreError> {
        self.check(|state| state.settle)?;
        self.inner.settle(id, reply).await
    }
}

#[tokio::test]
async fn an_answer_that_is_too_much_is_asked_for_once_and_takes_nobody_along() {
    for (outputs, what) in [
        ((0..120).map(|index| format!("{index} {}", "a".repeat(4080))).collect::<Vec<_>>(), "bytes, of 327680 at most"),
        ((0..40).map(|index| format!("{index} {}", "漢".repeat(4080))).collect(), "bytes, of 327680 at most"),
        (vec!["a".repeat(1024 * 1024)], "larger than 1048576 bytes"),
    ] {
        let deployed = Deployed::start(&[], move |question| match question["text"].as_str() {
            Some("the one") => (200, json!({ "outputs": outputs })),
            _ => echo(question),
        })
        .await;
        let status = deployed.hear(&[(ADA, "the one"), (ADA, "behind it"), (BOB, "somebody else")]).await;
        assert_eq!((status, deployed.drain().await), (200, 1));
        assert_eq!((deployed.replies_to(ADA), deployed.asked("the one")), (vec![SORRY.into(), "behind it!".into()], 1));
        assert_eq!(deployed.replies_to(BOB), ["somebody else!"]);
        let reasons = deployed.reasons();
        assert!(reasons.len() == 1 && reasons[0].contains(what), "{reasons:?}");
        assert_eq!(deployed.letters()[0]["job"]["message"]["text"], "the one");
    }
}

#[tokio::test]
async fn what_an_agent_wants_to_be_told_is_bounded_where_it_is_kept() {
    let deployed = Deployed::start(&[], |_| (200, json!({ "outputs": ["hi"], "memory": "m".repeat(25_000) }))).await;
    deployed.hear(&[(ADA, "hello")]).await;
    assert_eq!((deployed.drain().await, deployed.replies_to(ADA)), (1, vec![SORRY.into()]));
    assert!(deployed.reasons()[0].contains("the memory has 25002 bytes, and 24576 are kept at most"));
}

#[tokio::test]
async fn an_answer_of_too_many_values_is_not_read() {
    let answer = json!({ "outputs": vec![json!({ "a": 0 }); 100_000] });
    let deployed = Deployed::start(&[], move |_| (200, answer.clone())).await;
    deployed.hear(&[(ADA, "hello")]).await;
    deployed.drain().await;
    assert!(deployed.reasons()[0].contains("it has more than 10000 values"), "{:?}", deployed.reasons());
    assert_eq!(deployed.replies_to(ADA), [SORRY]);
}

#[tokio::test]
async fn while_the_agent_is_down_everybody_is_asked_for_and_nobody_is_charged_for_another() {
    let deployed = Deployed::start(&[], |_| (503, json!({}))).await;
    let texts: Vec<String> = (0..10).map(|index| format!("message {index}")).collect();
    deployed.hear(&texts.iter().map(|text| (ADA, text.as_str())).collect::<Vec<_>>()).await;
    deployed.drain().await;
    assert_eq!(deployed.replies_to(ADA), vec![SORRY; 10]);
    let letters = deployed.letters();
    let said: Vec<_> = letters.iter().map(|letter| letter["job"]["message"]["text"].as_str().expect("words")).collect();
    assert_eq!(said, texts, "each has a letter of ours, in order");
    assert!(letters.iter().all(|letter| letter["tries"] == 5), "{letters:?}");
    assert!(texts.iter().all(|text| deployed.asked(text) <= 5));
}

#[tokio::test]
async fn a_store_that_refuses_for_an_hour_costs_nobody_a_message() {
    let mut deployed = Deployed::start(&[], echo).await;
    let store = Refusing::new();
    deployed.keep_in(store.clone());
    store.set(|state| state.is_down = true);
    deployed.hear(&[(ADA, "hello"), (BOB, "hi")]).await;
    let until = deployed.sqs.now() + Duration::from_hours(1);
    while deployed.sqs.now() < until {
        assert!(deployed.sqs.deliver_once(&deployed.endpoint.app, QUEUE, INVOCATION).await);
    }
    let pauses = deployed.sqs.pauses();
    assert_eq!(pauses[..8].iter().step_by(2).copied().collect::<Vec<_>>(), [5, 20, 80, 150]);
    store.set(|state| state.is_down = false);
    deployed.drain().await;
    assert_eq!((deployed.replies_to(ADA), deployed.replies_to(BOB)), (vec!["hello!".into()], vec!["hi!".into()]));
    assert!(deployed.letters().is_empty() && deployed.asked("hello") == 1);
}

#[tokio::test]
async fn before_the_queue_would_drop_a_job_it_is_written_down() {
    let mut deployed = Deployed::start(&[], echo).await;
    let store = Refusing::new();
    deployed.keep_in(store.clone());
    store.set(|state| state.is_down = true);
    deployed.hear(&[(ADA, "hello")]).await;
    assert_eq!(deployed.drain().await, 900);
    let letters = deployed.letters();
    assert_eq!((letters.len(), &letters[0]["job"]["message"]["text"]), (1, &json!("hello")));
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
async fn every_sign_that_json_allows_can_be_queued() {
    let deployed = Deployed::start(&[], echo).await;
    assert_eq!(deployed.hear(&[(ADA, "odd \u{FFFF} sign"), (BOB, "漢🦀")]).await, 200);
    deployed.drain().await;
    assert_eq!(deployed.replies_to(ADA), ["odd \u{FFFF} sign!"]);
    assert_eq!(deployed.replies_to(BOB), ["漢🦀!"]);
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
async fn what_cannot_be_read_is_a_dead_letter_before_it_is_acknowledged() {
    let deployed = Deployed::start(&[], echo).await;
    let message = |field: &str, value: Value| {
        let mut message = deployed.endpoint.message(&Person(ADA), "help");
        message[field] = value;
        message
    };
    // Odd fields cost nothing but themselves.
    let odd = [("timestamp", json!(1.5)), ("group_id", json!({ "id": "g" })), ("from", json!(15_550_100_200_u64))];
    let odd: Vec<_> = odd.into_iter().map(|(field, value)| message(field, value)).collect();
    assert_eq!(deployed.endpoint.deliver(&webhook(odd)).await, 200);
    deployed.drain().await;
    assert_eq!((deployed.replies_to(ADA).len(), deployed.letters().len()), (3, 0));
    // Without an id or a name nobody can be answered.
    let mut nobody = message("from", Value::Null);
    nobody.as_object_mut().expect("an object").remove("from");
    let mut nameless = webhook([nobody, message("id", Value::Null)]);
    nameless["entry"][0]["changes"][0]["value"]["contacts"] = json!([]);
    deployed.sqs.set_down(LETTERS, true);
    assert_eq!(deployed.endpoint.deliver(&nameless).await, 503, "it could not be written down");
    deployed.sqs.set_down(LETTERS, false);
    assert_eq!(deployed.endpoint.deliver(&nameless).await, 200);
    let letters = deployed.letters();
    assert!(
        letters.len() == 2
            && letters.iter().all(|letter| letter["record"].as_str().expect("a record").contains("help"))
    );
}

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

#[tokio::test]
async fn a_status_that_cannot_be_kept_does_not_hold_up_a_message() {
    let mut deployed = Deployed::start(&[], echo).await;
    let store = Refusing::new();
    deployed.keep_in(store.clone());
    store.set(|state| state.settle = true);
    let mut body = webhook([deployed.endpoint.message(&Person(BOB), "hello")]);
    body["entry"][0]["changes"][0]["value"]["statuses"] =
        json!([{ "id": "wamid.X", "status": "sent", "biz_opaque_callback_data": format!("0011223344556677:0:{ADA}") }]);
    assert_eq!(deployed.endpoint.deliver(&body).await, 503);
    deployed.drain().await;
    assert_eq!(deployed.replies_to(BOB), ["hello!"]);
}

#[tokio::test]
async fn no_time_from_outside_can_stop_us() {
    let deployed = Deployed::start(&[], echo).await;
    let mut message = deployed.endpoint.message(&Person(ADA), "from the end of time");
    message["timestamp"] = json!("253402207200");
    let neighbour = deployed.endpoint.message(&Person(BOB), "hello");
    assert_eq!(deployed.endpoint.deliver(&webhook([message, neighbour])).await, 200);
    deployed.drain().await;
    assert_eq!(deployed.replies_to(BOB), ["hello!"]);
    assert_eq!(deployed.replies_to(ADA), ["from the end of time!"]);
    // The person's window is counted from a time that has been.
    let id = ConversationId { number: NUMBER.into(), user: ADA.into() };
    let kept = deployed.endpoint.app.store.read(&id).await.expect("readable").expect("known");
    assert!(kept.last_message_at.expect("heard") <= deployed.sqs.now());
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
    let lease = Lease { owner: uuid::Uuid::now_v7(), until };
    let claimed = deployed.endpoint.app.store.claim(&id, &JobId::of(NUMBER, "x"), &lease, now(), None).await;
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
    let store = Refusing::new();
    deployed.keep_in(store.clone());
    store.set(|state| state.saves = 1);
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
async fn the_words_of_a_refusal_are_not_written_down() {
    let words = format!("'my card number is 4111' to +{ADA} is not valid, context wamid.HBgLMTU1NTAxMDAyMDA");
    let (graph, _) = graph(move |_| Some((131_009, words.clone()))).await;
    let deployed = Deployed::start(&[("GRAPH_BASE_URL", &graph)], echo).await;
    deployed.hear(&[(ADA, "my card number is 4111")]).await;
    deployed.drain().await;
    let letters = json!(deployed.letters()).to_string();
    let reason = deployed.reasons().concat();
    assert!(reason.contains("131009") && reason.contains("is not valid, context"), "{reason}");
    for word in ["card", "4111", ADA, "HBgL"] {
        assert!(!reason.contains(word), "{reason}");
    }
    let id = ConversationId { number: NUMBER.into(), user: ADA.into() };
    assert!(!letters.contains(&id.group()), "a hash without a key gives the number back");
}

#[tokio::test]
async fn a_message_that_fits_into_no_tree_is_answered_by_every_protocol() {
    for protocol in ["a2a", "http"] {
        let deployed = Deployed::start(&[("AGENT_PROTOCOL", protocol)], |question| {
            // The card is asked for without a body.
            let card = json!({ "url": "/rpc", "protocolVersion": "0.3.0", "preferredTransport": "JSONRPC" });
            let said = json!({ "kind": "message", "messageId": "m", "parts": [{ "kind": "text", "text": "hi" }] });
            match (question.is_null(), question["jsonrpc"].is_string()) {
                (true, _) => (200, card),
                (false, true) => (200, json!({ "jsonrpc": "2.0", "id": 1, "result": said })),
                (false, false) => (200, json!({ "outputs": ["hi"] })),
            }
        })
        .await;
        let odd = [format!("{}1{}", "[".repeat(150), "]".repeat(150)), "1e999".into(), "\"\\ud83d\"".into()];
        for odd in &odd {
            let mut message = deployed.endpoint.message(&Person(ADA), "hello");
            message["odd"] = json!("@@");
            let body = webhook([message]).to_string().replace("\"@@\"", odd);
            let signature = crate::support::endpoint::signed(&body);
            assert_eq!(deployed.endpoint.post(body, Some(&signature)).await.status(), 200);
        }
        deployed.drain().await;
        assert_eq!((deployed.replies_to(ADA), deployed.letters().len()), (vec!["hi".into(); 3], 0), "{protocol}");
    }
}

/// What an agent may answer.
fn answers() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["\\PC{0,40}", Just("漢".repeat(5000)), Just("x".repeat(400_000))];
    let output = prop_oneof![
        text.prop_map(|text| json!(text)),
        "\\PC{1,20}".prop_map(
            |title| json!({ "type": "choices", "text": title, "options": [{ "title": title, "id": "i".repeat(2000) }] })
        ),
        Just(json!({ "type": "dance" })),
        Just(json!(null)),
    ];
    let memory = prop_oneof![Just(Value::Null), Just(json!("m".repeat(30_000))), Just(json!({ "a": [1, null] }))];
    (prop::collection::vec(output, 0..30), memory)
        .prop_map(|(outputs, memory)| json!({ "outputs": outputs, "memory": memory }))
}

/// What a message may hold beside its id and its sender.
fn fields() -> impl Strategy<Value = Value> {
    let odd = prop_oneof![
        Just(json!(null)),
        Just(json!(7)),
        Just(json!("1796040001")),
        Just(json!("99999999999999")),
        Just(json!({ "body": "\u{FFFF} \u{0}" })),
        Just(json!([[[]]])),
        "\\PC{0,20}".prop_map(|text| json!({ "body": text })),
    ];
    let name = prop_oneof!["type", "timestamp", "text", "context", "image", "interactive", "group_id", "from_user_id"];
    prop::collection::btree_map(name, odd, 0..5).prop_map(|fields| json!(fields))
}

#[test]
fn whatever_is_said_each_message_is_answered_or_one_letter_and_its_neighbours_are_answered() {
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let result = TestRunner::new(config).run(&(answers(), fields()), |(answer, fields)| {
        runtime.block_on(async {
            let (said, asked) = (answer.clone(), Arc::new(Mutex::new(0)));
            let count = Arc::clone(&asked);
            let deployed = Deployed::start(&[], move |question| {
                if question["text"] == "hello" {
                    return echo(question);
                }
                *count.lock().expect("not poisoned") += 1;
                (200, said.clone())
            })
            .await;
            let mut message = deployed.endpoint.message(&Person(ADA), "x");
            for (name, value) in fields.as_object().expect("an object") {
                message[name] = value.clone();
            }
            let neighbour = deployed.endpoint.message(&Person(BOB), "hello");
            prop_assert_eq!(deployed.endpoint.deliver(&webhook([message, neighbour])).await, 200);
            deployed.drain().await;
            prop_assert_eq!(deployed.replies_to(BOB), ["hello!"]);
            let asked = *asked.lock().expect("not poisoned");
            // Replies that Graph refuses have letters of their own.
            let is_of_message = |letter: &&Value| letter["job"].is_object() || letter["record"].is_string();
            let letters = deployed.letters().iter().filter(is_of_message).count();
            prop_assert!(asked <= 5 && letters <= 1, "asked {} times, {} letters", asked, letters);
            prop_assert!(asked > 0 || letters == 1 || fields.get("type").is_some(), "it is nowhere");
            Ok(())
        })
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
