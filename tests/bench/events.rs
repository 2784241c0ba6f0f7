//! Events of the size that a measurement needs: webhooks of many messages, batches of many conversations, statuses.

use std::fs;

use anyhow::Context as _;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{ConversationId, Job, Message, MessageTask, Person, Task, TurnId},
    credentials::Keys,
    simulator::DEVELOPMENT_SECRET,
    whatsapp::signature::{HEADER, sign},
};

use crate::programs;

/// The number of the development secret.
const NUMBER: &str = "800000000000002";
/// In 2100: no message is too old for an answer.
const SENT_AT: i64 = 4_102_444_801;

/// Bytes of a text in a large webhook: a thousand of them make the 3 MB that Meta sends at most.
pub const LARGE_TEXT: usize = 2_800;

/// An event of the folder `events`.
pub fn sample(name: &str) -> anyhow::Result<String> {
    read(&format!("events/{name}.json"))
}

/// A webhook of the tests' fixtures, its message from each of so many people.
pub fn received_from(people: usize, name: &str) -> anyhow::Result<String> {
    let mut body: Value = serde_json::from_str(&read(&format!("tests/fixtures/inbound/{name}.json"))?)?;
    let value = &mut body["entry"][0]["changes"][0]["value"];
    let messages = (0..people).map(|person| {
        let mut message = value["messages"][0].clone();
        message["timestamp"] = json!(SENT_AT.to_string());
        (message["from"], message["id"]) = (json!(phone(person)), json!(format!("wamid.BENCHMARK{person:05}==")));
        message.as_object_mut().map(|message| message.remove("from_user_id"));
        message
    });
    value["messages"] = messages.collect();
    value["contacts"] = json!([]);
    signed(&body)
}

fn read(path: &str) -> anyhow::Result<String> {
    let path = programs::project(path);
    fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
}

/// A webhook with a text of `bytes` from each of so many people.
pub fn webhook(people: usize, bytes: usize) -> anyhow::Result<String> {
    let messages: Vec<_> = (0..people).map(|person| message(person, bytes)).collect();
    let contact = |person| json!({ "profile": { "name": "Ada Example" }, "wa_id": phone(person) });
    told("contacts", json!((0..people).map(contact).collect::<Vec<_>>()), "messages", json!(messages))
}

/// A webhook that tells one state of a reply of ours.
pub fn status(state: &str) -> anyhow::Result<String> {
    let tag = format!("{}:0:{}", TurnId::of(&NUMBER.into(), "wamid.BENCHMARK=="), phone(0));
    let pricing = json!({ "billable": true, "pricing_model": "PMP", "type": "regular", "category": "service" });
    let status = json!({ "id": "wamid.BENCHMARK==", "status": state, "timestamp": SENT_AT.to_string(),
        "recipient_id": phone(0), "biz_opaque_callback_data": tag, "pricing": pricing });
    told("contacts", json!([]), "statuses", json!([status]))
}

/// A batch of the queue with one text from each of so many people.
pub fn batch(people: usize) -> anyhow::Result<String> {
    let records: Vec<_> = (0..people).map(record).collect::<Result<_, _>>()?;
    Ok(json!({ "Records": records }).to_string())
}

fn record(person: usize) -> anyhow::Result<Value> {
    let raw = message(person, 40);
    let id = raw["id"].as_str().unwrap_or_default().to_owned();
    let job = Job {
        id: TurnId::of(&NUMBER.into(), &id),
        conversation: ConversationId { number: NUMBER.into(), user: phone(person) },
        task: Task::Message(Box::new(MessageTask {
            person: Person { phone: Some(phone(person)), name: Some("Ada Example".into()), ..Person::default() },
            message: Message {
                id: id.into(),
                sent_at: Some(jiff::Timestamp::from_second(SENT_AT)?),
                text: raw["text"]["body"].as_str().map(str::to_owned),
                tap: None,
                is_unsupported: false,
                raw: serde_json::value::to_raw_value(&raw)?,
            },
            becomes: None,
            is_notice: false,
        })),
        redrives: 0,
    };
    let attributes = json!({ "MessageGroupId": job.conversation.group() });
    Ok(
        json!({ "messageId": format!("record-{person}"), "receiptHandle": "benchmark", "body": serde_json::to_string(&job)?,
        "attributes": attributes, "messageAttributes": {}, "eventSource": "aws:sqs" }),
    )
}

fn message(person: usize, bytes: usize) -> Value {
    let text: String = "A few words of somebody. ".chars().cycle().take(bytes).collect();
    json!({ "from": phone(person), "id": format!("wamid.BENCHMARK{person:05}=="), "timestamp": SENT_AT.to_string(),
        "type": "text", "text": { "body": text } })
}

fn phone(person: usize) -> String {
    format!("155501{person:05}")
}

/// A webhook with these two fields.
fn told(name: &str, value: Value, other_name: &str, other_value: Value) -> anyhow::Result<String> {
    let metadata = json!({ "display_phone_number": "15550009001", "phone_number_id": NUMBER });
    let mut told = json!({ "messaging_product": "whatsapp", "metadata": metadata });
    told[name] = value;
    told[other_name] = other_value;
    let changes = json!([{ "field": "messages", "value": told }]);
    signed(
        &json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000001", "changes": changes }] }),
    )
}

/// `events/text.json` with another body, signed as Meta does it.
fn signed(body: &Value) -> anyhow::Result<String> {
    let body = body.to_string();
    let keys: Keys = serde_json::from_str(DEVELOPMENT_SECRET)?;
    let mut event: Value = serde_json::from_str(&sample("text")?)?;
    event["headers"][HEADER] = json!(sign(&keys.app_secret, body.as_bytes()));
    event["body"] = json!(body);
    Ok(event.to_string())
}
