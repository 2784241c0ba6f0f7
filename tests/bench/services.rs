//! What a text turn calls, on loopback: Secrets Manager, SQS, DynamoDB, the agent and Graph, each answering at once and counted.
//!
//! They check nothing and keep nothing; the simulator and the real parts of the tests do. So every message finds the same
//! conversation, a new one if nothing else is told, and the time they take is not worth mentioning.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use whatsapp_endpoint::{conversation::Done, simulator::DEVELOPMENT_SECRET};

use crate::wire::{Connection, Request};

/// A claim is shorter than this; the other writes may hold a long conversation and are not read.
const MAX_CLAIM: usize = 4096;

/// How paths of Graph begin, in every version that somebody uses; all others are the agent's.
const GRAPH: &str = "/v2";

/// Where a file is.
pub const FILE: &str = "/file";
/// Its size: the largest picture that WhatsApp takes.
const FILE_BYTES: usize = 5 * 1024 * 1024;

/// How often each operation was called.
pub type Counts = BTreeMap<String, usize>;

/// The services, all behind one address.
pub struct Services {
    /// Scheme, host and port.
    pub url: String,
    shared: Arc<Shared>,
}

/// How long the services take to answer.
#[derive(Clone, Copy, Default)]
pub struct Delays {
    /// `DynamoDB`.
    pub dynamodb: Duration,
    /// SQS.
    pub sqs: Duration,
    /// Graph.
    pub graph: Duration,
    /// The agent.
    pub agent: Duration,
}

impl Delays {
    fn of(self, operation: &str) -> Duration {
        match operation.split(' ').next() {
            Some("DynamoDB") => self.dynamodb,
            Some("SQS") => self.sqs,
            Some("Graph") => self.graph,
            Some("agent") => self.agent,
            _ => Duration::ZERO,
        }
    }
}

struct Shared {
    url: String,
    counts: Mutex<Counts>,
    delays: Mutex<Delays>,
    /// What a claim of a conversation is answered with.
    claimed: Mutex<String>,
    /// What the agent says.
    said: Mutex<String>,
}

impl Services {
    /// Starts them on a free port, for as long as this process lives.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Shared {
            url: url.clone(),
            counts: Mutex::default(),
            delays: Mutex::default(),
            claimed: Mutex::new("{}".to_owned()),
            said: Mutex::new(words(1).to_string()),
        };
        let services = Self { url, shared: Arc::new(shared) };
        let shared = Arc::clone(&services.shared);
        thread::spawn(move || {
            for connection in listener.incoming().flatten().map(Connection::new) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(connection?, &shared));
            }
        });
        Ok(services)
    }

    /// What was called since the last time somebody asked.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut locked(&self.shared.counts))
    }

    /// From now on the services take so long.
    pub fn take_time(&self, delays: Delays) {
        *locked(&self.shared.delays) = delays;
    }

    /// From now on the agent answers with so many texts.
    pub fn say(&self, replies: usize) {
        self.answer(&words(replies));
    }

    /// From now on the agent answers with this.
    pub fn answer(&self, answer: &Value) {
        *locked(&self.shared.said) = answer.to_string();
    }

    /// From now on every conversation has done these jobs.
    pub fn remember_done(&self, done: &Done) {
        let periods = done.by_period().map(|(period, jobs)| {
            let jobs: Vec<_> = jobs.iter().map(|job| BASE64_STANDARD.encode(job.as_bytes())).collect();
            (period.to_string(), json!({ "BS": jobs }))
        });
        let periods: serde_json::Map<_, _> = periods.collect();
        *locked(&self.shared.claimed) = json!({ "Attributes": { "done": { "M": periods } } }).to_string();
    }
}

/// Answers what comes over one connection until the other side closes it.
fn serve(mut connection: Connection, shared: &Shared) -> std::io::Result<()> {
    while let Some(request) = connection.request()? {
        let (operation, answer) = operation(&request, shared);
        let delays = *locked(&shared.delays);
        wait(delays.of(&operation));
        *locked(&shared.counts).entry(operation).or_default() += 1;
        let status = if answer.is_none() { "400 Bad Request" } else { "200 OK" };
        connection.answer(status, "", &answer.unwrap_or_default())?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this thread serves one connection")]
fn wait(delay: Duration) {
    thread::sleep(delay);
}

/// The name of what is asked, and its answer where we have one.
fn operation(request: &Request, shared: &Shared) -> (String, Option<String>) {
    let (name, answer) = match request.header("x-amz-target").and_then(|target| target.split_once('.')) {
        Some(("secretsmanager", "GetSecretValue")) => {
            ("Secrets Manager GetSecretValue", json!({ "SecretString": DEVELOPMENT_SECRET }).to_string())
        }
        Some(("AmazonSQS", "SendMessageBatch")) => ("SQS SendMessageBatch", queued(&request.body)),
        Some(("DynamoDB_20120810", "UpdateItem")) if is_claim(&request.body) => {
            ("DynamoDB UpdateItem", locked(&shared.claimed).clone())
        }
        Some(("DynamoDB_20120810", "UpdateItem")) => ("DynamoDB UpdateItem", "{}".to_owned()),
        Some(("DynamoDB_20120810", "GetItem")) => ("DynamoDB GetItem", "{}".to_owned()),
        Some((service, operation)) => return (format!("{service} {operation}, unknown to the benchmark"), None),
        None if request.target() == "/.well-known/agent-card.json" => ("agent card", card(&shared.url).to_string()),
        None if request.target() == FILE => ("file", "x".repeat(FILE_BYTES)),
        None if !request.target().starts_with(GRAPH) => ("agent", locked(&shared.said).clone()),
        None if request.body.is_empty() => {
            let file = json!({ "url": format!("{}{FILE}", shared.url), "mime_type": "image/jpeg" });
            ("Graph file of a person", file.to_string())
        }
        None if request.target().ends_with("/media") => ("Graph upload", json!({ "id": "1" }).to_string()),
        None => {
            let call: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            match (call["status"].as_str(), call["type"].as_str()) {
                (Some("read"), _) => ("Graph read and typing", json!({ "success": true }).to_string()),
                (None, Some(_)) => {
                    let contacts = json!([{ "input": call["to"], "wa_id": "15550100200" }]);
                    let messages = json!([{ "id": "wamid.BENCHMARK==" }]);
                    let answer = json!({ "messaging_product": "whatsapp", "contacts": contacts, "messages": messages });
                    ("Graph message", answer.to_string())
                }
                _ => return (format!("{}, unknown to the benchmark", request.target()), None),
            }
        }
    };
    (name.to_owned(), Some(answer))
}

/// Whether an update wants the conversation back.
fn is_claim(body: &[u8]) -> bool {
    body.len() < MAX_CLAIM && String::from_utf8_lossy(body).contains("ALL_NEW")
}

/// The answer of a queue that takes everything.
fn queued(body: &[u8]) -> String {
    let batch: Value = serde_json::from_slice(body).unwrap_or_default();
    let entries = batch["Entries"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let taken: Vec<_> =
        entries.map(|entry| json!({ "Id": entry["Id"], "MessageId": "benchmark", "MD5OfMessageBody": "" })).collect();
    json!({ "Successful": taken, "Failed": [] }).to_string()
}

/// How an agent of Agent2Agent presents itself.
fn card(url: &str) -> Value {
    let interface = json!({ "url": format!("{url}/rpc"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0" });
    json!({ "name": "Benchmark", "supportedInterfaces": [interface] })
}

/// What an agent says that has so many things to say.
fn words(replies: usize) -> Value {
    let output = |nth| json!({ "text": format!("This is answer {nth} of the benchmark."), "data": {} });
    json!({ "outputStack": (1..=replies).map(output).collect::<Vec<_>>() })
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
