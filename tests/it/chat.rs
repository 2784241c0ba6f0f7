//! Conversations with the demo agent, from signed webhook to Graph call.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    agent::Agent,
    endpoint::{ADA, Endpoint, NUMBER, Person, webhook},
};

#[tokio::test]
async fn the_demo_agent_greets_echoes_counts_and_shows_a_menu() {
    let endpoint = Endpoint::start(&[]).await;
    let [greeting] = &endpoint.say("Good morning").await[..] else { panic!("one reply") };
    assert!(
        greeting.contains("Hello Ada Example") && greeting.contains("Good morning") && greeting.contains("menu"),
        "{greeting}"
    );
    assert_eq!(endpoint.say("what?").await, ["You said: what? (Message 2 of this session.)"]);
    endpoint.say("menu").await;
    let menu = endpoint.meta.calls().pop().expect("a call");
    let buttons = &menu["interactive"]["action"]["buttons"];
    assert_eq!(
        (buttons[0]["reply"]["id"].as_str(), buttons[1]["reply"]["title"].as_str()),
        (Some("hello"), Some("Count messages"))
    );
    assert_eq!(endpoint.say("count").await, ["This is message 4 of this session."]);
    assert!(endpoint.say("connect").await[0].contains("AGENT_URL"));
}

#[tokio::test]
async fn the_demo_agent_shows_everything_that_an_agent_can_say() {
    let endpoint = Endpoint::start(&[]).await;
    endpoint.say("more").await;
    let list = endpoint.meta.calls().pop().expect("a call")["interactive"].clone();
    let sections = list["action"]["sections"].as_array().expect("sections").clone();
    let rows: Vec<_> = sections.iter().flat_map(|section| section["rows"].as_array().expect("rows")).collect();
    assert_eq!(rows.len(), 8);
    for row in rows {
        let id = row["id"].as_str().expect("an id");
        assert!(!endpoint.say(id).await.is_empty(), "{id}");
    }
    let calls = endpoint.meta.calls();
    for kind in ["button", "cta_url", "location_request_message", "request_contact_info"] {
        assert!(calls.iter().any(|call| call["interactive"]["type"] == kind), "{kind}");
    }
    for kind in ["location", "contacts", "reaction"] {
        assert!(calls.iter().any(|call| call["type"] == kind), "{kind}");
    }
}

#[tokio::test]
async fn a_tap_on_a_button_is_heard_as_its_id() {
    let endpoint = Endpoint::start(&[]).await;
    let mut tap = endpoint.message(&Person(ADA), "");
    tap["type"] = json!("interactive");
    tap["interactive"] =
        json!({ "type": "button_reply", "button_reply": { "id": "count", "title": "Count messages" } });
    assert_eq!(endpoint.deliver(&webhook([tap])).await, 200);
    assert_eq!(endpoint.replies(), ["This is message 1 of this session."]);
}

#[tokio::test]
async fn the_person_sees_that_the_message_is_read_before_the_answer_comes() {
    let endpoint = Endpoint::start(&[]).await;
    endpoint.say("hello").await;
    let calls = endpoint.meta.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        (&calls[0]["status"], &calls[0]["message_id"], &calls[0]["typing_indicator"]["type"]),
        (&json!("read"), &json!("wamid.TEST0001=="), &json!("text"))
    );
    assert_eq!((&calls[1]["to"], &calls[1]["recipient_type"]), (&json!("+15550100200"), &json!("individual")));
}

#[tokio::test]
async fn a_second_copy_of_a_message_is_not_answered_twice() {
    let endpoint = Endpoint::start(&[]).await;
    let webhook = webhook([endpoint.message(&Person(ADA), "hello")]);
    for _ in 0..3 {
        assert_eq!(endpoint.deliver(&webhook).await, 200);
    }
    assert_eq!(endpoint.replies().len(), 1);
    let (one, two) = tokio::join!(endpoint.deliver(&webhook), endpoint.deliver(&webhook));
    assert_eq!((one, two, endpoint.replies().len()), (200, 200, 1));
}

#[tokio::test]
async fn two_copies_at_the_same_time_are_answered_once() {
    let endpoint = Endpoint::start(&[]).await;
    let webhook = webhook([endpoint.message(&Person(ADA), "hello")]);
    let (one, two, three) =
        tokio::join!(endpoint.deliver(&webhook), endpoint.deliver(&webhook), endpoint.deliver(&webhook));
    assert_eq!((one, two, three, endpoint.replies().len()), (200, 200, 200, 1));
}

#[tokio::test]
async fn a_batch_of_two_people_and_three_messages_is_answered_in_order_per_person() {
    let endpoint = Endpoint::start(&[]).await;
    let (ada, bob) = (Person(ADA), Person("15550100300"));
    let mut late = endpoint.message(&ada, "two");
    late["timestamp"] = json!((crate::support::endpoint::now().as_second() + 5).to_string());
    let batch = webhook([late, endpoint.message(&bob, "bob"), endpoint.message(&ada, "one")]);
    assert_eq!(endpoint.deliver(&batch).await, 200);
    let to_ada = endpoint.replies_to(Some("+15550100200"));
    assert!(to_ada[0].contains("You said: one") && to_ada[1].contains("You said: two (Message 2"), "{to_ada:?}");
    assert_eq!(endpoint.replies_to(Some("+15550100300")).len(), 1);
}

#[tokio::test]
async fn a_person_without_a_number_is_answered_at_the_bsuid() {
    let endpoint = Endpoint::start(&[]).await;
    let body = std::fs::read_to_string(crate::support::project("tests/fixtures/inbound/text_bsuid_only.json"))
        .expect("a fixture");
    let signature = crate::support::endpoint::signed(&body);
    assert_eq!(endpoint.post(body, Some(&signature)).await.status(), 200);
    let call = endpoint.meta.calls().pop().expect("a reply");
    assert!(call["recipient"].as_str().is_some_and(|id| id.starts_with("US.")) && call["to"].is_null(), "{call}");
}

#[tokio::test]
async fn messages_to_another_number_and_kinds_that_want_no_answer_are_left_alone() {
    let endpoint = Endpoint::start(&[]).await;
    let mut other = webhook([endpoint.message(&Person(ADA), "hello")]);
    other["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = json!("1");
    assert_eq!(endpoint.deliver(&other).await, 200);
    let mut reaction = endpoint.message(&Person(ADA), "");
    reaction["type"] = json!("reaction");
    reaction["reaction"] = json!({ "message_id": "wamid.X", "emoji": "👍" });
    assert_eq!(endpoint.deliver(&webhook([reaction])).await, 200);
    assert!(endpoint.meta.calls().is_empty());
}

#[tokio::test]
async fn a_disabled_endpoint_acknowledges_and_does_nothing_else() {
    let endpoint = Endpoint::start(&[("ENDPOINT_ENABLED", "false")]).await;
    assert!(endpoint.say("hello").await.is_empty());
    assert!(endpoint.meta.calls().is_empty());
    assert_eq!(endpoint.post("{}", None).await.status(), 401, "signatures are checked all the same");
}

#[tokio::test]
async fn the_delay_is_kept_between_two_replies_and_not_before_the_first() {
    let (agent, url) = Agent::start().await;
    let endpoint =
        Endpoint::start(&[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &url), ("MESSAGE_DELAY_MS", "300")]).await;
    agent.will_say(&["one", "two", "three"]);
    let started = std::time::Instant::now();
    assert_eq!(endpoint.say("count").await, ["one", "two", "three"]);
    assert!(started.elapsed() >= Duration::from_millis(600), "two pauses");
}

#[tokio::test]
async fn a_rotated_token_is_picked_up_and_no_reply_is_lost() {
    let endpoint = Endpoint::start(&[]).await;
    endpoint.say("hello").await;
    endpoint.meta.rotate_token("EAANEWTOKEN");
    endpoint.change_secret(&[("access_token", " EAANEWTOKEN\n")]);
    assert_eq!(endpoint.say("still there?").await.len(), 1);
}

#[tokio::test]
async fn a_rotated_app_secret_costs_no_reply() {
    let endpoint = Endpoint::start(&[]).await;
    endpoint.say("hello").await;
    endpoint.meta.rotate_app_secret("new app secret");
    endpoint.change_secret(&[("app_secret", "new app secret"), ("app_secret_previous", "development-app-secret")]);
    assert_eq!(endpoint.say("still there?").await.len(), 1, "signed with the old secret, answered with the new proof");
}

#[tokio::test]
async fn a_reply_that_meta_refuses_the_token_for_follows_when_the_secret_is_right() {
    let (agent, url) = Agent::start().await;
    let endpoint = Endpoint::start(&[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &url)]).await;
    endpoint.meta.rotate_token("EAANEWTOKEN");
    let webhook = webhook([endpoint.message(&Person(ADA), "hello")]);
    assert_eq!(endpoint.deliver(&webhook).await, 503, "Meta is asked to send it again");
    endpoint.meta.rotate_token("EAADEVELOPMENTTOKEN");
    assert_eq!(endpoint.deliver(&webhook).await, 200);
    assert_eq!(
        (endpoint.replies(), agent.heard()),
        (vec!["hello!".to_owned()], vec!["hello".to_owned()]),
        "the agent was asked once"
    );
}

#[tokio::test]
async fn a_reply_that_is_refused_for_good_does_not_stop_the_next_one() {
    let (agent, url) = Agent::start().await;
    let endpoint = Endpoint::start(&[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &url)]).await;
    let mut odd = endpoint.message(&Person("1"), "hello");
    odd["from"] = json!("1");
    agent.will_say(&["one", "two"]);
    assert_eq!(endpoint.deliver(&webhook([odd])).await, 200, "the simulator takes no number of one digit");
    assert!(endpoint.replies().is_empty());
    assert_eq!(endpoint.say("hello").await.len(), 1);
}

#[tokio::test]
async fn webhooks_and_messages_of_a_missing_number_wait_at_meta() {
    let endpoint = Endpoint::start(&[]).await;
    endpoint.change_secret(&[("phone_number_id", "")]);
    let mut message = webhook([endpoint.message(&Person(ADA), "hello")]);
    message["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = json!("2");
    assert_eq!(endpoint.deliver(&message).await, 503);
    message["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = json!(NUMBER);
    assert_eq!(endpoint.deliver(&message).await, 503, "nothing is lost while the secret is not filled in");
}

#[tokio::test]
async fn a_webhook_of_a_thousand_messages_is_answered_in_full() {
    const PEOPLE: usize = 100;
    let (agent, url) = Agent::start().await;
    let endpoint = Endpoint::start(&[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &url)]).await;
    // As long as it takes on a busy machine: here nothing is timed.
    endpoint.left.set(Duration::from_mins(2));
    let phone = |index: usize| format!("1555020{:04}", index % PEOPLE);
    let messages = (0..1000).map(|index| {
        let mut message = endpoint.message(&Person(ADA), &format!("{:03}{}", index / PEOPLE, " ".repeat(2700)));
        message["from"] = json!(phone(index));
        message
    });
    let webhook = webhook(messages);
    assert!(
        webhook.to_string().len() > 2_500_000,
        "nearly the 3 MB that Meta sends at most: {}",
        webhook.to_string().len()
    );
    for _ in 0..1000 {
        agent.will_say(&["answered"]);
    }
    assert_eq!(endpoint.deliver(&webhook).await, 200);
    assert_eq!(endpoint.replies().len(), 1000);
    for index in 0..PEOPLE {
        let asked = agent.asked().into_iter().filter(|asked| asked.body["userId"] == phone(index));
        let texts: Vec<_> = asked.map(|asked| asked.body["text"].as_str().expect("text").trim().to_owned()).collect();
        assert!(texts.len() == 10 && texts.is_sorted(), "{texts:?}");
    }
}
