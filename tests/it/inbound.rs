//! Every webhook that Meta documents is read without loss.

use bytes::Bytes;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    credentials::Keys,
    whatsapp::{
        inbound::{self, Event, Unanswered},
        signature::SignedBody,
    },
};

use crate::support::{
    agent::Agent,
    endpoint::{Endpoint, signed},
    project,
};

fn events(body: impl Into<Bytes>) -> Vec<Event> {
    inbound::parse(&SignedBody::verify(body.into(), None, &Keys::default(), false).expect("no secret, no signature"))
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let mut fixtures: Vec<_> = std::fs::read_dir(project("tests/fixtures/inbound"))
        .expect("fixtures")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            (path.file_stem().expect("a name").to_string_lossy().into_owned(), std::fs::read(&path).expect("readable"))
        })
        .collect();
    fixtures.sort();
    fixtures
}

#[test]
fn every_documented_webhook_is_read_and_put_to_the_agent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    insta::glob!("../fixtures/inbound", "*.json", |path| {
        let body = std::fs::read_to_string(path).expect("readable");
        let parsed: Vec<_> = events(body.clone()).into_iter().map(summary).collect();
        let asked = runtime.block_on(asked(body));
        insta::assert_json_snapshot!(json!({ "parsed": parsed, "asked": asked }));
    });
}

/// What an agent is asked that wants to hear of everything.
async fn asked(body: String) -> Vec<Value> {
    let (agent, url) = Agent::start().await;
    let settings = [("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &url), ("ALSO_ANSWER", "reaction,edit,revoke,system")];
    let endpoint = Endpoint::start(&settings).await;
    let signature = signed(&body);
    assert_eq!(endpoint.post(body, Some(&signature)).await.status(), 200);
    let mut asked: Vec<_> = agent.asked().into_iter().map(|asked| asked.body).collect();
    for body in &mut asked {
        body["sessionId"] = json!("(new)");
    }
    asked
}

#[test]
fn properties_that_nobody_knows_change_nothing() {
    for (name, body) in fixtures() {
        let mut webhook: Value = serde_json::from_slice(&body).expect("JSON");
        let before: Vec<_> = events(body).into_iter().map(summary).collect();
        invent(&mut webhook);
        let after: Vec<_> = events(webhook.to_string()).into_iter().map(summary).collect();
        assert_eq!(after, before, "{name}");
    }
}

/// Adds to every object a property that Meta has not invented yet.
fn invent(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(invent);
            object.insert("brand_new".into(), json!({ "id": 7, "type": ["x"], "errors": null }));
        }
        Value::Array(values) => values.iter_mut().for_each(invent),
        _ => {}
    }
}

fn summary(event: Event) -> String {
    match event {
        Event::Message(received) => {
            let (content, person, becomes) =
                (received.content.clone(), received.person.clone(), received.becomes.clone());
            let renamed = becomes.map_or_else(String::new, |becomes| format!(", from now on {becomes:?}"));
            match received.job(&[]) {
                Ok(job) => format!("{content:?} → job of {}, {person:?}{renamed}", job.conversation.user),
                Err(Unanswered::Kind(kind)) => format!("{content:?} → no turn ({kind}), {person:?}"),
                Err(Unanswered::NoSender) => format!("{content:?} → no sender"),
            }
        }
        Event::Status(status) => format!("{status:?}"),
        Event::Problem(problem) => format!("{problem:?}"),
        Event::Field(field) => format!("field {field}"),
        Event::Unrecognized { part, why, .. } => format!("unrecognized {}: {why}", part.name()),
    }
}

#[test]
fn messages_keep_every_byte() {
    let mut count = 0;
    for (name, body) in fixtures() {
        let text = String::from_utf8(body.clone()).expect("UTF-8");
        for event in events(body) {
            if let Event::Message(received) = event {
                count += 1;
                assert!(text.contains(received.raw.get()), "{name}: the raw message is not as it came");
                let job = received.clone().job(&[]);
                if let Ok(job) = job {
                    let stored = serde_json::to_string(&job).expect("JSON");
                    let again: whatsapp_endpoint::conversation::Job = serde_json::from_str(&stored).expect("a job");
                    assert_eq!(again.message.raw.get(), received.raw.get(), "{name}: the queue changed the message");
                }
            }
        }
    }
    assert!(count >= 45, "only {count} messages");
}

#[test]
fn nothing_in_a_webhook_is_passed_over() {
    for (name, body) in fixtures() {
        let value: Value = serde_json::from_slice(&body).expect("JSON");
        let mut expected = 0;
        for change in value["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|entry| entry["changes"].as_array().into_iter().flatten())
        {
            let value = &change["value"];
            let count = |list: &str| value[list].as_array().map_or(0, Vec::len);
            expected +=
                if change["field"] == "messages" { count("messages") + count("statuses") + count("errors") } else { 1 };
        }
        assert_eq!(events(body).len(), expected, "{name}");
    }
}

#[test]
fn an_odd_element_does_not_take_its_neighbours_along() {
    let body = r#"{"object":"whatsapp_business_account","entry":[7,{"changes":[{"no":"field"},{"field":"messages","value":
        {"metadata":{"phone_number_id":"8"},"messages":[{"id":5},{"type":"text"},"x",{"id":"wamid.A","from":"1","timestamp":"x","type":"text","text":{"body":1}},
        {"id":"wamid.B","from":"15550100200","timestamp":"1796040001","type":"text","text":{"body":"good"}}],"statuses":[{"id":"s"}]}}]}]}"#;
    let events = events(body);
    let unrecognized = events.iter().filter(|event| matches!(event, Event::Unrecognized { .. })).count();
    let texts: Vec<_> = events
        .into_iter()
        .filter_map(|event| if let Event::Message(received) = event { Some(received.content) } else { None })
        .map(|content| content.text().map(str::to_owned))
        .collect();
    assert_eq!((unrecognized, texts), (5, vec![None, None, Some("good".to_owned())]));
}

#[test]
fn what_is_no_webhook_is_an_event_and_no_panic() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "\u{feff}{}",
        r#"{"entry":[]}"#,
        r#"{"entry":{}}"#,
        "{\"entry\":[{\"changes\":[{\"field\":\"messages\"}]}]}",
    ] {
        for event in events(body) {
            assert!(matches!(event, Event::Unrecognized { .. } | Event::Field(_)), "{body}");
        }
    }
}
