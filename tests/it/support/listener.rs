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

#[derive(Clone, Default)]
pub struct Listener {
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Arc<Mutex<VecDeque<Manner>>>,
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
        let listener = Self::default();
        let router = Router::new().fallback(answer).with_state(listener.clone());
        (listener, format!("{}/agent", super::serve(router).await))
    }

    /// The next request gets these outputs of our own contract.
    pub fn will_say(&self, outputs: &Value) {
        self.will_answer(200, json!({ "outputs": outputs }).to_string());
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
        self.answers.lock().expect("not poisoned").push_back(manner);
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("not poisoned").clone()
    }

    /// The bodies it heard.
    pub fn questions(&self) -> Vec<Value> {
        self.heard().iter().map(Heard::json).collect()
    }
}

async fn answer(State(listener): State<Listener>, headers: HeaderMap, bytes: Bytes) -> Response {
    listener.heard.lock().expect("not poisoned").push(Heard { headers, bytes });
    let manner = listener.answers.lock().expect("not poisoned").pop_front();
    let pause = Duration::from_mins(1);
    let mut response = Response::builder();
    let (status, body) = match manner.unwrap_or_else(|| Manner::Whole(500, Bytes::new())) {
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
