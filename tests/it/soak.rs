//! Many people write at the same time, through SQS, while calls fail and processes die: nothing lost, nothing doubled, in order.

mod function;
mod notices;
mod outside;
mod tally;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_config::SdkConfig;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message as Received, MessageSystemAttributeName, QueueAttributeName,
};
use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use whatsapp_endpoint::{
    conversation::ConversationId,
    settings::environment,
    simulator::{DEVELOPMENT_SECRET, Simulator},
};

use self::{
    function::{Death, Ended, Function},
    notices::{Notices, opts_out},
    outside::{Outside, Sent},
    tally::{Found, Tally, Written},
};
use crate::support::{
    agent::Agent,
    endpoint::{NUMBER, signed, start_meta, webhook},
    now, parts, project,
};

const SEED: u64 = 131_000;
const TABLE: &str = "soak";
/// Processes that the queue gives its batches to.
const WORKERS: usize = 4;
/// Processes that take the statuses, enough for a status to come long before its reply would be sent again. The messages have a
/// process of their own, for their order counts.
const STATUS_DOORS: usize = 8;
/// What an invocation has; the lease of a process that dies ends with it.
const LEFT: Duration = Duration::from_secs(7);
/// What the queue waits for a batch.
const VISIBILITY_SECONDS: &str = "10";
/// One process dies for so many batches: in one of the first `DEADLY_AMONG` of them.
const BATCHES_PER_DEATH: usize = 50;
const DEADLY_AMONG: usize = 15;
/// Claim, read receipt, question, commit, send, end.
const CALLS_OF_A_TURN: usize = 6;

#[tokio::test]
async fn messages_of_many_people_are_answered_once_and_in_order_while_calls_fail_and_processes_die() {
    let soak = Soak::start().await;
    let started = Instant::now();
    let work = async {
        join_all((0..WORKERS).map(|_| soak.work())).await;
        soak.outside.no_more_sends();
    };
    let all = async { tokio::join!(soak.write(), work, join_all((0..STATUS_DOORS).map(|_| soak.tell_statuses()))) };
    let patience = Duration::from_mins(2) + Duration::from_millis(200) * u32::try_from(soak.messages).expect("a few");
    let ended = tokio::time::timeout(patience, all).await;
    let took = started.elapsed();
    let Ok(((written, notices), (), _)) = ended else {
        panic!("not over after {took:?}: {:?} and {:?}\n{}", soak.tally(), soak.outside.tally(), soak.outside.log())
    };

    let found = Found::compare(&written, soak.meta.calls(), &soak.agent.heard());
    let (tally, faults) = (soak.tally(), soak.outside.tally());
    println!("{}", tally.report(&faults, &found, took));
    let wrong = soak.wrong(&found, &notices).await;
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), soak.outside.log());
    assert!(tally.kills > 0 && faults.graph > 0 && faults.store > 0, "nothing has failed: {tally:?}, {faults:?}");
    soak.outside.forget_log();
}

/// Everybody who takes part.
struct Soak {
    messages: usize,
    people: usize,
    /// Notices after each webhook.
    notices: usize,
    aws: SdkConfig,
    sqs: aws_sdk_sqs::Client,
    queue: String,
    dead_letters: String,
    meta: Simulator,
    agent: Agent,
    outside: Arc<Outside>,
    statuses: tokio::sync::Mutex<UnboundedReceiver<Sent>>,
    tally: Mutex<Tally>,
    dice: Mutex<Rng>,
}

impl Soak {
    async fn start() -> Self {
        let (messages, people) = (setting("SOAK_MESSAGES", 200), setting("SOAK_PEOPLE", 20));
        let notices = setting("SOAK_NOTICES", 2);
        let port = parts::ministack().await;
        let aws = parts::aws(port);
        parts::make_table(&aws, TABLE).await;
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let (queue, dead_letters) = (make_queue(&sqs, "soak.fifo").await, make_queue(&sqs, "soak-dead.fifo").await);
        let (meta, meta_url) = start_meta(DEVELOPMENT_SECRET).await;
        let (agent, agent_url) = Agent::start().await;
        let settings = [
            ("TABLE_NAME", TABLE),
            ("QUEUE_URL", &queue),
            ("DEAD_LETTER_QUEUE_URL", &dead_letters),
            ("OPT_OUT_WORDS", "STOP"),
        ];
        let (outside, statuses) =
            Outside::new(&settings, format!("http://127.0.0.1:{port}"), meta_url, agent_url, Rng::with_seed(SEED));
        let (statuses, dice) = (statuses.into(), Rng::with_seed(SEED + 1).into());
        let outside = Arc::new(outside);
        let tally = Mutex::default();
        Self { messages, people, notices, aws, sqs, queue, dead_letters, meta, agent, outside, statuses, tally, dice }
    }

    fn tally(&self) -> Tally {
        self.tally.lock().expect("not poisoned").clone()
    }

    fn count<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().expect("not poisoned"))
    }

    /// Writes all messages, in webhooks of 1 to 10.
    async fn write(&self) -> (Written, Notices) {
        let mut door = Function::start(&self.outside).await;
        let (mut written, mut notices) = (Written::new(), Notices::default());
        let mut dice = Rng::with_seed(SEED + 2);
        let mut number = 0;
        while number < self.messages {
            let last = self.messages.min(number + dice.usize(1..=10));
            let batch = (number..last).map(|number| {
                let person = dice.usize(..self.people);
                let from = format!("1555{person:07}");
                let is_first = !written.contains_key(&from);
                let expected = written.entry(from.clone()).or_default();
                let text = match opts_out(person) && is_first {
                    true => "STOP".to_owned(),
                    false => format!("message {number}"),
                };
                expected.extend((text != "STOP").then(|| format!("{text}!")));
                json!({ "from": from, "id": format!("wamid.SOAK{number:06}=="), "timestamp": now().as_second().to_string(),
                        "type": "text", "text": { "body": text } })
            });
            let webhook = webhook(batch);
            self.deliver(&mut door, &webhook).await;
            number = last;
            // The last messages come after all notices: what is left to do is known from then on.
            if number < self.messages {
                self.notify_some(&mut door, &mut dice, &mut written, &mut notices).await;
            }
        }
        (written, notices)
    }

    /// Tells what Meta has taken, as soon as a door is free.
    async fn tell_statuses(&self) {
        let mut door = Function::start(&self.outside).await;
        loop {
            let mut sent = Vec::new();
            self.statuses.lock().await.recv_many(&mut sent, 10).await;
            let Some(oldest) = sent.first().map(|sent| sent.at) else { return };
            let statuses: Vec<_> = sent
                .into_iter()
                .map(|Sent { wamid, tag, to, .. }| {
                    json!({ "id": wamid, "status": "sent", "timestamp": now().as_second().to_string(), "recipient_id": to,
                            "biz_opaque_callback_data": tag })
                })
                .collect();
            let metadata = json!({ "display_phone_number": "15550009001", "phone_number_id": NUMBER });
            let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, "statuses": statuses });
            let webhook = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000001", "changes": [{ "field": "messages", "value": value }] }] });
            self.deliver(&mut door, &webhook).await;
            self.count(|tally| tally.slowest_status = tally.slowest_status.max(oldest.elapsed()));
        }
    }

    /// Delivers a webhook as API Gateway does, again and again until it is taken.
    async fn deliver(&self, door: &mut Function, webhook: &Value) {
        let sample = std::fs::read_to_string(project("events/status-failed.json")).expect("a sample");
        let mut event: Value = serde_json::from_str(&sample).expect("JSON");
        event["headers"]["x-hub-signature-256"] = json!(signed(&webhook.to_string()));
        event["body"] = json!(webhook.to_string());
        self.count(|tally| tally.webhooks += 1);
        loop {
            match door.invoke(&event, LEFT, None).await {
                Ended::Answered(answer) if answer["statusCode"] == 200 => return,
                Ended::Answered(answer) if answer["statusCode"] == 503 => {}
                Ended::Killed | Ended::Overdue => {}
                other => panic!("a webhook is not taken: {other:?}\n{}", self.outside.log()),
            }
            self.count(|tally| tally.repeated += 1);
        }
    }

    /// Takes batches from the queue, as Lambda does, until everything is done.
    async fn work(&self) {
        let mut function = Function::start(&self.outside).await;
        while self.is_left() {
            let request = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
            let request = request.message_system_attribute_names(MessageSystemAttributeName::All).wait_time_seconds(1);
            let batch = request.send().await.expect("received").messages.unwrap_or_default();
            if batch.is_empty() {
                continue;
            }
            let death = self.count(|tally| self.begin(tally, &batch));
            match function.invoke(&event(&batch), LEFT, death).await {
                Ended::Answered(answer) => {
                    self.count(|tally| tally.due += usize::from(death.is_some()));
                    self.forget(&batch, &answer).await;
                }
                Ended::Killed => self.count(|tally| tally.kills += 1),
                Ended::Overdue => self.count(|tally| {
                    tally.overdue += 1;
                    tally.due += usize::from(death.is_some());
                }),
                Ended::Failed(error) => panic!("a batch is refused: {error}\n{}", self.outside.log()),
            }
        }
    }

    fn is_left(&self) -> bool {
        let tally = self.tally();
        tally.done < self.messages + tally.notices
    }

    /// Counts a batch; returns how its process dies of it.
    fn begin(&self, tally: &mut Tally, batch: &[Received]) -> Option<Death> {
        let (round, place) = (tally.batches / BATCHES_PER_DEATH, tally.batches % BATCHES_PER_DEATH);
        let deadly = Rng::with_seed(SEED + u64::try_from(round).expect("a number")).usize(..DEADLY_AMONG);
        tally.due += usize::from(place == deadly);
        tally.batches += 1;
        tally.redeliveries += batch
            .iter()
            .filter(|received| attribute(received, &MessageSystemAttributeName::ApproximateReceiveCount) != "1")
            .count();
        if tally.due == 0 {
            return None;
        }
        tally.due -= 1;
        let mut dice = self.dice.lock().expect("not poisoned");
        Some(Death { call: dice.usize(1..=CALLS_OF_A_TURN * batch.len()), answered: dice.bool() })
    }

    /// Deletes what need not come again.
    async fn forget(&self, batch: &[Received], answer: &Value) {
        let again: BTreeSet<_> = answer["batchItemFailures"]
            .as_array()
            .expect("failures")
            .iter()
            .map(|failure| failure["itemIdentifier"].as_str().expect("an id"))
            .collect();
        let done = batch.iter().filter(|received| !again.contains(received.message_id().unwrap_or_default()));
        let entries: Vec<_> = (0..)
            .zip(done)
            .map(|(place, received): (usize, _)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(place.to_string());
                entry.receipt_handle(received.receipt_handle().expect("a receipt")).build().expect("an entry")
            })
            .collect();
        if entries.is_empty() {
            return;
        }
        let count = entries.len();
        let request = self.sqs.delete_message_batch().queue_url(&self.queue).set_entries(Some(entries));
        let answer = request.send().await.expect("deleted");
        assert!(answer.failed().is_empty(), "not deleted: {answer:?}");
        self.count(|tally| tally.done += count);
    }

    /// What is not as it has to be in the end.
    async fn wrong(&self, found: &Found, notices: &Notices) -> Vec<String> {
        let mut wrong = found.disordered.clone();
        if (found.lost, found.duplicates) != (0, 0) {
            wrong.push(format!("{} lost, {} duplicates", found.lost, found.duplicates));
        }
        let (waiting, letters) = (self.held_in(&self.queue).await, self.held_in(&self.dead_letters).await);
        let refused = notices.refused_later..=notices.refused_later + notices.uncertain;
        if waiting != 0 || !refused.contains(&letters) {
            wrong.push(format!("left: {waiting} jobs, and {letters} dead letters instead of {refused:?}"));
        }
        let items = aws_sdk_dynamodb::Client::new(&self.aws).scan().table_name(TABLE).into_paginator().items().send();
        let items = items.try_collect().await.expect("a table");
        let people = (0..self.people).map(|person| format!("1555{person:07}"));
        let keys: BTreeSet<_> = people.map(|user| ConversationId { number: NUMBER.into(), user }.key()).collect();
        for item in items {
            let held = ["lease_owner", "lease_until", "outbox", "settled"].iter().any(|name| item.contains_key(*name));
            let is_known = |key: &String| keys.contains(key) || key.contains("#preferences#");
            if held || !item["pk"].as_s().is_ok_and(is_known) {
                wrong.push(format!("left in the store: {item:?}"));
            }
        }
        wrong
    }
}

/// A FIFO queue like the template's, without a redrive policy.
async fn make_queue(sqs: &aws_sdk_sqs::Client, name: &str) -> String {
    let attributes = [
        (QueueAttributeName::FifoQueue, "true"),
        (QueueAttributeName::DeduplicationScope, "messageGroup"),
        (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId"),
        (QueueAttributeName::VisibilityTimeout, VISIBILITY_SECONDS),
    ];
    let attributes = attributes.map(|(name, value)| (name, value.to_owned())).into();
    let request = sqs.create_queue().queue_name(name).set_attributes(Some(attributes));
    request.send().await.expect("a queue").queue_url.expect("its URL")
}

/// The event that Lambda makes of a batch.
fn event(batch: &[Received]) -> Value {
    let records = batch.iter().map(|received| {
        let attributes = received.attributes.iter().flatten().map(|(name, value)| (name.as_str(), value));
        let attributes: BTreeMap<_, _> = attributes.collect();
        json!({ "messageId": received.message_id, "receiptHandle": received.receipt_handle, "body": received.body,
                "md5OfBody": received.md5_of_body, "attributes": attributes, "messageAttributes": {}, "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:soak.fifo", "awsRegion": parts::REGION })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn attribute<'a>(received: &'a Received, name: &MessageSystemAttributeName) -> &'a str {
    received.attributes.as_ref().and_then(|attributes| attributes.get(name)).expect("asked for")
}

/// How large the run is.
fn setting(name: &str, usual: usize) -> usize {
    let given = environment().find(|(given, _)| given == name);
    given.map_or(usual, |(_, value)| value.parse().unwrap_or_else(|_| panic!("{name} has to be a number")))
}
