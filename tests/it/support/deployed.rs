//! The endpoint as it is deployed, in one process: its doors, a queue between them, and an agent at the end.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, body::Bytes, http::HeaderMap, response::IntoResponse};
use serde_json::{Value, json};
use whatsapp_endpoint::{outbox::Outbox, store::Store};

use super::{
    endpoint::{Endpoint, Person, now, webhook},
    leftovers, serve,
    sqs::Sqs,
};

pub const QUEUE: &str = "jobs.fifo";
pub const LETTERS: &str = "letters.fifo";
pub const BOB: &str = "15550100300";
pub const SORRY: &str = "Sorry, please try again later.";
pub const INVOCATION: Duration = Duration::from_secs(30);

/// An endpoint behind a queue, and an agent that answers as `say` does; the texts it was asked, in order.
pub struct Deployed {
    pub endpoint: Endpoint,
    pub sqs: Sqs,
    asked: Arc<Mutex<Vec<String>>>,
    has_read_letters: Cell<bool>,
}

impl Drop for Deployed {
    fn drop(&mut self) {
        if !self.has_read_letters.get() {
            let letters = self.sqs.bodies(LETTERS);
            leftovers::check(|| letters.iter().map(|letter| format!("a dead letter: {}", letter["reason"])).collect());
        }
    }
}

impl Deployed {
    pub async fn start(
        settings: &[(&str, &str)],
        say: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(&[], settings, say).await
    }

    pub async fn start_with(
        secret: &[(&str, &str)],
        settings: &[(&str, &str)],
        say: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let (sqs, url) = Sqs::start(now()).await;
        let (queue, letters) = (format!("{url}/0/{QUEUE}"), format!("{url}/0/{LETTERS}"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (say, heard) = (Arc::new(say), Arc::clone(&asked));
        let agent = serve(Router::new().fallback(move |_: HeaderMap, body: Bytes| {
            let (say, heard) = (Arc::clone(&say), Arc::clone(&heard));
            async move {
                // A question may be deeper than a tree can be.
                let unread = if body.is_empty() { Value::Null } else { json!({}) };
                let question: Value = serde_json::from_slice(&body).unwrap_or(unread);
                let text = question["text"].as_str().unwrap_or_default().to_owned();
                let is_slow = text.starts_with("slow");
                heard.lock().expect("not poisoned").push(text);
                if is_slow {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                let (status, answer) = say(&question);
                (axum::http::StatusCode::from_u16(status).expect("a status"), Json(answer)).into_response()
            }
        }))
        .await;
        let base = [
            ("QUEUE_URL", queue.as_str()),
            ("DEAD_LETTER_QUEUE_URL", &letters),
            ("AWS_ENDPOINT_URL", &url),
            ("AWS_REGION", "eu-central-1"),
            ("AGENT_PROTOCOL", "http"),
            ("AGENT_URL", &agent),
            ("FALLBACK_TEXT", SORRY),
        ];
        let vars: BTreeMap<&str, &str> = base.into_iter().chain(settings.iter().copied()).collect();
        let vars: Vec<_> = vars.into_iter().collect();
        let aws = super::parts::aws(0).into_builder().endpoint_url(&url).build();
        let endpoint = Endpoint::start_with_all(secret, &vars, &aws).await;
        Self { endpoint, sqs, asked, has_read_letters: false.into() }
    }

    /// Several people write; returns the status of the webhook.
    pub async fn hear(&self, messages: &[(&'static str, &str)]) -> u16 {
        let messages: Vec<_> = messages.iter().map(|(from, text)| self.endpoint.message(&Person(from), text)).collect();
        self.endpoint.deliver(&webhook(messages)).await
    }

    pub async fn drain(&self) -> u32 {
        self.sqs.drain(&self.endpoint.app, QUEUE, INVOCATION).await
    }

    pub fn letters(&self) -> Vec<Value> {
        self.has_read_letters.set(true);
        self.sqs.bodies(LETTERS)
    }

    pub fn reasons(&self) -> Vec<String> {
        self.letters().iter().map(|letter| letter["reason"].as_str().expect("a reason").to_owned()).collect()
    }

    pub fn asked(&self, text: &str) -> usize {
        self.asked.lock().expect("not poisoned").iter().filter(|asked| *asked == text).count()
    }

    pub fn replies_to(&self, phone: &str) -> Vec<String> {
        self.endpoint.replies_to(Some(&format!("+{phone}")))
    }

    /// Puts the conversations into this store.
    pub fn keep_in(&mut self, store: Arc<dyn Store>) {
        let app = &mut self.endpoint.app;
        app.store = Arc::clone(&store);
        app.outbox = Outbox::new(
            store,
            app.graph.clone(),
            app.dead_letters.clone(),
            Arc::clone(&app.credentials),
            &app.settings,
        );
    }
}

/// A Graph that refuses the sends for which `refuse` names a code and a reason; it returns its address and the sends.
pub async fn graph(
    refuse: impl Fn(usize) -> Option<(i64, String)> + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Value>>>) {
    let calls: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (seen, refuse) = (Arc::clone(&calls), Arc::new(refuse));
    let url = serve(Router::new().fallback(move |body: Bytes| {
        let (seen, refuse) = (Arc::clone(&seen), Arc::clone(&refuse));
        async move {
            let call: Value = serde_json::from_slice(&body).unwrap_or_default();
            if call["status"] == "read" {
                return Json(json!({ "success": true })).into_response();
            }
            let mut seen = seen.lock().expect("not poisoned");
            seen.push(call);
            match refuse(seen.len() - 1) {
                None => Json(json!({ "messages": [{ "id": format!("wamid.{}", seen.len()) }] })).into_response(),
                Some((code, details)) => {
                    let error = json!({ "code": code, "message": "refused", "error_data": { "details": details } });
                    (axum::http::StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
                }
            }
        }
    }))
    .await;
    (url, calls)
}

pub fn echo(question: &Value) -> (u16, Value) {
    (200, json!({ "outputs": [format!("{}!", question["text"].as_str().unwrap_or_default())] }))
}
