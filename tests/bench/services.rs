//! What a text turn calls, on loopback: Secrets Manager, DynamoDB and Graph, each answering at once and counted.
//!
//! They check nothing and keep nothing; the simulator and the real parts of the tests do. So every message finds a new
//! conversation, and the time they take is not worth mentioning.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Value, json};
use whatsapp_endpoint::simulator::DEVELOPMENT_SECRET;

use crate::wire::{Connection, Request};

/// How often each operation was called.
pub type Counts = BTreeMap<String, usize>;

/// The services, all behind one address.
pub struct Services {
    /// Scheme, host and port.
    pub url: String,
    counts: Arc<Mutex<Counts>>,
}

impl Services {
    /// Starts them on a free port, for as long as this process lives.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let services = Self { url: format!("http://{}", listener.local_addr()?), counts: Arc::default() };
        let counts = Arc::clone(&services.counts);
        thread::spawn(move || {
            for connection in listener.incoming().flatten().map(Connection::new) {
                let counts = Arc::clone(&counts);
                thread::spawn(move || serve(connection?, &counts));
            }
        });
        Ok(services)
    }

    /// What was called since the last time somebody asked.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers what comes over one connection until the other side closes it.
fn serve(mut connection: Connection, counts: &Mutex<Counts>) -> std::io::Result<()> {
    while let Some(request) = connection.request()? {
        let (operation, answer) = operation(&request);
        *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
        let status = if answer.is_null() { "400 Bad Request" } else { "200 OK" };
        connection.answer(status, "", &answer.to_string())?;
    }
    Ok(())
}

/// The name of what is asked, and its answer; null where we have none.
fn operation(request: &Request) -> (String, Value) {
    match request.header("x-amz-target").and_then(|target| target.split_once('.')) {
        Some(("secretsmanager", "GetSecretValue")) => {
            ("Secrets Manager GetSecretValue".to_owned(), json!({ "SecretString": DEVELOPMENT_SECRET }))
        }
        Some(("DynamoDB_20120810", "GetItem")) => ("DynamoDB GetItem".to_owned(), json!({})),
        Some(("DynamoDB_20120810", "UpdateItem")) => ("DynamoDB UpdateItem".to_owned(), json!({})),
        Some((service, operation)) => (format!("{service} {operation}, unknown to the benchmark"), Value::Null),
        None => {
            let call: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            match (call["status"].as_str(), call["type"].as_str()) {
                (Some("read"), _) => ("Graph read and typing".to_owned(), json!({ "success": true })),
                (None, Some(_)) => ("Graph message".to_owned(), json!({ "messages": [{ "id": "wamid.BENCHMARK==" }] })),
                _ => (format!("{}, unknown to the benchmark", request.target()), Value::Null),
            }
        }
    }
}
