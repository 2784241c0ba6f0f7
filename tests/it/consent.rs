//! What people want of us: a STOP is honoured, whatever becomes of the conversation.

use std::time::Duration;

use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{Conversation, ConversationId, TurnId},
    simulator::{MarketingChoice, Status, UserAction},
    store::{Hold, LeaseToken},
};

use crate::{
    contract::TOKEN,
    deferred_answers::post,
    proactive::{ADA_ID, KEY, call, start},
    support::{
        deployed::{Deployed, LETTERS, QUEUE, echo, graph},
        endpoint::{ADA, Endpoint, NUMBER, Person, webhook},
        listener::Listener,
    },
};

const SETTINGS: [(&str, &str); 4] = [
    ("OPT_OUT_WORDS", "STOP,ABMELDEN"),
    ("OPT_OUT_TEXT", "You are out."),
    ("OPT_IN_WORDS", "START"),
    ("OPT_IN_TEXT", "Welcome back."),
];

async fn opted_in(more: &[(&str, &str)]) -> (Endpoint, Listener) {
    let settings: Vec<_> = SETTINGS.iter().chain(more).copied().collect();
    let (endpoint, agent) = start(&settings).await;
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    (endpoint, agent)
}

/// Whether a notice goes out, and if not, why.
async fn notified(endpoint: &Endpoint, user: &str) -> Value {
    let before = endpoint.replies().len();
    let template = json!({ "type": "template", "name": "hello", "language": "en_US" });
    let (status, body) = call(endpoint, "notify", &json!({ "userId": user, "outputs": [template] })).await;
    match status {
        202 => json!(endpoint.replies().len() - before),
        _ => body["reason"].clone(),
    }
}

/// A webhook in which the person with these ids chooses `value`.
fn choice(ids: &Value, value: &str, second: i64) -> Value {
    let mut entry = ids.clone();
    entry["category"] = json!("marketing_messages");
    entry["value"] = json!(value);
    entry["timestamp"] = json!(second);
    let metadata = json!({ "display_phone_number": "15550009001", "phone_number_id": NUMBER });
    let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, "user_preferences": [entry] });
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000001", "changes": [{ "field": "user_preferences", "value": value }] }] })
}

#[tokio::test]
async fn a_person_who_says_stop_hears_it_once_and_gets_nothing_they_did_not_ask_for() {
    let (endpoint, agent) = opted_in(&[]).await;
    assert_eq!(notified(&endpoint, ADA).await, 1);
    assert_eq!(endpoint.say("Stop. Thank you").await, ["You are out."]);
    assert_eq!(endpoint.say("ABMELDEN!").await, Vec::<String>::new(), "not confirmed again");
    assert_eq!(agent.questions().len(), 1, "the agent does not get the word");
    assert_eq!(notified(&endpoint, ADA).await, "opted_out");
    let (status, body) = call(&endpoint, "inject", &json!({ "userId": ADA, "text": "a" })).await;
    assert_eq!((status, &body["reason"]), (409, &json!("opted_out")));
    // Their own messages are answered, and the agent knows.
    agent.will_say(&json!(["of course"]));
    assert_eq!(endpoint.say("don't stop answering me").await, ["of course"]);
    assert_eq!(agent.questions()[1]["data"]["preferences"], json!({ "optedOut": true }));
    agent.will_say(&json!([{ "type": "template", "name": "sale", "language": "en_US" }, "and words"]));
    assert_eq!(endpoint.say("what else?").await, ["and words"], "no templates, whoever wants to send them");
    assert_eq!(endpoint.say("start").await, ["Welcome back."]);
    assert_eq!(notified(&endpoint, ADA).await, 1);
    agent.will_say(&json!(["a start"]));
    assert_eq!(endpoint.say("START").await, ["a start"], "a word for the agent again");
    assert_eq!(agent.questions()[3]["data"]["preferences"], json!({ "optedOut": false }));
}

#[tokio::test]
async fn only_typed_and_tapped_words_of_a_person_alone_count() {
    let (endpoint, agent) = opted_in(&[]).await;
    let mut caption = endpoint.message(&Person(ADA), "");
    caption["type"] = json!("image");
    caption["image"] = json!({ "id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "STOP" });
    let mut group = endpoint.message(&Person(ADA), "STOP");
    group["group_id"] = json!("GROUP");
    for message in [caption, group] {
        agent.will_say(&json!(["heard"]));
        assert_eq!(endpoint.deliver(&webhook([message])).await, 200);
    }
    assert_eq!(agent.questions().len(), 3);
    let mut button = endpoint.message(&Person(ADA), "");
    button["type"] = json!("button");
    button["button"] = json!({ "payload": "unsubscribe_7", "text": "Stop" });
    assert_eq!(endpoint.deliver(&webhook([button])).await, 200);
    assert_eq!(notified(&endpoint, ADA).await, "opted_out");
}

#[tokio::test]
async fn a_choice_in_whatsapp_counts_like_a_word_and_the_newest_wins() {
    let (endpoint, agent) = opted_in(&[]).await;
    let now = endpoint.now.get().as_second();
    let ids = json!({ "wa_id": ADA });
    assert_eq!(endpoint.deliver(&choice(&ids, "stop", now + 60)).await, 200);
    assert_eq!(notified(&endpoint, ADA).await, "opted_out");
    assert_eq!(endpoint.deliver(&choice(&ids, "resume", now + 30)).await, 200);
    assert_eq!(notified(&endpoint, ADA).await, "opted_out", "older");
    agent.will_say(&json!(["hello"]));
    endpoint.say("hello").await;
    assert_eq!(agent.questions()[1]["data"]["preferences"], json!({ "optedOut": true, "marketing": "stop" }));
    assert_eq!(endpoint.deliver(&choice(&ids, "signup", now + 90)).await, 200);
    assert_eq!(notified(&endpoint, ADA).await, 1);
    // Odd ones are counted and harm nothing.
    for odd in
        [choice(&json!({}), "stop", now), choice(&ids, "dance", now), choice(&json!({ "wa_id": {} }), "stop", now)]
    {
        assert_eq!(endpoint.deliver(&odd).await, 200);
    }
    assert_eq!(notified(&endpoint, ADA).await, 1);
}

#[tokio::test]
async fn a_stop_outlives_the_conversation_and_holds_under_every_name() {
    let (endpoint, agent) = opted_in(&[]).await;
    // By number first; the id becomes known later.
    endpoint.say("stop").await;
    let mut both = endpoint.message(&Person(ADA), "hello");
    both["from_user_id"] = json!(ADA_ID);
    agent.will_say(&json!(["hello"]));
    assert_eq!(endpoint.deliver(&webhook([both])).await, 200);
    for name in [ADA, ADA_ID] {
        assert_eq!(notified(&endpoint, name).await, "opted_out", "{name}");
    }
    // Everything else about the person is gone.
    forget(&endpoint, &[ADA, ADA_ID]).await;
    assert_eq!(notified(&endpoint, ADA).await, "opted_out");
    let mut by_id = endpoint.message(&Person(ADA), "hello");
    by_id.as_object_mut().expect("an object").remove("from");
    by_id["from_user_id"] = json!(ADA_ID);
    agent.will_say(&json!(["hello"]));
    assert_eq!(endpoint.deliver(&webhook([by_id])).await, 200);
    assert_eq!(agent.questions().last().expect("asked")["data"]["preferences"], json!({ "optedOut": true }));
    assert_eq!(notified(&endpoint, ADA_ID).await, "opted_out");
}

/// What time does to conversations: only facts without an end stay.
async fn forget(endpoint: &Endpoint, users: &[&str]) {
    let (store, now) = (&endpoint.app.store, endpoint.now.get());
    for user in users {
        let id = ConversationId { number: NUMBER.into(), user: (*user).to_owned() };
        let lease = LeaseToken { owner: uuid::Uuid::now_v7(), until: now + Duration::from_mins(1) };
        store.claim(&id, &TurnId::of(&id.number, "nothing"), &lease, now, None).await.expect("claimed");
        store.save(&id, &lease, &Conversation::default(), Hold::Release).await.expect("emptied");
    }
}

#[tokio::test]
async fn meta_refusing_a_message_for_a_stop_is_a_stop() {
    let (endpoint, _agent) = opted_in(&[]).await;
    endpoint.meta.speak("dan", &UserAction::Marketing(MarketingChoice::Stop), None).expect("a choice");
    let dan = "15550100400";
    let marketing = json!({ "type": "template", "name": "marketing_sale", "language": "en_US" });
    let (status, body) = call(&endpoint, "notify", &json!({ "userId": dan, "outputs": [marketing] })).await;
    assert_eq!(status, 202, "nobody has told us yet: {body}");
    assert!(endpoint.replies().len() == 1, "Meta refuses it with 131050");
    assert_eq!(notified(&endpoint, dan).await, "opted_out");
}

/// A message of Ada under these names.
fn under(endpoint: &Endpoint, names: &Value, text: &str) -> Value {
    let mut message = endpoint.message(&Person(ADA), text);
    let fields = message.as_object_mut().expect("an object");
    fields.remove("from");
    fields.extend(names.as_object().expect("an object").clone());
    message
}

#[tokio::test]
async fn a_stop_follows_the_person_to_a_new_number() {
    let (endpoint, _agent) = opted_in(&[]).await;
    endpoint.say("stop").await;
    let mut renamed = endpoint.message(&Person(ADA), "");
    renamed["type"] = json!("system");
    renamed["system"] = json!({ "type": "user_changed_number", "wa_id": "15550100201" });
    assert_eq!(endpoint.deliver(&webhook([renamed])).await, 200);
    assert_eq!(notified(&endpoint, "15550100201").await, "opted_out");
    forget(&endpoint, &[ADA, "15550100201"]).await;
    assert_eq!(notified(&endpoint, "15550100201").await, "opted_out", "also when all else is gone");
}

#[tokio::test]
async fn a_stop_by_number_holds_for_a_conversation_that_learns_the_number_later() {
    let (endpoint, agent) = opted_in(&[]).await;
    endpoint.say("stop").await;
    forget(&endpoint, &[ADA]).await;
    for names in [json!({ "from_user_id": ADA_ID }), json!({ "from_user_id": ADA_ID, "from": ADA })] {
        agent.will_say(&json!(["hello"]));
        assert_eq!(endpoint.deliver(&webhook([under(&endpoint, &names, "hello")])).await, 200);
    }
    assert_eq!(agent.questions()[2]["data"]["preferences"], json!({ "optedOut": true }));
    for name in [ADA, ADA_ID] {
        assert_eq!(notified(&endpoint, name).await, "opted_out", "{name}");
    }
}

#[tokio::test]
async fn a_choice_under_the_id_alone_does_not_part_the_conversation() {
    let (endpoint, agent) = opted_in(&[]).await;
    let now = endpoint.now.get().as_second();
    assert_eq!(endpoint.deliver(&choice(&json!({ "user_id": ADA_ID }), "stop", now)).await, 200);
    agent.will_say(&json!(["hello"]));
    let both = under(&endpoint, &json!({ "from_user_id": ADA_ID, "from": ADA }), "hello");
    assert_eq!(endpoint.deliver(&webhook([both])).await, 200);
    let questions = agent.questions();
    assert_eq!(questions[1]["sessionId"], questions[0]["sessionId"]);
    assert_eq!(questions[1]["data"]["preferences"]["optedOut"], true);
    for name in [ADA, ADA_ID] {
        assert_eq!(notified(&endpoint, name).await, "opted_out", "{name}");
    }
}

#[tokio::test]
async fn a_stop_holds_under_every_name_of_a_person_with_two_conversations() {
    let (endpoint, agent) = opted_in(&[]).await;
    // Under the number there is one conversation already; under the id another begins, and is the one that says stop.
    for (names, text) in [
        (json!({ "from_user_id": ADA_ID }), "hello"),
        (json!({ "from_user_id": ADA_ID, "from": ADA }), "hello again"),
        (json!({ "from_user_id": ADA_ID }), "stop"),
    ] {
        if text != "stop" {
            agent.will_say(&json!(["hello"]));
        }
        assert_eq!(endpoint.deliver(&webhook([under(&endpoint, &names, text)])).await, 200);
    }
    for name in [ADA, ADA_ID] {
        assert_eq!(notified(&endpoint, name).await, "opted_out", "{name}");
    }
}

#[tokio::test]
async fn meta_reporting_a_stop_later_is_a_stop() {
    let (endpoint, _agent) = opted_in(&[]).await;
    assert_eq!(notified(&endpoint, ADA).await, 1);
    let wamid = endpoint.meta.wamids().last().expect("sent").clone();
    let failed = endpoint.meta.status(&wamid, Status::Failed(131_050)).expect("known");
    assert_eq!(endpoint.deliver(&failed).await, 200);
    assert_eq!(notified(&endpoint, ADA).await, "opted_out");
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_sent_again_after_a_stop() {
    let (endpoint, agent) = opted_in(&[]).await;
    let picture = json!({ "type": "media", "kind": "image", "url": "https://example.invalid/a.webp" });
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "outputs": [picture] })).await.0, 202);
    agent.will_say(&json!([picture]));
    assert_eq!(call(&endpoint, "inject", &json!({ "userId": ADA, "text": "parcel" })).await.0, 202);
    let wamids = endpoint.meta.wamids();
    let now = endpoint.now.get().as_second();
    assert_eq!(endpoint.deliver(&choice(&json!({ "wa_id": ADA }), "stop", now)).await, 200);
    let before = endpoint.replies().len();
    for (wamid, code) in wamids[1..].iter().zip([131_000, 131_053]) {
        let failed = endpoint.meta.status(wamid, Status::Failed(code)).expect("known");
        assert_eq!(endpoint.deliver(&failed).await, 200);
    }
    assert_eq!(endpoint.replies().split_off(before), Vec::<String>::new());
}

#[tokio::test]
async fn a_late_answer_to_an_inject_is_not_sent_after_a_stop() {
    let (endpoint, agent) = opted_in(&[]).await;
    agent.will_answer(202, r#"{"accepted":true}"#);
    let (status, inject) = call(&endpoint, "inject", &json!({ "userId": ADA, "text": "parcel" })).await;
    assert_eq!(status, 202);
    agent.will_answer(202, r#"{"accepted":true}"#);
    endpoint.say("a question").await;
    let question = agent.questions()[2]["turnId"].clone();
    endpoint.say("stop").await;
    let before = endpoint.replies().len();
    for (turn, text) in [(&inject["turnId"], "about the parcel"), (&question, "an answer")] {
        let body = json!({ "turnId": turn, "outputs": [text] });
        assert_eq!(post(&endpoint, body, TOKEN).await.0, 202);
    }
    assert_eq!(endpoint.replies().split_off(before), ["an answer"], "only what they asked for");
}

#[tokio::test]
async fn what_is_redriven_and_was_not_asked_for_is_not_sent_after_a_stop() {
    let (graph, calls) =
        graph(|call| (1..6).contains(&call).then_some((190, "the token has expired".to_owned()))).await;
    let settings = [("GRAPH_BASE_URL", graph.as_str()), ("OPT_OUT_WORDS", "STOP"), ("OPT_OUT_TEXT", "out")];
    let deployed = Deployed::start_with(&[("api_key", KEY)], &settings, echo).await;
    deployed.hear(&[(ADA, "hello")]).await;
    deployed.drain().await;
    let inject = json!({ "userId": ADA, "text": "parcel" });
    assert_eq!(call(&deployed.endpoint, "inject", &inject).await.0, 202);
    deployed.drain().await;
    assert_eq!(deployed.letters().len(), 1);
    deployed.hear(&[(ADA, "stop")]).await;
    deployed.drain().await;
    deployed.sqs.move_all(LETTERS, QUEUE);
    deployed.drain().await;
    let calls = calls.lock().expect("not poisoned");
    let texts: Vec<_> = calls.iter().map(|call| call["text"]["body"].as_str().unwrap_or_default()).collect();
    assert_eq!((texts[0], &texts[1..6], &texts[6..]), ("hello!", &["parcel!"; 5][..], &["out"][..]));
    assert_eq!(deployed.letters().len(), 1, "it is written down again");
}

#[tokio::test]
async fn a_choice_under_the_number_reaches_a_conversation_under_the_id() {
    let (endpoint, agent) = start(&SETTINGS).await;
    let both = json!({ "from_user_id": ADA_ID, "from": ADA });
    agent.will_say(&json!(["hello"]));
    assert_eq!(endpoint.deliver(&webhook([under(&endpoint, &both, "hello")])).await, 200);
    let now = endpoint.now.get().as_second();
    assert_eq!(endpoint.deliver(&choice(&json!({ "wa_id": ADA }), "stop", now)).await, 200);
    for name in [ADA, ADA_ID] {
        assert_eq!(notified(&endpoint, name).await, "opted_out", "{name}");
    }
    assert_eq!(endpoint.deliver(&webhook([under(&endpoint, &both, "start")])).await, 200);
    assert_eq!(endpoint.replies().last().map(String::as_str), Some("Welcome back."));
    for name in [ADA, ADA_ID] {
        assert_eq!(notified(&endpoint, name).await, 1, "{name}");
    }
}

#[tokio::test]
async fn the_id_of_a_choice_is_no_word_of_the_person() {
    let (endpoint, agent) = opted_in(&[]).await;
    let mut tap = endpoint.message(&Person(ADA), "");
    tap["type"] = json!("interactive");
    tap["interactive"] = json!({ "type": "button_reply", "button_reply": { "id": "stop", "title": "Stop the timer" } });
    agent.will_say(&json!(["stopped"]));
    assert_eq!(endpoint.deliver(&webhook([tap])).await, 200);
    assert_eq!(notified(&endpoint, ADA).await, 1);
}

#[tokio::test]
async fn nobody_is_told_that_an_answer_is_missing_that_they_did_not_ask_for() {
    let (endpoint, agent) = opted_in(&[("FALLBACK_TEXT", "sorry")]).await;
    agent.will_answer(202, r#"{"accepted":true}"#);
    let (_, inject) = call(&endpoint, "inject", &json!({ "userId": ADA, "text": "parcel" })).await;
    let before = endpoint.replies().len();
    let body = json!({ "turnId": inject["turnId"], "outputs": vec!["a"; 9000] });
    assert_eq!(post(&endpoint, body, TOKEN).await.0, 413);
    assert_eq!(endpoint.replies().split_off(before), Vec::<String>::new());
}
