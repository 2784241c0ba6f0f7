//! SQS as its documentation says, in memory and under a time of the test's: FIFO queues that refuse what the real ones refuse, and the
//! event source mapping that hands their records to the function.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State as AxumState,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json, value::RawValue};
use whatsapp_endpoint::{app::App, ingress};

/// The visibility timeout of the template.
const VISIBILITY: Duration = Duration::from_secs(150);
/// For how long a deduplication id counts.
const REMEMBERED: Duration = Duration::from_mins(5);
const MAX_BODY: usize = 1024 * 1024;

/// One account's queues.
#[derive(Clone)]
pub struct Sqs(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Timestamp,
    queues: BTreeMap<String, Queue>,
    next: u64,
    /// Queues that refuse every request.
    down: BTreeSet<String>,
    /// Bodies that hold this are refused, as the sender's fault or as SQS's own.
    refuses: Option<(String, bool)>,
    /// The pauses that the function asked for, in seconds.
    pauses: Vec<u64>,
}

#[derive(Default)]
struct Queue {
    records: Vec<Record>,
    seen: BTreeMap<String, Timestamp>,
}

#[derive(Clone)]
struct Record {
    id: String,
    group: String,
    body: String,
    receives: u32,
    visible_at: Timestamp,
}

impl Sqs {
    /// Starts it; returns it and its address.
    pub async fn start(now: Timestamp) -> (Self, String) {
        let sqs = Self(Arc::new(Mutex::new(State { now, ..State::default() })));
        let url = super::serve(Router::new().fallback(answer).with_state(sqs.clone())).await;
        (sqs, url)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }

    pub fn now(&self) -> Timestamp {
        self.state().now
    }

    pub fn skip(&self, time: Duration) {
        self.state().now += time;
    }

    /// The queue refuses everything, or nothing any more.
    pub fn set_down(&self, queue: &str, is_down: bool) {
        let down = &mut self.state().down;
        if is_down {
            down.insert(queue.to_owned())
        } else {
            down.remove(queue)
        };
    }

    /// Refuses every body that holds these words; `None` ends it.
    pub fn refuse(&self, words: Option<(&str, bool)>) {
        self.state().refuses = words.map(|(words, is_sender_fault)| (words.to_owned(), is_sender_fault));
    }

    /// The bodies in a queue, in order.
    pub fn bodies(&self, queue: &str) -> Vec<Value> {
        let state = self.state();
        let records = state.queues.get(queue).map(|queue| queue.records.clone()).unwrap_or_default();
        records
            .iter()
            .map(|record| serde_json::from_str(&record.body).unwrap_or_else(|error| panic!("{error}: {}", record.body)))
            .collect()
    }

    pub fn pauses(&self) -> Vec<u64> {
        self.state().pauses.clone()
    }

    /// Takes all letters out of one queue and puts them into another, as `aws sqs start-message-move-task` does.
    pub fn move_all(&self, from: &str, to: &str) {
        let mut state = self.state();
        let now = state.now;
        let records = std::mem::take(&mut state.queues.entry(from.to_owned()).or_default().records);
        let moved = records.into_iter().map(|record| Record { receives: 0, visible_at: now, ..record });
        state.queues.entry(to.to_owned()).or_default().records.extend(moved);
    }

    /// Hands out records as long as there are any, and lets time pass until they may be; at most until the queue would drop one.
    ///
    /// Returns the most often received one's count.
    pub async fn drain(&self, app: &App, queue: &str, invocation: Duration) -> u32 {
        let mut most = 0;
        while let Some(batch) = self.receive(queue) {
            most = most.max(batch.iter().map(|record| record.receives).max().unwrap_or_default());
            assert!(most < 1000, "SQS itself would have moved a record");
            self.invoke(app, queue, &batch, invocation).await;
        }
        most
    }

    /// One invocation with what can be had now; returns whether there was something.
    pub async fn deliver_once(&self, app: &App, queue: &str, invocation: Duration) -> bool {
        let Some(batch) = self.receive(queue) else { return false };
        self.invoke(app, queue, &batch, invocation).await;
        true
    }

    async fn invoke(&self, app: &App, queue: &str, batch: &[Record], invocation: Duration) {
        let records: Vec<_> = batch
            .iter()
            .map(|record| {
                json!({ "messageId": record.id, "receiptHandle": record.id, "body": record.body, "eventSource": "aws:sqs",
                    "attributes": { "MessageGroupId": record.group, "ApproximateReceiveCount": record.receives.to_string() },
                    "messageAttributes": {} })
            })
            .collect();
        let (now, began) = (self.now(), std::time::Instant::now());
        let mut context = Context::default();
        context.deadline = u64::try_from((now + invocation).as_millisecond()).expect("positive");
        let payload = RawValue::from_string(json!({ "Records": records }).to_string()).expect("JSON");
        let response = Box::pin(ingress::handle_at(app, LambdaEvent::new(payload, context), now)).await;
        let response: Value = serde_json::from_str(response.expect("handled").get()).expect("JSON");
        let failed: BTreeSet<_> = response["batchItemFailures"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| &one["itemIdentifier"])
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(Value::as_str)
            .collect();
        let mut state = self.state();
        state.now += began.elapsed();
        let ids: BTreeSet<_> = batch.iter().map(|record| record.id.as_str()).collect();
        let records = &mut state.queues.entry(queue.to_owned()).or_default().records;
        records.retain(|record| !ids.contains(record.id.as_str()) || failed.contains(record.id.as_str()));
    }

    /// The next batch: of each group the first records, as long as nothing of the group is invisible. Time passes until there is one.
    fn receive(&self, queue: &str) -> Option<Vec<Record>> {
        let mut state = self.state();
        let State { now, queues, .. } = &mut *state;
        let records = &mut queues.get_mut(queue)?.records;
        while !records.is_empty() {
            let mut blocked = BTreeSet::new();
            let mut batch = Vec::new();
            for record in records.iter_mut() {
                if record.visible_at > *now {
                    blocked.insert(record.group.clone());
                } else if !blocked.contains(&record.group) && batch.len() < 10 {
                    record.receives += 1;
                    record.visible_at = *now + VISIBILITY;
                    batch.push(record.clone());
                }
            }
            if !batch.is_empty() {
                return Some(batch);
            }
            let later = records.iter().map(|record| record.visible_at).filter(|at| at > now);
            *now = later.min().expect("what is not visible will be");
        }
        None
    }
}

async fn answer(AxumState(sqs): AxumState<Sqs>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().expect("text").rsplit('.').next().expect("a part").to_owned();
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let url = body["QueueUrl"].as_str().expect("a queue");
    let queue = url.rsplit('/').next().expect("a name").to_owned();
    let mut state = sqs.state();
    if state.down.contains(&queue) {
        return refusal("AWS.SimpleQueueService.NonExistentQueue");
    }
    match target.as_str() {
        "SendMessage" => match state.take(&queue, &body) {
            Ok(()) => Json(json!({ "MessageId": "m", "MD5OfMessageBody": "x" })).into_response(),
            Err((code, _)) => refusal(&code),
        },
        "SendMessageBatch" => {
            let entries = body["Entries"].as_array().expect("entries");
            let bytes: usize = entries.iter().map(|entry| entry["MessageBody"].as_str().expect("a body").len()).sum();
            if entries.len() > 10 || bytes > MAX_BODY {
                return refusal("AWS.SimpleQueueService.BatchRequestTooLong");
            }
            let (mut successful, mut failed) = (Vec::new(), Vec::new());
            for entry in entries {
                match state.take(&queue, entry) {
                    Ok(()) => successful.push(json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x" })),
                    Err((code, fault)) => failed.push(json!({ "Id": entry["Id"], "Code": code, "SenderFault": fault })),
                }
            }
            Json(json!({ "Successful": successful, "Failed": failed })).into_response()
        }
        "ChangeMessageVisibilityBatch" => {
            let now = state.now;
            for entry in body["Entries"].as_array().expect("entries") {
                let seconds =
                    entry["VisibilityTimeout"].as_u64().filter(|seconds| *seconds <= 43_200).expect("at most 12 hours");
                state.pauses.push(seconds);
                let records = &mut state.queues.get_mut(&queue).expect("a queue").records;
                let record = records.iter_mut().find(|record| entry["ReceiptHandle"] == record.id.as_str());
                record.expect("a receipt").visible_at = now + Duration::from_secs(seconds);
            }
            Json(json!({ "Successful": [], "Failed": [] })).into_response()
        }
        other => panic!("{other} is no call of ours"),
    }
}

impl State {
    fn take(&mut self, queue: &str, entry: &Value) -> Result<(), (String, bool)> {
        let text = |name: &str| entry[name].as_str().expect(name).to_owned();
        let (body, group, dedup) = (text("MessageBody"), text("MessageGroupId"), text("MessageDeduplicationId"));
        let is_allowed = |sign: char| matches!(sign as u32, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF);
        assert!(group.len() <= 128 && dedup.len() <= 128, "ids have 128 characters at most");
        if !body.chars().all(is_allowed) || body.len() > MAX_BODY {
            return Err(("InvalidMessageContents".into(), true));
        }
        if let Some((_, fault)) = self.refuses.as_ref().filter(|(words, _)| body.contains(words)) {
            return Err((if *fault { "InvalidMessageContents" } else { "InternalError" }.into(), *fault));
        }
        let (now, queue) = (self.now, self.queues.entry(queue.to_owned()).or_default());
        if queue.seen.get(&dedup).is_some_and(|at| *at + REMEMBERED > now) {
            return Ok(());
        }
        queue.seen.insert(dedup, now);
        self.next += 1;
        let id = format!("record-{}", self.next);
        queue.records.push(Record { id, group, body, receives: 0, visible_at: now });
        Ok(())
    }
}

fn refusal(code: &str) -> Response {
    let kind = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-query-error", code)];
    (StatusCode::BAD_REQUEST, kind, json!({ "__type": code, "message": "refused" }).to_string()).into_response()
}
