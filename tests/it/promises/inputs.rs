//! Nothing that a person or an agent says can stop us, and nothing of it is written where it does not belong.

use std::sync::{Arc, Mutex};

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use whatsapp_endpoint::conversation::ConversationId;

use crate::support::{
    deployed::{BOB, Deployed, LETTERS, SORRY, echo, graph},
    endpoint::{ADA, NUMBER, Person, webhook},
    jobs,
};

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
        assert_eq!(jobs::text(&deployed.letters()[0]["job"]), "the one");
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
async fn every_sign_that_json_allows_can_be_queued() {
    let deployed = Deployed::start(&[], echo).await;
    assert_eq!(deployed.hear(&[(ADA, "odd \u{FFFF} sign"), (BOB, "漢🦀")]).await, 200);
    deployed.drain().await;
    assert_eq!(deployed.replies_to(ADA), ["odd \u{FFFF} sign!"]);
    assert_eq!(deployed.replies_to(BOB), ["漢🦀!"]);
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
