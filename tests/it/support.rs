//! What the stories share: an endpoint to talk to, an agent to be asked, and real parts to start.

pub mod agent;
pub mod aws;
pub mod deployed;
pub mod endpoint;
pub mod jobs;
pub mod leftovers;
pub mod listener;
pub mod model;
pub mod parts;
pub mod process;
pub mod servers;
pub mod sqs;
pub mod stack;
pub mod store;

use jiff::Timestamp;
use std::{path::PathBuf, time::Duration};

/// The time.
#[expect(clippy::disallowed_methods, reason = "a test stands outside the door, where time is")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Serves on a free port until the test ends; returns the address.
#[expect(clippy::disallowed_methods, reason = "a server beside the test, not on the request path")]
pub async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A file of this project.
pub fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Asks again and again until there is an answer; fails after two minutes.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..2400 {
        ticks.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
    }
    panic!("{what}: not within two minutes");
}
