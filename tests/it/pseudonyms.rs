//! `USER_ID_FORMAT=hashed`: the agent gets what was said, and nothing that tells by whom.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    contract::{sent, start},
    support::{
        endpoint::{ADA, Endpoint, Person, webhook},
        listener::Listener,
        project,
    },
};

/// Fields of a webhook that tell who somebody is.
const NAMES: &[&str] = &[
    "from",
    "from_user_id",
    "from_parent_user_id",
    "wa_id",
    "user_id",
    "parent_user_id",
    "username",
    "group_id",
    "formatted_name",
    "first_name",
    "phone",
    "identity_key_hash",
    "new_wa_id",
    "customer",
    "original_message_id",
    "message_id",
];

/// What stands under the names above, the names of profiles, and the ids of messages.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) if NAMES.contains(&name.as_str()) || text.starts_with("wamid.") => {
                        found.insert(text.clone());
                    }
                    Value::Object(profile) if name == "profile" => {
                        found.extend(profile.get("name").and_then(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                names(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn no_documented_message_tells_who_sent_it() {
    let (endpoint, agent) =
        start(&[("USER_ID_FORMAT", "hashed"), ("ALSO_ANSWER", "reaction,edit,revoke,system")]).await;
    agent.will_always_say(&json!([]));
    let mut people = BTreeSet::new();
    for entry in std::fs::read_dir(project("tests/fixtures/inbound")).expect("fixtures") {
        let path = entry.expect("an entry").path();
        let webhook: Value = whatsapp_endpoint::json::read(&std::fs::read(&path).expect("bytes")).expect("JSON");
        let mut found = BTreeSet::new();
        names(&webhook, &mut found);
        if path.ends_with("interactive_nfm_reply_address.json") {
            // The person has written it into the form, and means the agent to read it.
            found.remove("Ada Example");
        }
        let before = agent.heard().len();
        assert_eq!(endpoint.deliver(&webhook).await, 200, "{}", path.display());
        for question in &agent.heard()[before..] {
            let text = std::str::from_utf8(&question.bytes).expect("text");
            let told: Vec<_> = found.iter().filter(|name| text.contains(name.as_str())).collect();
            assert!(told.is_empty(), "{}: {told:?} in {text}", path.display());
            let pseudonym = question.json()["userId"].as_str().expect("a name").to_owned();
            assert!(pseudonym.len() == 32 && pseudonym.bytes().all(|byte| byte.is_ascii_hexdigit()), "{pseudonym}");
            people.insert(pseudonym);
        }
    }
    assert!(agent.heard().len() > 40 && people.len() > 2, "{} questions of {people:?}", agent.heard().len());
}

#[tokio::test]
async fn what_was_said_still_reaches_the_agent() {
    let (endpoint, agent) = start(&[("USER_ID_FORMAT", "hashed")]).await;
    agent.will_say(&json!(["hello"]));
    assert_eq!(endpoint.say("my own words").await, ["hello"]);
    let question = &agent.questions()[0];
    assert_eq!((&question["text"], &question["messages"][0]["type"]), (&json!("my own words"), &json!("text")));
    assert_eq!(question["data"]["whatsapp"]["text"], json!({ "body": "my own words" }));
    assert_eq!(question["data"]["profile"], json!({ "name": null, "username": null, "wa_id": null, "user_id": null }));
    assert!(sent(&endpoint)[0]["to"].as_str().is_some_and(|to| to.ends_with(ADA)), "the answer finds its way");
}

#[tokio::test]
async fn a_pseudonym_lasts_as_long_as_the_verify_token() {
    let settings = [("USER_ID_FORMAT", "hashed")];
    let mut pseudonyms = Vec::new();
    for token in ["one", "one", "another"] {
        let (agent, url) = Listener::start().await;
        let settings = [settings[0], ("AGENT_PROTOCOL", "http"), ("AGENT_URL", url.as_str())];
        let endpoint = Endpoint::start_with_secret(&[("verify_token", token)], &settings).await;
        agent.will_say(&json!(["hello"]));
        endpoint.say("hello").await;
        pseudonyms.push(agent.questions()[0]["userId"].clone());
    }
    assert!(pseudonyms[0] == pseudonyms[1] && pseudonyms[1] != pseudonyms[2], "{pseudonyms:?}");
}

#[tokio::test]
async fn without_a_verify_token_nobody_is_asked() {
    let (agent, url) = Listener::start().await;
    let settings = [("USER_ID_FORMAT", "hashed"), ("AGENT_PROTOCOL", "http"), ("AGENT_URL", url.as_str())];
    let endpoint = Endpoint::start_with_secret(&[("verify_token", "")], &settings).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    assert_eq!((endpoint.deliver(&message).await, agent.heard().len()), (503, 0));
}
