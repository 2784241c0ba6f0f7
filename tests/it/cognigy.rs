//! A Cognigy REST endpoint through the whole turn.

use serde_json::{Value, json};

use crate::support::{
    agent::Agent,
    endpoint::{ADA, Endpoint, Person, signed, webhook},
    project,
};

async fn start() -> (Endpoint, Agent) {
    let (agent, url) = Agent::start().await;
    (
        Endpoint::start(&[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &url), ("AGENT_TIMEOUT_SECONDS", "1")]).await,
        agent,
    )
}

#[tokio::test]
async fn the_agent_gets_who_says_what_in_which_session() {
    let (endpoint, agent) = start().await;
    endpoint.say("hello").await;
    endpoint.say("again").await;
    let asked = agent.asked();
    let first = &asked[0].body;
    assert_eq!((&first["userId"], &first["text"]), (&json!(ADA), &json!("hello")));
    assert_eq!(
        first["data"]["profile"],
        json!({ "name": "Ada Example", "username": null, "wa_id": ADA, "user_id": null })
    );
    assert_eq!(
        (&first["data"]["whatsapp"]["type"], &first["data"]["whatsapp"]["text"]["body"]),
        (&json!("text"), &json!("hello"))
    );
    assert_eq!((&first["data"]["newSession"], &asked[1].body["data"]["newSession"]), (&json!(true), &json!(false)));
    assert_eq!(first["sessionId"], asked[1].body["sessionId"]);
    assert_eq!(
        first["sessionId"].as_str().and_then(|id| id.parse::<uuid::Uuid>().ok()).map(|id| id.get_version_num()),
        Some(7)
    );
    assert_ne!(asked[0].key, asked[1].key);
    assert_eq!(asked[0].authorization, None);
}

#[tokio::test]
async fn the_agent_token_goes_along_and_is_read_again_when_the_agent_refuses_it() {
    let (endpoint, agent) = start().await;
    endpoint.say("hello").await;
    endpoint.change_secret(&[("agent_token", "agent-secret")]);
    agent.will_answer(401, json!({}));
    assert_eq!(endpoint.say("who are you?").await, ["who are you?!"]);
    let tokens: Vec<_> = agent.asked().into_iter().map(|asked| asked.authorization).collect();
    assert_eq!(tokens, [None, None, Some("Bearer agent-secret".to_owned())]);
}

#[tokio::test]
async fn every_kind_of_message_reaches_the_agent_as_meta_sent_it() {
    let (endpoint, agent) = start().await;
    let mut expected = Vec::new();
    for kind in [
        "image",
        "audio_voice",
        "video",
        "document",
        "sticker",
        "location",
        "contacts",
        "order",
        "interactive_list_reply",
        "interactive_nfm_reply_flow",
        "button_template_quick_reply",
        "unknown_type",
        "unsupported_poll",
        "raw_escaped_unicode",
    ] {
        let body = std::fs::read_to_string(project(&format!("tests/fixtures/inbound/{kind}.json"))).expect("a fixture");
        let webhook: Value = serde_json::from_str(&body).expect("JSON");
        expected.push(webhook["entry"][0]["changes"][0]["value"]["messages"][0].clone());
        let signature = signed(&body);
        assert_eq!(endpoint.post(body, Some(&signature)).await.status(), 200, "{kind}");
    }
    let asked = agent.asked();
    let got: Vec<_> = asked.iter().map(|asked| asked.body["data"]["whatsapp"].clone()).collect();
    assert_eq!(got, expected);
    let list = asked.iter().find(|asked| asked.body["data"]["whatsapp"]["type"] == "interactive").expect("a tap");
    assert_eq!(list.body["text"], list.body["data"]["id"]);
    assert!(list.body["data"]["title"].is_string());
}

#[tokio::test]
async fn an_agent_that_fails_is_asked_again_with_the_same_key_and_nothing_is_lost() {
    let (endpoint, agent) = start().await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    agent.will_answer(500, json!({}));
    agent.will_answer(200, json!({ "oops": true }));
    assert_eq!(endpoint.deliver(&message).await, 503, "Meta is asked to send it again");
    assert_eq!(endpoint.deliver(&message).await, 503);
    assert_eq!(endpoint.deliver(&message).await, 200);
    let keys: Vec<_> = agent.asked().into_iter().map(|asked| asked.key).collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(endpoint.replies(), ["hello!"]);
    let inputs = &agent.asked()[2].body["data"]["newSession"];
    assert_eq!(inputs, &json!(true), "a failed turn leaves no trace in the session");
}

#[tokio::test]
async fn a_failing_message_does_not_let_the_next_one_of_the_same_person_overtake_it() {
    let (endpoint, agent) = start().await;
    agent.will_answer(500, json!({}));
    let batch = webhook([endpoint.message(&Person(ADA), "one"), endpoint.message(&Person(ADA), "two")]);
    assert_eq!(endpoint.deliver(&batch).await, 503);
    assert_eq!(agent.heard(), ["one"]);
    assert_eq!(endpoint.deliver(&batch).await, 200);
    assert_eq!(endpoint.replies(), ["one!", "two!"]);
}

#[tokio::test]
async fn a_long_answer_is_split_and_an_empty_one_is_no_message() {
    let (endpoint, agent) = start().await;
    let long = "word ".repeat(2000);
    agent.will_say(&[&long, "", "end"]);
    let replies = endpoint.say("talk").await;
    assert_eq!(replies.len(), 4, "10,000 characters are three messages");
    assert!(replies.iter().all(|reply| reply.chars().count() <= 4096));
    assert_eq!(replies[3], "end");
    agent.will_say(&[]);
    assert!(endpoint.say("silence").await.is_empty(), "acknowledged, and the log says why nobody hears");
}

#[tokio::test]
async fn different_conversations_do_not_wait_for_each_other() {
    let (agent, url) = Agent::start().await;
    let endpoint =
        Endpoint::start(&[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &url), ("AGENT_TIMEOUT_SECONDS", "20")]).await;
    agent.will_wait_for(3);
    let batch = ["15550100200", "15550100201", "15550100202"].map(|from| endpoint.message(&Person(from), "hello"));
    assert_eq!(endpoint.deliver(&webhook(batch)).await, 200, "one after the other, nobody would be answered");
    assert_eq!(endpoint.replies().len(), 3);
}

#[test]
fn every_output_of_a_flow_goes_out_in_its_native_form() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    insta::glob!("../fixtures/cognigy", "*.json", |path| {
        let item: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON");
        insta::assert_json_snapshot!(runtime.block_on(sent(item)));
    });
}

/// What Meta took, without what is the same in all of it.
async fn sent(item: Value) -> Vec<Value> {
    let (endpoint, agent) = start().await;
    agent.will_answer(200, json!({ "outputStack": [item] }));
    assert_eq!(endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "show me")])).await, 200);
    let calls = endpoint.meta.calls().into_iter().filter(|call| call["type"].is_string());
    let bare = |mut call: Value| {
        let fields = call.as_object_mut().expect("an object");
        for name in ["messaging_product", "biz_opaque_callback_data", "recipient_type", "to"] {
            assert!(fields.remove(name).is_some(), "{name} is missing");
        }
        call
    };
    calls.map(bare).collect()
}
