//! Every webhook that Meta documents is read without loss.

mod summary;

use std::fmt::Write as _;
use std::sync::Mutex;

use bytes::Bytes;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{Job, Task},
    credentials::Keys,
    json,
    whatsapp::{
        inbound::{self, Event},
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

/// One table of what each webhook is, and one file for each of which the agent gets something.
#[test]
fn every_documented_webhook_is_read_and_put_to_the_agent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let table =
        Mutex::new(format!("{}\n", row("file", "what it is by default", "texts for an agent that wants everything")));
    insta::glob!("../fixtures/inbound", "*.json", |path| {
        let body = std::fs::read_to_string(path).expect("readable");
        let events = events(body.clone());
        let kinds: Vec<_> = events.iter().map(summary::kind).collect();
        let asked = runtime.block_on(asked(body));
        let texts: Vec<_> = asked.iter().map(|asked| asked["text"].to_string()).collect();
        let texts = if texts.is_empty() { "nothing".to_owned() } else { texts.join("; ") };
        let name = path.file_stem().expect("a name").to_string_lossy();
        writeln!(table.lock().expect("not poisoned"), "{}", row(&name, &kinds.join("; "), &texts))
            .expect("a text grows");
        if !asked.is_empty() {
            let parsed: Vec<_> = events.iter().map(summary::of).collect();
            insta::assert_json_snapshot!(json!({ "parsed": parsed, "asked": asked }));
        }
    });
    insta::assert_snapshot!("documented_webhooks", table.into_inner().expect("not poisoned"));
}

fn row(file: &str, kinds: &str, texts: &str) -> String {
    format!("{file:35} | {kinds:50} | {texts}").trim_end().to_owned()
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
    // Several people are answered side by side.
    asked.sort_by_key(|body| body["text"].to_string());
    asked
}

#[test]
fn properties_that_nobody_knows_change_nothing() {
    for (name, body) in fixtures() {
        let mut webhook: Value = json::read(&body).expect("JSON");
        let before: Vec<_> = events(body).iter().map(summary::of).collect();
        invent(&mut webhook);
        let after: Vec<_> = events(webhook.to_string()).iter().map(summary::of).collect();
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

#[test]
fn messages_keep_every_byte() {
    let mut count = 0;
    for (name, body) in fixtures() {
        let text = String::from_utf8(json::repaired(&body).into_owned()).expect("UTF-8");
        for event in events(body) {
            if let Event::Message(received) = event {
                count += 1;
                assert!(text.contains(received.raw.get()), "{name}: the raw message is not as it came");
                let job = received.clone().job(&[]);
                if let Ok(job) = job {
                    let stored = serde_json::to_string(&job).expect("JSON");
                    let again: Job = serde_json::from_str(&stored).expect("a job");
                    let Task::Message(task) = again.task else { panic!("{name}: no message") };
                    assert_eq!(task.message.raw.get(), received.raw.get(), "{name}: the queue changed the message");
                }
            }
        }
    }
    assert!(count >= 45, "only {count} messages");
}

#[test]
fn nothing_in_a_webhook_is_passed_over() {
    for (name, body) in fixtures() {
        let value: Value = json::read(&body).expect("JSON");
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
        {"metadata":{"phone_number_id":"8"},"messages":[{"id":5},{"type":"text"},"x",{"id":"wamid.A","from":"1","timestamp":"x","type":"text","text":{"body":[1]}},
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
            assert!(matches!(event, Event::Unrecognized { .. } | Event::Nothing(_) | Event::Field(_)), "{body}");
        }
    }
}

#[test]
fn a_body_that_holds_nothing_for_us_says_what_is_missing() {
    for (body, why) in [
        ("{}", "entry is missing"),
        (r#"{"object":"whatsapp_business_account","entry":[]}"#, "entry is empty"),
        (r#"{"object":"whatsapp_business_account","entry":[{"id":"1"}]}"#, "an entry has no changes"),
        (r#"{"object":"instagram","entry":[{"messaging":[{"message":{"text":"hi"}}]}]}"#, "object is \"instagram\""),
    ] {
        let events = events(body);
        assert!(matches!(&events[..], [Event::Nothing(found)] if found.starts_with(why)), "{events:?}");
    }
    // The shape of other providers holds somebody's words, which must not be lost.
    let events =
        events(r#"{"contacts":[],"messages":[{"from":"15550100200","id":"A","type":"text","text":{"body":"hi"}}]}"#);
    assert!(
        matches!(&events[..], [Event::Unrecognized { why, .. }] if why.starts_with("messages are outside")),
        "{events:?}"
    );
}

#[test]
fn odd_values_cost_nothing_but_themselves() {
    let content = |kind: &str, object: Value| {
        let message = json!({ "id": "A", "from": "15550100200", "type": kind, kind: object });
        let value = json!({ "metadata": { "phone_number_id": "8" }, "messages": [message] });
        let body = json!({ "object": "whatsapp_business_account", "entry": [{ "changes": [{ "field": "messages", "value": value }] }] });
        match events(body.to_string()).remove(0) {
            Event::Message(received) => received.content.text().map(str::to_owned),
            other => panic!("{other:?}"),
        }
    };
    for (kind, object, text) in [
        ("button", json!({ "payload": "", "text": "Yes" }), Some("Yes")),
        ("button", json!({ "payload": 7, "text": null }), Some("7")),
        ("image", json!({ "caption": "look" }), Some("look")),
        ("audio", json!({ "id": 5, "voice": null, "caption": "hm" }), Some("hm")),
        ("interactive", json!({ "list_reply": { "id": "row-1" } }), Some("row-1")),
        ("interactive", json!({ "type": "button_reply", "button_reply": { "title": "Pizza" } }), Some("Pizza")),
        ("interactive", json!({ "type": ["x"], "button_reply": 1 }), None),
        ("location", json!({ "name": {}, "address": "1 Fake Ave" }), Some("1 Fake Ave")),
        ("order", json!({ "text": 5 }), Some("5")),
        ("text", json!({ "body": null }), None),
    ] {
        assert_eq!(content(kind, object.clone()).as_deref(), text, "{object}");
    }
}

#[test]
fn a_form_keeps_every_digit_and_is_read_from_an_object_too() {
    let number = "12345678901234567890123";
    for answer in [
        format!("\"{{\\\"n\\\":{number},\\\"flow_token\\\":\\\"t\\\"}}\""),
        format!("{{\"n\":{number},\"flow_token\":\"t\"}}"),
    ] {
        let raw = format!(r#"{{"type":"interactive","interactive":{{"nfm_reply":{{"response_json":{answer}}}}}}}"#);
        let raw = serde_json::value::RawValue::from_string(raw).expect("JSON");
        let details = inbound::details(&raw);
        assert_eq!(details.described, [format!("[The person answered the form \"flow\": {{\"n\":{number}}}]")]);
        assert!(details.flow.expect("a form").response.get().contains(number));
    }
}

#[tokio::test]
async fn a_slash_behind_a_path_makes_no_difference() {
    let endpoint = Endpoint::start(&[]).await;
    for (path, status) in [
        ("/webhook/", 401),
        ("/webhook//", 401),
        ("/agent/reply/", 401),
        ("/Webhook", 404),
        ("/", 404),
        ("/api/webhook", 404),
    ] {
        let request = http::Request::post(path).body(Bytes::from("{}")).expect("a request");
        assert_eq!(endpoint.request(request).await.status(), status, "{path}");
    }
}
