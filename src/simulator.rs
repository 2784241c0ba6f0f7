//! A simulated Cloud API on localhost, with phones on a chat page: `wa simulate` starts it, and the tests send to it.
//!
//! It refuses messages that the real Meta would accept and then lose.

mod agent;
mod api;
mod cloud_api;
mod delivery;
mod exchanges;
mod faults;
mod feed;
mod history;
mod page;
mod people;
mod phone;
mod recording;
mod rules;
mod samples;
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
use url::Url;

use self::{cloud_api::media::MediaStore, delivery::Deliveries, exchanges::Sessions, history::History, rules::Timing};
pub use faults::{ALWAYS, Fault};
pub use feed::{Bubble, Button, Exchange, FaultState, FeedEvent, Group, Kind, Person, Reaction, Side, Tick};
pub use people::Newcomer;
pub use phone::user_action::UserAction;
pub use samples::{Sample, all as samples};
pub use status::Status;

/// The secret of local runs, as JSON. It is documented, and only this simulator accepts it.
pub const DEVELOPMENT_SECRET: &str = include_str!("simulator/development-secret.json");

/// The pauses of `wa simulate` before a webhook is sent again. The real Meta retries for 7 days.
const LIFELIKE_REPEATS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(8), Duration::from_secs(30)];

/// The simulated Meta: one business number and the people who write to it.
#[derive(Debug, Clone)]
pub struct Simulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    state: Mutex<State>,
    /// Counts the changes of the state.
    changes: watch::Sender<u64>,
    sessions: Sessions,
}

#[derive(Debug)]
struct State {
    account: Account,
    endpoint: Option<String>,
    /// The address of this simulator, if it is set.
    base_url: Option<String>,
    /// The agent behind the proxy.
    agent: Option<Url>,
    /// The agent, in a word.
    agent_name: Option<String>,
    /// Whether the app gets the webhooks of the account.
    subscribed: bool,
    calls: Vec<Value>,
    history: History,
    people: Vec<Person>,
    sent: Vec<status::Sent>,
    media: MediaStore,
    deliveries: Deliveries,
    faults: faults::Faults,
    timing: Timing,
    /// How far this Meta's clock is ahead.
    ahead: SignedDuration,
    /// Of messages and files; counts on from the time of the start, in microseconds.
    next_id: u64,
    next_exchange: u64,
    phone_changes: u64,
    is_closed: bool,
}

/// The app and its business number, as Meta knows them.
#[derive(Debug, Clone)]
pub struct Account {
    /// Id of the app.
    pub app_id: String,
    /// The only token that is accepted.
    pub access_token: String,
    /// Key of signatures and proofs.
    pub app_secret: String,
    /// Id of the business number.
    pub phone_number_id: String,
}

impl Account {
    /// The phone number of the business.
    const DISPLAY_PHONE_NUMBER: &str = "15550009001";
    /// The WhatsApp Business Account that the number belongs to.
    const WABA_ID: &str = "900000000000001";

    /// Reads the fields of a secret.
    ///
    /// # Errors
    /// When it is not JSON. A missing field becomes empty.
    pub fn from_secret(json: &str) -> serde_json::Result<Self> {
        let secret: Value = serde_json::from_str(json)?;
        let field = |name: &str| secret[name].as_str().unwrap_or_default().trim().to_owned();
        Ok(Self {
            app_id: field("app_id"),
            access_token: field("access_token"),
            app_secret: field("app_secret"),
            phone_number_id: field("phone_number_id"),
        })
    }
}

impl Simulator {
    /// Returns a Meta with one account and no endpoint.
    #[must_use]
    pub fn new(account: Account, http: reqwest::Client) -> Self {
        let mut state = State {
            account,
            endpoint: None,
            base_url: None,
            agent: None,
            agent_name: None,
            subscribed: true,
            calls: Vec::new(),
            history: History::default(),
            people: Vec::new(),
            sent: Vec::new(),
            media: MediaStore::default(),
            deliveries: Deliveries::default(),
            faults: faults::Faults::default(),
            timing: Timing::default(),
            ahead: SignedDuration::ZERO,
            // Above the ids of the last start: the endpoint may remember them, and would treat equal ones as repeats.
            next_id: u64::try_from(now().as_microsecond()).unwrap_or_default(),
            next_exchange: 0,
            phone_changes: 0,
            is_closed: false,
        };
        state.show_endpoint();
        state.show_faults();
        for person in people::first_people() {
            state.add(person);
        }
        let (state, changes) = (Mutex::new(state), watch::Sender::new(0));
        Self(Arc::new(Inner { http, state, changes, sessions: Sessions::default() }))
    }

    /// Behaves like the real Meta: its limits and window, and retries of webhooks that were not accepted.
    #[must_use]
    pub fn lifelike(self) -> Self {
        for rule in [Fault::AutomaticStatuses, Fault::Window, Fault::PairLimit, Fault::Throughput] {
            self.misbehave(rule, ALWAYS);
        }
        self.repeat_webhooks_after(&LIFELIKE_REPEATS);
        self
    }

    /// Sets the address of this simulator, which webhooks use for files.
    pub fn reached_at(&self, base_url: &str) {
        self.change(|state| state.base_url = Some(base_url.trim_end_matches('/').to_owned()));
    }

    /// Ends the streams of all pages, which would otherwise stay open.
    pub fn close(&self) {
        self.change(|state| state.is_closed = true);
    }

    /// Sets the URL to which webhooks go.
    pub fn connect(&self, webhook_url: &str) {
        self.change(|state| {
            state.endpoint = Some(webhook_url.to_owned());
            state.show_endpoint();
        });
    }

    /// Sets the name of the agent behind the endpoint, in a word.
    pub fn name_agent(&self, name: &str) {
        self.change(|state| {
            state.agent_name = Some(name.to_owned());
            state.show_endpoint();
        });
    }

    /// From now on only this token is accepted, as after a rotation.
    pub fn rotate_token(&self, token: &str) {
        self.change(|state| token.clone_into(&mut state.account.access_token));
    }

    /// From now on webhooks are signed with this secret, and proofs must be made with it.
    pub fn rotate_app_secret(&self, secret: &str) {
        self.change(|state| secret.clone_into(&mut state.account.app_secret));
    }

    /// Accepts these of the next messages, but loses the answers in a gateway.
    pub fn lose_answers(&self, which: Range<usize>) {
        self.misbehave(Fault::LoseAnswer, which);
    }

    /// Moves this Meta's clock forward.
    pub fn let_time_pass(&self, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.change(|state| state.ahead = state.ahead.saturating_add(time));
    }

    /// Returns the bodies of all accepted calls, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        self.state().calls.clone()
    }

    /// Waits until `found` finds something in the accepted calls.
    pub async fn wait_for<T>(&self, mut found: impl FnMut(&[Value]) -> Option<T>) -> T {
        let mut changes = self.0.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(result) = found(&self.calls()) {
                return result;
            }
            // The sender lives as long as this simulator.
            let _always_open = changes.changed().await;
        }
    }

    /// Returns the routes of the Cloud API, of the chat page, and to the agent.
    pub fn router(&self) -> Router {
        let routes = page::routes().merge(api::routes()).merge(agent::routes()).merge(cloud_api::routes(self));
        routes.layer(axum::middleware::from_fn_with_state(self.clone(), api::only_own_pages)).with_state(self.clone())
    }

    /// Returns the time of this Meta.
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
    fn show_endpoint(&mut self) {
        let (url, agent) = (self.endpoint.clone(), self.agent_name.clone());
        self.history.record(FeedEvent::Endpoint { url, agent, phone: Account::DISPLAY_PHONE_NUMBER });
    }

    fn new_wamid(&mut self) -> String {
        self.next_id += 1;
        format!("wamid.SIMULATED{:020}==", self.next_id)
    }
}
