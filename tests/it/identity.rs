//! One person, several names: the conversation stays one.

use serde_json::{Value, json};

use crate::support::{
    agent::Agent,
    endpoint::{ADA, Endpoint, Person, webhook},
};

const BSUID: &str = "US.90000000000000000001";
const NEXT_BSUID: &str = "US.90000000000000000002";

async fn start(settings: &[(&str, &str)]) -> (Endpoint, Agent) {
    let (agent, url) = Agent::start().await;
    let settings: Vec<_> =
        [("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", url.as_str())].iter().chain(settings).copied().collect();
    (Endpoint::start(&settings).await, agent)
}

/// A message from somebody with these names.
fn from(endpoint: &Endpoint, phone: Option<&str>, bsuid: Option<&str>, text: &str) -> Value {
    let mut message = endpoint.message(&Person(ADA), text);
    let fields = message.as_object_mut().expect("an object");
    fields.remove("from");
    fields.extend(phone.map(|phone| ("from".to_owned(), json!(phone))));
    fields.extend(bsuid.map(|bsuid| ("from_user_id".to_owned(), json!(bsuid))));
    message
}

/// The notice that somebody goes by other names from now on.
fn renamed(endpoint: &Endpoint, from: Option<&str>, system: &Value) -> Value {
    let mut message = endpoint.message(&Person(ADA), "");
    let fields = message.as_object_mut().expect("an object");
    fields.remove("from");
    fields.remove("text");
    fields.extend(from.map(|phone| ("from".to_owned(), json!(phone))));
    message["type"] = json!("system");
    message["system"] = system.clone();
    let mut webhook = webhook([message]);
    webhook["entry"][0]["changes"][0]["value"].as_object_mut().expect("a value").remove("contacts");
    webhook
}

async fn hear(endpoint: &Endpoint, message: Value) {
    assert_eq!(endpoint.deliver(&webhook([message])).await, 200);
}

/// Who the agent was told is speaking, in which session.
fn speakers(agent: &Agent) -> Vec<(Value, Value)> {
    agent.asked().into_iter().map(|asked| (asked.body["userId"].clone(), asked.body["sessionId"].clone())).collect()
}

fn recipients(endpoint: &Endpoint) -> Vec<String> {
    let sent = endpoint.meta.calls().into_iter().filter(|call| call["type"].is_string());
    sent.map(|call| call["to"].as_str().or(call["recipient"].as_str()).expect("somebody").to_owned()).collect()
}

#[tokio::test]
async fn a_person_seen_first_without_a_bsuid_stays_in_the_same_conversation() {
    let (endpoint, agent) = start(&[]).await;
    hear(&endpoint, from(&endpoint, Some(ADA), None, "by number")).await;
    hear(&endpoint, from(&endpoint, Some(ADA), Some(BSUID), "by both")).await;
    hear(&endpoint, from(&endpoint, None, Some(BSUID), "by id")).await;
    hear(&endpoint, from(&endpoint, Some(ADA), None, "by number again")).await;
    let speakers = speakers(&agent);
    assert!(speakers.len() == 4 && speakers.iter().all(|speaker| *speaker == speakers[0]), "{speakers:?}");
    assert!(recipients(&endpoint).iter().all(|to| *to == format!("+{ADA}")), "the number stays known");
}

#[tokio::test]
async fn a_person_with_a_bsuid_only_is_answered_through_recipient() {
    let (endpoint, _) = start(&[]).await;
    hear(&endpoint, from(&endpoint, None, Some(BSUID), "hello")).await;
    assert_eq!(recipients(&endpoint), [BSUID]);
    assert_eq!(endpoint.replies_to(Some(BSUID)), ["hello!"]);
}

#[tokio::test]
async fn a_person_whose_bsuid_changes_keeps_the_session() {
    let (endpoint, agent) = start(&[]).await;
    let first = from(&endpoint, None, Some(BSUID), "before");
    hear(&endpoint, first.clone()).await;
    let system =
        json!({ "body": "changed", "type": "user_changed_user_id", "user_id": NEXT_BSUID, "previous_user_id": BSUID });
    let notice = renamed(&endpoint, None, &system);
    for _ in 0..2 {
        assert_eq!(endpoint.deliver(&notice).await, 200);
    }
    hear(&endpoint, from(&endpoint, None, Some(NEXT_BSUID), "after")).await;
    // Meta repeats the first message, and a late one still carries the old name.
    hear(&endpoint, first).await;
    hear(&endpoint, from(&endpoint, None, Some(BSUID), "late")).await;
    let speakers = speakers(&agent);
    assert_eq!(agent.heard(), ["before", "after", "late"], "the notice is not put to the agent");
    assert!(speakers.iter().all(|speaker| *speaker == speakers[0]), "{speakers:?}");
    assert_eq!(recipients(&endpoint)[..2], [BSUID, NEXT_BSUID]);
}

#[tokio::test]
async fn a_message_that_overtakes_the_notice_of_the_new_name_loses_nothing() {
    let (endpoint, agent) = start(&[]).await;
    let first = from(&endpoint, None, Some(BSUID), "before");
    hear(&endpoint, first.clone()).await;
    hear(&endpoint, from(&endpoint, None, Some(NEXT_BSUID), "overtakes")).await;
    let system =
        json!({ "body": "changed", "type": "user_changed_user_id", "user_id": NEXT_BSUID, "previous_user_id": BSUID });
    assert_eq!(endpoint.deliver(&renamed(&endpoint, None, &system)).await, 200);
    hear(&endpoint, first).await;
    hear(&endpoint, from(&endpoint, None, Some(NEXT_BSUID), "after")).await;
    let speakers = speakers(&agent);
    assert_eq!(agent.heard(), ["before", "overtakes", "after"], "a repeat of the first message is still known");
    assert_eq!(speakers[1], speakers[2], "the session that was begun goes on");
}

#[tokio::test]
async fn after_a_change_of_number_nothing_goes_to_the_old_one() {
    let (endpoint, agent) = start(&[("ALSO_ANSWER", "system")]).await;
    hear(&endpoint, from(&endpoint, Some(ADA), Some(BSUID), "before")).await;
    let system = json!({ "body": "changed", "type": "user_changed_number", "wa_id": "15550100999", "user_id": NEXT_BSUID, "previous_user_id": BSUID });
    assert_eq!(endpoint.deliver(&renamed(&endpoint, Some(ADA), &system)).await, 200);
    let hidden =
        json!({ "body": "changed", "type": "user_changed_user_id", "user_id": BSUID, "previous_user_id": NEXT_BSUID });
    assert_eq!(endpoint.deliver(&renamed(&endpoint, None, &hidden)).await, 200);
    assert_eq!(recipients(&endpoint), [format!("+{ADA}"), "+15550100999".to_owned(), BSUID.to_owned()]);
    let speakers = speakers(&agent);
    assert!(speakers.len() == 3 && speakers.iter().all(|speaker| *speaker == speakers[0]), "{speakers:?}");
    let profile = &agent.asked()[2].body["data"]["profile"];
    assert_eq!((&profile["wa_id"], &profile["name"]), (&Value::Null, &json!("Ada Example")));
}

#[tokio::test]
async fn an_old_number_without_a_bsuid_moves_as_well() {
    let (endpoint, agent) = start(&[]).await;
    hear(&endpoint, from(&endpoint, Some(ADA), None, "before")).await;
    let system = json!({ "body": "changed", "type": "user_changed_number", "wa_id": "15550100999" });
    assert_eq!(endpoint.deliver(&renamed(&endpoint, Some(ADA), &system)).await, 200);
    hear(&endpoint, from(&endpoint, Some("15550100999"), None, "after")).await;
    let speakers = speakers(&agent);
    assert_eq!(speakers[0], speakers[1]);
}
