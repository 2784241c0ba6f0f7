//! What the processes reach: the real parts, and before them what makes calls fail.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;
use whatsapp_endpoint::https;

/// How many calls of Graph fail, half of them because it is too much for it.
const GRAPH_FAULTS: f64 = 0.10;
/// How many calls of DynamoDB fail.
const STORE_FAULTS: f64 = 0.05;

pub struct Outside {
    settings: Vec<(String, String)>,
    aws: String,
    meta: String,
    agent: String,
    client: reqwest::Client,
    log: PathBuf,
    dice: Mutex<Rng>,
    tally: Mutex<Tally>,
    sent: Mutex<Option<UnboundedSender<Sent>>>,
}

/// The calls, and how many of them were made to fail.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub calls: usize,
    pub graph: usize,
    pub store: usize,
}

/// A message that Meta has taken.
pub struct Sent {
    pub at: Instant,
    pub wamid: Value,
    pub tag: Value,
    pub to: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Store,
    Queue,
    Agent,
    Graph,
}

impl Outside {
    /// The real parts at these URLs; what Meta takes is told to the receiver.
    pub fn new(
        settings: &[(&str, &str)],
        aws: String,
        meta: String,
        agent: String,
        dice: Rng,
    ) -> (Self, UnboundedReceiver<Sent>) {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (sent, taken) = unbounded_channel();
        let outside = Self {
            settings,
            aws,
            meta,
            agent,
            client: https::client().expect("a client"),
            log: std::env::temp_dir().join(format!("wa-soak-{}.log", Uuid::now_v7())),
            dice: dice.into(),
            tally: Mutex::default(),
            sent: Mutex::new(Some(sent)),
        };
        (outside, taken)
    }

    /// What the processes have to know besides the URLs.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The log that all processes write to.
    pub fn log_file(&self) -> File {
        OpenOptions::new().create(true).append(true).open(&self.log).expect("writable")
    }

    /// Where to read more.
    pub fn log(&self) -> String {
        format!("the log of the processes: {}", self.log.display())
    }

    pub fn forget_log(&self) {
        std::fs::remove_file(&self.log).expect("a log");
    }

    /// Nothing is sent any more: the receiver ends.
    pub fn no_more_sends(&self) {
        *self.sent.lock().expect("not poisoned") = None;
    }

    pub fn tally(&self) -> Tally {
        self.count().clone()
    }

    fn count(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("not poisoned")
    }

    /// Lets a call fail, or passes it on as it came.
    pub async fn answer(&self, method: Method, uri: &Uri, mut headers: HeaderMap, body: Bytes) -> Response {
        let target = headers.get("x-amz-target").map(|target| target.to_str().expect("text")).unwrap_or_default();
        let (part, url) = match uri.path() {
            _ if target.starts_with("DynamoDB_") => (Part::Store, format!("{}{uri}", self.aws)),
            _ if target.starts_with("AmazonSQS.") => (Part::Queue, format!("{}{uri}", self.aws)),
            "/rest" => (Part::Agent, self.agent.clone()),
            _ => (Part::Graph, format!("{}{uri}", self.meta)),
        };
        self.count().calls += 1;
        if let Some(fault) = self.fault(part) {
            return fault;
        }
        headers.remove(header::TRANSFER_ENCODING);
        let request = self.client.request(method, url).headers(headers).body(body.clone());
        let answer = request.send().await.expect("the real part answers");
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let answer = answer.bytes().await.expect("a whole answer");
        if part == Part::Graph && status.is_success() {
            self.note(&body, &answer);
        }
        headers.remove(header::TRANSFER_ENCODING);
        (status, headers, Body::from(answer)).into_response()
    }

    fn fault(&self, part: Part) -> Option<Response> {
        let roll = self.dice.lock().expect("not poisoned").f64();
        match part {
            Part::Graph if roll < GRAPH_FAULTS => {
                self.count().graph += 1;
                let (status, code) = match roll < GRAPH_FAULTS / 2.0 {
                    true => (StatusCode::INTERNAL_SERVER_ERROR, 131_000),
                    false => (StatusCode::TOO_MANY_REQUESTS, 130_429),
                };
                let error =
                    json!({ "message": "injected", "type": "OAuthException", "code": code, "fbtrace_id": "SOAK" });
                Some((status, Json(json!({ "error": error }))).into_response())
            }
            Part::Store if roll < STORE_FAULTS => {
                self.count().store += 1;
                let error = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "injected" });
                let headers = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
                Some((StatusCode::BAD_REQUEST, headers, error.to_string()).into_response())
            }
            Part::Graph | Part::Store | Part::Queue | Part::Agent => None,
        }
    }

    /// Notes what Meta has taken, unless it is a read receipt.
    fn note(&self, call: &[u8], answer: &[u8]) {
        let call: Value = serde_json::from_slice(call).expect("JSON");
        let answer: Value = serde_json::from_slice(answer).expect("JSON");
        if call["type"].is_string()
            && let Some(sent) = &*self.sent.lock().expect("not poisoned")
        {
            let Value::Object(mut call) = call else { panic!("an object") };
            let mut take = |name: &str| call.remove(name).unwrap_or_default();
            let (tag, to) = (take("biz_opaque_callback_data"), take("to"));
            // The doors have gone home only when everything is over.
            let _over = sent.send(Sent { at: Instant::now(), wamid: answer["messages"][0]["id"].clone(), tag, to });
        }
    }
}
