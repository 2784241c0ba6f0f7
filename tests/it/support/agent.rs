//! An agent that speaks Cognigy's protocol, says what a story tells it, and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::leftovers;

/// One question as it came over the wire.
#[derive(Debug, Clone)]
pub struct Asked {
    pub body: Value,
    pub key: String,
    pub authorization: Option<String>,
}

/// The agent. A story that is over without having asked for each answer fails.
#[derive(Default)]
pub struct Agent(Script);

impl Drop for Agent {
    fn drop(&mut self) {
        leftovers::check(|| {
            let count = self.0.answers.lock().map_or(0, |answers| answers.len());
            (count > 0).then(|| format!("{count} answers of the agent that nobody asked for")).into_iter().collect()
        });
    }
}

/// What it was asked, and what it is told to answer.
#[derive(Clone, Default)]
struct Script {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    /// What every question gets for which there is nothing else.
    usual: Arc<Mutex<Option<Value>>>,
    together: Arc<Mutex<Option<Arc<Barrier>>>>,
}

impl Agent {
    /// Starts it on a free port. Without other orders it answers "<text>!".
    pub async fn start() -> (Self, String) {
        let script = Script::default();
        let router = Router::new().route("/rest", post(answer)).with_state(script.clone());
        (Self(script), format!("{}/rest", super::serve(router).await))
    }

    /// The next question gets these texts as the outputs of the stack.
    pub fn will_say(&self, texts: &[&str]) {
        self.will_answer(200, said(texts));
    }

    /// Every question from now on gets these texts, be it one or many or none.
    pub fn will_always_say(&self, texts: &[&str]) {
        *self.0.usual.lock().expect("not poisoned") = Some(said(texts));
    }

    /// The next question gets this answer.
    pub fn will_answer(&self, status: u16, body: Value) {
        self.0.answers.lock().expect("not poisoned").push_back((status, body));
    }

    /// From now on nobody is answered before so many are asked at the same time.
    pub fn will_wait_for(&self, askers: usize) {
        *self.0.together.lock().expect("not poisoned") = Some(Arc::new(Barrier::new(askers)));
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().expect("not poisoned").clone()
    }

    /// The texts it was asked, in order.
    pub fn heard(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.body["text"].as_str().expect("a text").to_owned()).collect()
    }
}

/// The agent's answer with these texts.
fn said(texts: &[&str]) -> Value {
    let stack: Vec<_> = texts.iter().map(|text| json!({ "text": text, "data": {}, "source": "bot" })).collect();
    json!({ "text": texts.concat(), "data": {}, "outputStack": stack })
}

async fn answer(
    State(script): State<Script>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    let echo = format!("{}!", body["text"].as_str().expect("a text"));
    let asked = Asked { body, key: header("idempotency-key").expect("a key"), authorization: header("authorization") };
    script.asked.lock().expect("not poisoned").push(asked);
    let together = script.together.lock().expect("not poisoned").clone();
    if let Some(together) = together {
        together.wait().await;
    }
    let told = script.answers.lock().expect("not poisoned").pop_front();
    let usual = script.usual.lock().expect("not poisoned").clone();
    let (status, answer) = told
        .unwrap_or_else(|| (200, usual.unwrap_or_else(|| json!({ "outputStack": [{ "text": echo, "data": {} }] }))));
    (StatusCode::from_u16(status).expect("a status"), Json(answer))
}
