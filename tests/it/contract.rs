//! Our own contract through the whole turn, judged by its schema.

use jsonschema::Validator;
use serde_json::{Value, json};
use whatsapp_endpoint::{agents::is_signed, credentials::Secret};

use crate::support::{
    endpoint::{ADA, Endpoint, NUMBER, Person, webhook},
    listener::Listener,
    project,
};

pub const TOKEN: &str = "agent-secret";

/// An endpoint whose secret has an agent token, and its agent.
pub async fn start(settings: &[(&str, &str)]) -> (Endpoint, Listener) {
    let (agent, url) = Listener::start().await;
    let agent_settings = [("AGENT_PROTOCOL", "http"), ("AGENT_URL", url.as_str()), ("AGENT_TIMEOUT_SECONDS", "1")];
    let settings: Vec<_> = agent_settings.iter().chain(settings).copied().collect();
    (Endpoint::start_with_secret(&[("agent_token", TOKEN)], &settings).await, agent)
}

/// The messages that Meta took.
pub fn sent(endpoint: &Endpoint) -> Vec<Value> {
    endpoint.meta.calls().into_iter().filter(|call| call["type"].is_string()).collect()
}

/// What the schema says of one part of the contract.
pub fn schema(part: &str) -> Validator {
    let text = std::fs::read_to_string(project("docs/agents/http.schema.json")).expect("a schema");
    let mut schema: Value = serde_json::from_str(&text).expect("JSON");
    schema.as_object_mut().expect("an object").remove("anyOf");
    schema["$ref"] = json!(format!("#/$defs/{part}"));
    jsonschema::validator_for(&schema).expect("a valid schema")
}

fn assert_valid(part: &str, value: &Value) {
    let faults: Vec<_> = schema(part).iter_errors(value).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{value:#}: {faults:?}");
}

/// One of every output.
fn every_output() -> Value {
    let cat = json!({ "kind": "image", "url": "https://example.com/cat.jpg" });
    let options = json!([{ "id": "a", "title": "Apples" }, { "title": "Pears", "description": "Ripe" }]);
    let card = |title: &str| json!({ "text": title, "media": cat, "actions": [{ "type": "choice", "id": title, "title": title }] });
    json!([
        "Words alone",
        { "type": "text", "text": "Some **words**", "quote": true },
        { "type": "choices", "text": "Pick", "media": cat, "options": [{ "id": "a", "title": "Apples" }, { "title": "Pears" }] },
        { "type": "list", "text": "Pick", "label": "Fruit", "options": options },
        { "type": "list", "text": "Pick", "sections": [{ "title": "Fruit", "options": options }, { "title": "More", "options": [{ "title": "Nuts" }] }] },
        { "type": "link", "text": "Our shop", "label": "Open", "url": "https://example.com/" },
        { "type": "cta", "text": "Our shop", "label": "Open", "url": "https://example.com/" },
        { "type": "card", "text": "Talk to us", "actions": [{ "type": "call", "label": "Call", "number": "+1 555 010 0300" }, { "type": "link", "label": "Write", "url": "https://example.com/" }] },
        { "type": "carousel", "text": "Look", "cards": [card("One"), card("Two")] },
        { "type": "media", "kind": "document", "url": "https://example.com/a.pdf", "caption": "An invoice", "name": "a.pdf" },
        { "type": "media", "kind": "voice", "url": "https://example.com/a.ogg" },
        { "type": "location", "latitude": 52.5, "longitude": 13.4, "name": "Fake Museum", "address": "1 Fake Ave" },
        { "type": "contacts", "contacts": [{ "name": "Bob Example", "phones": ["+15550100300"], "emails": ["bob@example.com"], "organization": "Example", "url": "https://example.com/" }] },
        { "type": "template", "name": "order_update", "language": "en_US", "params": ["1", { "text": "2" }] },
        { "type": "reaction", "emoji": "👍" },
        { "type": "location_request", "text": "Where are you?" },
        { "type": "contact_request", "text": "Your number?" },
        { "type": "flow", "text": "Book", "id": "600000000000001", "label": "Open", "token": "t", "screen": "FIRST", "data": { "day": "Monday" } },
        { "type": "whatsapp", "message": { "type": "text", "text": { "body": "Meta's own words" } } },
    ])
}

#[tokio::test]
async fn the_question_is_what_the_schema_says_and_signed() {
    let (endpoint, agent) = start(&[("AGENT_LOCALE", "de-DE")]).await;
    for _ in 0..2 {
        agent.will_say(&json!(["hello"]));
        endpoint.say("Grüße").await;
    }
    let heard = agent.heard();
    let question = heard[0].json();
    assert_valid("question", &question);
    assert_eq!(
        (&question["version"], &question["userId"], &question["text"], &question["locale"], &question["memory"]),
        (&json!(1), &json!(ADA), &json!("Grüße"), &json!("de-DE"), &Value::Null)
    );
    assert_eq!((&question["newSession"], &heard[1].json()["newSession"]), (&json!(true), &json!(false)));
    assert_eq!(question["sessionId"], heard[1].json()["sessionId"]);
    assert_eq!(
        question["channel"],
        json!({ "name": "whatsapp", "phoneNumberId": NUMBER, "windowExpiresAt": "2026-12-01T12:02:00Z" })
    );
    let message = &question["messages"][0];
    assert_eq!((&message["type"], &message["raw"]["text"]["body"]), (&json!("text"), &json!("Grüße")));
    assert_eq!((&question["data"]["profile"]["wa_id"], &question["data"]["whatsapp"]), (&json!(ADA), &message["raw"]));

    let signature = heard[0].header("x-signature-256").expect("signed");
    assert!(is_signed(&Secret::from(TOKEN.to_owned()), &heard[0].bytes, signature.as_bytes()));
    assert_eq!(heard[0].header("authorization"), Some("Bearer agent-secret"));
    assert_eq!(heard[0].header("idempotency-key"), question["turnId"].as_str());
    let traces: Vec<_> = heard.iter().map(|heard| heard.header("traceparent").expect("a trace")).collect();
    let parts: Vec<_> = traces[0].split('-').map(str::len).collect();
    assert!(parts == [2, 32, 16, 2] && traces[0] != traces[1], "{traces:?}");
}

#[tokio::test]
async fn what_else_people_send_is_what_the_schema_says() {
    let (endpoint, agent) = start(&[]).await;
    for kind in
        ["image", "document", "audio_voice", "location", "interactive_list_reply", "order", "contacts", "unknown_type"]
    {
        agent.will_say(&json!([]));
        let body = std::fs::read_to_string(project(&format!("tests/fixtures/inbound/{kind}.json"))).expect("a fixture");
        assert_eq!(endpoint.deliver(&serde_json::from_str(&body).expect("JSON")).await, 200, "{kind}");
    }
    let questions = agent.questions();
    for question in &questions {
        assert_valid("question", question);
    }
    assert_eq!(questions[1]["messages"][0]["attachments"][0]["type"], "document");
    assert!(questions[4]["messages"][0]["reply"]["id"].is_string() && questions[4]["text"].is_string());
    assert_eq!(questions.len(), 8);
}

#[tokio::test]
async fn without_a_token_the_question_is_not_signed() {
    let (agent, url) = Listener::start().await;
    let endpoint = Endpoint::start(&[("AGENT_PROTOCOL", "http"), ("AGENT_URL", &url)]).await;
    agent.will_say(&json!(["hello"]));
    assert_eq!(endpoint.say("hello").await, ["hello"]);
    let heard = &agent.heard()[0];
    assert_eq!((heard.header("x-signature-256"), heard.header("authorization")), (None, None));
}

#[tokio::test]
async fn every_output_goes_out_in_its_native_form() {
    let (endpoint, agent) = start(&[]).await;
    assert_valid("answer", &json!({ "outputs": every_output() }));
    agent.will_say(&every_output());
    endpoint.say("everything").await;
    let calls: Vec<_> = sent(&endpoint)
        .into_iter()
        .map(|mut call| {
            for name in ["messaging_product", "recipient_type", "to", "biz_opaque_callback_data"] {
                call.as_object_mut().expect("an object").remove(name);
            }
            call
        })
        .collect();
    insta::assert_json_snapshot!(calls);
}

#[tokio::test]
async fn what_the_schema_refuses_is_left_out_and_silences_nothing_else() {
    let (endpoint, agent) = start(&[]).await;
    let judge = schema("answer");
    // Every output without one of its fields, where it needs that, and with one that it does not know.
    let (mut left_out, mut said) = (0, 0);
    for output in every_output().as_array().expect("a list").iter().filter_map(Value::as_object) {
        let less = output.keys().map(|name| {
            let mut less = output.clone();
            less.remove(name);
            less
        });
        let mut more = output.clone();
        more.insert("surprise".to_owned(), json!(1));
        for (odd, is_said) in less.map(|less| (less, None)).chain([(more, Some(true))]) {
            let answer = json!({ "outputs": ["hello", odd] });
            let is_said = is_said.unwrap_or_else(|| judge.is_valid(&answer));
            let before = sent(&endpoint).len();
            agent.will_answer(200, answer.to_string());
            assert_eq!(endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "again")])).await, 200, "{answer}");
            let out = sent(&endpoint).split_off(before);
            assert_eq!((&out[0]["text"]["body"], out.len() > 1), (&json!("hello"), is_said), "{answer}");
            *(if is_said { &mut said } else { &mut left_out }) += 1;
        }
    }
    assert!(left_out > 25 && said > 25, "{left_out} left out, {said} said");
}

#[tokio::test]
async fn an_answer_in_which_nothing_can_be_read_fails_the_turn() {
    let (endpoint, agent) = start(&[]).await;
    for answer in [
        json!({}),
        json!([]),
        json!({ "outputs": 7 }),
        json!({ "outputs": [{ "type": "dance" }] }),
        json!({ "error": "x" }),
    ] {
        agent.will_answer(200, answer.to_string());
        let status = endpoint.deliver(&webhook([endpoint.message(&Person(ADA), "again")])).await;
        assert_eq!((status, sent(&endpoint).len()), (503, 0), "{answer}");
    }
}

#[tokio::test]
async fn memory_comes_back_until_the_session_ends() {
    let (endpoint, agent) = start(&[]).await;
    let memory = json!({ "cart": [1, 2] });
    for answer in [
        json!({ "outputs": ["one"], "memory": memory }),
        json!({ "outputs": ["two"] }),
        json!({ "outputs": ["three"], "session": { "end": true } }),
        json!({ "outputs": ["four"] }),
    ] {
        assert_valid("answer", &answer);
        agent.will_answer(200, answer.to_string());
        endpoint.say("next").await;
    }
    let questions = agent.questions();
    let memories: Vec<_> = questions.iter().map(|question| question["memory"].clone()).collect();
    assert_eq!(memories, [Value::Null, memory.clone(), memory, Value::Null]);
    assert_eq!(questions[2]["sessionId"], questions[0]["sessionId"]);
    assert_ne!(questions[3]["sessionId"], questions[0]["sessionId"]);
    assert_eq!(questions[3]["newSession"], true);
}

#[tokio::test]
async fn an_agent_may_have_nothing_to_say() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_answer(204, "");
    agent.will_answer(200, r#"{"handover":{"to":"human","reason":"asked for one"}}"#);
    for _ in 0..2 {
        assert!(endpoint.say("hello").await.is_empty());
    }
    assert_eq!(agent.heard().len(), 2);
}

#[tokio::test]
async fn an_answer_that_was_compressed_unasked_is_read_and_its_limit_is_that_of_its_words() {
    let (endpoint, agent) = start(&[]).await;
    let answer = include_bytes!("../fixtures/agents/answer.json.gz");
    agent.will_answer_packed("gzip", answer);
    assert_eq!(endpoint.say("hello").await, ["Packed, although nobody asked for that"]);
    assert_eq!(agent.heard()[0].header("accept-encoding"), Some("identity"));
    // Four kilobytes that become four megabytes: given up, as every answer that is too large.
    agent.will_answer_packed("gzip", include_bytes!("../fixtures/agents/spaces-4-mib.gz"));
    assert!(endpoint.say("hello").await.is_empty());
    agent.will_answer_packed("br", answer);
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    assert_eq!(endpoint.deliver(&message).await, 503, "what we cannot unpack is no answer");
}

#[tokio::test]
async fn an_agent_that_fails_is_asked_again_with_the_same_key() {
    let (endpoint, agent) = start(&[]).await;
    agent.will_answer(404, "");
    agent.will_answer(503, "");
    agent.will_answer(200, "<html>");
    agent.will_answer(200, "");
    agent.will_get_stuck_after(r#"{"outputs":["#);
    agent.will_be_silent();
    agent.will_never_stop();
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(endpoint.deliver(&message).await);
    }
    assert_eq!((statuses, sent(&endpoint).len()), (vec![503; 4], 0));
    let keys: Vec<_> = agent.heard().iter().map(|heard| heard.header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    // What has no end is given up: it would have none another time.
    for status in [503, 503, 200] {
        let message = webhook([endpoint.message(&Person("15550100201"), "hello")]);
        assert_eq!((endpoint.deliver(&message).await, sent(&endpoint).len()), (status, 0));
    }
    assert_eq!(agent.heard().len(), 7);
}

#[tokio::test]
async fn a_question_that_the_agent_refuses_for_itself_is_asked_once() {
    for status in [400, 413, 422] {
        let (endpoint, agent) = start(&[("FALLBACK_TEXT", "Sorry.")]).await;
        agent.will_answer(status, r#"{"error":{"code":"bad_question","message":"hello"}}"#);
        let message = webhook([endpoint.message(&Person(ADA), "hello")]);
        assert_eq!((endpoint.deliver(&message).await, agent.heard().len()), (200, 1), "{status}");
        assert_eq!(endpoint.replies(), ["Sorry."]);
    }
}
