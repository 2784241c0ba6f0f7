//! A Cloud API on localhost, and a phone to hold: what `wa simulate` starts and what the tests send to.
//!
//! It is stricter than Meta where Meta would lose a message without a word.

mod cloud_api;
mod page;
mod phone;
mod status;
mod webhook;

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use self::cloud_api::media::Shelf;
pub use phone::{Bubble, Line};
pub use status::Status;

/// The secret of local runs, as JSON: documented, and good for nothing but this simulator.
pub const DEVELOPMENT_SECRET: &str = include_str!("simulator/development-secret.json");

/// The simulated Meta: one business number and the people who write to it.
#[derive(Debug, Clone)]
pub struct Simulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    state: Mutex<State>,
    /// Counts the changes of the state.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    account: Account,
    endpoint: Option<String>,
    calls: Vec<Value>,
    lines: Vec<Line>,
    taken: Vec<status::Taken>,
    media: Shelf,
    /// How far this Meta's clock is ahead.
    ahead: SignedDuration,
    next_id: u64,
    answers_to_lose: Range<usize>,
}

/// What Meta knows of the app and its number.
#[derive(Debug, Clone)]
pub struct Account {
    /// The only token that is accepted.
    pub access_token: String,
    /// Key of signatures and proofs.
    pub app_secret: String,
    /// The number.
    pub phone_number_id: String,
}

impl Account {
    /// Reads the fields of a secret.
    ///
    /// # Errors
    /// When it is not JSON; a field that is missing is empty.
    pub fn from_secret(json: &str) -> serde_json::Result<Self> {
        let secret: Value = serde_json::from_str(json)?;
        let field = |name: &str| secret[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            access_token: field("access_token"),
            app_secret: field("app_secret"),
            phone_number_id: field("phone_number_id"),
        })
    }
}

impl Simulator {
    /// A Meta with one account and nobody connected.
    #[must_use]
    pub fn new(account: Account, http: reqwest::Client) -> Self {
        let state = State {
            account,
            endpoint: None,
            calls: Vec::new(),
            lines: Vec::new(),
            taken: Vec::new(),
            media: Shelf::default(),
            ahead: SignedDuration::ZERO,
            next_id: 1,
            answers_to_lose: 0..0,
        };
        Self(Arc::new(Inner { http, state: Mutex::new(state), changes: watch::Sender::new(0) }))
    }

    /// Sets the URL to which webhooks go.
    pub fn connect(&self, webhook_url: &str) {
        self.change(|state| state.endpoint = Some(webhook_url.to_owned()));
    }

    /// From now on only this token is accepted, as after a rotation.
    pub fn rotate_token(&self, token: &str) {
        self.change(|state| token.clone_into(&mut state.account.access_token));
    }

    /// From now on webhooks are signed with this secret, and proofs must be made with it.
    pub fn rotate_app_secret(&self, secret: &str) {
        self.change(|state| secret.clone_into(&mut state.account.app_secret));
    }

    /// Of the next messages these are taken, and their answers are lost in a gateway.
    pub fn lose_answers(&self, which: Range<usize>) {
        self.change(|state| state.answers_to_lose = which);
    }

    /// Puts this Meta's clock forward, so that what lives for a time can end.
    pub fn let_time_pass(&self, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.change(|state| state.ahead = state.ahead.saturating_add(time));
    }

    /// The bodies of all calls that were accepted, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        self.state().calls.clone()
    }

    /// Waits until `found` finds something in the calls that were accepted.
    pub async fn wait_for<T>(&self, mut found: impl FnMut(&[Value]) -> Option<T>) -> T {
        let mut changes = self.0.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(result) = found(&self.calls()) {
                return result;
            }
            // The sender lives as long as we do.
            let _always_open = changes.changed().await;
        }
    }

    /// The routes of the Cloud API and of the chat page.
    pub fn router(&self) -> Router {
        page::routes().merge(cloud_api::routes()).with_state(self.clone())
    }

    /// The time at this Meta.
    fn now(&self) -> Timestamp {
        let ahead = self.state().ahead;
        now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.0.changes.send_modify(|count| *count += 1);
        result
    }
}

#[expect(clippy::disallowed_methods, reason = "a phone has a clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl State {
    fn new_wamid(&mut self) -> String {
        self.next_id += 1;
        format!("wamid.SIMULATED{:020}==", self.next_id)
    }
}
