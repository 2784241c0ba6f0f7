//! An agent of any protocol that is JSON over HTTP: it says what a story tells it, and keeps every request as it came.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
    response::Response,
};
use futures_util::stream;
use serde_json::{Value, json};

use super::leftovers;

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Heard {
    headers: HeaderMap,
    pub bytes: Bytes,
}

/// How it answers.
enum Manner {
    Whole(u16, Bytes),
    /// Compressed, in the way of this name.
    Packed(&'static str, &'static [u8]),
    /// The start of an answer, and nothing more for a long time.
    Stuck(Bytes),
    /// These bytes again and again.
    Endless(Bytes),
    /// Not at all, for a long time.
    Silent,
}

/// The agent. A story that is over without having asked for each answer fails.
pub struct Listener(Script);

/// What it heard, and what it is told to answer.
#[derive(Clone, Default)]
struct Script {
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Arc<Mutex<VecDeque<Manner>>>,
    /// What it answers when it is told nothing else.
    otherwise: Arc<Mutex<Option<Bytes>>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        leftovers::check(|| {
            let count = self.0.answers.lock().map_or(0, |answers| answers.len());
            (count > 0).then(|| format!("{count} answers of the agent that nobody asked for")).into_iter().collect()
        });
    }
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("JSON")
    }
}

impl Listener {
    /// Starts it on a free port. What it is not told to answer is answered with 500.
    pub async fn start() -> (Self, String) {
        let script = Script::default();
        let router = Router::new().fallback(answer).with_state(script.clone());
        (Self(script), format!("{}/agent", super::serve(router).await))
    }

    /// The next request gets these outputs of our own contract.
    pub fn will_say(&self, outputs: &Value) {
        self.will_answer(200, json!({ "outputs": outputs }).to_string());
    }

    /// Every request that has no answer of its own gets these outputs.
    pub fn will_always_say(&self, outputs: &Value) {
        *self.0.otherwise.lock().expect("not poisoned") = Some(json!({ "outputs": outputs }).to_string().into());
    }

    /// The next request gets this answer.
    pub fn will_answer(&self, status: u16, body: impl Into<Bytes>) {
        self.will(Manner::Whole(status, body.into()));
    }

    /// The next request gets these bytes, which are said to be compressed in the way of this name.
    pub fn will_answer_packed(&self, encoding: &'static str, body: &'static [u8]) {
        self.will(Manner::Packed(encoding, body));
    }

    /// The next request gets the start of an answer, and then nothing more.
    pub fn will_get_stuck_after(&self, start: &'static str) {
        self.will(Manner::Stuck(start.into()));
    }

    /// The next request gets an answer without an end.
    pub fn will_never_stop(&self) {
        self.will(Manner::Endless(vec![b' '; 64 * 1024].into()));
    }

    /// The next request gets no answer.
    pub fn will_be_silent(&self) {
        self.will(Manner::Silent);
    }

    fn will(&self, manner: Manner) {
        self.0.answers.lock().expect("not poisoned").push_back(manner);
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.0.heard.lock().expect("not poisoned").clone()
    }

    /// The bodies it heard.
    pub fn questions(&self) -> Vec<Value> {
        self.heard().iter().map(Heard::json).collect()
    }
}

async fn answer(State(script): State<Script>, headers: HeaderMap, bytes: Bytes) -> Response {
    script.heard.lock().expect("not poisoned").push(Heard { headers, bytes });
    let manner = script.answers.lock().expect("not poisoned").pop_front();
    let otherwise = script.otherwise.lock().expect("not poisoned").clone().map(|bytes| Manner::Whole(200, bytes));
    let pause = Duration::from_mins(1);
    let mut response = Response::builder();
    let (status, body) = match manner.or(otherwise).unwrap_or_else(|| Manner::Whole(500, Bytes::new())) {
        Manner::Whole(status, body) => (status, Body::from(body)),
        Manner::Packed(encoding, body) => {
            response = response.header("content-encoding", encoding);
            (200, Body::from(body))
        }
        Manner::Stuck(start) => {
            let parts = stream::unfold(Some(start), move |start| async move {
                if start.is_none() {
                    tokio::time::sleep(pause).await;
                }
                start.map(|start| (Ok::<_, std::io::Error>(start), None))
            });
            (200, Body::from_stream(parts))
        }
        Manner::Endless(part) => {
            (200, Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(part.clone()))))
        }
        Manner::Silent => {
            tokio::time::sleep(pause).await;
            (200, Body::empty())
        }
    };
    response.status(status).body(body).expect("a response")
}
