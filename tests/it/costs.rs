//! What a message costs, counted where the real program calls real parts: requests, and the units that DynamoDB charges for.
//!
//! Exact, so that a call more is noticed, and one less is written down. docs/cost.md makes money of these figures.

#[path = "../bench/size.rs"]
mod size;

use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use serde_json::{Value, json};
use uuid::Uuid;
use whatsapp_endpoint::simulator::{DEVELOPMENT_SECRET, Simulator};

use crate::support::{
    agent::Agent,
    endpoint::{signed, start_meta, webhook},
    now, parts,
    process::{Answered, Ended, Outside, Part, Process},
    project,
    stack::package,
};

const ADA: &str = "15550100200";
const BSUID: &str = "US.90000000000000000001";
const TABLE: &str = "costs";
/// What an invocation may take.
const LEFT: Duration = Duration::from_mins(1);
/// Most bytes of the package: a small one starts faster.
const MAX_ZIP: u32 = 4_500_000;

/// Calls by the part they went to, and units of the store.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bill {
    secrets: usize,
    queue: usize,
    store_writes: usize,
    store_reads: usize,
    agent: usize,
    reading: usize,
    sends: usize,
    units_written: f64,
    units_read: f64,
}

/// What a text with one reply costs in the worker: claim, commit and end; the agent and the receipt; the reply.
const TURN: Bill = Bill {
    secrets: 0,
    queue: 0,
    store_writes: 3,
    store_reads: 0,
    agent: 1,
    reading: 1,
    sends: 1,
    units_written: 3.0,
    units_read: 0.0,
};

#[tokio::test]
async fn the_secret_is_fetched_once_and_nothing_else_before_the_first_event() {
    let mut endpoint = Endpoint::start().await;
    assert_eq!(endpoint.at_start, Bill { secrets: 1, ..Bill::default() });
    for text in ["one", "two"] {
        assert_eq!(endpoint.door([message(ADA, text)]).await, Bill { queue: 1, ..Bill::default() });
        assert_eq!(endpoint.work().await.secrets, 0);
    }
}

#[tokio::test]
async fn a_text_with_one_reply_costs_three_requests_of_the_store_and_one_of_each_other_part() {
    let mut endpoint = Endpoint::start().await;
    for text in ["the first of a person", "and a later one"] {
        assert_eq!(endpoint.turn(message(ADA, text)).await, TURN, "{text}");
    }
}

#[tokio::test]
async fn every_further_reply_costs_one_write_and_one_send() {
    let mut endpoint = Endpoint::start().await;
    endpoint.agent.will_say(&["one", "two", "three"]);
    let bill = endpoint.turn(message(ADA, "hello")).await;
    assert_eq!(bill, Bill { store_writes: 5, sends: 3, units_written: 5.0, ..TURN });
}

#[tokio::test]
async fn a_first_contact_with_a_number_and_a_bsuid_costs_one_read_more_and_only_once() {
    let mut endpoint = Endpoint::start().await;
    let named = |text| {
        let mut message = message(ADA, text);
        message["from_user_id"] = json!(BSUID);
        message
    };
    let bill = endpoint.turn(named("hello")).await;
    assert_eq!(bill, Bill { store_reads: 1, units_read: bill.units_read, ..TURN });
    assert!(bill.units_read <= 1.0, "{bill:?}");
    assert_eq!(endpoint.turn(named("again")).await, TURN);
}

/// Whom other systems may write to is found by each name, and their STOP is known.
#[tokio::test]
async fn with_an_api_key_a_first_contact_costs_a_read_for_each_name_and_a_write_for_each_further_one() {
    let mut endpoint = Endpoint::start_with_key("a-key").await;
    let bill = endpoint.turn(message("15550100299", "hello")).await;
    assert_eq!(bill, Bill { store_reads: 1, units_read: bill.units_read, ..TURN });
    let mut named = message(ADA, "hello");
    named["from_user_id"] = json!(BSUID);
    let bill = endpoint.turn(named).await;
    assert_eq!(bill, Bill { store_reads: 3, units_read: bill.units_read, store_writes: 4, units_written: 4.0, ..TURN });
    assert!(bill.units_read <= 2.0, "{bill:?}");
    for _ in 0..2 {
        let mut named = message(ADA, "again");
        named["from_user_id"] = json!(BSUID);
        assert_eq!(endpoint.turn(named).await, TURN);
    }
}

#[tokio::test]
async fn a_sent_status_costs_one_read_and_a_delivered_or_read_one_nothing() {
    let mut endpoint = Endpoint::start().await;
    endpoint.turn(message(ADA, "hello")).await;
    let tag = endpoint.meta.calls().pop().expect("a reply")["biz_opaque_callback_data"].clone();
    let bill = endpoint.statuses(&tag, &["sent"]).await;
    assert_eq!(bill, Bill { store_reads: 1, units_read: bill.units_read, ..Bill::default() });
    assert!(bill.units_read <= 1.0, "{bill:?}");
    assert_eq!(endpoint.statuses(&tag, &["delivered", "read"]).await, Bill::default());
}

#[tokio::test]
async fn a_webhook_with_ten_messages_costs_one_request_of_the_queue_and_a_hundred_ten() {
    let mut endpoint = Endpoint::start().await;
    let people = |count: usize| (0..count).map(|person| message(&format!("155501{person:05}"), "hello"));
    assert_eq!(endpoint.door(people(10)).await, Bill { queue: 1, ..Bill::default() });
    assert_eq!(endpoint.door(people(100)).await, Bill { queue: 10, ..Bill::default() });
}

#[tokio::test]
async fn a_repeat_of_a_message_costs_one_request_of_the_store_and_asks_nobody() {
    let mut endpoint = Endpoint::start().await;
    endpoint.door([message(ADA, "once")]).await;
    let event = endpoint.next_batch().await;
    endpoint.invoke(&event).await;
    let bill = endpoint.invoke(&event).await;
    // DynamoDB returns the item with the refusal; the local one is older than that and is asked for it.
    assert!(bill.store_reads <= 1, "{bill:?}");
    let Bill { store_reads, units_read, .. } = bill;
    assert_eq!(bill, Bill { store_writes: 1, store_reads, units_read, ..Bill::default() });
}

/// A write is charged by the kilobyte of the item, and every job that is done stays in it for eight days.
#[tokio::test]
async fn three_units_last_for_the_first_messages_of_eight_days_and_then_grow_slowly() {
    let mut endpoint = Endpoint::start().await;
    for nth in 1..=60 {
        let bill = endpoint.turn(message(ADA, "hello")).await;
        assert_eq!(bill, Bill { units_written: bill.units_written, ..TURN });
        let most = if nth <= 50 { 3.0 } else { 6.0 };
        assert!(bill.units_written <= most, "message {nth}: {bill:?}");
    }
}

#[test]
fn the_package_is_smaller_than_four_and_a_half_megabytes() {
    let size::Size { binary, zip } = size::of(&package()).expect("a size");
    assert!(zip <= MAX_ZIP, "zipped it has {zip} bytes, and {binary} as it is");
}

/// The real program between real parts, and people who write to it.
struct Endpoint {
    process: Process,
    /// What it cost before the first event.
    at_start: Bill,
    agent: Agent,
    meta: Simulator,
    sqs: aws_sdk_sqs::Client,
    queue: String,
}

impl Endpoint {
    /// Starts it with a queue and a secret of MiniStack, and a table of Amazon's own DynamoDB, which counts units as AWS does.
    async fn start() -> Self {
        Self::start_with_key("").await
    }

    /// The same, with a key for other systems.
    async fn start_with_key(api_key: &str) -> Self {
        let (services, store) = (parts::ministack().await, parts::dynamodb_local().await);
        let name = format!("{TABLE}-{}", Uuid::now_v7());
        let table: &'static str = name.clone().leak();
        parts::make_table(&parts::aws(store), table).await;
        let aws = parts::aws(services);
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let request = sqs.create_queue().queue_name(format!("{name}.fifo"));
        let created = request.attributes(QueueAttributeName::FifoQueue, "true").send().await.expect("a queue");
        let queue = created.queue_url.expect("a URL");
        let mut secret: Value = serde_json::from_str(DEVELOPMENT_SECRET).expect("JSON");
        secret["api_key"] = json!(api_key);
        let secrets = aws_sdk_secretsmanager::Client::new(&aws).create_secret().name(&name);
        secrets.secret_string(secret.to_string()).send().await.expect("a secret");

        let (meta, meta_url) = start_meta(DEVELOPMENT_SECRET).await;
        let (agent, agent_url) = Agent::start().await;
        let outside = Outside {
            table,
            store: format!("http://127.0.0.1:{store}"),
            services: format!("http://127.0.0.1:{services}"),
            meta: meta_url,
            agent: agent_url.trim_end_matches("/rest").to_owned(),
        };
        let settings = [("WHATSAPP_SECRET_ID", name.as_str()), ("QUEUE_URL", &queue)];
        let process = Process::start_with(&outside, None, &settings).await;
        let mut endpoint = Self { process, at_start: Bill::default(), agent, meta, sqs, queue };
        // Only who is answered has started.
        endpoint.at_start = endpoint.statuses(&json!("not ours"), &[]).await;
        endpoint
    }

    /// A message through the door and the queue to its end; returns what the worker cost.
    async fn turn(&mut self, message: Value) -> Bill {
        self.door([message]).await;
        self.work().await
    }

    /// One webhook with these messages.
    async fn door(&mut self, messages: impl IntoIterator<Item = Value>) -> Bill {
        self.post(&webhook(messages)).await
    }

    /// One webhook with these states of a message that carries `tag`.
    async fn statuses(&mut self, tag: &Value, states: &[&str]) -> Bill {
        let mut body = webhook([]);
        let told = |state: &&str| json!({ "id": "wamid.SENT==", "status": state, "biz_opaque_callback_data": tag });
        body["entry"][0]["changes"][0]["value"]["statuses"] = states.iter().map(told).collect();
        self.post(&body).await
    }

    async fn post(&mut self, body: &Value) -> Bill {
        let sample = std::fs::read_to_string(project("events/text.json")).expect("a sample");
        let mut event: Value = serde_json::from_str(&sample).expect("JSON");
        event["headers"]["x-hub-signature-256"] = json!(signed(&body.to_string()));
        event["body"] = json!(body.to_string());
        self.invoke(&event).await
    }

    /// The worker with what waits in the queue.
    async fn work(&mut self) -> Bill {
        let event = self.next_batch().await;
        self.invoke(&event).await
    }

    /// What waits in the queue, as Lambda hands it over; it is gone from there.
    async fn next_batch(&self) -> Value {
        let request = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let messages = request.send().await.expect("an answer").messages.unwrap_or_default();
        assert!(!messages.is_empty(), "nothing waits in the queue");
        let mut records = Vec::new();
        for message in messages {
            let receipt = message.receipt_handle.expect("a receipt");
            let gone = self.sqs.delete_message().queue_url(&self.queue).receipt_handle(&receipt).send().await;
            gone.expect("deleted");
            let attributes = message.attributes.unwrap_or_default();
            let attributes: serde_json::Map<_, _> =
                attributes.into_iter().map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect();
            records.push(json!({ "messageId": message.message_id, "receiptHandle": receipt, "body": message.body,
                "attributes": attributes, "messageAttributes": {}, "eventSource": "aws:sqs" }));
        }
        json!({ "Records": records })
    }

    /// One invocation, which must succeed, and what it cost.
    async fn invoke(&mut self, event: &Value) -> Bill {
        let ended = self.process.invoke(event, LEFT).await;
        let Ended::Answered(answer) = &ended else { panic!("{ended:?}\n{}", self.process.log()) };
        let is_done = answer["statusCode"] == 200 || answer["batchItemFailures"] == json!([]);
        assert!(is_done, "{answer}\n{}", self.process.log());
        self.process.take_answered().into()
    }
}

impl From<Vec<Answered>> for Bill {
    fn from(calls: Vec<Answered>) -> Self {
        let mut bill = Self::default();
        for Answered { part, operation, units } in calls {
            let (count, sum) = match (part, operation.as_str()) {
                (Part::Store, "GetItem" | "Query" | "BatchGetItem") => {
                    (&mut bill.store_reads, Some(&mut bill.units_read))
                }
                (Part::Store, _) => (&mut bill.store_writes, Some(&mut bill.units_written)),
                (Part::Secrets, _) => (&mut bill.secrets, None),
                (Part::Queue, _) => (&mut bill.queue, None),
                (Part::Agent, _) => (&mut bill.agent, None),
                (Part::Reading, _) => (&mut bill.reading, None),
                (Part::Send, _) => (&mut bill.sends, None),
            };
            *count += 1;
            if let Some(sum) = sum {
                *sum += units;
            }
        }
        bill
    }
}

/// A text with an id of its own.
fn message(from: &str, text: &str) -> Value {
    let timestamp = now().as_second().to_string();
    json!({ "from": from, "id": format!("wamid.{}==", Uuid::now_v7()), "timestamp": timestamp, "type": "text", "text": { "body": text } })
}
